// The callbacks EarlyStopping, ReduceLROnPlateau, CSVLogger and TerminateOnNaN. Checkpoint is in training/checkpoint.
#pragma once

#include <filesystem>

#include "training/callbacks/callback.hpp"
#include "training/callbacks/monitor.hpp"

namespace xtape {

/// Options of EarlyStopping.
struct EarlyStoppingOptions {
  /// Name of the figure.
  std::string monitor = "val_loss";
  double min_delta = 0;       ///< a change of at most this amount is not an improvement
  int patience = 0;           ///< epochs without an improvement after which training ends
  bool restore_best = false;  ///< end with the weights of the best epoch instead of those of the last one
};

/// Ends training when a figure no longer improves. Names, defaults and rules are those of Keras 3's EarlyStopping
/// (keras/src/callbacks/early_stopping.py); restore_best is restore_best_weights in Keras. It never ends a run after
/// the first epoch. The best weights are restored however the run ends. Error unless patience >= 0 and min_delta is
/// finite and at least 0; Error at the start of training when the figure is not measured.
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

  /// The number of the best epoch so far, counted from 1; 0 before the first epoch.
  int best_epoch() const { return best_epoch_; }

 private:
  void stop_if_exhausted(TrainingState& run) const;

  EarlyStoppingOptions options_;
  Monitor monitor_;
  double best_ = 0;
  int wait_ = 0, best_epoch_ = 0;
  std::vector<Tensor> best_weights_;  // in the order of the model's parameters; empty without restore_best
};
using EarlyStopping = CallbackHandle<EarlyStoppingCallback>;

/// Options of ReduceLROnPlateau.
struct ReduceLROnPlateauOptions {
  /// Name of the figure.
  std::string monitor = "val_loss";
  double factor = 0.1;  ///< the new learning rate is this factor times the old one
  int patience = 10;    ///< epochs without an improvement after which the rate is reduced
  /// A change of at most this amount is not an improvement.
  double min_delta = 1e-4;
  int cooldown = 0;  ///< epochs after a reduction that are not counted
  /// The lowest learning rate that a reduction can set.
  double min_learning_rate = 0;
};

/// Reduces the learning rate when a figure no longer improves. Names, defaults and rules are those of Keras 3's
/// ReduceLROnPlateau (keras/src/callbacks/reduce_lr_on_plateau.py); min_learning_rate is min_lr in Keras. A schedule
/// ends with the first reduction: afterwards the rate is constant, equal to the scheduled rate of the next step times
/// the factor. After the last epoch, when no step follows, the rate is not reduced; the reduction is done when the run
/// is resumed with more epochs. Error unless 0 < factor < 1 and the other options are at least 0; Error at the begin of
/// training when the figure is not measured.
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
  double reduced_rate_ = -1;  // below 0 before the first reduction
};
using ReduceLROnPlateau = CallbackHandle<ReduceLROnPlateauCallback>;

/// Options of CSVLogger.
struct CSVLoggerOptions {
  /// The file to write.
  std::filesystem::path path;
};

/// Writes the history to a CSV file (see History::save_csv) after each epoch. The file is written atomically. When a
/// run resumes, it contains the epochs before the interruption too (Keras's CSVLogger with append). If the file cannot
/// be written, training continues, and one message is written to standard error.
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
/// step. Without this callback fit throws an Error. A gradient that is not finite although the loss is, as that of
/// sqrt(0), is an Error of the optimizer with and without this callback.
class TerminateOnNaNCallback final : public Callback {
 public:
  /// Requests a stop when the loss of the batch is not finite.
  void batch_end(TrainingState& run) override;
};
using TerminateOnNaN = CallbackHandle<TerminateOnNaNCallback>;

}  // namespace xtape
