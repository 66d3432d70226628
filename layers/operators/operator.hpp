// Operator: a layer that computes one function of tensors, such as a product of matrices, a mean or a slice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "layers/graph/layer.hpp"

namespace xtape {

/// y = function(x, ...), with the name and the definition of an operator of ONNX. load_onnx() uses it for operators
/// that no other layer computes. Axes are counted with the batch axis 0. Each sample is computed separately: an
/// argument that would combine samples is an Error.
///
/// - One input: "Abs", "Cos", "Erf", "Exp", "Log", "Neg", "Reciprocal", "Sin", "Sqrt".
/// - Two inputs that are broadcast: "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu" (x, slope), "Greater" and
///   "Less" (1 where it holds, else 0). A sample with fewer axes gets axes of extent 1 in front. The second operand may
///   be the number `value`, the first one with `value_first`, or an operand may be the parameter "constant".
/// - "Where": of three inputs that are broadcast, the second where the first is not 0, else the third. The third may be
///   the number `value`; with `value_first` it is the second.
/// - "MatMul": products of matrices in the last two axes. An operand may be the parameter.
/// - "Constant": the parameter in each sample. The input, of any type, has the number of samples. With `axes` and
///   `numbers`, the axes `numbers` of the parameter are cut to the extents of the axes `axes` of the input.
/// - "Gather": the entries `numbers` along axis `axes[0]`.
/// - "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
///   "ReduceLogSum", "ReduceLogSumExp" over `axes`.
/// - "Slice": along each of `axes`, with the starts, then the ends, then the steps of all axes in `numbers`.
/// - "Reshape": to samples of shape `numbers`; 0 keeps the extent of that axis, one extent may be -1. "ReshapeLike" has
///   a second input: each 0 is the extent of one of its axes, which are `axes`.
/// - "Expand": broadcasts samples to the shape `numbers`; 1 keeps the extent. "Tile": repeats, by `numbers` times along
///   each axis of a sample. "Pad": adds elements `value` to the axes of a sample, with the numbers of elements before
///   all axes, then behind all axes, in `numbers`.
/// - "Softmax", "LogSoftmax" along axis `axes[0]`; "CumSum" along axis `axes[0]`.
class OperatorLayer final : public Layer {
 public:
  struct Options {
    Required<std::string> function;              ///< the name in the list above
    std::vector<std::int64_t> axes = {};         ///< axes, counted with the batch axis 0
    std::vector<std::int64_t> numbers = {};      ///< the integers of the function
    std::optional<double> value = std::nullopt;  ///< the other operand, or the element of "Pad"
    bool value_first = false;                    ///< whether the value or the parameter is the first operand
    bool keep_dims = false;                      ///< whether a reduction keeps the axes, with extent 1
    /// Shape of the parameter "constant", without a batch axis; nothing: there is no parameter.
    std::optional<std::vector<std::int64_t>> constant_shape = std::nullopt;
    bool trainable = true;  ///< whether optimizers change the parameter
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("function", options.function);
      field("axes", options.axes);
      field("numbers", options.numbers);
      field("value", options.value);
      field("value_first", options.value_first);
      field("keep_dims", options.keep_dims);
      field("constant_shape", options.constant_shape);
      field("trainable", options.trainable);
    }
  };
  /// Error for an unknown function.
  explicit OperatorLayer(Options options);
  std::string type() const override { return "Operator"; }
  bool keeps_activation() const override;
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<OperatorLayer>;
using Operator = LayerHandle<OperatorLayer>;

}  // namespace xtape
