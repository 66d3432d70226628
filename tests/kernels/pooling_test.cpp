#include "framework/kernels/pooling.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "framework/ops/window.hpp"
#include "framework/tensor/random.hpp"
#include "tests/reference/convolution.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::largest_difference;

namespace {

struct Case {
  Shape x;
  WindowOptions window;
};
const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {{2, 6, 6, 3}, {.size = 2, .strides = 2}},
      {{2, 7, 5, 2}, {.size = 3, .strides = 2}},
      {{1, 7, 5, 2}, {.size = {3, 2}, .strides = {1, 3}, .padding = Padding::same}},
      {{2, 64, 64, 8}, {.size = 8, .strides = 8, .padding = Padding::same}},
      {{2, 5, 5, 3}, {.size = 2, .strides = 3}},
      {{1, 3, 3, 1}, {.size = 3, .strides = 1, .padding = Padding::same}},
  };
  return all;
}

}  // namespace

TEST_CASE("pooling and its derivatives equal their definitions") {
  RandomStream random(5);
  for (const Case& c : cases()) {
    const kernels::Window s = place_window("test", c.x, c.window);
    const Tensor x = random.normal(c.x, 0, 1, DType::float64);
    const Shape out{s.batch, s.out_height, s.out_width, s.channels};
    const Tensor dy = random.normal(out, 0, 1, DType::float64);
    Tensor largest = Tensor::full(out, -std::numeric_limits<double>::infinity(), DType::float64);
    Tensor total = Tensor::zeros(out, DType::float64);
    Tensor count = Tensor::zeros(out, DType::float64);
    using reference::at;
    reference::for_each_product(s, [&](auto n, auto i, auto j, auto, auto, auto h, auto w) {
      for (std::int64_t k = 0; k < s.channels; ++k) {
        const double value = x.data<double>()[at(x, n, h, w, k)];
        double& best = largest.mutable_data<double>()[at(largest, n, i, j, k)];
        best = std::max(best, value);
        total.mutable_data<double>()[at(total, n, i, j, k)] += value;
        count.mutable_data<double>()[at(count, n, i, j, k)] += 1;
      }
    });
    Tensor max_dx = Tensor::zeros(c.x, DType::float64);
    Tensor mean_dx = Tensor::zeros(c.x, DType::float64);
    Tensor mean = Tensor::zeros(out, DType::float64);
    reference::for_each_product(s, [&](auto n, auto i, auto j, auto, auto, auto h, auto w) {
      for (std::int64_t k = 0; k < s.channels; ++k) {
        const auto o = at(dy, n, i, j, k);
        const double d = dy.data<double>()[o];
        if (x.data<double>()[at(x, n, h, w, k)] == largest.data<double>()[o]) {
          max_dx.mutable_data<double>()[at(x, n, h, w, k)] += d;
        }
        mean_dx.mutable_data<double>()[at(x, n, h, w, k)] += d / count.data<double>()[o];
        mean.mutable_data<double>()[o] = total.data<double>()[o] / count.data<double>()[o];
      }
    });
    Tensor y = Tensor::full(out, -7, DType::float64);
    Tensor dx = Tensor::full(c.x, -7, DType::float64);
    INFO("x " << to_string(c.x));
    kernels::max_pool(s, x.data<double>(), y.mutable_data<double>());
    CHECK(largest_difference(y, largest) == 0);
    kernels::max_pool_gradient(s, x.data<double>(), y.data<double>(), dy.data<double>(), dx.mutable_data<double>());
    CHECK(largest_difference(dx, max_dx) < 1e-13);
    kernels::average_pool(s, x.data<double>(), y.mutable_data<double>());
    CHECK(largest_difference(y, mean) < 1e-13);
    kernels::average_pool_gradient(s, dy.data<double>(), dx.mutable_data<double>());
    CHECK(largest_difference(dx, mean_dx) < 1e-13);
  }
}

TEST_CASE("of equal elements the first gets the derivative of max pooling") {
  const kernels::Window s = place_window("test", {1, 2, 2, 1}, {.size = 2});
  const double x[] = {1, 3, 3, 3};
  double y = 0;
  kernels::max_pool(s, x, &y);
  CHECK(y == 3);
  const double dy = 5;
  double dx[4];
  kernels::max_pool_gradient(s, x, &y, &dy, dx);
  CHECK(std::vector<double>(dx, dx + 4) == std::vector<double>{0, 5, 0, 0});
}

TEST_CASE("max pooling lets NaN through wherever it stands in the window") {
  const kernels::Window s = place_window("test", {1, 2, 2, 1}, {.size = 2});
  for (int place = 0; place < 4; ++place) {
    float x[] = {1, 2, 3, 4};
    x[place] = std::nanf("");
    float y = 0;
    kernels::max_pool(s, x, &y);
    CHECK(std::isnan(y));
  }
}
