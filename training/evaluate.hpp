// evaluate and predict: a model in inference mode over many samples.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "models/graph/model.hpp"
#include "training/data/dataset.hpp"
#include "training/distributed/distributed.hpp"
#include "training/metrics/figures.hpp"
#include "training/metrics/objective.hpp"

namespace xtape {

/// Options of evaluate().
struct EvaluateOptions {
  /// Samples for each forward pass.
  std::int64_t batch_size = 32;
  /// One loss, or one for each output; see Losses.
  Losses loss = loss::softmax_cross_entropy();
  /// As in FitOptions.
  Metrics metrics = {};
  /// Divides each batch into shards, which several processes may compute; see Distributed. All ranks get the same
  /// figures.
  Distributed distributed = {};
  /// Notified after each batch how many samples are done; false ends it, with the figures of those.
  std::function<bool(std::int64_t samples)> batch_end = {};
};

/// Means over all samples, in inference mode: "loss", with several outputs the loss of each ("<output>_loss"), and the
/// metrics ("accuracy", "<output>_accuracy"). Records nothing. The loss has the penalties of the model's regularizers
/// added, as in training and as in Keras, so that the two can be compared. Where the samples have weights, it is
/// sum(w_i l_i) / n plus these, and the metrics are weighted. Error when the data does not fit the model, the losses or
/// the metrics.
Figures evaluate(const Model& model, const Dataset& data, const EvaluateOptions& options = {});

/// The outputs (n, ...) for inputs (n, ...), in inference mode, batch by batch; uint8 is divided by 255 as in training.
/// With `distributed` each batch is divided into shards, and every rank gets the outputs of all samples. Error when the
/// model has several outputs, there are no samples, their shape does not fit the model or batch_size is below 1.
Tensor predict(const Model& model, const Tensor& input, std::int64_t batch_size = 32,
               const Distributed& distributed = {});
/// The same for the inputs of a data set, which may be on the disk; its targets do not matter.
Tensor predict(const Model& model, const Dataset& data, std::int64_t batch_size = 32,
               const Distributed& distributed = {});

/// The same for models of any number of inputs and outputs: a tensor (n, ...) for each output.
std::vector<Tensor> predict_all(const Model& model, const std::vector<Tensor>& inputs, std::int64_t batch_size = 32,
                                const Distributed& distributed = {});
/// The same for the inputs of a data set.
std::vector<Tensor> predict_all(const Model& model, const Dataset& data, std::int64_t batch_size = 32,
                                const Distributed& distributed = {});

}  // namespace xtape
