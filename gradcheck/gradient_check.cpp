#include "gradcheck/gradient_check.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "framework/autograd/finite_check.hpp"
#include "framework/tensor/random.hpp"
#include "gradcheck/gradient_probe.hpp"
#include "gradcheck/gradient_promises.hpp"
#include "gradcheck/second_order.hpp"

namespace xtape {
namespace {

/// The value of f at the inputs, and its derivatives there as the backward pass computes them.
class Linearization {
 public:
  Linearization(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs,
                const GradientCheckOptions& options)
      : f_(f) {
    for (const CheckedInput& input : inputs) values_.push_back(input.value);
    here_ = f({values_.begin(), values_.end()}).value();
    check(here_.dtype() == DType::float64, "check_gradient: expected a float64 output, got {}", here_.dtype());
    cotangent_ = RandomStream(options.seed, 1).normal(here_.shape(), 0, 1, DType::float64);
    small_ = here_.size() <= options.full_up_to;
  }

  const Tensor& here() const { return here_; }
  const Tensor& cotangent() const { return cotangent_; }
  const Tensor& value(std::size_t input) const { return values_[input]; }

  /// Computes the gradients of all inputs for the random cotangent. If the output and an input have few elements, also
  /// computes the rows of the Jacobian for that input, one backward pass per output element. Throws the Errors of the
  /// derivatives, and Error if a derivative does not fit its input.
  void differentiate(std::int64_t full_up_to) {
    pulled_ = pull_back(f_, values_, cotangent_).gradients;
    const auto fits = [&](const Tensor& value) { return value.size() <= full_up_to; };
    if (!small_ || !std::ranges::any_of(values_, fits)) return;
    for (std::int64_t j = 0; j < here_.size(); ++j) {
      Tensor unit = Tensor::zeros(here_.shape(), DType::float64);
      unit.mutable_data<double>()[j] = 1;
      std::vector<Tensor> row = pull_back(f_, values_, unit).gradients;
      for (Tensor& gradient : row) {
        if (!fits(gradient)) gradient = Tensor();
      }
      rows_.push_back(std::move(row));
    }
  }

  /// Compares derivatives along a direction of one input: that of the weighted sum of the outputs, and, if the rows of
  /// the Jacobian were computed for this input, that of each output.
  std::vector<Comparison> compared(std::size_t input, const Tensor& direction,
                                   const GradientCheckOptions& options) const {
    const Line line([&](double t) { return moved(input, direction, t); }, here_, options.step);
    std::vector<Comparison> all{compare(line.of_sum(cotangent_), dot(pulled_[input], direction), options)};
    if (rows_.empty() || !rows_.front()[input].defined()) return all;
    for (std::size_t j = 0; j < rows_.size(); ++j) {
      const Slopes slopes = line.of_output(static_cast<std::int64_t>(j));
      all.push_back(compare(slopes, dot(rows_[j][input], direction), options));
    }
    return all;
  }

 private:
  Tensor moved(std::size_t input, const Tensor& direction, double t) const {
    std::vector<Variable> arguments(values_.begin(), values_.end());
    Tensor to = values_[input];
    double* out = to.mutable_data<double>();
    const double* d = direction.data<double>();
    for (std::int64_t i = 0; i < to.size(); ++i) out[i] += t * d[i];
    arguments[input] = to;
    return f_(arguments).value();
  }

  const DifferentiableFunction& f_;
  std::vector<Tensor> values_, pulled_;
  std::vector<std::vector<Tensor>> rows_;  // rows of the Jacobian: [output][input]
  Tensor here_, cotangent_;
  bool small_ = false;
};

/// A direction of length 1 and its name in the report.
struct Direction {
  std::string name;
  Tensor along;
};

Direction element(const Shape& shape, std::int64_t i) {
  Tensor along = Tensor::zeros(shape, DType::float64);
  along.mutable_data<double>()[i] = 1;
  return {fmt::format("element {}", i), along};
}

Direction anywhere(const Shape& shape, int number, RandomStream& random) {
  Tensor along = random.normal(shape, 0, 1, DType::float64);
  const double length = std::sqrt(dot(along, along));
  double* d = along.mutable_data<double>();
  for (std::int64_t i = 0; i < along.size(); ++i) d[i] /= length;
  return {fmt::format("direction {}", number), along};
}

/// Calls visit with each direction: all elements of a small input; random directions and some elements of a large one.
/// Directions are made one at a time, because each is as large as the input.
template <class Visit>
void for_each_direction(const Tensor& value, std::size_t input, const GradientCheckOptions& options, Visit visit) {
  if (value.size() <= options.full_up_to) {
    for (std::int64_t i = 0; i < value.size(); ++i) visit(element(value.shape(), i));
    return;
  }
  RandomStream random(options.seed, 100 + input);
  for (int i = 0; i < options.directions; ++i) visit(anywhere(value.shape(), i, random));
  const auto order = random.permutation(value.size());
  const auto sampled = std::min<std::size_t>(order.size(), static_cast<std::size_t>(options.sampled_elements));
  for (std::size_t i = 0; i < sampled; ++i) visit(element(value.shape(), order[i]));
}

/// Checks only the derivatives, not the other requirements (see gradient_promises.hpp).
GradientReport check_derivatives(const std::vector<CheckedInput>& inputs, const GradientCheckOptions& options,
                                 Linearization& at) {
  GradientReport report;
  try {
    at.differentiate(options.full_up_to);
  } catch (const Error& error) {  // usually a derivative of wrong shape or type
    report.problems.push_back(fmt::format("the derivative fails: {}", error.what()));
    return report;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tally tally(inputs[i].name, inputs[i].value.size());
    for_each_direction(at.value(i), i, options, [&](const Direction& direction) {
      tally.add(direction.name, at.compared(i, direction.along, options));
    });
    report.inputs.push_back(tally.report(options, report.problems));
  }
  return report;
}

/// Checks the derivatives of the gradient, as a function of the inputs and the cotangent. All inputs may be constant,
/// because the gradient of a linear function does not depend on them. The gradient always depends on the cotangent.
GradientReport check_second_order(const DifferentiableFunction& f, std::vector<CheckedInput> inputs,
                                  const Tensor& cotangent, GradientCheckOptions options) {
  options.order = 1;
  for (const CheckedInput& input : inputs) options.constant_inputs.push_back(input.name);
  inputs.push_back({"cotangent", cotangent});
  const DifferentiableFunction gradient = gradient_function(f);
  Linearization at(gradient, inputs, options);
  return check_derivatives(inputs, options, at);
}

void check_arguments(const std::vector<CheckedInput>& inputs, const GradientCheckOptions& options) {
  check(options.step > 0, "check_gradient: expected a step above 0, got {}", options.step);
  check(options.order == 1 || options.order == 2, "check_gradient: expected order 1 or 2, got {}", options.order);
  check(options.directions >= 1, "check_gradient: expected at least one direction, got {}", options.directions);
  for (const CheckedInput& input : inputs) {
    check(input.value.defined() && input.value.dtype() == DType::float64,
          "check_gradient: expected float64 inputs, got {} for {}", input.value.dtype(), input.name);
  }
  for (const std::string& name : options.constant_inputs) {
    check(std::ranges::find(inputs, name, &CheckedInput::name) != inputs.end(),
          "check_gradient: expected constant_inputs among the inputs, got {}", name);
  }
}

}  // namespace

GradientReport check_gradient_at(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs,
                                 const GradientCheckOptions& given) {
  check_arguments(inputs, given);
  GradientCheckOptions options = given;
  if (options.bilinear) {
    options.step = 1;
    options.absolute_tolerance = options.relative_tolerance = 1e-10;
  }
  Linearization at(f, inputs, options);
  if (!all_finite(at.here())) return {{}, {"the output is not finite; choose inputs inside the domain (low, high)"}};
  GradientReport report = check_derivatives(inputs, options, at);
  if (report.inputs.empty()) {
    if (inputs.empty()) report.problems.emplace_back("nothing was checked");
    return report;
  }
  for (std::string& problem : broken_promises(f, inputs, at.cotangent(), options)) {
    report.problems.push_back(std::move(problem));
  }
  if (options.order == 2) report.append(check_second_order(f, inputs, at.cotangent(), options), "gradient");
  return report;
}

GradientReport check_gradient(const DifferentiableFunction& f, const std::vector<Shape>& shapes,
                              const GradientCheckOptions& options) {
  check(!shapes.empty(), "check_gradient: expected the shape of at least one input, got none");
  check(options.low < options.high, "check_gradient: expected low < high, got {} and {}", options.low, options.high);
  std::vector<CheckedInput> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    RandomStream random(options.seed, 10 + i);
    inputs.push_back(
        {fmt::format("input {}", i), random.uniform(shapes[i], options.low, options.high, DType::float64)});
  }
  return check_gradient_at(f, inputs, options);
}

}  // namespace xtape
