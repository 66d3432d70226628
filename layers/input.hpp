// Input: where data enters a layer graph.
#pragma once

#include "layers/layer.hpp"

namespace xtape {

class InputLayer final : public Layer {
 public:
  static constexpr const char* type_name = "InputLayer";
  struct Options {
    Required<PartialShape> shape;  ///< of one sample; `any` for an extent that is not known
    DType dtype = DType::float32;  ///< see TensorSpec
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("shape", options.shape);
      field("dtype", options.dtype);
    }
  };
  /// Error when an extent is 0, or the type is float64.
  explicit InputLayer(Options options);

  std::string type() const override { return type_name; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};

/// A place for samples of the given shape, without the batch axis: Input({64, 64, 3}), or Input({any, any, 3}) for
/// images of every height and width. Error when an extent is 0.
SymbolicTensor Input(const PartialShape& sample, const OnlyName& options = {});
/// The same for samples of another type: Input({.shape = {any}, .dtype = DType::int64}) for tokens.
SymbolicTensor Input(InputLayer::Options options);

}  // namespace xtape
