#include "tests/kernels/convolution_checks.hpp"
#include "tests/kernels/window_draw.hpp"

using namespace xtape;
using namespace xtape::test;

TEST_CASE("convolution and its derivatives equal their definitions for windows of all kinds") {
  WindowDraw draw(31);
  for (std::uint64_t i = 0; i < 250; ++i) {
    const kernels::Window s = draw.window({1, 2, 3, 5, 7, 9});
    const std::int64_t filters = draw.one_of({1, 2, 3, 4, 5, 8, 9, 17});
    check_convolution<double>(s, filters, i);
    check_convolution<float>(s, filters, i);
  }
}

TEST_CASE("convolution and its derivatives equal their definitions for sizes at which work is divided") {
  struct Case {
    Shape x;
    std::int64_t filters;
    WindowOptions window;
  };
  const std::vector<Case> cases{
      {{4, 4, 4, 70}, 65, {.size = 3, .padding = Padding::same}},
      {{2, 2, 2, 20}, 9, {.size = 3, .padding = Padding::same}},
      {{3, 40, 40, 24}, 8, {.size = 3, .padding = Padding::same}},
      {{2, 64, 65, 2}, 3, {.size = 3, .padding = Padding::same}},
      {{2, 31, 31, 64}, 4, {.size = 3, .padding = Padding::same}},
      {{1, 33, 31, 130}, 70, {.size = 1}},
      {{5, 17, 16, 33}, 129, {.size = 1}},
      {{3, 33, 31, 16}, 20, {.size = 1, .strides = 2}},
      {{2, 30, 31, 257}, 5, {.size = 1, .strides = {3, 1}}},
      {{5, 37, 38, 3}, 16, {.size = 7, .strides = 2}},
      {{2, 50, 20, 5}, 40, {.size = {5, 3}, .padding = Padding(2, 1, 0, 3), .dilation = {2, 3}}},
      {{4, 23, 27, 31}, 17, {.size = {2, 4}, .strides = {2, 3}, .padding = Padding::same}},
      {{1, 60, 61, 7}, 33, {.size = 2, .strides = 3, .padding = Padding(1, 0, 0, 1), .dilation = 2}},
      {{1, 9, 9, 300}, 50, {.size = 3, .padding = Padding(1, 1, 1, 1)}},
      {{1, 200, 3, 2}, 2, {.size = {9, 1}, .strides = {1, 2}, .padding = Padding::same}},
      {{2, 3, 200, 1}, 1, {.size = {2, 11}, .padding = Padding::same}},
      {{1, 12, 10, 16}, 300, {.size = 3, .padding = Padding::same}},
      {{5, 60, 61, 24}, 7, {.size = 3, .padding = Padding::same}},
      {{5, 8, 8, 64}, 64, {.size = 3, .strides = 2, .padding = Padding(0, 1, 0, 1)}},
      {{1, 3, 4, 800}, 3, {.size = 3, .padding = Padding::same}},           // more than three slices of a run
      {{36, 23, 25, 16}, 17, {.size = 3, .padding = Padding::same}},        // more than 1024 tiles of Winograd's method
      {{3, 8, 7, 17}, 16, {.size = 3, .padding = Padding(3, 4, 5, 0)}},     // more padding than the size of the window
      {{2, 4, 5, 3}, 4, {.size = {3, 2}, .padding = Padding(4, 3, 5, 2)}},  // the same for few channels
      {{2, 4, 5, 20}, 4, {.size = {3, 2}, .strides = 2, .padding = Padding(4, 0, 5, 2)}},
  };
  for (const Case& c : cases) {
    const kernels::Window s = place_window("test", c.x, c.window);
    check_convolution<double>(s, c.filters, 7);
    check_convolution<float>(s, c.filters, 7);
  }
}

TEST_CASE("windows that differ in one property from those of Winograd's method equal their definitions") {
  const Shape images{2, 16, 21, 17};
  const WindowOptions usual{.size = 3, .padding = Padding::same};
  REQUIRE(kernels::winograd_applies(place_window("test", images, usual), 18));
  std::vector<WindowOptions> others(8, usual);
  others[0].size = {3, 2}, others[1].size = {2, 3}, others[2].size = {3, 4}, others[3].size = {4, 3};
  others[4].strides = {1, 2}, others[5].strides = {2, 1}, others[6].dilation = {1, 2}, others[7].dilation = {2, 1};
  for (const WindowOptions& options : others) {
    const kernels::Window s = place_window("test", images, options);
    CHECK_FALSE(kernels::winograd_applies(s, 18));
    check_convolution<double>(s, 18, 5);
    check_convolution<float>(s, 18, 5);
  }
}

TEST_CASE("convolution and its derivatives equal their definitions for many small images, in every instruction set") {
  const auto same = Padding::same;
  for (const auto set : kernels::available_instruction_sets()) {
    const KernelSettings scope;
    kernels::set_instruction_set(set);
    INFO(kernels::to_string(set));
    for (const auto& [x, filters, window] :
         {std::tuple<Shape, std::int64_t, WindowOptions>{{9, 3, 5, 5}, 6, {.size = 3, .padding = same}},
          {{8, 5, 2, 20}, 9, {.size = 3, .padding = same}},
          {{11, 4, 7, 3}, 4, {.size = {3, 4}, .strides = {1, 2}, .padding = same}},
          {{19, 7, 5, 33}, 17, {.size = 3, .strides = {2, 3}, .padding = same}},
          {{10, 3, 4, 18}, 5, {.size = 2, .padding = Padding(2, 0, 1, 3), .dilation = 2}},
          {{9, 2, 6, 40}, 70, {.size = {2, 3}, .padding = Padding(0, 1, 1, 1)}},
          {{2, 17, 16, 24}, 15, {.size = 3, .padding = same}}}) {
      const kernels::Window s = place_window("test", x, window);
      check_convolution<double>(s, filters, 5);
      check_convolution<float>(s, filters, 5);
    }
    WindowDraw draw(33);
    for (std::uint64_t i = 0; i < 40; ++i) {
      const kernels::Window s = draw.window({3, 5, 17, 20});
      const std::int64_t filters = draw.one_of({3, 8, 17});
      check_convolution<double>(s, filters, i);
      check_convolution<float>(s, filters, i);
    }
  }
}

TEST_CASE("the comparison of convolutions detects one wrong element") {
  const kernels::Window s = place_window("test", {2, 5, 6, 3}, {.size = 3, .padding = Padding::same});
  const ConvolutionUnderCheck<float> convolution(s, 4, 1);
  const ConvolutionResults<float> right = convolution.run(1);
  RandomStream random(1);
  const auto x = drawn<float>(random, 180), w = drawn<float>(random, 108);
  const auto exact = [&](std::int64_t i) { return reference::conv2d(s, 4, x.data(), w.data(), i); };
  CHECK(disagreement(right.y, {0, 1, 239}, exact) == "");
  Guarded<float> wrong = right.y;
  wrong.data()[1] += 1e-4F;
  CHECK_THAT(disagreement(wrong, {0, 1, 239}, exact), Catch::StartsWith("1 of 3 wrong; element 1: expected "));
}

TEST_CASE("gradients of convolutions without filters, outputs or images are zeros") {
  const kernels::Window none{.batch = 2,
                             .height = 3,
                             .width = 4,
                             .channels = 2,
                             .out_height = 0,
                             .out_width = 4,
                             .kernel_height = 3,
                             .kernel_width = 1,
                             .stride_height = 1,
                             .stride_width = 1,
                             .dilation_height = 1,
                             .dilation_width = 1,
                             .pad_top = 0,
                             .pad_left = 0};
  kernels::Window usual = none, empty = none;
  usual.out_height = 1;
  empty.batch = 0;
  struct Row {
    const char* what;
    kernels::Window window;
    std::int64_t filters;
  };
  for (const Row& row : {Row{"no filters", usual, 0}, Row{"no outputs", none, 5}, Row{"no images", empty, 5}}) {
    CAPTURE(row.what);
    const std::vector<float> any(1000, 7);
    std::vector<float> dx(1000, 3), dw(1000, 3), y(1000, 3);
    kernels::conv2d(row.window, row.filters, any.data(), any.data(), y.data());
    kernels::conv2d_input_gradient(row.window, row.filters, any.data(), any.data(), dx.data());
    kernels::conv2d_kernel_gradient(row.window, row.filters, any.data(), any.data(), dw.data());
    const auto zeros = [](const std::vector<float>& values) { return std::ranges::count(values, 0.0F); };
    CHECK(zeros(y) == 0);
    CHECK(zeros(dx) == row.window.batch * 3 * 4 * 2);
    CHECK(zeros(dw) == 3 * 2 * row.filters);
  }
}
