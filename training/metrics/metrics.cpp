#include "training/metrics/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/amount.hpp"
#include "framework/ops/label_checks.hpp"
#include "framework/tensor/tensor_text.hpp"
#include "training/metrics/metric_parts.hpp"

namespace xtape {
namespace {

/// The right class of each row. The header describes the Errors.
std::vector<std::int64_t> right_classes(std::string_view function, const Tensor& outputs, const Tensor& labels) {
  check(outputs.defined(), "{}: expected outputs (n, k), got an undefined tensor", function);
  check(outputs.rank() == 2 && outputs.size() > 0, "{}: expected outputs (n, k) of at least one sample, got {}",
        function, outputs.shape());
  const std::int64_t n = outputs.dim(0), k = outputs.dim(1);
  check(k > 1,
        "{}: expected an output for each of at least 2 classes, got {}, of which one is always the largest; use "
        "binary_accuracy for one output a sample",
        function, outputs.shape());
  const bool rows = labels.defined() && is_floating(labels.dtype()) && labels.shape() == outputs.shape();
  check(labels.defined() && (rows || (labels.dtype() == DType::int64 && labels.shape() == Shape{n})),
        "{}: expected labels int64 ({},) or one-hot {}, got {}{}", function, n, outputs.shape(), tensor_text(labels),
        is_column(labels, n) ? "; reshape them with .reshaped({n})" : "");
  if (rows) check_distributions(function, labels);
  const Tensor classes = classes_of_labels(labels);
  const std::span all(classes.data<std::int64_t>(), static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < all.size(); ++i) {
    check(all[i] >= 0 && all[i] < k, "{}: expected labels in [0, {}), got {} in row {}", function, k, all[i], i);
  }
  return {all.begin(), all.end()};
}

double share_in_top(std::string_view function, const Tensor& outputs, const Tensor& labels, std::int64_t count) {
  const std::vector<std::int64_t> classes = right_classes(function, outputs, labels);
  const Tensor top = top_classes(outputs, count);
  const auto* row = top.data<std::int64_t>();
  std::int64_t hits = 0;
  for (const std::int64_t right : classes) {
    hits += std::count(row, row + count, right);
    row += count;
  }
  return static_cast<double>(hits) / static_cast<double>(classes.size());
}

/// Writes the indices of the `count` largest of k values, in the order of top_classes().
template <class T>
void write_top(const T* values, std::int64_t k, std::int64_t count, std::vector<std::int64_t>& places,
               std::int64_t* out) {
  if (std::any_of(values, values + k, [](T value) { return std::isnan(value); })) {
    std::fill_n(out, count, -1);
  } else if (count == 1) {
    *out = std::max_element(values, values + k) - values;
  } else {
    std::iota(places.begin(), places.end(), std::int64_t{0});
    const auto larger = [&](std::int64_t i, std::int64_t j) {
      return values[i] > values[j] || (values[i] == values[j] && i < j);
    };
    std::partial_sort_copy(places.begin(), places.end(), out, out + count, larger);
  }
}

}  // namespace

Tensor top_classes(const Tensor& scores, std::int64_t count) {
  check(scores.defined() && is_floating(scores.dtype()) && scores.rank() >= 2 && scores.size() > 0,
        "top_classes: expected floating scores (n, ..., k) of at least one sample, got {}", tensor_text(scores));
  const std::int64_t k = scores.dim(-1), n = scores.size() / k;
  check(count >= 1 && count <= k, "top_classes: expected a count from 1 to {}, the number of classes, got {}", k,
        count);
  Tensor top = Tensor::empty(scores.shape().replaced(-1, count), DType::int64);
  with_floating("top_classes", scores.dtype(), [&](auto zero) {
    const auto* row = scores.data<decltype(zero)>();
    auto* out = top.mutable_data<std::int64_t>();
    std::vector<std::int64_t> places(static_cast<std::size_t>(k));
    for (std::int64_t i = 0; i < n; ++i) write_top(row + i * k, k, count, places, out + i * count);
  });
  return top;
}

Tensor classes_of_labels(const Tensor& labels) {
  return labels.dtype() == DType::int64 ? labels : top_classes(labels).reshaped({labels.dim(0)});
}

double accuracy(const Tensor& outputs, const Tensor& labels) { return share_in_top("accuracy", outputs, labels, 1); }

double top_k_accuracy(const Tensor& outputs, const Tensor& labels, std::int64_t count) {
  check(outputs.defined() && outputs.rank() == 2 && count >= 1 && count <= outputs.dim(1),
        "top_k_accuracy: expected a count from 1 to the number of classes, got {} for outputs {}", count,
        outputs.defined() ? fmt::format("{}", outputs.shape()) : "undefined");
  return share_in_top("top_k_accuracy", outputs, labels, count);
}

double binary_accuracy(const Tensor& outputs, const Tensor& targets, double threshold) {
  check(outputs.defined() && targets.defined() && is_floating(outputs.dtype()) && outputs.size() > 0 &&
            outputs.shape() == targets.shape(),
        "binary_accuracy: expected floating outputs and targets of one shape with at least one element, got {} and {}",
        tensor_text(outputs), tensor_text(targets));
  check_probabilities("binary_accuracy", targets);
  const std::vector<double> values = outputs.to_vector(), wanted = targets.to_vector();
  std::int64_t right = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    right += !std::isnan(values[i]) && (values[i] > threshold) == (wanted[i] > 0.5) ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(values.size());
}

namespace {

/// The class of a sample, and the class of its largest output, -1 for a NaN output.
struct Judgement {
  std::int64_t label, output;
};

std::vector<Judgement> judgements_of(std::string_view function, const Tensor& outputs, const Tensor& labels) {
  std::vector<Judgement> all;
  for (const std::int64_t label : right_classes(function, outputs, labels)) all.push_back({label, 0});
  const Tensor taken = top_classes(outputs);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].output = taken.data<std::int64_t>()[i];
  return all;
}

ClassMetrics metrics_of(std::int64_t right, std::int64_t taken, std::int64_t samples) {
  const double precision = ratio(static_cast<double>(right), static_cast<double>(taken));
  const double recall = ratio(static_cast<double>(right), static_cast<double>(samples));
  return {precision, recall, ratio(2 * precision * recall, precision + recall), samples};
}

/// The sum of column k of a confusion matrix (k, k + 1); 0 for a matrix (k, k).
std::int64_t undecided_of(const Tensor& confusion) {
  const std::int64_t k = confusion.dim(0);
  std::int64_t sum = 0;
  if (confusion.dim(1) != k + 1) return sum;
  for (std::int64_t i = 1; i <= k; ++i) sum += confusion.data<std::int64_t>()[i * (k + 1) - 1];
  return sum;
}

}  // namespace

Tensor confusion_matrix(const Tensor& outputs, const Tensor& labels) {
  const std::vector<Judgement> all = judgements_of("confusion_matrix", outputs, labels);
  const bool undecided = std::ranges::any_of(all, [](const Judgement& judgement) { return judgement.output < 0; });
  const std::int64_t k = outputs.dim(1), columns = k + (undecided ? 1 : 0);
  Tensor matrix = Tensor::zeros({k, columns}, DType::int64);
  auto* cells = matrix.mutable_data<std::int64_t>();
  for (const auto [label, output] : all) ++cells[label * columns + (output < 0 ? k : output)];
  return matrix;
}

ConfusionCounts confusion_counts(const Tensor& outputs, const Tensor& labels) {
  const std::vector<Judgement> all = judgements_of("confusion_counts", outputs, labels);
  const std::vector<std::int64_t> zeros(static_cast<std::size_t>(outputs.dim(1)));
  ConfusionCounts counts{zeros, zeros, zeros, {}, 0};
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> confused;
  for (const auto [label, output] : all) {
    ++counts.samples[static_cast<std::size_t>(label)];
    if (output < 0) {
      ++counts.undecided;
      continue;
    }
    ++counts.taken[static_cast<std::size_t>(output)];
    ++(label == output ? counts.right[static_cast<std::size_t>(label)] : confused[{label, output}]);
  }
  for (const auto& [pair, count] : confused) counts.confused.push_back({pair.first, pair.second, count});
  std::ranges::stable_sort(counts.confused, std::greater(), &ConfusionCounts::Pair::count);
  return counts;
}

std::vector<ClassMetrics> class_metrics(const Tensor& confusion) {
  check(
      confusion.defined() && confusion.rank() == 2 && confusion.dtype() == DType::int64 &&
          (confusion.dim(1) == confusion.dim(0) || undecided_of(confusion) > 0),
      "class_metrics: expected a confusion matrix (k, k) of int64, or (k, k + 1) with samples in the last column, got "
      "{}",
      tensor_text(confusion));
  const std::int64_t k = confusion.dim(0), columns = confusion.dim(1);
  const auto* counts = confusion.data<std::int64_t>();
  std::vector<ClassMetrics> all;
  for (std::int64_t i = 0; i < k; ++i) {
    std::int64_t of_class = 0, taken_for_it = 0;
    for (std::int64_t j = 0; j < columns; ++j) of_class += counts[i * columns + j];
    for (std::int64_t j = 0; j < k; ++j) taken_for_it += counts[j * columns + i];
    all.push_back(metrics_of(counts[i * columns + i], taken_for_it, of_class));
  }
  return all;
}

std::vector<ClassMetrics> class_metrics(const ConfusionCounts& counts) {
  std::vector<ClassMetrics> all;
  for (std::size_t i = 0; i < counts.samples.size(); ++i) {
    all.push_back(metrics_of(counts.right[i], counts.taken[i], counts.samples[i]));
  }
  return all;
}

namespace {

std::string table_of(const std::vector<ClassMetrics>& all, const std::vector<std::string>& class_names,
                     std::int64_t undecided) {
  check(class_names.empty() || class_names.size() == all.size(),
        "class_table: expected a name for each of the {} classes, got {}", all.size(), class_names.size());
  std::size_t width = std::string("mean over classes").size();
  for (const std::string& name : class_names) width = std::max(width, name.size());
  std::string text =
      fmt::format("{:<{}} {:>9} {:>9} {:>9} {:>9}\n", "class", width, "precision", "recall", "F1", "support");
  const auto row = [&](const std::string& name, const ClassMetrics& m) {
    text +=
        fmt::format("{:<{}} {:>9.4f} {:>9.4f} {:>9.4f} {:>9}\n", name, width, m.precision, m.recall, m.f1, m.support);
  };
  ClassMetrics mean{};
  double right = 0;
  const auto k = static_cast<double>(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    row(class_names.empty() ? std::to_string(i) : class_names[i], all[i]);
    mean.precision += all[i].precision / k;
    mean.recall += all[i].recall / k;
    mean.f1 += all[i].f1 / k;
    mean.support += all[i].support;
    right += all[i].recall * static_cast<double>(all[i].support);
  }
  row("mean over classes", mean);
  text += fmt::format("accuracy {:.4f}\n", ratio(right, static_cast<double>(mean.support)));
  return undecided == 0 ? text
                        : text + fmt::format("NaN outputs for {}, counted as wrong\n", amount(undecided, "sample"));
}

}  // namespace

std::string class_table(const Tensor& confusion, const std::vector<std::string>& class_names) {
  const std::vector<ClassMetrics> all = class_metrics(confusion);  // throws if the shape is wrong
  return table_of(all, class_names, undecided_of(confusion));
}

std::string class_table(const ConfusionCounts& counts, const std::vector<std::string>& class_names) {
  return table_of(class_metrics(counts), class_names, counts.undecided);
}

}  // namespace xtape
