// Layers of several inputs: Add, Multiply, Concatenate.
#pragma once

#include "layers/layer.hpp"

namespace xtape {

/// What Add and Multiply share: two or more inputs of one shape, called with a list: Add()({x, y}).
class ElementwiseMergeLayer : public Layer {
 public:
  using Options = OnlyName;
  explicit ElementwiseMergeLayer(const Options& options) : Layer(options.name) {}
  LayerConfig config() const override { return {}; }
  Shape output_shape(const std::vector<Shape>& inputs) const override;
};

/// The sum of the inputs.
class AddLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Add"; }
  Variable call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
  Fusion fusion() const override { return {.takes_relu = true, .is_sum = true}; }
  Variable call_fused(std::vector<Variable> inputs, const FusedParts& parts, ForwardPass& pass) const override;
};
extern template class LayerHandle<AddLayer>;
using Add = LayerHandle<AddLayer>;

/// The product of the inputs, element by element.
class MultiplyLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Multiply"; }
  Variable call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<MultiplyLayer>;
using Multiply = LayerHandle<MultiplyLayer>;

/// The inputs one after the other along an axis; axis 0 is the batch and can't be chosen. All other extents must agree.
class ConcatenateLayer final : public Layer {
 public:
  struct Options {
    int axis = -1;
    std::string name = "";
    static void fields(auto& options, auto field) { field("axis", options.axis); }
  };
  explicit ConcatenateLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "Concatenate"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  Shape output_shape(const std::vector<Shape>& inputs) const override;
  Variable call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<ConcatenateLayer>;
using Concatenate = LayerHandle<ConcatenateLayer>;

}  // namespace xtape
