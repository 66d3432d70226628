// What losses share: weights of samples, and sums in double. Internal to framework/ops.
#pragma once

#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "framework/autograd/tape.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {

/// The number of Keras (backend.epsilon()) that keeps denominators and logarithms of losses finite.
inline constexpr double keras_epsilon = 1e-7;

/// Error naming `function` unless the weights are undefined or floating, one for each of the samples of x.
void check_weights(std::string_view function, const Variable& x, const Tensor& weights);

/// Error naming `function` unless outputs and targets have one shape with at least one element.
void check_alike(std::string_view function, const Variable& outputs, const Tensor& targets);

/// Error naming `function` unless the share is in [0, 1).
void check_label_smoothing(std::string_view function, double share);

/// A factor times what may be infinite or NaN, where 0 stands for "not at all".
template <class T>
T share_of(T factor, T x) {
  return factor == 0 ? 0 : factor * x;
}

/// Each row of x (n, ...) times its weight; 0 where that is 0, whatever x is.
Variable weighted(std::string_view function, const Variable& x, const Tensor& weights);

/// x in float64, with 0 in place of samples of weight 0, so that what they contain has no effect. Error naming
/// `function` for weights that do not fit.
Variable counted(std::string_view function, const Variable& x, const Tensor& weights);

/// The mean of l (n, ...), the losses of positions, each times the weight of its sample: a scalar of type `dtype`.
/// Error naming `function` for weights that do not fit.
Variable mean_of_positions(std::string_view function, const Variable& l, const Tensor& weights, DType dtype);

/// The mean of n numbers, from their sum after each was divided by a divisor. Divides before adding where the sum, but
/// maybe not the mean, exceeds the range of double.
template <class Sum>
double finite_mean(double n, Sum sum) {
  const double mean = sum(1.0) / n;
  return std::isinf(mean) ? sum(n) : mean;
}

/// The sum of f(x, t) / divisor over all elements, each times the weight of its sample; a sample of weight 0 counts as
/// 0 whatever its loss is. In double, in pieces that do not depend on the number of threads.
template <class F>
double sum_of(std::string_view function, const Tensor& x, const Tensor& targets, const Tensor& weights, double divisor,
              F f) {
  const std::int64_t n = x.size(), of_sample = x.rank() > 0 ? n / x.dim(0) : 1;
  const Tensor given = weights.defined() ? weights.to(DType::float64) : Tensor();
  std::vector<double> sums(static_cast<std::size_t>((n + elementwise_grain - 1) / elementwise_grain));
  with_floating(function, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *outputs = x.data<T>(), *wanted = targets.data<T>();
    const double* factors = given.defined() ? given.data<double>() : nullptr;
    kernels::parallel_for(n, elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      double sum = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        const double loss = f(static_cast<double>(outputs[i]), static_cast<double>(wanted[i])) / divisor;
        sum += factors ? share_of(factors[i / of_sample], loss) : loss;
      }
      sums[static_cast<std::size_t>(begin / elementwise_grain)] = sum;
    });
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

/// f(x, t) for all elements, computed in double.
template <class F>
Tensor map_in_double(std::string_view function, const Variable& x, const Variable& t, F f) {
  return map(function, x.value(), t.value(),
             [f](auto u, auto v) { return f(static_cast<double>(u), static_cast<double>(v)); });
}

/// slope(x, t) for all elements, computed in double, for elementwise_loss. `bend` is its derivative with respect to x.
template <class Slope, class Bend>
auto slope_of(std::string_view name, Slope slope, Bend bend) {
  return [=](const Variable& x, const Variable& t) {
    return record(std::string(name) + "_gradient", map_in_double(name, x, t, slope),
                  {{x, [=](const Tensor& d) {
                      return map(name, d, map_in_double(name, x, t, bend), [](auto a, auto b) { return a * b; });
                    }}});
  };
}

/// Records the mean of f(x, t) over all elements; its derivative for each element is factor * slope(x, t).
template <class F, class Slope>
Variable elementwise_loss(std::string_view name, const Variable& x, const Tensor& targets, const Tensor& weights, F f,
                          Slope slope, double factor = 1) {
  check_weights(name, x, weights);
  const Variable t = targets.to(x.dtype());
  const auto n = static_cast<double>(x.size());
  const double loss =
      finite_mean(n, [&](double divisor) { return sum_of(name, x.value(), t.value(), weights, divisor, f); });
  return record(name, Tensor::scalar(loss, x.dtype()),
                {{x, [name, x, t, weights, n, slope, factor](const Variable& dy) {
                    return dy * weighted(name, slope(x, t), weights) / (n / factor);
                  }}});
}

}  // namespace xtape
