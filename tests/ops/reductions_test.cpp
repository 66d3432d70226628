#include "framework/ops/reductions.hpp"

#include <cmath>
#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::f64;
using test::largest_difference;
using Values = std::vector<double>;

/// Sum and maximum over axes of a tensor with 4 axes, element by element. Reduced axes are kept with extent 1.
struct Reference {
  Tensor sum, max;
  Reference(const Tensor& x, const std::vector<int>& axes) {
    Shape kept = x.shape();
    for (const int axis : axes) kept = kept.replaced(axis, 1);
    sum = Tensor::zeros(kept, DType::float64);
    max = Tensor::full(kept, -std::numeric_limits<double>::infinity(), DType::float64);
    const auto strides = contiguous_strides(kept);
    const Values values = x.to_vector();
    for (std::int64_t i = 0; i < x.size(); ++i) {
      std::int64_t rest = i, target = 0;
      for (int axis = 3; axis >= 0; rest /= x.dim(axis--)) {
        if (kept[axis] > 1) target += rest % x.dim(axis) * strides[static_cast<std::size_t>(axis)];
      }
      const double value = values[static_cast<std::size_t>(i)];
      sum.mutable_data<double>()[target] += value;
      max.mutable_data<double>()[target] = std::max(max.data<double>()[target], value);
    }
  }
};

const std::vector<std::vector<int>> axis_choices = {{0},    {1},    {2},    {3},       {0, 1},    {0, 2},
                                                    {0, 3}, {1, 2}, {1, 3}, {0, 1, 2}, {1, 2, 3}, {0, 1, 2, 3}};

TEST_CASE("reductions agree with a loop for every choice of axes") {
  RandomStream random(1);
  for (const Shape& shape : {Shape{3, 4, 5, 6}, Shape{2, 1, 40, 1100}, Shape{1, 300, 1, 257}}) {
    const Tensor x = random.normal(shape, 0.5, 1, DType::float64);
    for (const auto& axes : axis_choices) {
      const Reference wanted(x, axes);
      const double n = static_cast<double>(x.size()) / static_cast<double>(wanted.sum.size());
      CHECK(largest_difference(sum(x, axes, true).value(), wanted.sum) < 1e-9);
      CHECK(largest_difference((mean(x, axes, true) * n).value(), wanted.sum) < 1e-9);
      CHECK(largest_difference(max(x, axes, true).value(), wanted.max) == 0);
    }
  }
}

TEST_CASE("reduced axes are removed, or kept with extent 1") {
  const Tensor x = f64({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(sum(x).shape() == Shape{});
  CHECK(sum(x).value().item() == 21);
  CHECK(sum(x, {}, true).shape() == Shape{1, 1});
  CHECK(sum(x, {0}).shape() == Shape{3});
  CHECK(sum(x, {0}).value().to_vector() == Values{5, 7, 9});
  CHECK(mean(x, {-1}).value().to_vector() == Values{2, 5});
  CHECK(max(x, {1}, true).shape() == Shape{2, 1});
  CHECK(max(x, {1}).value().to_vector() == Values{3, 6});
  CHECK(sum(f64({}, {3})).value().item() == 3);
}

TEST_CASE("axes without elements sum to zero and have no mean or maximum") {
  const Tensor x = f64({2, 0}, {});
  CHECK(sum(x, {1}).value().to_vector() == Values{0, 0});
  CHECK(sum(x, {0}).shape() == Shape{0});
  CHECK(max(x, {0}).shape() == Shape{0});
  CHECK(error_of([&] { mean(x); }) == "mean: expected at least one element along the reduced axes, got shape (2, 0)");
  CHECK(error_of([&] { max(x, {1}); }) ==
        "max: expected at least one element along the reduced axes, got shape (2, 0)");
}

TEST_CASE("missing and duplicate axes are errors") {
  const Tensor x = Tensor::ones({2, 3});
  CHECK(error_of([&] { sum(x, {2}); }) == "sum: expected an axis in [-2, 2) for shape (2, 3), got 2");
  CHECK(error_of([&] { max(x, {0, -2}); }) == "max: expected each axis once, got (0, -2)");
  CHECK(error_of([] {
          sum(Tensor::labels({1, 2}));
        }) == "sum: expected float32 or float64, got int64; convert with .to(DType::float32)");
}

TEST_CASE("float32 sums lose no digits by accumulation") {
  const Tensor x = Tensor::full({1 << 22, 3}, 0.1, DType::float32);
  const double wanted = static_cast<double>(0.1F) * (1 << 22);
  for (const double column : sum(x, {0}).value().to_vector()) CHECK(column == Approx(wanted).epsilon(1e-7));
  CHECK(mean(x).value().item() == Approx(static_cast<double>(0.1F)).epsilon(1e-7));
}

TEST_CASE("reductions are the same to the bit for any number of threads") {
  const Tensor x = RandomStream(2).normal({4, 50, 50, 33});
  const test::KernelSettings restored;
  for (const auto& axes : axis_choices) {
    kernels::set_num_threads(1);
    const Tensor one = sum(x, axes).value();
    kernels::set_num_threads(3);
    CHECK(identical(sum(x, axes).value(), one));
  }
}

TEST_CASE("sum and mean distribute their gradient over the elements") {
  for (const bool keep : {false, true}) {
    ForwardPass pass(Mode::training);
    const Variable x = pass.watch(f64({2, 3}, {1, 2, 3, 4, 5, 6}));
    const Shape shape = keep ? Shape{1, 3} : Shape{3};
    const Variable y = sum(x, {0}, keep) + mean(x, {0}, keep);
    pass.backward(y, f64(shape, {2, 4, 6}));
    CHECK(pass.gradient(x).to_vector() == Values{3, 6, 9, 3, 6, 9});
  }
}

TEST_CASE("the gradient of max goes to the first of equal elements") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({2, 4}, {1, 7, 7, 0, 5, 5, 5, 5}));
  pass.backward(max(x, {1}), f64({2}, {2, 3}));
  CHECK(pass.gradient(x).to_vector() == Values{0, 2, 0, 0, 3, 0, 0, 0});
}

TEST_CASE("max of NaN is NaN and passes the gradient to it") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({3}, {1, nan, 2}));
  const Variable y = max(x);
  CHECK(std::isnan(y.value().item()));
  pass.backward(y);
  CHECK(pass.gradient(x).to_vector() == Values{0, 1, 0});
}

TEST_CASE("min mirrors max, ties and NaN included") {
  const Tensor x = f64({2, 3}, {3, 1, 1, 5, 4, 6});
  CHECK(min(x).value().item() == 1);
  CHECK(min(x, {0}).value().to_vector() == Values{3, 1, 1});
  CHECK(min(x, {1}, true).value().shape() == Shape{2, 1});
  CHECK(std::isnan(min(f64({3}, {1, std::nan(""), 0})).value().item()));
  ForwardPass pass(Mode::training);
  const Variable v = pass.watch(x);
  pass.backward(min(v, {1}), f64({2}, {1, 10}));
  CHECK(pass.gradient(v).to_vector() == Values{0, 1, 0, 0, 10, 0});
  CHECK(error_of([] { min(Tensor::zeros({0})); }) ==
        "min: expected at least one element along the reduced axes, got shape (0,)");
}

TEST_CASE("prod multiplies, also by 0, where its derivative is the product of the others") {
  const Tensor x = f64({2, 3}, {2, 3, 4, 5, 0, 7});
  CHECK(prod(x, {1}).value().to_vector() == Values{24, 0});
  CHECK(prod(x, {0}, true).value().to_vector() == Values{10, 0, 28});
  CHECK(prod(x).value().shape() == Shape{});
  CHECK(prod(Tensor::zeros({2, 0}), {1}).value().to_vector() == Values{1, 1});
  CHECK(prod(f64({}, {3})).value().item() == 3);
  ForwardPass pass(Mode::training);
  const Variable v = pass.watch(x);
  pass.backward(prod(v, {1}), f64({2}, {1, 1}));
  CHECK(pass.gradient(v).to_vector() == Values{12, 8, 6, 0, 35, 0});
}

TEST_CASE("variance and standard deviation equal their definitions, with a large mean too") {
  const Tensor x = f64({2, 4}, {1, 2, 3, 4, 1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4});
  CHECK(var(x, {1}).value().to_vector() == Values{1.25, 1.25});
  CHECK(var(x, {1}, true, 1).value().at({1, 0}) == Approx(5.0 / 3));
  CHECK(stddev(x, {-1}).value().at({0}) == Approx(std::sqrt(1.25)));
  CHECK(var(Tensor::full({1000, 1000}, 250.3)).value().item() == 0);
  const Tensor rounded = Tensor::of({4}, {1e7, 1e7 + 1, 1e7, 1e7 + 1});  // the mean, 1e7 + 0.5, is no float32
  CHECK(var(rounded).value().item() == 0.25);
  CHECK(error_of([&] { var(x, {0}, false, 2); }) ==
        "var: expected more than 2 elements along the reduced axes, got 2 of shape (2, 4)");
}

TEST_CASE("the standard deviation is correct if the variance overflows or underflows") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double size : dtype == DType::float32 ? Values{3e38, 1e20, 1e-30} : Values{1.7e308, 1e200, 1e-200}) {
      ForwardPass pass(Mode::training);
      const Variable x = pass.watch(Tensor::of({2, 4}, {size, -size, size, -size, 1, 2, 3, 4}, dtype));
      const Variable y = stddev(x, {1});
      CHECK(y.value().at({0}) == Approx(size));
      CHECK(y.value().at({1}) == Approx(std::sqrt(1.25)));
      pass.backward(y, Tensor::ones({2}, dtype));
      CHECK(pass.gradient(x).at({0, 0}) == Approx(0.25));  // (x - mean) / (n sd)
      CHECK(pass.gradient(x).at({1, 3}) == Approx(1.5 / (4 * std::sqrt(1.25))));
    }
  }
  CHECK(std::isnan(stddev(Tensor::of({2}, {1, std::nan("")})).value().item()));
}

TEST_CASE("cumsum adds up along an axis in float64") {
  const Tensor x = f64({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(cumsum(x, 1).value().to_vector() == Values{1, 3, 6, 4, 9, 15});
  CHECK(cumsum(x, 0).value().to_vector() == Values{1, 2, 3, 5, 7, 9});
  CHECK(cumsum(Tensor::zeros({2, 0}), 1).value().shape() == Shape{2, 0});
  const Tensor ones = Tensor::ones({20000000});  // in float32 the sum would stop at 2^24
  CHECK(cumsum(ones, 0).value().at({19999999}) == 20000000);
  CHECK(error_of([&] { cumsum(x, 2); }) == "cumsum: expected an axis in [-2, 2) for shape (2, 3), got 2");
}

TEST_CASE("argmax and argmin give the first position, or that of the first NaN") {
  const double nan = std::nan("");
  const Tensor x = f64({3, 4}, {1, 7, 7, 2, nan, 9, nan, 1, -1, -5, -5, 0});
  CHECK(argmax(x).to_vector() == Values{1, 0, 3});
  CHECK(argmin(x).to_vector() == Values{0, 0, 1});
  CHECK(argmax(x, 0).to_vector() == Values{1, 1, 1, 0});
  CHECK(argmax(x, 1, true).shape() == Shape{3, 1});
  CHECK(argmax(x).dtype() == DType::int64);
  CHECK(argmin(Tensor::labels({4, 2, 2}), 0).item() == 1);
  CHECK(error_of([] {
          argmax(Tensor::zeros({2, 0}));
        }) == "argmax: expected at least one element along axis 1, got shape (2, 0)");
  CHECK(error_of([] { argmax(Tensor()); }) == "argmax: expected an array, got an undefined tensor");
}

}  // namespace
}  // namespace xtape
