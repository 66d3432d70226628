// CheckpointParts: a run as named tensors and text, and back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/io/safetensors.hpp"
#include "training/callbacks/callback.hpp"

namespace xtape {

/// The run's tensors under the names they have in a checkpoint; see save_checkpoint.
std::vector<NamedTensor> tensors_of(const TrainingState& run);
/// Where the run stands: epochs, batches and samples done, iterations of the optimizer.
std::map<std::string, std::string> position_of(const TrainingState& run);
/// A number of 0 or more among the metadata. Error when there is none.
std::int64_t integer_of(const std::map<std::string, std::string>& metadata, const std::string& key);

/// What a checkpoint holds, seen to fit a run.
class CheckpointParts {
 public:
  /// Error unless every tensor that the run needs is there with its shape and type, and no other.
  CheckpointParts(const TrainingState& run, SafetensorsFile file);
  /// Gives the run all of it, or nothing: whatever is thrown, such as the Error of a callback that refuses its state,
  /// leaves the run, its model, its optimizer and its callbacks' states as they were.
  void restore(TrainingState& run);

 private:
  Tensor take(const std::string& name, const Shape& shape, DType dtype);
  void read_history(std::int64_t epochs, int initial_epoch, const std::string& names);
  void read_position(const TrainingState& run, const std::map<std::string, std::string>& metadata);

  std::map<std::string, Tensor> tensors_;              // those not taken yet
  std::vector<Tensor> parameters_;                     // in the model's order
  std::vector<std::pair<std::string, Tensor>> slots_;  // of the optimizer
  std::vector<std::vector<NamedTensor>> callbacks_;    // their states
  History history_;
  RunningFigures running_;
  std::int64_t batch_ = 0, iterations_ = 0;
  double learning_rate_ = 0, seconds_ = 0;
};

}  // namespace xtape
