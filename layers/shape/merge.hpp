// Layers with several inputs: Add, Subtract, Multiply, Average, Maximum, Minimum, Dot, Concatenate.
#pragma once

#include "layers/graph/layer.hpp"

namespace xtape {

/// The base class of Add, Subtract, Multiply, Average, Maximum and Minimum. The inputs are passed as a list:
/// `Add()({x, y})`, or `x + y`. They have equal shapes, or are broadcast as in Keras: an extent of 1 is repeated, and
/// axes that a sample lacks in front count as 1, so `Multiply()({images, scales})` multiplies (n, height, width,
/// channels) by (n, channels). The batch axis is never broadcast. An extent that is unknown in one input is taken from
/// another.
class ElementwiseMergeLayer : public Layer {
 public:
  using Options = OnlyName;
  explicit ElementwiseMergeLayer(const Options& options) : Layer(options.name) {}
  LayerConfig config() const override { return {}; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;

 protected:
  /// Combines the inputs from the first to the last. Error unless the shapes are equal or can be broadcast.
  static Variable combined(const std::vector<Variable>& inputs, Variable (*combine)(const Variable&, const Variable&));
};

/// The sum of two or more inputs of equal shapes.
class AddLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Add"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<AddLayer>;
using Add = LayerHandle<AddLayer>;

/// The first of two inputs minus the second; the shapes are equal.
class SubtractLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Subtract"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<SubtractLayer>;
using Subtract = LayerHandle<SubtractLayer>;

/// The element-wise product of two or more inputs of equal shapes.
class MultiplyLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Multiply"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<MultiplyLayer>;
using Multiply = LayerHandle<MultiplyLayer>;

/// The element-wise mean of two or more inputs of equal shapes.
class AverageLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Average"; }
  bool keeps_activation() const override { return true; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<AverageLayer>;
using Average = LayerHandle<AverageLayer>;

/// The element-wise maximum of two or more inputs of equal shapes.
class MaximumLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Maximum"; }
  bool keeps_activation() const override { return true; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<MaximumLayer>;
using Maximum = LayerHandle<MaximumLayer>;

/// The element-wise minimum of two or more inputs of equal shapes.
class MinimumLayer final : public ElementwiseMergeLayer {
 public:
  using ElementwiseMergeLayer::ElementwiseMergeLayer;
  std::string type() const override { return "Minimum"; }
  bool keeps_activation() const override { return true; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<MinimumLayer>;
using Minimum = LayerHandle<MinimumLayer>;

/// Products of the vectors along one axis of each of two inputs: y[..., i, ..., j, ...] = the sum over k of a[..., k,
/// i, ...] b[..., k, j, ...], with the other axes of a before those of b; (n, 1) for two inputs (n, k).
class DotLayer final : public Layer {
 public:
  struct Options {
    /// The axis of each input, counted with the batch axis 0; negative axes count from the end.
    std::vector<std::int64_t> axes = {-1, -1};
    bool normalize = false;  ///< whether the vectors are first scaled to norm 1, so that y is the cosine of their angle
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("axes", options.axes);
      field("normalize", options.normalize);
    }
  };
  /// Error unless there are two axes.
  explicit DotLayer(Options options);
  std::string type() const override { return "Dot"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<DotLayer>;
using Dot = LayerHandle<DotLayer>;

/// The concatenation of the inputs along an axis. All other extents must be equal. Axis 0, the batch, is an Error.
class ConcatenateLayer final : public Layer {
 public:
  struct Options {
    int axis = -1;  ///< counted with the batch axis 0; negative axes count from the end
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
