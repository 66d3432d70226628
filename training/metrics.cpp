#include "training/metrics.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace xtape {
namespace {

/// The right class of each row; see the header for what is an Error.
std::vector<std::int64_t> classes_of(std::string_view function, const Tensor& outputs, const Tensor& labels) {
  check(outputs.defined() && outputs.rank() == 2 && outputs.dim(0) > 0 && outputs.dim(1) > 0,
        "{}: expected outputs (n, k) of at least one sample, got {}", function, outputs.shape());
  const std::int64_t n = outputs.dim(0), k = outputs.dim(1);
  const bool one_hot = is_floating(labels.dtype()) && labels.shape() == outputs.shape();
  check(labels.defined() && (one_hot || (labels.dtype() == DType::int64 && labels.shape() == Shape{n})),
        "{}: expected labels int64 ({},) or one-hot {}, got {} {}", function, n, outputs.shape(), labels.dtype(),
        labels.shape());
  std::vector<std::int64_t> classes;
  if (!one_hot) {
    classes.assign(labels.data<std::int64_t>(), labels.data<std::int64_t>() + n);
  } else {
    with_floating(function, labels.dtype(), [&](auto zero) {
      const auto* row = labels.data<decltype(zero)>();
      for (std::int64_t i = 0; i < n; ++i, row += k) classes.push_back(std::max_element(row, row + k) - row);
    });
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    check(classes[i] >= 0 && classes[i] < k, "{}: expected labels in [0, {}), got {} in row {}", function, k,
          classes[i], i);
  }
  return classes;
}

/// Number of classes whose output counts as larger than that of class `right`.
template <class T>
std::int64_t classes_ahead(const T* row, std::int64_t k, std::int64_t right) {
  std::int64_t ahead = 0;
  for (std::int64_t j = 0; j < k; ++j) {
    const bool behind = row[j] < row[right] || (row[j] == row[right] && j >= right);
    ahead += behind ? 0 : 1;  // so what can't be compared, NaN, is ahead
  }
  return ahead;
}

double share_in_top(std::string_view function, const Tensor& outputs, const Tensor& labels, std::int64_t count) {
  const std::vector<std::int64_t> classes = classes_of(function, outputs, labels);
  return with_floating(function, outputs.dtype(), [&](auto zero) {
    const auto* row = outputs.data<decltype(zero)>();
    std::int64_t hits = 0;
    for (const std::int64_t right : classes) {
      hits += classes_ahead(row, outputs.dim(1), right) < count ? 1 : 0;
      row += outputs.dim(1);
    }
    return static_cast<double>(hits) / static_cast<double>(classes.size());
  });
}

}  // namespace

double accuracy(const Tensor& outputs, const Tensor& labels) { return share_in_top("accuracy", outputs, labels, 1); }

double top_k_accuracy(const Tensor& outputs, const Tensor& labels, std::int64_t count) {
  check(outputs.rank() == 2 && count >= 1 && count <= outputs.dim(1),
        "top_k_accuracy: expected a count from 1 to the number of classes, got {} for outputs {}", count,
        outputs.shape());
  return share_in_top("top_k_accuracy", outputs, labels, count);
}

namespace {

/// What a sample is, and what its largest output takes it for.
struct Judgement {
  std::int64_t label, output;
};

std::vector<Judgement> judgements_of(std::string_view function, const Tensor& outputs, const Tensor& labels) {
  std::vector<Judgement> all;
  for (const std::int64_t label : classes_of(function, outputs, labels)) all.push_back({label, 0});
  const std::int64_t k = outputs.dim(1);
  with_floating(function, outputs.dtype(), [&](auto zero) {
    const auto* row = outputs.data<decltype(zero)>();
    for (Judgement& judgement : all) {
      judgement.output = std::max_element(row, row + k) - row;
      row += k;
    }
  });
  return all;
}

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

ClassMetrics metrics_of(std::int64_t right, std::int64_t taken, std::int64_t samples) {
  const double precision = ratio(static_cast<double>(right), static_cast<double>(taken));
  const double recall = ratio(static_cast<double>(right), static_cast<double>(samples));
  return {precision, recall, ratio(2 * precision * recall, precision + recall), samples};
}

}  // namespace

Tensor confusion_matrix(const Tensor& outputs, const Tensor& labels) {
  const std::vector<Judgement> all = judgements_of("confusion_matrix", outputs, labels);
  const std::int64_t k = outputs.dim(1);
  Tensor matrix = Tensor::zeros({k, k}, DType::int64);
  auto* cells = matrix.mutable_data<std::int64_t>();
  for (const auto [label, output] : all) ++cells[label * k + output];
  return matrix;
}

ConfusionCounts confusion_counts(const Tensor& outputs, const Tensor& labels) {
  const std::vector<Judgement> all = judgements_of("confusion_counts", outputs, labels);
  const auto k = static_cast<std::size_t>(outputs.dim(1));
  const std::vector<std::int64_t> zeros(k);
  ConfusionCounts counts{zeros, zeros, zeros, {}};
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> confused;
  for (const auto [label, output] : all) {
    ++counts.samples[static_cast<std::size_t>(label)];
    ++counts.taken[static_cast<std::size_t>(output)];
    ++(label == output ? counts.right[static_cast<std::size_t>(label)] : confused[{label, output}]);
  }
  for (const auto& [pair, count] : confused) counts.confused.push_back({pair.first, pair.second, count});
  std::ranges::stable_sort(counts.confused, std::greater(), &ConfusionCounts::Pair::count);
  return counts;
}

std::vector<ClassMetrics> class_metrics(const Tensor& confusion) {
  check(confusion.defined() && confusion.rank() == 2 && confusion.dim(0) == confusion.dim(1) &&
            confusion.dtype() == DType::int64,
        "class_metrics: expected a confusion matrix (k, k) of int64, got {} {}", confusion.dtype(), confusion.shape());
  const std::int64_t k = confusion.dim(0);
  const auto* counts = confusion.data<std::int64_t>();
  std::vector<ClassMetrics> all;
  for (std::int64_t i = 0; i < k; ++i) {
    std::int64_t of_class = 0, taken_for_it = 0;
    for (std::int64_t j = 0; j < k; ++j) {
      of_class += counts[i * k + j];
      taken_for_it += counts[j * k + i];
    }
    all.push_back(metrics_of(counts[i * k + i], taken_for_it, of_class));
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

std::string table_of(const std::vector<ClassMetrics>& all, const std::vector<std::string>& class_names) {
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
  return text + fmt::format("accuracy {:.4f}\n", ratio(right, static_cast<double>(mean.support)));
}

}  // namespace

std::string class_table(const Tensor& confusion, const std::vector<std::string>& class_names) {
  return table_of(class_metrics(confusion), class_names);
}

std::string class_table(const ConfusionCounts& counts, const std::vector<std::string>& class_names) {
  return table_of(class_metrics(counts), class_names);
}

}  // namespace xtape
