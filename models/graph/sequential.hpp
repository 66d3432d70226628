// Sequential: a model that is a chain of layers.
#pragma once

#include <concepts>
#include <memory>
#include <vector>

#include "models/graph/model.hpp"

namespace xtape {

/// An element of the list of layers of a Sequential: a layer, a model, or, as the first element, an Input.
class LayerInSequence {
 public:
  /// Converts a layer or a model.
  template <std::convertible_to<std::shared_ptr<Layer>> L>
  LayerInSequence(const L& layer) : layer_(layer) {}  // NOLINT(google-explicit-constructor): Conv2D({...}) is one
  /// Converts an Input.
  LayerInSequence(const SymbolicTensor& input) : layer_(input.call().layer) {}  // NOLINT(google-explicit-constructor)
  /// The layer.
  const std::shared_ptr<Layer>& layer() const { return layer_; }

 private:
  std::shared_ptr<Layer> layer_;
};

/// A model that is a chain of layers: `Sequential({Input({28, 28, 1}), Conv2D({...}), Flatten(), Dense({...})})`.
/// Without an Input the graph is made when the model is first called on a symbolic tensor, as for Model(GraphFunction).
class Sequential : public Model {
 public:
  /// The model of these layers. Error for an empty list, for an Input that is not the first element, and for a layer
  /// that does not accept the outputs of the previous one.
  Sequential(const std::vector<LayerInSequence>& layers, ModelOptions options = {});
};

}  // namespace xtape
