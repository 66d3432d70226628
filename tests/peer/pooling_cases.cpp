#include <ATen/ATen.h>

#include "framework/ops/pooling.hpp"
#include "tests/peer/case.hpp"
#include "tests/peer/torch_functions.hpp"
#include "tests/peer/window_draw.hpp"

namespace xtape::peer {
namespace {

using V = const Variable&;
using T = const at::Tensor&;

/// Global pooling, as a reduction.
void add_global(Draw& draw, Cases& cases, bool largest) {
  const Shape shape{draw.integer(1, 3), draw.integer(1, 7), draw.integer(1, 7), draw.integer(1, 6)};
  cases.push_back({fmt::format("global {} pool of {}", largest ? "max" : "average", shape),
                   {draw.normal(shape)},
                   largest ? global_max_pool2d : global_average_pool2d,
                   [largest](T x) {
                     return largest ? at::amax(x, {1, 2}) : x.mean(at::IntArrayRef({1, 2}));
                   }});
}

}  // namespace

Cases max_pool_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  for (int i = 0; i < 160; ++i) {
    const WindowDraw drawn = draw_window(draw, true);
    const bool ties = draw.coin();  // integers: of equal elements both libraries use the first
    cases.push_back({fmt::format("max_pool2d of {}{}", to_string(drawn), ties ? ", with ties" : ""),
                     {ties ? draw.whole_numbers(drawn.images, -2, 2) : draw.normal(drawn.images)},
                     [window = drawn.window](V x) { return max_pool2d(x, window); },
                     [window = drawn.window](T x) { return torch_max_pool(x, window); }});
  }
  for (int i = 0; i < 10; ++i) add_global(draw, cases, true);
  return cases;
}

Cases average_pool_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  for (int i = 0; i < 160; ++i) {
    const WindowDraw drawn = draw_window(draw, true);
    cases.push_back({fmt::format("average_pool2d of {}", to_string(drawn)),
                     {draw.normal(drawn.images)},
                     [window = drawn.window](V x) { return average_pool2d(x, window); },
                     [window = drawn.window](T x) { return torch_average_pool(x, window); }});
  }
  for (int i = 0; i < 10; ++i) add_global(draw, cases, false);
  return cases;
}

}  // namespace xtape::peer
