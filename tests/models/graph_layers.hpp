// Custom layers for tests of graphs: with two outputs, with larger images.
#pragma once

#include "layers/graph/layer.hpp"
#include "models/files/model_file.hpp"

namespace xtape::test {

/// Two outputs: the first `first` channels times a learned gain, and the others.
class SplitLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> first;
    std::string name = "";
    static void fields(auto& options, auto field) { field("first", options.first); }
  };
  explicit SplitLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "Split"; }
  LayerConfig config() const override { return config_of(options_); }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
using Split = LayerHandle<SplitLayer>;

/// Each pixel twice along height and width.
class UpsamplingLayer final : public Layer {
 public:
  using Options = OnlyName;
  explicit UpsamplingLayer(const Options& options) : Layer(options.name) {}
  std::string type() const override { return "Upsampling"; }
  LayerConfig config() const override { return {}; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};
using Upsampling = LayerHandle<UpsamplingLayer>;

/// The factories of these layers, for load_model().
LoadModelOptions graph_layers();

}  // namespace xtape::test
