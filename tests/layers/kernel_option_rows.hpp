// Rows of the options that layers with kernels and a bias share.
#pragma once

#include <algorithm>
#include <cmath>

#include "layers/layers.hpp"
#include "tests/layers/option_rows.hpp"
#include "tests/layers/plain_layers.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

inline constexpr double tolerance = 1e-12;

inline double sum_of_squares(const Tensor& x) {
  double sum = 0;
  for (const double v : x.to_vector()) sum += v * v;
  return sum;
}

inline double relu_of(double v) { return std::max(v, 0.0); }

/// A kernel of a layer and the options for it, which begin with `prefix`.
template <class Options>
struct KernelOptions {
  std::string prefix, parameter;
  Initializer Options::*initializer;
  Regularizer Options::*regularizer;
  Constraint Options::*constraint;
};

/// The options that layers with kernels and a bias share.
template <class Handle>
void add_kernel_rows(std::vector<OptionRow>& rows, const typename Handle::Options& plain,
                     const std::vector<Shape>& samples, const std::function<Tensor(const Trial&)>& linear_output,
                     const std::vector<KernelOptions<typename Handle::Options>>& kernels) {
  const auto add = [&](const std::string& option, const auto& change, const auto& check) {
    auto options = plain;
    change(options);
    rows.push_back({option, Handle(plain).definition(), Handle(options).definition(), samples, check});
  };
  add(
      "activation", [](auto& o) { o.activation = relu; },
      outputs(linear_output, [=](const Trial& t) { return each(linear_output(t), relu_of); }));
  add(
      "use_bias", [](auto& o) { o.use_bias = false; },
      [=](const Trial& with, const Trial& without) {
        CHECK((with.has("bias") && !without.has("bias")));
        CHECK(largest_difference(without.output(), linear_output(without)) < tolerance);
      });
  const auto regularizes = [](const std::string& name) {
    return [name](const Trial& before, const Trial& after) {
      CHECK(before.penalty() == 0);
      CHECK(after.penalty() == Approx(0.125 * sum_of_squares(after.parameter(name))).epsilon(1e-12));
    };
  };
  for (const auto& kernel : kernels) {
    add(
        kernel.prefix + "_initializer", [&](auto& o) { o.*kernel.initializer = constant(0.25); },
        [name = kernel.parameter](const Trial& before, const Trial& after) {
          CHECK(identical(after.initial(name), Tensor::full(after.initial(name).shape(), 0.25)));
          const Fans fan = fans(before.initial(name).shape());  // glorot_uniform
          const double limit = std::sqrt(6 / (fan.in + fan.out));
          const auto values = before.initial(name).to_vector();
          CHECK(std::ranges::all_of(values, [&](double v) { return std::abs(v) <= limit + 1e-6; }));
          CHECK(std::ranges::any_of(values, [&](double v) { return std::abs(v) > limit / 2; }));
        });
    add(
        kernel.prefix + "_regularizer", [&](auto& o) { o.*kernel.regularizer = l2(0.125); },
        regularizes(kernel.parameter));
  }
  add(
      "bias_initializer", [](auto& o) { o.bias_initializer = constant(-2); },
      [](const Trial& before, const Trial& after) {
        CHECK(identical(after.initial("bias"), Tensor::full(after.initial("bias").shape(), -2)));
        CHECK(identical(before.initial("bias"), Tensor::zeros(before.initial("bias").shape())));
      });
  add(
      "bias_regularizer", [](auto& o) { o.bias_regularizer = l2(0.125); }, regularizes("bias"));
  const auto constrains = [](const std::string& name) {
    return [name](const Trial& before, const Trial& after) {
      CHECK_FALSE(before.handle(name).constraint());
      CHECK(largest_difference(after.handle(name).constraint()(after.parameter(name)),
                               each(after.parameter(name), relu_of)) == 0);
    };
  };
  for (const auto& kernel : kernels) {
    add(
        kernel.prefix + "_constraint", [&](auto& o) { o.*kernel.constraint = non_neg(); },
        constrains(kernel.parameter));
  }
  add(
      "bias_constraint", [](auto& o) { o.bias_constraint = non_neg(); }, constrains("bias"));
}

/// The only kernel of Dense, Conv2D and their like.
template <class Options>
std::vector<KernelOptions<Options>> one_kernel() {
  return {
      {"kernel", "kernel", &Options::kernel_initializer, &Options::kernel_regularizer, &Options::kernel_constraint}};
}

}  // namespace xtape::test
