// The axes of layers of Keras: those with the channels first, which xtape computes with the channels last. Internal to
// models/.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "layers/graph/layer.hpp"
#include "models/files/config_json.hpp"

namespace xtape {

/// How a layer reads its inputs.
enum class KerasAxes {
  as_they_are,     ///< in the order of the file
  channels_first,  ///< the channels are the first axis of samples in the file
  of_elements,     ///< each element alone: in any order
};

/// How the layer of this config reads its inputs, which have `rank` axes with the batch axis. For channels_first the
/// config is changed to that of a layer with the channels last. Error for an activation function along an axis.
KerasAxes axes_of_config(const std::string& type, Json& config, int rank);

/// Error for a layer with this config of Keras on an input of `rank` axes if Keras's outputs are not those of xtape:
/// RMSNormalization over other axes than the last ones, where Keras multiplies by the scale along the last axes.
void check_keras_axes(const std::string& type, const Json& config, int rank);

/// Connects layers. Tensors keep the order of axes of the file; beside those that layers with the channels first have
/// computed, the numbers in the order of xtape are kept, so that no two permutations follow each other.
class KerasConnections {
 public:
  std::vector<SymbolicTensor> connect(Layer& layer, KerasAxes axes, const std::vector<SymbolicTensor>& inputs);

 private:
  using Key = std::pair<const SymbolicTensor::Call*, std::size_t>;
  static Key key(const SymbolicTensor& x) { return {&x.call(), x.output()}; }
  SymbolicTensor with_channels_last(const SymbolicTensor& x);
  struct Both {
    SymbolicTensor first, last;
  };
  std::map<Key, Both> both_;
};

}  // namespace xtape
