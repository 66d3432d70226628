// Input: where data enters a layer graph.
#pragma once

#include "layers/layer.hpp"

namespace xtape {

class InputLayer final : public Layer {
 public:
  static constexpr const char* type_name = "InputLayer";
  struct Options {
    Required<Shape> shape;
    std::string name = "";
    static void fields(auto& options, auto field) { field("shape", options.shape); }
  };
  /// Error when an extent is 0.
  explicit InputLayer(Options options);

  std::string type() const override { return type_name; }
  LayerConfig config() const override { return config_of(options_); }
  Shape output_shape(const std::vector<Shape>& inputs) const override;
  Variable call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};

/// A place for samples of the given shape, without the batch axis: Input({64, 64, 3}). Error when an extent is 0.
SymbolicTensor Input(const Shape& sample, const OnlyName& options = {});

}  // namespace xtape
