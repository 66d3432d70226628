#include "framework/ops/reductions.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "framework/autograd/tape.hpp"
#include "framework/kernels/memory_pool.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/axes.hpp"
#include "framework/ops/manipulation.hpp"
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

/// What reducing an array over some axes means for its shape.
struct ReductionPlan {
  /// Neighbouring axes that are all reduced or all kept, as one axis.
  struct Run {
    std::int64_t extent;
    bool reduced;
  };
  std::vector<Run> runs;
  Shape kept;              ///< the shape with 1 for each reduced axis
  Shape result;            ///< the shape of the result
  std::int64_t count = 1;  ///< elements that become one

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
      const bool reduced = axes.empty() || chosen[static_cast<std::size_t>(axis)];
      append(shape[axis], reduced);
      if (reduced) {
        count *= shape[axis];
        kept = kept.replaced(axis, 1);
      } else {
        rest.push_back(shape[axis]);
      }
    }
    result = keep_dims ? kept : Shape(rest);
  }

 private:
  void append(std::int64_t extent, bool reduced) {
    if (extent == 1) return;
    if (runs.empty() || runs.back().reduced != reduced) runs.push_back({1, reduced});
    runs.back().extent *= extent;
  }
};

/// Folds n neighbours in eight interleaved chains, which the processor runs side by side.
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

/// out[j] = fold of x[i * stride + j] over i, for j in [0, columns).
template <class T, class Fold>
void fold_block(const T* x, std::int64_t rows, std::int64_t columns, std::int64_t stride, double* out, Fold fold) {
  if (stride == 1) {
    *out = fold_line(x, rows, fold);
    return;
  }
  std::fill_n(out, columns, Fold::identity);
  constexpr std::int64_t at_once = 4;  // rows for each visit of out, which is twice as wide as a row of float32
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

/// y = fold of the partial results, `blocks` of them for each line of `inner` elements, in order, over the divisor.
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

/// (outer, n, inner) to (outer, inner): blocks of rows and columns in parallel, in float64, then the blocks of rows in
/// order, and the division.
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

/// Folds the runs of reduced axes one after the other, the last one first, with float64 in between, and divides before
/// the result is rounded to the type of x.
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

/// Also where the sum exceeds the range of x: float32 is summed in float64, float64 then divided first.
Tensor mean_of(const Tensor& x, const ReductionPlan& plan, double n) {
  Tensor y = reduce("mean", x, plan, Sum{}, n);
  if (x.dtype() != DType::float64) return y;
  const double* values = y.data<double>();
  if (std::all_of(values, values + y.size(), [](double value) { return std::isfinite(value); })) return y;
  return reduce("mean", divide(x, n).value(), plan, Sum{});
}

/// 1 where x is the first (in row-major order) that equals its maximum y, else 0; y has extent 1 for the reduced axes.
Tensor first_maximum(const Tensor& x, const Tensor& y) {
  const BroadcastPlan plan("max", x.shape(), y.shape());
  Tensor mask = Tensor::zeros(x.shape(), x.dtype());
  with_floating("max", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    const T* most = y.data<T>();
    T* out = mask.mutable_data<T>();
    std::vector<bool> found(static_cast<std::size_t>(y.size()));
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const std::int64_t column = plan.b_moves() ? i % plan.inner() : 0;
      const std::int64_t j = plan.offsets(i / plan.inner()).b + column;
      if (found[static_cast<std::size_t>(j)] || in[i] < most[j] || (in[i] == in[i] && most[j] != most[j])) continue;
      found[static_cast<std::size_t>(j)] = true;
      out[i] = 1;
    }
  });
  return mask;
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
  const ReductionPlan plan("max", x.shape(), axes, keep_dims);
  check(plan.count > 0, "max: expected at least one element along the reduced axes, got shape {}", x.shape());
  return record("max", reduce("max", x.value(), plan, Max{}),
                {{x, [kept = plan.kept, x = x.value()](const Variable& dy, const Variable& y) {
                    const Tensor mask = first_maximum(x, y.value().reshaped(kept));
                    return multiply(reshape(dy, kept), mask);
                  }}});
}

}  // namespace xtape
