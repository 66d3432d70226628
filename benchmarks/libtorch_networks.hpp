// The two networks as a user of libtorch writes them for speed: activations and additions in place.
#pragma once

#include <map>
#include <string>

#include "benchmarks/workload.hpp"

namespace at {
class Tensor;
}

namespace xtape::bench {

/// By xtape's paths ("conv1/kernel"), in PyTorch's layout: kernels (filters, channels, height, width), dense kernels
/// (out, in).
using TorchWeights = std::map<std::string, at::Tensor>;

/// What xtape's worker saved.
struct TorchData {
  TorchWeights weights;
  TorchWeights batch;  ///< "images" (n, channels, height, width), and "labels"
};

/// Reads a safetensors file straight into torch tensors; images and kernels lie in channels_last if wanted, else in
/// PyTorch's own order. Error with the path when it is not one.
TorchData load_torch_data(const std::string& path, bool channels_last);

/// Logits (n, classes), for the weights of models/resnet50.cpp or models/conv_net.cpp with the options of the workload.
/// In training, batch normalization uses the batch's statistics and moves its averages.
at::Tensor torch_logits(const Workload& workload, const TorchWeights& weights, const at::Tensor& images);

}  // namespace xtape::bench
