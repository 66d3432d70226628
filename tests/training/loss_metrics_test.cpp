// The metrics that are losses, against their definitions over all samples at once, for batches of any size.
#include <algorithm>
#include <cmath>
#include <functional>

#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"
#include "training/metrics/loss.hpp"
#include "training/metrics/metric.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

constexpr std::int64_t samples = 23, columns = 4;
using Row = std::vector<double>;

/// Checks that the metric is sum(w f(y, t)) / sum(w) over the samples.
void compare(const Metric& its, const Tensor& outputs, const Tensor& targets,
             const std::function<double(const Row& y, const Row& t)>& of_sample) {
  const Tensor some = RandomStream(9).uniform({samples}, 0, 3, DType::float64);
  const auto row = [](const Tensor& x, std::int64_t i) { return x.rows(i, i + 1).to(DType::float64).to_vector(); };
  for (const Tensor& weights : {Tensor(), some}) {
    double sum = 0, all = 0;
    for (std::int64_t i = 0; i < samples; ++i) {
      const double w = weights.defined() ? weights.at({i}) : 1;
      sum += w * of_sample(row(outputs, i), row(targets, i));
      all += w;
    }
    for (const std::int64_t size : {1, 5, 22, 23}) {
      Tensor total;
      for (std::int64_t i = 0; i < samples; i += size) {
        const std::int64_t end = std::min(samples, i + size);
        const Tensor part = weights.defined() ? weights.rows(i, end) : Tensor();
        total = its.combined(total, its.sums(outputs.rows(i, end), targets.rows(i, end), part));
      }
      INFO(to_string(its) << ", batches of " << size << (weights.defined() ? ", weighted" : ""));
      CHECK(its.result(total) == Approx(sum / all).epsilon(1e-10));
    }
  }
}

/// The mean of f over the elements of a sample.
auto mean_of(double (*f)(double y, double t)) {
  return [f](const Row& y, const Row& t) {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += f(y[i], t[i]);
    return sum / static_cast<double>(y.size());
  };
}

double scalar_product(const Row& a, const Row& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

TEST_CASE("metrics that are losses are weighted means over the samples") {
  const Tensor y = RandomStream(1).normal({samples, columns}, 0, 1, DType::float64);
  const Tensor t = RandomStream(2).normal({samples, columns}, 0, 1, DType::float64);
  const Tensor p = RandomStream(3).uniform({samples, columns}, 0.1, 0.9, DType::float64);
  const Tensor q = RandomStream(4).uniform({samples, columns}, 0.1, 0.9, DType::float64);
  Row signs, classes;
  for (std::int64_t i = 0; i < samples * columns; ++i) signs.push_back(i * i % 7 < 3 ? -1 : 1);
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < samples; ++i) labels.push_back(i * i % columns);
  const Tensor answers = f64({samples, columns}, signs);
  compare(metric::mean_absolute_percentage_error(), y, t,
          mean_of([](double a, double b) { return 100 * std::abs((a - b) / b); }));
  compare(metric::mean_squared_logarithmic_error(), p, q,
          mean_of([](double a, double b) { return std::pow(std::log((1 + a) / (1 + b)), 2); }));
  compare(metric::log_cosh(), y, t, mean_of([](double a, double b) { return std::log(std::cosh(a - b)); }));
  compare(metric::poisson(), p, q, mean_of([](double a, double b) { return a - b * std::log(a + 1e-7); }));
  compare(metric::hinge(), y, answers, mean_of([](double a, double b) { return std::max(0.0, 1 - a * b); }));
  compare(metric::squared_hinge(), y, answers,
          mean_of([](double a, double b) { return std::pow(std::max(0.0, 1 - a * b), 2); }));
  compare(metric::cosine_similarity(), y, t, [](const Row& a, const Row& b) {
    return scalar_product(a, b) / std::sqrt(scalar_product(a, a) * scalar_product(b, b));
  });
  compare(metric::kl_divergence(), p, q, [](const Row& a, const Row& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += b[i] * std::log(b[i] / a[i]);
    return sum;
  });
  compare(metric::categorical_hinge(), y, Tensor::labels(labels), [](const Row& a, const Row& b) {
    const auto right = static_cast<std::size_t>(b[0]);
    double wrong = 0;  // the right class has the score 0 here, as in Keras
    for (std::size_t i = 0; i < a.size(); ++i) wrong = i == right ? wrong : std::max(wrong, a[i]);
    return std::max(0.0, 1 + wrong - a[right]);
  });
  CHECK(metric::cosine_similarity().larger_is_better());
  CHECK_FALSE(metric::hinge().larger_is_better());
}

TEST_CASE("every option of a loss has its effect, and its settings name it") {
  const Tensor z = f64({2, 2}, {1, -0.5, 0.25, 2}), t = f64({2, 2}, {1, 0, 0, 1});
  const auto value = [&](const Loss& loss) { return loss(z, t).value().item(); };
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  // -t log p weighted by 2 and 3, and the rest
  const double expected = (2 * softplus(-1) + softplus(-0.5) + softplus(0.25) + 3 * softplus(-2)) / 4;
  CHECK(value(loss::sigmoid_cross_entropy({.pos_weight = {2, 3}})) == Approx(expected));
  CHECK(to_string(loss::sigmoid_cross_entropy({.label_smoothing = 0.1, .pos_weight = {2, 3}})) ==
        "sigmoid_cross_entropy (label_smoothing 0.1, pos_weight [2, 3])");
  CHECK(to_string(loss::sigmoid_cross_entropy()) == "sigmoid_cross_entropy");
  CHECK(to_string(loss::huber({.delta = 2})) == "huber (delta 2)");
  CHECK(to_string(loss::sigmoid_focal_cross_entropy({.gamma = 3, .balanced = true})) ==
        "sigmoid_focal_cross_entropy (gamma 3, balanced true)");
  CHECK(to_string(loss::tversky({.whole_batch = true, .beta = 0.25})) == "tversky (whole_batch true, beta 0.25)");
}

TEST_CASE("losses reject targets and options that do not fit") {
  const Tensor x = f64({2, 2}, {0.5, 0.25, 0.75, 1}), t = f64({2, 2}, {1, 0, 0.5, 1});
  CHECK(error_of([&] { hinge(x, t); }) == "hinge: expected targets that are -1 or 1, or 0 or 1, got 0.5");
  CHECK(error_of([&] {
          hinge(x, f64({2, 2}, {1, 0, -1, 1}));
        }) == "hinge: expected targets that are -1 or 1, or 0 or 1, got both -1 and 0");
  CHECK(error_of([&] { huber(x, t, {}, {.delta = 0}); }) == "huber: expected a finite delta above 0, got 0");
  CHECK(error_of([&] {
          dice(x, t, f64({2}, {1, 2}), {.whole_batch = true});
        }) == "dice: expected no weights of samples with whole_batch, got weights");
  CHECK(error_of([&] {
          dice(x, f64({2, 2}, {1, 2, 0, 0}));
        }) == "dice: expected targets in [0, 1], got 2 at element 1");
  CHECK(error_of([&] { tversky(x, t, {}, {.alpha = -1}); }) ==
        "tversky: expected finite alpha and beta of at least 0, got -1 and 0.5");
  CHECK(error_of([&] { tversky(x, t, {}, {.alpha = 0.25, .beta = -2}); }) ==
        "tversky: expected finite alpha and beta of at least 0, got 0.25 and -2");
  CHECK(error_of([&] {
          categorical_hinge(x, Tensor::labels({0, 2}));
        }) == "one_hot: expected indices in [0, 2), got 2");
  CHECK(error_of([&] {
          softmax_focal_cross_entropy(x, Tensor::labels({0, 1}), {}, {.balanced = true});
        }) == "softmax_focal_cross_entropy: expected balanced to be false, because alpha always applies; got true");
  CHECK(error_of([&] { sigmoid_focal_cross_entropy(x, t, {}, {.gamma = -1}); }) ==
        "sigmoid_focal_cross_entropy: expected a finite gamma of at least 0, got -1");
  CHECK(error_of([&] {
          sigmoid_cross_entropy(x, t, {}, {.pos_weight = {1, 2, 3}});
        }) ==
        "sigmoid_cross_entropy: expected one pos_weight, or one for each of the last axis of outputs (2, 2), got 3");
  CHECK(error_of([&] { sigmoid_cross_entropy(x, t, {}, {.pos_weight = {-1}}); }) ==
        "sigmoid_cross_entropy: expected finite pos_weights of at least 0, got -1");
  CHECK(error_of([&] {
          cosine_similarity(f64({2}, {1, 2}), f64({2}, {1, 2}));
        }) == "cosine_similarity: expected outputs (n, ..., k), got shape (2,)");
}
