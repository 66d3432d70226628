// The base class of layers that compute a linear map, a bias and an activation: Dense and convolutions. Internal to
// layers/ and models/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "layers/core/activation.hpp"

namespace xtape {

struct InferenceConvolution;
struct InferenceEpilogue;

/// The base class of layers that compute activation(mapped(x) + bias). Fusion rules use the parts.
class LinearMapLayer : public Layer {
 public:
  using Layer::Layer;
  /// Computes the linear map of x, without bias and activation.
  virtual Variable mapped(const Variable& x, ForwardPass& pass) const = 0;
  /// The linear map as a convolution of images, if this pass records no derivative of the kernel; nothing for other
  /// maps.
  virtual std::optional<InferenceConvolution> convolution_in(ForwardPass& pass) const;
  /// mapped(x) and the epilogue, with the bits of separate ops, if no derivative is recorded. Nothing where the layer
  /// cannot compute them together; then separate ops have to be used.
  virtual std::optional<Tensor> mapped_with(const Variable& x, const InferenceEpilogue& epilogue,
                                            ForwardPass& pass) const;
  /// The activation function of the options.
  virtual const ActivationFunction& activation() const = 0;
  /// Whether the layer has a bias.
  virtual bool use_bias() const = 0;
  /// The number of positions at which each element of a kernel is used for one output of shape `output`.
  virtual Extent kernel_positions(const PartialShape& output) const;
  /// Returns the bias as a variable of the pass; nothing if use_bias() is false.
  std::optional<Variable> bias(ForwardPass& pass) const;

  std::string output_activation() const override { return activation().name(); }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  /// The output if no derivative is recorded and the map, the bias and the activation can be computed together.
  std::optional<Tensor> in_cache(const Variable& x, ForwardPass& pass) const;
};

}  // namespace xtape
