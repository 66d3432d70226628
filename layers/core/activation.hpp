// Activation: a layer that applies a function without parameters to each element, or to each row as softmax does.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>

#include "framework/ops/activations.hpp"
#include "framework/ops/piecewise_activations.hpp"
#include "framework/ops/smooth_activations.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// The function object of tanh, like `ReluFunction` for relu.
struct TanhFunction {
  static constexpr const char* name = "tanh";  ///< the name in files and messages
  /// tanh(x), element by element.
  Variable operator()(const Variable& x) const { return tanh(x); }
  /// tanh of one element.
  ElementFunction of_element() const { return tanh_of_element(); }
};
/// Internal: the overload of tanh that `Activation(tanh)` selects by its type; it stands for the function tanh of
/// xtape.
inline TanhFunction tanh(TanhFunction function) { return function; }

/// The types of xtape's activation functions, which a model file can name.
using BuiltinActivations =
    std::tuple<LinearFunction, ReluFunction, SigmoidFunction, TanhFunction, SoftplusFunction, GeluFunction, EluFunction,
               LeakyReluFunction, SoftmaxFunction, LogSoftmaxFunction, SiluFunction, MishFunction, GeluTanhFunction,
               CeluFunction, SeluFunction, SoftsignFunction, SquareplusFunction, ExponentialFunction,
               LogSigmoidFunction, TanhShrinkFunction, SparsePlusFunction, Relu6Function, HardSigmoidFunction,
               HardSiluFunction, HardTanhFunction, HardShrinkFunction, SoftShrinkFunction, SparseSigmoidFunction,
               SparsemaxFunction>;

/// One of BuiltinActivations.
template <class F>
concept BuiltinActivation = []<class... Known>(std::type_identity<std::tuple<Known...>>) {
  return (std::same_as<F, Known> || ...);
}(std::type_identity<BuiltinActivations>());

/// An activation function and its name. The output has the shape of the input. xtape's functions
/// are recognized by their types and have their names; any other function has the name "custom" unless a name is given.
class ActivationFunction {
 public:
  /// The function `linear`, which returns its input.
  ActivationFunction() : ActivationFunction(linear) {}
  /// Converts a function object or a lambda, such as `relu`.
  template <std::invocable<const Variable&> F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, ActivationFunction>)
      ActivationFunction(F&& function)  // NOLINT(google-explicit-constructor): relu is one, and a lambda is
      : ActivationFunction("custom", std::forward<F>(function)) {
    if constexpr (requires { function.of_element(); }) of_element_ = function.of_element();
    if constexpr (BuiltinActivation<std::remove_cvref_t<F>>) {
      name_ = std::remove_cvref_t<F>::name;
      builtin_ = true;
    }
  }
  /// Converts an overloaded function, such as `exp`: the overload that takes one variable is selected.
  template <std::same_as<Variable> V>
  ActivationFunction(V (*function)(const Variable&))  // NOLINT(google-explicit-constructor)
      : ActivationFunction("custom", function) {}
  /// Converts `tanh`, which is an overloaded function.
  ActivationFunction(TanhFunction (*tanh)(TanhFunction))  // NOLINT(google-explicit-constructor): see above
      : ActivationFunction(tanh(TanhFunction())) {}
  /// A function with a name. Error when the function is empty.
  ActivationFunction(std::string name, std::function<Variable(const Variable&)> function);

  /// The name, such as "relu"; "custom" for a function without a name.
  const std::string& name() const { return name_; }
  /// Whether the function is one of BuiltinActivations, which a model file can name.
  bool builtin() const { return builtin_; }
  /// The function of one element, by which a convolution or a dense layer computes parts of its output in the cache. It
  /// exists if the function object has a member of_element(), as all of BuiltinActivations have except linear, softmax,
  /// log_softmax and sparsemax.
  const std::optional<ElementFunction>& of_element() const { return of_element_; }
  /// Applies the function to `x`.
  Variable operator()(const Variable& x) const { return function_(x); }

  /// True if both are the same of BuiltinActivations. A custom function equals no function.
  friend bool operator==(const ActivationFunction& a, const ActivationFunction& b) {
    return a.builtin_ && b.builtin_ && a.name_ == b.name_;
  }

 private:
  std::string name_;
  bool builtin_ = false;
  std::optional<ElementFunction> of_element_;
  std::function<Variable(const Variable&)> function_;
};

/// The name of the function. Error for a custom function, which a file cannot hold.
ConfigValue to_config(const ActivationFunction& function);
/// Reads a function by its name. Error unless the name is that of one of BuiltinActivations.
void from_config(const ConfigValue& given, ActivationFunction& function);

/// Returns activation(y + bias), or activation(y) without a bias. A bias followed by relu is computed by one op.
Variable activated(const Variable& y, const std::optional<Variable>& bias, const ActivationFunction& activation);

/// y = function(x), of the shape of x. The layer has no parameters.
class ActivationLayer final : public Layer {
 public:
  struct Options {
    Required<ActivationFunction> function;  ///< the activation function
    std::string name = "";
    static void fields(auto& options, auto field) { field("function", options.function); }
  };
  explicit ActivationLayer(Options options) : Layer(options.name), options_(std::move(options)) {}

  std::string type() const override { return "Activation"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  /// The activation function.
  const ActivationFunction& function() const { return options_.function; }
  std::string output_activation() const override { return function().name(); }
  bool keeps_activation() const override { return function() == linear; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};

extern template class LayerHandle<ActivationLayer>;

/// The handle of an ActivationLayer. `Activation(relu)(x)` returns relu(x).
class Activation : public LayerHandle<ActivationLayer> {
 public:
  /// Makes a layer that applies `function`.
  explicit Activation(ActivationFunction function, const OnlyName& options = {});
};

}  // namespace xtape
