// LossFunction: what fit and evaluate minimize and measure.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "framework/error.hpp"
#include "framework/ops/losses.hpp"

namespace xtape {

/// Loss of a batch, one element, from the model's outputs and the labels or targets: any of framework/ops/losses.hpp,
/// or a function of yours. One of three arguments also gets the samples' weights (n), undefined when all are 1, and
/// gives sum(w_i l_i) / n, as Keras does; one of two arguments can't be used with weights, which is an Error.
class LossFunction {
 public:
  template <std::invocable<const Variable&, const Tensor&, const Tensor&> Function>
  LossFunction(Function function) : function_(std::move(function)) {}  // NOLINT(google-explicit-constructor)
  template <std::invocable<const Variable&, const Tensor&> Function>
  requires(!std::invocable<Function, const Variable&, const Tensor&, const Tensor&>)  //
      LossFunction(Function function)  // NOLINT(google-explicit-constructor)
      : function_([function = std::move(function)](const Variable& outputs, const Tensor& labels,
                                                   const Tensor& weights) -> Variable {
          check(!weights.defined(),
                "fit: expected a loss(outputs, labels, weights) for data with weights, got one of {}", "two arguments");
          return function(outputs, labels);
        }) {}
  LossFunction(std::nullptr_t) {}  // NOLINT(google-explicit-constructor): empty, as std::function is

  Variable operator()(const Variable& outputs, const Tensor& labels, const Tensor& weights = {}) const {
    return function_(outputs, labels, weights);
  }
  explicit operator bool() const { return static_cast<bool>(function_); }
  /// The function it was made of when that is a Function, else null.
  template <class Function>
  const Function* target() const {
    return function_.template target<Function>();
  }

 private:
  std::function<Variable(const Variable&, const Tensor&, const Tensor&)> function_;
};

/// "mean_squared_error", "SmoothedCrossEntropy of 0.1"; "of one's own" for what is not of framework/ops/losses.hpp.
std::string to_string(const LossFunction& loss);

}  // namespace xtape
