// adapt: computes the statistics of the training data for Normalization layers.
#pragma once

#include "models/graph/model.hpp"
#include "training/data/dataset.hpp"

namespace xtape {

/// Sets the mean and the (biased) variance of the model's Normalization layers to those of each channel of the data,
/// over all samples and positions. uint8 values are divided by 255. The data is read once, batch by batch; sums are
/// computed in float64. Call it before training, with the training data. Error when the data does not fit the model,
/// the model or the data has several inputs, the model has no such layer, the input of such a layer is not the model's
/// input, or a value is not finite; then the model is unchanged.
void adapt(Model& model, const Dataset& data);

}  // namespace xtape
