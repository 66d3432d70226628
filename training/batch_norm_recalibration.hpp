// Batch normalization's moving averages measured anew.
#pragma once

#include <cstdint>

#include "models/graph/model.hpp"
#include "training/data/dataset.hpp"
#include "training/distributed/distributed.hpp"

namespace xtape {

/// Options of recalibrate_batch_norm().
struct RecalibrationOptions {
  /// Samples for each forward pass.
  std::int64_t batch_size = 32;
  std::uint64_t seed = 0;  ///< of the order of the samples, so that batches are random ones
  /// Divides each batch into shards, which several processes may compute; see Distributed.
  Distributed distributed = {};
};

/// Sets moving_mean and moving_variance of every BatchNormalization layer to the means, over all batches of the data
/// weighted by their size, of the batches' means and (unbiased) variances with the weights as they are now. Moving
/// averages instead lag behind weights that still change, and remember where they started (Wu and Johnson, Rethinking
/// "Batch" in BatchNorm, 2021, section 3: precise BN). All other layers run in inference mode: dropout drops nothing.
/// With bias_correction the layer then takes the averages as they are. Frozen layers stay as they are. Error, with
/// nothing changed, when there is no other such layer, the data does not fit the model, or statistics
/// are not finite.
void recalibrate_batch_norm(Model& model, const Dataset& data, const RecalibrationOptions& options = {});

}  // namespace xtape
