// The relative error of functions and their derivatives for tiny, huge and infinite values, compared with long double.
// It must be close to one rounding.
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

using L = long double;
constexpr double infinity = std::numeric_limits<double>::infinity();

struct ValueAndSlope {
  double value, slope;
};

ValueAndSlope computed(const std::function<Variable(const Variable&)>& f, double x, DType dtype) {
  ForwardPass pass(Mode::training);
  const Variable input = pass.watch(Tensor::full({1}, x, dtype));
  const Variable y = sum(f(input));
  pass.backward(y);
  return {y.value().item(), pass.gradient(input).item()};
}

/// The difference in units in the last place of float32 or float64; for subnormal numbers, in those of the smallest
/// normal number.
double roundings(double got, L wanted, DType dtype) {
  if (std::isinf(wanted) || wanted == 0) return got == static_cast<double>(wanted) ? 0 : infinity;
  const bool narrow = dtype == DType::float32;
  const double epsilon = narrow ? 0x1p-23 : 0x1p-52, smallest = narrow ? 0x1p-126 : 0x1p-1022;
  return static_cast<double>(std::abs(got - wanted) / std::max(std::abs(wanted), static_cast<L>(smallest))) / epsilon;
}

struct Function {
  const char* name;
  std::function<Variable(const Variable&)> f;
  std::function<L(L)> value, slope;
  double roundings64 = 6;
};

L logistic(L x) { return 1 / (1 + std::exp(-x)); }
L phi(L x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi_v<L>); }
L distribution(L x) { return std::erfc(-x / std::sqrt(L{2})) / 2; }

const std::vector<Function> functions{
    {"sigmoid", sigmoid, logistic, [](L x) { return logistic(x) * logistic(-x); }},
    {"tanh", [](const Variable& x) { return tanh(x); }, [](L x) { return std::tanh(x); },
     [](L x) { return 1 / (std::cosh(x) * std::cosh(x)); }},
    {"softplus", softplus, [](L x) { return x > 60 ? x + std::exp(-x) : std::log1p(std::exp(x)); }, logistic},
    {"elu", [](const Variable& x) { return elu(x, 1.5); }, [](L x) { return x > 0 ? x : L{1.5} * std::expm1(x); },
     [](L x) { return x > 0 ? 1 : L{1.5} * std::exp(x); }},
    // erfc and exp of x^2 multiply the rounding error of their argument by x^2
    {"gelu", gelu, [](L x) { return x * distribution(x); }, [](L x) { return distribution(x) + x * phi(x); }, 1500},
    {"exp", [](const Variable& x) { return exp(x); }, [](L x) { return std::exp(x); }, [](L x) { return std::exp(x); }},
};

}  // namespace

TEST_CASE("activations and their derivatives have all digits in the tails") {
  for (const Function& f : functions) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      for (const double at :
           {0.0, 1e-20, 1e-5, 0.3, 1.0, 2.5, 4.0, 6.0, 8.0, 10.0, 12.5, 17.0, 25.0, 37.0, 60.0, 80.0}) {
        for (const double sign : {1.0, -1.0}) {
          const double x = Tensor::full({}, sign * at, dtype).item();
          INFO(f.name << " at " << x << " in " << to_string(dtype));
          const ValueAndSlope got = computed(f.f, x, dtype);
          const double most = dtype == DType::float32 ? 6 : f.roundings64;
          CHECK(roundings(got.value, f.value(x), dtype) <= most);
          CHECK(roundings(got.slope, f.slope(x), dtype) <= most);
        }
      }
    }
  }
}

TEST_CASE("activations and their derivatives have limits at infinity") {
  const auto check = [](const auto& f, double x, double value, double slope) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      const ValueAndSlope got = computed(f, x, dtype);
      CHECK(got.value == value);
      CHECK(got.slope == slope);
    }
  };
  check(sigmoid, infinity, 1, 0);
  check(sigmoid, -infinity, 0, 0);
  check([](const Variable& x) { return tanh(x); }, infinity, 1, 0);
  check([](const Variable& x) { return tanh(x); }, -infinity, -1, 0);
  check(softplus, infinity, infinity, 1);
  check(softplus, -infinity, 0, 0);
  check([](const Variable& x) { return elu(x); }, infinity, infinity, 1);
  check([](const Variable& x) { return elu(x); }, -infinity, -1, 0);
  check(gelu, infinity, infinity, 1);
  check(gelu, -infinity, 0, 0);
}

TEST_CASE("sigmoid cross entropy and its derivative have all digits for any logit") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double size : {0.0, 1e-6, 1.0, 10.0, 15.0, 20.0, 35.0, 50.0, 80.0, 1e4, 1e30}) {
      for (const double z : {size, -size}) {
        const double logit = Tensor::full({}, z, dtype).item();
        for (const double t : {0.0, 0.25, 1.0}) {
          INFO("z " << logit << ", t " << t << " in " << to_string(dtype));
          const auto loss = [&](const Variable& x) { return sigmoid_cross_entropy(x, Tensor::full({1}, t, dtype)); };
          const ValueAndSlope got = computed(loss, logit, dtype);
          const L zl = logit, e = std::exp(-std::abs(zl));
          const L wanted = (zl > 0 ? (1 - t) * zl : -t * zl) + std::log1p(e);
          const L slope = zl > 0 ? (1 - t) - e / (1 + e) : e / (1 + e) - t;
          CHECK(roundings(got.value, wanted, dtype) <= 4);
          if (slope != 0) CHECK(roundings(got.slope, slope, dtype) <= 4);
        }
      }
    }
    const auto at = [&](double z, double t) {
      return computed([&](const Variable& x) { return sigmoid_cross_entropy(x, Tensor::full({1}, t, dtype)); }, z,
                      dtype);
    };
    for (const double sign : {1.0, -1.0}) {
      const double right = sign > 0 ? 1 : 0;
      CHECK(at(sign * infinity, right).value == 0);
      CHECK(at(sign * infinity, right).slope == 0);
      CHECK(at(sign * infinity, 1 - right).value == infinity);
      CHECK(at(sign * infinity, 1 - right).slope == sign);
      CHECK(at(sign * infinity, 0.5).value == infinity);
    }
    CHECK(std::isnan(at(std::nan(""), 1).value));
    CHECK(std::isnan(at(std::nan(""), 0).slope));
  }
}

TEST_CASE("binary cross entropy has all digits of small and large probabilities") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double given : {2e-7, 1e-4, 0.3, 0.9, 0.9999}) {
      const double p = Tensor::full({}, given, dtype).item();
      for (const double t : {0.0, 1.0, 0.25}) {
        const auto loss = [&](const Variable& x) { return binary_cross_entropy(x, Tensor::full({1}, t, dtype)); };
        const ValueAndSlope got = computed(loss, p, dtype);
        const L pl = p;
        CHECK(roundings(got.value, -(t * std::log(pl) + (1 - t) * std::log1p(-pl)), dtype) <= 4);
        CHECK(roundings(got.slope, (pl - t) / (pl * (1 - pl)), dtype) <= 6);
      }
    }
  }
}

TEST_CASE("softmax, its logarithm and its cross entropy have all digits of shares near 0 and 1") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double lead : {0.0, 1.0, 15.0, 20.3, 40.0, 80.0}) {
      const double most = dtype == DType::float32 ? 4 : 4 + lead;  // the rounding error of a difference, times its size
      const Tensor z = Tensor::of({1, 3}, {0.1, lead, -0.7}, dtype);
      const std::vector<double> values = z.to_vector();
      std::vector<L> exact;
      for (std::size_t k = 0; k < 3; ++k) {  // the sum of the others' e^(z_j - z_k)
        L rest = 0;
        for (std::size_t j = 0; j < 3; ++j) rest += j == k ? 0 : std::exp(static_cast<L>(values[j]) - values[k]);
        exact.push_back(rest);
      }
      const std::vector<double> shares = softmax(z).value().to_vector(), logs = log_softmax(z).value().to_vector();
      for (std::size_t k = 0; k < 3; ++k) {
        INFO("lead " << lead << ", class " << k << " in " << to_string(dtype));
        CHECK(roundings(shares[k], 1 / (1 + exact[k]), dtype) <= most);
        CHECK(roundings(logs[k], -std::log1p(exact[k]), dtype) <= most);
        ForwardPass pass(Mode::training);
        const Variable logits = pass.watch(z);
        const Variable loss = softmax_cross_entropy(logits, Tensor::labels({static_cast<std::int64_t>(k)}));
        pass.backward(loss);
        CHECK(roundings(loss.value().item(), std::log1p(exact[k]), dtype) <= most);
        const std::vector<double> slopes = pass.gradient(logits).to_vector();
        for (std::size_t j = 0; j < 3; ++j) {
          const L slope = j == k ? -exact[k] / (1 + exact[k]) : 1 / (1 + exact[j]);
          CHECK(roundings(slopes[j], slope, dtype) <= most);
        }
      }
    }
  }
}

TEST_CASE("masked logits of minus infinity have no share, and no part in the loss unless the label has one") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Tensor z = Tensor::of({1, 3}, {1, -infinity, 2}, dtype);
    const double share = 1 / (1 + std::exp(1));
    CHECK(softmax(z).value().to_vector()[1] == 0);
    CHECK(softmax(z).value().to_vector()[0] == Approx(share).epsilon(1e-6));
    CHECK(log_softmax(z).value().to_vector()[1] == -infinity);
    ForwardPass pass(Mode::training);
    const Variable logits = pass.watch(z);
    const Variable loss = softmax_cross_entropy(logits, Tensor::labels({0}));
    CHECK(loss.value().item() == Approx(-std::log(share)).epsilon(1e-6));
    pass.backward(loss);
    const std::vector<double> slopes = pass.gradient(logits).to_vector();
    CHECK(slopes[0] == Approx(share - 1).epsilon(1e-6));
    CHECK(slopes[1] == 0);
    CHECK(softmax_cross_entropy(z, Tensor::labels({1})).value().item() == infinity);
    CHECK(softmax_cross_entropy(z, Tensor::labels({0}), {}, {.label_smoothing = 0.1}).value().item() == infinity);
    CHECK(softmax_cross_entropy(z, Tensor::labels({0}), {}, {}).value().item() ==
          Approx(-std::log(share)).epsilon(1e-6));
    const Tensor sure = Tensor::of({1, 3}, {1, infinity, 2}, dtype);
    CHECK(softmax(sure).value().to_vector() == std::vector<double>{0, 1, 0});
    CHECK(softmax_cross_entropy(sure, Tensor::labels({1})).value().item() == 0);
    CHECK(softmax_cross_entropy(sure, Tensor::labels({0})).value().item() == infinity);
    CHECK(std::isnan(softmax(Tensor::full({2}, -infinity, dtype)).value().to_vector()[0]));
    CHECK(std::isnan(softmax(Tensor::full({2}, infinity, dtype)).value().to_vector()[0]));
    CHECK(std::isnan(softmax(Tensor::of({2}, {0, std::nan("")}, dtype)).value().to_vector()[0]));
  }
}

TEST_CASE("means are correct if their sums overflow") {
  const auto check = [](double most, DType dtype) {
    const Tensor x = Tensor::full({2, 6, 6, 9}, most, dtype);
    for (const std::vector<int>& axes : {std::vector<int>{}, {0}, {3}, {1, 2}, {0, 2}, {1, 3}}) {
      for (const double value : mean(x, axes).value().to_vector()) CHECK(value == Approx(most).epsilon(1e-6));
    }
    for (const double value : global_average_pool2d(x).value().to_vector()) CHECK(value == Approx(most).epsilon(1e-6));
    for (const auto& window : {WindowOptions{.size = 2, .strides = 2},
                               WindowOptions{.size = 3, .padding = Padding::same}, WindowOptions{.size = 6}}) {
      for (const double value : average_pool2d(x, window).value().to_vector()) {
        CHECK(value == Approx(most).epsilon(1e-6));
      }
    }
    CHECK(mean(Tensor::of({2}, {most, infinity}, dtype)).value().item() == infinity);
    CHECK(std::isnan(mean(Tensor::of({2}, {-infinity, infinity}, dtype)).value().item()));
    CHECK(sum(Tensor::of({3}, {most, most, -most}, DType::float32)).value().item() == (most < 1e300 ? most : infinity));
  };
  for (const double most : {static_cast<double>(3e38F), -static_cast<double>(3e38F)}) {
    for (const std::int64_t channels : {1, 3, 8, 9, 17}) {
      const Tensor x = Tensor::full({1, 4, 5, channels}, most);
      for (const double value : average_pool2d(x, {.size = 3}).value().to_vector()) CHECK(value == Approx(most));
      for (const double value : global_average_pool2d(x).value().to_vector()) CHECK(value == Approx(most));
      for (const double value : mean(x, {1}).value().to_vector()) CHECK(value == Approx(most));
    }
  }
  check(static_cast<double>(3e38F), DType::float32);
  for (const double most : {1.7e308, -1.7e308}) {
    const Tensor x = Tensor::full({1, 4, 4, 9}, most, DType::float64);
    for (const double value : mean(x, {0, 2}).value().to_vector()) CHECK(value == Approx(most));
    for (const double value : average_pool2d(x, {.size = 3}).value().to_vector()) CHECK(value == Approx(most));
    for (const double value : global_average_pool2d(x).value().to_vector()) CHECK(value == Approx(most));
  }
  // the squares overflow, their mean does not
  CHECK(mean_squared_error(Tensor::of({2}, {2e19, 0}), Tensor::zeros({2})).value().item() ==
        Approx(2e38).epsilon(1e-6));
}

TEST_CASE("long sums and sums that cancel are those of float64, rounded once") {
  RandomStream random(9);
  const Shape shape{7, 301, 3, 257};
  const Tensor x = random.normal(shape, 0, 1);
  Tensor cancels = x;  // the sums along axes 0 and 2 nearly cancel
  float* values = cancels.mutable_data<float>();
  for (std::int64_t i = 0; i < x.size(); ++i) values[i] = x.data<float>()[i] + (i / (301 * 3 * 257) % 2 ? 1e4F : -1e4F);
  for (const Tensor& t : {x, cancels}) {
    for (const std::vector<int>& axes : {std::vector<int>{}, {0}, {2}, {0, 2}, {1, 3}, {0, 3}, {0, 1, 3}}) {
      std::vector<L> wanted;
      const Tensor y = sum(t, axes).value(), m = mean(t, axes).value();
      const auto reduced = [&](int axis) { return axes.empty() || std::ranges::find(axes, axis) != axes.end(); };
      wanted.assign(static_cast<std::size_t>(y.size()), 0);
      for (std::int64_t i = 0; i < t.size(); ++i) {
        std::int64_t rest = i, place = 0, stride = 1;
        for (int axis = 3; axis >= 0; rest /= shape[axis--]) {
          if (reduced(axis)) continue;
          place += rest % shape[axis] * stride;
          stride *= shape[axis];
        }
        wanted[static_cast<std::size_t>(place)] += t.data<float>()[i];
      }
      const L n = static_cast<L>(t.size()) / static_cast<L>(y.size());
      double worst = 0;
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto k = static_cast<std::int64_t>(i);
        // half a unit in the last place, and the rounding error of float64 for terms up to 1e4
        const L off = 1e-10L * std::sqrt(n);
        worst = std::max(worst,
                         static_cast<double>((std::abs(y.data<float>()[k] - wanted[i]) - off) / std::abs(wanted[i])));
        worst = std::max(
            worst, static_cast<double>((std::abs(m.data<float>()[k] * n - wanted[i]) - off) / std::abs(wanted[i])));
      }
      CHECK(worst < 0x1.01p-24);
    }
  }
}

TEST_CASE("average pooling is rounded once") {
  RandomStream random(10);
  const Tensor x = random.normal({1, 40, 40, 11}, 1000, 1);
  const Tensor y = average_pool2d(x, {.size = 40}).value();
  for (std::int64_t c = 0; c < 11; ++c) {
    L wanted = 0;
    for (std::int64_t i = c; i < x.size(); i += 11) wanted += x.data<float>()[i];
    CHECK(roundings(y.data<float>()[c], wanted / 1600, DType::float32) <= 0.51);
  }
}

TEST_CASE("the compiler fuses no product with a sum, so that builds with and without fused multiply-add agree") {
  const volatile double given = 1 + 0x1p-30;
  const double x = given;
  CHECK(x * x - (1 + 0x1p-29) == 0);  // 2^-60 if the product is not rounded
  const volatile float narrow = 1 + 0x1p-13F;
  const float y = narrow;
  CHECK(y * y - (1 + 0x1p-12F) == 0);
}
