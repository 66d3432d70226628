// Layers that rearrange elements without arithmetic: Flatten, Reshape.
#pragma once

#include "framework/ops/window.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// Flattens each sample to one axis, from (n, ...) to (n, elements).
class FlattenLayer final : public Layer {
 public:
  using Options = OnlyName;
  explicit FlattenLayer(const Options& options) : Layer(options.name) {}
  std::string type() const override { return "Flatten"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return {}; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    const TensorSpec& x = only_input_of_any_type(inputs);
    return {{{x.shape.size()}, x.dtype}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<FlattenLayer>;
using Flatten = LayerHandle<FlattenLayer>;

/// Gives each sample another shape with the same elements in the same order.
class ReshapeLayer final : public Layer {
 public:
  struct Options {
    /// Shape of one sample, without the batch axis. One extent may be -1: it is computed from the others.
    Required<std::vector<std::int64_t>> target_shape;
    std::string name = "";
    static void fields(auto& options, auto field) { field("target_shape", options.target_shape); }
  };
  explicit ReshapeLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "Reshape"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<ReshapeLayer>;
using Reshape = LayerHandle<ReshapeLayer>;

}  // namespace xtape
