// Deliberately wrong derivatives, each with the correct one, which the gradient checker must distinguish.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/autograd/forward_pass.hpp"
#include "framework/autograd/tape.hpp"
#include "framework/tensor/elementwise.hpp"
#include "gradcheck/gradient_check.hpp"

namespace xtape::test {

/// A function with its correct derivative and with a wrong one. `mistake` describes the error.
struct Mutation {
  std::string mistake;
  DifferentiableFunction right, wrong;
  std::vector<Shape> shapes;
  GradientCheckOptions options = {};
};

using V = const Variable&;
/// Computes dx from dy and the inputs.
using Derivative = std::function<Variable(V dy, const std::vector<Variable>& x)>;

/// The value of f with custom derivatives, one for each input.
inline DifferentiableFunction with_derivatives(const DifferentiableFunction& f, std::vector<Derivative> derivatives) {
  return [f, derivatives = std::move(derivatives)](const std::vector<Variable>& x) {
    std::vector<Variable> constants;
    for (V v : x) constants.push_back(v.detached());
    std::vector<Dependency> dependencies;
    for (std::size_t i = 0; i < x.size(); ++i) {
      dependencies.push_back({x[i], [=, d = derivatives[i]](V dy) { return d(dy, constants); }});
    }
    return record("mutation", f(constants).value(), dependencies);
  };
}

/// The correct derivative of f with respect to input `which`, changed by `mistake`: Tensor(Tensor dx).
template <class Mistake>
Derivative spoiled(const DifferentiableFunction& f, std::size_t which, Mistake mistake) {
  return [=](V dy, const std::vector<Variable>& x) {
    ForwardPass pass(Mode::training);
    std::vector<Variable> arguments = x;
    arguments[which] = pass.watch(x[which].value());
    pass.backward(f(arguments), dy.value());
    return Variable(mistake(pass.gradient(arguments[which])));
  };
}
inline Derivative intact(const DifferentiableFunction& f, std::size_t which) {
  return spoiled(f, which, [](Tensor dx) { return dx; });
}

/// A function of one input with a wrong derivative.
template <class Mistake>
DifferentiableFunction with_mistake(const DifferentiableFunction& f, Mistake mistake) {
  return with_derivatives(f, {spoiled(f, 0, mistake)});
}

/// Changes every element: f(value, index).
template <class F>
Tensor changed(Tensor x, F f) {
  with_floating("mutation", x.dtype(), [&](auto zero) {
    auto* data = x.mutable_data<decltype(zero)>();
    for (std::int64_t i = 0; i < x.size(); ++i) {
      data[i] = static_cast<decltype(zero)>(f(static_cast<double>(data[i]), i));
    }
  });
  return x;
}

/// Checks that the correct derivative is accepted and the wrong one rejected; otherwise the test fails with the
/// description.
void tell_apart(const std::vector<Mutation>& mutations);

}  // namespace xtape::test
