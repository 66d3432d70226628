// Callback: functions that fit calls at certain points of a training run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "framework/io/named_tensor.hpp"
#include "models/graph/model.hpp"
#include "optim/optimizer.hpp"
#include "training/data/dataset.hpp"
#include "training/distributed/sharded_optimizer.hpp"
#include "training/distributed/shards.hpp"
#include "training/history.hpp"
#include "training/metrics/running_figures.hpp"
#include "training/step_plan.hpp"

namespace xtape {

struct FitOptions;

/// The state of a run of fit, as callbacks see it. In callbacks a "batch" is one step: FitOptions::accumulate batches
/// of the data count as one.
struct TrainingState {
  /// The state of a run before its first step. Errors as in Objective.
  TrainingState(Model& its_model, Optimizer& its_optimizer, const Dataset& data, const FitOptions& its_options);

  /// The model that is trained.
  Model& model;
  Optimizer& optimizer;  ///< a callback may set its learning rate
  /// The training data.
  const Dataset& train;
  /// The options of fit.
  const FitOptions& options;
  Objective objective;  ///< losses and metrics of the outputs
  Shards shards;        ///< this process's part of each batch
  /// With Distributed::shard_optimizer, the parts of the optimizer's state.
  std::unique_ptr<ShardedOptimizer> sharded_optimizer = nullptr;
  StepPlan plan;         ///< which batches of the data the steps learn from
  std::int64_t batches;  ///< steps in each epoch

  History history = {};              ///< the finished epochs
  int epoch = 0;                     ///< the current one; the first is 1, or FitOptions::initial_epoch + 1
  std::int64_t batch = 0;            ///< number of finished steps in the current epoch; 0 in epoch_end
  RunningFigures running;            ///< figures of these steps
  double learning_rate = 0;          ///< learning rate of the last step
  double batch_loss = 0;             ///< loss of the last step; if it is not finite, the step changed nothing
  double seconds = 0;                ///< time spent on the current epoch
  std::int64_t validated = 0;        ///< number of samples of the current validation that are done
  std::int64_t first_iteration = 0;  ///< iterations of the optimizer when the run began
  std::int64_t first_traversal = 0;  ///< number of the traversal of the data in which the run begins; see StepPlan
  std::string schedule = "";         ///< learning rates after 0, 1, 10, ... steps of the first epoch
  /// The reason why the run ends; empty while it continues.
  std::string stop_reason = "";

  /// Requests that the run ends after this step or epoch. If there are several requests, the first reason is kept; an
  /// empty one becomes "a callback".
  void stop(std::string reason) {
    if (stop_reason.empty()) stop_reason = reason.empty() ? "a callback" : std::move(reason);
  }
  /// Whether this process writes the files of the run and shows its progress; in a run on several ranks the first one
  /// does. All ranks call their callbacks at the same points with the same figures.
  bool writes() const { return shards.writes(); }
  /// The optimizer's named_state() of all ranks, on the rank that writes; on others it may be empty. All ranks call it.
  std::vector<std::pair<std::string, Tensor>> optimizer_state() const;
  /// Whether a stop was requested.
  bool stopping() const { return !stop_reason.empty(); }
  /// Number of epochs that count as done before this run; see FitOptions::initial_epoch.
  int initial_epoch() const;
  /// Number of steps of the run so far, over all epochs.
  std::int64_t step() const { return static_cast<std::int64_t>(history.epochs().size()) * batches + batch; }
  /// Number of the first batch of an epoch in the sequence of StepPlan; `epochs` is the number of epochs of this run
  /// before it.
  std::int64_t first_batch(std::int64_t epochs) const;
  /// Number of samples in the first `steps` steps of the current epoch.
  std::int64_t samples_of(std::int64_t steps) const;
  /// The figures of each epoch: those of the objective, those of the validation if there is one ("val_loss"), and
  /// "learning_rate".
  std::vector<Objective::Measure> measures() const;
};

/// The base class of callbacks. They are given to fit in FitOptions::callbacks and called in that order. The functions
/// do nothing by default. For an epoch that ends early epoch_end is not called.
class Callback {
 public:
  /// The options of a callback. A callback with options declares its own type.
  struct Options {};

  Callback() = default;
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  virtual ~Callback() = default;

  /// Called before everything else but the check of the checkpoint that a run resumes from. It must reset what an
  /// earlier run has left in the callback.
  virtual void train_begin(TrainingState& /*run*/) {}
  /// Called before each epoch, and when a run resumes within an epoch.
  virtual void epoch_begin(TrainingState& /*run*/) {}
  /// Called after each step.
  virtual void batch_end(TrainingState& /*run*/) {}
  /// Called after each batch of the validation. If the run is stopped here, the validation is repeated when it resumes.
  virtual void validation_batch_end(TrainingState& /*run*/) {}
  /// Called after the validation. run.history.last() is the current epoch.
  virtual void epoch_end(TrainingState& /*run*/) {}
  /// Called after the last epoch or a stop, but not after an Error.
  virtual void train_end(TrainingState& /*run*/) {}

  /// The state that a checkpoint stores, so that this callback continues exactly after the run is resumed. restore()
  /// gets it, after train_begin(). state() may be called before train_begin().
  virtual std::vector<NamedTensor> state() const { return {}; }
  /// Restores what state() returned. It may be called for a checkpoint that is then not used. Error if the state is not
  /// that of this kind of callback; then fit restores the run and all callbacks from their state().
  virtual void restore(TrainingState& /*run*/, const std::vector<NamedTensor>& /*state*/) {}
  /// Whether the callback is called after all others, because it saves their state.
  virtual bool comes_last() const { return false; }
};

/// The callbacks of a run.
using Callbacks = std::vector<std::shared_ptr<Callback>>;

/// A handle of a callback. It is made from the options, like a layer. Copies refer to the same callback. For a custom
/// callback derive a class T from Callback and use CallbackHandle<T>, which is made from T::Options if T has a
/// constructor that takes them.
///
///   const EarlyStopping stopping({.patience = 3});
///   fit(model, adam, train, {.callbacks = {stopping, CSVLogger({.path = "log.csv"})}});
///   stopping->best_epoch();
template <class T>
class CallbackHandle {
 public:
  /// Options of the callback.
  using Options = typename T::Options;
  /// Makes the callback from its options.
  CallbackHandle(Options options = {})  // NOLINT(google-explicit-constructor): EarlyStopping({...}) is a callback
      : callback_(made(std::move(options))) {}

  /// The callback, for FitOptions::callbacks.
  operator std::shared_ptr<Callback>() const { return callback_; }  // NOLINT(google-explicit-constructor)
  /// Access to the callback.
  T* operator->() const { return callback_.get(); }
  /// Access to the callback.
  T& operator*() const { return *callback_; }

 private:
  static std::shared_ptr<T> made(Options options) {
    if constexpr (std::is_constructible_v<T, Options>) {
      return std::make_shared<T>(std::move(options));
    } else {
      return std::make_shared<T>();
    }
  }
  std::shared_ptr<T> callback_;
};

/// Functions as a callback, without a class (Keras's LambdaCallback). The callback has no state in checkpoints, so the
/// functions must not depend on state from before an interruption.
struct LambdaCallbackOptions {
  /// A function that is called at a point of the run.
  using Hook = std::function<void(TrainingState&)>;
  Hook train_begin = {};           ///< before the first step
  Hook epoch_begin = {};           ///< before each epoch
  Hook batch_end = {};             ///< after each step
  Hook epoch_end = {};             ///< after each epoch
  Hook train_end = {};             ///< when the run ends
  Hook validation_batch_end = {};  ///< after each batch of the validation
};

/// Calls functions at the points of a run.
class LambdaHooks final : public Callback {
 public:
  /// The functions to call.
  using Options = LambdaCallbackOptions;
  /// Takes the functions; empty ones are not called.
  explicit LambdaHooks(Options hooks) : hooks_(std::move(hooks)) {}
  void train_begin(TrainingState& run) override { call(hooks_.train_begin, run); }
  void epoch_begin(TrainingState& run) override { call(hooks_.epoch_begin, run); }
  /// Calls the function of this name.
  void batch_end(TrainingState& run) override { call(hooks_.batch_end, run); }
  void validation_batch_end(TrainingState& run) override { call(hooks_.validation_batch_end, run); }
  void epoch_end(TrainingState& run) override { call(hooks_.epoch_end, run); }
  void train_end(TrainingState& run) override { call(hooks_.train_end, run); }

 private:
  static void call(const Options::Hook& hook, TrainingState& run) {
    if (hook) hook(run);
  }
  Options hooks_;
};
using LambdaCallback = CallbackHandle<LambdaHooks>;

}  // namespace xtape
