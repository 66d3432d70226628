// DifferentiableFunction: holds any callable on Variables, for the gradient checker.
#pragma once

#include <functional>
#include <type_traits>
#include <vector>

#include "framework/amount.hpp"
#include "framework/autograd/variable.hpp"

namespace xtape {

/// A differentiable function of one or more inputs, made from any callable on Variables: f(x), f(x, y), f(x, y, z), or
/// f(const std::vector<Variable>&). Error if it is a null pointer or an empty std::function.
class DifferentiableFunction {
 public:
  // The two explicit signatures select xtape's tanh and abs where the C library declares functions of these names.
  /// Makes a function of one input from a function pointer.
  DifferentiableFunction(Variable (*f)(const Variable&)) {  // NOLINT(google-explicit-constructor)
    check_not_empty(f);
    set(1, [f](const std::vector<Variable>& x) { return f(x[0]); });
  }
  /// Makes a function of two inputs from a function pointer.
  DifferentiableFunction(Variable (*f)(const Variable&, const Variable&)) {  // NOLINT(google-explicit-constructor)
    check_not_empty(f);
    set(2, [f](const std::vector<Variable>& x) { return f(x[0], x[1]); });
  }
  /// Makes a function from any other callable, such as a lambda.
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, DifferentiableFunction>)
      DifferentiableFunction(F f) {  // NOLINT(google-explicit-constructor): functions are passed as they are
    using V = const Variable&;
    check_not_empty(f);
    if constexpr (std::is_invocable_r_v<Variable, F, const std::vector<Variable>&> && !std::is_invocable_v<F, V>) {
      call_ = std::move(f);
    } else if constexpr (std::is_invocable_r_v<Variable, F, V>) {
      set(1, [f](const std::vector<Variable>& x) { return f(x[0]); });
    } else if constexpr (std::is_invocable_r_v<Variable, F, V, V>) {
      set(2, [f](const std::vector<Variable>& x) { return f(x[0], x[1]); });
    } else {
      set(3, [f](const std::vector<Variable>& x) { return f(x[0], x[1], x[2]); });
    }
  }
  /// Calls the function. Error if the number of inputs differs from the number that the function takes.
  Variable operator()(const std::vector<Variable>& inputs) const {
    check(arity_ < 0 || static_cast<int>(inputs.size()) == arity_,
          "check_gradient: expected {}, as many as the function takes, got {}", amount(arity_, "input shape"),
          inputs.size());
    return call_(inputs);
  }

 private:
  template <class F>
  static void check_not_empty(const F& f) {
    if constexpr (requires { f == nullptr; }) {
      check(!(f == nullptr), "check_gradient: expected a function of variables, got an empty one");
    }
  }
  void set(int arity, std::function<Variable(const std::vector<Variable>&)> call) {
    arity_ = arity;
    call_ = std::move(call);
  }
  std::function<Variable(const std::vector<Variable>&)> call_;
  int arity_ = -1;
};

}  // namespace xtape
