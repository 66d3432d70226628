#include "training/fit.hpp"

#include <algorithm>
#include <cmath>

#include "framework/autograd/finite_check.hpp"
#include "framework/ops/arithmetic.hpp"
#include "training/batch_weights.hpp"
#include "training/checkpoint_file.hpp"
#include "training/data_loader.hpp"
#include "training/fit_checks.hpp"

namespace xtape {
namespace {

/// One batch forward and back, and a step of the optimizer.
class Trainer {
 public:
  Trainer(const Model& model, Optimizer& optimizer, const FitOptions& options)
      : model_(model), optimizer_(optimizer), options_(options) {}

  /// Trains on the batch and adds its loss and accuracy to the means; returns the loss. One that is not finite is
  /// neither learned from nor added.
  double step(const Batch& batch, RunningMeans& means) {
    FiniteCheck finite(optimizer_.iterations());
    std::vector<Observer*> observers;
    if (options_.check_finite) observers.push_back(&finite);
    if (options_.profiler) observers.push_back(options_.profiler);
    ForwardPass pass(Mode::training, {.seed = options_.seed,
                                      .step = optimizer_.iterations(),
                                      .observers = observers,
                                      .recompute = options_.recompute});
    const Variable outputs = model_(batch.images, pass);
    check_outputs("fit", options_.loss, outputs.value());
    const Variable loss = objective(outputs, batch, pass);
    const double value = loss.value().item();
    if (!std::isfinite(value)) return value;
    at_work("metrics");
    means.add(value, outputs.value(), batch);
    if (options_.check_finite) {  // nothing is changed by a step that ends in an error
      optimizer_.step(pass.backward(loss));
    } else {
      optimizer_.minimize(loss, pass);
    }
    return value;
  }

  /// Notifies the profiler, if there is one.
  void at_work(std::string_view who) const {
    if (options_.profiler) options_.profiler->start(who);
  }

 private:
  /// What is minimized: the one place where terms are added.
  Variable objective(const Variable& outputs, const Batch& batch, ForwardPass& pass) const {
    pass.begin_layer("loss");
    Variable loss = options_.loss(outputs, batch.labels, weights_of(batch, options_.class_weights));
    check(loss.size() == 1, "fit: expected a loss of one element, got shape {}; take the mean", loss.shape());
    check(
        loss.tracked() || !std::isfinite(loss.value().item()),
        "fit: expected a loss that depends on the parameters of model {}, got a constant; compute it from the outputs "
        "it is given, with functions of variables",
        model_.name());
    if (const std::optional<Variable> penalty = model_.regularization(pass)) loss = loss + *penalty;
    return loss;
  }

  const Model& model_;
  Optimizer& optimizer_;
  const FitOptions& options_;
};

/// Progress first, so that what others print comes after its line; those that save what all others know last.
Callbacks in_order(const TrainingState& run) {
  Callbacks callbacks = run.options.callbacks;
  std::stable_partition(callbacks.begin(), callbacks.end(),
                        [](const auto& callback) { return !callback->comes_last(); });
  if (run.options.show_progress) {
    const ProgressPlan plan{.epochs = run.options.epochs,
                            .samples = run.train.size(),
                            .validation_samples = run.options.validation ? run.options.validation->size() : 0};
    callbacks.insert(callbacks.begin(), std::make_shared<Progress>(plan, run.options.output));
  }
  return callbacks;
}

/// The epochs of a run.
class Run {
 public:
  Run(TrainingState& state, const DataLoader& loader)
      : state_(state),
        loader_(loader),
        trainer_(state.model, state.optimizer, state.options),
        callbacks_(in_order(state)) {}

  void operator()() {
    tell(&Callback::train_begin);
    if (!state_.options.resume.empty()) {
      resume_run(state_, state_.options.resume);
      if (state_.step() > 0) leave_behind(order() - (state_.batch > 0 ? 0 : 1));
    }
    while (!state_.stopping() && epochs_done() < state_.options.epochs) run_epoch();
    tell(&Callback::train_end);
    state_.history.set_stop_reason(state_.stop_reason);
  }

 private:
  void tell(void (Callback::*hook)(TrainingState&)) {
    for (const auto& callback : callbacks_) (*callback.*hook)(state_);
  }

  int epochs_done() const { return state_.initial_epoch() + static_cast<int>(state_.history.epochs().size()); }

  /// Number of the current epoch's order.
  std::int64_t order() const { return state_.first_order + std::ssize(state_.history.epochs()); }

  /// No later run with this optimizer has this order or one before it.
  void leave_behind(std::int64_t order) {
    state_.optimizer.set_next_order(std::max(state_.optimizer.next_order(), order + 1));
  }

  /// From the batch where the run stands, to its end unless a callback asks for a stop.
  void run_epoch() {
    const double start = steady_seconds() - state_.seconds;
    state_.epoch = epochs_done() + 1;
    tell(&Callback::epoch_begin);
    train_batches(start);
    if (state_.stopping()) return;
    EpochResult result{.epoch = state_.epoch,
                       .loss = state_.means.loss(),
                       .accuracy = state_.means.accuracy(),
                       .learning_rate = state_.learning_rate};
    validate(result);
    if (state_.stopping()) return;
    result.seconds = steady_seconds() - start;
    state_.history.add(result);
    state_.batch = 0;
    state_.means = {.classes = state_.means.classes};
    state_.seconds = 0;
    tell(&Callback::epoch_end);
  }

  void train_batches(double start) {
    const Epoch epoch = loader_.epoch(order());
    leave_behind(order());
    while (state_.batch < state_.batches && !state_.stopping()) {
      state_.learning_rate = state_.optimizer.learning_rate();
      trainer_.at_work("data");
      const Batch batch = epoch[state_.batch];
      state_.batch_loss = trainer_.step(batch, state_.means);
      const bool finite = std::isfinite(state_.batch_loss);
      if (finite) ++state_.batch;
      state_.seconds = steady_seconds() - start;
      trainer_.at_work("progress");
      tell(&Callback::batch_end);
      check(
          finite || state_.stopping(),
          "fit: expected a finite loss, got {} in epoch {}, step {} of {}; lower the learning rate, set clip_norm, or "
          "look for what is not finite in the data",
          state_.batch_loss, state_.epoch, state_.batch + 1, state_.batches);
    }
  }

  void validate(EpochResult& result) {
    const FitOptions& options = state_.options;
    if (!options.validation) return;
    const auto batch_end = [this](std::int64_t samples) {
      state_.validated = samples;
      tell(&Callback::validation_batch_end);
      return !state_.stopping();
    };
    const Evaluation validation =
        evaluate(state_.model, *options.validation,
                 {.batch_size = options.batch_size, .loss = options.loss, .batch_end = batch_end});
    result.validation_loss = validation.loss;
    result.validation_accuracy = validation.accuracy;
  }

  TrainingState& state_;
  const DataLoader& loader_;
  Trainer trainer_;
  Callbacks callbacks_;
};

}  // namespace

int TrainingState::initial_epoch() const { return options.initial_epoch.value_or(0); }

History fit(const Model& model, Optimizer& optimizer, const Dataset& train, const FitOptions& options) {
  check_fit(model, optimizer, train, options);
  const DataLoader loader(train, {.batch_size = options.batch_size,
                                  .shuffle = options.shuffle,
                                  .seed = options.seed,
                                  .dtype = model.dtype(),
                                  .augmentation = options.augmentation});
  TrainingState state{.model = model,
                      .optimizer = optimizer,
                      .train = train,
                      .options = options,
                      .batches = loader.batches(),
                      .means = {.classes = train.classes() > 0},
                      .first_iteration = optimizer.iterations()};
  state.first_order = options.initial_epoch
                          ? *options.initial_epoch
                          : std::max(optimizer.next_order(), order_by_steps(state.first_iteration, state.batches));
  if (options.resume.empty()) state.schedule = schedule_text(optimizer, state.first_iteration, state.batches);
  Run run(state, loader);
  run();
  return state.history;
}

}  // namespace xtape
