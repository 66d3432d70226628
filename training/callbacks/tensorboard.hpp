// The callback TensorBoard: files that TensorBoard shows while the run lasts.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "training/callbacks/callback.hpp"
#include "training/tensorboard/event_file.hpp"

namespace xtape {

/// Options of TensorBoard.
struct TensorBoardOptions {
  /// The folder of the run. The files are in train/ and validation/ below it.
  std::filesystem::path folder;
  /// Steps after which the figures of the epoch so far are written; 0: only after each epoch. Keras's update_freq.
  std::int64_t every_steps = 0;
  /// Epochs after which the distributions of all parameters are written, for the first time after epoch 1; 0: never.
  /// Keras's histogram_freq.
  int histogram_epochs = 0;
  /// Whether the layer graph is written. Keras's write_graph.
  bool graph = true;
  /// Returns images (n, height, width, 1 or 3) by tag, see EventFile::images(). Called after each epoch, on the rank
  /// that writes. For the inputs alone, return them after the first epoch: `run.epoch == 1`.
  std::function<std::vector<NamedTensor>(TrainingState& run)> images = {};
};

/// Writes what Keras's TensorBoard callback writes, with the same tags and steps, so that TensorBoard shows runs of
/// both in one chart. After each epoch, at step epoch - 1: "epoch_loss", "epoch_<metric>" and "epoch_learning_rate" in
/// train/, and the figures of the validation in validation/ under the same tags; there also
/// "evaluation_<figure>_vs_iterations" at the step of the optimizer. With every_steps "batch_<figure>" in train/, the
/// means over the epoch so far, at the number of the step, counted from 1. With histogram_epochs
/// "<parameter>/histogram". Unlike Keras, which writes its own JSON of the model, the graph is one of nodes.
///
/// Each event is in the file at once. A run that resumes writes a new file in the same folder, with the steps that
/// follow; steps that were already there, because the run was killed after them, are written again with the same
/// values. Use a new folder for each run. In a run on several ranks the first one writes. If a file cannot be written
/// later, training continues, and one message is written to standard error. Error when the folder is empty or a number
/// is below 0; at the start of training when the files cannot be created. Error in a build without protobuf.
class TensorBoardCallback final : public Callback {
 public:
  /// Options of the callback.
  using Options = TensorBoardOptions;
  /// Error when an option is out of range.
  explicit TensorBoardCallback(Options options);
  void train_begin(TrainingState& run) override;
  void batch_end(TrainingState& run) override;
  void epoch_end(TrainingState& run) override;
  void train_end(TrainingState& run) override;

 private:
  void write(EventFile& file, const std::string& event);

  Options options_;
  std::optional<EventFile> train_, validation_;  // open during a run
  bool warned_ = false;
};
using TensorBoard = CallbackHandle<TensorBoardCallback>;

}  // namespace xtape
