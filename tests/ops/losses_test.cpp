#include "framework/ops/losses.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <tuple>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/classification_losses.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/ops/regression_losses.hpp"
#include "framework/tensor/elementwise.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;
using xtape::test::f64;

namespace {

using LossFunction = std::function<Variable(const Variable&, const Tensor&, const Tensor&)>;

/// A loss with options as a function of outputs, targets and weights.
template <class Options>
LossFunction three(Variable (*loss)(const Variable&, const Tensor&, const Tensor&, const Options&),
                   const std::type_identity_t<Options>& options = {}) {
  return [=](const Variable& x, const Tensor& t, const Tensor& w) { return loss(x, t, w, options); };
}

}  // namespace

TEST_CASE("softmax cross entropy is the mean of -log of the right class's probability") {
  const Tensor logits = Tensor::of({2, 3}, {std::log(1), std::log(2), std::log(5), 0, 0, 0}, DType::float64);
  const double wanted = (-std::log(2.0 / 8) - std::log(1.0 / 3)) / 2;
  CHECK(softmax_cross_entropy(logits, Tensor::labels({1, 2})).value().item() == Approx(wanted));
  const Tensor one_hot = Tensor::of({2, 3}, {0, 1, 0, 0, 0, 1}, DType::float64);
  CHECK(softmax_cross_entropy(logits, one_hot).value().item() == Approx(wanted));
}

TEST_CASE("softmax cross entropy and its derivative stay finite for any logits") {
  ForwardPass pass(Mode::training);
  const Variable logits = pass.watch(Tensor::of({2, 2}, {1e4, -1e4, 3e38, -3e38}));
  const Variable loss = softmax_cross_entropy(logits, Tensor::labels({1, 0}));
  CHECK(loss.value().item() == Approx(1e4));
  pass.backward(loss);
  CHECK(pass.gradient(logits).to_vector() == std::vector<double>{0.5, -0.5, 0, 0});
}

TEST_CASE("binary cross entropies and the squared error equal their formulas") {
  const Tensor targets = Tensor::of({3}, {1, 0, 0.25}, DType::float64);
  const Tensor p = Tensor::of({3}, {0.8, 0.3, 0.5}, DType::float64);
  const double wanted = -(std::log(0.8) + std::log(0.7) + 0.25 * std::log(0.5) + 0.75 * std::log(0.5)) / 3;
  CHECK(binary_cross_entropy(p, targets).value().item() == Approx(wanted));
  const Tensor z = Tensor::of({3}, {std::log(4.0), std::log(0.3 / 0.7), 0}, DType::float64);
  CHECK(sigmoid_cross_entropy(z, targets).value().item() == Approx(wanted));
  CHECK(mean_squared_error(p, targets).value().item() == Approx((0.04 + 0.09 + 0.0625) / 3));
  CHECK(std::isfinite(binary_cross_entropy(Tensor::of({2}, {0, 1}), Tensor::of({2}, {1, 0})).value().item()));
  CHECK(sigmoid_cross_entropy(Tensor::of({1}, {-1e4}), Tensor::of({1}, {1})).value().item() == Approx(1e4));
}

TEST_CASE("invalid outputs and labels are rejected under the name of the called function") {
  using Function = Variable (*)(const Variable&, const Tensor&, const Tensor&, const CrossEntropyOptions&);
  const std::vector<std::tuple<std::string, Function, std::string>> functions{
      {"softmax_cross_entropy", softmax_cross_entropy, "sigmoid_cross_entropy"},
      {"categorical_cross_entropy", categorical_cross_entropy, "binary_cross_entropy"}};
  for (const auto& [name, function, of_one_number] : functions) {
    const auto error = [&, &loss = function](const Shape& outputs, const Tensor& labels, const Tensor& weights = {}) {
      return error_of([&] { loss(Tensor::zeros(outputs), labels, weights, {}); });
    };
    CHECK(error({2, 3}, Tensor::labels({0, 3})) == name + ": expected labels in [0, 3), got 3 at position 1");
    CHECK(error({2, 3}, Tensor::labels({0, -1})) == name + ": expected labels in [0, 3), got -1 at position 1");
    CHECK(error({2, 3}, Tensor::labels({0})) ==
          name + ": expected int64 labels (2,) for outputs (2, 3), got int64 (1,)");
    CHECK(error({2, 3}, Tensor::labels({0, 1}).reshaped({2, 1})) ==
          name + ": expected int64 labels (2,) for outputs (2, 3), got int64 (2, 1); reshape them with .reshaped({n})");
    CHECK(error({2, 3}, Tensor::zeros({2, 4})) ==
          name +
              ": expected one distribution a row, shape (2, 3), got floating labels (2, 4); class numbers are int64");
    CHECK(error({2, 3}, Tensor()) == name + ": expected labels, got an undefined tensor");
    CHECK(error({2, 3}, Tensor::labels({0, 1}), Tensor::ones({3})) ==
          name + ": expected floating weights, one for each of the samples of (2, 3), got float32 (3,)");
    CHECK(error({0, 3}, Tensor::labels({})) ==
          name + ": expected outputs (n, ..., classes) with n >= 1, got shape (0, 3)");
    CHECK(error({2, 1}, Tensor::labels({0, 0})) ==
          name +
              ": expected outputs of at least 2 classes, got shape (2, 1), for which the loss is always 0; for one "
              "yes-no answer a sample use " +
              of_one_number);
  }
  CHECK(error_of([] { softmax_cross_entropy(Tensor::zeros({3}), Tensor::labels({0})); }) ==
        "softmax_cross_entropy: expected outputs (n, ..., classes) with n >= 1, got shape (3,)");
  CHECK(error_of([&] { mean_squared_error(Tensor::zeros({2}), Tensor::zeros({3})); }) ==
        "mean_squared_error: expected outputs and targets of one shape with at least one element, got (2,) and (3,)");
}

namespace {

/// The loss as a function of three arguments.
auto cross_entropy(const CrossEntropyOptions& options) {
  return [options](const Variable& logits, const Tensor& labels, const Tensor& weights) {
    return softmax_cross_entropy(logits, labels, weights, options);
  };
}

/// sum(w_i l_i) / n, where each l_i is the loss of one sample alone.
double one_by_one(const std::function<double(std::int64_t)>& loss, const std::vector<double>& weights) {
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += weights[i] * loss(static_cast<std::int64_t>(i));
  return sum / static_cast<double>(weights.size());
}

}  // namespace

TEST_CASE("categorical cross entropy is that of probabilities, as in Keras") {
  const Tensor p = Tensor::of({2, 3}, {0.1, 0.2, 0.7, 0.5, 0.25, 0.25}, DType::float64);
  const Tensor labels = Tensor::labels({1, 0});
  const Tensor shares = Tensor::of({2, 3}, {0, 1, 0, 1, 0, 0}, DType::float64);
  const double wanted = -(std::log(0.2) + std::log(0.5)) / 2;
  CHECK(categorical_cross_entropy(p, labels).value().item() == Approx(wanted).epsilon(1e-12));
  CHECK(categorical_cross_entropy(p, shares).value().item() == Approx(wanted).epsilon(1e-12));
  const Tensor three = map("three", p, [](auto v) { return 3 * v / 4; });  // rows are divided by their sums
  CHECK(categorical_cross_entropy(three, labels).value().item() == Approx(wanted).epsilon(1e-12));
  const double smooth = -(0.05 * std::log(0.1) + 0.9 * std::log(0.2) + 0.05 * std::log(0.7) + 0.9 * std::log(0.5) +
                          0.1 * std::log(0.25)) /
                        2;
  CHECK(categorical_cross_entropy(p, shares, {}, {.label_smoothing = 0.15}).value().item() == Approx(smooth));
  const Tensor ignored = Tensor::labels({1, -1});
  CHECK(categorical_cross_entropy(p, ignored, {}, {.ignored_label = -1}).value().item() == Approx(-std::log(0.2)));
  const Tensor certain = Tensor::of({1, 2}, {1, 0}, DType::float64);  // clipped to [1e-7, 1 - 1e-7]
  CHECK(categorical_cross_entropy(certain, Tensor::labels({1})).value().item() == Approx(-std::log(1e-7)));
  CHECK(categorical_cross_entropy(certain, Tensor::labels({0})).value().item() == Approx(1e-7));
  CHECK(categorical_cross_entropy(p.to(DType::float32), labels).value().dtype() == DType::float32);
  CHECK(error_of([&] {
          categorical_cross_entropy(p, Tensor::labels({1, 3}));
        }) == "categorical_cross_entropy: expected labels in [0, 3), got 3 at position 1");
}

TEST_CASE("weighted losses are the sum of the weighted samples over their number, as Keras's") {
  const std::vector<double> weights{2, 0, 0.5};
  const Tensor w = Tensor::of({3}, weights);  // always float32, also for float64 outputs
  const Tensor z = Tensor::of({3, 2}, {1, -2, 0.5, 0.25, 3, -1}, DType::float64);
  const Tensor t = Tensor::of({3, 2}, {1, 0, 0.25, 0.75, 0, 1}, DType::float64);
  const Tensor p = Tensor::of({3, 2}, {0.1, 0.2, 0.5, 0.7, 0.4, 0.9}, DType::float64);
  const Tensor labels = Tensor::labels({1, 0, 1});
  const auto compare = [&](const auto& loss, const Tensor& x, const Tensor& y) {
    const auto one = [&](std::int64_t i) { return loss(x.rows(i, i + 1), y.rows(i, i + 1), Tensor()).value().item(); };
    CHECK(loss(x, y, w).value().item() == Approx(one_by_one(one, weights)));
    CHECK(loss(x, y, Tensor::ones({3})).value().item() == Approx(loss(x, y, Tensor()).value().item()));
  };
  compare(cross_entropy({}), z, labels);
  compare(cross_entropy({}), z, t);
  compare(cross_entropy({.label_smoothing = 0.2}), z, labels);
  compare(three(sigmoid_cross_entropy), z, t);
  compare(three(sigmoid_cross_entropy, {.label_smoothing = 0.2, .pos_weight = {2, 3}}), z, t);
  compare(three(binary_cross_entropy), p, t);
  compare(three(binary_cross_entropy, {.pos_weight = {2}}), p, t);
  compare(three(sigmoid_focal_cross_entropy), z, t);
  compare(three(softmax_focal_cross_entropy), z, labels);
  compare(three(dice), p, t);
  compare(three(tversky, {.alpha = 0.3}), p, t);
  compare(three(huber, {.delta = 0.5}), z, t);
  compare(hinge, z, Tensor::of({3, 2}, {1, -1, 1, 1, -1, -1}, DType::float64));
  compare(squared_hinge, z, Tensor::of({3, 2}, {1, -1, 1, 1, -1, -1}, DType::float64));
  compare(categorical_hinge, z, labels);
  compare(three(categorical_cross_entropy), p, labels);
  compare(three(categorical_cross_entropy, {.label_smoothing = 0.2}), p, t);
  compare(kl_divergence, p, t);
  compare(mean_absolute_percentage_error, z, t);
  compare(mean_squared_logarithmic_error, p, t);
  compare(log_cosh, z, t);
  compare(poisson, p, t);
  compare(cosine_similarity, z, t);
  compare(mean_squared_error, z, t);
  compare(mean_absolute_error, z, t);
}

TEST_CASE("losses of infinite scores are the limits") {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto hinge_of = [](const std::vector<double>& scores, std::int64_t label) {
    return categorical_hinge(f64({1, 3}, scores), Tensor::labels({label})).value().item();
  };
  CHECK(hinge_of({infinity, 0, 0}, 0) == 0);
  CHECK(hinge_of({-infinity, -infinity, 0}, 2) == 1);
  CHECK(hinge_of({0, infinity, 0}, 0) == infinity);
  CHECK(hinge_of({-infinity, 0, 0}, 0) == infinity);
  for (const double gamma : {0.0, 0.5, 1.0, 2.0}) {
    INFO(gamma);
    const auto focal_of = [&](const std::vector<double>& logits, std::int64_t label) {
      ForwardPass pass(Mode::training);
      const Variable z = pass.watch(f64({1, 3}, logits));
      const Variable loss = softmax_focal_cross_entropy(z, Tensor::labels({label}), {}, {.gamma = gamma, .alpha = 1});
      const std::vector<double> slopes = gradients(loss, {z})[0].value().to_vector();
      const bool known = logits[0] < infinity;  // the slope at an infinite logit has no limit
      if (known) CHECK(std::ranges::none_of(slopes, [](double slope) { return std::isnan(slope); }));
      const Variable slope = gradients(loss, {z})[0];
      const std::vector<double> bends = gradients(sum(slope), {z})[0].value().to_vector();
      if (std::isfinite(logits[0])) {
        CHECK(std::ranges::none_of(bends, [](double bend) { return std::isnan(bend); }));
      }
      return loss.value().item();
    };
    CHECK(focal_of({infinity, 0, 0}, 0) == 0);
    CHECK(focal_of({infinity, 0, 0}, 1) == infinity);
    CHECK(focal_of({-infinity, 0, 0}, 1) == Approx(std::pow(0.5, gamma) * std::log(2)));
    CHECK(focal_of({1000, 0, 0}, 0) == 0);
    CHECK(focal_of({1000, 0, 0}, 1) == Approx(1000));
  }
}

TEST_CASE("samples of weight 0 have no effect on values and derivatives") {
  const double infinity = std::numeric_limits<double>::infinity();
  using Loss = LossFunction;
  const Tensor w = Tensor::of({2}, {0, 1});
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Tensor targets = Tensor::of({2, 2}, {0, 1, 1, 0}, dtype), labels = Tensor::labels({0, 1});
    for (const double bad : {infinity, -infinity, std::nan("")}) {
      for (const auto& [name, loss, t] :
           {std::tuple("sigmoid", three(sigmoid_cross_entropy), targets),
            std::tuple("weighted sigmoid", three(sigmoid_cross_entropy, {.pos_weight = {2}}), targets),
            std::tuple("binary", three(binary_cross_entropy), targets),
            std::tuple("sigmoid focal", three(sigmoid_focal_cross_entropy), targets),
            std::tuple("softmax focal", three(softmax_focal_cross_entropy), labels),
            std::tuple("dice", three(dice), targets),
            std::tuple("tversky", three(tversky), targets),
            std::tuple("huber", three(huber), targets),
            std::tuple("hinge", Loss(hinge), targets),
            std::tuple("categorical hinge", Loss(categorical_hinge), labels),
            std::tuple("divergence", Loss(kl_divergence), targets),
            std::tuple("percentage", Loss(mean_absolute_percentage_error), targets),
            std::tuple("logarithmic", Loss(mean_squared_logarithmic_error), targets),
            std::tuple("cosh", Loss(log_cosh), targets),
            std::tuple("poisson", Loss(poisson), targets),
            std::tuple("cosine", Loss(cosine_similarity), targets),
            std::tuple("squared", Loss(mean_squared_error), targets),
            std::tuple("absolute", Loss(mean_absolute_error), targets),
            std::tuple("softmax", Loss(cross_entropy({})), labels),
            std::tuple("smoothed", Loss(cross_entropy({.label_smoothing = 0.1})), labels)}) {
        INFO(name << " of " << bad << " in " << to_string(dtype));
        ForwardPass pass(Mode::training);
        const Variable x = pass.watch(Tensor::of({2, 2}, {bad, bad, 0.25, 0.75}, dtype));
        const Variable got = loss(x, t, w);
        // half of the loss of the second sample alone
        const Variable other = pass.watch(x.value().rows(1, 2));
        const Variable alone = loss(other, t.rows(1, 2), Tensor());
        CHECK(got.value().item() == Approx(alone.value().item() / 2).epsilon(1e-6));
        pass.backward(got + alone);
        const std::vector<double> dx = pass.gradient(x).to_vector(), wanted = pass.gradient(other).to_vector();
        CHECK(dx[0] == 0);
        CHECK(dx[1] == 0);
        CHECK(dx[2] == Approx(wanted[0] / 2).epsilon(1e-6));
        CHECK(dx[3] == Approx(wanted[1] / 2).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("label smoothing takes a share of each label and spreads it over all classes") {
  const Tensor logits = Tensor::of({1, 4}, {1, 2, -1, 0.5}, DType::float64);
  const double log_sum = std::log(std::exp(1) + std::exp(2) + std::exp(-1) + std::exp(0.5));
  // 0.9 of the loss of class 1 and a tenth of the mean of all classes' losses
  const double wanted = 0.9 * (log_sum - 2) + 0.1 * (log_sum - (1 + 2 - 1 + 0.5) / 4);
  CHECK(cross_entropy({.label_smoothing = 0.1})(logits, Tensor::labels({1}), {}).value().item() == Approx(wanted));
  CHECK(cross_entropy({.label_smoothing = 0})(logits, Tensor::labels({1}), {}).value().item() ==
        softmax_cross_entropy(logits, Tensor::labels({1})).value().item());
  for (const double smoothing : {-0.1, 1.0, std::nan("")}) {
    CHECK_THAT(error_of([&] { cross_entropy({.label_smoothing = smoothing})(logits, Tensor::labels({1}), {}); }),
               Catch::Contains("softmax_cross_entropy: expected a label_smoothing in [0, 1), got"));
    const Tensor p = Tensor::full({1, 4}, 0.25, DType::float64);
    const std::vector<std::pair<std::string, std::function<void()>>> others{
        {"categorical_cross_entropy", [&] { categorical_cross_entropy(p, p, {}, {.label_smoothing = smoothing}); }},
        {"sigmoid_cross_entropy", [&] { sigmoid_cross_entropy(logits, p, {}, {.label_smoothing = smoothing}); }},
        {"binary_cross_entropy", [&] { binary_cross_entropy(p, p, {}, {.label_smoothing = smoothing}); }},
        {"softmax_focal_cross_entropy",
         [&] { softmax_focal_cross_entropy(logits, p, {}, {.label_smoothing = smoothing}); }},
        {"sigmoid_focal_cross_entropy",
         [&] { sigmoid_focal_cross_entropy(logits, p, {}, {.label_smoothing = smoothing}); }},
    };
    for (const auto& [name, loss] : others) {
      CHECK_THAT(error_of(loss), Catch::StartsWith(name + ": expected a label_smoothing in [0, 1), got"));
    }
  }
}

TEST_CASE("sigmoid_cross_entropy with weights of answers is 0 for infinite logits of the right sign") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const std::vector<double>& weights : {std::vector<double>{}, {2}, {2, 3}, {0, 3}}) {
    INFO(fmt::format("{}", fmt::join(weights, " ")));
    ForwardPass pass(Mode::training);
    const Variable z = pass.watch(f64({2, 2}, {-infinity, infinity, infinity, -infinity}));
    const Tensor right = f64({2, 2}, {0, 1, 1, 0}), wrong = f64({2, 2}, {0, 1, 1, 1});
    const Variable loss = sigmoid_cross_entropy(z, right, {}, {.pos_weight = weights});
    CHECK(loss.value().item() == 0);
    CHECK(gradients(loss, {z})[0].value().to_vector() == std::vector<double>{0, 0, 0, 0});
    CHECK(sigmoid_cross_entropy(z, wrong, {}, {.pos_weight = weights}).value().item() == infinity);
  }
}

TEST_CASE("every loss of numbers rejects targets of another shape") {
  using Function = std::function<Variable(const Variable&, const Tensor&)>;
  const auto plain = [](auto loss) -> Function {
    return [loss](const Variable& y, const Tensor& t) { return loss(y, t, {}); };
  };
  const auto with = [](auto loss) -> Function {
    return [loss](const Variable& y, const Tensor& t) { return loss(y, t, {}, {}); };
  };
  const std::vector<std::pair<std::string, Function>> losses{
      {"binary_cross_entropy", with(binary_cross_entropy)},
      {"sigmoid_cross_entropy", with(sigmoid_cross_entropy)},
      {"sigmoid_focal_cross_entropy", with(sigmoid_focal_cross_entropy)},
      {"mean_squared_error", plain(mean_squared_error)},
      {"mean_absolute_error", plain(mean_absolute_error)},
      {"mean_absolute_percentage_error", plain(mean_absolute_percentage_error)},
      {"mean_squared_logarithmic_error", plain(mean_squared_logarithmic_error)},
      {"huber", with(huber)},
      {"log_cosh", plain(log_cosh)},
      {"poisson", plain(poisson)},
      {"hinge", plain(hinge)},
      {"squared_hinge", plain(squared_hinge)},
      {"kl_divergence", plain(kl_divergence)},
      {"cosine_similarity", plain(cosine_similarity)},
      {"dice", with(dice)},
      {"tversky", with(tversky)},
  };
  const Tensor outputs = Tensor::full({2, 3}, 0.5);
  for (const auto& [name, loss] : losses) {
    const std::string expected = name + ": expected outputs and targets of one shape with at least one element, got ";
    const auto error = [&loss = loss](const Tensor& y, const Tensor& targets) {
      return error_of([&] { loss(y, targets); });
    };
    CHECK(error(outputs, Tensor::zeros({3, 2})) == expected + "(2, 3) and (3, 2)");
    CHECK(error(outputs, Tensor::zeros({2, 4})) == expected + "(2, 3) and (2, 4)");
    CHECK(error(outputs, Tensor()) == expected + "(2, 3) and an undefined tensor");
    CHECK(error(Tensor::zeros({0, 3}), Tensor::zeros({0, 3})) == expected + "(0, 3) and (0, 3)");
  }
}

TEST_CASE("the cross entropy of large logits does not overflow, at any position of the largest") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (std::int64_t largest = 0; largest < 3; ++largest) {
      std::vector<double> values(3, -2000);
      values[static_cast<std::size_t>(largest)] = 3000;
      const Tensor logits = Tensor::of({1, 3}, values, dtype);
      for (std::int64_t label = 0; label < 3; ++label) {
        const double loss = softmax_cross_entropy(logits, Tensor::labels({label})).value().item();
        CHECK(loss == (label == largest ? 0 : 5000));
      }
    }
  }
}

TEST_CASE("the mean loss of float64 is correct if the sum over the samples overflows") {
  const double most = std::numeric_limits<double>::max();
  const Tensor large = Tensor::full({16, 1}, most / 2, DType::float64), none = Tensor::zeros({16, 1}, DType::float64);
  CHECK(sigmoid_cross_entropy(large, none).value().item() == Approx(most / 2).epsilon(1e-14));  // z - t z
  const Tensor roots = Tensor::full({16, 1}, std::sqrt(most / 2), DType::float64);
  CHECK(mean_squared_error(roots, none).value().item() == Approx(most / 2).epsilon(1e-14));
  std::vector<double> logits;
  for (int i = 0; i < 16; ++i) logits.insert(logits.end(), {most / 2, 0});
  const Tensor rows = Tensor::of({16, 2}, logits, DType::float64);
  const Tensor wrong = Tensor::labels(std::vector<std::int64_t>(16, 1));
  CHECK(softmax_cross_entropy(rows, wrong).value().item() == Approx(most / 2).epsilon(1e-14));
  const Tensor infinite = Tensor::full({16, 1}, std::numeric_limits<double>::infinity(), DType::float64);
  CHECK(std::isinf(sigmoid_cross_entropy(infinite, none).value().item()));
}

TEST_CASE("probabilities are clipped at a distance of 1e-7 from 0 and 1, as in Keras") {
  const auto loss = [](double p, double t) {
    return binary_cross_entropy(test::f64({1}, {p}), test::f64({1}, {t})).value().item();
  };
  CHECK(loss(0, 1) == Approx(-std::log(1e-7)).epsilon(1e-9));
  CHECK(loss(1, 0) == Approx(-std::log(1e-7)).epsilon(1e-6));  // 1 - (1 - 1e-7) has lost ten digits
  CHECK(loss(0, 0) == Approx(1e-7).epsilon(1e-6));
  CHECK(loss(1e-6, 1) == Approx(-std::log(1e-6)).epsilon(1e-9));
  CHECK(loss(1e-9, 1) == loss(0, 1));
}

TEST_CASE("invalid weights are rejected") {
  const Tensor x = Tensor::zeros({2, 3});
  CHECK(error_of([&] {
          softmax_cross_entropy(x, Tensor::labels({0, 1}), Tensor::ones({3}));
        }) ==
        "softmax_cross_entropy: expected floating weights, one for each of the samples of (2, 3), got float32 (3,)");
  CHECK(error_of([&] {
          mean_squared_error(x, x, Tensor::labels({1, 1}));
        }) == "mean_squared_error: expected floating weights, one for each of the samples of (2, 3), got int64 (2,)");
  CHECK(error_of([&] { sigmoid_cross_entropy(x, x, x); }) ==
        "sigmoid_cross_entropy: expected floating weights, one for each of the samples of (2, 3), got float32 (2, 3)");
  CHECK(error_of([&] { binary_cross_entropy(Tensor::zeros({}), Tensor::zeros({}), Tensor::zeros({})); }) ==
        "binary_cross_entropy: expected floating weights, one for each of the samples of (), got float32 ()");
}

namespace {

/// Labels (n, h, w) for logits (n, h, w, k), where every fifth is `ignored`.
Tensor position_labels(const Shape& shape, std::int64_t classes, std::int64_t ignored) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < shape.size(); ++i) labels.push_back(i % 5 == 3 ? ignored : i * 7 % classes);
  return Tensor::labels(labels).reshaped(shape);
}

/// The definition: sum over positions with a label of w_n (-log softmax)[label], smoothed, divided by the number of
/// these positions.
double positions_loss(const Tensor& logits, const Tensor& labels, const Tensor& weights, double smoothing,
                      std::int64_t ignored) {
  const std::vector<double> z = logits.to_vector();
  const std::int64_t k = logits.dim(-1), of_sample = labels.size() / labels.dim(0);
  double sum = 0, count = 0;
  for (std::int64_t i = 0; i < labels.size(); ++i) {
    const std::int64_t label = labels.data<std::int64_t>()[i];
    if (label == ignored) continue;
    ++count;
    double total = 0;
    for (std::int64_t c = 0; c < k; ++c) total += std::exp(z[static_cast<std::size_t>(i * k + c)]);
    double loss = 0;
    for (std::int64_t c = 0; c < k; ++c) {
      const double t = (c == label ? 1 - smoothing : 0) + smoothing / static_cast<double>(k);
      loss -= t * (z[static_cast<std::size_t>(i * k + c)] - std::log(total));
    }
    sum += (weights.defined() ? weights.at({i / of_sample}) : 1) * loss;
  }
  return count == 0 ? 0 : sum / count;
}

}  // namespace

TEST_CASE("the cross entropy of many positions is the mean over those with a label, on any number of threads") {
  const Tensor weights = Tensor::of({3}, {0.5, 0, 2}, DType::float64);
  for (const std::int64_t classes : {2, 5, 40000}) {  // 40000: more than a piece of work
    const Shape positions = classes > 100 ? Shape{3, 1, 2} : Shape{3, 40, 60};
    std::vector<std::int64_t> extents(positions.begin(), positions.end());
    extents.push_back(classes);
    const Tensor logits = RandomStream(2).normal(Shape(extents), 0, 2, DType::float64);
    for (const std::int64_t ignored : {std::int64_t{-1}, std::int64_t{1}, classes + 7}) {
      const Tensor labels = position_labels(positions, classes, ignored);
      for (const double smoothing : {0.0, 0.1}) {
        for (const Tensor& w : {Tensor(), weights}) {
          const CrossEntropyOptions options{.label_smoothing = smoothing, .ignored_label = ignored};
          const double loss = softmax_cross_entropy(logits, labels, w, options).value().item();
          CHECK(loss == Approx(positions_loss(logits, labels, w, smoothing, ignored)).epsilon(1e-12));
        }
      }
    }
  }
  CHECK(labels_that_count(position_labels({5, 2}, 3, -1), 3, -1) == 8);
  CHECK(labels_that_count(Tensor::zeros({5, 2, 4}), 4) == 10);
}

TEST_CASE("positions without a label have no derivative, and a batch without labels has the loss 0") {
  const double infinity = std::numeric_limits<double>::infinity();
  const CrossEntropyOptions options{.ignored_label = -1};
  ForwardPass pass(Mode::training);
  const Variable z = pass.watch(test::f64({1, 3, 2}, {1, 2, infinity, std::nan(""), 3, 5}));
  const Variable loss = softmax_cross_entropy(z, Tensor::labels({0, -1, 1}).reshaped({1, 3}), {}, options);
  CHECK(loss.value().item() == Approx((std::log1p(std::exp(1)) + std::log1p(std::exp(-2))) / 2));
  pass.backward(loss);
  const std::vector<double> dz = pass.gradient(z).to_vector();
  CHECK(dz[0] == Approx(-1 / (1 + std::exp(-1)) / 2));
  CHECK((dz[2] == 0 && dz[3] == 0));
  ForwardPass other(Mode::training);
  const Variable x = other.watch(test::f64({2, 2}, {1, 2, 3, 4}));
  const Variable none = softmax_cross_entropy(x, Tensor::labels({-1, -1}), {}, options);
  CHECK(none.value().item() == 0);
  other.backward(none);
  CHECK(other.gradient(x).to_vector() == std::vector<double>(4, 0));
}

TEST_CASE("invalid labels of positions are rejected") {
  const Tensor z = Tensor::zeros({2, 3, 4});
  CHECK(error_of([&] {
          softmax_cross_entropy(z, Tensor::labels({0, 1}));
        }) == "softmax_cross_entropy: expected int64 labels (2, 3) for outputs (2, 3, 4), got int64 (2,)");
  CHECK(error_of([&] {
          softmax_cross_entropy(z, Tensor::zeros({2, 3}));
        }) ==
        "softmax_cross_entropy: expected one distribution a row, shape (2, 3, 4), got floating labels (2, 3); class "
        "numbers are int64");
  Tensor labels = Tensor::zeros({2, 3}, DType::int64);
  labels.mutable_data<std::int64_t>()[4] = -1;
  CHECK(error_of([&] { softmax_cross_entropy(z, labels); }) ==
        "softmax_cross_entropy: expected labels in [0, 4), got -1 at position 4");
  CHECK(softmax_cross_entropy(z, labels, {}, {.ignored_label = -1}).value().item() == Approx(std::log(4)));
}
