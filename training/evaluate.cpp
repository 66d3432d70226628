#include "training/evaluate.hpp"

#include <algorithm>

#include "training/data/data_loader.hpp"
#include "training/fit_checks.hpp"
#include "training/metrics/running_figures.hpp"

namespace xtape {
namespace {

/// Calls f(outputs, batch) for each batch of the data in order, until f returns false.
template <class F>
void for_each_batch(const Model& model, const Dataset& data, std::int64_t batch_size, const F& f) {
  const DataLoader loader(data, {.batch_size = batch_size, .shuffle = false, .dtype = model.dtype()});
  const Epoch batches = loader.epoch(0);
  for (const Batch& batch : batches) {
    ForwardPass pass(Mode::inference);
    if (!f(model.call({batch.inputs.begin(), batch.inputs.end()}, pass), batch)) return;
  }
}

/// Copies the rows of a batch into the tensor of all samples, which is allocated at the first call.
void write_rows(const Tensor& part, std::int64_t begin, std::int64_t samples, Tensor& all) {
  if (!all.defined()) all = Tensor::empty(part.shape().replaced(0, samples), part.dtype());
  with_floating("predict", part.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::copy_n(part.data<T>(), part.size(), all.mutable_data<T>() + begin * (part.size() / part.dim(0)));
  });
}

const Tensor& only_output(const Model& model, const std::vector<Tensor>& outputs) {
  check(outputs.size() == 1, "predict: expected a model of one output, got model {} of {}; use predict_all()",
        model.name(), outputs.size());
  return outputs.front();
}

}  // namespace

Figures evaluate(const Model& model, const Dataset& data, const EvaluateOptions& options) {
  check(options.batch_size >= 1, "evaluate: expected a batch_size of at least 1, got {}", options.batch_size);
  check_data("evaluate", model, data);
  const Objective objective("evaluate", model, data, options.loss, options.metrics);
  check_losses("evaluate", model, objective);
  check_targets("evaluate", model, data, objective);
  ForwardPass of_penalty(Mode::inference);
  const std::optional<Variable> penalty = model.regularization(of_penalty);
  RunningFigures running(objective);
  for_each_batch(model, data, options.batch_size, [&](const std::vector<Variable>& outputs, const Batch& batch) {
    BatchLosses losses{.of_outputs = {}, .penalty = penalty ? penalty->value().item() : 0};
    std::vector<Tensor> values;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Loss& loss = objective.outputs()[i].loss;
      values.push_back(outputs[i].value());
      check_outputs("evaluate", loss, values.back());
      losses.of_outputs.push_back(loss(outputs[i], batch.targets[i], batch.weight(i)).value().item());
    }
    running.add(values, batch, losses);
    return !options.batch_end || options.batch_end(running.samples());
  });
  return running.figures();
}

std::vector<Tensor> predict_all(const Model& model, const Dataset& data, std::int64_t batch_size) {
  check(batch_size >= 1, "predict: expected a batch_size of at least 1, got {}", batch_size);
  check_inputs("predict", model, data);
  std::vector<Tensor> all(model.output_nodes().size());
  std::int64_t done = 0;
  for_each_batch(model, data, batch_size, [&](const std::vector<Variable>& outputs, const Batch& batch) {
    for (std::size_t i = 0; i < all.size(); ++i) write_rows(outputs[i].value(), done, data.size(), all[i]);
    done += batch.size();
    return true;
  });
  return all;
}

std::vector<Tensor> predict_all(const Model& model, const std::vector<Tensor>& inputs, std::int64_t batch_size) {
  for (const Tensor& input : inputs) {
    check(input.defined(), "predict: expected inputs {} for model {}, got an undefined tensor",
          batch_shape_text(model.input_shape()), model.name());
    check(input.rank() > 0 && input.dim(0) > 0, "predict: expected at least one sample, got {}", input.shape());
  }
  return predict_all(model, Dataset(inputs, std::vector<Target>()), batch_size);
}

Tensor predict(const Model& model, const Tensor& input, std::int64_t batch_size) {
  return only_output(model, predict_all(model, std::vector<Tensor>{input}, batch_size));
}

Tensor predict(const Model& model, const Dataset& data, std::int64_t batch_size) {
  return only_output(model, predict_all(model, data, batch_size));
}

}  // namespace xtape
