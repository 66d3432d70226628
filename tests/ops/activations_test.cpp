#include "framework/ops/activations.hpp"

#include <cmath>
#include <functional>
#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::f64;
using test::largest_difference;
using Values = std::vector<double>;

const Tensor x5 = f64({5}, {-2, -0.5, 0, 0.5, 3});

template <class F>
Values gradient_of(F f, const Tensor& x, const Tensor& dy) {
  ForwardPass pass(Mode::training);
  const Variable input = pass.watch(x);
  pass.backward(f(input), dy);
  return pass.gradient(input).to_vector();
}

TEST_CASE("activations have the values that NumPy computes") {
  const auto differs = [](const Variable& y, const Values& wanted) {
    return largest_difference(y.value(), f64({5}, wanted));
  };
  CHECK(differs(linear(x5), {-2, -0.5, 0, 0.5, 3}) == 0);
  CHECK(differs(relu(x5), {0, 0, 0, 0.5, 3}) == 0);
  CHECK(differs(leaky_relu(x5), {-0.4, -0.1, 0, 0.5, 3}) < 1e-15);
  CHECK(differs(leaky_relu(x5, 0.5), {-1, -0.25, 0, 0.5, 3}) == 0);
  CHECK(differs(sigmoid(x5), {0.11920292202211755, 0.3775406687981454, 0.5, 0.6224593312018546, 0.9525741268224334}) <
        1e-15);
  CHECK(differs(tanh(x5), {-0.9640275800758169, -0.46211715726000974, 0, 0.46211715726000974, 0.9950547536867305}) <
        1e-15);
  CHECK(differs(softplus(x5), {0.1269280110429725, 0.4740769841801067, 0.6931471805599453, 0.9740769841801067,
                               3.048587351573742}) < 1e-15);
  CHECK(differs(elu(x5), {-0.8646647167633873, -0.3934693402873666, 0, 0.5, 3}) < 1e-15);
  CHECK(differs(elu(x5, 2), {-1.7293294335267746, -0.7869386805747332, 0, 0.5, 3}) < 1e-15);
  CHECK(differs(gelu(x5), {-0.04550026389635842, -0.15426876936299344, 0, 0.34573123063700656, 2.99595030590511}) <
        1e-15);
}

TEST_CASE("softmax and log_softmax have the values that NumPy computes, along any axis") {
  const Tensor x = f64({2, 3}, {1, 2, 3, 1, -1, 0.5});
  CHECK(largest_difference(softmax(x).value(),
                           f64({2, 3}, {0.09003057317038046, 0.24472847105479767, 0.6652409557748219,
                                        0.5740969929676946, 0.07769557914857059, 0.3482074278837349})) < 1e-15);
  CHECK(largest_difference(softmax(x, 0).value(), f64({2, 3}, {0.5, 0.9525741268224334, 0.9241418199787564, 0.5,
                                                               0.04742587317756678, 0.07585818002124355})) < 1e-15);
  CHECK(largest_difference(log_softmax(x, 1).value(),
                           f64({2, 3}, {-2.40760596444438, -1.4076059644443801, -0.4076059644443803,
                                        -0.5549569196419907, -2.554956919641991, -1.0549569196419906})) < 1e-15);
  CHECK(softmax(Tensor::ones({3, 1})).value().to_vector() == Values{1, 1, 1});
  CHECK(softmax(f64({2, 0}, {})).shape() == Shape{2, 0});
  CHECK(error_of([&] { softmax(x, 2); }) == "softmax: expected an axis in [-2, 2) for shape (2, 3), got 2");
  CHECK(error_of([] { log_softmax(f64({}, {1})); }) ==
        "log_softmax: expected an array with at least one axis, got shape ()");
}

TEST_CASE("activations stay finite for large inputs") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Tensor x = Tensor::of({2}, {-10000, 10000}, dtype);
    CHECK(softplus(x).value().to_vector() == Values{0, 10000});
    CHECK(sigmoid(x).value().to_vector() == Values{0, 1});
    CHECK(elu(x).value().to_vector() == Values{-1, 10000});
    CHECK(gelu(x).value().to_vector() == Values{0, 10000});
    CHECK(softmax(x).value().to_vector() == Values{0, 1});
    CHECK(log_softmax(x).value().to_vector() == Values{-20000, 0});
    for (const auto& function : std::vector<std::function<Variable(const Variable&)>>{softplus, sigmoid, gelu}) {
      for (const double dx : gradient_of(function, x, Tensor::ones({2}, dtype))) CHECK(std::isfinite(dx));
    }
  }
}

TEST_CASE("NaN passes through activations") {
  const Tensor nan = f64({1}, {std::numeric_limits<double>::quiet_NaN()});
  for (const auto& function : std::vector<std::function<Variable(const Variable&)>>{
           relu, sigmoid, [](const Variable& x) { return tanh(x); }, softplus, gelu}) {
    CHECK(std::isnan(function(nan).value().item()));
  }
  CHECK(std::isnan(elu(nan).value().item()));
  CHECK(std::isnan(softmax(nan).value().item()));
}

TEST_CASE("activations have their derivatives, zero on the left of zero included") {
  const Tensor dy = f64({5}, {1, 2, 3, 4, 5});
  CHECK(gradient_of(relu, x5, dy) == Values{0, 0, 0, 4, 5});
  const auto half = [](const Variable& x) { return leaky_relu(x, 0.5); };
  CHECK(gradient_of(half, x5, dy) == Values{0.5, 1, 1.5, 4, 5});
  CHECK(gradient_of([](const Variable& x) { return elu(x); }, x5, dy)[2] == 3);
  CHECK(gradient_of(sigmoid, x5, dy)[2] == 0.75);
  CHECK(gradient_of([](const Variable& x) { return tanh(x); }, x5, dy)[2] == 3);
  CHECK(gradient_of(softplus, x5, dy)[2] == 1.5);
  CHECK(gradient_of(gelu, x5, dy)[2] == 1.5);
}

TEST_CASE("a gradient through softmax sums to zero along the axis") {
  RandomStream random(3);
  const Tensor x = random.normal({4, 6}, 0, 1, DType::float64);
  const Tensor dy = random.normal({4, 6}, 0, 1, DType::float64);
  const Values dx = gradient_of([](const Variable& v) { return softmax(v); }, x, dy);
  for (std::size_t row = 0; row < 4; ++row) {
    double total = 0;
    for (std::size_t i = 0; i < 6; ++i) total += dx[row * 6 + i];
    CHECK(std::abs(total) < 1e-15);
  }
}

TEST_CASE("a slope of zero is zero for infinities too, and keeps NaN") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Tensor x = f64({3}, {-infinity, -1, infinity});
  CHECK(leaky_relu(x, 0).value().to_vector() == Values{0, 0, infinity});
  CHECK(std::isnan(leaky_relu(f64({1}, {std::nan("")}), 0).value().item()));
  for (const double dy : {infinity, std::nan("")}) {
    for (const auto& f :
         {std::function<Variable(const Variable&)>(relu),
          std::function<Variable(const Variable&)>([](const Variable& v) { return leaky_relu(v, 0); })}) {
      const Values dx = gradient_of(f, f64({3}, {-2, 0, 3}), f64({3}, {dy, dy, 1}));
      CHECK(dx == Values{0, 0, 1});
    }
  }
}

TEST_CASE("second derivatives vanish far from zero") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double x : {1e20, -1e20, 1e30, 50.0, -50.0}) {
      for (const auto& f :
           {std::function<Variable(const Variable&)>(gelu), std::function<Variable(const Variable&)>(sigmoid),
            std::function<Variable(const Variable&)>([](const Variable& v) { return tanh(v); })}) {
        ForwardPass pass(Mode::training);
        const Variable v = pass.watch(Tensor::full({1}, x, dtype));
        const Variable slope = gradients(f(v), {v}, Tensor::ones({1}, dtype))[0];
        INFO(x << " in " << to_string(dtype));
        CHECK(std::abs(gradients(slope, {v}, Tensor::ones({1}, dtype))[0].value().item()) < 1e-20);
      }
    }
  }
}

TEST_CASE(
    "the derivatives of softmax and log_softmax have all digits where a share is near 1, and the second ones too") {
  // p1 = 1 / (1 + e^-z) of x = (0, z); p0 = e^-z p1
  for (const double z : {0.5, 12.0, 20.0, 60.0}) {
    for (const auto& [dtype, most] : {std::pair(DType::float32, 1e-6), std::pair(DType::float64, 1e-14)}) {
      INFO(z << " in " << to_string(dtype));
      const double p1 = 1 / (1 + std::exp(-z)), p0 = std::exp(-z) * p1;
      for (const auto& [from, sign] : {std::pair(0, -1.0), std::pair(1, 1.0)}) {  // dy of p0, of p1
        ForwardPass pass(Mode::training);
        const Variable x = pass.watch(Tensor::of({1, 2}, {0, z}, dtype));
        const Tensor dy = Tensor::of({1, 2}, {1.0 - from, 1.0 * from}, dtype);
        const Variable d = gradients(softmax(x), {x}, dy)[0];
        const Variable dlog = gradients(log_softmax(x), {x}, dy)[0];
        CHECK(d.value().at({0, 0}) == Approx(-sign * p0 * p1).epsilon(most));
        CHECK(d.value().at({0, 1}) == Approx(sign * p0 * p1).epsilon(most));
        CHECK(dlog.value().at({0, 0}) == Approx(from == 0 ? p1 : -p0).epsilon(most));
        CHECK(dlog.value().at({0, 1}) == Approx(from == 0 ? -p1 : p0).epsilon(most));
        // of d1 and dlog1 with respect to x1
        const Tensor one = Tensor::of({1, 2}, {0, 1}, dtype);
        CHECK(gradients(d, {x}, one)[0].value().at({0, 1}) == Approx(sign * p0 * p1 * (p0 - p1)).epsilon(most));
        CHECK(gradients(dlog, {x}, one)[0].value().at({0, 1}) == Approx(-p0 * p1).epsilon(most));
      }
    }
  }
}

TEST_CASE("slopes below zero are errors") {
  CHECK(error_of([] { elu(x5, -1); }) == "elu: expected alpha >= 0, got -1");
  CHECK(error_of([] { leaky_relu(x5, -0.5); }) == "leaky_relu: expected slope >= 0, got -0.5");
}

}  // namespace
}  // namespace xtape
