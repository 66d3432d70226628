// A convolution and the batch normalization after it, in inference. Internal to the library.
#pragma once

#include <limits>
#include <optional>

#include "framework/ops/convolution.hpp"

namespace xtape {

/// The arguments of batch_norm_inference that follow x.
struct InferenceNormalization {
  Tensor gamma, beta, mean, variance;
  double epsilon;
  Tensor bias = {}, residual = {};  ///< undefined: none
  bool relu = false;
  double max_value = std::numeric_limits<double>::infinity();
};

/// batch_norm_inference(conv2d(x, w, options), ...), with the same bits: parts of the convolution are normalized while
/// they are in the cache. Unless it is null, `packed` is that of w. Records no derivative. Nothing if the arguments of
/// the normalization do not fit the output, or exceed the range of its type; then the two ops have to be used. Error as
/// for conv2d.
std::optional<Tensor> normalized_conv2d(const Tensor& x, const Tensor& w, const PackedKernel* packed,
                                        const Conv2DOptions& options, const InferenceNormalization& normalization);

}  // namespace xtape
