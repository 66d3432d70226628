#include "training/metrics/metric.hpp"

#include <algorithm>
#include <utility>

#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/tensor_text.hpp"
#include "training/metrics/figures.hpp"

namespace xtape {

Metric::Metric(std::string name, Sums sums, Result result, MetricOptions options)
    : name_(std::move(name)),
      made_name_(name_),
      sums_(std::move(sums)),
      result_(std::move(result)),
      options_(std::move(options)) {
  check_figure_name("Metric", name_);
  check(sums_ && result_, "Metric {}: expected two functions, sums and result, got an empty one", name_);
}

Tensor Metric::sums(const Tensor& outputs, const Tensor& targets, const Tensor& weights) const {
  Tensor sums = sums_(outputs, targets, weights);
  check(sums.defined() && sums.dtype() == DType::float64, "Metric {}: expected sums of float64, got {}", name_,
        tensor_text(sums));
  return sums;
}

Tensor Metric::combined(const Tensor& first, const Tensor& second) const {
  if (!first.defined()) return second;
  check(first.shape() == second.shape(), "Metric {}: expected sums of one shape for all batches, got {} and {}", name_,
        first.shape(), second.shape());
  if (!options_.combine) {
    Tensor total = first;
    add_into(total, second);
    return total;
  }
  Tensor total = options_.combine(first, second);
  check(total.defined() && total.dtype() == DType::float64 && total.shape() == first.shape(),
        "Metric {}: expected a combine function that returns float64 of shape {} for sums of this shape, got {}", name_,
        first.shape(), tensor_text(total));
  return total;
}

Metric Metric::renamed(std::string name) const {
  check_figure_name("Metric", name);
  Metric other = *this;
  other.name_ = std::move(name);
  return other;
}

std::string Metric::definition() const {
  return options_.settings.empty() ? made_name_ : fmt::format("{} ({})", made_name_, options_.settings);
}

std::string to_string(const Metric& metric) {
  const std::string made = metric.definition();
  return metric.name_ == metric.made_name_ ? made : fmt::format("{}: {}", metric.name_, made);
}

}  // namespace xtape
