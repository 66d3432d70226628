// Layers that select, repeat and exchange elements: Permute, RepeatVector, Cropping1D, Cropping2D, ZeroPadding1D.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/ops/window.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// Exchanges axes of samples: axis i of the output is axis dims[i - 1] of the input, both counted from 1, as in Keras.
class PermuteLayer final : public Layer {
 public:
  struct Options {
    Required<std::vector<std::int64_t>> dims;  ///< each axis once, from 1
    std::string name = "";
    static void fields(auto& options, auto field) { field("dims", options.dims); }
  };
  explicit PermuteLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "Permute"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<PermuteLayer>;
using Permute = LayerHandle<PermuteLayer>;

/// Repeats vectors: (n, features) becomes (n, times, features).
class RepeatVectorLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> n;  ///< number of repetitions, at least 1
    std::string name = "";
    static void fields(auto& options, auto field) { field("n", options.n); }
  };
  /// Error unless n is at least 1.
  explicit RepeatVectorLayer(Options options);
  std::string type() const override { return "RepeatVector"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RepeatVectorLayer>;
using RepeatVector = LayerHandle<RepeatVectorLayer>;

/// Removes steps at the ends of sequences (n, steps, channels).
class Cropping1DLayer final : public Layer {
 public:
  struct Options {
    std::vector<std::int64_t> cropping = {1, 1};  ///< steps to remove at the beginning and at the end
    std::string name = "";
    static void fields(auto& options, auto field) { field("cropping", options.cropping); }
  };
  /// Error unless there are two amounts of at least 0.
  explicit Cropping1DLayer(Options options);
  std::string type() const override { return "Cropping1D"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<Cropping1DLayer>;
using Cropping1D = LayerHandle<Cropping1DLayer>;

/// Removes rows and columns at the edges of images.
class Cropping2DLayer final : public Layer {
 public:
  struct Options {
    Padding cropping = {0, 0, 0, 0};  ///< rows and columns to remove: top, bottom, left, right
    std::string name = "";
    static void fields(auto& options, auto field) { field("cropping", options.cropping); }
  };
  /// Error for Padding::same and for negative amounts.
  explicit Cropping2DLayer(Options options);
  std::string type() const override { return "Cropping2D"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<Cropping2DLayer>;
using Cropping2D = LayerHandle<Cropping2DLayer>;

/// Adds steps of zeros at the ends of sequences (n, steps, channels).
class ZeroPadding1DLayer final : public Layer {
 public:
  struct Options {
    std::vector<std::int64_t> padding = {1, 1};  ///< steps to add at the beginning and at the end
    std::string name = "";
    static void fields(auto& options, auto field) { field("padding", options.padding); }
  };
  /// Error unless there are two amounts of at least 0.
  explicit ZeroPadding1DLayer(Options options);
  std::string type() const override { return "ZeroPadding1D"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<ZeroPadding1DLayer>;
using ZeroPadding1D = LayerHandle<ZeroPadding1DLayer>;

}  // namespace xtape
