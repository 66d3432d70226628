// evaluate and predict: run a model in inference mode on many samples.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
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
  /// One loss, or one for each output of the model; see Losses.
  Losses loss = loss::softmax_cross_entropy();
  /// The metrics, as in FitOptions.
  Metrics metrics = {};
  /// Divides each batch into shards, which several processes may compute; see Distributed. All ranks get the same
  /// figures.
  Distributed distributed = {};
  /// Called after each batch with the number of samples that are done. If it returns false, the evaluation ends, and
  /// the figures are those of these samples.
  std::function<bool(std::int64_t samples)> batch_end = {};
};

/// Evaluates the model in inference mode. Returns means over all samples: "loss"; with several outputs the loss of each
/// ("<output>_loss"); and the metrics ("accuracy", "<output>_accuracy"). Nothing is recorded on a tape. The loss
/// includes the penalties of the model's regularizers, as in training and in Keras. If the samples have weights, the
/// loss is sum(w_i l_i) / n plus the penalties, and the metrics are weighted. Error when the data does not fit the
/// model, the losses or the metrics.
Figures evaluate(const Model& model, const Dataset& data, const EvaluateOptions& options = {});

/// The outputs (n, ...) for inputs (n, ...), computed batch by batch in inference mode. uint8 inputs are divided by
/// 255, as in training. With `distributed` each batch is divided into shards, and every rank gets the outputs of all
/// samples. Error when the model has several outputs, there are no samples, their shape does not fit the model, or
/// batch_size is below 1.
Tensor predict(const Model& model, const Tensor& input, std::int64_t batch_size = 32,
               const Distributed& distributed = {});
/// The outputs for the inputs of a data set, which may be on disk. Its targets are ignored.
Tensor predict(const Model& model, const Dataset& data, std::int64_t batch_size = 32,
               const Distributed& distributed = {});

/// The outputs of a model with any number of inputs and outputs: one tensor (n, ...) for each output.
std::vector<Tensor> predict_all(const Model& model, const std::vector<Tensor>& inputs, std::int64_t batch_size = 32,
                                const Distributed& distributed = {});
/// The same for inputs that are listed in the call: predict_all(model, {images, numbers}).
std::vector<Tensor> predict_all(const Model& model, std::initializer_list<Tensor> inputs, std::int64_t batch_size = 32,
                                const Distributed& distributed = {});
/// All outputs for the inputs of a data set, which may be on disk. Its targets are ignored.
std::vector<Tensor> predict_all(const Model& model, const Dataset& data, std::int64_t batch_size = 32,
                                const Distributed& distributed = {});

}  // namespace xtape
