// Grouped and depthwise convolution compared with their definitions.
//
// Constants by which work is cut: tiles of 8, 4, 2 and 1 pixels; 1, 2 and 4 vectors of channels (16 to 64 bytes); 16384
// values of output rows per task; 16 pieces of rows and 1024 pixels for each sum of a depthwise kernel gradient.
#include <cmath>
#include <vector>

#include "framework/tensor/random.hpp"
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

TEST_CASE("every element of a convolution is in one part that is finished in the cache") {
  struct Case {
    Shape x;
    std::int64_t filters, groups, size;
  };
  const std::vector<Case> cases{
      {{1, 1, 1, 20}, 5, 1, 1},         // one row
      {{2, 37, 35, 20}, 33, 1, 1},      // several blocks of rows
      {{1, 30, 20, 300}, 40, 1, 1},     // several slices of the depth
      {{1, 5, 4, 64}, 4200, 1, 1},      // a row longer than a block
      {{1, 20, 20, 3}, 9000, 1, 1},     // the same, and several blocks of rows
      {{1, 20, 15, 2400}, 2500, 1, 1},  // B is packed in several pieces
      {{3, 33, 29, 24}, 20, 1, 3},      // Winograd's method in float, several taps in double
      {{2, 31, 30, 3}, 10, 1, 3},       // strips
      {{2, 33, 29, 24}, 24, 24, 3},     // depthwise
      {{2, 33, 29, 12}, 36, 12, 3},     // with several filters
      {{2, 13, 11, 12}, 20, 4, 3},      // groups
  };
  for (const Case& c : cases) {
    kernels::Window window = place_window("test", c.x, {.size = c.size, .padding = Padding::same});
    window.groups = c.groups;
    const Tensor x = RandomStream(1).normal(c.x);
    const Tensor w = RandomStream(2).normal({c.size, c.size, c.x[3] / c.groups, c.filters});
    Tensor y = Tensor::zeros({c.x[0], window.out_height, window.out_width, c.filters}),
           finished = Tensor::zeros(y.shape());
    kernels::conv2d(window, c.filters, x.data<float>(), w.data<float>(), y.mutable_data<float>());
    float* const out = finished.mutable_data<float>();
    const auto double_it = [&](float* const* rows, std::int64_t count, std::int64_t first, std::int64_t columns) {
      for (std::int64_t i = 0; i < count; ++i) {
        const bool fits = (rows[i] - out) % c.filters == first && first + columns <= c.filters;
        for (std::int64_t k = 0; k < columns; ++k) rows[i][k] *= fits ? 2 : 0;
      }
    };
    const kernels::PartFunction<float> finish(double_it);
    kernels::conv2d(window, c.filters, x.data<float>(), w.data<float>(), out, &finish);
    INFO(to_string(c.x) << " " << c.filters);
    std::vector<double> doubled = y.to_vector();
    for (double& value : doubled) value *= 2;
    CHECK(finished.to_vector() == doubled);
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

TEST_CASE("the gradient of a depthwise kernel adds many pixels without losing digits in float32") {
  for (const std::int64_t width : {64, 1000, 1024}) {
    const std::int64_t height = (1 << 20) / width;
    kernels::Window s = place_window("test", {1, height, width, 2}, {.size = 3, .padding = Padding::same});
    s.groups = 2;
    // of one sign, and of a size that float32 rounds, so that rounding errors of a long sum have one sign too
    const std::vector<float> x(static_cast<std::size_t>(s.input_pixels() * 2), 0.1F), dy(x.size(), 0.7F);
    std::vector<float> dw(18);
    kernels::conv2d_kernel_gradient(s, 2, x.data(), dy.data(), dw.data());
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const std::int64_t pixels = (height - (tap / 3 == 1 ? 0 : 1)) * (width - (tap % 3 == 1 ? 0 : 1));
      const double wanted = static_cast<double>(pixels) * static_cast<double>(0.1F) * static_cast<double>(0.7F);
      CAPTURE(width, tap);
      // sums of 1024 pixels, 64 of them of a piece, and 16 pieces
      const double most = (1024 + 64 + 16) * 0x1p-24;
      CHECK(std::abs(static_cast<double>(dw[static_cast<std::size_t>(2 * tap)]) / wanted - 1) < most);
    }
  }
}
