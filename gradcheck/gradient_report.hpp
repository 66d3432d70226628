// What a gradient check found: a verdict for every input and parameter, fit to print.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace xtape {

/// What a check says of one input. In falling order of how much it matters: `wrong` when a derivative is; `unchecked`
/// when nothing was perturbed; `zero` when analytic and numeric derivative vanish wherever probed and the caller has
/// not said that they may; `kinks` when too many probes lie where there is no derivative; `rounding` when the numbers
/// are too coarse to tell a derivative from 0.1 % of it. `constant` is a declared zero that is one, `right` the rest.
enum class Verdict { right, constant, rounding, kinks, zero, unchecked, wrong };
std::string to_string(Verdict verdict);

/// What was found for one input.
struct InputReport {
  std::string name;
  std::int64_t elements = 0;  ///< of the input
  /// Probes (elements or directions) that were compared, that lie on kinks, and at which a derivative is wrong.
  std::int64_t checked = 0, skipped = 0, wrong = 0;
  /// The probe with the largest difference for its tolerance: where, both values, how far the differences are to be
  /// trusted (Richardson and rounding), and what was allowed.
  std::string worst = "";
  double analytic = 0, numeric = 0, estimate = 0, tolerance = 0;
  Verdict verdict = Verdict::unchecked;

  /// |analytic - numeric| / |numeric| of the worst probe; 0 when both are 0.
  double relative_error() const;
};

/// The verdicts and why a check failed; nobody else says it, so it must not be dropped. Converts to bool, so that
/// CHECK(check_gradient(...)) reads as it should.
struct [[nodiscard]] GradientReport {
  std::vector<InputReport> inputs;
  std::vector<std::string> problems;  ///< empty when it passed
  bool passed() const { return problems.empty(); }
  explicit operator bool() const { return passed(); }

  /// Takes in another report under a heading: "training, batch 3: kernel".
  void append(const GradientReport& other, const std::string& heading);
};

/// One line with the counts and the worst comparison of all, and one more for every problem.
std::string to_string(const GradientReport& report);
std::ostream& operator<<(std::ostream& stream, const GradientReport& report);

/// A line an input: elements, checked, skipped, worst probe, both values, relative error, error estimate, verdict.
std::string table(const GradientReport& report);

}  // namespace xtape
