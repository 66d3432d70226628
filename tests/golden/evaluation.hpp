// What a function computes, as arrays by name: its output and its gradients along a cotangent.
#pragma once

#include <vector>

#include "framework/io/named_tensor.hpp"
#include "gradcheck/gradient_check.hpp"

namespace xtape::golden {

/// "output", and "gradient 0", "gradient 1", ... of <cotangent, output> for each input; zeros for an output that does
/// not depend on the inputs. Error when the cotangent does not have the output's shape.
std::vector<NamedTensor> evaluate(const DifferentiableFunction& function, const std::vector<Tensor>& inputs,
                                  const Tensor& cotangent);

/// The largest |a - b| / (1 + |b|) over all elements; 0 where a and b are the same infinity, infinite when the shapes
/// differ or one is not a number.
double largest_difference(const Tensor& a, const Tensor& b);

}  // namespace xtape::golden
