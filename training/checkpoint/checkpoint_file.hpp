// Checkpoint files: the complete state of a training run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "training/callbacks/callback.hpp"
#include "training/checkpoint/checkpoint_parts.hpp"

namespace xtape {

/// The checkpoints in a folder, the newest first; empty when the folder does not exist.
std::vector<std::filesystem::path> checkpoints_in(const std::filesystem::path& folder);
/// The path of a checkpoint: "<folder>/checkpoint-000001200.safetensors" after 1200 steps.
std::filesystem::path checkpoint_path(const std::filesystem::path& folder, std::int64_t step);
/// The number of steps in the name of a checkpoint; -1 for other names.
std::int64_t step_of_checkpoint(const std::filesystem::path& path);

/// The number of the first traversal of the data that `iterations` steps of an optimizer have not begun, if a traversal
/// has `batches` batches, each a step.
std::int64_t traversals_by_steps(std::int64_t iterations, std::int64_t batches);

/// TrainingState::schedule of a run that begins at this iteration of the optimizer. It has rates of the first epoch
/// only, because a schedule may be undefined after the end of the run.
std::string schedule_text(const Optimizer& optimizer, std::int64_t first_iteration, std::int64_t batches);

/// Writes a checkpoint as a safetensors file, atomically. It contains the parameters ("model/..."), the optimizer's
/// slots ("optimizer/..."), the state() of each callback by its position in FitOptions::callbacks ("callbacks/0/..."),
/// the history ("history/...") and the sums of the current epoch. The metadata hold the position in the run, the
/// settings that the results depend on, and a CRC-32 of the whole content. States of random generators are not stored:
/// random numbers and the order of the data depend only on seed, step and epoch. In a run on several ranks all of them
/// call this function, and the first one writes the file. Error with the path when the file cannot be written.
void save_checkpoint(const TrainingState& run, const std::filesystem::path& path);

/// The values that must be equal on all ranks of a run, by name: the settings that a checkpoint compares, the position
/// in the run, and checksums of the weights and of the state of the optimizer.
std::map<std::string, std::string> fingerprint(const TrainingState& run);

/// A checkpoint with the settings of a run.
struct FittingCheckpoint {
  CheckpointParts parts;
  std::string layers, trained_parameters_then;  // checksum and number when it was saved
  /// Error unless the run has the same callbacks, layers and number of trained parameters. Callbacks may freeze layers
  /// when it begins.
  void check_begun(const TrainingState& run) const;
};

/// Restores a run from a checkpoint: a file, or the newest one in a folder. The callbacks' train_begin() belongs
/// between the constructor and restore(). Unless restore() has returned, the destructor makes the model, the optimizer
/// and the state() of the callbacks what they were before the constructor.
class Resumption {
 public:
  /// Reads and checks the checkpoint, on all ranks. Error when there is none, or when it is damaged, of another run, or
  /// of other settings. The message names the file, the reason, and an older checkpoint of the same folder that can be
  /// used.
  Resumption(TrainingState& run, const std::filesystem::path& from);
  /// Error when the checkpoint is of other callbacks, layers or frozen parameters, or a callback rejects its state.
  void restore();

 private:
  void with_advice(const std::function<void()>& step) const;

  TrainingState& run_;
  std::filesystem::path path_;
  std::optional<FittingCheckpoint> checkpoint_;
  std::optional<Rollback> rollback_;
  bool begun_ = false;  // whether the callbacks may have begun
};

}  // namespace xtape
