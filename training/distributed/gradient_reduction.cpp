#include "training/distributed/gradient_reduction.hpp"

#include <cmath>
#include <utility>

#include "framework/tensor/elementwise.hpp"
#include "training/distributed/packing.hpp"

namespace xtape {

GradientReduction::GradientReduction(const Distributed& distributed, const std::vector<Parameter>& parameters,
                                     Residuals& residuals, bool overlap)
    : distributed_(distributed),
      parameters_(parameters),
      residuals_(residuals),
      gradients_(parameters.size()),
      bucket_of_(parameters.size()),
      overlap_(overlap) {
  for (std::size_t i = parameters.size(); i-- > 0;) {
    const bool fits = !buckets_.empty() && buckets_.back().bytes < distributed.bucket_bytes &&
                      parameters[buckets_.back().members.front()].dtype() == parameters[i].dtype();
    if (!fits) buckets_.emplace_back();
    Bucket& bucket = buckets_.back();
    bucket.members.push_back(i);
    bucket.elements += parameters[i].value().size();
    bucket.bytes += parameters[i].value().size_in_bytes();
    ++bucket.missing;
    bucket_of_[i] = buckets_.size() - 1;
  }
}

void GradientReduction::add(std::size_t index, Tensor gradient) {
  gradients_[index] = std::move(gradient);
  --buckets_[bucket_of_[index]].missing;
  if (++added_ < gradients_.size() && !overlap_) return;
  for (; started_ < buckets_.size() && buckets_[started_].missing == 0; ++started_) start(buckets_[started_]);
}

void GradientReduction::start(Bucket& bucket) {
  Tensor message = Tensor::zeros({bucket.elements}, parameters_[bucket.members.front()].dtype());
  std::int64_t begin = 0;
  for (const std::size_t i : bucket.members) {
    const Tensor gradient = with_residual(i);
    if (gradient.defined()) pack(gradient, begin, message);
    begin += parameters_[i].shape().size();
  }
  bucket.sum = distributed_.communicator->start_all_reduce(std::move(message), distributed_.wire);
}

/// The gradient with what rounding took from earlier ones, of which rounding takes a part again. That waits for the
/// next gradient where there is none.
Tensor GradientReduction::with_residual(std::size_t index) {
  Tensor gradient = std::exchange(gradients_[index], {});
  if (distributed_.wire == Wire::full || !gradient.defined()) return gradient;
  Tensor& residual = residuals_[parameters_[index]];
  if (residual.defined()) add_into(gradient, residual);
  residual = map("fit", gradient, rounded(gradient, distributed_.wire), [](auto whole, auto sent) {
    const auto rest = whole - sent;
    return std::isfinite(rest) ? rest : decltype(rest){0};
  });
  return gradient;
}

std::vector<Tensor> GradientReduction::wait() {
  for (Bucket& bucket : buckets_) {
    const Tensor sum = bucket.sum.wait();
    std::int64_t begin = 0;
    for (const std::size_t i : bucket.members) {
      gradients_[i] = unpacked(sum, begin, parameters_[i].shape());
      begin += gradients_[i].size();
    }
  }
  return std::move(gradients_);
}

}  // namespace xtape
