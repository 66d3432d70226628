// Metrics of outputs that are numbers.
#include <algorithm>
#include <cmath>
#include <vector>

#include "training/metrics/metric.hpp"
#include "training/metrics/metric_parts.hpp"
#include "training/moments.hpp"

namespace xtape::metric {
namespace {

/// Calls add(column, output, target, weight) for each element. `column` is the index of the element in its sample.
template <class Add>
void for_each_element(const char* name, const Tensor& outputs, const Tensor& targets, const Tensor& weights, Add add) {
  check_numbers(name, outputs, targets);
  const std::vector<double> w = weights_of_positions(name, weights, outputs.dim(0), outputs.size());
  const std::vector<double> y = outputs.to_vector(), t = targets.to_vector();
  const std::size_t columns = y.size() / static_cast<std::size_t>(outputs.dim(0));
  for (std::size_t i = 0; i < y.size(); ++i) add(i % columns, y[i], t[i], w[i]);
}

/// The metric result(sum(w f(y - t)) / sum(w)).
Metric mean_of(const char* name, double (*f)(double), double (*result)(double)) {
  const auto sums = [name, f](const Tensor& outputs, const Tensor& targets, const Tensor& weights) {
    double sum = 0, all = 0;
    for_each_element(name, outputs, targets, weights, [&](std::size_t, double y, double t, double w) {
      if (w != 0) sum += w * f(y - t);
      all += w;
    });
    return Tensor::of({2}, {sum, all}, DType::float64);
  };
  const auto figure = [name, result](const Tensor& total) {
    check_sums(name, total, total.shape() == Shape{2});
    return total.at({1}) > 0 ? result(total.at({0}) / total.at({1})) : 0;
  };
  return {name, sums, figure, {.larger_is_better = false}};
}

double square_of(double x) { return x * x; }
double itself(double x) { return x; }
double root_of(double x) { return std::sqrt(x); }
double size_of(double x) { return std::abs(x); }

/// Count, mean and squares of a column in sums of r2(), which have a row for each.
Moments moments_at(const double* column, std::int64_t columns) {
  return {.count = column[0], .mean = column[columns], .squares = column[2 * columns]};
}
void store(const Moments& moments, double* column, std::int64_t columns) {
  column[0] = moments.count;
  column[columns] = moments.mean;
  column[2 * columns] = moments.squares;
}

}  // namespace

Metric mean_squared_error() { return mean_of("mean_squared_error", square_of, itself); }
Metric root_mean_squared_error() { return mean_of("root_mean_squared_error", square_of, root_of); }
Metric mean_absolute_error() { return mean_of("mean_absolute_error", size_of, itself); }

Metric r2() {
  // for each column: sum(w), the mean of t, sum(w (t - mean)^2) and sum(w (t - y)^2)
  const auto sums = [](const Tensor& outputs, const Tensor& targets, const Tensor& weights) {
    const std::int64_t columns =
        outputs.defined() && outputs.rank() > 0 && outputs.dim(0) > 0 ? outputs.size() / outputs.dim(0) : 0;
    Tensor total = Tensor::zeros({4, columns}, DType::float64);
    auto* const all = total.mutable_data<double>();
    for_each_element("r2", outputs, targets, weights, [&](std::size_t column, double y, double t, double w) {
      Moments moments = moments_at(all + column, columns);
      moments.add({.count = w, .mean = t});
      store(moments, all + column, columns);
      if (w != 0) all[3 * columns + static_cast<std::int64_t>(column)] += w * (t - y) * (t - y);
    });
    return total;
  };
  const auto combine = [](const Tensor& first, const Tensor& second) {
    Tensor total = first;
    const std::int64_t columns = total.dim(1);
    auto* all = total.mutable_data<double>();
    const auto* more = second.data<double>();
    for (std::int64_t i = 0; i < columns; ++i, ++all, ++more) {
      Moments moments = moments_at(all, columns);
      moments.add(moments_at(more, columns));
      store(moments, all, columns);
      all[3 * columns] += more[3 * columns];
    }
    return total;
  };
  const auto result = [](const Tensor& total) {
    check_sums("r2", total, total.rank() == 2 && total.dim(0) == 4);
    const std::int64_t n = total.dim(1);
    const auto* const all = total.data<double>();
    double mean = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double spread = all[2 * n + i], left = all[3 * n + i];  // the spread of equal targets is exactly 0
      const double figure = spread > 0 ? 1 - left / spread : left == 0 && all[i] > 0 ? 1 : 0;
      mean += figure / static_cast<double>(n);
    }
    return mean;
  };
  return {"r2", sums, result, {.combine = combine}};
}

}  // namespace xtape::metric
