// The networks in libtorch, written for speed: activations and additions are in place.
#pragma once

#include <map>
#include <string>

#include "benchmarks/workload.hpp"

namespace at {
class Tensor;
}

namespace xtape::bench {

/// Weights by their xtape path ("conv1/kernel"), in the layout of PyTorch: convolution kernels (filters, channels,
/// height, width), dense kernels (out, in).
using TorchWeights = std::map<std::string, at::Tensor>;

/// The data that the worker of xtape saved.
struct TorchData {
  TorchWeights weights;
  TorchWeights batch;  ///< "images" (n, channels, height, width), and "labels"
};

/// Reads a safetensors file into torch tensors. The memory format of images and kernels is channels_last or contiguous.
/// Throws Error with the path if the file is not in safetensors format.
TorchData load_torch_data(const std::string& path, bool channels_last);

/// The logits (n, classes), of unet (n, height, width, classes), of the network in models/zoo/ that xtape's worker
/// builds for the workload. In training, batch normalization uses the statistics of the batch and updates its moving
/// averages.
at::Tensor torch_logits(const Workload& workload, const TorchWeights& weights, const at::Tensor& images);

}  // namespace xtape::bench
