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
constexpr std::array<Known, 6> known_functions{
    {{linear, "linear"}, {relu, "relu"}, {sigmoid, "sigmoid"}, {tanh, "tanh"}, {softplus, "softplus"}, {gelu, "gelu"}}};

std::string name_of(Function function) {
  const auto found = std::ranges::find(known_functions, function, &Known::function);
  return found == known_functions.end() ? "custom" : found->name;
}

}  // namespace

ActivationFunction::ActivationFunction(Variable (*function)(const Variable&))
    : name_(name_of(function)), function_(function) {}

Variable ActivationLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  Variable y = function_(inputs.front());
  check(y.shape() == inputs.front().shape(), "Activation {}: expected {} to keep the shape {}, got {}", name(),
        function_.name(), inputs.front().shape(), y.shape());
  return y;
}

}  // namespace xtape
