// Metrics of scores for classes and of yes-no answers.
#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/ops/label_checks.hpp"
#include "framework/tensor/tensor_text.hpp"
#include "training/metrics/metric.hpp"
#include "training/metrics/metric_parts.hpp"
#include "training/metrics/metrics.hpp"

namespace xtape::metric {
namespace {

using Ignores = std::function<bool(std::int64_t)>;

Ignores ignores(const std::optional<std::int64_t>& ignored) {
  return [ignored](std::int64_t label) { return label == ignored; };
}

/// A metric that is a mean. Its sums are sum(w x) and sum(w).
Metric mean_metric(std::string name, Metric::Sums sums, std::string settings, Ignores ignores = {}) {
  const auto result = [name](const Tensor& total) {
    check_sums(name, total, total.shape() == Shape{2});
    return ratio(total.at({0}), total.at({1}));
  };
  return {name, std::move(sums), result, {.settings = std::move(settings), .ignores = std::move(ignores)}};
}

/// The scores and labels of all positions, one position in each row.
struct Rows {
  Tensor scores;                      ///< (rows, k)
  std::vector<std::int64_t> classes;  ///< the right class of each row
  std::vector<double> weights;        ///< 0 where the label is ignored
};

Rows rows_of(const char* name, const Tensor& outputs, const Tensor& targets, const Tensor& weights,
             const std::optional<std::int64_t>& ignored) {
  check(outputs.defined() && is_floating(outputs.dtype()) && outputs.rank() >= 2 && outputs.size() > 0 &&
            outputs.dim(-1) > 1,
        "{}: expected outputs (n, ..., k) for at least 2 classes, got {}; use binary_accuracy for one output a sample",
        name, tensor_text(outputs));
  const std::int64_t k = outputs.dim(-1), rows = outputs.size() / k;
  const bool distributions = targets.defined() && is_floating(targets.dtype()) && targets.shape() == outputs.shape();
  check(distributions ||
            (targets.defined() && targets.dtype() == DType::int64 && targets.shape() == outputs.shape().without(-1)),
        "{}: expected labels int64 {} or distributions {}, got {}", name, outputs.shape().without(-1), outputs.shape(),
        tensor_text(targets));
  Rows all{outputs.reshaped({rows, k}), {}, weights_of_positions(name, weights, outputs.dim(0), rows)};
  const Tensor classes = distributions ? top_classes(targets.reshaped({rows, k})) : targets;
  const auto* const label = classes.data<std::int64_t>();
  all.classes.assign(label, label + rows);
  for (std::size_t i = 0; i < all.classes.size(); ++i) {
    if (!distributions && all.classes[i] == ignored) {
      all.weights[i] = 0;
      all.classes[i] = 0;
    }
    check(all.classes[i] >= 0 && all.classes[i] < k, "{}: expected labels in [0, {}), got {} at position {}", name, k,
          all.classes[i], i);
  }
  return all;
}

Tensor hits(const char* name, const Rows& rows, std::int64_t count) {
  check(count <= rows.scores.dim(1), "{}: expected k of at most {}, the number of classes, got {}", name,
        rows.scores.dim(1), count);
  const Tensor top = top_classes(rows.scores, count);
  const auto* best = top.data<std::int64_t>();
  double right = 0, all = 0;
  for (std::size_t i = 0; i < rows.classes.size(); ++i, best += count) {
    all += rows.weights[i];
    if (std::find(best, best + count, rows.classes[i]) != best + count) right += rows.weights[i];
  }
  return Tensor::of({2}, {right, all}, DType::float64);
}

std::string ignored_text(const std::optional<std::int64_t>& ignored) {
  return ignored ? fmt::format("ignored_label {}", *ignored) : "";
}

}  // namespace

Metric accuracy(const LabelOptions& options) {
  const auto sums = [ignored = options.ignored_label](const Tensor& outputs, const Tensor& targets,
                                                      const Tensor& weights) {
    return hits("accuracy", rows_of("accuracy", outputs, targets, weights, ignored), 1);
  };
  return mean_metric("accuracy", sums, ignored_text(options.ignored_label), ignores(options.ignored_label));
}

Metric top_k_accuracy(const TopOptions& options) {
  check(options.k >= 1, "top_k_accuracy: expected k of at least 1, got {}", options.k);
  const auto sums = [options](const Tensor& outputs, const Tensor& targets, const Tensor& weights) {
    const Rows rows = rows_of("top_k_accuracy", outputs, targets, weights, options.ignored_label);
    return hits("top_k_accuracy", rows, options.k);
  };
  return mean_metric(fmt::format("top_{}_accuracy", options.k), sums, ignored_text(options.ignored_label),
                     ignores(options.ignored_label));
}

namespace {

/// Yes-no answers, one for each element.
struct Answers {
  std::vector<double> outputs;
  std::vector<bool> wanted;
  std::vector<double> weights;
};

Answers answers_of(const char* name, const Tensor& outputs, const Tensor& targets, const Tensor& weights) {
  check_numbers(name, outputs, targets);
  check_probabilities(name, targets);
  Answers all{outputs.to_vector(), {}, weights_of_positions(name, weights, outputs.dim(0), outputs.size())};
  for (const double target : targets.to_vector()) all.wanted.push_back(target > 0.5);
  return all;
}

}  // namespace

Metric binary_accuracy(const ThresholdOptions& options) {
  const auto sums = [options](const Tensor& outputs, const Tensor& targets, const Tensor& weights) {
    const Answers all = answers_of("binary_accuracy", outputs, targets, weights);
    double right = 0, sum = 0;
    for (std::size_t i = 0; i < all.outputs.size(); ++i) {
      sum += all.weights[i];
      const double y = all.outputs[i];
      if (!std::isnan(y) && (y > options.threshold) == all.wanted[i]) right += all.weights[i];
    }
    return Tensor::of({2}, {right, sum}, DType::float64);
  };
  return mean_metric("binary_accuracy", sums,
                     options.threshold == 0.5 ? "" : fmt::format("threshold {}", options.threshold));
}

namespace {

/// For each class three sums of weights, (3, classes): of the true positives, of all predictions of the class, and of
/// all positions of the class. Yes-no answers have the classes no and yes. Their shape is (3, 2, 1), which
/// distinguishes them from scores for two classes.
Tensor decisions(const char* name, const Tensor& outputs, const Tensor& targets, const Tensor& weights,
                 const DecisionOptions& options) {
  const bool answers = targets.defined() && is_floating(targets.dtype());
  const std::int64_t k = answers ? 2 : outputs.defined() && outputs.rank() > 0 ? outputs.dim(-1) : 0;
  Tensor sums = Tensor::zeros(answers ? Shape{3, 2, 1} : Shape{3, k}, DType::float64);
  auto* const right = sums.mutable_data<double>();
  double *const taken = right + k, *const wanted = taken + k;
  const auto add = [&](std::int64_t label, std::int64_t output, double weight) {
    wanted[label] += weight;
    if (output < 0) return;  // NaN: no class is predicted
    taken[output] += weight;
    if (output == label) right[label] += weight;
  };
  if (answers) {
    const Answers all = answers_of(name, outputs, targets, weights);
    for (std::size_t i = 0; i < all.outputs.size(); ++i) {
      const double y = all.outputs[i];
      add(all.wanted[i] ? 1 : 0, std::isnan(y) ? -1 : y > options.threshold ? 1 : 0, all.weights[i]);
    }
  } else {
    const Rows rows = rows_of(name, outputs, targets, weights, options.ignored_label);
    const Tensor top = top_classes(rows.scores);
    for (std::size_t i = 0; i < rows.classes.size(); ++i) {
      add(rows.classes[i], top.data<std::int64_t>()[i], rows.weights[i]);
    }
  }
  return sums;
}

/// Error if there is no class of this number.
void check_class(const char* name, const std::optional<std::int64_t>& number, std::int64_t classes) {
  check(!number || (*number >= 0 && *number < classes), "{}: expected a class_number in [0, {}), got {}", name, classes,
        number.value_or(0));
}

/// A metric computed from the three sums of each class: the mean over the classes. For yes-no answers it is the figure
/// of yes, or with `both` the mean over yes and no.
template <class OfClass>
Metric decision_metric(const char* name, const DecisionOptions& options, bool both, OfClass of_class) {
  const auto sums = [name, options](const Tensor& outputs, const Tensor& targets, const Tensor& weights) {
    Tensor total = decisions(name, outputs, targets, weights, options);
    if (total.rank() == 2) check_class(name, options.class_number, total.dim(1));
    return total;
  };
  const auto result = [name, options, both, of_class](const Tensor& total) {
    const bool answers = total.shape() == Shape{3, 2, 1};
    check_sums(name, total, answers || (total.rank() == 2 && total.dim(0) == 3));
    const std::int64_t k = total.dim(1);
    const auto* const right = total.data<double>();
    const auto figure = [&](std::int64_t c) { return of_class(right[c], right[k + c], right[2 * k + c]); };
    if (answers && !both) return figure(1);
    if (!answers && options.class_number) {
      check_class(name, options.class_number, k);
      return figure(*options.class_number);
    }
    double sum = 0, occurring = 0;
    for (std::int64_t c = 0; c < k; ++c) {
      if (right[k + c] == 0 && right[2 * k + c] == 0) continue;
      sum += figure(c);
      ++occurring;
    }
    return ratio(sum, occurring);
  };
  std::vector<std::string> settings;
  if (options.ignored_label) settings.push_back(ignored_text(options.ignored_label));
  if (options.threshold != 0.5) settings.push_back(fmt::format("threshold {}", options.threshold));
  if (options.class_number) settings.push_back(fmt::format("class_number {}", *options.class_number));
  return {name,
          sums,
          result,
          {.settings = fmt::format("{}", fmt::join(settings, ", ")), .ignores = ignores(options.ignored_label)}};
}

}  // namespace

Metric precision(const DecisionOptions& options) {
  return decision_metric("precision", options, false,
                         [](double right, double taken, double) { return ratio(right, taken); });
}

Metric recall(const DecisionOptions& options) {
  return decision_metric("recall", options, false,
                         [](double right, double, double wanted) { return ratio(right, wanted); });
}

Metric f1(const DecisionOptions& options) {
  return decision_metric("f1", options, false,
                         [](double right, double taken, double wanted) { return ratio(2 * right, taken + wanted); });
}

Metric intersection_over_union(const DecisionOptions& options) {
  return decision_metric("intersection_over_union", options, true, [](double right, double taken, double wanted) {
    return ratio(right, taken + wanted - right);
  });
}

namespace {

/// The index of the first threshold that a probability does not exceed. The thresholds are i / (count - 1), but the
/// first one is slightly below 0 and the last one slightly above 1.
std::int64_t first_not_exceeded(double p, std::int64_t count) {
  auto i = static_cast<std::int64_t>(std::ceil(p * static_cast<double>(count - 1)));
  const auto threshold = [count](std::int64_t at) { return static_cast<double>(at) / static_cast<double>(count - 1); };
  while (i > 1 && p <= threshold(i - 1)) --i;  // corrects rounding errors
  while (i < count - 1 && p > threshold(i)) ++i;
  return std::clamp<std::int64_t>(i, 1, count - 1);
}

}  // namespace

Metric auc(const AucOptions& options) {
  check(options.thresholds >= 2, "auc: expected at least 2 thresholds, got {}", options.thresholds);
  const std::int64_t count = options.thresholds;
  // two histograms of weights, of the positives and of the negatives: bin i has the outputs for which threshold i is
  // the first that they do not exceed; the last bin has the NaN outputs, which exceed no threshold
  const auto sums = [options, count](const Tensor& outputs, const Tensor& targets, const Tensor& weights) {
    const Answers all = answers_of("auc", outputs, targets, weights);
    Tensor total = Tensor::zeros({2, count + 1}, DType::float64);
    auto* const bins = total.mutable_data<double>();
    for (std::size_t i = 0; i < all.outputs.size(); ++i) {
      const double p = options.from_logits ? 1 / (1 + std::exp(-all.outputs[i])) : all.outputs[i];
      check(std::isnan(p) || (p >= 0 && p <= 1),
            "auc: expected probabilities in [0, 1], got {}; for logits set from_logits", p);
      const std::int64_t bin = std::isnan(p) ? count : first_not_exceeded(p, count);
      bins[(all.wanted[i] ? 0 : count + 1) + bin] += all.weights[i];
    }
    return total;
  };
  const auto result = [count](const Tensor& total) {
    check_sums("auc", total, total.shape() == Shape{2, count + 1});
    const auto *const positives = total.data<double>(), *const negatives = positives + count + 1;
    double all_positives = 0, all_negatives = 0;
    for (std::int64_t i = 0; i <= count; ++i) all_positives += positives[i], all_negatives += negatives[i];
    double hit = 0, area = 0;  // hit: weight of the positives above the threshold, in the order of falling thresholds
    for (std::int64_t i = count - 1; i >= 1; --i) {
      area += negatives[i] * (hit + positives[i] / 2);
      hit += positives[i];
    }
    return ratio(area, all_positives * all_negatives);
  };
  return {"auc",
          sums,
          result,
          {.settings = fmt::format("thresholds {}{}", count, options.from_logits ? ", from_logits" : "")}};
}

}  // namespace xtape::metric
