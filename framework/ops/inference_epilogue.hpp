// Convolutions and products in inference, and what follows them: bias, batch normalization, residual and activation.
// Internal to the library.
#pragma once

#include <limits>
#include <memory>
#include <optional>

#include "framework/ops/convolution.hpp"
#include "framework/tensor/element_function.hpp"

namespace xtape {

/// A convolution of images with a constant kernel (height, width, channels, filters). Unless it is null, `packed` is
/// that of the kernel.
struct InferenceConvolution {
  Tensor kernel;
  std::shared_ptr<const PackedKernel> packed;
  Conv2DOptions options;
};

/// y = function(min(relu(norm(x + bias) + residual), max_value)), where each part may be absent. The arguments of norm
/// are those of batch_norm_inference.
struct InferenceEpilogue {
  Tensor bias = {};                                        ///< undefined: none
  Tensor gamma = {}, beta = {}, mean = {}, variance = {};  ///< undefined: no normalization
  double epsilon = 0;
  Tensor residual = {};  ///< undefined: none
  bool relu = false;
  double max_value = std::numeric_limits<double>::infinity();
  std::optional<ElementFunction> function = std::nullopt;
};

/// The convolution of x and its epilogue, with the bits of separate ops: parts of the convolution are changed while
/// they are in the cache. Records no derivative. Nothing if the arguments of the epilogue do not fit the output, or
/// exceed the range of its type; then separate ops have to be used. Error as for conv2d.
std::optional<Tensor> conv2d_with_epilogue(const Tensor& x, const InferenceConvolution& convolution,
                                           const InferenceEpilogue& epilogue);

}  // namespace xtape
