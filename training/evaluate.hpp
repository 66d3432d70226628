// evaluate and predict: a model in inference mode over many samples.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "models/model.hpp"
#include "training/dataset.hpp"
#include "training/loss_function.hpp"

namespace xtape {

struct EvaluateOptions {
  std::int64_t batch_size = 32;
  LossFunction loss = softmax_cross_entropy;
  /// Told after each batch how many samples are done; false ends it, with the figures of those.
  std::function<bool(std::int64_t samples)> batch_end = {};
};

struct Evaluation {
  double loss = 0;                                ///< with the penalties of the regularizers
  std::optional<double> accuracy = std::nullopt;  ///< 0 to 1; none when the data has no classes
  std::int64_t samples = 0;
  double seconds = 0;  ///< wall-clock time
};

/// Mean loss and, where there are classes, accuracy over all samples, in inference mode; records nothing. The loss has
/// the penalties of the model's regularizers added, as in training and as in Keras, so that the two can be compared.
/// Where the samples have weights, it is sum(w_i l_i) / n plus these; the accuracy knows no weights. Error when the
/// data does not fit the model or the loss.
Evaluation evaluate(const Model& model, const Dataset& data, const EvaluateOptions& options = {});

/// The outputs (n, ...) for images (n, ...), in inference mode, batch by batch; uint8 images are divided by 255 as in
/// training. Error when there are no images, their shape does not fit the model or batch_size is below 1.
Tensor predict(const Model& model, const Tensor& images, std::int64_t batch_size = 32);
/// The same for the images of a data set, which may be on the disk.
Tensor predict(const Model& model, const Dataset& data, std::int64_t batch_size = 32);

}  // namespace xtape
