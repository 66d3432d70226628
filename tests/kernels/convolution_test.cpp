#include "framework/kernels/convolution.hpp"

#include "framework/kernels/parallel.hpp"
#include "framework/ops/window.hpp"
#include "framework/tensor/random.hpp"
#include "tests/reference/convolution.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::largest_difference;

namespace {

struct Case {
  Shape x;
  std::int64_t filters;
  WindowOptions window;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {{2, 5, 6, 3}, 4, {.size = 1}},
      {{2, 5, 6, 3}, 4, {.size = 1, .strides = 2}},
      {{3, 7, 7, 2}, 5, {.size = 1, .strides = {3, 2}}},
      {{2, 8, 8, 3}, 8, {.size = 3, .padding = Padding::same}},
      {{1, 9, 7, 2}, 3, {.size = {3, 5}, .strides = {2, 3}, .padding = Padding::same}},
      {{2, 10, 9, 3}, 4, {.size = 3, .padding = Padding::valid, .dilation = {2, 3}}},
      {{2, 6, 5, 2}, 3, {.size = 2, .strides = 2, .padding = Padding(2, 1, 0, 3)}},
      {{2, 6, 6, 2}, 3, {.size = 2, .strides = 4}},
      {{1, 1, 1, 1}, 1, {.size = 1}},
      {{1, 3, 3, 2}, 2, {.size = 3}},
      {{4, 4, 4, 70}, 65, {.size = 3, .padding = Padding::same}},
      {{2, 2, 2, 20}, 9, {.size = 3, .padding = Padding::same}},
      {{2, 16, 16, 3}, 7, {.size = 7, .strides = 2, .padding = Padding(3, 3, 3, 3)}},
      {{3, 40, 40, 24}, 8, {.size = 3, .padding = Padding::same}},
  };
  return all;
}

/// The three kernels in type T against the definition in float64.
template <class T>
void check_against_definition(double tolerance) {
  RandomStream random(3);
  for (const Case& c : cases()) {
    const kernels::Window s = place_window("test", c.x, c.window);
    const Tensor x = random.normal(c.x, 0, 1, DType::float64);
    const Tensor w = random.normal({s.kernel_height, s.kernel_width, s.channels, c.filters}, 0, 1, DType::float64);
    const Tensor dy = random.normal({s.batch, s.out_height, s.out_width, c.filters}, 0, 1, DType::float64);
    Tensor y = Tensor::full(dy.shape(), -7, dtype_of<T>);  // what a kernel leaves unwritten shows
    Tensor dx = Tensor::full(x.shape(), -7, dtype_of<T>);
    Tensor dw = Tensor::full(w.shape(), -7, dtype_of<T>);
    const Tensor xt = x.to(dtype_of<T>);
    const Tensor wt = w.to(dtype_of<T>);
    const Tensor dyt = dy.to(dtype_of<T>);
    kernels::conv2d(s, c.filters, xt.data<T>(), wt.data<T>(), y.template mutable_data<T>());
    kernels::conv2d_input_gradient(s, c.filters, dyt.data<T>(), wt.data<T>(), dx.template mutable_data<T>());
    kernels::conv2d_kernel_gradient(s, c.filters, xt.data<T>(), dyt.data<T>(), dw.template mutable_data<T>());
    INFO("x " << to_string(c.x) << " kernel " << to_string(w.shape()));
    CHECK(largest_difference(y, reference::conv2d(s, x, w)) < tolerance);
    CHECK(largest_difference(dx, reference::conv2d_input_gradient(s, dy, w)) < tolerance);
    CHECK(largest_difference(dw, reference::conv2d_kernel_gradient(s, x, dy)) < tolerance);
  }
}

}  // namespace

TEST_CASE("convolution and its derivatives equal their definitions in float64") {
  check_against_definition<double>(1e-10);
}
TEST_CASE("convolution and its derivatives equal their definitions in float32") {
  check_against_definition<float>(1e-3);
}

TEST_CASE("convolution gives the same bits for any number of threads") {
  const kernels::Window s = place_window("test", {6, 20, 20, 16}, {.size = 3, .padding = Padding::same});
  RandomStream random(4);
  const Tensor x = random.normal({6, 20, 20, 16});
  const Tensor w = random.normal({3, 3, 16, 24});
  const Tensor dy = random.normal({6, 20, 20, 24});
  std::vector<std::vector<Tensor>> results;
  const int before = kernels::num_threads();
  for (const int threads : {1, 2, 4}) {
    kernels::set_num_threads(threads);
    Tensor y = Tensor::zeros(dy.shape());
    Tensor dx = Tensor::zeros(x.shape());
    Tensor dw = Tensor::zeros(w.shape());
    kernels::conv2d(s, 24, x.data<float>(), w.data<float>(), y.mutable_data<float>());
    kernels::conv2d_input_gradient(s, 24, dy.data<float>(), w.data<float>(), dx.mutable_data<float>());
    kernels::conv2d_kernel_gradient(s, 24, x.data<float>(), dy.data<float>(), dw.mutable_data<float>());
    results.push_back({y, dx, dw});
  }
  kernels::set_num_threads(before);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(identical(results[0][i], results[1][i]));
    CHECK(identical(results[0][i], results[2][i]));
  }
}
