#include "layers/activation.hpp"

#include <algorithm>
#include <array>

namespace xtape {
namespace {

using Function = Variable (*)(const Variable&);

struct Known {
  Function function;
  const char* name;
};
constexpr std::array<Known, 10> known_functions{{{linear, "linear"},
                                                 {relu, "relu"},
                                                 {sigmoid, "sigmoid"},
                                                 {tanh, "tanh"},
                                                 {softplus, "softplus"},
                                                 {gelu, "gelu"},
                                                 {elu, "elu"},
                                                 {leaky_relu, "leaky_relu"},
                                                 {softmax, "softmax"},
                                                 {log_softmax, "log_softmax"}}};

std::string name_of(Function function) {
  const auto found = std::ranges::find(known_functions, function, &Known::function);
  return found == known_functions.end() ? "custom" : found->name;
}

}  // namespace

ActivationFunction::ActivationFunction(Variable (*function)(const Variable&))
    : ActivationFunction(name_of(function), function) {}

ActivationFunction::ActivationFunction(std::string name, std::function<Variable(const Variable&)> function)
    : name_(std::move(name)), function_(std::move(function)) {
  check(static_cast<bool>(function_), "ActivationFunction {}: expected a function, got an empty one", name_);
}

bool ActivationFunction::is(Function function) const {
  const auto* own = function_.target<Function>();
  return own && *own == function;
}

ConfigValue to_config(const ActivationFunction& function) {
  const bool known =
      std::ranges::any_of(known_functions, [&](const Known& entry) { return function.is(entry.function); });
  check(known, "expected an activation function of xtape's, got {}; make it a layer, which a file can name",
        function.name());
  return function.name();
}

void from_config(const ConfigValue& given, ActivationFunction& function) {
  const auto* name = std::get_if<std::string>(&given);
  const auto found =
      std::ranges::find_if(known_functions, [&](const Known& known) { return name && *name == known.name; });
  check(found != known_functions.end(), "expected the name of an activation function, got {}", config_text(given));
  function = found->function;
}

Variable ActivationLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  Variable y = function()(inputs.front());
  check(y.shape() == inputs.front().shape(), "{}: expected {} to keep the shape {}, got {}", title(), function().name(),
        inputs.front().shape(), y.shape());
  return y;
}

Activation::Activation(ActivationFunction function, const OnlyName& options)
    : LayerHandle({.function = std::move(function), .name = options.name}) {}

template class LayerHandle<ActivationLayer>;

}  // namespace xtape
