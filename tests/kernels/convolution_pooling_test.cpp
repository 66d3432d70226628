// A fused convolution and max pooling, compared with the separate kernels, which other tests compare with their
// definitions.

#include "framework/kernels/convolution/convolution.hpp"
#include "framework/kernels/convolution/pooling.hpp"
#include "tests/kernels/compare.hpp"
#include "tests/kernels/window_draw.hpp"
#include "tests/reference/convolution.hpp"
#include "tests/reference/pooling.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using PlacesOnTaps = std::vector<std::int32_t>;

template <class T>
void check_both(const kernels::Window& convolution, const kernels::Window& pooling, std::uint64_t seed) {
  REQUIRE(kernels::pools_at_once<T>(convolution, pooling));
  const std::int64_t filters = pooling.channels, outputs = pooling.output_pixels() * filters;
  RandomStream random(seed);
  const auto x = drawn<T>(random, convolution.input_pixels() * convolution.channels);
  const auto w = drawn<T>(random, convolution.taps() * convolution.channels * filters);
  const auto dy = drawn<T>(random, outputs);

  Guarded<T> between(convolution.output_pixels() * filters), wanted(outputs), dy_between(between.size());
  PlacesOnTaps wanted_argmax(static_cast<std::size_t>(outputs));
  kernels::conv2d(convolution, filters, x.data(), w.data(), between.data());
  kernels::max_pool(pooling, between.data(), wanted.data(), wanted_argmax.data());
  kernels::max_pool_gradient(pooling, wanted_argmax.data(), dy.data(), dy_between.data());

  INFO("x (" << convolution.batch << ", " << convolution.height << ", " << convolution.width << ", "
             << convolution.channels << "), " << filters << " filters " << convolution.kernel_height << " x "
             << convolution.kernel_width << ", pooled " << pooling.kernel_height << " x " << pooling.kernel_width
             << " to " << pooling.out_height << " x " << pooling.out_width << ", seed " << seed);
  std::vector<Guarded<T>> gradients;
  for (const int threads : {1, 2, 3}) {
    const KernelSettings scope(threads);
    Guarded<T> y(outputs), without_argmax(outputs), dw(w.size());
    PlacesOnTaps argmax(static_cast<std::size_t>(outputs));
    kernels::conv2d_max_pool(convolution, pooling, x.data(), w.data(), y.data(), argmax.data());
    kernels::conv2d_max_pool<T>(convolution, pooling, x.data(), w.data(), without_argmax.data(), nullptr);
    CHECK((y == wanted && without_argmax == wanted && argmax == wanted_argmax));
    kernels::conv2d_max_pool_kernel_gradient(convolution, pooling, x.data(), argmax.data(), dy.data(), dw.data());
    gradients.push_back(dw);
  }
  CHECK((gradients[1] == gradients[0] && gradients[2] == gradients[0]));
  CHECK(disagreement(gradients[0],
                     sampled({convolution.kernel_height, convolution.kernel_width, convolution.channels, filters}),
                     [&](auto i) {
                       return reference::conv2d_kernel_gradient(convolution, filters, x.data(), dy_between.data(), i);
                     }) == "");
}

kernels::Window behind(const kernels::Window& convolution, std::int64_t filters, const WindowOptions& pooling) {
  return place_window("test", {convolution.batch, convolution.out_height, convolution.out_width, filters}, pooling);
}

}  // namespace

TEST_CASE("a fused convolution and pooling for few channels equals the two kernels, for windows of all kinds") {
  WindowDraw draw(33);
  int checked = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const kernels::Window convolution = draw.window({1, 2, 3, 5, 15});
    const std::int64_t filters = draw.one_of({1, 3, 4, 8, 9, 16, 33});
    const Extent2D size(draw.one_of({1, 2, 3}), draw.one_of({1, 2, 3, 5}));
    const Extent2D strides(size.height + draw.one_of({0, 0, 1}), draw.one_of({1, 2, 3}));
    if (convolution.out_height < size.height || convolution.out_width < size.width) continue;
    const auto padding = draw.one_of({0, 1}) == 1 ? Padding::same : Padding::valid;
    const kernels::Window pooling =
        behind(convolution, filters, {.size = size, .strides = strides, .padding = padding});
    if (!kernels::pools_at_once<double>(convolution, pooling) || !reference::every_window_has_pixels(pooling)) continue;
    check_both<double>(convolution, pooling, i);
    check_both<float>(convolution, pooling, i);
    ++checked;
  }
  CHECK(checked > 50);
}

TEST_CASE(
    "a convolution pooled at once is right across the pieces that images are cut into, in every instruction set") {
  struct Case {
    Shape x;
    std::int64_t filters;
    WindowOptions convolution, pooling;
  };
  const auto same = Padding::same;
  const std::vector<Case> cases{
      {{3, 64, 64, 3}, 8, {.size = 4, .padding = same}, {.size = 8, .strides = 8, .padding = same}},
      {{5, 28, 28, 1}, 32, {.size = 3, .padding = same}, {.size = 2, .strides = 2, .padding = same}},
      {{2, 61, 57, 3}, 20, {.size = 5, .strides = 2, .padding = Padding(3, 1, 0, 4)}, {.size = 3, .strides = {4, 2}}},
      {{19, 9, 300, 2}, 5, {.size = {2, 3}}, {.size = {3, 300 - 2}, .strides = {3, 1}}},
      {{2, 40, 33, 7}, 16, {.size = 3}, {.size = {5, 4}, .strides = {5, 3}, .padding = Padding(4, 4, 3, 1)}},
  };
  for (const auto set : kernels::available_instruction_sets()) {
    const KernelSettings scope;
    kernels::set_instruction_set(set);
    INFO(kernels::to_string(set));
    for (const Case& c : cases) {
      const kernels::Window convolution = place_window("test", c.x, c.convolution);
      check_both<double>(convolution, behind(convolution, c.filters, c.pooling), 5);
      check_both<float>(convolution, behind(convolution, c.filters, c.pooling), 5);
    }
  }
}

TEST_CASE("convolutions with many channels, dilated kernels or overlapping pooling windows are not fused") {
  const auto at_once = [](std::int64_t channels, std::int64_t dilation, const WindowOptions& pooling) {
    const auto convolution = place_window("test", {2, 20, 20, channels}, {.size = 3, .dilation = dilation});
    return kernels::pools_at_once<float>(convolution, behind(convolution, 8, pooling));
  };
  CHECK(at_once(3, 1, {.size = 2, .strides = 2}));
  CHECK_FALSE(at_once(16, 1, {.size = 2, .strides = 2}));
  CHECK_FALSE(at_once(3, 2, {.size = 2, .strides = 2}));
  CHECK_FALSE(at_once(3, 1, {.size = 3, .strides = 2}));
  CHECK_FALSE(at_once(3, 1, {.size = 2, .strides = 2, .dilation = {2, 1}}));
}
