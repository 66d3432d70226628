#include "framework/autograd/gradient_check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <set>

namespace xtape {
namespace {

double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  const double* x = a.data<double>();
  const double* y = b.data<double>();
  for (std::int64_t i = 0; i < a.size(); ++i) sum += x[i] * y[i];
  return sum;
}

/// <c, f(x)> and its gradient, analytic and by differences.
class Objective {
 public:
  Objective(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs, std::uint64_t seed) : f_(f) {
    for (const CheckedInput& input : inputs) values_.push_back(input.value);
    ForwardPass pass(Mode::training);
    std::vector<Variable> watched;
    for (const Tensor& value : values_) watched.push_back(pass.watch(value));
    const Variable y = f(watched);
    check(y.dtype() == DType::float64, "check_gradient: expected a float64 output, got {}", y.dtype());
    cotangent_ = RandomStream(seed, 1).normal(y.shape(), 0, 1, DType::float64);
    tracked_ = y.tracked();
    if (tracked_) pass.backward(y, cotangent_);
    for (const Variable& input : watched) {
      gradients_.push_back(tracked_ ? pass.gradient(input) : Tensor::zeros(input.shape(), DType::float64));
    }
  }

  bool tracked() const { return tracked_; }
  std::int64_t outputs() const { return cotangent_.size(); }
  const Tensor& gradient(std::size_t input) const { return gradients_[input]; }

  /// The objective with input `which` moved by h along a direction.
  double moved(std::size_t which, const Tensor& direction, double h) const {
    std::vector<Variable> arguments(values_.begin(), values_.end());
    Tensor moved = values_[which];
    double* out = moved.mutable_data<double>();
    const double* d = direction.data<double>();
    for (std::int64_t i = 0; i < moved.size(); ++i) out[i] += h * d[i];
    arguments[which] = moved;
    return dot(f_(arguments).value(), cotangent_);
  }

  double central_difference(std::size_t which, const Tensor& direction, double h) const {
    return (moved(which, direction, h) - moved(which, direction, -h)) / (2 * h);
  }

 private:
  const DifferentiableFunction& f_;
  std::vector<Tensor> values_, gradients_;
  Tensor cotangent_;
  bool tracked_ = false;
};

/// A direction to differentiate along, and how to name it in the report.
struct Probe {
  std::string name;
  Tensor direction;
};

std::vector<Probe> probes_for(const Tensor& value, std::size_t which, const GradientCheckOptions& options) {
  std::vector<Probe> probes;
  const auto element = [&](std::int64_t i) {
    Tensor direction = Tensor::zeros(value.shape(), DType::float64);
    direction.mutable_data<double>()[i] = 1;
    probes.push_back({fmt::format("element {}", i), direction});
  };
  if (value.size() <= options.full_up_to) {
    for (std::int64_t i = 0; i < value.size(); ++i) element(i);
    return probes;
  }
  RandomStream random(options.seed, 100 + which);
  for (int i = 0; i < options.directions; ++i) {
    probes.push_back({fmt::format("direction {}", i), random.normal(value.shape(), 0, 1, DType::float64)});
  }
  const auto order = random.permutation(value.size());
  for (std::int64_t i = 0; i < std::min<std::int64_t>(value.size(), 32); ++i)
    element(order[static_cast<std::size_t>(i)]);
  return probes;
}

InputReport check_input(const Objective& objective, const CheckedInput& input, std::size_t which,
                        const GradientCheckOptions& options) {
  InputReport report{.name = input.name, .elements = input.value.size()};
  double worst = -1;
  double largest = 0;
  for (const Probe& probe : probes_for(input.value, which, options)) {
    const double analytic = dot(objective.gradient(which), probe.direction);
    const double coarse = objective.central_difference(which, probe.direction, options.step);
    const double fine = objective.central_difference(which, probe.direction, options.step / 2);
    const double numeric = fine + (fine - coarse) / 3;  // the h^2 term cancels (Richardson)
    const double estimate = std::abs(fine - coarse);
    // rounding of the two values of the objective, as differences see it
    const double rounding = 1e-14 * std::abs(objective.moved(which, probe.direction, 0)) / options.step;
    const double tolerance =
        options.absolute_tolerance + options.relative_tolerance * std::abs(numeric) + rounding + estimate * 1e-2;
    const double difference = std::abs(analytic - numeric);
    if (!(difference <= tolerance) && estimate > 1e-3 * (1 + std::abs(numeric))) {
      ++report.skipped;  // the two differences disagree grossly: a kink lies between them
      continue;
    }
    ++report.checked;
    largest = std::max({largest, std::abs(analytic), std::abs(numeric)});
    if (!(difference <= tolerance)) ++report.wrong;
    const double badness = std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference / tolerance;
    if (badness > worst) {
      worst = badness;
      report.worst = probe.name;
      report.analytic = analytic;
      report.numeric = numeric;
      report.tolerance = tolerance;
    }
  }
  report.all_zero = report.checked > 0 && largest == 0;
  return report;
}

void judge(GradientReport& report, const GradientCheckOptions& options) {
  std::int64_t checked = 0;
  for (const InputReport& input : report.inputs) {
    checked += input.checked;
    if (input.wrong > 0) {
      report.problems.push_back(fmt::format(
          "{}: {} of {} derivatives are wrong, worst at {}: analytic {:.10g}, numeric {:.10g}, "
          "tolerance {:.2g}",
          input.name, input.wrong, input.checked, input.worst, input.analytic, input.numeric, input.tolerance));
    }
    if (input.all_zero && !options.may_be_constant) {
      report.problems.push_back(
          fmt::format("{}: the derivative is zero wherever it was probed; if that is right, say "
                      ".may_be_constant = true",
                      input.name));
    }
    const std::int64_t probes = input.checked + input.skipped;
    if (static_cast<double>(input.skipped) > options.skipped_share * static_cast<double>(probes)) {
      report.problems.push_back(
          fmt::format("{}: {} of {} probes lie at kinks; choose inputs away from them (low, high, seed)", input.name,
                      input.skipped, probes));
    }
  }
  if (checked == 0) report.problems.push_back("nothing was checked");
}

}  // namespace

GradientReport check_gradient_at(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs,
                                 const GradientCheckOptions& options) {
  check(options.step > 0, "check_gradient: expected a step above 0, got {}", options.step);
  for (const CheckedInput& input : inputs) {
    check(input.value.defined() && input.value.dtype() == DType::float64,
          "check_gradient: expected float64 inputs, got {} for {}", input.value.dtype(), input.name);
  }
  GradientReport report;
  const Objective objective(f, inputs, options.seed);
  if (!objective.tracked() && !options.may_be_constant) {
    report.problems.emplace_back("the output does not depend on the inputs through recorded ops");
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    report.inputs.push_back(check_input(objective, inputs[i], i, options));
  }
  judge(report, options);
  return report;
}

GradientReport check_gradient(const DifferentiableFunction& f, const std::vector<Shape>& shapes,
                              const GradientCheckOptions& options) {
  check(options.low < options.high, "check_gradient: expected low < high, got {} and {}", options.low, options.high);
  std::vector<CheckedInput> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    RandomStream random(options.seed, 10 + i);
    inputs.push_back(
        {fmt::format("input {}", i), random.uniform(shapes[i], options.low, options.high, DType::float64)});
  }
  return check_gradient_at(f, inputs, options);
}

std::string to_string(const GradientReport& report) {
  std::string text = report.passed() ? "gradients agree" : "gradients DISAGREE";
  for (const InputReport& input : report.inputs) {
    text += fmt::format(
        "\n  {}: {} elements, {} checked, {} skipped, {} wrong; worst {}: analytic {:.10g}, numeric {:.10g}, "
        "tolerance {:.2g}",
        input.name, input.elements, input.checked, input.skipped, input.wrong, input.worst.empty() ? "-" : input.worst,
        input.analytic, input.numeric, input.tolerance);
  }
  for (const std::string& problem : report.problems) text += "\n  problem: " + problem;
  return text;
}

std::ostream& operator<<(std::ostream& stream, const GradientReport& report) { return stream << to_string(report); }

}  // namespace xtape
