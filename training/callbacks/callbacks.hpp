// The ready callbacks: EarlyStopping, ReduceLROnPlateau, CSVLogger, TerminateOnNaN. Checkpoint has a file of its own.
#pragma once

#include <filesystem>

#include "training/callbacks/callback.hpp"
#include "training/callbacks/monitor.hpp"

namespace xtape {

/// Options of EarlyStopping.
struct EarlyStoppingOptions {
  /// Name of the figure.
  std::string monitor = "val_loss";
  double min_delta = 0;       ///< a smaller change is none
  int patience = 0;           ///< epochs without an improvement after which training ends
  bool restore_best = false;  ///< the run ends with the best epoch's weights, else with the last one's
};

/// Ends training when a figure has stopped improving. Names, defaults and rules are those of Keras 3's EarlyStopping
/// (keras/src/callbacks/early_stopping.py), where restore_best is restore_best_weights: it never ends after the first
/// epoch, and the best weights come back whenever the run ends. Error unless patience >= 0 and min_delta is finite and
/// at least 0; as training begins, when the figure is not measured.
class EarlyStoppingCallback final : public Callback {
 public:
  /// Options of the callback.
  using Options = EarlyStoppingOptions;
  /// Error when an option is out of range.
  explicit EarlyStoppingCallback(const Options& options);
  void train_begin(TrainingState& run) override;
  void epoch_end(TrainingState& run) override;
  void train_end(TrainingState& run) override;
  std::vector<NamedTensor> state() const override;
  /// Restores what state() returned.
  void restore(TrainingState& run, const std::vector<NamedTensor>& state) override;

  /// The best epoch so far, counted from 1; 0 when there is none.
  int best_epoch() const { return best_epoch_; }

 private:
  void stop_if_exhausted(TrainingState& run) const;

  EarlyStoppingOptions options_;
  Monitor monitor_;
  double best_ = 0;
  int wait_ = 0, best_epoch_ = 0;
  std::vector<Tensor> best_weights_;  // in the order of the model's parameters; none when not kept
};
using EarlyStopping = CallbackHandle<EarlyStoppingCallback>;

/// Options of ReduceLROnPlateau.
struct ReduceLROnPlateauOptions {
  /// Name of the figure.
  std::string monitor = "val_loss";
  double factor = 0.1;  ///< the new learning rate is this times the old one
  int patience = 10;    ///< epochs without an improvement after which it is reduced
  /// A smaller change is no improvement.
  double min_delta = 1e-4;
  int cooldown = 0;  ///< epochs after a reduction in which none are counted
  /// The rate is not reduced below this one.
  double min_learning_rate = 0;
};

/// Reduces the learning rate when a figure has stopped improving. Names, defaults and rules are those of Keras 3's
/// ReduceLROnPlateau (keras/src/callbacks/reduce_lr_on_plateau.py), where min_learning_rate is min_lr. A schedule ends
/// with the first reduction: the rate stays that of the next step, times the factor. After the last epoch there is no
/// next step, and a reduction that is due waits for the run to be resumed with more epochs. Error unless 0 < factor < 1
/// and the others are at least 0; as training begins, when the figure is not measured.
class ReduceLROnPlateauCallback final : public Callback {
 public:
  /// Options of the callback.
  using Options = ReduceLROnPlateauOptions;
  /// Error when an option is out of range.
  explicit ReduceLROnPlateauCallback(const Options& options);
  void train_begin(TrainingState& run) override;
  void epoch_begin(TrainingState& run) override;
  void epoch_end(TrainingState& run) override;
  std::vector<NamedTensor> state() const override;
  /// Restores what state() returned.
  void restore(TrainingState& run, const std::vector<NamedTensor>& state) override;

 private:
  void reduce_if_due(TrainingState& run);

  ReduceLROnPlateauOptions options_;
  Monitor monitor_;
  double best_ = 0;
  int wait_ = 0, cooldown_left_ = 0;
  double reduced_rate_ = -1;  // below 0: not reduced yet
};
using ReduceLROnPlateau = CallbackHandle<ReduceLROnPlateauCallback>;

/// Options of CSVLogger.
struct CSVLoggerOptions {
  /// The file to write.
  std::filesystem::path path;
};

/// Keeps the history in a CSV file (see History::save_csv), up to date after each epoch and never half written; with
/// the epochs before an interruption when the run resumes (Keras's CSVLogger with append). When it can't be written,
/// training continues, and standard error says so once.
class CSVLoggerCallback final : public Callback {
 public:
  /// Options of the callback.
  using Options = CSVLoggerOptions;
  /// Error when the path is empty.
  explicit CSVLoggerCallback(Options options);
  void train_begin(TrainingState& run) override;
  void epoch_end(TrainingState& run) override;

 private:
  std::filesystem::path path_;
  bool warned_ = false;
};
using CSVLogger = CallbackHandle<CSVLoggerCallback>;

/// Ends the run at the first loss that is NaN or infinite (Keras's TerminateOnNaN), with the weights from before that
/// batch, where fit otherwise throws an Error.
class TerminateOnNaNCallback final : public Callback {
 public:
  /// Requests a stop when the loss of the batch is not finite.
  void batch_end(TrainingState& run) override;
};
using TerminateOnNaN = CallbackHandle<TerminateOnNaNCallback>;

}  // namespace xtape
