// Input: where data enters a layer graph.
#pragma once

#include "layers/layer.hpp"

namespace xtape {

class InputLayer final : public Layer {
 public:
  static constexpr const char* type_name = "InputLayer";
  InputLayer(Shape sample, std::string name) : Layer(std::move(name)), sample_(std::move(sample)) {}

  std::string type() const override { return type_name; }
  Shape output_shape(const std::vector<Shape>& inputs) const override;
  Variable call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Shape sample_;
};

struct InputOptions {
  std::string name = "";
};

/// A place for samples of the given shape, without the batch axis: Input({64, 64, 3}). Error when an extent is 0.
SymbolicTensor Input(const Shape& sample, const InputOptions& options = {});

}  // namespace xtape
