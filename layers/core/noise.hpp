// Layers that change their input by chance in training: SpatialDropout1D, SpatialDropout2D, GaussianNoise,
// GaussianDropout, AlphaDropout. In inference y = x.
#pragma once

#include "layers/graph/layer.hpp"

namespace xtape {

/// Dropout of whole channels of sequences (n, steps, channels): all elements of a channel of a sample become 0 with
/// probability `rate`, else x / (1 - rate). (Tompson et al.: Efficient object localization using convolutional
/// networks, 2015.)
class SpatialDropout1DLayer final : public Layer {
 public:
  struct Options {
    Required<double> rate;  ///< probability that a channel becomes 0; in [0, 1)
    std::string name = "";
    static void fields(auto& options, auto field) { field("rate", options.rate); }
  };
  /// Error unless 0 <= rate < 1.
  explicit SpatialDropout1DLayer(Options options);
  std::string type() const override { return "SpatialDropout1D"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<SpatialDropout1DLayer>;
using SpatialDropout1D = LayerHandle<SpatialDropout1DLayer>;

/// Dropout of whole channels of images (n, height, width, channels). Otherwise as SpatialDropout1D.
class SpatialDropout2DLayer final : public Layer {
 public:
  struct Options {
    Required<double> rate;  ///< probability that a channel becomes 0; in [0, 1)
    std::string name = "";
    static void fields(auto& options, auto field) { field("rate", options.rate); }
  };
  /// Error unless 0 <= rate < 1.
  explicit SpatialDropout2DLayer(Options options);
  std::string type() const override { return "SpatialDropout2D"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<SpatialDropout2DLayer>;
using SpatialDropout2D = LayerHandle<SpatialDropout2DLayer>;

/// Adds normal noise of mean 0.
class GaussianNoiseLayer final : public Layer {
 public:
  struct Options {
    Required<double> stddev;  ///< standard deviation of the noise, at least 0
    std::string name = "";
    static void fields(auto& options, auto field) { field("stddev", options.stddev); }
  };
  /// Error unless stddev is finite and at least 0.
  explicit GaussianNoiseLayer(Options options);
  std::string type() const override { return "GaussianNoise"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<GaussianNoiseLayer>;
using GaussianNoise = LayerHandle<GaussianNoiseLayer>;

/// Multiplies with normal noise of mean 1 and standard deviation sqrt(rate / (1 - rate)).
class GaussianDropoutLayer final : public Layer {
 public:
  struct Options {
    Required<double> rate;  ///< determines the deviation, as that of Dropout with this rate; in [0, 1)
    std::string name = "";
    static void fields(auto& options, auto field) { field("rate", options.rate); }
  };
  /// Error unless 0 <= rate < 1.
  explicit GaussianDropoutLayer(Options options);
  std::string type() const override { return "GaussianDropout"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<GaussianDropoutLayer>;
using GaussianDropout = LayerHandle<GaussianDropoutLayer>;

/// Dropout for networks with selu: elements become -1.7580993408473766, the limit of selu for small x, with probability
/// `rate`, and the result is scaled and shifted so that mean 0 and variance 1 are kept. (Klambauer, Unterthiner, Mayr
/// and Hochreiter: Self-normalizing neural networks, 2017.)
class AlphaDropoutLayer final : public Layer {
 public:
  struct Options {
    Required<double> rate;  ///< probability that an element is replaced; in [0, 1)
    std::string name = "";
    static void fields(auto& options, auto field) { field("rate", options.rate); }
  };
  /// Error unless 0 <= rate < 1.
  explicit AlphaDropoutLayer(Options options);
  std::string type() const override { return "AlphaDropout"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<AlphaDropoutLayer>;
using AlphaDropout = LayerHandle<AlphaDropoutLayer>;

}  // namespace xtape
