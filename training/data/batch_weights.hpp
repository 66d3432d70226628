// How much each sample of a batch counts.
#pragma once

#include <vector>

#include "training/data/data_loader.hpp"

namespace xtape {

/// The samples' own weights for the first target times their classes', (b) float64; undefined when there are neither.
/// The class of a distribution is that of its largest entry, as in Keras.
Tensor weights_of(const Batch& batch, const std::vector<double>& class_weights);

}  // namespace xtape
