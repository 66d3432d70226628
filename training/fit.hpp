// fit, evaluate, predict: the loops around a model.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "framework/ops/losses.hpp"
#include "models/model.hpp"
#include "optim/optimizer.hpp"
#include "training/dataset.hpp"
#include "training/history.hpp"
#include "training/progress.hpp"

namespace xtape {

/// Mean loss of a batch, one element, from the model's outputs and the labels or targets; any of
/// framework/ops/losses.hpp.
using LossFunction = std::function<Variable(const Variable& outputs, const Tensor& labels)>;

struct FitOptions {
  int epochs = 1;  ///< number of the last epoch
  std::int64_t batch_size = 32;
  std::optional<Dataset> validation = std::nullopt;  ///< evaluated after each epoch
  LossFunction loss = softmax_cross_entropy;
  bool shuffle = true;
  std::uint64_t seed = 0;  ///< of the batches' order and of dropout
  /// Epochs that are done already: with the model's and the optimizer's state restored and the same seed, the run goes
  /// on with the batches it would have had.
  int epochs_done = 0;
  /// Stop at the first value or derivative that is not finite, naming layer, op and step; see PassOptions.
  bool check_finite = false;
  /// Told who is at work: layers, loss, "data", "metrics", "optimizer", "progress"; not owned. See profile().
  Profiler* profiler = nullptr;
  bool show_progress = true;
  ProgressOutput output = {};
  std::function<void(const EpochResult&)> on_epoch = {};  ///< called after each epoch
};

/// Trains the model in its own dtype: for each batch a forward pass, the loss, the way back and optimizer.step().
/// Returns the epochs of this call. The same seeds give the same bits. Error before the first step when an option is
/// out of range, the data does not fit the model, the optimizer has none of the model's parameters, or the model ends
/// in a softmax or sigmoid and the loss takes logits; later, with epoch and step, when the loss is no longer finite.
/// All gradients of the model are clear afterwards, those of parameters that the optimizer does not have too.
History fit(const Model& model, Optimizer& optimizer, const Dataset& train, const FitOptions& options = {});

struct EvaluateOptions {
  std::int64_t batch_size = 32;
  LossFunction loss = softmax_cross_entropy;
};

struct Evaluation {
  double loss = 0;
  std::optional<double> accuracy = std::nullopt;  ///< 0 to 1; none when the data has no classes
  std::int64_t samples = 0;
  double seconds = 0;  ///< wall-clock time
};

/// Mean loss and, where there are classes, accuracy over all samples, in inference mode; records nothing. Error when
/// the data does not fit the model.
Evaluation evaluate(const Model& model, const Dataset& data, const EvaluateOptions& options = {});

/// The outputs (n, ...) for images (n, ...), in inference mode, batch by batch; uint8 images are divided by 255 as in
/// training. Error when there are no images, their shape does not fit the model or batch_size is below 1.
Tensor predict(const Model& model, const Tensor& images, std::int64_t batch_size = 32);

}  // namespace xtape
