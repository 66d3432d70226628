#include "framework/ops/loss_parts.hpp"

#include "framework/ops/comparison.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/tensor/tensor_text.hpp"

namespace xtape {

void check_weights(std::string_view function, const Variable& x, const Tensor& weights) {
  check(!weights.defined() ||
            (x.value().rank() > 0 && weights.shape() == Shape{x.dim(0)} && is_floating(weights.dtype())),
        "{}: expected floating weights, one for each of the samples of {}, got {}", function, x.shape(),
        tensor_text(weights));
}

void check_alike(std::string_view function, const Variable& outputs, const Tensor& targets) {
  check(targets.defined() && outputs.shape() == targets.shape() && outputs.size() > 0,
        "{}: expected outputs and targets of one shape with at least one element, got {} and {}", function,
        shape_text(outputs.value()), shape_text(targets));
}

void check_label_smoothing(std::string_view function, double share) {
  check(share >= 0 && share < 1, "{}: expected a label_smoothing in [0, 1), got {}", function, share);
}

Variable weighted(std::string_view function, const Variable& x, const Tensor& weights) {
  check_weights(function, x, weights);
  if (!weights.defined()) return x;
  std::vector<std::int64_t> column(static_cast<std::size_t>(x.value().rank()), 1);
  column[0] = x.dim(0);
  const Tensor factors = weights.to(x.dtype()).reshaped(Shape(column));
  return record(function, map(function, factors, x.value(), [](auto w, auto v) { return share_of(w, v); }),
                {{x, [function, weights](const Variable& dy) { return weighted(function, dy, weights); }}});
}

Variable counted(std::string_view function, const Variable& x, const Tensor& weights) {
  check_weights(function, x, weights);
  Variable wide = cast(x, DType::float64);
  if (!weights.defined()) return wide;
  std::vector<std::int64_t> column(static_cast<std::size_t>(x.rank()), 1);
  column[0] = x.dim(0);
  return where(weights.reshaped(Shape(column)), wide, Variable(Tensor::scalar(0, DType::float64)));
}

Variable mean_of_positions(std::string_view function, const Variable& l, const Tensor& weights, DType dtype) {
  return cast(mean(weighted(function, l, weights)), dtype);
}

}  // namespace xtape
