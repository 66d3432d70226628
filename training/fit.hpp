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
  /// Evaluated after each epoch, with the same losses and metrics; see evaluate().
  std::optional<Dataset> validation = std::nullopt;
  /// Instead: this share of the training data, its last samples as in Keras, in [0, 1). Data that is sorted, by class
  /// for example, has to be shuffled before, or use split().
  double validation_split = 0;
  /// One loss, or one for each output of the model, each with a weight; see Losses.
  Losses loss = loss::softmax_cross_entropy();
  /// What is measured besides the losses; see OutputMetric. Without any, outputs whose targets are classes get the
  /// accuracy.
  Metrics metrics = {};
  /// Whether the samples have a new order in each epoch.
  bool shuffle = true;
  bool drop_last = false;  ///< leave out the last batch of a pass over the data when it is smaller than the others
  /// Number of batches whose gradients make one step: the step of one batch of all their samples, but for batch
  /// normalization, in the memory of one of them. Losses are means over all of them, whatever their sizes are.
  std::int64_t accumulate = 1;
  /// Steps of an epoch; 0: those of a pass over the data. An epoch begins where the one before ended, in the midst of a
  /// pass or over several.
  std::int64_t steps_per_epoch = 0;
  std::uint64_t seed = 0;          ///< of the batches' order, of augmentation and of dropout
  Augmentation augmentation = {};  ///< of the training images; targets that are images are moved with them
  /// How much each class counts, one number a class, as in Keras: the loss of a sample is multiplied by its class's
  /// (that of the largest entry of a distribution) and by its own weight if the data has weights, and the batch's loss
  /// is sum(w_i l_i) / n. The training loss is shown so; metrics and validation know no class weights. For a model of
  /// one output with one label a sample. Empty: all 1.
  std::vector<double> class_weights = {};
  /// Number of epochs that count as done, as in Keras: the run has the epochs initial_epoch + 1 to `epochs`, and orders
  /// and augmentations are those of these epochs. Without it the run has the epochs 1 to `epochs`, and its orders and
  /// augmentations follow those of earlier calls with this optimizer, so that it sees none twice, whatever the sizes of
  /// the batches; they are not before number iterations() / batches, rounded up, for steps of other loops. Dropout
  /// always follows the optimizer's steps.
  std::optional<int> initial_epoch = std::nullopt;
  /// Notified how the run goes, in this order; see Callback.
  Callbacks callbacks = {};
  /// A checkpoint, or a folder whose newest one is taken: model, optimizer and callbacks resume from its state, and the
  /// run ends with the bits of one that was not interrupted; see Checkpoint. Empty: a new run.
  std::filesystem::path resume = {};
  /// The optimizer may lack trainable parameters of the model, which then stay as they are. Otherwise that is an Error.
  bool partial_optimizer = false;
  /// Divides each batch into shards, which several processes may compute; see Distributed.
  Distributed distributed = {};
  /// Stop at the first value or derivative that is not finite, naming layer, op and step, with nothing changed by that
  /// step; see FiniteCheck.
  bool check_finite = false;
  /// Less memory for more time: most activations are recomputed in the backward pass. The same numbers,
  /// to rounding where a layer is called several times; see PassOptions.
  bool recompute = false;
  /// Notified of the current activity: layers, loss, "data", "metrics", "optimizer", "progress"; not owned. See
  /// profile().
  Profiler* profiler = nullptr;
  /// Whether progress is shown.
  bool show_progress = true;
  /// Where and how progress is shown.
  ProgressOutput output = {};
};

/// Trains the model in its own dtype: for each step a forward pass, the losses, the backward pass and a step of the
/// optimizer (Optimizer::minimize). The data's inputs and targets go to the model's inputs and outputs in their order.
/// A step that ends in an exception or a loss that is not finite changes nothing. Returns the epochs of the run, those
/// before an interruption too, and why it stopped if a callback asked for that. The same seeds give the same bits.
/// Error before the first step when an option is out of range, the data does not fit the model or the losses, the
/// optimizer lacks a trainable parameter (see partial_optimizer) or has no parameter that is trained, all layers are
/// frozen, an output has gone through a softmax or sigmoid (behind which layers may move values) and its loss takes
/// logits, a softmax is over one number, or there is no checkpoint of this run to resume from; later, when the loss
/// does not depend on the model, and, with epoch and step, when it is no longer finite and no callback asks for a stop.
History fit(Model& model, Optimizer& optimizer, const Dataset& train, const FitOptions& options = {});

}  // namespace xtape
