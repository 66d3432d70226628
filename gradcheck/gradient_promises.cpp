#include "gradcheck/gradient_promises.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "framework/autograd/forward_pass.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

/// A copy of the tensor that does not share its storage.
Tensor copy_of(const Tensor& x) {
  Tensor copy = x;
  with_type(x.dtype(), [&](auto zero) { static_cast<void>(copy.mutable_data<decltype(zero)>()); });
  return copy;
}

/// The largest absolute value of a - factor * b, divided by the largest absolute value of factor * b. 0 if the former
/// is at most `floor`.
double distance(const Tensor& a, const Tensor& b, double factor = 1, double floor = 1e-30) {
  if (a.shape() != b.shape()) return HUGE_VAL;
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  double most = 0, scale = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double difference = std::abs(x[i] - factor * y[i]);
    most = std::isnan(difference) ? HUGE_VAL : std::max(most, difference);
    scale = std::max(scale, std::abs(factor * y[i]));
  }
  return most <= floor ? 0 : most / scale;
}

/// Records the sum of two results as an op. This is not the add of ops/, so the check does not depend on an op that may
/// be under test.
Variable total(const Variable& a, const Variable& b) {
  Tensor sum = a.value();
  add_into(sum, b.value());
  const auto same = [](const Tensor& dy) { return dy; };
  return record("total", std::move(sum), {{a, same}, {b, same}});
}

class Promises {
 public:
  Promises(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs, const Tensor& cotangent,
           const GradientCheckOptions& options)
      : f_(f), inputs_(inputs), cotangent_(cotangent), options_(options) {
    for (const CheckedInput& input : inputs) values_.push_back(input.value);
  }

  std::vector<std::string> broken() {
    untouched_and_repeatable();
    of_constants_constant();
    alone_as_together();
    twice_is_double();
    tied_inputs_add_up();
    if (options_.float32) same_in_float32();
    return std::move(problems_);
  }

 private:
  template <class... Args>
  void blame(fmt::format_string<Args...> format, Args&&... args) {
    problems_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  const std::string& name(std::size_t i) const { return inputs_[i].name; }

  void untouched_and_repeatable() {
    together_ = pull_back(f_, values_, cotangent_);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (together_.input_written[i]) blame("{}: the function writes to its input", name(i));
    }
    if (together_.cotangent_written) blame("the derivative writes to the cotangent");
    if (!options_.deterministic) return;
    const Pulled again = pull_back(f_, values_, cotangent_);
    if (!identical(again.value, together_.value)) blame("the function gives other bits when it is run again");
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (!identical(again.gradients[i], together_.gradients[i])) {
        blame("{}: the derivative gives other bits when it is run again", name(i));
      }
    }
  }

  void of_constants_constant() {
    const Variable y = f_({values_.begin(), values_.end()});
    if (y.tracked()) blame("the output is tracked though all inputs are constants");
    if (options_.deterministic && !identical(y.value(), together_.value)) {
      blame("the value is another when derivatives are recorded");
    }
  }

  void alone_as_together() {
    if (values_.size() < 2) return;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      std::vector<bool> watched(values_.size(), false);
      watched[i] = true;
      const Pulled alone = pull_back(f_, values_, cotangent_, watched);
      if (!(distance(alone.gradients[i], together_.gradients[i]) <= 1e-10)) {
        blame("{}: its gradient is another when the other inputs are constants", name(i));
      }
    }
  }

  void twice_is_double() {
    ForwardPass pass(Mode::training);
    std::vector<Variable> watched, elsewhere;
    for (const Tensor& value : values_) {
      watched.push_back(pass.watch(value));
      elsewhere.push_back(pass.watch(map("check_gradient", value, [&](auto v) { return v + options_.step; })));
    }
    const Variable first = f_(watched);
    if (!first.tracked()) return;
    const Variable second = f_(watched);
    static_cast<void>(f_(elsewhere));  // must not overwrite what the other calls saved
    pass.backward(total(first, second), cotangent_);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (!(distance(pass.gradient(watched[i]), together_.gradients[i], 2) <= 1e-10)) {
        blame("{}: used twice in a pass, the function does not give twice the gradient", name(i));
      }
    }
  }

  /// Compares f(x, x) for one variable x with f(x, y) for two variables that have the same values.
  void tied_inputs_add_up() {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      for (std::size_t j = i + 1; j < values_.size(); ++j) {
        if (values_[i].shape() == values_[j].shape()) tied(i, j);
      }
    }
  }
  void tied(std::size_t i, std::size_t j) {
    std::vector<Tensor> equal = values_;
    equal[j] = values_[i];
    const Pulled apart = pull_back(f_, equal, cotangent_);  // pull_back copies: two arrays with equal elements
    ForwardPass pass(Mode::training);
    std::vector<Variable> watched(equal.begin(), equal.end());
    watched[i] = watched[j] = pass.watch(equal[i]);
    const Variable y = f_(watched);
    if (!y.tracked()) return;
    pass.backward(y, cotangent_);
    Tensor sum = apart.gradients[i];
    add_into(sum, apart.gradients[j]);
    const Tensor gradient = pass.gradient(watched[i]);
    if (!std::isfinite(dot_of(sum))) return;  // outside of the domain of f
    if (!(distance(y.value(), apart.value) <= 1e-10) ||
        !(distance(gradient, sum, 1, rounding_of(apart, i, j)) <= 1e-9)) {
      blame("{} and {}: one variable as both does not get the sum of their gradients", name(i), name(j));
    }
  }
  static double dot_of(const Tensor& x) {
    double sum = 0;
    for (const double v : x.to_vector()) sum += v;
    return sum;
  }
  /// The largest rounding error that may remain if the two gradients cancel in their sum.
  static double rounding_of(const Pulled& pulled, std::size_t i, std::size_t j) {
    double most = 0;
    for (const std::size_t k : {i, j}) {
      for (const double v : pulled.gradients[k].to_vector()) most = std::max(most, std::abs(v));
    }
    return 1e-12 * most;
  }

  void same_in_float32() try {
    std::vector<Tensor> narrow, wide;
    for (const Tensor& value : values_) {
      narrow.push_back(value.to(DType::float32));
      wide.push_back(narrow.back().to(DType::float64));
    }
    const Tensor dy = cotangent_.to(DType::float32);
    const Pulled expected = pull_back(f_, wide, dy.to(DType::float64));
    const Variable probe = f_({narrow.begin(), narrow.end()});
    if (probe.dtype() != DType::float32) return blame("the output is {} for float32 inputs", to_string(probe.dtype()));
    const Pulled got = pull_back(f_, narrow, dy);
    // float32 has 7 digits; an op may lose three of them by rounding.
    constexpr double accuracy = 1e-4, floor = 1e-6;
    const char* const drawn = " (a function that draws random numbers needs .float32 = false)";
    if (!(distance(got.value, expected.value, 1, floor) <= accuracy)) blame("the value in float32 is another{}", drawn);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const double off = distance(got.gradients[i], expected.gradients[i], 1, floor);
      if (!(off <= accuracy))
        blame("{}: the gradient in float32 is off by {:.1g} of its largest{}", name(i), off, drawn);
    }
  } catch (const Error& error) {
    blame("in float32: {} (say .float32 = false if the function is for float64 only)", error.what());
  }

  const DifferentiableFunction& f_;
  const std::vector<CheckedInput>& inputs_;
  const Tensor& cotangent_;
  const GradientCheckOptions& options_;
  std::vector<Tensor> values_;
  Pulled together_;
  std::vector<std::string> problems_;
};

}  // namespace

Pulled pull_back(const DifferentiableFunction& f, const std::vector<Tensor>& values, const Tensor& cotangent,
                 const std::vector<bool>& watched) {
  ForwardPass pass(Mode::training);
  std::vector<Tensor> own;
  std::vector<Variable> arguments;
  const auto watches = [&](std::size_t i) { return watched.empty() || watched[i]; };
  for (std::size_t i = 0; i < values.size(); ++i) {
    own.push_back(copy_of(values[i]));
    arguments.push_back(watches(i) ? pass.watch(own[i]) : Variable(own[i]));
  }
  const Tensor dy = copy_of(cotangent);
  const Variable y = f(arguments);
  if (y.tracked()) pass.backward(y, dy);
  Pulled pulled{
      .value = y.value(), .gradients = {}, .input_written = {}, .cotangent_written = !identical(dy, cotangent)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Tensor zero = Tensor::zeros(values[i].shape(), values[i].dtype());
    pulled.gradients.push_back(!watches(i) ? Tensor() : y.tracked() ? pass.gradient(arguments[i]) : zero);
    pulled.input_written.push_back(!identical(own[i], values[i]));
  }
  return pulled;
}

std::vector<std::string> broken_promises(const DifferentiableFunction& f, const std::vector<CheckedInput>& inputs,
                                         const Tensor& cotangent, const GradientCheckOptions& options) {
  return Promises(f, inputs, cotangent, options).broken();
}

}  // namespace xtape
