#include <cmath>

#include "framework/autograd/tape.hpp"
#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/axes.hpp"
#include "framework/ops/exponential_sum.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/ops/softmax_gradient.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

/// Calls f(start, step, n, total) for each line of x along the axis. The line has n elements, `step` apart, beginning
/// at `start`; total is their ExponentialSum.
template <class T, class F>
void for_each_line(std::string_view function, const Tensor& x, int axis, const F& f) {
  const AxisView view(x.shape(), checked_axis(function, x.shape(), axis));
  if (view.extent == 0) return;
  const T* in = x.data<T>();
  for_each_line(view, [&](std::int64_t /*line*/, std::int64_t start) {
    f(start, view.inner, view.extent, ExponentialSum(in + start, view.extent, view.inner));
  });
}

/// Applies f(x, total) to every element x, where total is the ExponentialSum of its line along the axis.
template <class F>
Tensor map_lines(std::string_view function, const Tensor& x, int axis, F f) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  with_floating(function, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    for_each_line<T>(function, x, axis, [&](auto start, auto step, auto n, const ExponentialSum& total) {
      for (std::int64_t i = start; i < start + n * step; i += step) out[i] = static_cast<T>(f(in[i], total));
    });
  });
  return y;
}

}  // namespace

// Let p = softmax(x). The terms of v - (sum of p v) and of its transpose v - p (sum of v) cancel for an element whose p
// is near 1. For this element both are therefore computed from the probabilities of the other elements.

Variable without_mean(const Variable& v, const Variable& x, int axis) {
  constexpr std::string_view name = "softmax_gradient";
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  with_floating(name, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *in = x.value().data<T>(), *given = v.value().data<T>();
    T* out = y.mutable_data<T>();
    for_each_line<T>(name, x.value(), axis, [&](auto start, auto step, auto n, const ExponentialSum& total) {
      const std::int64_t first = start + total.first * step;
      const auto beyond_first = [&](std::int64_t i) {
        return i == first ? 0 : static_cast<double>(given[i]) - static_cast<double>(given[first]);
      };
      double mean = 0;
      for (std::int64_t i = start; i < start + n * step; i += step) mean += total.share(in[i]) * beyond_first(i);
      for (std::int64_t i = start; i < start + n * step; i += step) out[i] = static_cast<T>(beyond_first(i) - mean);
    });
  });
  return record(name, std::move(y),
                {{v, [x, axis](const Variable& d) { return without_share(d, x, axis); }},
                 {x, [v, x, axis](const Variable& d) {
                    return sum(d, {axis}, true) * softmax(x, axis) * without_mean(v, x, axis) * -1;
                  }}});
}

Variable without_share(const Variable& v, const Variable& x, int axis) {
  constexpr std::string_view name = "log_softmax_gradient";
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  with_floating(name, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *in = x.value().data<T>(), *given = v.value().data<T>();
    T* out = y.mutable_data<T>();
    for_each_line<T>(name, x.value(), axis, [&](auto start, auto step, auto n, const ExponentialSum& total) {
      const std::int64_t first = start + total.first * step;
      double others = 0;
      for (std::int64_t i = start; i < start + n * step; i += step)
        others += i == first ? 0 : static_cast<double>(given[i]);
      const double all = others + static_cast<double>(given[first]);
      for (std::int64_t i = start; i < start + n * step; i += step) {
        out[i] = static_cast<T>(i == first ? all * (total.rest / (1 + total.rest)) - others
                                           : static_cast<double>(given[i]) - total.share(in[i]) * all);
      }
    });
  });
  return record(name, std::move(y),
                {{v, [x, axis](const Variable& d) { return without_mean(d, x, axis); }},
                 {x, [v, x, axis](const Variable& d) {
                    return sum(v, {axis}, true) * softmax(x, axis) * without_mean(d, x, axis) * -1;
                  }}});
}

Variable SoftmaxFunction::operator()(const Variable& x, int axis) const {
  Tensor y = map_lines("softmax", x.value(), axis, [](auto v, const ExponentialSum& total) { return total.share(v); });
  return record("softmax", std::move(y),
                {{x, [x, axis](const Variable& dy, const Variable& out) { return out * without_mean(dy, x, axis); }}});
}

Variable LogSoftmaxFunction::operator()(const Variable& x, int axis) const {
  Tensor y = map_lines("log_softmax", x.value(), axis, [](auto v, const ExponentialSum& total) {
    return total.difference(v) - std::log1p(total.rest);
  });
  return record("log_softmax", std::move(y),
                {{x, [x, axis](const Variable& dy) { return without_share(dy, x, axis); }}});
}

}  // namespace xtape
