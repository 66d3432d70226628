#include "gradcheck/gradient_probe.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace xtape {
namespace {

/// Computes (a - b) / h element by element.
Tensor quotient(const Tensor& a, const Tensor& b, double h) {
  check(a.shape() == b.shape(), "check_gradient: expected an output of shape {} wherever the inputs are, got {}",
        b.shape(), a.shape());
  Tensor q = Tensor::empty(a.shape(), DType::float64);
  const double* x = a.data<double>();
  const double* y = b.data<double>();
  double* out = q.mutable_data<double>();
  for (std::int64_t i = 0; i < a.size(); ++i) out[i] = (x[i] - y[i]) / h;
  return q;
}

double largest(const Tensor& x) {
  const double* data = x.data<double>();
  double most = 0;
  for (std::int64_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(data[i]));
  return most;
}

bool may_be_constant(const std::string& input, const GradientCheckOptions& options) {
  return options.may_be_constant || std::ranges::find(options.constant_inputs, input) != options.constant_inputs.end();
}

std::string problem_of(const InputReport& report) {
  switch (report.verdict) {
    case Verdict::wrong:
      return fmt::format(
          "{} of {} derivatives are wrong, worst at {}: analytic {:.10g}, numeric {:.10g} +- {:.1g}, "
          "tolerance {:.2g}",
          report.wrong, report.checked + report.skipped, report.worst, report.analytic, report.numeric, report.estimate,
          report.tolerance);
    case Verdict::unchecked: return "nothing was checked";
    case Verdict::zero:
      return fmt::format(
          "the derivative is zero wherever it was probed; if that is right, say .constant_inputs = "
          "{{\"{}\"}} or .may_be_constant = true",
          report.name);
    case Verdict::kinks:
      return fmt::format("{} of {} probes lie at kinks; choose inputs away from them (low, high, seed)", report.skipped,
                         report.checked + report.skipped);
    case Verdict::rounding:
      return "rounding hides more than 0.1 % of the derivative; bring the output nearer to 1, or choose a larger step";
    default: return "";
  }
}

}  // namespace

double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  const double* x = a.data<double>();
  const double* y = b.data<double>();
  for (std::int64_t i = 0; i < a.size(); ++i) sum += x[i] * y[i];
  return sum;
}

Line::Line(const std::function<Tensor(double)>& moved, const Tensor& here, double step) {
  const Tensor forth = moved(step), back = moved(-step);
  ahead_ = quotient(forth, here, step);
  behind_ = quotient(here, back, step);
  ahead_half_ = quotient(moved(step / 2), here, step / 2);
  behind_half_ = quotient(here, moved(-step / 2), step / 2);
  // The error of a value is assumed to be some units in the last place of the largest output.
  constexpr double units = 32;
  const double scale = std::max({largest(here), largest(forth), largest(back)});
  rounding_ = units * std::numeric_limits<double>::epsilon() * scale / step;
}

Slopes Line::of_output(std::int64_t output) const {
  const auto at = [output](const Tensor& x) { return x.data<double>()[output]; };
  return {at(ahead_), at(behind_), at(ahead_half_), at(behind_half_), rounding_};
}

Slopes Line::of_sum(const Tensor& weights) const {
  const auto sum = [&](const Tensor& x) { return dot(x, weights); };
  return {sum(ahead_), sum(behind_), sum(ahead_half_), sum(behind_half_), rounding_ * std::sqrt(dot(weights, weights))};
}

Comparison compare(const Slopes& slopes, double analytic, const GradientCheckOptions& options) {
  const auto [ahead, behind, ahead_half, behind_half, rounding] = slopes;
  const double coarse = (ahead + behind) / 2, fine = (ahead_half + behind_half) / 2;
  Comparison c{.analytic = analytic, .numeric = fine + (fine - coarse) / 3, .rounding = rounding};
  c.estimate = std::abs(fine - coarse) / 3 + rounding;
  c.tolerance = options.absolute_tolerance + options.relative_tolerance * std::abs(c.numeric) + c.estimate;
  const double mismatch = std::abs(analytic - c.numeric);
  const double bend = std::abs(fine - coarse) + std::abs(ahead_half - behind_half - (ahead - behind) / 2);
  const auto [low, high] = std::minmax({ahead, behind, ahead_half, behind_half});
  if (!std::isfinite(mismatch) || !std::isfinite(bend)) return c;  // outcome: wrong
  if (options.bilinear) {                                          // all four slopes must be equal
    const bool linear = high - low <= 1e-10 * (1 + std::abs(c.numeric)) + 4 * rounding;
    c.outcome = linear && mismatch <= c.tolerance ? Outcome::right : Outcome::wrong;
    return c;
  }
  const bool kink = bend > 1e-6 + 1e-3 * std::max(std::abs(low), std::abs(high)) + 100 * rounding;
  if (kink) {
    // Beyond the quotients of a side without a kink, its slope at 0 lies as far as they differ.
    const double beyond = std::abs(ahead_half - ahead) + std::abs(behind_half - behind) + c.tolerance;
    c.outcome = analytic >= low - beyond && analytic <= high + beyond ? Outcome::kink : Outcome::wrong;
  } else if (mismatch <= c.tolerance) {
    c.outcome = Outcome::right;
  } else {
    c.outcome = mismatch <= 3 * bend ? Outcome::kink : Outcome::wrong;
  }
  return c;
}

Tally::Tally(std::string name, std::int64_t elements) : report_{.name = std::move(name), .elements = elements} {}

void Tally::add(const std::string& probe, const std::vector<Comparison>& comparisons) {
  bool kink = false, wrong = false;
  for (const Comparison& c : comparisons) {
    kink = kink || c.outcome == Outcome::kink;
    wrong = wrong || c.outcome == Outcome::wrong;
    rounding_ = std::max(rounding_, c.rounding);
    if (c.outcome == Outcome::kink) continue;
    largest_ = std::max({largest_, std::abs(c.analytic), std::abs(c.numeric)});
    const double mismatch = std::abs(c.analytic - c.numeric);
    double badness = mismatch / c.tolerance;
    if (c.outcome == Outcome::wrong)
      badness = std::isnan(badness) ? HUGE_VAL : 1 + badness;  // worse than every right probe
    if (badness <= worst_) continue;
    worst_ = badness;
    report_.worst = probe;
    report_.analytic = c.analytic;
    report_.numeric = c.numeric;
    report_.estimate = c.estimate;
    report_.tolerance = c.tolerance;
  }
  ++(kink && !wrong ? report_.skipped : report_.checked);
  if (wrong) ++report_.wrong;
}

InputReport Tally::report(const GradientCheckOptions& options, std::vector<std::string>& problems) const {
  InputReport report = report_;
  const auto probes = static_cast<double>(report.checked + report.skipped);
  const double noise = options.absolute_tolerance + rounding_;
  const bool declared = may_be_constant(report.name, options);
  report.verdict = Verdict::right;
  if (report.wrong > 0) {
    report.verdict = Verdict::wrong;
  } else if (probes == 0) {
    report.verdict = Verdict::unchecked;
  } else if (report.checked == 0 ||
             static_cast<double>(report.skipped) > std::max(2.0, options.skipped_share * probes)) {
    report.verdict = Verdict::kinks;
  } else if (largest_ <= noise) {
    // The derivative at skipped probes is unknown and may not be zero.
    report.verdict = declared ? Verdict::constant : report.skipped > 0 ? Verdict::kinks : Verdict::zero;
  } else if (largest_ <= 1e3 * noise && !declared) {
    report.verdict = Verdict::rounding;
  }
  const std::string problem = problem_of(report);
  if (!problem.empty()) problems.push_back(report.name + ": " + problem);
  return report;
}

}  // namespace xtape
