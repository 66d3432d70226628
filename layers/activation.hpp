// Activation: a function of each element (or of each row, as softmax) without parameters.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>

#include "framework/ops/activations.hpp"
#include "layers/layer.hpp"

namespace xtape {

struct TanhFunction {
  static constexpr const char* name = "tanh";
  Variable operator()(const Variable& x) const { return tanh(x); }
};
/// Among the functions named tanh, the one that stands for xtape's as a value: Activation(tanh) finds it by its type.
inline TanhFunction tanh(TanhFunction function) { return function; }

template <class F>
concept BuiltinActivation = std::same_as<F, LinearFunction> || std::same_as<F, ReluFunction> ||
    std::same_as<F, SigmoidFunction> || std::same_as<F, TanhFunction> || std::same_as<F, SoftplusFunction> ||
    std::same_as<F, EluFunction> || std::same_as<F, LeakyReluFunction> || std::same_as<F, GeluFunction> ||
    std::same_as<F, SoftmaxFunction> || std::same_as<F, LogSoftmaxFunction>;

/// A function that keeps its input's shape, and its name. The functions of framework/ops/activations.hpp are known by
/// their types and have their names; any other function of a variable is "custom" unless it is given a name.
class ActivationFunction {
 public:
  ActivationFunction() : ActivationFunction(linear) {}
  template <std::invocable<const Variable&> F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, ActivationFunction>)
      ActivationFunction(F&& function)  // NOLINT(google-explicit-constructor): relu is one, and a lambda is
      : ActivationFunction("custom", std::forward<F>(function)) {
    if constexpr (BuiltinActivation<std::remove_cvref_t<F>>) {
      name_ = std::remove_cvref_t<F>::name;
      builtin_ = true;
    }
  }
  /// A function that has others of its name beside it, such as exp.
  template <std::same_as<Variable> V>
  ActivationFunction(V (*function)(const Variable&))  // NOLINT(google-explicit-constructor)
      : ActivationFunction("custom", function) {}
  ActivationFunction(TanhFunction (*tanh)(TanhFunction))  // NOLINT(google-explicit-constructor): see above
      : ActivationFunction(tanh(TanhFunction())) {}
  /// Error when the function is empty.
  ActivationFunction(std::string name, std::function<Variable(const Variable&)> function);

  const std::string& name() const { return name_; }
  /// Whether it is one of framework/ops/activations.hpp, which a file can name.
  bool builtin() const { return builtin_; }
  Variable operator()(const Variable& x) const { return function_(x); }

  /// Whether both are the same function of framework/ops/activations.hpp; other functions equal nothing.
  friend bool operator==(const ActivationFunction& a, const ActivationFunction& b) {
    return a.builtin_ && b.builtin_ && a.name_ == b.name_;
  }

 private:
  std::string name_;
  bool builtin_ = false;
  std::function<Variable(const Variable&)> function_;
};

/// Its name; Error for functions that are not of framework/ops/activations.hpp, which a file can't hold.
ConfigValue to_config(const ActivationFunction& function);
/// Error unless the value is the name of one of those.
void from_config(const ConfigValue& given, ActivationFunction& function);

/// activation(y + bias), or activation(y) without a bias: one op where relu follows a bias.
Variable activated(const Variable& y, const std::optional<Variable>& bias, const ActivationFunction& activation);

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
  const Options& options() const { return options_; }
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

/// y = function(x): Activation(relu)(x).
class Activation : public LayerHandle<ActivationLayer> {
 public:
  explicit Activation(ActivationFunction function, const OnlyName& options = {});
};

}  // namespace xtape
