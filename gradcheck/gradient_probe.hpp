// One probe of a gradient check: measures how a function changes along a line and compares this with a derivative.
#pragma once

#include <functional>
#include <vector>

#include "framework/tensor/tensor.hpp"
#include "gradcheck/gradient_check.hpp"

namespace xtape {

/// The sum of the products of the elements of two float64 tensors of the same size.
double dot(const Tensor& a, const Tensor& b);

/// One-sided difference quotients of a number that depends on t, at t = 0.
struct Slopes {
  double ahead = 0, behind = 0;            ///< over a step h: (f(h) - f(0)) / h, (f(0) - f(-h)) / h
  double ahead_half = 0, behind_half = 0;  ///< over h / 2
  double rounding = 0;                     ///< bound of the rounding error of the quotients
};

/// A function of t in float64. Gives the Slopes of each output, or of a weighted sum of the outputs.
class Line {
 public:
  /// Evaluates moved(t) for t = +-step and +-step/2. `here` is the value at 0.
  Line(const std::function<Tensor(double)>& moved, const Tensor& here, double step);
  /// The slopes of one output.
  Slopes of_output(std::int64_t output) const;
  /// The slopes of the sum of the outputs times the weights.
  Slopes of_sum(const Tensor& weights) const;

 private:
  Tensor ahead_, behind_, ahead_half_, behind_half_;
  double rounding_;  // rounding error of a single output
};

/// The result of a comparison. wrong: the difference exceeds the tolerance, and no kink within a step explains it.
/// kink: there is a kink, and the derivative lies between those of its two sides. right: all other cases.
enum class Outcome { right, kink, wrong };

/// The comparison of an analytic with a numeric derivative.
struct Comparison {
  double analytic = 0, numeric = 0, estimate = 0, tolerance = 0, rounding = 0;
  Outcome outcome = Outcome::wrong;
};

/// Compares an analytic derivative with the slopes.
///
/// D(h) is the mean of the two sides, and numeric = D(h/2) + (D(h/2) - D(h)) / 3, in which the h^2 term of a smooth
/// function cancels (Richardson 1911); |D(h/2) - D(h)| / 3, the error of D(h/2), is its estimate. Kinks show in
///   bend = |D(h/2) - D(h)| + |s(h/2) - s(h) / 2|,  s(h) = ahead - behind:
/// of order h^2 for a smooth function, whose s is proportional to h, while a jump j of the slope at distance t < h/2
/// gives at least j/6, at t = 0 where D(h) = D(h/2) it gives j/2, and beyond h/2 six times the error it causes.
Comparison compare(const Slopes& slopes, double analytic, const GradientCheckOptions& options);

/// Collects the probes of one input: counts, the worst comparison, the verdict.
class Tally {
 public:
  /// Starts without probes for the named input, which has this many elements.
  Tally(std::string name, std::int64_t elements);
  /// Adds all comparisons of one probe.
  void add(const std::string& probe, const std::vector<Comparison>& comparisons);
  /// Whether a probe that did not lie at a kink has been compared.
  bool compared() const { return report_.checked > 0; }
  /// The report of the input. If it is a failure, a description is added to `problems`.
  InputReport report(const GradientCheckOptions& options, std::vector<std::string>& problems) const;

 private:
  InputReport report_;
  double worst_ = -1, largest_ = 0, rounding_ = 0;
};

}  // namespace xtape
