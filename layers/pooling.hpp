// Pooling layers: MaxPooling2D, AveragePooling2D and their global forms.
#pragma once

#include <optional>

#include "framework/ops/pooling.hpp"
#include "layers/layer.hpp"

namespace xtape {

struct PoolingOptions {
  Extent2D pool_size = 2;
  /// As large as the window by default.
  std::optional<Extent2D> strides = std::nullopt;
  Padding padding = Padding::valid;
  std::string name = "";
  static void fields(auto& options, auto field) {
    field("pool_size", options.pool_size);
    field("strides", options.strides);
    field("padding", options.padding);
  }
};

/// What the two windowed poolings share: (n, height, width, channels) -> (n, out height, out width, channels).
class PoolingLayer : public Layer {
 public:
  using Options = PoolingOptions;
  explicit PoolingLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  bool keeps_activation() const override { return true; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;

  /// The window with its strides, which are its size by default.
  WindowOptions window() const;

 private:
  Options options_;
};

/// The largest value under the window; padding never wins.
class MaxPooling2DLayer final : public PoolingLayer {
 public:
  using PoolingLayer::PoolingLayer;
  std::string type() const override { return "MaxPooling2D"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<MaxPooling2DLayer>;
using MaxPooling2D = LayerHandle<MaxPooling2DLayer>;

/// The mean of the values under the window, padding not counted.
class AveragePooling2DLayer final : public PoolingLayer {
 public:
  using PoolingLayer::PoolingLayer;
  std::string type() const override { return "AveragePooling2D"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<AveragePooling2DLayer>;
using AveragePooling2D = LayerHandle<AveragePooling2DLayer>;

/// What the two global poolings share: (n, height, width, channels) -> (n, channels).
class GlobalPoolingLayer : public Layer {
 public:
  using Options = OnlyName;
  explicit GlobalPoolingLayer(const Options& options) : Layer(options.name) {}
  LayerConfig config() const override { return {}; }
  bool keeps_activation() const override { return true; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
};

/// The largest value of each channel.
class GlobalMaxPooling2DLayer final : public GlobalPoolingLayer {
 public:
  using GlobalPoolingLayer::GlobalPoolingLayer;
  std::string type() const override { return "GlobalMaxPooling2D"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<GlobalMaxPooling2DLayer>;
using GlobalMaxPooling2D = LayerHandle<GlobalMaxPooling2DLayer>;

/// The mean of each channel.
class GlobalAveragePooling2DLayer final : public GlobalPoolingLayer {
 public:
  using GlobalPoolingLayer::GlobalPoolingLayer;
  std::string type() const override { return "GlobalAveragePooling2D"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<GlobalAveragePooling2DLayer>;
using GlobalAveragePooling2D = LayerHandle<GlobalAveragePooling2DLayer>;

}  // namespace xtape
