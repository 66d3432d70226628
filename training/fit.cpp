#include "training/fit.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <tuple>

#include "training/data_loader.hpp"
#include "training/metrics.hpp"

namespace xtape {
namespace {

/// Means over samples of what batches came to; an accuracy only where there are classes.
struct RunningMeans {
  bool classes;
  double loss_sum = 0, accuracy_sum = 0;
  std::int64_t samples = 0;

  void add(double batch_loss, const Tensor& outputs, const Batch& batch) {
    const auto count = static_cast<double>(batch.size());
    loss_sum += batch_loss * count;
    if (classes) accuracy_sum += xtape::accuracy(outputs, batch.labels) * count;
    samples += batch.size();
  }
  double loss() const { return loss_sum / static_cast<double>(samples); }
  std::optional<double> accuracy() const {
    if (!classes) return std::nullopt;
    return accuracy_sum / static_cast<double>(samples);
  }
};

void check_images(std::string_view function, const Model& model, const Tensor& images) {
  check(images.defined() && images.rank() > 0 && images.shape().without(0) == model.input_shape(),
        "{}: expected images {} for model {}, got {}", function, batch_shape_text(model.input_shape()), model.name(),
        images.shape());
}

void check_data(std::string_view function, const Model& model, const Dataset& data) {
  check_images(function, model, data.images());
  if (data.classes() == 0) return;  // only the loss knows which targets it takes
  const Shape& output = model.output_shape();
  check(output.rank() == 1 && output[0] >= data.classes(),
        "{}: expected a model with an output for each of the {} classes of the data, got output shape {}", function,
        data.classes(), batch_shape_text(output));
}

/// A loss that takes logits must not get what an activation made of them.
void check_loss(std::string_view function, const Model& model, const LossFunction& loss) {
  check(static_cast<bool>(loss), "{}: expected a loss function, got an empty one", function);
  using Plain = Variable (*)(const Variable&, const Tensor&);
  const Plain* plain = loss.target<Plain>();
  const std::string ending = model.output_layer().output_activation();
  for (const auto& [takes_logits, name, activation] :
       {std::tuple<Plain, std::string, std::string>{softmax_cross_entropy, "softmax_cross_entropy", "softmax"},
        {sigmoid_cross_entropy, "sigmoid_cross_entropy", "sigmoid"}}) {
    check(
        !plain || *plain != takes_logits || ending != activation,
        "{}: expected a model that gives logits, as {} takes them, got one that ends in layer {} with {}; leave it out",
        function, name, model.output_layer().name(), activation);
  }
}

void check_fit(const Model& model, const Optimizer& optimizer, const Dataset& train, const FitOptions& options) {
  check(options.epochs >= 1, "fit: expected at least 1 epoch, got {}", options.epochs);
  check(options.epochs_done >= 0 && options.epochs_done < options.epochs,
        "fit: expected epochs_done in [0, {}), got {}", options.epochs, options.epochs_done);
  check(options.batch_size >= 1, "fit: expected a batch_size of at least 1, got {}", options.batch_size);
  check_data("fit", model, train);
  if (options.validation) check_data("fit, validation", model, *options.validation);
  check_loss("fit", model, options.loss);
  const std::vector<Parameter> mine = model.parameters();
  const bool any = std::ranges::any_of(optimizer.parameters(),
                                       [&](const Parameter& p) { return std::ranges::find(mine, p) != mine.end(); });
  check(any, "fit: expected an optimizer of the parameters of model {}, got one of other parameters; make it with {}",
        model.name(), "model.parameters()");
}

/// One batch forward and back, and a step of the optimizer.
class Trainer {
 public:
  Trainer(const Model& model, Optimizer& optimizer, const FitOptions& options)
      : model_(model), optimizer_(optimizer), options_(options), parameters_(model.parameters()) {
    for (const Parameter& parameter : optimizer.parameters()) parameter.clear_gradient();
    clear_gradients();
  }

  /// Trains on the batch and adds its loss and accuracy to the means. `where` says which batch it is.
  void step(const Batch& batch, RunningMeans& means, std::string_view where) {
    ForwardPass pass(Mode::training, {.seed = options_.seed,
                                      .step = optimizer_.iterations(),
                                      .check_finite = options_.check_finite,
                                      .profiler = options_.profiler});
    const Variable outputs = model_(batch.images, pass);
    pass.enter_layer("loss");
    const Variable loss = options_.loss(outputs, batch.labels);
    check(loss.size() == 1, "fit: expected a loss of one element, got shape {}; take the mean", loss.shape());
    const double value = loss.value().item();
    check(std::isfinite(value),
          "fit: expected a finite loss, got {} in {}; lower the learning rate, set clip_norm, or look for what is not "
          "finite in the data",
          value, where);
    at_work("metrics");
    means.add(value, outputs.value(), batch);
    pass.backward(loss);
    at_work("optimizer");
    optimizer_.step();
    clear_gradients();
  }

  /// Tells the profiler, if there is one.
  void at_work(std::string_view who) const {
    if (options_.profiler) options_.profiler->start(who);
  }

 private:
  /// Of all parameters: those that the optimizer does not have would add up theirs.
  void clear_gradients() {
    for (const Parameter& parameter : parameters_) parameter.clear_gradient();
  }

  const Model& model_;
  Optimizer& optimizer_;
  const FitOptions& options_;
  std::vector<Parameter> parameters_;
};

EpochResult run_epoch(Trainer& trainer, Optimizer& optimizer, const DataLoader& loader, int number,
                      Progress* progress) {
  EpochResult result{.epoch = number};
  RunningMeans means{.classes = loader.data().classes() > 0};
  const Epoch epoch = loader.epoch(number - 1);
  for (std::int64_t i = 0; i < epoch.size(); ++i) {
    result.learning_rate = optimizer.learning_rate();
    trainer.at_work("data");
    const Batch batch = epoch[i];
    trainer.step(batch, means, fmt::format("epoch {}, step {} of {}", number, i + 1, epoch.size()));
    trainer.at_work("progress");
    if (progress) progress->update(means.samples, means.loss(), means.accuracy());
  }
  result.loss = means.loss();
  result.accuracy = means.accuracy();
  return result;
}

}  // namespace

History fit(const Model& model, Optimizer& optimizer, const Dataset& train, const FitOptions& options) {
  check_fit(model, optimizer, train, options);
  const DataLoader loader(
      train,
      {.batch_size = options.batch_size, .shuffle = options.shuffle, .seed = options.seed, .dtype = model.dtype()});
  std::optional<Progress> progress;
  if (options.show_progress) {
    progress.emplace(ProgressPlan{.epochs = options.epochs,
                                  .samples = train.size(),
                                  .validation_samples = options.validation ? options.validation->size() : 0},
                     options.output);
  }
  Trainer trainer(model, optimizer, options);
  History history;
  for (int number = options.epochs_done + 1; number <= options.epochs; ++number) {
    const double start = steady_seconds();
    if (progress) progress->begin_epoch(number);
    EpochResult result = run_epoch(trainer, optimizer, loader, number, progress ? &*progress : nullptr);
    if (options.validation) {
      const Evaluation validation =
          evaluate(model, *options.validation, {.batch_size = options.batch_size, .loss = options.loss});
      result.validation_loss = validation.loss;
      result.validation_accuracy = validation.accuracy;
    }
    result.seconds = steady_seconds() - start;
    history.add(result);
    if (progress) progress->end_epoch(result);
    if (options.on_epoch) options.on_epoch(result);
  }
  return history;
}

Evaluation evaluate(const Model& model, const Dataset& data, const EvaluateOptions& options) {
  check(options.batch_size >= 1, "evaluate: expected a batch_size of at least 1, got {}", options.batch_size);
  check_data("evaluate", model, data);
  check_loss("evaluate", model, options.loss);
  const double start = steady_seconds();
  const DataLoader loader(data, {.batch_size = options.batch_size, .shuffle = false, .dtype = model.dtype()});
  RunningMeans means{.classes = data.classes() > 0};
  const Epoch batches = loader.epoch(0);
  WeightCache cache;
  for (const Batch& batch : batches) {
    ForwardPass pass(Mode::inference, {.cache = &cache});
    const Variable outputs = model(batch.images, pass);
    means.add(options.loss(outputs, batch.labels).value().item(), outputs.value(), batch);
  }
  return {means.loss(), means.accuracy(), means.samples, steady_seconds() - start};
}

Tensor predict(const Model& model, const Tensor& images, std::int64_t batch_size) {
  check(batch_size >= 1, "predict: expected a batch_size of at least 1, got {}", batch_size);
  check_images("predict", model, images);
  check(images.dim(0) > 0, "predict: expected at least one image, got {}", images.shape());
  const Dataset data(images, Tensor::zeros({images.dim(0)}, DType::int64), 1);  // the loader wants labels: any will do
  const DataLoader loader(data, {.batch_size = batch_size, .shuffle = false, .dtype = model.dtype()});
  Tensor outputs = Tensor::empty(model.output_shape().prepended(images.dim(0)), model.dtype());
  with_floating("predict", model.dtype(), [&](auto zero) {
    auto* next = outputs.mutable_data<decltype(zero)>();
    const Epoch batches = loader.epoch(0);
    WeightCache cache;
    for (const Batch& batch : batches) {
      ForwardPass pass(Mode::inference, {.cache = &cache});
      const Tensor part = model(batch.images, pass).value();
      next = std::copy_n(part.data<decltype(zero)>(), part.size(), next);
    }
  });
  return outputs;
}

}  // namespace xtape
