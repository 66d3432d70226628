// Ten steps of every optimizer in both libraries.
#pragma once

#include <string>

#include "tests/peer/compare.hpp"

namespace xtape::peer {

/// golden::trajectory in PyTorch: with the optimizers of torch::optim and an epsilon for which the formulas agree,
/// otherwise by the definition with torch tensors. Error for a name that golden_optimizers() does not have.
Tensor torch_trajectory(const std::string& name, const Tensor& initial, const Tensor& gradients);

/// Every optimizer on parameters of several sizes.
Comparison compare_optimizers(std::uint64_t seed, const ComparisonOptions& options);

}  // namespace xtape::peer
