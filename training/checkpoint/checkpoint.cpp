#include "training/checkpoint/checkpoint.hpp"

#include <cmath>
#include <iostream>

#include "framework/communication/communicator.hpp"
#include "framework/io/atomic_file.hpp"
#include "models/files/weights.hpp"
#include "training/fit.hpp"

namespace xtape {
namespace fs = std::filesystem;

CheckpointCallback::CheckpointCallback(Options options) : options_(std::move(options)) {
  check(!options_.folder.empty(), "Checkpoint: expected a folder, got an empty name");
  check(options_.keep >= 1, "Checkpoint: expected to keep at least 1, got {}", options_.keep);
  check(options_.every_epochs >= 0 && options_.every_steps >= 0,
        "Checkpoint: expected every_epochs and every_steps of at least 0, got {} and {}", options_.every_epochs,
        options_.every_steps);
  if (!options_.best.empty()) monitor_.emplace("Checkpoint", options_.best);
}

void CheckpointCallback::train_begin(TrainingState& run) {
  if (monitor_) monitor_->begin(run);
  best_ = monitor_ ? monitor_->worst() : 0;
  last_.clear();
  warned_ = false;
  if (!run.writes()) return;
  std::error_code error;
  fs::create_directories(options_.folder, error);  // a failure is reported when a checkpoint is saved
  const fs::path from = run.options.resume;
  const bool goes_on = !from.empty() && (fs::equivalent(from, options_.folder, error) ||
                                         fs::equivalent(fs::absolute(from).parent_path(), options_.folder, error));
  const auto there = checkpoints_in(options_.folder).size();
  check(there == 0 || goes_on,
        "Checkpoint: expected a folder without checkpoints for a new run, got {} in {}; resume from them with "
        "FitOptions::resume, or name another folder",
        there, options_.folder.string());
  remove_leftovers(options_.folder);
}

void CheckpointCallback::batch_end(TrainingState& run) {
  const bool due = options_.every_steps > 0 && run.step() % options_.every_steps == 0;
  if (due || run.stopping()) save(run);
}

void CheckpointCallback::validation_batch_end(TrainingState& run) {
  if (run.stopping()) save(run);
}

void CheckpointCallback::epoch_end(TrainingState& run) {
  save_best(run);
  const bool due = options_.every_epochs > 0 && run.epoch % options_.every_epochs == 0;
  if (due || run.stopping() || run.epoch == run.options.epochs) save(run);
}

void CheckpointCallback::save(const TrainingState& run) {
  const fs::path path = checkpoint_path(options_.folder, run.step());
  try {
    save_checkpoint(run, path);
  } catch (const Error& error) {
    if (const auto& ranks = run.shards.communicator(); ranks && !ranks->failure().empty()) throw;
    warn(error);
    return;
  }
  last_ = path;
  if (run.writes()) remove_old(run.step());
}

void CheckpointCallback::save_best(const TrainingState& run) {
  if (!monitor_) return;
  const double value = monitor_->value(run.history.last());
  if (!monitor_->improves(value, best_, 0)) return;
  best_ = value;
  if (!run.writes()) return;
  try {
    save_weights(run.model, options_.folder / "best.safetensors");
  } catch (const Error& error) {
    warn(error);
  }
}

void CheckpointCallback::warn(const Error& error) {
  if (!warned_) std::cerr << "Checkpoint: training continues without being saved: " << error.what() << std::endl;
  warned_ = true;
}

/// Also removes checkpoints of later steps: they were written before the run was resumed from an older checkpoint.
void CheckpointCallback::remove_old(std::int64_t step) const {
  int kept = 0;
  for (const fs::path& path : checkpoints_in(options_.folder)) {
    std::error_code ignored;
    if (step_of_checkpoint(path) > step || ++kept > options_.keep) fs::remove(path, ignored);
  }
}

std::vector<NamedTensor> CheckpointCallback::state() const { return {{"best", Tensor::scalar(best_, DType::float64)}}; }

void CheckpointCallback::restore(TrainingState& /*run*/, const std::vector<NamedTensor>& state) {
  check(state.size() == 1 && state[0].name == "best" && state[0].tensor.size() == 1,
        "Checkpoint: expected its own state in the checkpoint, got another; give fit the callbacks that the run began "
        "with");
  best_ = state[0].tensor.item();
}

}  // namespace xtape
