// CheckpointParts: converts a run to named tensors and text, and restores it from them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/io/safetensors.hpp"
#include "training/callbacks/callback.hpp"

namespace xtape {

/// The tensors of a run with their names in a checkpoint; see save_checkpoint().
std::vector<NamedTensor> tensors_of(const TrainingState& run);
/// The position of a run: finished epochs, batches and samples, and iterations of the optimizer.
std::map<std::string, std::string> position_of(const TrainingState& run);
/// A number of at least 0 in the metadata. Error when there is none.
std::int64_t integer_of(const std::map<std::string, std::string>& metadata, const std::string& key);

/// Saves the state of a run, its model, its optimizer and its callbacks. The destructor restores it unless keep() was
/// called.
class Rollback {
 public:
  explicit Rollback(TrainingState& run);
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback();
  void keep() { kept_ = true; }

 private:
  TrainingState& run_;
  LearningRate rate_;
  std::int64_t iterations_;
  std::vector<std::pair<std::string, Tensor>> slots_;
  std::vector<Tensor> values_;
  std::vector<std::vector<NamedTensor>> states_;
  History history_;
  std::string stop_reason_;
  bool kept_ = false;
};

/// The content of a checkpoint that fits a run.
class CheckpointParts {
 public:
  /// Error unless the file has exactly the tensors that the run needs, with their shapes and types. The states of the
  /// callbacks are not compared.
  CheckpointParts(const TrainingState& run, SafetensorsFile file);
  /// Error unless the callbacks of the run are those of the one that was saved.
  void check_callbacks(const TrainingState& run) const;
  /// Restores the run, which has passed check_callbacks(). The restore() of a callback may throw at any point, and may
  /// have changed the run before: a Rollback takes that back.
  void restore(TrainingState& run) const;

 private:
  Tensor take(const std::string& name, const Shape& shape, DType dtype);
  void read_history(std::int64_t epochs, int initial_epoch, const std::string& names);
  void read_position(const TrainingState& run, const std::map<std::string, std::string>& metadata);

  std::map<std::string, Tensor> tensors_;              // those that are not assigned yet
  std::vector<Tensor> parameters_;                     // in the order of the model's parameters
  std::vector<std::pair<std::string, Tensor>> slots_;  // of the optimizer
  std::vector<std::vector<NamedTensor>> callbacks_;    // the states of the callbacks
  History history_;
  RunningFigures running_;
  std::int64_t batch_ = 0, iterations_ = 0;
  double learning_rate_ = 0, seconds_ = 0;
};

}  // namespace xtape
