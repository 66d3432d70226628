// Ten steps of every optimizer in both libraries.
#pragma once

#include <string>

#include "tests/peer/compare.hpp"

namespace xtape::peer {

/// golden::trajectory by PyTorch: with the optimizers of torch::optim, their epsilon chosen so that the formulas agree,
/// or by the definition in torch's arithmetic where they can't. Error for a name that golden_optimizers() has not.
Tensor torch_trajectory(const std::string& name, const Tensor& initial, const Tensor& gradients);

/// Every optimizer on parameters of several sizes.
Comparison compare_optimizers(std::uint64_t seed, const ComparisonOptions& options);

}  // namespace xtape::peer
