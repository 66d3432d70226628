// Checkpoint: files from which an interrupted training run resumes.
#pragma once

#include <filesystem>
#include <optional>

#include "training/callbacks/monitor.hpp"
#include "training/checkpoint/checkpoint_file.hpp"

namespace xtape {

/// Options of Checkpoint.
struct CheckpointOptions {
  std::filesystem::path folder;  ///< created if it does not exist
  int keep = 3;                  ///< number of newest checkpoints to keep; older ones are removed
  int every_epochs = 1;          ///< number of epochs between checkpoints; 0: none
  std::int64_t every_steps = 0;  ///< number of steps between checkpoints; 0: none
  std::string best = "";         ///< a figure such as "val_loss": keep the weights of its best epoch; empty: none
};

/// Writes checkpoints: at intervals of epochs or steps, after the last epoch, and whenever a run stops. A run that
/// fit(..., {.resume = folder}) resumes from a checkpoint ends with the same bits as a run without interruption. Each
/// checkpoint is one file, "checkpoint-000001200.safetensors" after 1200 steps. Files are written atomically, so a run
/// that is killed leaves a valid checkpoint. The best weights are in best.safetensors, for load_weights. If a file
/// cannot be written, training continues, and one message is written to standard error. This callback is called after
/// all others, for any order of FitOptions::callbacks.
///
/// Error when an option is out of range; Error at the start of training when the folder holds checkpoints and the run
/// does not resume from them, or when the figure `best` is not measured.
class CheckpointCallback final : public Callback {
 public:
  /// Options of the callback.
  using Options = CheckpointOptions;
  /// Error when an option is out of range.
  explicit CheckpointCallback(Options options);
  void train_begin(TrainingState& run) override;
  /// Writes a checkpoint at the given interval of steps.
  void batch_end(TrainingState& run) override;
  void validation_batch_end(TrainingState& run) override;
  void epoch_end(TrainingState& run) override;
  std::vector<NamedTensor> state() const override;
  /// Restores what state() returned.
  void restore(TrainingState& run, const std::vector<NamedTensor>& state) override;
  bool comes_last() const override { return true; }

  /// The file that was written last; empty when there is none.
  const std::filesystem::path& last() const { return last_; }

 private:
  void save(const TrainingState& run);
  void save_best(const TrainingState& run);
  void warn(const Error& error);
  void remove_old(std::int64_t step) const;

  CheckpointOptions options_;
  std::optional<Monitor> monitor_;
  double best_ = 0;
  std::filesystem::path last_;
  bool warned_ = false;
};
using Checkpoint = CallbackHandle<CheckpointCallback>;

}  // namespace xtape
