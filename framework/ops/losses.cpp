#include "framework/ops/losses.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "framework/autograd/tape.hpp"
#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/exponential_sum.hpp"
#include "framework/ops/label_checks.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/ops/softmax_gradient.hpp"
#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/tensor_text.hpp"

namespace xtape {
namespace {

/// One distribution a row: itself, or one-hot rows made from class numbers.
Tensor target_distributions(const Shape& logits, DType dtype, const Tensor& labels) {
  check(logits.rank() == 2 && logits.size() > 0,
        "softmax_cross_entropy: expected logits (n, classes) with n >= 1, got shape {}", logits);
  check(logits[1] > 1,
        "softmax_cross_entropy: expected logits of at least 2 classes, got shape {}, for which the loss is always 0; "
        "for one yes-no answer a sample use sigmoid_cross_entropy",
        logits);
  check(labels.defined(), "softmax_cross_entropy: expected labels, got an undefined tensor");
  if (is_floating(labels.dtype())) {
    check(labels.shape() == logits,
          "softmax_cross_entropy: expected one distribution a row, shape {}, got floating labels {}; class numbers are "
          "int64",
          logits, labels.shape());
    return labels.to(dtype);
  }
  check(labels.dtype() == DType::int64 && labels.shape() == Shape{logits[0]},
        "softmax_cross_entropy: expected int64 labels ({},) for logits {}, got {} {}{}", logits[0], logits,
        labels.dtype(), labels.shape(), is_column(labels, logits[0]) ? "; reshape them with .reshaped({n})" : "");
  Tensor targets = Tensor::zeros(logits, dtype);
  with_floating("softmax_cross_entropy", dtype, [&](auto zero) {
    auto* out = targets.mutable_data<decltype(zero)>();
    const std::int64_t* classes = labels.data<std::int64_t>();
    for (std::int64_t i = 0; i < logits[0]; ++i) {
      check(classes[i] >= 0 && classes[i] < logits[1],
            "softmax_cross_entropy: expected labels in [0, {}), got {} at position {}", logits[1], classes[i], i);
      out[i * logits[1] + classes[i]] = 1;
    }
  });
  return targets;
}

void check_weights(std::string_view function, const Variable& x, const Tensor& weights) {
  check(!weights.defined() ||
            (x.value().rank() > 0 && weights.shape() == Shape{x.dim(0)} && is_floating(weights.dtype())),
        "{}: expected floating weights, one for each of the samples of {}, got {}", function, x.shape(),
        tensor_text(weights));
}

/// A factor times what may be infinite or NaN, where 0 stands for "not at all".
template <class T>
T share_of(T factor, T x) {
  return factor == 0 ? 0 : factor * x;
}

/// Each row of x (n, ...) times its weight; 0 where that is 0, whatever x is.
Variable weighted(std::string_view function, const Variable& x, const Tensor& weights) {
  check_weights(function, x, weights);
  if (!weights.defined()) return x;
  std::vector<std::int64_t> column(static_cast<std::size_t>(x.value().rank()), 1);
  column[0] = x.dim(0);
  const Tensor factors = weights.to(x.dtype()).reshaped(Shape(column));
  return record(function, map(function, factors, x.value(), [](auto w, auto v) { return share_of(w, v); }),
                {{x, [function, weights](const Variable& dy) { return weighted(function, dy, weights); }}});
}

/// The mean of n numbers, from their sum after each was divided by a divisor. Divides before adding where the sum, but
/// maybe not the mean, exceeds the range of double.
template <class Sum>
double finite_mean(double n, Sum sum) {
  const double mean = sum(1.0) / n;
  return std::isinf(mean) ? sum(n) : mean;
}

/// The sum over the rows of sum_k t_k (log sum_j exp z_j - z_k) / divisor.
template <class T>
double cross_entropy(const T* logits, const T* targets, std::int64_t rows, std::int64_t classes, double divisor) {
  double total = 0;
  for (std::int64_t i = 0; i < rows; ++i, logits += classes, targets += classes) {
    const ExponentialSum sum(logits, classes, 1);
    for (std::int64_t k = 0; k < classes; ++k) {
      if (targets[k] != 0) {
        total += static_cast<double>(targets[k]) * ((std::log1p(sum.rest) - sum.difference(logits[k])) / divisor);
      }
    }
  }
  return total;
}

/// softmax(z) sum(t) - t for each row. Of the largest logit, whose share is near 1, computed from the others.
template <class T>
void cross_entropy_slopes(const T* logits, const T* targets, std::int64_t rows, std::int64_t classes, T* slopes) {
  for (std::int64_t i = 0; i < rows; ++i, logits += classes, targets += classes, slopes += classes) {
    const ExponentialSum sum(logits, classes, 1);
    double others = 0;
    for (std::int64_t k = 0; k < classes; ++k) others += k == sum.first ? 0 : static_cast<double>(targets[k]);
    const double weight = others + static_cast<double>(targets[sum.first]);
    for (std::int64_t k = 0; k < classes; ++k) {
      const double slope = k == sum.first ? others - share_of(weight, sum.rest / (1 + sum.rest))
                                          : share_of(weight, sum.share(logits[k])) - static_cast<double>(targets[k]);
      slopes[k] = static_cast<T>(slope);
    }
  }
}

Variable softmax_difference(const Variable& logits, const Variable& targets) {
  constexpr std::string_view name = "softmax_cross_entropy_gradient";
  Tensor slopes = Tensor::empty(logits.shape(), logits.dtype());
  with_floating("softmax_cross_entropy", logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    cross_entropy_slopes(logits.value().data<T>(), targets.value().data<T>(), logits.dim(0), logits.dim(1),
                         slopes.mutable_data<T>());
  });
  return record(name, std::move(slopes), {{logits, [logits, targets](const Variable& d) {
                                             return weighted(name, softmax(logits) * without_mean(d, logits, -1),
                                                             sum(targets, {-1}).value());
                                           }}});
}

void check_alike(std::string_view function, const Variable& outputs, const Tensor& targets) {
  check(targets.defined() && outputs.shape() == targets.shape() && outputs.size() > 0,
        "{}: expected outputs and targets of one shape with at least one element, got {} and {}", function,
        shape_text(outputs.value()), shape_text(targets));
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

/// softplus(z) - t z, which cancels for large z, as (1 - t) z or -t z, and ln(1 + e^-|z|).
double loss_of_logit(double z, double t) {
  return share_of(z > 0 ? 1 - t : t, std::abs(z)) + std::log1p(std::exp(-std::abs(z)));
}

/// sigmoid(z) - t.
Variable sigmoid_difference(const Variable& z, const Variable& t) {
  const auto slope = [](double logit, double target) {
    const double e = std::exp(-std::abs(logit)), small = e / (1 + e);  // the smaller of both probabilities
    return logit > 0 ? (1 - target) - small : small - target;
  };
  return record("sigmoid_cross_entropy_gradient", map_in_double("sigmoid_cross_entropy_gradient", z, t, slope),
                {{z, [z](const Variable& d) { return d * sigmoid(z) * sigmoid(-z); }}});
}

constexpr double margin = 1e-7;  // of probabilities, from 0 and from 1

/// -(t log p + (1 - t) log(1 - p)).
double loss_of_probability(double p, double t) {
  const double kept = std::isnan(p) ? p : std::clamp(p, margin, 1 - margin);
  return -(t * std::log(kept) + (1 - t) * std::log1p(-kept));
}

/// (p - t) / (p (1 - p)), 0 where p is not within the margins.
Variable probability_slope(const Variable& p, const Variable& t) {
  const auto inside = [](double value) { return value >= margin && value <= 1 - margin ? 1.0 : 0.0; };
  const auto slope = [inside](double value, double target) {
    if (std::isnan(value)) return value;
    return inside(value) == 0 ? 0 : (value - target) / (value * (1 - value));
  };
  return record("binary_cross_entropy_gradient", map_in_double("binary_cross_entropy_gradient", p, t, slope),
                {{p, [p, t, inside](const Variable& d) {
                    const Tensor counts = map("binary_cross_entropy_gradient", p.value(), inside);
                    const Variable q = clip(p, margin, 1 - margin);
                    return d * counts * (t / square(q) + (1 - t) / square(1 - q));
                  }}});
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

/// The mean over n rows. It is linear in the targets, so weights and smoothing are theirs.
Variable cross_entropy_of(const Variable& logits, const Variable& targets) {
  const std::int64_t rows = logits.dim(0);
  const double loss = with_floating("softmax_cross_entropy", logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return finite_mean(static_cast<double>(rows), [&](double divisor) {
      return cross_entropy(logits.value().data<T>(), targets.value().data<T>(), rows, logits.dim(1), divisor);
    });
  });
  return record("softmax_cross_entropy", Tensor::scalar(loss, logits.dtype()),
                {{logits, [logits, targets, rows](const Variable& dy) {
                    return dy * (softmax_difference(logits, targets) / static_cast<double>(rows));
                  }}});
}

}  // namespace

Variable softmax_cross_entropy(const Variable& logits, const Tensor& labels, const Tensor& weights) {
  const Tensor targets = target_distributions(logits.shape(), logits.dtype(), labels);
  return cross_entropy_of(logits, weighted("softmax_cross_entropy", targets, weights));
}

SmoothedCrossEntropy::SmoothedCrossEntropy(double smoothing) : smoothing_(smoothing) {
  check(smoothing >= 0 && smoothing < 1, "SmoothedCrossEntropy: expected a smoothing in [0, 1), got {}", smoothing);
}

Variable SmoothedCrossEntropy::operator()(const Variable& logits, const Tensor& labels, const Tensor& weights) const {
  const Variable targets = target_distributions(logits.shape(), logits.dtype(), labels);
  const Variable smoothed = (1 - smoothing_) * targets + smoothing_ / static_cast<double>(logits.dim(1));
  return cross_entropy_of(logits, weighted("SmoothedCrossEntropy", smoothed, weights));
}

Variable binary_cross_entropy(const Variable& probabilities, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "binary_cross_entropy";
  check_alike(name, probabilities, targets);
  check_probabilities(name, targets);
  return elementwise_loss(name, probabilities, targets, weights, loss_of_probability, probability_slope);
}

Variable sigmoid_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "sigmoid_cross_entropy";
  check_alike(name, logits, targets);
  check_probabilities(name, targets);
  return elementwise_loss(name, logits, targets, weights, loss_of_logit, sigmoid_difference);
}

Variable mean_squared_error(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "mean_squared_error";
  check_alike(name, outputs, targets);
  return elementwise_loss(
      name, outputs, targets, weights, [](double u, double v) { return (u - v) * (u - v); },
      [](const Variable& x, const Variable& t) { return x - t; }, 2);
}

}  // namespace xtape
