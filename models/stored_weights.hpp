// StoredWeights: what a file of weights holds, whatever its format. Internal to models/.
#pragma once

#include <string>
#include <vector>

#include "framework/io/named_tensor.hpp"
#include "models/keras_names.hpp"

namespace xtape {

/// A tensor of a file, and the path of the parameter that it is for ("conv1/kernel").
struct StoredWeight {
  std::string path;
  StoredTensor tensor;
};

/// All of them in the file's order, and the model's parameters in the order in which such a file lists them; without
/// parameters the file knows no order.
struct StoredWeights {
  std::vector<StoredWeight> weights;
  NamedParameters order;
};

}  // namespace xtape
