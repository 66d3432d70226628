// Several convolutions in inference, one after another. Internal to the library.
#pragma once

#include <vector>

#include "framework/ops/inference_epilogue.hpp"

namespace xtape {

/// A convolution of images and what follows it.
struct ChainLink {
  InferenceConvolution convolution;
  InferenceEpilogue epilogue;  ///< a residual is possible in the last link only
};

/// The output of the last of several convolutions, each of which reads the output of the one before, with the bits of
/// conv2d_with_epilogue. A band of rows of an image goes through all convolutions, so that the values between them stay
/// in the cache. Records no derivative. Nothing if this is not possible or not faster; then separate convolutions have
/// to be used.
std::optional<Tensor> conv2d_chain(const Tensor& x, const std::vector<ChainLink>& links);

}  // namespace xtape
