// Callback: notified of the progress of a training run, which it may end.
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

/// A run of fit as its callbacks see it. A batch is what one step learns from: FitOptions::accumulate batches of the
/// data count as one.
struct TrainingState {
  /// A run that is about to begin. Error as Objective.
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
  std::int64_t batches;  ///< in each epoch

  History history = {};              ///< of the epochs that are over
  int epoch = 0;                     ///< the current one; the first is 1, or FitOptions::initial_epoch + 1
  std::int64_t batch = 0;            ///< batches of it that are done; 0 again at epoch_end
  RunningFigures running;            ///< over those
  double learning_rate = 0;          ///< of the last step
  double batch_loss = 0;             ///< of the last batch; when it is not finite the batch was not learned from
  double seconds = 0;                ///< spent on this epoch
  std::int64_t validated = 0;        ///< samples of its validation that are done
  std::int64_t first_iteration = 0;  ///< the optimizer's then
  std::int64_t first_order = 0;      ///< number of the first epoch's order; see FitOptions::initial_epoch
  std::string schedule = "";         ///< learning rates after 0, 1, 10, ... steps of the first epoch
  /// Why the run is to end; empty while it continues.
  std::string stop_reason = "";

  /// Asks for the end of the run after this batch or epoch. Of several reasons the first one stays.
  void stop(std::string reason) {
    if (stop_reason.empty()) stop_reason = std::move(reason);
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
  /// Steps of the run, over all epochs.
  std::int64_t step() const { return static_cast<std::int64_t>(history.epochs().size()) * batches + batch; }
  /// Number, among the batches of all passes over the data, of the first one of the epoch after so many of this run.
  std::int64_t first_batch(std::int64_t epochs) const;
  /// Samples of the first so many steps of the current epoch.
  std::int64_t samples_of(std::int64_t steps) const;
  /// The figures that each epoch has: those of the objective, with validation those of it ("val_loss"), and
  /// "learning_rate".
  std::vector<Objective::Measure> measures() const;
};

/// Given to fit in FitOptions::callbacks, called in that order. Hooks do nothing by default. An epoch that is cut short
/// has no epoch_end.
class Callback {
 public:
  /// What a callback is made from; one that has options declares its own.
  struct Options {};

  Callback() = default;
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  virtual ~Callback() = default;

  /// Before anything else; forgets what an earlier run left.
  virtual void train_begin(TrainingState& /*run*/) {}
  /// Also when a run resumes in the middle of an epoch.
  virtual void epoch_begin(TrainingState& /*run*/) {}
  /// After each step.
  virtual void batch_end(TrainingState& /*run*/) {}
  /// After each batch of the validation. A run that is stopped here validates anew when it resumes.
  virtual void validation_batch_end(TrainingState& /*run*/) {}
  /// After the validation; run.history.last() is the epoch's.
  virtual void epoch_end(TrainingState& /*run*/) {}
  /// After the last epoch or a stop, not after an Error.
  virtual void train_end(TrainingState& /*run*/) {}

  /// What a checkpoint must hold for this callback to go on as if nothing had happened; restore() takes it up, after
  /// train_begin. Error when it is another callback's; the run, and all callbacks by their state(), are then as before.
  virtual std::vector<NamedTensor> state() const { return {}; }
  /// Restores what state() returned.
  virtual void restore(TrainingState& /*run*/, const std::vector<NamedTensor>& /*state*/) {}
  /// Whether it is called after all others, because it saves what they know.
  virtual bool comes_last() const { return false; }
};

/// How callbacks are held and given to fit.
using Callbacks = std::vector<std::shared_ptr<Callback>>;

/// How users hold a callback: made from its options, like a layer. Copies are the same callback. A custom one is a
/// class derived from Callback, T, held as CallbackHandle<T>: made from T::Options when it has a constructor that takes
/// them.
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

  /// The callback, as fit takes it.
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

/// Functions as a callback, for what needs no class (Keras's LambdaCallback). It has no state: what must survive an
/// interruption has to follow from the epoch.
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
