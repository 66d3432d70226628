// Pooling layers: MaxPooling2D, AveragePooling2D and their global forms.
#pragma once

#include <optional>

#include "framework/ops/pooling.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// The options of MaxPooling2D and AveragePooling2D.
struct PoolingOptions {
  Extent2D pool_size = 2;                          ///< height and width of the window, in pixels
  std::optional<Extent2D> strides = std::nullopt;  ///< step of the window, in pixels; pool_size if not given
  Padding padding = Padding::valid;                ///< around the image: valid (none), same, or explicit amounts
  std::string name = "";
  static void fields(auto& options, auto field) {
    field("pool_size", options.pool_size);
    field("strides", options.strides);
    field("padding", options.padding);
  }
};

/// The base class of poolings with a window, from (n, height, width, channels) to (n, out height, out width, channels).
class PoolingLayer : public Layer {
 public:
  using Options = PoolingOptions;
  explicit PoolingLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  bool keeps_activation() const override { return true; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;

  /// The size, the strides and the padding of the window, as the pooling ops take them.
  WindowOptions window() const;

 private:
  Options options_;
};

/// The maximum of the values in the window; padding is ignored.
class MaxPooling2DLayer final : public PoolingLayer {
 public:
  using PoolingLayer::PoolingLayer;
  std::string type() const override { return "MaxPooling2D"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<MaxPooling2DLayer>;
using MaxPooling2D = LayerHandle<MaxPooling2DLayer>;

/// The mean of the values in the window; padding is ignored.
class AveragePooling2DLayer final : public PoolingLayer {
 public:
  using PoolingLayer::PoolingLayer;
  std::string type() const override { return "AveragePooling2D"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<AveragePooling2DLayer>;
using AveragePooling2D = LayerHandle<AveragePooling2DLayer>;

/// The base class of global poolings, from (n, height, width, channels) to (n, channels).
class GlobalPoolingLayer : public Layer {
 public:
  using Options = OnlyName;
  explicit GlobalPoolingLayer(const Options& options) : Layer(options.name) {}
  LayerConfig config() const override { return {}; }
  bool keeps_activation() const override { return true; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
};

/// The maximum of each channel over height and width, from (n, height, width, channels) to (n, channels).
class GlobalMaxPooling2DLayer final : public GlobalPoolingLayer {
 public:
  using GlobalPoolingLayer::GlobalPoolingLayer;
  std::string type() const override { return "GlobalMaxPooling2D"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<GlobalMaxPooling2DLayer>;
using GlobalMaxPooling2D = LayerHandle<GlobalMaxPooling2DLayer>;

/// The mean of each channel over height and width, from (n, height, width, channels) to (n, channels).
class GlobalAveragePooling2DLayer final : public GlobalPoolingLayer {
 public:
  using GlobalPoolingLayer::GlobalPoolingLayer;
  std::string type() const override { return "GlobalAveragePooling2D"; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
extern template class LayerHandle<GlobalAveragePooling2DLayer>;
using GlobalAveragePooling2D = LayerHandle<GlobalAveragePooling2DLayer>;

}  // namespace xtape
