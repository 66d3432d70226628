// DifferentiableFunction: any callable on Variables, in one type, for what examines functions.
#pragma once

#include <functional>
#include <type_traits>
#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// A differentiable function of one or more inputs, made from any callable on Variables: f(x), f(x, y), f(x, y, z), or
/// f(const std::vector<Variable>&). Error when it is a null pointer or an empty std::function.
class DifferentiableFunction {
 public:
  // two signatures by name, so that tanh and abs mean xtape's where the C library has functions of these names too
  DifferentiableFunction(Variable (*f)(const Variable&)) {  // NOLINT(google-explicit-constructor)
    check_not_empty(f);
    set(1, [f](const std::vector<Variable>& x) { return f(x[0]); });
  }
  DifferentiableFunction(Variable (*f)(const Variable&, const Variable&)) {  // NOLINT(google-explicit-constructor)
    check_not_empty(f);
    set(2, [f](const std::vector<Variable>& x) { return f(x[0], x[1]); });
  }
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
  Variable operator()(const std::vector<Variable>& inputs) const {
    check(arity_ < 0 || static_cast<int>(inputs.size()) == arity_,
          "check_gradient: expected {} input shapes for a function of {} inputs, got {}", arity_, arity_,
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
