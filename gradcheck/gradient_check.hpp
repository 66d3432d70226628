// The gradient checker: compares derivatives with central differences in float64.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradcheck/differentiable_function.hpp"
#include "gradcheck/gradient_report.hpp"

namespace xtape {

/// Options of check_gradient and check_gradient_at.
struct GradientCheckOptions {
  /// Seed of the random inputs, cotangents, directions and samples.
  std::uint64_t seed = 0;
  /// Inputs are uniform in [low, high). This range must lie in the domain of the function.
  double low = -1;
  /// Upper bound of the inputs; see low.
  double high = 1;
  /// The step size of a probe: the Euclidean norm of the change of an input, whether one element changes or all of
  /// them.
  double step = 1e-4;
  /// |analytic - numeric| <= absolute + relative * |numeric| + error estimate of the differences. The terms do
  /// not grow with the size of the input. The estimate is the sum of Richardson's estimate and of that of rounding,
  /// which is that of the largest output: an output that is much smaller than another is checked less strictly.
  double absolute_tolerance = 1e-11;
  /// The relative term; see absolute_tolerance.
  double relative_tolerance = 1e-8;
  /// Inputs with at most this many elements are checked element by element, and for each output separately if there are
  /// at most this many outputs. Larger inputs are checked along random directions and at a random sample of elements.
  std::int64_t full_up_to = 200;
  /// Number of random directions for a larger input.
  int directions = 8;
  /// Number of randomly sampled elements of a larger input.
  int sampled_elements = 32;
  /// The share of an input's probes that may lie at kinks, where no derivative exists. One or two such probes are
  /// always allowed.
  double skipped_share = 0.1;
  /// Declares that f is linear in each input, so that differences over a step of 1 are exact. The derivative is then
  /// checked to 1e-10. The check fails if f is not linear.
  bool bilinear = false;
  /// The highest order of derivatives to check. 2 also checks the derivatives of the gradient (see gradients()), with
  /// respect to the inputs and to the cotangent.
  int order = 1;
  /// Names of inputs in which f may be constant, so that a zero gradient is correct.
  std::vector<std::string> constant_inputs = {};
  /// Declares that f may be constant in all inputs; see constant_inputs.
  bool may_be_constant = false;
  /// Whether f also computes in float32; then its value and gradient must agree with those in float64. False for a
  /// function that draws random numbers, such as dropout, because others are drawn in float32.
  bool float32 = true;
  /// Whether f gives the same bits every time.
  bool deterministic = true;
};

/// A named tensor to differentiate with respect to.
struct CheckedInput {
  std::string name;  ///< name of the input in the report
  Tensor value;      ///< value, in float64
};

/// Checks the derivative of f with respect to all inputs, whose values are random.
///
/// The pullback of a random normal cotangent, and in small problems that of every single output, is compared with
/// central differences at steps h and h/2. If these show a kink within h or at the point itself, the probe is skipped,
/// provided that the derivative lies between those of the two sides. The other requirements on ops are checked too; see
/// broken_promises(). The check fails if a derivative is wrong, if a derivative that was not declared constant is zero
/// at all probes, if rounding hides it, if too many probes lie on kinks, or if nothing was checked. Step sizes are
/// never searched. Error if f throws one, or if f does not support the order.
GradientReport check_gradient(const DifferentiableFunction& f, const std::vector<Shape>& shapes,
                              const GradientCheckOptions& options = {});

/// Checks the derivative of f as check_gradient() does, at the given inputs.
GradientReport check_gradient_at(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs,
                                 const GradientCheckOptions& options = {});

}  // namespace xtape
