// Layers that change the size or the scale of images: Rescaling, Resizing, CenterCrop, UpSampling1D to 3D,
// DepthToSpace.
#pragma once

#include "layers/convolution/axes.hpp"
#include "layers/graph/layer.hpp"
#include "layers/images/image_config.hpp"

namespace xtape {

/// y = scale x + offset.
class RescalingLayer final : public Layer {
 public:
  struct Options {
    Required<double> scale;  ///< factor, such as 1.0 / 255
    double offset = 0;       ///< added after the multiplication
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("scale", options.scale);
      field("offset", options.offset);
    }
  };
  /// Error unless both are finite.
  explicit RescalingLayer(Options options);
  std::string type() const override { return "Rescaling"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RescalingLayer>;
using Rescaling = LayerHandle<RescalingLayer>;

/// Images (n, any, any, channels) in one size; see resize2d(). There is no filter against aliasing.
class ResizingLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> height;                          ///< new height, at least 1
    Required<std::int64_t> width;                           ///< new width, at least 1
    Interpolation interpolation = Interpolation::bilinear;  ///< how values between pixels are computed
    bool align_corners = false;                             ///< corner convention, see ResizeOptions
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("height", options.height);
      field("width", options.width);
      field("interpolation", options.interpolation);
      field("align_corners", options.align_corners);
    }
  };
  /// Error unless height and width are at least 1.
  explicit ResizingLayer(Options options);
  std::string type() const override { return "Resizing"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<ResizingLayer>;
using Resizing = LayerHandle<ResizingLayer>;

/// The middle of images: of an odd difference one row or column less is cut off in front. Of images
/// smaller than that the largest middle part with the new aspect ratio is resized, as in Keras.
class CenterCropLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> height;  ///< new height, at least 1
    Required<std::int64_t> width;   ///< new width, at least 1
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("height", options.height);
      field("width", options.width);
    }
  };
  /// Error unless height and width are at least 1.
  explicit CenterCropLayer(Options options);
  std::string type() const override { return "CenterCrop"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<CenterCropLayer>;
using CenterCrop = LayerHandle<CenterCropLayer>;

/// Repeats each element of sequences or volumes, from (n, extents, channels) to (n, size extents, channels), where the
/// extents are (steps) or (depth, height, width).
template <int axes>
class UpSamplingLayer final : public Layer {
 public:
  struct Options {
    AxesSize<axes> size = 2;  ///< number of repetitions along each axis, at least 1
    std::string name = "";
    static void fields(auto& options, auto field) { field("size", options.size); }
  };
  /// Error unless size is at least 1.
  explicit UpSamplingLayer(Options options);
  std::string type() const override { return fmt::format("UpSampling{}D", axes); }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
using UpSampling1DLayer = UpSamplingLayer<1>;  ///< the layer UpSampling1D
using UpSampling3DLayer = UpSamplingLayer<3>;  ///< the layer UpSampling3D
extern template class LayerHandle<UpSampling1DLayer>;
extern template class LayerHandle<UpSampling3DLayer>;
using UpSampling1D = LayerHandle<UpSampling1DLayer>;
using UpSampling3D = LayerHandle<UpSampling3DLayer>;

/// Enlarges images by whole factors, with repeated or interpolated pixels; see resize2d().
class UpSampling2DLayer final : public Layer {
 public:
  struct Options {
    Extent2D size = 2;                                     ///< vertical and horizontal factor, at least 1
    Interpolation interpolation = Interpolation::nearest;  ///< how values between pixels are computed
    bool align_corners = false;                            ///< corner convention, see ResizeOptions
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("size", options.size);
      field("interpolation", options.interpolation);
      field("align_corners", options.align_corners);
    }
  };
  /// Error unless the factors are at least 1.
  explicit UpSampling2DLayer(Options options);
  std::string type() const override { return "UpSampling2D"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<UpSampling2DLayer>;
using UpSampling2D = LayerHandle<UpSampling2DLayer>;

/// Pixel shuffle, from (n, h, w, b b c) to (n, b h, b w, c); see depth_to_space().
class DepthToSpaceLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> block_size;  ///< b, at least 1; its square divides the channels
    std::string name = "";
    static void fields(auto& options, auto field) { field("block_size", options.block_size); }
  };
  /// Error unless block_size is at least 1.
  explicit DepthToSpaceLayer(Options options);
  std::string type() const override { return "DepthToSpace"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<DepthToSpaceLayer>;
using DepthToSpace = LayerHandle<DepthToSpaceLayer>;

}  // namespace xtape
