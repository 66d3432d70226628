// Pooling layers of sequences, images and volumes: MaxPooling1D, AveragePooling1D and their 2-D, 3-D and global forms.
#pragma once

#include <optional>

#include "layers/convolution/axes.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// The options of poolings with a window.
template <int axes>
struct PoolingOptions {
  AxesSize<axes> pool_size = 2;                          ///< extents of the window
  std::optional<AxesSize<axes>> strides = std::nullopt;  ///< step of the window along each axis; pool_size if not given
  AxesPadding<axes> padding = AxesPadding<axes>::valid;  ///< around the input: valid (none), same, or explicit amounts
  std::string name = "";
  static void fields(auto& options, auto field) {
    field("pool_size", options.pool_size);
    field("strides", options.strides);
    field("padding", options.padding);
  }
};

/// The base class of poolings with a window, from (n, extents, channels) to (n, out extents, channels), where the
/// extents are (length), (height, width) or (depth, height, width).
template <int axes>
class PoolingLayer : public Layer {
 public:
  using Options = PoolingOptions<axes>;  ///< the options of the layer
  explicit PoolingLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  bool keeps_activation() const override { return true; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;

  /// The size, the strides and the padding of the window, as the ops take them.
  typename Axes<axes>::Window window() const;

 private:
  Options options_;
};

/// The maximum of the values in the window; padding is ignored.
template <int axes>
class MaxPoolingLayer final : public PoolingLayer<axes> {
 public:
  using PoolingLayer<axes>::PoolingLayer;
  std::string type() const override { return fmt::format("MaxPooling{}D", axes); }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
using MaxPooling1DLayer = MaxPoolingLayer<1>;  ///< the layer MaxPooling1D
using MaxPooling2DLayer = MaxPoolingLayer<2>;  ///< the layer MaxPooling2D
using MaxPooling3DLayer = MaxPoolingLayer<3>;  ///< the layer MaxPooling3D
extern template class LayerHandle<MaxPooling1DLayer>;
extern template class LayerHandle<MaxPooling2DLayer>;
extern template class LayerHandle<MaxPooling3DLayer>;
using MaxPooling1D = LayerHandle<MaxPooling1DLayer>;
using MaxPooling2D = LayerHandle<MaxPooling2DLayer>;
using MaxPooling3D = LayerHandle<MaxPooling3DLayer>;

/// The mean of the values in the window; padding is ignored.
template <int axes>
class AveragePoolingLayer final : public PoolingLayer<axes> {
 public:
  using PoolingLayer<axes>::PoolingLayer;
  std::string type() const override { return fmt::format("AveragePooling{}D", axes); }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
using AveragePooling1DLayer = AveragePoolingLayer<1>;  ///< the layer AveragePooling1D
using AveragePooling2DLayer = AveragePoolingLayer<2>;  ///< the layer AveragePooling2D
using AveragePooling3DLayer = AveragePoolingLayer<3>;  ///< the layer AveragePooling3D
extern template class LayerHandle<AveragePooling1DLayer>;
extern template class LayerHandle<AveragePooling2DLayer>;
extern template class LayerHandle<AveragePooling3DLayer>;
using AveragePooling1D = LayerHandle<AveragePooling1DLayer>;
using AveragePooling2D = LayerHandle<AveragePooling2DLayer>;
using AveragePooling3D = LayerHandle<AveragePooling3DLayer>;

/// The options of global poolings.
struct GlobalPoolingOptions {
  bool keepdims = false;  ///< keep the axes, with the extent 1
  std::string name = "";
  static void fields(auto& options, auto field) { field("keepdims", options.keepdims); }
};

/// The base class of global poolings, from (n, extents, channels) to (n, channels), or (n, 1, ..., channels) with
/// keepdims.
template <int axes>
class GlobalPoolingLayer : public Layer {
 public:
  using Options = GlobalPoolingOptions;  ///< the options of the layer
  explicit GlobalPoolingLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  bool keeps_activation() const override { return true; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;

 protected:
  /// The values of the channels (n, channels) in the shape of the output.
  Variable shaped(const Variable& channels) const;

 private:
  Options options_;
};

/// The maximum of each channel over all other axes of a sample, from (n, extents, channels) to (n, channels).
template <int axes>
class GlobalMaxPoolingLayer final : public GlobalPoolingLayer<axes> {
 public:
  using GlobalPoolingLayer<axes>::GlobalPoolingLayer;
  std::string type() const override { return fmt::format("GlobalMaxPooling{}D", axes); }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
using GlobalMaxPooling1DLayer = GlobalMaxPoolingLayer<1>;  ///< the layer GlobalMaxPooling1D
using GlobalMaxPooling2DLayer = GlobalMaxPoolingLayer<2>;  ///< the layer GlobalMaxPooling2D
using GlobalMaxPooling3DLayer = GlobalMaxPoolingLayer<3>;  ///< the layer GlobalMaxPooling3D
extern template class LayerHandle<GlobalMaxPooling1DLayer>;
extern template class LayerHandle<GlobalMaxPooling2DLayer>;
extern template class LayerHandle<GlobalMaxPooling3DLayer>;
using GlobalMaxPooling1D = LayerHandle<GlobalMaxPooling1DLayer>;
using GlobalMaxPooling2D = LayerHandle<GlobalMaxPooling2DLayer>;
using GlobalMaxPooling3D = LayerHandle<GlobalMaxPooling3DLayer>;

/// The mean of each channel over all other axes of a sample, from (n, extents, channels) to (n, channels).
template <int axes>
class GlobalAveragePoolingLayer final : public GlobalPoolingLayer<axes> {
 public:
  using GlobalPoolingLayer<axes>::GlobalPoolingLayer;
  std::string type() const override { return fmt::format("GlobalAveragePooling{}D", axes); }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
using GlobalAveragePooling1DLayer = GlobalAveragePoolingLayer<1>;  ///< the layer GlobalAveragePooling1D
using GlobalAveragePooling2DLayer = GlobalAveragePoolingLayer<2>;  ///< the layer GlobalAveragePooling2D
using GlobalAveragePooling3DLayer = GlobalAveragePoolingLayer<3>;  ///< the layer GlobalAveragePooling3D
extern template class LayerHandle<GlobalAveragePooling1DLayer>;
extern template class LayerHandle<GlobalAveragePooling2DLayer>;
extern template class LayerHandle<GlobalAveragePooling3DLayer>;
using GlobalAveragePooling1D = LayerHandle<GlobalAveragePooling1DLayer>;
using GlobalAveragePooling2D = LayerHandle<GlobalAveragePooling2DLayer>;
using GlobalAveragePooling3D = LayerHandle<GlobalAveragePooling3DLayer>;

}  // namespace xtape
