// The gradient checker: derivatives held against central differences in float64.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradcheck/differentiable_function.hpp"
#include "gradcheck/gradient_report.hpp"

namespace xtape {

struct GradientCheckOptions {
  std::uint64_t seed = 0;
  /// Inputs are uniform in [low, high); choose them inside the function's domain.
  double low = -1, high = 1;
  /// How far a probe moves an input, in Euclidean norm: one element by this much, or all of them together.
  double step = 1e-4;
  /// |analytic - numeric| <= absolute + relative * |numeric| + error estimate of the differences. None of them grows
  /// with the size of the input. The estimate is that of Richardson plus that of rounding.
  double absolute_tolerance = 1e-11, relative_tolerance = 1e-8;
  /// Inputs with at most this many elements are checked element by element, and against each output by itself when
  /// there are no more of these; larger ones along random directions and at a random sample of elements.
  std::int64_t full_up_to = 200;
  int directions = 8;
  int sampled_elements = 32;
  /// The share of an input's probes that may lie at kinks, where no derivative exists. One probe or two may always.
  double skipped_share = 0.1;
  /// The caller's word that f is linear in each input, so that differences over a step of 1 are exact: checked to
  /// 1e-10. Fails when f is not.
  bool bilinear = false;
  /// 2: also checks the derivatives of the gradient (see gradients()), with respect to the inputs and to the cotangent.
  int order = 1;
  /// The caller's word that f may be constant in these inputs (by name), or in all, so that a zero gradient is right.
  std::vector<std::string> constant_inputs = {};
  bool may_be_constant = false;
  /// Whether f computes in float32 too; then its value and gradient must agree with those in float64.
  bool float32 = true;
  /// Whether f gives the same bits every time.
  bool deterministic = true;
};

/// A named tensor to differentiate with respect to.
struct CheckedInput {
  std::string name;
  Tensor value;  ///< float64
};

/// Checks the derivative of f with respect to all inputs, drawn at random.
///
/// The pullback of a random normal cotangent, and in small problems that of every single output, is compared with
/// central differences at step h and h/2. Where these show a kink within h, or at the point itself, the probe is
/// skipped, provided that the derivative lies between those of the two sides. Also checked are the promises an op makes
/// besides: see check_promises(). Fails when a derivative is wrong, when one is zero wherever probed without having
/// been declared, when rounding hides it, when too many probes lie on kinks, or when nothing was checked. Step sizes
/// are never searched. Error when f itself throws one, or for an order that f does not support.
GradientReport check_gradient(const DifferentiableFunction& f, const std::vector<Shape>& shapes,
                              const GradientCheckOptions& options = {});

/// The same at given inputs.
GradientReport check_gradient_at(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs,
                                 const GradientCheckOptions& options = {});

}  // namespace xtape
