// Layers that change images by chance in training, with numbers from the random streams of the pass: RandomFlip,
// RandomTranslation, RandomRotation, RandomZoom, RandomCrop, RandomContrast, RandomBrightness. They change inputs
// alone; for masks and other targets that move with the images see Augmentation in training/.
#pragma once

#include <optional>

#include "layers/graph/layer.hpp"
#include "layers/images/image_config.hpp"

namespace xtape {

/// Mirrors images by chance in training: with probability 1/2 in each direction of `mode`, independently. In inference
/// y = x.
class RandomFlipLayer final : public Layer {
 public:
  struct Options {
    FlipMode mode = FlipMode::horizontal_and_vertical;  ///< the directions
    std::string name = "";
    static void fields(auto& options, auto field) { field("mode", options.mode); }
  };
  explicit RandomFlipLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "RandomFlip"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RandomFlipLayer>;
using RandomFlip = LayerHandle<RandomFlipLayer>;

/// Moves images by chance in training: down by a share of the height and to the right by a share of the width. In
/// inference y = x.
class RandomTranslationLayer final : public Layer {
 public:
  struct Options {
    FactorRange height_factor = 0.0;                        ///< range of the share of the height, within [-1, 1]
    FactorRange width_factor = 0.0;                         ///< range of the share of the width, within [-1, 1]
    FillMode fill_mode = FillMode::reflect;                 ///< what is outside of the image
    Interpolation interpolation = Interpolation::bilinear;  ///< how values between pixels are computed
    double fill_value = 0;                                  ///< the value outside with FillMode::constant
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("height_factor", options.height_factor);
      field("width_factor", options.width_factor);
      field("fill_mode", options.fill_mode);
      field("interpolation", options.interpolation);
      field("fill_value", options.fill_value);
    }
  };
  /// Error unless the ranges are within [-1, 1] and not empty.
  explicit RandomTranslationLayer(Options options);
  std::string type() const override { return "RandomTranslation"; }
  bool keeps_activation() const override { return options_.fill_mode != FillMode::constant; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RandomTranslationLayer>;
using RandomTranslation = LayerHandle<RandomTranslationLayer>;

/// Rotates images about their middle by chance in training, counter-clockwise by a share of a full turn. In inference
/// y = x.
class RandomRotationLayer final : public Layer {
 public:
  struct Options {
    FactorRange factor = 0.0;                               ///< range of the share of a turn: 0.25 for 90 degrees
    FillMode fill_mode = FillMode::reflect;                 ///< what is outside of the image
    Interpolation interpolation = Interpolation::bilinear;  ///< how values between pixels are computed
    double fill_value = 0;                                  ///< the value outside with FillMode::constant
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("factor", options.factor);
      field("fill_mode", options.fill_mode);
      field("interpolation", options.interpolation);
      field("fill_value", options.fill_value);
    }
  };
  /// Error unless the range is finite and not empty.
  explicit RandomRotationLayer(Options options);
  std::string type() const override { return "RandomRotation"; }
  bool keeps_activation() const override { return options_.fill_mode != FillMode::constant; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RandomRotationLayer>;
using RandomRotation = LayerHandle<RandomRotationLayer>;

/// Zooms images about their middle by chance in training: the new image shows 1 + factor times the height and the width
/// of the old one, so negative factors enlarge. In inference y = x.
class RandomZoomLayer final : public Layer {
 public:
  struct Options {
    FactorRange height_factor = 0.0;                         ///< range of the factor of the height, above -1
    std::optional<FactorRange> width_factor = std::nullopt;  ///< range of the factor of the width; nothing: the factor
                                                             ///< of the height, which keeps the aspect ratio
    FillMode fill_mode = FillMode::reflect;                  ///< what is outside of the image
    Interpolation interpolation = Interpolation::bilinear;   ///< how values between pixels are computed
    double fill_value = 0;                                   ///< the value outside with FillMode::constant
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("height_factor", options.height_factor);
      field("width_factor", options.width_factor);
      field("fill_mode", options.fill_mode);
      field("interpolation", options.interpolation);
      field("fill_value", options.fill_value);
    }
  };
  /// Error unless the ranges are finite, above -1 and not empty.
  explicit RandomZoomLayer(Options options);
  std::string type() const override { return "RandomZoom"; }
  bool keeps_activation() const override { return options_.fill_mode != FillMode::constant; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RandomZoomLayer>;
using RandomZoom = LayerHandle<RandomZoomLayer>;

/// A part of the images in training, at a place that is drawn for each image, and the middle in inference. Images
/// smaller than the part are resized as in CenterCrop.
class RandomCropLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> height;  ///< height of the part, at least 1
    Required<std::int64_t> width;   ///< width of the part, at least 1
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("height", options.height);
      field("width", options.width);
    }
  };
  /// Error unless height and width are at least 1.
  explicit RandomCropLayer(Options options);
  std::string type() const override { return "RandomCrop"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RandomCropLayer>;
using RandomCrop = LayerHandle<RandomCropLayer>;

/// Changes the contrast of images by chance in training: y = mean + (1 + f) (x - mean), with the mean of each channel
/// of each image, limited to value_low and value_high. In inference y = x.
class RandomContrastLayer final : public Layer {
 public:
  struct Options {
    FactorRange factor = 0.0;  ///< range of f, at least -1
    double value_low = 0;      ///< smallest value of a pixel
    double value_high = 255;   ///< largest value of a pixel
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("factor", options.factor);
      field("value_low", options.value_low);
      field("value_high", options.value_high);
    }
  };
  /// Error unless the range is finite, at least -1 and not empty, and value_low < value_high.
  explicit RandomContrastLayer(Options options);
  std::string type() const override { return "RandomContrast"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RandomContrastLayer>;
using RandomContrast = LayerHandle<RandomContrastLayer>;

/// Changes the brightness of images by chance in training: y = x + f (value_high - value_low), limited to value_low and
/// value_high. In inference y = x. The defaults are Keras's 0 and 255; fit() gives a model uint8 images as [0, 1]: set
/// value_high to 1 for these.
class RandomBrightnessLayer final : public Layer {
 public:
  struct Options {
    FactorRange factor = 0.0;  ///< range of f, within [-1, 1]
    double value_low = 0;      ///< smallest value of a pixel
    double value_high = 255;   ///< largest value of a pixel
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("factor", options.factor);
      field("value_low", options.value_low);
      field("value_high", options.value_high);
    }
  };
  /// Error unless the range is within [-1, 1] and not empty, and value_low < value_high.
  explicit RandomBrightnessLayer(Options options);
  std::string type() const override { return "RandomBrightness"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RandomBrightnessLayer>;
using RandomBrightness = LayerHandle<RandomBrightnessLayer>;

}  // namespace xtape
