// Sequential: a model of layers one behind the other.
#pragma once

#include <concepts>
#include <memory>
#include <vector>

#include "models/model.hpp"

namespace xtape {

/// A layer in a list of layers: any layer, a model, or, at the beginning, an Input.
class LayerInSequence {
 public:
  template <std::convertible_to<std::shared_ptr<Layer>> L>
  LayerInSequence(const L& layer) : layer_(layer) {}  // NOLINT(google-explicit-constructor): Conv2D({...}) is one
  LayerInSequence(const SymbolicTensor& input) : layer_(input.call().layer) {}  // NOLINT(google-explicit-constructor)
  const std::shared_ptr<Layer>& layer() const { return layer_; }

 private:
  std::shared_ptr<Layer> layer_;
};

/// Sequential({Input({28, 28, 1}), Conv2D({...}), Flatten(), Dense({...})}). Without an Input the graph is made when
/// the model is first called on a symbolic tensor: see Model(GraphFunction). Error for an empty list, for an Input that
/// is not the first, and for a layer that does not take the outputs of the one before it.
class Sequential : public Model {
 public:
  Sequential(const std::vector<LayerInSequence>& layers, ModelOptions options = {});
};

}  // namespace xtape
