// adapt: what Normalization layers need to know of the training data.
#pragma once

#include "models/graph/model.hpp"
#include "training/data/dataset.hpp"

namespace xtape {

/// Sets mean and variance (biased) of the model's Normalization layers to those of the data's channels, over all
/// examples and places, with bytes as numbers from 0 to 1; in one pass over the data, batch by batch, in float64. Call
/// it before training, with the training data. Error, with nothing changed, when the data does not fit the model, the
/// model has no such layer, one takes something else than the model's input, or an image holds what is not finite.
void adapt(Model& model, const Dataset& data);

}  // namespace xtape
