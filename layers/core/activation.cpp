#include "layers/core/activation.hpp"

#include <algorithm>
#include <vector>

#include "framework/ops/arithmetic.hpp"

namespace xtape {
namespace {

const std::vector<ActivationFunction>& builtin_functions() {
  static const std::vector<ActivationFunction> functions = []<class... F>(std::type_identity<std::tuple<F...>>) {
    return std::vector<ActivationFunction>{F()...};
  }(std::type_identity<BuiltinActivations>());
  return functions;
}

}  // namespace

ActivationFunction::ActivationFunction(std::string name, std::function<Variable(const Variable&)> function)
    : name_(std::move(name)), function_(std::move(function)) {
  check(static_cast<bool>(function_), "ActivationFunction {}: expected a function, got an empty one", name_);
}

ConfigValue to_config(const ActivationFunction& function) {
  check(function.builtin(),
        "expected an activation function of xtape's, got {}; make it a layer, which a file can name", function.name());
  return function.name();
}

void from_config(const ConfigValue& given, ActivationFunction& function) {
  const auto* name = std::get_if<std::string>(&given);
  const auto found = std::ranges::find_if(
      builtin_functions(), [&](const ActivationFunction& known) { return name && *name == known.name(); });
  check(found != builtin_functions().end(), "expected the name of an activation function, got {}", config_text(given));
  function = *found;
}

Variable activated(const Variable& y, const std::optional<Variable>& bias, const ActivationFunction& activation) {
  if (bias && activation == relu) return add_relu(y, *bias);
  return activation(bias ? y + *bias : y);
}

std::vector<Variable> ActivationLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  Variable y = function()(inputs.front());
  check(y.shape() == inputs.front().shape(), "expected {} to keep the shape {}, got {}", function().name(),
        inputs.front().shape(), y.shape());
  return {y};
}

Activation::Activation(ActivationFunction function, const OnlyName& options)
    : LayerHandle({.function = std::move(function), .name = options.name}) {}

template class LayerHandle<ActivationLayer>;

}  // namespace xtape
