// Layers of several inputs: Add, Subtract, Multiply, Concatenate.
#pragma once

#include "layers/layer.hpp"

namespace xtape {

/// What Add, Subtract and Multiply share: inputs of one shape, called with a list: Add()({x, y}), or x + y. Where an
/// extent of one input is unknown, it is that of another.
class ElementwiseMergeLayer : public Layer {
 public:
  using Options = OnlyName;
  explicit ElementwiseMergeLayer(const Options& options) : Layer(options.name) {}
  LayerConfig config() const override { return {}; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;

 protected:
  /// The inputs combined from the first to the last. Error unless all have one shape, so that none is broadcast.
  static Variable combined(const std::vector<Variable>& inputs, Variable (*combine)(const Variable&, const Variable&));
};

/// The sum of two or more inputs.
class AddLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Add"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<AddLayer>;
using Add = LayerHandle<AddLayer>;

/// The first of two inputs minus the second.
class SubtractLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Subtract"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<SubtractLayer>;
using Subtract = LayerHandle<SubtractLayer>;

/// The product of two or more inputs, element by element.
class MultiplyLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Multiply"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
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
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<ConcatenateLayer>;
using Concatenate = LayerHandle<ConcatenateLayer>;

}  // namespace xtape
