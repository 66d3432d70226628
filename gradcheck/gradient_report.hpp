// The result of a gradient check: a verdict for every input and parameter, which can be printed.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace xtape {

/// The verdict on one input. From the most to the least severe: `wrong`: a derivative is wrong; `unchecked`: nothing
/// was perturbed; `zero`: analytic and numeric derivative are zero at all probes although this was not declared;
/// `kinks`: too many probes lie where there is no derivative; `rounding`: the precision is too low to resolve 0.1 % of
/// a derivative. `constant`: the derivative is zero as declared. `right`: all other cases.
enum class Verdict { right, constant, rounding, kinks, zero, unchecked, wrong };
/// The name of the verdict, such as "wrong".
std::string to_string(Verdict verdict);

/// The result of the check for one input.
struct InputReport {
  std::string name;           ///< name of the input or parameter
  std::int64_t elements = 0;  ///< number of elements of the input
  std::int64_t checked = 0;   ///< number of probes (elements or directions) that were compared
  std::int64_t skipped = 0;   ///< number of probes that lie on kinks
  std::int64_t wrong = 0;     ///< number of probes at which a derivative is wrong
  /// The worst probe: the one with the largest difference relative to its tolerance.
  std::string worst = "";
  double analytic = 0;                   ///< analytic derivative of the worst probe
  double numeric = 0;                    ///< numeric derivative of the worst probe
  double estimate = 0;                   ///< estimated error of its differences (Richardson and rounding)
  double tolerance = 0;                  ///< allowed difference of the worst probe
  Verdict verdict = Verdict::unchecked;  ///< the verdict on the input

  /// |analytic - numeric| / |numeric| of the worst probe; 0 if both are 0.
  double relative_error() const;
};

/// The verdicts and the reasons why a check failed. The check does not report failures in any other way, so the result
/// must not be discarded. It converts to bool, for CHECK(check_gradient(...)) in tests.
struct [[nodiscard]] GradientReport {
  std::vector<InputReport> inputs;    ///< one report per input and parameter
  std::vector<std::string> problems;  ///< descriptions of the failures; empty if the check passed
  /// Whether there are no problems.
  bool passed() const { return problems.empty(); }
  /// Whether the check passed.
  explicit operator bool() const { return passed(); }

  /// Adds the inputs and problems of another report under a heading, such as "training, batch 3: kernel".
  void append(const GradientReport& other, const std::string& heading);
};

/// The report as text: one line with the counts and the worst comparison, and one line per problem.
std::string to_string(const GradientReport& report);
/// Writes to_string(report) to a stream.
std::ostream& operator<<(std::ostream& stream, const GradientReport& report);

/// A table with one line per input: elements, checked, skipped, worst probe, both values, relative error, error
/// estimate, verdict.
std::string table(const GradientReport& report);

}  // namespace xtape
