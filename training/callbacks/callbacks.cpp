#include "training/callbacks/callbacks.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>

#include "training/fit.hpp"

namespace xtape {
namespace {

void check_counts(std::string_view who, int patience, double min_delta) {
  check(patience >= 0, "{}: expected a patience of at least 0, got {}", who, patience);
  check(std::isfinite(min_delta) && min_delta >= 0, "{}: expected a finite min_delta of at least 0, got {}", who,
        min_delta);
}

/// The values of the first tensor of a state, "counters", which must have `count` elements.
std::vector<double> counters_of(std::string_view who, const std::vector<NamedTensor>& state, std::int64_t count) {
  check(!state.empty() && state[0].name == "counters" && state[0].tensor.shape() == Shape{count} &&
            state[0].tensor.dtype() == DType::float64,
        "{}: expected its own state in the checkpoint, got another; give fit the callbacks that the run began with",
        who);
  return state[0].tensor.to_vector();
}

NamedTensor counters(const std::vector<double>& values) {
  return {"counters", Tensor::of({std::ssize(values)}, values, DType::float64)};
}

/// A number of a checkpoint as an integer. Error when it is not an integer of type int.
int whole(std::string_view who, double value) {
  check(value >= 0 && value <= 1e9 && value == std::floor(value), "{}: expected a count in the checkpoint, got {}", who,
        value);
  return static_cast<int>(value);
}

}  // namespace

EarlyStoppingCallback::EarlyStoppingCallback(const Options& options)
    : options_(options), monitor_("EarlyStopping", options.monitor) {
  check_counts("EarlyStopping", options.patience, options.min_delta);
}

void EarlyStoppingCallback::train_begin(TrainingState& run) {
  monitor_.begin(run);
  best_ = monitor_.worst();
  wait_ = best_epoch_ = 0;
  best_weights_.clear();
}

void EarlyStoppingCallback::epoch_end(TrainingState& run) {
  const double value = monitor_.value(run.history.last());
  const bool improved = monitor_.improves(value, best_, options_.min_delta);
  if (improved || best_epoch_ == 0) {  // the first epoch is the best so far for any value, also NaN
    best_epoch_ = run.epoch;
    best_weights_.clear();
    if (options_.restore_best) {
      for (const Parameter& parameter : run.model.parameters()) best_weights_.push_back(parameter.value());
    }
  }
  if (improved) best_ = value;
  wait_ = improved ? 0 : wait_ + 1;
  stop_if_exhausted(run);
}

void EarlyStoppingCallback::stop_if_exhausted(TrainingState& run) const {
  if (wait_ == 0 || wait_ < options_.patience || run.history.epochs().size() < 2) return;
  run.stop(fmt::format("{} has not improved for {} epoch{}, the best was epoch {}", monitor_.figure(), wait_,
                       wait_ == 1 ? "" : "s", best_epoch_));
}

void EarlyStoppingCallback::train_end(TrainingState& run) {
  const std::vector<Parameter> parameters = run.model.parameters();
  for (std::size_t i = 0; i < best_weights_.size(); ++i) parameters[i].set_value(best_weights_[i]);
}

std::vector<NamedTensor> EarlyStoppingCallback::state() const {
  std::vector<NamedTensor> state{counters({best_, static_cast<double>(wait_), static_cast<double>(best_epoch_)})};
  for (std::size_t i = 0; i < best_weights_.size(); ++i) state.push_back({fmt::format("best/{}", i), best_weights_[i]});
  return state;
}

void EarlyStoppingCallback::restore(TrainingState& run, const std::vector<NamedTensor>& state) {
  const std::vector<double> values = counters_of("EarlyStopping", state, 3);
  const int wait = whole("EarlyStopping", values[1]), best_epoch = whole("EarlyStopping", values[2]);
  const std::vector<Parameter> parameters = run.model.parameters();
  const bool kept = options_.restore_best && best_epoch > 0;
  check(
      state.size() == 1 + (kept ? parameters.size() : 0),
      "EarlyStopping: expected the best weights of {} parameters in the checkpoint, got {}; is restore_best as it was?",
      kept ? parameters.size() : 0, state.size() - 1);
  std::vector<Tensor> weights;
  for (std::size_t i = 1; i < state.size(); ++i) {
    const Parameter& parameter = parameters[i - 1];
    const Tensor& value = state[i].tensor;
    check(state[i].name == fmt::format("best/{}", i - 1) && value.shape() == parameter.shape() &&
              value.dtype() == parameter.dtype(),
          "EarlyStopping: expected the best {} {} of {} in the checkpoint, got {} {} as {}", parameter.dtype(),
          parameter.shape(), parameter.name(), value.dtype(), value.shape(), state[i].name);
    weights.push_back(value);
  }
  best_ = values[0];
  wait_ = wait;
  best_epoch_ = best_epoch;
  best_weights_ = std::move(weights);
  stop_if_exhausted(run);
}

ReduceLROnPlateauCallback::ReduceLROnPlateauCallback(const Options& options)
    : options_(options), monitor_("ReduceLROnPlateau", options.monitor) {
  check_counts("ReduceLROnPlateau", options.patience, options.min_delta);
  check(options.factor > 0 && options.factor < 1, "ReduceLROnPlateau: expected a factor between 0 and 1, got {}",
        options.factor);
  check(options.cooldown >= 0, "ReduceLROnPlateau: expected a cooldown of at least 0, got {}", options.cooldown);
  check(std::isfinite(options.min_learning_rate) && options.min_learning_rate >= 0,
        "ReduceLROnPlateau: expected a finite min_learning_rate of at least 0, got {}", options.min_learning_rate);
}

void ReduceLROnPlateauCallback::train_begin(TrainingState& run) {
  monitor_.begin(run);
  best_ = monitor_.worst();
  wait_ = cooldown_left_ = 0;
  reduced_rate_ = -1;
}

void ReduceLROnPlateauCallback::epoch_end(TrainingState& run) {
  if (cooldown_left_ > 0) {
    --cooldown_left_;
    wait_ = 0;
  }
  const double value = monitor_.value(run.history.last());
  if (monitor_.improves(value, best_, options_.min_delta)) {
    best_ = value;
    wait_ = 0;
    return;
  }
  if (cooldown_left_ > 0) return;
  ++wait_;
  if (run.epoch != run.options.epochs) reduce_if_due(run);
}

/// Does the reduction that was due at the end of a run that is now resumed.
void ReduceLROnPlateauCallback::epoch_begin(TrainingState& run) {
  if (run.batch == 0) reduce_if_due(run);
}

/// Uses the scheduled rate of the next step. After the last step of the run a schedule may have none.
void ReduceLROnPlateauCallback::reduce_if_due(TrainingState& run) {
  if (wait_ == 0 || wait_ < options_.patience) return;
  const double rate = run.optimizer.learning_rate();
  if (rate <= options_.min_learning_rate) return;
  reduced_rate_ = std::max(rate * options_.factor, options_.min_learning_rate);
  run.optimizer.set_learning_rate(reduced_rate_);
  cooldown_left_ = options_.cooldown;
  wait_ = 0;
}

std::vector<NamedTensor> ReduceLROnPlateauCallback::state() const {
  return {counters({best_, static_cast<double>(wait_), static_cast<double>(cooldown_left_), reduced_rate_})};
}

void ReduceLROnPlateauCallback::restore(TrainingState& run, const std::vector<NamedTensor>& state) {
  const std::vector<double> values = counters_of("ReduceLROnPlateau", state, 4);
  const int wait = whole("ReduceLROnPlateau", values[1]), left = whole("ReduceLROnPlateau", values[2]);
  if (values[3] >= 0) run.optimizer.set_learning_rate(values[3]);
  best_ = values[0];
  wait_ = wait;
  cooldown_left_ = left;
  reduced_rate_ = values[3];
}

CSVLoggerCallback::CSVLoggerCallback(Options options) : path_(std::move(options.path)) {
  check(!path_.empty(), "CSVLogger: expected a path, got an empty one");
}

void CSVLoggerCallback::train_begin(TrainingState& /*run*/) { warned_ = false; }

void CSVLoggerCallback::epoch_end(TrainingState& run) {
  if (!run.writes()) return;
  try {
    run.history.save_csv(path_);
  } catch (const Error& error) {
    if (!warned_) std::cerr << "CSVLogger: training continues without its log: " << error.what() << std::endl;
    warned_ = true;
  }
}

void TerminateOnNaNCallback::batch_end(TrainingState& run) {
  if (std::isfinite(run.batch_loss)) return;
  run.stop(
      fmt::format("the loss was {} in epoch {}, step {} of {}", run.batch_loss, run.epoch, run.batch + 1, run.batches));
}

}  // namespace xtape
