// The calls of layers in the config of a functional model of Keras. Internal to models/.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "layers/graph/symbolic_tensor.hpp"
#include "models/files/config_json.hpp"
#include "models/files/keras_names.hpp"

namespace xtape {

/// An output of a call of a layer: in Keras [name, number of the call, number of the output].
struct KerasReference {
  std::string layer;
  std::size_t call, output;
};

/// One call of a layer.
struct KerasCall {
  std::vector<KerasReference> inputs = {};
  std::optional<bool> training = {};  ///< the argument `training`, when the call has it
  /// The other arguments of an operation by name; "x" and "y" are the operands of `x + y`. Layers have none.
  Json constants = Json::object();
};

/// Error when a call has an argument `training` that changes what the layer computes.
void check_training(const KerasNode& node, const KerasCall& call);

/// The calls of all layers, and their results.
class KerasCalls {
 public:
  /// Reads the calls of `layers`, the layers of a config with these output_layers. Error with the layer when a call is
  /// not valid.
  KerasCalls(const Json& layers, const Json& output_layers);

  /// A layer of the config.
  struct Called {
    std::string name;
    std::string type;
    std::vector<KerasCall> calls;
    /// The number of its first call in inbound_nodes, and in output_layers: 0 or 1.
    std::size_t first = 0, first_of_outputs = 0;
    std::vector<std::vector<SymbolicTensor>> results{};  ///< the outputs of each call
  };
  const std::vector<Called>& layers() const { return layers_; }

  /// Computes the outputs of call `call` of layer number `layer`.
  using Connect = std::function<std::vector<SymbolicTensor>(std::size_t layer, const KerasCall& call,
                                                            const std::vector<SymbolicTensor>& inputs)>;
  /// Computes all calls, each after those that it reads. Error for a call that reads its own result.
  void resolve(const Connect& connect);

  /// The tensors of "input_layers" or "output_layers". A dictionary is read in the order of its names, as
  /// Keras does.
  std::vector<SymbolicTensor> tensors(const char* what, const Json& json) const;

 private:
  struct Place {
    std::size_t layer, call;
  };
  Place place(const KerasReference& reference, std::size_t Called::*first) const;
  const SymbolicTensor& result(const KerasReference& reference, std::size_t Called::*first) const;
  void number_calls(const Json& output_layers);
  std::vector<Called> layers_;
  std::map<std::string, std::size_t> by_name_;
};

}  // namespace xtape
