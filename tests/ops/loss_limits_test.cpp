// Losses of elements against their definitions in long double, for small and large differences, NaN, the limits of
// probabilities, and more elements than one piece of work.
#include <cmath>
#include <functional>
#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/classification_losses.hpp"
#include "framework/ops/losses.hpp"
#include "framework/ops/regression_losses.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/limits.hpp"

namespace xtape {
namespace {

using namespace test;
using Exactly = long double;
using ElementLoss = std::function<Variable(const Variable&, const Tensor&, const Tensor&)>;

struct LossRow {
  std::string name;
  ElementLoss loss;
  std::function<Exactly(Exactly x, Exactly t)> value, slope;  // of one element
  std::vector<double> outputs, targets;
};

/// ln cosh e, as half the logarithm of cosh^2 e = 1 + sinh^2 e.
Exactly log_of_cosh(Exactly e) { return std::log1p(std::sinh(e) * std::sinh(e)) / 2; }

const std::vector<LossRow>& loss_rows() {
  static const std::vector<double> any{0, 1e-9, -1e-5, 3e-3, -0.1, 0.7, -0.999, 1.001, -2.5, 30, -800};
  static const std::vector<double> counts{0, 1e-9, 1e-5, 3e-3, 0.1, 0.7, 0.999, 1.001, 2.5, 30, 800};
  static const std::vector<LossRow> all{
      {"mean_squared_error", mean_squared_error, [](Exactly x, Exactly t) { return (x - t) * (x - t); },
       [](Exactly x, Exactly t) { return 2 * (x - t); }, any, any},
      {"mean_absolute_error", mean_absolute_error, [](Exactly x, Exactly t) { return std::abs(x - t); },
       [](Exactly x, Exactly t) { return x > t   ? 1
                                         : x < t ? -1
                                                 : 0; }, any, any},
      {"huber", [](const auto& x, const auto& t, const auto& w) { return huber(x, t, w, {.delta = 0.7}); },
       [](Exactly x, Exactly t) {
         const Exactly e = std::abs(x - t), d = 0.7;
         return e <= d ? e * e / 2 : d * e - d * d / 2;
       },
       [](Exactly x, Exactly t) { return std::clamp<Exactly>(x - t, -0.7, 0.7); }, any, any},
      {"log_cosh", log_cosh, [](Exactly x, Exactly t) { return log_of_cosh(x - t); },
       [](Exactly x, Exactly t) { return std::tanh(x - t); }, any, any},
      {"mean_absolute_percentage_error", mean_absolute_percentage_error,
       [](Exactly x, Exactly t) { return 100 * std::abs(x - t) / std::max<Exactly>(std::abs(t), 1e-7); },
       [](Exactly x, Exactly t) {
         return (x > t ? 100 : x < t ? -100 : 0) / std::max<Exactly>(std::abs(t), 1e-7);
       },
       any, any},
      {"poisson", poisson, [](Exactly x, Exactly t) { return x - (t == 0 ? 0 : t * std::log(x + 1e-7)); },
       [](Exactly x, Exactly t) { return 1 - t / (x + 1e-7); }, counts, counts},
      {"hinge",
       hinge,
       [](Exactly x, Exactly t) { return std::max<Exactly>(1 - t * x, 0); },
       [](Exactly x, Exactly t) { return t * x < 1 ? -t : 0; },
       any,
       {-1, 1}},
      {"squared_hinge",
       squared_hinge,
       [](Exactly x, Exactly t) { return t * x > 1 ? 0 : (1 - t * x) * (1 - t * x); },
       [](Exactly x, Exactly t) { return t * x > 1 ? 0 : -2 * t * (1 - t * x); },
       any,
       {-1, 1}},
  };
  return all;
}

}  // namespace

TEST_CASE("losses of elements and their derivatives have all digits, for small and large differences") {
  for (const LossRow& row : loss_rows()) {
    for (const double x : row.outputs) {
      for (const double t : row.targets) {
        INFO(row.name << " of " << x << " and " << t);
        ForwardPass pass(Mode::training);
        const Variable output = pass.watch(f64({1, 1}, {x}));
        const Variable loss = row.loss(output, f64({1, 1}, {t}), {});
        pass.backward(loss);
        const Exactly value = row.value(x, t), slope = row.slope(x, t);
        const Exactly terms = row.name == "poisson" ? std::abs(x) + std::abs(t) : 0;  // the value may be less
        CHECK(std::abs(loss.value().item() - value) <= 2e-15L * (std::abs(value) + terms) + 1e-300L);
        CHECK(std::abs(pass.gradient(output).item() - slope) <= 1e-15L * (std::abs(slope) + (row.name == "poisson")));
      }
    }
  }
}

TEST_CASE("a NaN among the outputs is in the loss, and in the derivative of its own element alone") {
  std::vector<std::pair<std::string, ElementLoss>> losses;
  for (const LossRow& row : loss_rows()) losses.emplace_back(row.name, row.loss);
  losses.emplace_back("mean_squared_logarithmic_error", mean_squared_logarithmic_error);
  const auto with_options = [](auto loss) {
    return [loss](const Variable& x, const Tensor& t, const Tensor& w) { return loss(x, t, w, {}); };
  };
  losses.emplace_back("binary_cross_entropy", with_options(binary_cross_entropy));
  losses.emplace_back("sigmoid_cross_entropy", with_options(sigmoid_cross_entropy));
  losses.emplace_back("sigmoid_focal_cross_entropy", with_options(sigmoid_focal_cross_entropy));
  for (const auto& [name, loss] : losses) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      for (std::int64_t at = 0; at < 4; ++at) {
        INFO(name << " in " << to_string(dtype) << ", element " << at);
        std::vector<double> values{0.25, 0.5, 0.75, 0.375};
        values[static_cast<std::size_t>(at)] = std::nan("");
        ForwardPass pass(Mode::training);
        const Variable x = pass.watch(Tensor::of({2, 2}, values, dtype));
        const Variable y = loss(x, Tensor::of({2, 2}, {1, 0, 0, 1}, dtype), {});
        CHECK(std::isnan(y.value().item()));
        pass.backward(y);
        const std::vector<double> dx = pass.gradient(x).to_vector();
        for (std::size_t i = 0; i < 4; ++i) CHECK(std::isnan(dx[i]) == (static_cast<std::int64_t>(i) == at));
      }
    }
  }
}

TEST_CASE("a probability at the limit of its range has a derivative, and the next one beyond it has none") {
  const auto slope = [](double p, double t) {
    ForwardPass pass(Mode::training);
    const Variable x = pass.watch(f64({1, 1}, {p}));
    pass.backward(binary_cross_entropy(x, f64({1, 1}, {t})));
    return pass.gradient(x).item();
  };
  const double least = 1e-7, most = 1 - 1e-7;
  CHECK(slope(least, 1) == Approx(-1e7));
  CHECK(slope(least, 0) == Approx(1 / (1 - 1e-7)));
  CHECK(slope(most, 1) == Approx(-1 / (1 - 1e-7)));
  CHECK(slope(most, 0) == Approx(1e7));
  for (const double t : {0.0, 1.0}) {
    CHECK(slope(std::nextafter(least, 0), t) == 0);
    CHECK(slope(std::nextafter(most, 1), t) == 0);
  }
}

TEST_CASE("a loss of many samples is the mean of the losses of its parts, weighted or not") {
  const std::int64_t n = 5461, parts = 43;  // 3 n elements are just below a piece of work, 2 n samples beyond it
  for (const LossRow& row : loss_rows()) {
    const Shape shape{2 * n, 3};
    const Tensor x = RandomStream(1).uniform(shape, 0.1, 2, DType::float64);
    Tensor t = RandomStream(2).uniform(shape, 0.1, 2, DType::float64);
    if (row.targets.size() == 2) t = Tensor::ones(shape, DType::float64);
    const Tensor weights = RandomStream(3).uniform({2 * n}, 0, 2, DType::float64);
    for (const bool weighted : {false, true}) {
      double total = 0;
      for (std::int64_t part = 0; part < parts; ++part) {
        const std::int64_t begin = part * 254, end = std::min(begin + 254, 2 * n);
        const Tensor own = weighted ? weights.rows(begin, end) : Tensor();
        total +=
            row.loss(x.rows(begin, end), t.rows(begin, end), own).value().item() * static_cast<double>(end - begin);
      }
      INFO(row.name << (weighted ? ", weighted" : ""));
      CHECK(row.loss(x, t, weighted ? weights : Tensor()).value().item() ==
            Approx(total / static_cast<double>(2 * n)).epsilon(1e-12));
    }
  }
}

TEST_CASE("factors of positive targets that do not fit the outputs are errors with their numbers") {
  const Tensor row = f64({0.5, 0.25, 0.75}), rows = f64({2, 3}, {0.5, 0.25, 0.75, 0.5, 0.25, 0.75});
  using Function = Variable (*)(const Variable&, const Tensor&, const Tensor&, const BinaryCrossEntropyOptions&);
  for (const auto& [name, loss] : {std::pair<std::string, Function>("binary_cross_entropy", binary_cross_entropy),
                                   {"sigmoid_cross_entropy", sigmoid_cross_entropy}}) {
    const auto with = [loss = loss](const Tensor& x, std::vector<double> factors) {
      return [=] { loss(x, x, {}, {.pos_weight = factors}); };
    };
    const std::string count = name + ": expected one pos_weight, or one for each of the last axis of outputs ";
    const std::string finite = name + ": expected finite pos_weights of at least 0, got ";
    check_messages({{count + "(3,), got 3", with(row, {1, 2, 3})},
                    {count + "(2, 3), got 2", with(rows, {1, 2})},
                    {finite + "2, -1, 3", with(rows, {2, -1, 3})},
                    {finite + "inf", with(rows, {infinite})},
                    {finite + "nan", with(rows, {std::nan("")})}});
    with(row, {2})(), with(rows, {2})(), with(rows, {0, 1, 2})();
  }
}

}  // namespace xtape
