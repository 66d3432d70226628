// The gradient table: for each op functions, shapes and options under which its derivative is checked.
#pragma once

#include <string>
#include <vector>

#include "gradcheck/gradient_check.hpp"

namespace xtape::test {

struct GradientRow {
  std::string op;  ///< the name of the recorded op
  DifferentiableFunction function;
  std::vector<Shape> shapes;
  GradientCheckOptions options = {};
  bool any_seed = true;  ///< false if one element at a kink affects the derivatives of a whole channel or row
};

// Options of many rows.
inline const GradientCheckOptions bilinear{.bilinear = true};       ///< the function is linear in each input
inline const GradientCheckOptions wide{.low = -3, .high = 3};       ///< numbers of both signs
inline const GradientCheckOptions positive{.low = 0.5, .high = 2};  ///< positive numbers

/// Small arrays, for which every element is checked against every output: batches of one, odd sizes, images that are
/// not square, strides larger than kernels, operands that broadcast along each kind of axis.
std::vector<GradientRow> scalar_rows();   ///< arithmetic, elementary functions, activations
std::vector<GradientRow> array_rows();    ///< reductions, manipulation, linear algebra
std::vector<GradientRow> network_rows();  ///< convolution, pooling, normalization, losses
std::vector<GradientRow> sample_rows();   ///< normalization of samples, images, more losses
/// All rows of small arrays.
const std::vector<GradientRow>& gradient_rows();

/// Arrays that are large enough for all code paths of every kernel: several pieces of parallel work, several blocks.
const std::vector<GradientRow>& large_gradient_rows();

}  // namespace xtape::test
