// Checkpoints as files: all that a run needs to go on as if it had never stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "training/callbacks/callback.hpp"

namespace xtape {

/// The checkpoints of a folder by their names, the newest first; none when there is no such folder.
std::vector<std::filesystem::path> checkpoints_in(const std::filesystem::path& folder);
/// "<folder>/checkpoint-000001200.safetensors" after 1200 steps, and back again.
std::filesystem::path checkpoint_path(const std::filesystem::path& folder, std::int64_t step);
/// The number of steps in the name of a checkpoint.
std::int64_t step_of_checkpoint(const std::filesystem::path& path);

/// Number of the first order that so many steps of an optimizer, in epochs of so many batches, have not used up.
std::int64_t order_by_steps(std::int64_t iterations, std::int64_t batches);

/// TrainingState::schedule of a run that begins at this iteration of the optimizer: rates of its first epoch, for a
/// schedule need not know what comes after the run.
std::string schedule_text(const Optimizer& optimizer, std::int64_t first_iteration, std::int64_t batches);

/// Writes one safetensors file, all or nothing: "model/..." the parameters, "optimizer/..." its slots,
/// "callbacks/0/..." the callbacks' state() by their place in FitOptions::callbacks, "history/..." and the sums of the
/// epoch so far. The metadata holds the position, the settings the run depends on, and a CRC-32 over everything. Random
/// numbers and the order of the data follow from seed, step and epoch, so the position says them. Error with the path
/// when it can't be written. In a run on several ranks all of them call it, and the first one writes.
void save_checkpoint(const TrainingState& run, const std::filesystem::path& path);

/// What ranks that train together must have alike, by name: the settings that a checkpoint compares, and the position,
/// the weights and the state of the optimizer.
std::map<std::string, std::string> fingerprint(const TrainingState& run);

/// Takes up a checkpoint: a file, or the newest of a folder. Error, with model, optimizer and callbacks as they were,
/// when there is none, or it is damaged, of another run or of other settings; the message says which file, why, and
/// which older one of the same folder can be gone on from.
void resume_run(TrainingState& run, const std::filesystem::path& from);

}  // namespace xtape
