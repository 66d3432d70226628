// Layers that move elements and compute nothing: Flatten, Reshape, ZeroPadding2D.
#pragma once

#include "framework/ops/window.hpp"
#include "layers/layer.hpp"

namespace xtape {

/// All axes of a sample as one: (n, ...) -> (n, elements).
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

/// The same elements under another sample shape; one extent may be -1 and is computed.
class ReshapeLayer final : public Layer {
 public:
  struct Options {
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

/// Zeros around images: (n, height, width, channels) -> (n, top + height + bottom, left + width + right, channels).
class ZeroPadding2DLayer final : public Layer {
 public:
  struct Options {
    Padding padding = {1, 1, 1, 1};  ///< top, bottom, left, right
    std::string name = "";
    static void fields(auto& options, auto field) { field("padding", options.padding); }
  };
  /// Error for Padding::same and for negative amounts.
  explicit ZeroPadding2DLayer(Options options);
  std::string type() const override { return "ZeroPadding2D"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<ZeroPadding2DLayer>;
using ZeroPadding2D = LayerHandle<ZeroPadding2DLayer>;

}  // namespace xtape
