// The gradient checker: derivatives held against central differences in float64.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "framework/autograd/forward_pass.hpp"

namespace xtape {

/// A differentiable function of one or more inputs, made from any callable on Variables: f(x), f(x, y), f(x, y, z), or
/// f(const std::vector<Variable>&).
class DifferentiableFunction {
 public:
  // two signatures by name, so that tanh and abs mean xtape's where the C library has functions of these names too
  DifferentiableFunction(Variable (*f)(const Variable&)) {  // NOLINT(google-explicit-constructor)
    set(1, [f](const std::vector<Variable>& x) { return f(x[0]); });
  }
  DifferentiableFunction(Variable (*f)(const Variable&, const Variable&)) {  // NOLINT(google-explicit-constructor)
    set(2, [f](const std::vector<Variable>& x) { return f(x[0], x[1]); });
  }
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, DifferentiableFunction>)
      DifferentiableFunction(F f) {  // NOLINT(google-explicit-constructor): functions are passed as they are
    using V = const Variable&;
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
  void set(int arity, std::function<Variable(const std::vector<Variable>&)> call) {
    arity_ = arity;
    call_ = std::move(call);
  }
  std::function<Variable(const std::vector<Variable>&)> call_;
  int arity_ = -1;
};

struct GradientCheckOptions {
  std::uint64_t seed = 0;
  /// Inputs are uniform in [low, high); choose them inside the function's domain.
  double low = -1, high = 1;
  /// Change of an input element for the differences.
  double step = 1e-3;
  /// |analytic - numeric| <= absolute + relative * |numeric| + the error estimate of the differences.
  double absolute_tolerance = 1e-8, relative_tolerance = 1e-6;
  /// Inputs with more elements than this are checked along random directions and at a random sample of elements.
  std::int64_t full_up_to = 400;
  int directions = 8;
  /// The share of probes that may lie at a kink, where no derivative exists, and are passed over.
  double skipped_share = 0.1;
  /// The caller's word that the function may be constant in an input, so that a zero gradient is right.
  bool may_be_constant = false;
};

/// What was found for one input.
struct InputReport {
  std::string name;
  std::int64_t elements = 0;  ///< of the input
  std::int64_t checked = 0, skipped = 0, wrong = 0;
  /// The probe with the largest difference beyond its tolerance, or nearest to it.
  std::string worst = "";
  double analytic = 0, numeric = 0, tolerance = 0;
  bool all_zero = false;  ///< analytic and numeric derivative are zero wherever probed
};

/// The verdict and what it rests on. Converts to bool, so that CHECK(check_gradient(...)) reads as it should.
struct GradientReport {
  std::vector<InputReport> inputs;
  std::vector<std::string> problems;  ///< why the check failed; empty when it passed
  bool passed() const { return problems.empty(); }
  explicit operator bool() const { return passed(); }
};
std::string to_string(const GradientReport& report);
std::ostream& operator<<(std::ostream& stream, const GradientReport& report);

/// A named tensor to differentiate with respect to.
struct CheckedInput {
  std::string name;
  Tensor value;  ///< float64
};

/// Checks the derivative of f with respect to all inputs, drawn at random. The output is weighed with a random normal
/// cotangent c, and d<c, f>/dx is compared with central differences at step and step / 2, whose disagreement tells the
/// accuracy of the differences (Richardson) and betrays kinks. Fails when a derivative is wrong, when one is zero
/// everywhere without may_be_constant, when too many probes lie on kinks, or when nothing was checked. Error when f
/// itself throws one.
GradientReport check_gradient(const DifferentiableFunction& f, const std::vector<Shape>& shapes,
                              const GradientCheckOptions& options = {});

/// The same at given inputs.
GradientReport check_gradient_at(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs,
                                 const GradientCheckOptions& options = {});

}  // namespace xtape
