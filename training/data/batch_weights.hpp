// The weights of the samples of a batch.
#pragma once

#include <vector>

#include "training/data/data_loader.hpp"

namespace xtape {

/// The weights of the samples for the first target times the weights of their classes: (b) float64; undefined when
/// there are neither. The class of a distribution is that of its largest entry, as in Keras.
Tensor weights_of(const Batch& batch, const std::vector<double>& class_weights);

}  // namespace xtape
