#include "training/metrics.hpp"

#include <algorithm>
#include <string_view>
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
    const std::vector<double> values = labels.to_vector();
    for (auto row = values.begin(); row != values.end(); row += k) {
      classes.push_back(std::max_element(row, row + k) - row);
    }
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

Tensor confusion_matrix(const Tensor& outputs, const Tensor& labels) {
  const std::vector<std::int64_t> classes = classes_of("confusion_matrix", outputs, labels);
  const std::int64_t k = outputs.dim(1);
  Tensor matrix = Tensor::zeros({k, k}, DType::int64);
  auto* counts = matrix.mutable_data<std::int64_t>();
  with_floating("confusion_matrix", outputs.dtype(), [&](auto zero) {
    const auto* row = outputs.data<decltype(zero)>();
    for (const std::int64_t right : classes) {
      ++counts[right * k + (std::max_element(row, row + k) - row)];
      row += k;
    }
  });
  return matrix;
}

}  // namespace xtape
