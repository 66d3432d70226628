// The weights of samples.
#pragma once

#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The samples' own weights times the weights of their classes: (n) float64; `own` without class weights. `own` is
/// undefined when all are 1. The class of a distribution is that of its largest entry, as in Keras. A label that is
/// none of the classes, which the loss has to ignore, has the weight 1.
Tensor weights_of(const Tensor& own, const Tensor& labels, const std::vector<double>& class_weights);

}  // namespace xtape
