// Weights in the names and layouts of PyTorch. Internal to models/; docs/formats.md describes them.
#pragma once

#include <string>
#include <vector>

#include "models/files/stored_weights.hpp"

namespace xtape {

/// The tensors of a PyTorch state_dict, such as "layer1.0.conv1.weight", with the paths of the model's parameters and
/// in the layouts of xtape. A tensor whose name is a path of the model ("conv1/kernel") is unchanged. The counts of
/// batch normalizations (num_batches_tracked), which xtape does not have, are left out. "module." and "_orig_mod." in
/// front of all names, which DistributedDataParallel and torch.compile write, are removed.
std::vector<StoredWeight> from_torch(const Model& model, std::vector<StoredTensor> tensors);

/// The parameters of the model with PyTorch's names and layouts, in the order of the layers. Error with the path of a
/// parameter for which PyTorch has no equivalent.
std::vector<NamedTensor> to_torch(const Model& model);

}  // namespace xtape
