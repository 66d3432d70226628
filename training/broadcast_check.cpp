#include "training/broadcast_check.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "framework/tensor/random.hpp"
#include "training/batch_weights.hpp"
#include "training/data_loader.hpp"

namespace xtape {

bool broadcast_apart(const Shape& outputs, const Shape& targets) {
  const int rank = std::max(outputs.rank(), targets.rank());
  bool outputs_grow = false, targets_grow = false;
  for (int axis = 1; axis <= rank; ++axis) {
    const std::int64_t o = axis <= outputs.rank() ? outputs[-axis] : 1;
    const std::int64_t t = axis <= targets.rank() ? targets[-axis] : 1;
    if (o != t && o != 1 && t != 1) return false;
    outputs_grow = outputs_grow || o < t;
    targets_grow = targets_grow || t < o;
  }
  return outputs.rank() != targets.rank() || (outputs_grow && targets_grow);
}

namespace {

constexpr std::int64_t few = 7;  // samples of a trial; more where these many can be broadcast

/// The shapes of the outputs and the labels of n samples.
struct Shapes {
  Shape outputs, labels;
  Shapes(const Model& model, const Dataset& data, std::int64_t n)
      : outputs(model.output_shape().prepended(n)), labels(data.labels().shape().replaced(0, n)) {}
  bool apart() const { return outputs.rank() != labels.rank() && broadcast_apart(outputs, labels); }
};

/// Whether the loss of the first n samples is an Error, as it is when their labels can't be broadcast.
bool fails(const Model& model, const Dataset& data, const LossFunction& loss, std::int64_t n,
           const std::vector<double>& class_weights) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < n; ++i) indices.push_back(i % data.size());
  const DataLoader loader(data.subset(indices), {.batch_size = n, .shuffle = false, .dtype = model.dtype()});
  const Batch batch = loader.epoch(0)[0];
  ForwardPass pass(Mode::inference);
  const Variable outputs = model(batch.images, pass);
  try {
    loss(outputs, batch.labels, weights_of(batch, class_weights));
    return false;
  } catch (const Error&) {
    return true;
  }
}

/// Whether the loss sees the targets, and not which of them belongs to which output.
bool forgets_pairs(const Shapes& shapes, DType dtype, const LossFunction& loss, bool weighted) {
  const auto numbers = [dtype](const Shape& shape, std::uint64_t stream) {  // probabilities, logits, targets: all fit
    return RandomStream(1, stream).uniform(shape, 0.05, 0.95, dtype);
  };
  const Tensor outputs = numbers(shapes.outputs, 0), targets = numbers(shapes.labels, 1);
  const std::int64_t n = shapes.labels[0];
  std::vector<double> rotated = targets.to_vector();
  std::rotate(rotated.begin(), rotated.begin() + targets.size() / n, rotated.end());
  const Tensor weights = weighted ? Tensor::ones({n}, dtype) : Tensor();
  const auto value = [&](const Tensor& labels) { return loss(outputs, labels, weights).value().item(); };
  try {
    const double here = value(targets), elsewhere = value(Tensor::of(shapes.labels, rotated, dtype));
    const double other = value(numbers(shapes.labels, 2)), rounding = 1e-5 * std::abs(here);
    return std::abs(here - elsewhere) <= rounding && std::abs(here - other) > rounding;
  } catch (const Error&) {  // no loss of such numbers: the first step shows whether of the real ones
    return false;
  }
}

}  // namespace

void check_broadcasts(std::string_view function, const Model& model, const Dataset& data, const LossFunction& loss,
                      std::int64_t batch_size, const std::vector<double>& class_weights) {
  const std::int64_t whole = std::min(batch_size, data.size()), last = data.size() % whole;
  const auto open = [&](std::int64_t n) { return n > 1 && Shapes(model, data, n).apart(); };
  if (!open(whole) && !open(last)) return;
  if (data.classes() > 0 && loss.has_state()) return;  // may count its calls; class numbers are seldom subtracted
  std::optional<std::int64_t> telling;
  for (std::int64_t n = few; n < few + std::int64_t{2} * Shape::max_rank && !telling; ++n) {
    if (!Shapes(model, data, n).apart()) telling = n;
  }
  const bool weighted = data.weights().defined() || !class_weights.empty();
  const bool wrong =
      telling ? fails(model, data, loss, *telling, class_weights)
              : is_floating(data.labels().dtype()) && forgets_pairs({model, data, few}, model.dtype(), loss, weighted);
  check(!wrong,
        "{}: expected targets {} like the outputs of model {}, got {}, which would be compared with the outputs of "
        "other samples; reshape them",
        function, batch_shape_text(model.output_shape()), model.name(), data.labels().shape());
}

}  // namespace xtape
