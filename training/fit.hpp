// fit: the loop that trains a model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "framework/autograd/profiler.hpp"
#include "training/callbacks/callback.hpp"
#include "training/callbacks/progress.hpp"
#include "training/data/augmentation.hpp"
#include "training/distributed/distributed.hpp"
#include "training/evaluate.hpp"
#include "training/metrics/objective.hpp"

namespace xtape {

/// Options of fit().
struct FitOptions {
  int epochs = 1;  ///< number of the last epoch
  /// Samples for each batch.
  std::int64_t batch_size = 32;
  /// Data that is evaluated after each epoch, with the same losses and metrics; see evaluate().
  std::optional<Dataset> validation = std::nullopt;
  /// Alternatively, the share of the training data that is used for validation, in [0, 1). It consists of the last
  /// samples, as in Keras: shuffle sorted data first, or use split().
  double validation_split = 0;
  /// One loss, or one for each output of the model, each with a weight; see Losses.
  Losses loss = loss::softmax_cross_entropy();
  /// The metrics; see OutputMetric. If there are none, outputs whose targets are classes get the accuracy.
  Metrics metrics = {};
  /// Whether the samples have a new order in each traversal of the data.
  bool shuffle = true;
  bool drop_last = false;  ///< leave out the last batch of each traversal of the data if it is smaller than the others
  /// Number of batches in one optimizer step (gradient accumulation). The result is that of one batch with all their
  /// samples, except for batch normalization. A pass needs the memory of one batch; the samples of all batches of the
  /// step are in memory. The loss is the mean over all samples of the step, for batches of any sizes.
  std::int64_t accumulate = 1;
  /// Steps in one epoch; 0: as many as one traversal of the data has. With another number, an epoch begins at the batch
  /// where the previous one ended, so it may be a part of a traversal or extend over several. Each traversal uses every
  /// sample once.
  std::int64_t steps_per_epoch = 0;
  std::uint64_t seed = 0;          ///< seed of the order of the samples, of augmentation and of dropout
  Augmentation augmentation = {};  ///< of the training images; targets that are images or masks are moved with them
  /// The weight of each class, one number for each class, as in Keras; empty: all 1. The loss of a sample is multiplied
  /// by the weight of its class (the class of the largest entry of a distribution) and by the weight of the sample if
  /// the data has weights; the loss of a batch is sum(w_i l_i) / n. The reported training loss includes these weights.
  /// Metrics and validation ignore class weights. Only for models with one output and data with one label for each
  /// sample.
  std::vector<double> class_weights = {};
  /// Number of epochs that count as already done, as in Keras: the run consists of the epochs initial_epoch + 1 to
  /// `epochs`, with the sample orders and augmentations of these epochs. If it is not set, the run consists of the
  /// epochs 1 to `epochs`, and its orders and augmentations follow those of earlier calls of fit with this optimizer,
  /// so that none is used twice, for any batch sizes. After steps of other loops they begin at number iterations() /
  /// batches, rounded up, or later. The random stream of dropout always depends on the optimizer's step.
  std::optional<int> initial_epoch = std::nullopt;
  /// Callbacks, which are notified in this order; see Callback.
  Callbacks callbacks = {};
  /// A checkpoint file, or a folder whose newest checkpoint is used. Model, optimizer and callbacks continue from the
  /// saved state, and the run ends with the same bits as a run without interruption; see Checkpoint. Empty: a new run.
  std::filesystem::path resume = {};
  /// Allow an optimizer that does not have all trainable parameters of the model; the others are not changed. If false,
  /// such an optimizer is an Error.
  bool partial_optimizer = false;
  /// Divides each batch into shards, which several processes may compute; see Distributed.
  Distributed distributed = {};
  /// Throw an Error at the first value or derivative that is not finite, with layer, op and step; that step changes
  /// nothing. See FiniteCheck.
  bool check_finite = false;
  /// Gradient checkpointing: most activations are recomputed in the backward pass, which takes less memory and more
  /// time. The results are equal; for layers that are called several times, equal up to rounding. See PassOptions.
  bool recompute = false;
  /// A profiler that is notified of the current activity: a layer, "data", "loss", "metrics", "reduction" (the sums of
  /// a step of several batches), "optimizer", "progress". Not owned. See profile().
  Profiler* profiler = nullptr;
  /// Whether progress is shown.
  bool show_progress = true;
  /// Where and how progress is shown.
  ProgressOutput output = {};
};

/// Trains the model in the model's dtype. Each step consists of a forward pass, the losses, the backward pass and an
/// optimizer step (Optimizer::minimize). The inputs and targets of the data correspond to the inputs and outputs of the
/// model in their order. A step whose loss is not finite changes nothing. A step with a gradient that is not finite, or
/// whose backward pass throws, is an Error; the weights of later layers may have been changed by finite gradients, but
/// with check_finite, clip_norm, accumulate above 1 or several shards nothing is changed. Returns the epochs of the
/// run, including those before an interruption, and the reason of the stop if a callback requested one. Equal seeds
/// give equal bits.
///
/// Error before the first step when an option is out of range, the data does not fit the model or the losses, the
/// optimizer lacks a trainable parameter (see partial_optimizer) or has no trainable parameter of the model, all layers
/// are frozen, a softmax or sigmoid was applied to an output whose loss takes logits (also if later layers only move,
/// select or average values), a softmax normalizes a single number, or there is no checkpoint of this run to resume
/// from. Error during training when a loss does not depend on its output, and, with epoch and step, when the loss is
/// not finite and no callback requests a stop; at the end when ranks have other weights. Error for metrics that count
/// labels which the data ignores. If trainable parameters get no gradient in the first step, one message to standard
/// error names them.
History fit(Model& model, Optimizer& optimizer, const Dataset& train, const FitOptions& options = {});

}  // namespace xtape
