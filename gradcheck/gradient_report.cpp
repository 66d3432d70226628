#include "gradcheck/gradient_report.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <ostream>

#include "framework/amount.hpp"

namespace xtape {

std::string to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::right: return "right";
    case Verdict::constant: return "constant";
    case Verdict::rounding: return "ROUNDING";
    case Verdict::kinks: return "KINKS";
    case Verdict::zero: return "ZERO";
    case Verdict::unchecked: return "UNCHECKED";
    case Verdict::wrong: return "WRONG";
  }
  return "?";
}

double InputReport::relative_error() const {
  const double difference = std::abs(analytic - numeric);
  return difference == 0 ? 0 : difference / std::abs(numeric);
}

void GradientReport::append(const GradientReport& other, const std::string& heading) {
  for (InputReport input : other.inputs) {
    input.name = heading + ": " + input.name;
    inputs.push_back(std::move(input));
  }
  for (const std::string& problem : other.problems) problems.push_back(fmt::format("{}: {}", heading, problem));
}

std::string to_string(const GradientReport& report) {
  std::int64_t checked = 0, skipped = 0, wrong = 0;
  const InputReport* worst = nullptr;
  const auto badness = [](const InputReport& input) {
    const double value = std::abs(input.analytic - input.numeric) / std::max(input.tolerance, 1e-300);
    return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
  };
  for (const InputReport& input : report.inputs) {
    checked += input.checked;
    skipped += input.skipped;
    wrong += input.wrong;
    if (input.checked > 0 && (!worst || badness(input) > badness(*worst))) worst = &input;
  }
  std::string text = fmt::format("{}: {}, {} checked, {} skipped, {} wrong",
                                 report.passed() ? "gradients agree" : "gradients DISAGREE",
                                 amount(report.inputs.size(), "input"), amount(checked, "derivative"), skipped, wrong);
  if (worst) {
    text += fmt::format("; worst {}, {}: analytic {:.10g}, numeric {:.10g} +- {:.1g}", worst->name, worst->worst,
                        worst->analytic, worst->numeric, worst->estimate);
  }
  for (const std::string& problem : report.problems) text += "\n  problem: " + problem;
  return text;
}

std::ostream& operator<<(std::ostream& stream, const GradientReport& report) { return stream << to_string(report); }

std::string table(const GradientReport& report) {
  std::size_t name = 5, probe = 5;
  for (const InputReport& input : report.inputs) {
    name = std::max(name, input.name.size());
    probe = std::max(probe, input.worst.size());
  }
  std::string text =
      fmt::format("{:<{}}  {:>9} {:>7} {:>7}  {:<{}} {:>17} {:>17} {:>8} {:>8}  {}\n", "input", name, "elements",
                  "checked", "skipped", "worst", probe, "analytic", "numeric", "rel.err", "estimate", "verdict");
  for (const InputReport& input : report.inputs) {
    text += fmt::format("{:<{}}  {:>9} {:>7} {:>7}  {:<{}} {:>17.9g} {:>17.9g} {:>8.1e} {:>8.1e}  {}\n", input.name,
                        name, input.elements, input.checked, input.skipped, input.worst, probe, input.analytic,
                        input.numeric, input.relative_error(), input.estimate, to_string(input.verdict));
  }
  for (const std::string& problem : report.problems) text += "problem: " + problem + "\n";
  return text;
}

}  // namespace xtape
