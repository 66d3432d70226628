// StoredWeights: the content of a weights file, for all formats. Internal to models/.
#pragma once

#include <string>
#include <vector>

#include "framework/io/named_tensor.hpp"
#include "models/files/keras_names.hpp"
#include "models/files/weights.hpp"

namespace xtape {

/// A tensor in a file, and the path of its parameter ("conv1/kernel").
struct StoredWeight {
  std::string path;
  StoredTensor tensor;
};

/// All tensors in the order of the file, and the model's parameters in the order of such a file. `order` is empty if
/// the format has no order.
struct StoredWeights {
  std::vector<StoredWeight> weights;
  NamedParameters order;
};

/// What load_weights() does with the content of a file. `path` is for messages.
LoadReport load_stored_weights(const Model& model, const StoredWeights& file, const std::filesystem::path& path,
                               const LoadWeightsOptions& options);

}  // namespace xtape
