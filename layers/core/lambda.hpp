// Lambda: a layer made of a function.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "layers/graph/builtin_layers.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// y = function(x), for functions without parameters that need not keep the shape of x:
///
///   Lambda({.function = [](const Variable& x) { return mean(x, {1}); }, .function_name = "mean_over_steps"})(x)
///
/// A file holds the name of the function. A model with such layers is loaded with their functions:
///
///   load_model(path, {.custom_layers = {{"Lambda", lambda_factory({{"mean_over_steps", f}})}}})
class LambdaLayer final : public Layer {
 public:
  /// A function of a batch.
  using Function = std::function<Variable(const Variable&)>;
  struct Options {
    Required<Function> function;     ///< the function of the batch (n, ...)
    std::string function_name = "";  ///< its name in files; without one the layer cannot be saved
    /// Shape of one output sample. By default the function is called once with zeros to find it, which needs an input
    /// whose extents are known.
    std::optional<PartialShape> output_shape = std::nullopt;
    std::string name = "";
  };
  /// Error when the function is empty.
  explicit LambdaLayer(Options options);
  std::string type() const override { return "Lambda"; }
  /// The name of the function, and the output shape if it was given. Error without a name.
  LayerConfig config() const override;
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<LambdaLayer>;
using Lambda = LayerHandle<LambdaLayer>;

/// A factory for LoadModelOptions::custom_layers that makes Lambda layers with these functions, by their names. It
/// throws Error for a layer whose function is not among them.
LayerFactory lambda_factory(std::map<std::string, LambdaLayer::Function> functions);

}  // namespace xtape
