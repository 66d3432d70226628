// loss::summed against its definition: the sum of the losses of all samples and positions.
#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"
#include "training/metrics/loss.hpp"

namespace xtape {
namespace {

using test::error_of;

constexpr std::int64_t samples = 3, positions = 5, classes = 4;

Tensor numbers(std::uint64_t seed) {
  return RandomStream(seed).uniform({samples, positions, classes}, 0.05, 0.95, DType::float64);
}

/// Probabilities (samples, positions, classes).
Tensor distributions(std::uint64_t seed) {
  const Tensor x = numbers(seed);
  return (Variable(x) / sum(Variable(x), {-1}, true)).value();
}

/// 0 or 1 for each element.
Tensor answers() {
  return map("answers", numbers(5), [](double v) { return v > 0.5 ? 1.0 : 0.0; });
}

Tensor labels() {
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < samples * positions; ++i) all.push_back(i * i % classes);
  return Tensor::labels(all).reshaped({samples, positions});
}

/// The sum over samples and positions of weight times the loss of one vector alone.
double sum_of_single_losses(const Loss& loss, const Tensor& outputs, const Tensor& targets, const Tensor& weights) {
  const Tensor y = outputs.reshaped({samples * positions, classes});
  const Tensor t = targets.reshaped(targets.rank() == 3 ? y.shape() : Shape{samples * positions});
  double sum = 0;
  for (std::int64_t i = 0; i < samples * positions; ++i) {
    const double weight = weights.defined() ? weights.at({i / positions}) : 1;
    sum += weight * loss(y.rows(i, i + 1), t.rows(i, i + 1)).value().item();
  }
  return sum;
}

}  // namespace

TEST_CASE("a summed loss is the sum of the losses of all samples and positions") {
  const Tensor some = Tensor::of({samples}, {0.5, 2, 3}, DType::float64);
  const std::vector<Loss> of_elements{
      loss::mean_squared_error(),
      loss::mean_absolute_error(),
      loss::mean_absolute_percentage_error(),
      loss::mean_squared_logarithmic_error(),
      loss::log_cosh(),
      loss::poisson(),
      loss::huber({.delta = 0.1}),
      loss::hinge(),
      loss::squared_hinge(),
      loss::cosine_similarity(),
      loss::kl_divergence(),
      loss::binary_cross_entropy(),
      loss::sigmoid_cross_entropy({.label_smoothing = 0.1}),
      loss::sigmoid_focal_cross_entropy(),
  };
  const std::vector<Loss> of_classes{loss::softmax_cross_entropy(), loss::categorical_cross_entropy(),
                                     loss::softmax_focal_cross_entropy(), loss::categorical_hinge()};
  for (const Tensor& weights : {Tensor(), some}) {
    const auto check_sum = [&](const Loss& loss, const Tensor& y, const Tensor& t) {
      INFO(loss.name() << (weights.defined() ? ", weighted" : ""));
      const Loss summed = loss::summed(loss);
      CHECK(summed(y, t, weights).value().item() == Approx(sum_of_single_losses(loss, y, t, weights)).epsilon(1e-12));
      CHECK(summed.reduction() == LossReduction::sum);
      CHECK(summed.count(t) == samples * positions);
      CHECK(summed.outputs() == loss.outputs());
      CHECK(summed.targets() == loss.targets());
    };
    for (const Loss& loss : of_elements) {
      check_sum(loss, distributions(1), loss.name().ends_with("hinge") ? answers() : distributions(2));
    }
    for (const Loss& loss : of_classes) {
      check_sum(loss, distributions(1), labels());
      check_sum(loss, distributions(1), distributions(2));
    }
  }
}

TEST_CASE("a summed loss leaves ignored labels out, and its gradient is that of the sum") {
  const Loss mean = loss::softmax_cross_entropy({.ignored_label = 1});
  const Loss summed = loss::summed(mean);
  double expected = 0, counted = 0;
  const Tensor y = numbers(3);
  for (std::int64_t i = 0; i < samples * positions; ++i) {
    const std::int64_t label = i * i % classes;
    if (label == 1) continue;
    const Tensor row = y.reshaped({samples * positions, classes}).rows(i, i + 1);
    expected += loss::softmax_cross_entropy()(row, Tensor::labels({label})).value().item();
    ++counted;
  }
  CHECK(summed(y, labels()).value().item() == Approx(expected).epsilon(1e-12));
  CHECK(summed.count(labels()) == counted);
  CHECK(to_string(summed) == "softmax_cross_entropy (ignored_label 1, summed true)");
  CHECK(to_string(loss::summed(loss::huber())) == "huber (summed true)");

  const Tensor target = numbers(4);
  ForwardPass pass(Mode::training);
  const Variable watched = pass.watch(y);
  pass.backward(loss::summed(loss::mean_squared_error())(watched, target));
  const Tensor gradient = pass.gradient(watched);
  for (std::int64_t i = 0; i < gradient.size(); ++i) {
    const double difference =
        y.to_vector()[static_cast<std::size_t>(i)] - target.to_vector()[static_cast<std::size_t>(i)];
    CHECK(gradient.to_vector()[static_cast<std::size_t>(i)] == Approx(2 * difference / classes).epsilon(1e-12));
  }
}

TEST_CASE("what is no mean over samples cannot be summed") {
  CHECK(error_of([] { loss::summed(loss::summed(loss::huber())); }) ==
        "summed: expected a loss that is a mean, got huber, which is a sum");
  CHECK(error_of([] { loss::summed(loss::dice({.whole_batch = true})); }) ==
        "summed: expected a loss that is a mean, got dice, which is a ratio of sums over the batch");
  CHECK_NOTHROW(loss::summed(loss::dice()));
}

}  // namespace xtape
