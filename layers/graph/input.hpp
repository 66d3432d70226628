// Input: an input of a layer graph.
#pragma once

#include <concepts>

#include "layers/graph/layer.hpp"

namespace xtape {

/// An input of a model. Users make it with Input().
class InputLayer final : public Layer {
 public:
  static constexpr const char* type_name = "InputLayer";  ///< what type() returns
  struct Options {
    Required<PartialShape> shape;  ///< shape of one sample, without the batch axis; `any` for an unknown extent
    DType dtype = DType::float32;  ///< element type of the samples; float32 is the type the model computes in
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("shape", options.shape);
      field("dtype", options.dtype);
    }
  };
  /// Makes the layer from its options. Error when an extent is 0, or when the type is float64.
  explicit InputLayer(Options options);

  std::string type() const override { return type_name; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};

/// Makes an input from its options: `Input({.shape = {any}, .dtype = DType::int64})` for tokens.
/// Error when an extent is 0, or when the type is float64.
SymbolicTensor Input(InputLayer::Options options);
/// Makes an input for samples of the given shape, without the batch axis: `Input({64, 64, 3})`, or
/// `Input({any, any, 3})` for images of any height and width. Error when an extent is 0.
// A template, because gcc 12 finds `Input({.shape = {7}})` ambiguous between two functions.
template <std::convertible_to<PartialShape> Sample = PartialShape>
SymbolicTensor Input(const Sample& sample, const OnlyName& options = {}) {
  return Input(InputLayer::Options{.shape = sample, .name = options.name});
}

/// Whether a layer is an Input().
inline bool is_input(const Layer& layer) { return layer.type() == InputLayer::type_name; }

}  // namespace xtape
