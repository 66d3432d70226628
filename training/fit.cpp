#include "training/fit.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/ranges.h>
#include <iostream>
#include <utility>

#include "framework/autograd/finite_check.hpp"
#include "training/checkpoint/checkpoint_file.hpp"
#include "training/checkpoint/checksum.hpp"
#include "training/data/data_loader.hpp"
#include "training/fit_checks.hpp"
#include "training/train_step.hpp"

namespace xtape {
namespace {

DataLoaderOptions loader_options(const Model& model, const FitOptions& options) {
  return {.batch_size = options.batch_size,
          .shuffle = options.shuffle,
          .drop_last = options.drop_last,
          .seed = options.seed,
          .dtype = model.dtype(),
          .augmentation = options.augmentation};
}

StepPlan plan_of(const Model& model, const Dataset& data, const FitOptions& options) {
  const std::int64_t traversal = batches_of(data.size(), loader_options(model, options));
  return {.samples = data.size(),
          .batch_size = options.batch_size,
          .traversal = traversal,
          .epoch = options.steps_per_epoch > 0 ? options.steps_per_epoch * options.accumulate : traversal,
          .accumulate = options.accumulate};
}

/// Progress comes first, so that output of other callbacks follows its line. Callbacks that save the state of all
/// others come last.
Callbacks in_order(const TrainingState& run) {
  Callbacks callbacks = run.options.callbacks;
  std::stable_partition(callbacks.begin(), callbacks.end(),
                        [](const auto& callback) { return !callback->comes_last(); });
  if (run.options.show_progress && run.writes()) {
    const ProgressPlan plan{.epochs = run.options.epochs,
                            .samples = run.samples_of(run.batches),
                            .validation_samples = run.options.validation ? run.options.validation->size() : 0};
    callbacks.insert(callbacks.begin(), std::make_shared<Progress>(plan, run.options.output));
  }
  return callbacks;
}

/// What to do about a loss that is not finite. It is the same on all ranks, of which each has its own part of the data.
std::string advice_for(const StepData& data, bool on_ranks) {
  std::string general = "lower the learning rate, set clip_norm, or look for what is not finite in the data";
  if (on_ranks) return general;
  const auto wrong = [](const std::vector<Tensor>& tensors) {
    return std::ranges::any_of(tensors, [](const Tensor& tensor) { return !all_finite(tensor); });
  };
  for (const std::vector<Batch>& shard : data.shards) {
    for (const Batch& batch : shard) {
      if (wrong(batch.inputs)) return "the inputs of this step have values that are not finite";
      if (wrong(batch.targets)) return "the targets of this step have values that are not finite";
    }
  }
  return general;
}

/// A run: its epochs, and the calls of the callbacks.
class Run {
 public:
  Run(TrainingState& state, const DataLoader& loader)
      : state_(state), loader_(loader), step_(state), callbacks_(in_order(state)) {}

  void operator()() {
    std::optional<Resumption> resumption;
    if (!state_.options.resume.empty()) resumption.emplace(state_, state_.options.resume);
    notify(&Callback::train_begin);
    if (resumption) {
      resumption->restore();
      resumption.reset();  // with the contents of the file
      state_.shards.check_same("fit", fingerprint(state_));
      const std::int64_t done =
          state_.first_batch(std::ssize(state_.history.epochs())) + state_.plan.batches(state_.batch);
      if (state_.step() > 0) mark_used((done - 1) / state_.plan.traversal);
    }
    if (state_.options.distributed.shard_optimizer && state_.shards.ranks() > 1) {
      state_.sharded_optimizer = std::make_unique<ShardedOptimizer>(state_.optimizer, state_.shards);
    }
    while (!stopped_ && epochs_done() < state_.options.epochs) run_epoch();
    if (state_.sharded_optimizer) state_.sharded_optimizer->complete();
    state_.sharded_optimizer.reset();
    notify(&Callback::train_end);
    if (state_.shards.ranks() > 1) check_weights();
    state_.history.set_stop_reason(state_.stop_reason);
  }

 private:
  void notify(void (Callback::*hook)(TrainingState&)) {
    const auto last = std::ranges::find_if(callbacks_, [](const auto& callback) { return callback->comes_last(); });
    for (auto callback = callbacks_.begin(); callback != last; ++callback) (**callback.*hook)(state_);
    agree();
    for (auto callback = last; callback != callbacks_.end(); ++callback) (**callback.*hook)(state_);
  }

  /// Error unless all ranks have the same weights, which a callback may have changed.
  void check_weights() const {
    const std::vector<std::string> all = state_.shards.gather(checksum_of_weights(state_.model));
    const auto other = std::ranges::find_if(all, [&](const std::string& sum) { return sum != all.front(); });
    if (other == all.end()) return;
    throw AgreedError(
        fmt::format("fit: expected the same weights on all ranks at the end of the run, got others on rank {} than on "
                    "rank 0; what callbacks change they have to change on all ranks",
                    other - all.begin()));
  }

  /// If a callback on one rank requests a stop, all ranks stop together, before a checkpoint is written.
  void agree() {
    const Shards& shards = state_.shards;
    if (shards.ranks() > 1) {
      const std::vector<std::string> reasons = shards.gather(state_.stop_reason);
      const auto first = std::ranges::find_if_not(reasons, &std::string::empty);
      if (first != reasons.end()) state_.stop_reason = *first;
    }
    stopped_ = state_.stopping();
  }

  int epochs_done() const { return state_.initial_epoch() + static_cast<int>(state_.history.epochs().size()); }

  /// Marks this traversal of the data and all earlier ones as used: no later run with this optimizer has their orders.
  void mark_used(std::int64_t traversal) {
    state_.optimizer.set_next_traversal(std::max(state_.optimizer.next_traversal(), traversal + 1));
  }

  /// Trains from the current batch to the end of the epoch, unless a callback requests a stop.
  void run_epoch() {
    const double start = steady_seconds() - state_.seconds;
    state_.epoch = epochs_done() + 1;
    notify(&Callback::epoch_begin);
    train_batches(start);
    if (stopped_) return;
    EpochResult result{.epoch = state_.epoch, .figures = state_.running.figures()};
    validate(result.figures);
    if (stopped_) return;
    result.figures.set("learning_rate", state_.learning_rate);
    result.figures.set("seconds", state_.shards.concatenated({steady_seconds() - start}).front());
    state_.history.add(std::move(result));
    state_.batch = 0;
    state_.running = RunningFigures(state_.objective);
    state_.seconds = 0;
    notify(&Callback::epoch_end);
  }

  void train_batches(double start) {
    while (state_.batch < state_.batches && !stopped_) {
      state_.learning_rate = state_.optimizer.learning_rate();
      step_.at_work("data");
      const std::vector<std::pair<Parameter, std::uint64_t>> before = unchanged_parameters();
      const StepData data = next_step();
      state_.batch_loss = step_(data);
      const bool finite = std::isfinite(state_.batch_loss);
      if (finite) {
        ++state_.batch;
        warn_of_unchanged(before);
      }
      state_.seconds = steady_seconds() - start;
      step_.at_work("progress");
      notify(&Callback::batch_end);
      if (finite || stopped_) continue;
      throw AgreedError(fmt::format("fit: expected a finite loss, got {} in epoch {}, step {} of {}; {}",
                                    state_.batch_loss, state_.epoch, state_.batch + 1, state_.batches,
                                    advice_for(data, state_.shards.ranks() > 1)));
    }
  }

  /// Before the first step: the parameters that are to be trained, and the numbers of their writes.
  std::vector<std::pair<Parameter, std::uint64_t>> unchanged_parameters() const {
    std::vector<std::pair<Parameter, std::uint64_t>> found;
    if (first_step_done_) return found;
    for (const Parameter& parameter : state_.model.parameters()) {
      if (parameter.trainable() && state_.optimizer.changes(parameter)) {
        found.emplace_back(parameter, parameter.version());
      }
    }
    return found;
  }

  /// Writes one message about trainable parameters that the first step did not change.
  void warn_of_unchanged(const std::vector<std::pair<Parameter, std::uint64_t>>& before) {
    if (std::exchange(first_step_done_, true) || !state_.writes()) return;
    std::vector<std::string> names;
    for (const auto& [parameter, version] : before) {
      if (parameter.version() == version) names.push_back(parameter.name());
    }
    if (names.empty()) return;
    const std::size_t all = names.size(), shown = std::min<std::size_t>(all, 5);
    names.resize(shown);
    std::cerr << fmt::format(
                     "fit: {} of the {} trainable parameters got no gradient in the first step, so they did not "
                     "change: {}{}; the loss does not depend on them, or their layers read them without the pass",
                     all, before.size(), fmt::join(names, ", "), shown < all ? ", ..." : "")
              << std::endl;
  }

  /// The part of this process in the next step.
  StepData next_step() {
    const StepPlan& plan = state_.plan;
    const std::int64_t epoch_begin = state_.first_batch(std::ssize(state_.history.epochs()));
    StepData step{.shards = std::vector<std::vector<Batch>>(static_cast<std::size_t>(state_.shards.per_rank()))};
    for (std::int64_t i = plan.batches(state_.batch); i < plan.batches(state_.batch + 1); ++i) {
      const std::int64_t traversal = (epoch_begin + i) / plan.traversal;
      if (!traversal_ || traversal != traversal_number_) {
        traversal_.emplace(loader_.epoch(traversal));
        traversal_number_ = traversal;
        mark_used(traversal);
      }
      const std::int64_t batch = (epoch_begin + i) % plan.traversal, samples = loader_.samples_of(batch);
      step.samples += samples;
      auto shard = step.shards.begin();
      for (Batch& part : state_.shards.split((*traversal_)[batch], samples)) (shard++)->push_back(std::move(part));
    }
    return step;
  }

  void validate(Figures& figures) {
    const FitOptions& options = state_.options;
    if (!options.validation) return;
    const auto batch_end = [this](std::int64_t samples) {
      state_.validated = samples;
      notify(&Callback::validation_batch_end);
      return !stopped_;
    };
    figures.append(evaluate(state_.model, *options.validation,
                            {.batch_size = options.batch_size,
                             .loss = options.loss,
                             .metrics = options.metrics,
                             .distributed = options.distributed,
                             .batch_end = batch_end}),
                   "val_");
  }

  TrainingState& state_;
  const DataLoader& loader_;
  TrainStep step_;
  Callbacks callbacks_;
  std::optional<Epoch> traversal_;  // the current traversal of the data
  std::int64_t traversal_number_ = 0;
  bool stopped_ = false;  // the same on all ranks
  bool first_step_done_ = false;
};

}  // namespace

TrainingState::TrainingState(Model& its_model, Optimizer& its_optimizer, const Dataset& data,
                             const FitOptions& its_options)
    : model(its_model),
      optimizer(its_optimizer),
      train(data),
      options(its_options),
      objective("fit", its_model, data.targets(), its_options.loss, its_options.metrics),
      shards("fit", its_options.distributed),
      plan(plan_of(its_model, data, its_options)),
      batches(plan.steps()),
      running(objective),
      first_iteration(optimizer.iterations()) {
  first_traversal = options.initial_epoch
                        ? first_batch(0) / plan.traversal
                        : std::max(optimizer.next_traversal(),
                                   traversals_by_steps(first_iteration * plan.accumulate, plan.traversal));
}

std::vector<std::pair<std::string, Tensor>> TrainingState::optimizer_state() const {
  return sharded_optimizer ? sharded_optimizer->gathered_state(writes()) : optimizer.named_state();
}

int TrainingState::initial_epoch() const { return options.initial_epoch.value_or(0); }

std::int64_t TrainingState::first_batch(std::int64_t epochs) const {
  return (options.initial_epoch ? *options.initial_epoch * plan.epoch : first_traversal * plan.traversal) +
         epochs * plan.epoch;
}

std::int64_t TrainingState::samples_of(std::int64_t steps) const {
  const std::int64_t first = first_batch(std::ssize(history.epochs()));
  return plan.samples_before(first + plan.batches(steps)) - plan.samples_before(first);
}

std::vector<Objective::Measure> TrainingState::measures() const {
  std::vector<Objective::Measure> all = objective.measures();
  const std::size_t of_training = all.size();
  for (std::size_t i = 0; i < of_training && options.validation; ++i) {
    all.push_back({"val_" + all[i].name, all[i].larger_is_better});
  }
  all.push_back({"learning_rate", false});
  return all;
}

namespace {

/// Trains on `train`. The options are complete: validation_split was replaced by validation data.
History train_on(Model& model, Optimizer& optimizer, const Dataset& train, const FitOptions& options) {
  check_agreed(options.distributed, [&] { check_fit(model, optimizer, train, options); });
  const DataLoader loader(train, Shards("fit", options.distributed).part_of(loader_options(model, options)));
  TrainingState state(model, optimizer, train, options);
  if (options.resume.empty()) state.schedule = schedule_text(optimizer, state.first_iteration, state.batches);
  state.shards.check_same("fit", fingerprint(state));
  Run run(state, loader);
  run();
  return state.history;
}

/// Trains with the part of the data that is not kept for the validation.
History train_with_split(Model& model, Optimizer& optimizer, const Dataset& train, const FitOptions& options) {
  std::int64_t kept = 0;
  check_agreed(options.distributed, [&] {
    check(std::isfinite(options.validation_split) && options.validation_split >= 0 && options.validation_split < 1,
          "fit: expected a validation_split in [0, 1), got {}", options.validation_split);
    if (options.validation_split == 0) return;
    check(!options.validation, "fit: expected validation or validation_split, got both");
    kept = static_cast<std::int64_t>(
        std::floor(static_cast<double>(train.size()) * (1 - options.validation_split)));  // rounded as in Keras
    check(kept > 0 && kept < train.size(),
          "fit: expected at least one sample in each part, got the validation_split {} of data of the size {}",
          options.validation_split, train.size());
  });
  if (options.validation_split == 0) return train_on(model, optimizer, train, options);
  FitOptions complete = options;
  complete.validation = train.rows(kept, train.size());
  return train_on(model, optimizer, train.rows(0, kept), complete);
}

}  // namespace

History fit(Model& model, Optimizer& optimizer, const Dataset& train, const FitOptions& options) {
  History history;
  guarded(options.distributed, [&] { history = train_with_split(model, optimizer, train, options); });
  return history;
}

}  // namespace xtape
