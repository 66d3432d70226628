// Norms of whole parameters, for optimizers whose step is proportional to the parameter. Internal to optim/.
#pragma once

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// |value| / |direction|; 1 where one of them is 0.
double norm_ratio(const Tensor& value, const Tensor& direction);

/// value -= factor * direction, in place.
void subtract_scaled(Tensor& value, const Tensor& direction, double factor);

}  // namespace xtape
