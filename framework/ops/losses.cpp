#include "framework/ops/losses.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "framework/autograd/tape.hpp"
#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/comparison.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/exponential_sum.hpp"
#include "framework/ops/label_checks.hpp"
#include "framework/ops/loss_parts.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/ops/softmax_gradient.hpp"
#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/tensor_text.hpp"

namespace xtape {
namespace {

/// The targets of a softmax cross entropy for logits (rows, classes).
struct RowTargets {
  Tensor labels;         ///< (rows) int64, or (rows, classes) in the logits' type
  Tensor weights;        ///< (rows) float64, 0 where the label is ignored; undefined if all are 1
  double smoothing = 0;  ///< label smoothing: the share that is distributed over all classes
  double count = 0;      ///< number of rows whose label is not ignored, the divisor of the mean

  double weight(std::int64_t row) const { return weights.defined() ? weights.data<double>()[row] : 1; }
};

/// The target of one row as a distribution t over the classes.
template <class T>
class RowTarget {
 public:
  RowTarget(const RowTargets& all, std::int64_t row, std::int64_t classes)
      : kept_(1 - all.smoothing), spread_(all.smoothing / static_cast<double>(classes)) {
    if (all.labels.dtype() == DType::int64) {
      label_ = all.labels.data<std::int64_t>()[row];
    } else {
      distribution_ = all.labels.data<T>() + row * classes;
    }
  }
  double operator()(std::int64_t k) const {
    if (!distribution_) return spread_ + (k == label_ ? kept_ : 0);
    return spread_ + kept_ * static_cast<double>(distribution_[k]);
  }
  /// The sum of t over all classes except `left_out`.
  double others(std::int64_t left_out, std::int64_t classes) const {
    if (!distribution_) return static_cast<double>(classes - 1) * spread_ + (left_out == label_ ? 0 : kept_);
    double sum = 0;
    for (std::int64_t k = 0; k < classes; ++k) sum += k == left_out ? 0 : (*this)(k);
    return sum;
  }
  /// sum_k t_k (log sum_j exp z_j - z_k).
  double cross_entropy(const T* logits, std::int64_t classes) const {
    const ExponentialSum sum(logits, classes, 1);
    const double rest = std::log1p(sum.rest);
    if (!distribution_ && spread_ == 0) return rest - sum.difference(logits[label_]);
    double total = 0;
    for (std::int64_t k = 0; k < classes; ++k) {
      if (const double t = (*this)(k); t != 0) total += t * (rest - sum.difference(logits[k]));
    }
    return total;
  }

 private:
  double kept_, spread_;
  std::int64_t label_ = 0;
  const T* distribution_ = nullptr;
};

std::int64_t row_grain(std::int64_t classes) { return std::max<std::int64_t>(1, elementwise_grain / classes); }

/// The weighted sum of the cross entropies of all rows, divided by the number of rows whose label is not ignored; 0 if
/// there are none. Accumulated in double, in pieces that do not depend on the number of threads.
double mean_cross_entropy(const Variable& logits, const RowTargets& targets) {
  if (targets.count == 0) return 0;
  const std::int64_t rows = logits.dim(0), classes = logits.dim(1), grain = row_grain(classes);
  std::vector<double> sums(static_cast<std::size_t>((rows + grain - 1) / grain));
  return with_floating("softmax_cross_entropy", logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const z = logits.value().data<T>();
    return finite_mean(targets.count, [&](double divisor) {
      kernels::parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
        double sum = 0;
        for (std::int64_t i = begin; i < end; ++i) {
          const double weight = targets.weight(i);
          if (weight == 0) continue;
          sum += weight * (RowTarget<T>(targets, i, classes).cross_entropy(z + i * classes, classes) / divisor);
        }
        sums[static_cast<std::size_t>(begin / grain)] = sum;
      });
      return std::accumulate(sums.begin(), sums.end(), 0.0);
    });
  });
}

/// The gradient w (softmax(z) sum(t) - t) of each row. The entry of the largest logit, whose probability may be near 1,
/// is computed from the other classes, so that no digits cancel.
Tensor cross_entropy_slopes(const Variable& logits, const RowTargets& targets) {
  const std::int64_t rows = logits.dim(0), classes = logits.dim(1);
  Tensor slopes = Tensor::empty(logits.shape(), logits.dtype());
  with_floating("softmax_cross_entropy", logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const all = logits.value().data<T>();
    T* const out = slopes.mutable_data<T>();
    kernels::parallel_for(rows, row_grain(classes), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const double weight = targets.weight(i);
        if (weight == 0) {
          std::fill_n(out + i * classes, classes, T{0});
          continue;
        }
        const T* const z = all + i * classes;
        const ExponentialSum sum(z, classes, 1);
        const RowTarget<T> target(targets, i, classes);
        const double others = target.others(sum.first, classes), total = others + target(sum.first);
        for (std::int64_t k = 0; k < classes; ++k) {
          const double slope = k == sum.first ? others - share_of(total, sum.rest / (1 + sum.rest))
                                              : share_of(total, sum.share(z[k])) - target(k);
          out[i * classes + k] = static_cast<T>(weight * slope);
        }
      }
    });
  });
  return slopes;
}

/// w sum(t) for each row, a factor of the second derivative.
Tensor row_totals(const RowTargets& targets, std::int64_t rows, std::int64_t classes, DType dtype) {
  Tensor totals = Tensor::empty({rows}, DType::float64);
  with_floating("softmax_cross_entropy", dtype, [&](auto zero) {
    auto* const out = totals.mutable_data<double>();
    for (std::int64_t i = 0; i < rows; ++i) {
      const double weight = targets.weight(i);
      const RowTarget<decltype(zero)> target(targets, i, classes);
      out[i] = weight == 0 ? 0 : weight * (target.others(0, classes) + target(0));
    }
  });
  return totals;
}

Variable softmax_difference(const Variable& logits, const RowTargets& targets) {
  static constexpr std::string_view name = "softmax_cross_entropy_gradient";
  return record(name, cross_entropy_slopes(logits, targets),
                {{logits, [logits, targets](const Variable& d) {
                    return weighted(name, softmax(logits) * without_mean(d, logits, -1),
                                    row_totals(targets, logits.dim(0), logits.dim(1), logits.dtype()));
                  }}});
}

/// softplus(z) - t z. Its terms cancel for large z, so it is computed as (1 - t) z for z > 0, else -t z, plus
/// ln(1 + e^-|z|).
double loss_of_logit(double z, double t) {
  return share_of(z > 0 ? 1 - t : t, std::abs(z)) + std::log1p(std::exp(-std::abs(z)));
}

/// sigmoid(z) - t.
Variable sigmoid_difference(const Variable& z, const Variable& t) {
  const auto slope = [](double logit, double target) {
    const double e = std::exp(-std::abs(logit)), small = e / (1 + e);  // the smaller of p and 1 - p
    return logit > 0 ? (1 - target) - small : small - target;
  };
  return record("sigmoid_cross_entropy_gradient", map_in_double("sigmoid_cross_entropy_gradient", z, t, slope),
                {{z, [z](const Variable& d) { return d * sigmoid(z) * sigmoid(-z); }}});
}

constexpr double margin = keras_epsilon;  // probabilities are clipped to [margin, 1 - margin]

/// -(t log p + (1 - t) log(1 - p)).
double loss_of_probability(double p, double t) {
  const double kept = std::isnan(p) ? p : std::clamp(p, margin, 1 - margin);
  return -(t * std::log(kept) + (1 - t) * std::log1p(-kept));
}

/// (p - t) / (p (1 - p)); 0 where p is outside of [margin, 1 - margin].
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

void check_binary(std::string_view function, const Variable& outputs, const BinaryCrossEntropyOptions& options) {
  check_label_smoothing(function, options.label_smoothing);
  const auto n = static_cast<std::int64_t>(options.pos_weight.size());
  check(n <= 1 || (outputs.rank() > 1 && n == outputs.dim(-1)),
        "{}: expected one pos_weight, or one for each of the last axis of outputs {}, got {}", function,
        outputs.shape(), n);
  check(std::ranges::all_of(options.pos_weight, [](double w) { return std::isfinite(w) && w >= 0; }),
        "{}: expected finite pos_weights of at least 0, got {}", function, fmt::join(options.pos_weight, ", "));
}

/// The factors of -log p and -log(1 - p) for each element, in float64.
std::pair<Tensor, Tensor> shares(const Variable& outputs, const Tensor& targets,
                                 const BinaryCrossEntropyOptions& options) {
  const double s = options.label_smoothing;
  const Tensor t = map("shares", targets.to(DType::float64), [s](double v) { return v * (1 - s) + s / 2; });
  const std::vector<double> factors = options.pos_weight.empty() ? std::vector<double>{1} : options.pos_weight;
  const auto n = static_cast<std::int64_t>(factors.size());
  const Tensor yes =
      map("shares", t, Tensor::of({n}, factors, DType::float64), [](double v, double w) { return v * w; });
  return {yes.reshaped(outputs.shape()), map("shares", t, [](double v) { return 1 - v; })};
}

void check_outputs(std::string_view name, const Shape& outputs) {
  check(outputs.rank() >= 2 && outputs.size() > 0, "{}: expected outputs (n, ..., classes) with n >= 1, got shape {}",
        name, outputs);
  check(
      outputs[-1] > 1,
      "{}: expected outputs of at least 2 classes, got shape {}, for which the loss is always 0; for one yes-no answer "
      "a sample use {}",
      name, outputs, name == "softmax_cross_entropy" ? "sigmoid_cross_entropy" : "binary_cross_entropy");
}

/// The labels reshaped to (rows) or (rows, classes). Error if they do not fit the logits or are out of range.
Tensor label_rows(std::string_view name, const Variable& logits, const Tensor& labels,
                  const std::optional<std::int64_t>& ignored) {
  const Shape& shape = logits.shape();
  const std::int64_t classes = shape[-1], rows = shape.size() / classes;
  check(labels.defined(), "{}: expected labels, got an undefined tensor", name);
  if (is_floating(labels.dtype())) {
    check(labels.shape() == shape,
          "{}: expected one distribution a row, shape {}, got floating labels {}; class numbers are int64", name, shape,
          labels.shape());
    return labels.to(logits.dtype()).reshaped({rows, classes});
  }
  check(labels.dtype() == DType::int64 && labels.shape() == shape.without(-1),
        "{}: expected int64 labels {} for outputs {}, got {} {}{}", name, shape.without(-1), shape, labels.dtype(),
        labels.shape(), shape.rank() == 2 && is_column(labels, rows) ? "; reshape them with .reshaped({n})" : "");
  const auto* const numbers = labels.data<std::int64_t>();
  for (std::int64_t i = 0; i < rows; ++i) {
    check((numbers[i] >= 0 && numbers[i] < classes) || numbers[i] == ignored,
          "{}: expected labels in [0, {}), got {} at position {}", name, classes, numbers[i], i);
  }
  return labels.reshaped({rows});
}

/// The labels, and for each row the weight of its sample, or 0 if its label is ignored.
RowTargets row_targets(std::string_view name, const Variable& logits, const Tensor& labels, const Tensor& weights,
                       const CrossEntropyOptions& options) {
  check_outputs(name, logits.shape());
  RowTargets targets{.labels = label_rows(name, logits, labels, options.ignored_label),
                     .weights = {},
                     .smoothing = options.label_smoothing};
  const std::int64_t rows = targets.labels.dim(0), of_sample = rows / logits.dim(0);
  targets.count = labels_that_count(labels, logits.dim(-1), options.ignored_label);
  check_weights(name, logits, weights);
  if (!weights.defined() && targets.count == static_cast<double>(rows)) return targets;
  const Tensor given = weights.defined() ? weights.to(DType::float64) : Tensor::ones({logits.dim(0)}, DType::float64);
  targets.weights = Tensor::empty({rows}, DType::float64);
  auto* const out = targets.weights.mutable_data<double>();
  const bool numbers = targets.labels.dtype() == DType::int64;
  for (std::int64_t i = 0; i < rows; ++i) {
    const bool ignored = numbers && targets.labels.data<std::int64_t>()[i] == options.ignored_label;
    out[i] = ignored ? 0 : given.data<double>()[i / of_sample];
  }
  return targets;
}

/// Softmax cross-entropy for the function `name`, which errors give.
Variable cross_entropy(std::string_view name, const Variable& logits, const Tensor& labels, const Tensor& weights,
                       const CrossEntropyOptions& options) {
  check_label_smoothing(name, options.label_smoothing);
  const RowTargets targets = row_targets(name, logits, labels, weights, options);
  const std::int64_t classes = logits.dim(-1);
  const Variable rows = logits.rank() == 2 ? logits : reshape(logits, {logits.size() / classes, classes});
  return record("softmax_cross_entropy", Tensor::scalar(mean_cross_entropy(rows, targets), rows.dtype()),
                {{rows, [rows, targets](const Variable& dy) {
                    return dy * (softmax_difference(rows, targets) / std::max(1.0, targets.count));
                  }}});
}

}  // namespace

double labels_that_count(const Tensor& labels, std::int64_t classes, const std::optional<std::int64_t>& ignored) {
  if (labels.dtype() != DType::int64) {
    const std::int64_t distributions = labels.size() / classes;
    return static_cast<double>(distributions);
  }
  const auto* const numbers = labels.data<std::int64_t>();
  if (!ignored) return static_cast<double>(labels.size());
  return static_cast<double>(labels.size() - std::count(numbers, numbers + labels.size(), *ignored));
}

Variable softmax_cross_entropy(const Variable& logits, const Tensor& labels, const Tensor& weights,
                               const CrossEntropyOptions& options) {
  return cross_entropy("softmax_cross_entropy", logits, labels, weights, options);
}

Variable categorical_cross_entropy(const Variable& probabilities, const Tensor& labels, const Tensor& weights,
                                   const CrossEntropyOptions& options) {
  constexpr std::string_view name = "categorical_cross_entropy";
  const Variable p = clip(counted(name, probabilities, weights), margin, 1 - margin);
  return cast(cross_entropy(name, log(p), labels, weights, options), probabilities.dtype());
}

Variable binary_cross_entropy(const Variable& probabilities, const Tensor& targets, const Tensor& weights,
                              const BinaryCrossEntropyOptions& options) {
  constexpr std::string_view name = "binary_cross_entropy";
  check_alike(name, probabilities, targets);
  check_probabilities(name, targets);
  check_binary(name, probabilities, options);
  if (options.label_smoothing == 0 && options.pos_weight.empty()) {
    return elementwise_loss(name, probabilities, targets, weights, loss_of_probability, probability_slope);
  }
  const auto [yes, no] = shares(probabilities, targets, options);
  const Variable p = clip(counted(name, probabilities, weights), margin, 1 - margin);
  return mean_of_positions(name, -(yes * log(p) + no * log1p(-p)), weights, probabilities.dtype());
}

Variable sigmoid_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& weights,
                               const BinaryCrossEntropyOptions& options) {
  constexpr std::string_view name = "sigmoid_cross_entropy";
  check_alike(name, logits, targets);
  check_probabilities(name, targets);
  check_binary(name, logits, options);
  if (options.label_smoothing == 0 && options.pos_weight.empty()) {
    return elementwise_loss(name, logits, targets, weights, loss_of_logit, sigmoid_difference);
  }
  const auto [yes, no] = shares(logits, targets, options);
  const Variable z = counted(name, logits, weights);
  // 0 for a share of 0, also where softplus(z) is infinite
  const auto part = [](const Tensor& share, const Variable& x) {
    return share * softplus(where(share, x, Tensor::zeros({}, x.dtype())));
  };
  return mean_of_positions(name, part(yes, -z) + part(no, z), weights, logits.dtype());
}

Variable mean_squared_error(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "mean_squared_error";
  check_alike(name, outputs, targets);
  return elementwise_loss(
      name, outputs, targets, weights, [](double u, double v) { return (u - v) * (u - v); },
      [](const Variable& x, const Variable& t) { return x - t; }, 2);
}

Variable mean_absolute_error(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "mean_absolute_error";
  check_alike(name, outputs, targets);
  const auto sign = [](double u, double v) { return u > v ? 1.0 : u < v ? -1.0 : u - v; };
  return elementwise_loss(
      name, outputs, targets, weights, [](double u, double v) { return std::abs(u - v); },
      [name, sign](const Variable& x, const Variable& t) { return Variable(map_in_double(name, x, t, sign)); });
}

}  // namespace xtape
