// Depthwise convolutions held against their definitions, of sizes on both sides of every constant by which they are
// cut:
//
//   most_pixels, 3         neighbouring pixels and taps in registers (simd/depthwise.hpp)
//   vectors                channels, down to single ones
//   channels_at_once       channels that stay in the first-level cache (depthwise.cpp)
//   work_of_task           multiply-adds of a task, and of a piece of a sum
//   values_at_once         values of dy that are summed at a time
//   values_of_task         values that are repeated, or added, for a multiplier above 1
#include "framework/kernels/convolution/depthwise.hpp"

#include "framework/ops/window.hpp"
#include "tests/kernels/compare.hpp"
#include "tests/kernels/window_draw.hpp"
#include "tests/reference/depthwise.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

const auto same = Padding::same;

template <class T>
struct Results {
  Guarded<T> y, dx, dw;
  friend bool operator==(const Results& a, const Results& b) { return a.y == b.y && a.dx == b.dx && a.dw == b.dw; }
};

/// Random images, kernels and dy, and what the three kernels make of them.
template <class T>
class DepthwiseUnderCheck {
 public:
  DepthwiseUnderCheck(const kernels::Window& window, std::int64_t multiplier, std::uint64_t seed)
      : s_(window), multiplier_(multiplier), random_(seed) {}

  Results<T> run(int threads) const {
    const KernelSettings scope(threads);
    Results<T> r{Guarded<T>(dy_.size()), Guarded<T>(x_.size()), Guarded<T>(w_.size())};
    kernels::depthwise_conv2d(s_, multiplier_, x_.data(), w_.data(), r.y.data());
    kernels::depthwise_input_gradient(s_, multiplier_, dy_.data(), w_.data(), r.dx.data());
    kernels::depthwise_kernel_gradient(s_, multiplier_, x_.data(), dy_.data(), r.dw.data());
    return r;
  }

  /// Compares the results with the definition, and the bits for one, two and three threads with one another.
  void check() const {
    INFO(
        fmt::format("x ({}, {}, {}, {}), kernel ({}, {}), multiplier {} -> y ({}, {}), strides ({}, {}), "
                    "dilation ({}, {}), padding ({}, {}) of {}",
                    s_.batch, s_.height, s_.width, s_.channels, s_.kernel_height, s_.kernel_width, multiplier_,
                    s_.out_height, s_.out_width, s_.stride_height, s_.stride_width, s_.dilation_height,
                    s_.dilation_width, s_.pad_top, s_.pad_left, dtype_of<T>));
    const Results<T> r = run(1);
    const std::int64_t wide = s_.channels * multiplier_;
    CHECK(disagreement(r.y, sampled({s_.batch, s_.out_height, s_.out_width, wide}, 600), [&](auto i) {
            return reference::depthwise_conv2d(s_, multiplier_, x_.data(), w_.data(), i);
          }) == "");
    CHECK(disagreement(r.dx, sampled({s_.batch, s_.height, s_.width, s_.channels}, 600), [&](auto i) {
            return reference::depthwise_input_gradient(s_, multiplier_, dy_.data(), w_.data(), i);
          }) == "");
    CHECK(disagreement(r.dw, sampled({s_.kernel_height, s_.kernel_width, wide}, 600), [&](auto i) {
            return reference::depthwise_kernel_gradient(s_, multiplier_, x_.data(), dy_.data(), i);
          }) == "");
    CHECK(run(2) == r);
    CHECK(run(3) == r);
  }

 private:
  const kernels::Window s_;
  const std::int64_t multiplier_;
  RandomStream random_;
  const Guarded<T> x_ = drawn<T>(random_, s_.input_pixels() * s_.channels);
  const Guarded<T> w_ = drawn<T>(random_, s_.taps() * s_.channels * multiplier_);
  const Guarded<T> dy_ = drawn<T>(random_, s_.output_pixels() * s_.channels * multiplier_);
};

void check_depthwise(const kernels::Window& window, std::int64_t multiplier, std::uint64_t seed) {
  DepthwiseUnderCheck<double>(window, multiplier, seed).check();
  DepthwiseUnderCheck<float>(window, multiplier, seed).check();
}

struct Case {
  Shape x;
  std::int64_t multiplier;
  WindowOptions window;
};

void check_in_every_set(const std::vector<Case>& cases) {
  for (const auto set : kernels::available_instruction_sets()) {
    const KernelSettings scope;
    kernels::set_instruction_set(set);
    INFO(kernels::to_string(set));
    for (const Case& c : cases) check_depthwise(place_window("test", c.x, c.window), c.multiplier, 3);
  }
}

}  // namespace

TEST_CASE("depthwise convolution and its derivatives equal their definitions for windows of all kinds") {
  WindowDraw draw(41);
  for (std::uint64_t i = 0; i < 250; ++i) {
    const kernels::Window s = draw.window({1, 2, 3, 5, 7, 9, 20});
    check_depthwise(s, draw.one_of({1, 1, 2, 3, 5}), i);
  }
}

TEST_CASE("depthwise convolutions of every number of channels that vectors and blocks are cut into") {
  std::vector<Case> cases;
  for (const std::int64_t channels : {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200}) {
    cases.push_back({{2, 5, 4, channels}, 1, {.size = 3, .padding = same}});
    cases.push_back({{2, 4, 5, channels}, 2, {.size = {2, 3}, .strides = 2}});
  }
  check_in_every_set(cases);
}

TEST_CASE("depthwise convolutions of rows and of kernels that are cut into none, one and several blocks") {
  std::vector<Case> cases;
  for (std::int64_t width = 1; width <= 27; ++width) {
    cases.push_back({{1, 2, width, 5}, 1, {.size = 3, .padding = same}});
    cases.push_back({{1, 3, 2 * width + 1, 4}, 1, {.size = {1, 2}, .strides = {1, 2}}});
  }
  for (std::int64_t taps = 1; taps <= 10; ++taps) {
    cases.push_back({{2, 11, 9, 6}, 1, {.size = {taps, 2}, .padding = same}});
    cases.push_back({{2, 7, 12, 6}, 1, {.size = {2, taps}, .padding = same}});
    cases.push_back({{1, 12, 11, 3}, 2, {.size = taps, .strides = {2, 3}}});
  }
  check_in_every_set(cases);
}

TEST_CASE("depthwise convolutions that are cut into none, one and several tasks and sums") {
  check_in_every_set({
      {{1, 40, 41, 24}, 1, {.size = 3, .padding = same}},
      {{3, 40, 41, 24}, 1, {.size = 3, .strides = 2, .padding = same}},
      {{2, 60, 61, 40}, 1, {.size = 3, .padding = same}},
      {{2, 61, 60, 40}, 1, {.size = {5, 3}, .strides = {2, 1}, .padding = same}},
      {{70, 3, 4, 50}, 1, {.size = 3, .padding = same}},
      {{1, 200, 3, 2}, 3, {.size = {9, 1}, .strides = {1, 2}, .padding = same}},
      {{2, 3, 600, 30}, 1, {.size = {2, 11}, .padding = same, .dilation = {1, 3}}},
      {{2, 1, 16383, 1}, 2, {.size = {1, 2}}},
      {{1, 128, 128, 1}, 2, {.size = 2}},
      {{2, 90, 91, 2}, 3, {.size = {4, 3}, .strides = {4, 6}, .padding = Padding(3, 2, 1, 0), .dilation = {2, 4}}},
      {{2, 5, 4, 3}, 2, {.size = 2, .strides = 3, .padding = Padding(5, 6, 7, 8)}},  // windows on padding alone
  });
}

TEST_CASE("gradients of depthwise convolutions without outputs, images or channels are zeros") {
  kernels::Window none = place_window("test", {2, 3, 4, 2}, {.size = {3, 1}});
  none.out_height = 0;
  kernels::Window no_images = none, no_channels = none;
  no_images.batch = 0;
  no_images.out_height = no_channels.out_height = 1;
  no_channels.channels = 0;
  for (const kernels::Window& window : {none, no_images, no_channels}) {
    const std::vector<float> any(1000, 7);
    std::vector<float> dx(1000, 3), dw(1000, 3), y(1000, 3);
    kernels::depthwise_conv2d(window, 2, any.data(), any.data(), y.data());
    kernels::depthwise_input_gradient(window, 2, any.data(), any.data(), dx.data());
    kernels::depthwise_kernel_gradient(window, 2, any.data(), any.data(), dw.data());
    const auto zeros = [](const std::vector<float>& values) { return std::ranges::count(values, 0.0F); };
    CHECK(zeros(y) == 0);
    CHECK(zeros(dx) == window.input_pixels() * window.channels);
    CHECK(zeros(dw) == window.taps() * window.channels * 2);
  }
}
