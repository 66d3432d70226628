// Layers that remove elements at the borders of sequences, images and volumes, or add zeros there: Cropping1D to 3D,
// ZeroPadding1D to 3D.
#pragma once

#include "layers/convolution/axes.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// Removes elements at the borders, from (n, extents, channels) to (n, smaller extents, channels), where the extents
/// are (steps), (height, width) or (depth, height, width).
template <int axes>
class CroppingLayer final : public Layer {
 public:
  struct Options {
    /// Numbers of elements to remove: {before, after}, {top, bottom, left, right}, or {front, back, top, bottom, left,
    /// right}. By default 1 at each border of sequences and volumes and none of images, as in Keras.
    AxesPadding<axes> cropping = axes == 2 ? AxesPadding<axes>::valid : Axes<axes>::one_each;
    std::string name = "";
    static void fields(auto& options, auto field) { field("cropping", options.cropping); }
  };
  /// Error unless amounts from 0 to 2^30 are given.
  explicit CroppingLayer(Options options);
  std::string type() const override { return fmt::format("Cropping{}D", axes); }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
using Cropping1DLayer = CroppingLayer<1>;  ///< the layer Cropping1D
using Cropping2DLayer = CroppingLayer<2>;  ///< the layer Cropping2D
using Cropping3DLayer = CroppingLayer<3>;  ///< the layer Cropping3D
extern template class LayerHandle<Cropping1DLayer>;
extern template class LayerHandle<Cropping2DLayer>;
extern template class LayerHandle<Cropping3DLayer>;
using Cropping1D = LayerHandle<Cropping1DLayer>;
using Cropping2D = LayerHandle<Cropping2DLayer>;
using Cropping3D = LayerHandle<Cropping3DLayer>;

/// Adds zeros at the borders, from (n, extents, channels) to (n, larger extents, channels), where the extents are
/// (steps), (height, width) or (depth, height, width).
template <int axes>
class ZeroPaddingLayer final : public Layer {
 public:
  struct Options {
    /// Numbers of zeros to add: {before, after}, {top, bottom, left, right}, or {front, back, top, bottom, left,
    /// right}.
    AxesPadding<axes> padding = Axes<axes>::one_each;
    std::string name = "";
    static void fields(auto& options, auto field) { field("padding", options.padding); }
  };
  /// Error unless amounts from 0 to 2^30 are given.
  explicit ZeroPaddingLayer(Options options);
  std::string type() const override { return fmt::format("ZeroPadding{}D", axes); }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
using ZeroPadding1DLayer = ZeroPaddingLayer<1>;  ///< the layer ZeroPadding1D
using ZeroPadding2DLayer = ZeroPaddingLayer<2>;  ///< the layer ZeroPadding2D
using ZeroPadding3DLayer = ZeroPaddingLayer<3>;  ///< the layer ZeroPadding3D
extern template class LayerHandle<ZeroPadding1DLayer>;
extern template class LayerHandle<ZeroPadding2DLayer>;
extern template class LayerHandle<ZeroPadding3DLayer>;
using ZeroPadding1D = LayerHandle<ZeroPadding1DLayer>;
using ZeroPadding2D = LayerHandle<ZeroPadding2DLayer>;
using ZeroPadding3D = LayerHandle<ZeroPadding3DLayer>;

}  // namespace xtape
