#include "framework/autograd/finite_check.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

/// Whether the absolute values of all elements are at most the largest finite number, or infinity.
bool bounded(const Tensor& tensor, bool finite) {
  if (!is_floating(tensor.dtype())) return true;
  std::atomic<bool> all = true;
  with_floating("all_finite", tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T most = finite ? std::numeric_limits<T>::max() : std::numeric_limits<T>::infinity();
    const T* const values = tensor.data<T>();
    kernels::parallel_for(tensor.size(), elementwise_grain, [=, &all](std::int64_t begin, std::int64_t end) {
      unsigned wrong = 0;  // without branches, so that the loop is vectorized
      for (std::int64_t i = begin; i < end; ++i) wrong |= static_cast<unsigned>(!(std::abs(values[i]) <= most));
      if (wrong != 0) all = false;
    });
  });
  return all;
}

}  // namespace

bool all_finite(const Tensor& tensor) { return bounded(tensor, true); }

bool no_nan(const Tensor& tensor) { return bounded(tensor, false); }

std::string summary_of_values(const Tensor& tensor) {
  double least = std::numeric_limits<double>::infinity();
  double most = -least;
  double sum = 0;
  std::int64_t finite = 0;
  for (const double value : tensor.to_vector()) {
    if (!std::isfinite(value)) continue;
    least = std::min(least, value);
    most = std::max(most, value);
    sum += value;
    ++finite;
  }
  if (finite == 0) return fmt::format("{}: none of {} finite", tensor.shape(), tensor.size());
  return fmt::format("{}: min {:.6g}, mean {:.6g}, max {:.6g}, {} of {} not finite", tensor.shape(), least,
                     sum / static_cast<double>(finite), most, tensor.size() - finite, tensor.size());
}

void FiniteCheck::op_recorded(const ObservedOp& op, const Tensor& value, const std::vector<Variable>& inputs) {
  require(op, "value", value, inputs);
}

void FiniteCheck::derivative_computed(const ObservedOp& op, std::size_t which, const Tensor& derivative) {
  require(op, fmt::format("derivative number {}", which), derivative, {});
}

void FiniteCheck::require(const ObservedOp& op, std::string_view what, const Tensor& value,
                          const std::vector<Variable>& inputs) const {
  if (all_finite(value)) return;
  std::string message = fmt::format("step {}, layer {}, {}: expected a finite {}, got {}", step_,
                                    op.layer.empty() ? "(none)" : op.layer, op.name, what, summary_of_values(value));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    message += fmt::format("; input {} {}", i, summary_of_values(inputs[i].value()));
  }
  throw Error(message);
}

}  // namespace xtape
