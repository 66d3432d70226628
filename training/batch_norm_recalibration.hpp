// Recomputes the moving averages of batch normalization with the final weights.
#pragma once

#include <cstdint>

#include "models/graph/model.hpp"
#include "training/data/augmentation.hpp"
#include "training/data/dataset.hpp"
#include "training/distributed/distributed.hpp"

namespace xtape {

/// Options of recalibrate_batch_norm().
struct RecalibrationOptions {
  /// Samples for each forward pass.
  std::int64_t batch_size = 32;
  std::uint64_t seed = 0;  ///< seed of the order of the samples and of augmentation
  /// How the images are changed: that of the training, so that the averages are those of the images that the weights
  /// were trained with.
  Augmentation augmentation = {};
  /// Divides each batch into shards, which several processes may compute; see Distributed.
  Distributed distributed = {};
};

/// Recomputes moving_mean and moving_variance of every BatchNormalization layer that is not frozen: they become the
/// means of the batches' means and unbiased variances, over all batches of the data, weighted by batch size, with the
/// current weights. In contrast, moving averages from training lag behind weights that still change, and depend on
/// their start values (Wu and Johnson, Rethinking "Batch" in BatchNorm, 2021, section 3: precise BN). All other layers
/// run in inference mode: dropout drops nothing. With bias_correction, inference then uses the averages without a
/// correction. Error when there is no such layer, the data does not fit the model, or a statistic is not finite; then
/// the model is unchanged.
void recalibrate_batch_norm(Model& model, const Dataset& data, const RecalibrationOptions& options = {});

}  // namespace xtape
