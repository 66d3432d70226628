// Checkpoint: a run that is stopped at any moment, by whatever, can go on.
#pragma once

#include <filesystem>
#include <optional>

#include "training/callbacks/monitor.hpp"
#include "training/checkpoint/checkpoint_file.hpp"

namespace xtape {

/// Options of Checkpoint.
struct CheckpointOptions {
  std::filesystem::path folder;  ///< made when it is not there
  int keep = 3;                  ///< the newest so many stay; older ones are removed
  int every_epochs = 1;          ///< after each so many epochs; 0: not by epochs
  std::int64_t every_steps = 0;  ///< after each so many steps; 0: not by steps
  std::string best = "";         ///< a figure, "val_loss": the weights of its best epoch so far are kept too
};

/// Writes checkpoints from which fit(..., {.resume = folder}) resumes with the same bits: by epochs, by steps, after
/// the last epoch and whenever a run stops. Each is one file, complete before it appears under its name
/// (checkpoint-000001200.safetensors after 1200 steps), so that a run which is killed at any moment leaves a good one.
/// The best weights are in best.safetensors, for load_weights. When a file can't be written, training continues, and
/// standard error says so once. Called after all other callbacks, wherever it stands.
///
/// Error when an option is out of range; as training begins, when the folder holds checkpoints and the run does not go
/// on from them, or the figure of `best` is not measured.
class CheckpointCallback final : public Callback {
 public:
  /// Options of the callback.
  using Options = CheckpointOptions;
  /// Error when an option is out of range.
  explicit CheckpointCallback(Options options);
  void train_begin(TrainingState& run) override;
  /// Writes a checkpoint when one is due by steps.
  void batch_end(TrainingState& run) override;
  void validation_batch_end(TrainingState& run) override;
  void epoch_end(TrainingState& run) override;
  std::vector<NamedTensor> state() const override;
  /// Restores what state() returned.
  void restore(TrainingState& run, const std::vector<NamedTensor>& state) override;
  bool comes_last() const override { return true; }

  /// The file written last; empty when there is none.
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
