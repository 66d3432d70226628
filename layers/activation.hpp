// Activation: a function of each element (or of each row, as softmax) without parameters.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>

#include "framework/ops/activations.hpp"
#include "layers/layer.hpp"

namespace xtape {

/// A function that keeps its input's shape, and its name: any function Variable(const Variable&) converts; those of
/// framework/ops/activations.hpp are known by their names, others are "custom" unless given one.
class ActivationFunction {
 public:
  ActivationFunction() : ActivationFunction(linear) {}
  ActivationFunction(Variable (*function)(const Variable&));  // NOLINT(google-explicit-constructor): relu is one
  template <std::invocable<const Variable&> F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, ActivationFunction>)
      ActivationFunction(F&& function)  // NOLINT(google-explicit-constructor): a lambda is one
      : ActivationFunction("custom", std::forward<F>(function)) {}
  /// Error when the function is empty.
  ActivationFunction(std::string name, std::function<Variable(const Variable&)> function);

  const std::string& name() const { return name_; }
  /// Whether it is this very function, whatever it was named.
  bool is(Variable (*function)(const Variable&)) const;
  Variable operator()(const Variable& x) const { return function_(x); }

 private:
  std::string name_;
  std::function<Variable(const Variable&)> function_;
};

/// Its name; Error for functions that are not of framework/ops/activations.hpp, which a file can't hold.
ConfigValue to_config(const ActivationFunction& function);
/// Error unless the value is the name of one of those.
void from_config(const ConfigValue& given, ActivationFunction& function);

class ActivationLayer final : public Layer {
 public:
  struct Options {
    Required<ActivationFunction> function;
    std::string name = "";
    static void fields(auto& options, auto field) { field("function", options.function); }
  };
  explicit ActivationLayer(Options options) : Layer(options.name), options_(std::move(options)) {}

  std::string type() const override { return "Activation"; }
  LayerConfig config() const override { return config_of(options_); }
  const ActivationFunction& function() const { return options_.function; }
  std::string output_activation() const override { return function().name(); }
  bool keeps_activation() const override { return function().is(linear); }
  Shape output_shape(const std::vector<Shape>& inputs) const override { return only_input(inputs); }
  Variable call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
  Fusion fusion() const override { return {.is_relu = function().is(relu)}; }

 private:
  Options options_;
};

extern template class LayerHandle<ActivationLayer>;

/// y = function(x): Activation(relu)(x).
class Activation : public LayerHandle<ActivationLayer> {
 public:
  explicit Activation(ActivationFunction function, const OnlyName& options = {});
};

}  // namespace xtape
