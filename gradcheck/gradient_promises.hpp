// What an op promises besides right numbers: gradients that add up, untouched inputs, the same in float32.
#pragma once

#include <string>
#include <vector>

#include "gradcheck/gradient_check.hpp"

namespace xtape {

/// What a reverse pass gives: the value of f and dL/d(input) for every input that was watched (undefined for others),
/// with L = <cotangent, f>; and whether f or its derivative wrote to what it was given.
struct Pulled {
  Tensor value;
  std::vector<Tensor> gradients;
  std::vector<bool> input_written;
  bool cotangent_written = false;
};
/// Runs f forward and back at the values, with derivatives for those inputs for which watched is true (all by default).
/// Works on copies. Error of f or of a derivative.
Pulled pull_back(const DifferentiableFunction& f, const std::vector<Tensor>& values, const Tensor& cotangent,
                 const std::vector<bool>& watched = {});

/// Checks f at the values, with a cotangent of its output's shape, and says what it breaks:
/// - evaluated again, also with derivatives recorded, it gives the same bits (unless .deterministic = false);
/// - neither inputs nor cotangent are written to;
/// - with one input watched and the others constant, that input's gradient is what it is with all watched, and a
///   bystander's is zero; of constants alone f is a constant;
/// - used twice in a pass, and once more at other values in between, it gives twice the gradient;
/// - one variable as two inputs of a shape gets the sum of their gradients;
/// - value and gradient in float32 are float32 and agree to float32 accuracy (unless .float32 = false).
std::vector<std::string> broken_promises(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs,
                                         const Tensor& cotangent, const GradientCheckOptions& options);

}  // namespace xtape
