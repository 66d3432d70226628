// Requirements on ops besides correct derivatives: gradients accumulate, inputs stay unchanged, float32 agrees.
#pragma once

#include <string>
#include <vector>

#include "gradcheck/gradient_check.hpp"

namespace xtape {

/// The result of a forward and backward pass: the value of f, dL/d(input) for every watched input (undefined for the
/// others) with L = `<cotangent, f>`, and whether f or its derivative wrote to an input or to the cotangent.
struct Pulled {
  Tensor value;
  std::vector<Tensor> gradients;
  std::vector<bool> input_written;
  bool cotangent_written = false;
};
/// Runs a forward and a backward pass of f at the values, with derivatives for the inputs whose entry in `watched` is
/// true (by default all). Works on copies. Throws the errors of f and of its derivatives.
Pulled pull_back(const DifferentiableFunction& f, const std::vector<Tensor>& values, const Tensor& cotangent,
                 const std::vector<bool>& watched = {});

/// Checks the following requirements for f at the given inputs, with a cotangent of the shape of its output, and
/// returns a description of each violation:
/// - a second evaluation, also with derivatives recorded, gives the same bits (unless .deterministic = false);
/// - neither inputs nor cotangent are written to;
/// - with one input watched and the others constant, its gradient equals the one with all inputs watched, and an
///   unrelated input's gradient is zero; f of constants is a constant;
/// - two uses in a pass, with another use at other values in between, give twice the gradient;
/// - one variable that is used as two inputs of the same shape gets the sum of their gradients;
/// - value and gradient in float32 are float32 and agree to float32 accuracy (unless .float32 = false).
std::vector<std::string> broken_promises(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs,
                                         const Tensor& cotangent, const GradientCheckOptions& options);

}  // namespace xtape
