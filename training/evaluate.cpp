#include "training/evaluate.hpp"

#include <algorithm>

#include "training/data_loader.hpp"
#include "training/fit_checks.hpp"
#include "training/progress.hpp"
#include "training/running_means.hpp"

namespace xtape {

Evaluation evaluate(const Model& model, const Dataset& data, const EvaluateOptions& options) {
  check(options.batch_size >= 1, "evaluate: expected a batch_size of at least 1, got {}", options.batch_size);
  check_data("evaluate", model, data);
  check_loss("evaluate", model, options.loss);
  check_targets("evaluate", model, data, options.loss, options.batch_size);
  const double start = steady_seconds();
  const DataLoader loader(data, {.batch_size = options.batch_size, .shuffle = false, .dtype = model.dtype()});
  RunningMeans means{.classes = data.classes() > 0};
  const Epoch batches = loader.epoch(0);
  for (const Batch& batch : batches) {
    ForwardPass pass(Mode::inference);
    const Variable outputs = model(batch.images, pass);
    check_outputs("evaluate", options.loss, outputs.value());
    means.add(options.loss(outputs, batch.labels, batch.weights).value().item(), outputs.value(), batch);
    if (options.batch_end && !options.batch_end(means.samples)) break;
  }
  ForwardPass pass(Mode::inference);
  const std::optional<Variable> penalty = model.regularization(pass);
  const double loss = means.loss() + (penalty ? penalty->value().item() : 0);
  return {loss, means.accuracy(), means.samples, steady_seconds() - start};
}

Tensor predict(const Model& model, const Tensor& images, std::int64_t batch_size) {
  check(images.defined(), "predict: expected images {} for model {}, got an undefined tensor",
        batch_shape_text(model.input_shape()), model.name());
  check_images("predict", model, images.shape());
  check(images.dim(0) > 0, "predict: expected at least one image, got {}", images.shape());
  const Tensor any_labels = Tensor::zeros({images.dim(0)}, DType::int64);  // the loader wants some
  return predict(model, Dataset(images, any_labels, 1), batch_size);
}

Tensor predict(const Model& model, const Dataset& data, std::int64_t batch_size) {
  check(batch_size >= 1, "predict: expected a batch_size of at least 1, got {}", batch_size);
  check_images("predict", model, data.image_shape().prepended(data.size()));
  const DataLoader loader(data, {.batch_size = batch_size, .shuffle = false, .dtype = model.dtype()});
  Tensor outputs = Tensor::empty(model.output_shape().prepended(data.size()), model.dtype());
  with_floating("predict", model.dtype(), [&](auto zero) {
    auto* next = outputs.mutable_data<decltype(zero)>();
    const Epoch batches = loader.epoch(0);
    for (const Batch& batch : batches) {
      ForwardPass pass(Mode::inference);
      const Tensor part = model(batch.images, pass).value();
      next = std::copy_n(part.data<decltype(zero)>(), part.size(), next);
    }
  });
  return outputs;
}

}  // namespace xtape
