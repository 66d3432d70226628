// The base class of convolution layers: a linear map, a bias and an activation. Internal to layers/ and models/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "layers/core/activation.hpp"

namespace xtape {

/// The base class of layers that compute activation(convolved(x) + bias). Fusion rules use the parts.
class ConvolutionLayer : public Layer {
 public:
  using Layer::Layer;
  /// Computes the convolution of x, without bias and activation.
  virtual Variable convolved(const Variable& x, ForwardPass& pass) const = 0;
  /// The activation function of the options.
  virtual const ActivationFunction& activation() const = 0;
  /// Whether the layer has a bias.
  virtual bool use_bias() const = 0;
  /// The number of positions at which each element of a kernel is used for one output of shape `output`.
  virtual Extent kernel_positions(const PartialShape& output) const {
    Extent positions = 1;
    for (int axis = 0; axis + 1 < output.rank(); ++axis) positions = positions * output[axis];
    return positions;
  }
  /// Returns the bias as a variable of the pass; nothing if use_bias() is false.
  std::optional<Variable> bias(ForwardPass& pass) const {
    if (!use_bias()) return std::nullopt;
    return parameter(pass, "bias");
  }

  std::string output_activation() const override { return activation().name(); }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    return {activated(convolved(inputs.front(), pass), bias(pass), activation())};
  }
};

}  // namespace xtape
