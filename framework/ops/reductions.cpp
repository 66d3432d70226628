#include "framework/ops/reductions.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "framework/autograd/tape.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/axes.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/unit_vectors.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

struct Sum {
  static constexpr double identity = 0;
  double operator()(double total, double value) const { return total + value; }
};

struct Max {
  static constexpr double identity = -std::numeric_limits<double>::infinity();
  double operator()(double most, double value) const { return value > most || value != value ? value : most; }
};

struct Min {
  static constexpr double identity = std::numeric_limits<double>::infinity();
  double operator()(double least, double value) const { return value < least || value != value ? value : least; }
};

/// The axes and shapes of a reduction.
struct ReductionPlan {
  /// Neighbouring axes that are all reduced or all kept, merged into one axis.
  struct Run {
    std::int64_t extent;
    bool reduced;
  };
  std::vector<Run> runs;
  std::array<bool, Shape::max_rank> reduced{};  ///< whether each axis is reduced
  Shape kept;                                   ///< the shape with 1 for each reduced axis
  Shape result;                                 ///< the shape of the result
  std::int64_t count = 1;                       ///< number of elements that are reduced to one

  ReductionPlan(std::string_view function, const Shape& shape, const std::vector<int>& axes, bool keep_dims)
      : kept(shape) {
    std::array<bool, Shape::max_rank> chosen{};
    for (const int axis : axes) {
      bool& flag = chosen[static_cast<std::size_t>(checked_axis(function, shape, axis))];
      check(!flag, "{}: expected each axis once, got ({})", function, fmt::join(axes, ", "));
      flag = true;
    }
    std::vector<std::int64_t> rest;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      bool& gone = reduced[static_cast<std::size_t>(axis)];
      gone = axes.empty() || chosen[static_cast<std::size_t>(axis)];
      append(shape[axis], gone);
      if (gone) {
        count *= shape[axis];
        kept = kept.replaced(axis, 1);
      } else {
        rest.push_back(shape[axis]);
      }
    }
    result = keep_dims ? kept : Shape(rest);
  }

 private:
  void append(std::int64_t extent, bool gone) {
    if (extent == 1) return;
    if (runs.empty() || runs.back().reduced != gone) runs.push_back({1, gone});
    runs.back().extent *= extent;
  }
};

/// Folds n contiguous elements in eight interleaved chains, which the processor executes in parallel.
template <class T, class Fold>
double fold_line(const T* x, std::int64_t n, Fold fold) {
  constexpr std::size_t chains = 8;
  std::array<double, chains> folded;
  folded.fill(Fold::identity);
  const T* const end = x + n;
  for (; end - x >= static_cast<std::ptrdiff_t>(chains); x += chains) {
    for (std::size_t i = 0; i < chains; ++i) folded[i] = fold(folded[i], static_cast<double>(x[i]));
  }
  for (std::size_t i = 0; x < end; ++x, ++i) folded[i] = fold(folded[i], static_cast<double>(*x));
  double result = Fold::identity;
  for (const double value : folded) result = fold(result, value);
  return result;
}

/// Computes out[j] = fold of x[i * stride + j] over all rows i, for j in [0, columns).
template <class T, class Fold>
void fold_block(const T* x, std::int64_t rows, std::int64_t columns, std::int64_t stride, double* out, Fold fold) {
  if (stride == 1) {
    *out = fold_line(x, rows, fold);
    return;
  }
  std::fill_n(out, columns, Fold::identity);
  constexpr std::int64_t at_once = 4;  // rows per loop over out, whose doubles take more memory than a row of float32
  std::int64_t i = 0;
  for (; i + at_once <= rows; i += at_once, x += at_once * stride) {
    for (std::int64_t j = 0; j < columns; ++j) {
      double folded = out[j];
      for (std::int64_t row = 0; row < at_once; ++row) folded = fold(folded, static_cast<double>(x[row * stride + j]));
      out[j] = folded;
    }
  }
  for (; i < rows; ++i, x += stride) {
    for (std::int64_t j = 0; j < columns; ++j) out[j] = fold(out[j], static_cast<double>(x[j]));
  }
}

std::int64_t pieces(std::int64_t extent, std::int64_t piece) { return (extent + piece - 1) / piece; }

/// Folds the partial results (outer, blocks, inner) over the blocks in order, and divides by the divisor.
template <class Fold>
void combine(const double* partial, std::int64_t blocks, std::int64_t inner, double divisor, Tensor& y, Fold fold) {
  with_floating("reduction", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = y.mutable_data<T>();
    kernels::parallel_for(y.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const double* block = partial + i / inner * blocks * inner + i % inner;
        double result = *block;
        for (std::int64_t k = 1; k < blocks; ++k) result = fold(result, block[k * inner]);
        out[i] = static_cast<T>(result / divisor);
      }
    });
  });
}

/// Folds x (outer, n, inner) over n and divides by the divisor. Blocks of rows and columns are folded in parallel in
/// float64; then the results of the row blocks are folded in order.
template <class Fold>
Tensor fold_axis(const Tensor& x, std::int64_t outer, std::int64_t n, std::int64_t inner, double divisor, DType to,
                 Fold fold) {
  constexpr std::int64_t block_size = 65536;  // elements
  const std::int64_t columns = std::clamp<std::int64_t>(inner, 1, 1024);
  const std::int64_t rows = block_size / columns;
  const std::int64_t row_blocks = std::max<std::int64_t>(1, pieces(n, rows));
  const std::int64_t column_blocks = pieces(inner, columns);
  const std::int64_t grain = std::max<std::int64_t>(1, block_size / (columns * std::clamp<std::int64_t>(n, 1, rows)));
  const kernels::Workspace<double> partial(std::max<std::int64_t>(1, outer * row_blocks * inner));
  with_floating("reduction", x.dtype(), [&](auto zero) {
    const auto* in = x.data<decltype(zero)>();
    kernels::parallel_for(outer * row_blocks * column_blocks, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t j = block % column_blocks * columns;
        const std::int64_t line = block / column_blocks;
        const std::int64_t i = line % row_blocks * rows;
        fold_block(in + (line / row_blocks * n + i) * inner + j, std::min(rows, n - i), std::min(columns, inner - j),
                   inner, partial.data() + line * inner + j, fold);
      }
    });
  });
  Tensor y = Tensor::empty({outer, inner}, to);
  combine(partial.data(), row_blocks, inner, divisor, y, fold);
  return y;
}

/// Folds the runs of reduced axes one after another, beginning with the last one. Intermediate results are float64. The
/// division precedes the rounding to the type of x.
template <class Fold>
Tensor reduce(std::string_view function, const Tensor& x, const ReductionPlan& plan, Fold fold, double divisor = 1) {
  check(x.defined(), "{}: expected an array, got an undefined tensor", function);
  with_floating(function, x.dtype(), [](auto) {});
  Tensor y = x;
  auto left = std::ranges::count_if(plan.runs, &ReductionPlan::Run::reduced);
  std::int64_t inner = 1;
  for (auto run = plan.runs.rbegin(); run != plan.runs.rend(); ++run) {
    if (run->reduced) {
      std::int64_t outer = 1;
      for (auto before = run + 1; before != plan.runs.rend(); ++before) outer *= before->extent;
      const bool last = --left == 0;
      y = fold_axis(y, outer, run->extent, inner, last ? divisor : 1, last ? x.dtype() : DType::float64, fold);
    } else {
      inner *= run->extent;
    }
  }
  return y.reshaped(plan.result);
}

/// The mean, also if the sum exceeds the range of x. float32 is summed in float64. float64 is divided before it is
/// summed if a mean would otherwise not be finite.
Tensor mean_of(const Tensor& x, const ReductionPlan& plan, double n) {
  Tensor y = reduce("mean", x, plan, Sum{}, n);
  if (x.dtype() != DType::float64) return y;
  const double* values = y.data<double>();
  if (std::all_of(values, values + y.size(), [](double value) { return std::isfinite(value); })) return y;
  return reduce("mean", divide(x, n).value(), plan, Sum{});
}

/// A mask of the shape of x: 1 at the first element (in row-major order) that equals its extreme value y, else 0. y has
/// extent 1 along the reduced axes.
Tensor first_extreme(const Tensor& x, const Tensor& y) {
  const BroadcastPlan plan("reduction", x.shape(), y.shape());
  Tensor mask = Tensor::zeros(x.shape(), x.dtype());
  with_floating("reduction", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    const T* extreme = y.data<T>();
    T* out = mask.mutable_data<T>();
    std::vector<bool> found(static_cast<std::size_t>(y.size()));
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const std::int64_t column = plan.b_moves() ? i % plan.inner() : 0;
      const std::int64_t j = plan.offsets(i / plan.inner()).b + column;
      const bool equal = in[i] == extreme[j] || (in[i] != in[i] && extreme[j] != extreme[j]);
      if (found[static_cast<std::size_t>(j)] || !equal) continue;
      found[static_cast<std::size_t>(j)] = true;
      out[i] = 1;
    }
  });
  return mask;
}

/// Records max or min.
template <class Fold>
Variable extreme(const char* name, const Variable& x, const std::vector<int>& axes, bool keep_dims, Fold fold) {
  const ReductionPlan plan(name, x.shape(), axes, keep_dims);
  check(plan.count > 0, "{}: expected at least one element along the reduced axes, got shape {}", name, x.shape());
  return record(name, reduce(name, x.value(), plan, fold),
                {{x, [kept = plan.kept, x = x.value()](const Variable& dy, const Variable& y) {
                    const Tensor mask = first_extreme(x, y.value().reshaped(kept));
                    return multiply(reshape(dy, kept), mask);
                  }}});
}

/// The index along the axis of the extreme element: the first one that no other element beats, or the first NaN.
/// beats(a, b) returns whether a is more extreme than b.
template <class Beats>
Tensor position_of_extreme(const char* name, const Tensor& x, int axis, bool keep_dims, Beats beats) {
  check(x.defined(), "{}: expected an array, got an undefined tensor", name);
  axis = checked_axis(name, x.shape(), axis);
  check(x.dim(axis) > 0, "{}: expected at least one element along axis {}, got shape {}", name, axis, x.shape());
  const AxisView view(x.shape(), axis);
  Tensor y = Tensor::empty(keep_dims ? x.shape().replaced(axis, 1) : x.shape().without(axis), DType::int64);
  auto* const out = y.mutable_data<std::int64_t>();
  with_type(x.dtype(), [&](auto zero) {
    const auto* const in = x.data<decltype(zero)>();
    for_each_line(view, [&](std::int64_t line, std::int64_t start) {
      const auto* const values = in + start;
      std::int64_t best = 0;
      for (std::int64_t i = 1; i < view.extent; ++i) {
        const auto value = values[i * view.inner], so_far = values[best * view.inner];
        if (so_far == so_far && (value != value || beats(value, so_far))) best = i;
      }
      out[line] = best;
    });
  });
  return y;
}

/// The cumulative sums along the axis, from the front or from the back, accumulated in float64.
Tensor running_sums(const Tensor& x, int axis, bool from_back) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  const AxisView view(x.shape(), axis);
  with_floating("cumsum", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = x.data<T>();
    T* const out = y.mutable_data<T>();
    for_each_line(view, [&](std::int64_t /*line*/, std::int64_t start) {
      double sum = 0;
      for (std::int64_t k = 0; k < view.extent; ++k) {
        const std::int64_t i = start + (from_back ? view.extent - 1 - k : k) * view.inner;
        sum += static_cast<double>(in[i]);
        out[i] = static_cast<T>(sum);
      }
    });
  });
  return y;
}

Variable running_sum(const Variable& x, int axis, bool from_back) {
  return record("cumsum", running_sums(x.value(), axis, from_back),
                {{x, [axis, from_back](const Variable& dy) { return running_sum(dy, axis, !from_back); }}});
}

}  // namespace

Variable sum(const Variable& x, const std::vector<int>& axes, bool keep_dims) {
  const ReductionPlan plan("sum", x.shape(), axes, keep_dims);
  return record("sum", reduce("sum", x.value(), plan, Sum{}),
                {{x, [kept = plan.kept, shape = x.shape()](const Variable& dy) {
                    return broadcast_to(reshape(dy, kept), shape);
                  }}});
}

Variable mean(const Variable& x, const std::vector<int>& axes, bool keep_dims) {
  const ReductionPlan plan("mean", x.shape(), axes, keep_dims);
  check(plan.count > 0, "mean: expected at least one element along the reduced axes, got shape {}", x.shape());
  const auto n = static_cast<double>(plan.count);
  return record("mean", mean_of(x.value(), plan, n), {{x, [kept = plan.kept, shape = x.shape(), n](const Variable& dy) {
                                                         return broadcast_to(divide(reshape(dy, kept), n), shape);
                                                       }}});
}

Variable max(const Variable& x, const std::vector<int>& axes, bool keep_dims) {
  return extreme("max", x, axes, keep_dims, Max{});
}

Variable min(const Variable& x, const std::vector<int>& axes, bool keep_dims) {
  return extreme("min", x, axes, keep_dims, Min{});
}

Variable prod(const Variable& x, const std::vector<int>& axes, bool keep_dims) {
  const ReductionPlan plan("prod", x.shape(), axes, keep_dims);
  if (plan.count == 0) return Tensor::ones(plan.result, x.dtype());
  std::vector<int> order;  // the kept axes, then the reduced axes
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!plan.reduced[static_cast<std::size_t>(axis)]) order.push_back(axis);
  }
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (plan.reduced[static_cast<std::size_t>(axis)]) order.push_back(axis);
  }
  Variable y = reshape(x.rank() > 1 ? transpose(x, order) : x, {plan.result.size(), plan.count});
  while (y.dim(1) > 1) {  // multiplies halves, so that the derivative needs no division by a factor
    const std::int64_t half = y.dim(1) / 2;
    const Variable product = multiply(y[{all(), {0, half}}], y[{all(), {half, 2 * half}}]);
    y = y.dim(1) % 2 == 0 ? product : concatenate({product, y[{all(), {2 * half, y.dim(1)}}]}, 1);
  }
  return reshape(y, plan.result);
}

namespace {

/// The number n of reduced elements minus ddof. Error unless n > ddof >= 0.
std::int64_t degrees_of_freedom(std::string_view function, const Variable& x, const std::vector<int>& axes, int ddof) {
  const ReductionPlan plan(function, x.shape(), axes, true);
  check(ddof >= 0 && plan.count > ddof, "{}: expected more than {} elements along the reduced axes, got {} of shape {}",
        function, ddof, plan.count, x.shape());
  return plan.count - ddof;
}

}  // namespace

Variable var(const Variable& x, const std::vector<int>& axes, bool keep_dims, int ddof) {
  const std::int64_t degrees = degrees_of_freedom("var", x, axes, ddof);
  const Variable near = subtract(x, mean(x, axes, true));
  const Variable squares = square(subtract(near, mean(near, axes, true)));  // without the rounding error of the mean
  if (ddof == 0) return mean(squares, axes, keep_dims);
  return divide(sum(squares, axes, keep_dims), static_cast<double>(degrees));
}

Variable stddev(const Variable& x, const std::vector<int>& axes, bool keep_dims, int ddof) {
  degrees_of_freedom("stddev", x, axes, ddof);
  const Variable scale = magnitude(x, axes);  // so that the squares stay in the range of the type
  const Variable root = sqrt(var(x / scale, axes, keep_dims, ddof));
  return root * (keep_dims ? scale : reshape(scale, root.shape()));
}

Variable cumsum(const Variable& x, int axis) {
  check(x.value().defined(), "cumsum: expected an array, got an undefined tensor");
  return running_sum(x, checked_axis("cumsum", x.shape(), axis), false);
}

Tensor argmax(const Variable& x, int axis, bool keep_dims) {
  return position_of_extreme("argmax", x.value(), axis, keep_dims, [](auto a, auto b) { return a > b; });
}

Tensor argmin(const Variable& x, int axis, bool keep_dims) {
  return position_of_extreme("argmin", x.value(), axis, keep_dims, [](auto a, auto b) { return a < b; });
}

}  // namespace xtape
