// LossFunction: what fit and evaluate minimize and measure.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "framework/error.hpp"
#include "framework/ops/losses.hpp"

namespace xtape {

/// Loss of a batch, one element, from the model's outputs and the labels or targets: any of framework/ops/losses.hpp,
/// or a function of yours. One of three arguments also gets the samples' weights (n), undefined when all are 1, and
/// gives sum(w_i l_i) / n, as Keras does; one of two arguments can't be used with weights, which is an Error. A null
/// pointer or an empty std::function makes an empty one, which fit and evaluate refuse.
class LossFunction {
 public:
  template <std::invocable<const Variable&, const Tensor&, const Tensor&> Function>
  LossFunction(Function function)  // NOLINT(google-explicit-constructor)
      : function_(std::move(function)), has_state_(!std::is_empty_v<Function> && !std::is_pointer_v<Function>) {}
  template <std::invocable<const Variable&, const Tensor&> Function>
  requires(!std::invocable<Function, const Variable&, const Tensor&, const Tensor&>)  //
      LossFunction(Function function)  // NOLINT(google-explicit-constructor)
      : function_(without_weights(std::move(function))),
        has_state_(!std::is_empty_v<Function> && !std::is_pointer_v<Function>),
        takes_weights_(false) {}
  LossFunction(std::nullptr_t) {}  // NOLINT(google-explicit-constructor): empty, as std::function is

  /// Error when it is empty, when it takes two arguments and there are weights, and when its result is undefined.
  Variable operator()(const Variable& outputs, const Tensor& labels, const Tensor& weights = {}) const;
  explicit operator bool() const { return static_cast<bool>(function_); }
  /// Whether it may know how often it was called: a lambda that captures something, for example.
  bool has_state() const { return has_state_; }
  bool takes_weights() const { return takes_weights_; }
  /// The function it was made of when that is a Function, else null.
  template <class Function>
  const Function* target() const {
    return function_.template target<Function>();
  }

 private:
  using Weighted = std::function<Variable(const Variable&, const Tensor&, const Tensor&)>;
  static Weighted without_weights(std::function<Variable(const Variable&, const Tensor&)> function);
  Weighted function_;
  bool has_state_ = false, takes_weights_ = true;
};

/// "mean_squared_error", "SmoothedCrossEntropy of 0.1"; "of one's own" for what is not of framework/ops/losses.hpp.
std::string to_string(const LossFunction& loss);

}  // namespace xtape
