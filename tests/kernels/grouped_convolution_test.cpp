// Grouped and depthwise convolution compared with their definitions.
//
// Constants by which work is cut: tiles of 8, 4, 2 and 1 pixels; 1, 2 and 4 vectors of channels (16 to 64 bytes); 16384
// values of output rows per task; 16 pieces of rows and 1024 pixels for each sum of a depthwise kernel gradient.
#include "tests/kernels/convolution_checks.hpp"
#include "tests/kernels/window_draw.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

void check_groups(kernels::Window s, std::int64_t groups, std::int64_t filters, std::uint64_t seed) {
  s.groups = groups;
  check_convolution<double>(s, filters, seed);
  check_convolution<float>(s, filters, seed);
}

}  // namespace

TEST_CASE("depthwise convolutions equal their definitions for windows of all kinds, in every instruction set") {
  for (const auto set : kernels::available_instruction_sets()) {
    const KernelSettings scope;
    kernels::set_instruction_set(set);
    INFO(kernels::to_string(set));
    WindowDraw draw(41);
    for (std::uint64_t i = 0; i < 120; ++i) {
      const kernels::Window s = draw.window({2, 3, 4, 7, 16, 19, 33, 64, 67});
      check_groups(s, s.channels, s.channels * draw.one_of({1, 1, 2, 3, 4}), i);
    }
  }
}

TEST_CASE("depthwise convolutions equal their definitions across the sizes at which work is cut") {
  struct Case {
    Shape x;
    std::int64_t multiplier;
    WindowOptions window;
  };
  const std::vector<Case> cases{
      {{2, 60, 61, 16}, 1, {.size = 3, .padding = Padding::same}},   // several rows per task
      {{3, 31, 33, 130}, 1, {.size = 3, .padding = Padding::same}},  // several tasks
      {{2, 57, 56, 36}, 1, {.size = 3, .strides = 2, .padding = Padding::same}},
      {{5, 9, 1100, 3}, 1, {.size = 3, .padding = Padding::same}},  // a row is longer than one sum
      {{40, 7, 7, 64}, 1, {.size = 3, .padding = Padding::same}},
      {{3, 14, 14, 40}, 2, {.size = 5, .padding = Padding::same}},
      {{2, 28, 27, 24}, 4, {.size = {7, 5}, .strides = {2, 3}, .padding = Padding(3, 0, 2, 5), .dilation = {1, 2}}},
      {{2, 20, 21, 17}, 3, {.size = 6, .strides = {3, 4}, .padding = Padding::same}},
      {{2, 20, 21, 8}, 1, {.size = {4, 3}, .strides = 6, .padding = Padding::same, .dilation = 4}},
      {{2, 4, 5, 20}, 1, {.size = {3, 2}, .strides = 2, .padding = Padding(4, 0, 5, 2)}},  // windows on padding alone
  };
  for (const Case& c : cases) {
    const kernels::Window s = place_window("test", c.x, c.window);
    check_groups(s, s.channels, s.channels * c.multiplier, 7);
  }
}

TEST_CASE("grouped convolutions equal their definitions for windows of all kinds") {
  WindowDraw draw(42);
  for (std::uint64_t i = 0; i < 150; ++i) {
    const std::int64_t groups = draw.one_of({2, 3, 4});
    kernels::Window s = draw.window({1, 2, 5, 17});
    if (i % 5 == 0) s.batch += 7;  // pixels in position order
    s.channels *= groups;
    check_groups(s, groups, groups * draw.one_of({1, 2, 3, 17}), i);
  }
  const kernels::Window large = place_window("test", {3, 21, 22, 96}, {.size = 3, .padding = Padding::same});
  check_groups(large, 2, 140, 1);
}
