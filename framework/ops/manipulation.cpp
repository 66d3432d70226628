#include "framework/ops/manipulation.hpp"

#include <algorithm>
#include <memory>
#include <numeric>

#include "framework/autograd/tape.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/axes.hpp"
#include "framework/tensor/strided.hpp"
#include "framework/tensor/tensor_text.hpp"

namespace xtape {
namespace {

using Extents = std::vector<std::int64_t>;

/// The permutation with all axes in [0, rank). An empty permutation reverses the axes.
std::vector<int> checked_permutation(const Shape& shape, std::vector<int> permutation) {
  const auto rank = static_cast<std::size_t>(shape.rank());
  if (permutation.empty()) {
    permutation.resize(rank);
    std::iota(permutation.rbegin(), permutation.rend(), 0);
  }
  std::vector<bool> seen(rank);
  for (int& axis : permutation) {
    axis = checked_axis("transpose", shape, axis);
    seen[static_cast<std::size_t>(axis)] = true;
  }
  check(permutation.size() == rank && std::ranges::count(seen, true) == shape.rank(),
        "transpose: expected each axis of {} once, got ({})", shape, fmt::join(permutation, ", "));
  return permutation;
}

/// The part of x that begins at `begin` and has the given shape.
Variable part_of(const Variable& x, const Extents& begin, const Shape& shape) {
  std::vector<Index> indices;
  for (std::size_t i = 0; i < begin.size(); ++i) {
    indices.emplace_back(begin[i], begin[i] + shape[static_cast<int>(i)]);
  }
  return x[indices];
}

/// The axes as sorted numbers in [0, rank). Error if an axis does not exist or is given twice.
std::vector<int> checked_axes(std::string_view function, const Shape& shape, std::vector<int> axes) {
  for (int& axis : axes) axis = checked_axis(function, shape, axis);
  std::ranges::sort(axes);
  check(std::ranges::adjacent_find(axes) == axes.end(), "{}: expected each axis once, got ({})", function,
        fmt::join(axes, ", "));
  return axes;
}

/// Entry i along the axis of the result is entry rows[i] of x.
Tensor taken(const Tensor& x, std::span<const std::int64_t> rows, int axis, const Shape& shape) {
  Tensor y = Tensor::empty(shape, x.dtype());
  const AxisView view(x.shape(), axis);
  const auto count = std::ssize(rows);
  with_type(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(1, view.inner));
    kernels::parallel_for(view.outer * count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t row = rows[static_cast<std::size_t>(i % count)];
        std::copy_n(in + (i / count * view.extent + row) * view.inner, view.inner, out + i * view.inner);
      }
    });
  });
  return y;
}

/// The gradient of taken(): dx[rows[i]] += dy[i] along the axis. Sums are accumulated in float64 in the order of i,
/// whatever the number of threads.
Tensor put_back(const Tensor& dy, std::span<const std::int64_t> rows, int axis, const Shape& shape) {
  Tensor dx = Tensor::zeros(shape, dy.dtype());
  const AxisView view(shape, axis);
  const auto count = std::ssize(rows);
  std::vector<std::int64_t> order(rows.size());  // the indices i, sorted by rows[i]
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::int64_t i) { return rows[static_cast<std::size_t>(i)]; });
  std::vector<std::size_t> first;  // where each row that occurs begins in `order`
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto row = [&](std::size_t k) { return rows[static_cast<std::size_t>(order[k])]; };
    if (i == 0 || row(i) != row(i - 1)) first.push_back(i);
  }
  first.push_back(order.size());
  const std::int64_t used = std::ssize(first) - 1;
  with_floating("take", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = dy.data<T>();
    T* out = dx.mutable_data<T>();
    const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(1, view.inner));
    kernels::parallel_for(view.outer * used, grain, [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> sums(static_cast<std::size_t>(view.inner));
      for (std::int64_t piece = begin; piece < end; ++piece) {
        const std::int64_t outer = piece / used;
        const auto run = static_cast<std::size_t>(piece % used);
        std::ranges::fill(sums, 0);
        for (std::size_t k = first[run]; k < first[run + 1]; ++k) {
          const T* from = in + (outer * count + order[k]) * view.inner;
          for (std::int64_t j = 0; j < view.inner; ++j)
            sums[static_cast<std::size_t>(j)] += static_cast<double>(from[j]);
        }
        const std::int64_t row = rows[static_cast<std::size_t>(order[first[run]])];
        T* to = out + (outer * view.extent + row) * view.inner;
        std::ranges::transform(sums, to, [](double sum) { return static_cast<T>(sum); });
      }
    });
  });
  return dx;
}

using Rows = std::shared_ptr<const std::vector<std::int64_t>>;

Variable taken(const Variable& x, const Rows& rows, int axis, const Shape& shape);

Variable take_gradient(const Variable& dy, const Rows& rows, int axis, const Shape& shape) {
  return record("take_gradient", put_back(dy.value(), *rows, axis, shape),
                {{dy, [rows, axis, from = dy.shape()](const Variable& ddx) { return taken(ddx, rows, axis, from); }}});
}

Variable taken(const Variable& x, const Rows& rows, int axis, const Shape& shape) {
  return record(
      "take", taken(x.value(), *rows, axis, shape),
      {{x, [rows, axis, from = x.shape()](const Variable& dy) { return take_gradient(dy, rows, axis, from); }}});
}

}  // namespace

Variable reshape(const Variable& x, std::initializer_list<std::int64_t> extents) {
  return reshape(x, x.value().reshaped(extents).shape());
}

Variable reshape(const Variable& x, const Shape& shape) {
  return record("reshape", x.value().reshaped(shape),
                {{x, [from = x.shape()](const Variable& dy) { return reshape(dy, from); }}});
}

Variable transpose(const Variable& x, const std::vector<int>& permutation) {
  const std::vector<int> axes = checked_permutation(x.shape(), permutation);
  const auto strides = contiguous_strides(x.shape());
  StridedView view;
  Extents extents;
  std::vector<int> back(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    extents.push_back(x.dim(axes[i]));
    view.strides[i] = strides[static_cast<std::size_t>(axes[i])];
    back[static_cast<std::size_t>(axes[i])] = static_cast<int>(i);
  }
  view.shape = Shape(extents);
  return record("transpose", gather(x.value(), view),
                {{x, [back](const Variable& dy) { return transpose(dy, back); }}});
}

Variable concatenate(const std::vector<Variable>& inputs, int axis) {
  check(!inputs.empty(), "concatenate: expected at least one input, got none");
  const Shape& first = inputs.front().shape();
  axis = checked_axis("concatenate", first, axis);
  std::int64_t total = 0;
  for (const Variable& x : inputs) {
    check(x.rank() == first.rank() && x.shape().replaced(axis, 0) == first.replaced(axis, 0),
          "concatenate: expected shapes that agree but for axis {}, got {} and {}", axis, first, x.shape());
    check(x.dtype() == inputs.front().dtype(), "concatenate: expected inputs of one type, got {} and {}",
          inputs.front().dtype(), x.dtype());
    total += x.dim(axis);
  }
  Tensor y = Tensor::empty(first.replaced(axis, total), inputs.front().dtype());
  std::vector<Dependency> dependencies;
  Extents begin(static_cast<std::size_t>(first.rank()));
  for (const Variable& x : inputs) {
    scatter(x.value(), StridedView::part_of(y.shape(), x.shape(), begin), y);
    dependencies.push_back({x, [begin, shape = x.shape()](const Variable& dy) { return part_of(dy, begin, shape); }});
    begin[static_cast<std::size_t>(axis)] += x.dim(axis);
  }
  return record("concatenate", std::move(y), dependencies);
}

Variable stack(const std::vector<Variable>& inputs, int axis) {
  check(!inputs.empty(), "stack: expected at least one input, got none");
  std::vector<Variable> expanded;
  for (const Variable& x : inputs) {
    check(x.shape() == inputs.front().shape(), "stack: expected inputs of one shape, got {} and {}",
          inputs.front().shape(), x.shape());
    expanded.push_back(expand_dims(x, axis));
  }
  return concatenate(expanded, axis);
}

std::vector<Variable> split(const Variable& x, const Extents& sizes, int axis) {
  axis = checked_axis("split", x.shape(), axis);
  std::int64_t rest = x.dim(axis);
  const bool fits = std::ranges::all_of(sizes, [&](std::int64_t size) {
    if (size < 0 || size > rest) return false;
    rest -= size;
    return true;
  });
  check(fits && rest == 0, "split: expected sizes of 0 or more with the sum {}, the extent of axis {} of {}, got ({})",
        x.dim(axis), axis, x.shape(), fmt::join(sizes, ", "));
  std::vector<Variable> parts;
  Extents begin(static_cast<std::size_t>(x.rank()));
  for (const std::int64_t size : sizes) {
    parts.push_back(part_of(x, begin, x.shape().replaced(axis, size)));
    begin[static_cast<std::size_t>(axis)] += size;
  }
  return parts;
}

std::vector<Variable> split(const Variable& x, std::int64_t parts, int axis) {
  axis = checked_axis("split", x.shape(), axis);
  check(parts >= 1 && x.dim(axis) % parts == 0,
        "split: expected a number of parts that divides the extent {} of axis {} of {}, got {}", x.dim(axis), axis,
        x.shape(), parts);
  return split(x, Extents(static_cast<std::size_t>(parts), x.dim(axis) / parts), axis);
}

Variable squeeze(const Variable& x, const std::vector<int>& axes) {
  const std::vector<int> chosen = checked_axes("squeeze", x.shape(), axes);
  Extents extents;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool named = std::ranges::binary_search(chosen, axis);
    check(!named || x.dim(axis) == 1, "squeeze: expected axes of extent 1, got axis {} of {}", axis, x.shape());
    if (!named && !(axes.empty() && x.dim(axis) == 1)) extents.push_back(x.dim(axis));
  }
  return reshape(x, Shape(extents));
}

Variable expand_dims(const Variable& x, int axis) {
  const int most = x.rank();
  check(axis >= -most - 1 && axis <= most, "expand_dims: expected an axis in [{}, {}] for shape {}, got {}", -most - 1,
        most, x.shape(), axis);
  Extents extents(x.shape().begin(), x.shape().end());
  extents.insert(extents.begin() + (axis < 0 ? axis + most + 1 : axis), 1);
  return reshape(x, Shape(extents));
}

Variable swapaxes(const Variable& x, int first, int second) {
  std::vector<int> permutation(static_cast<std::size_t>(x.rank()));
  std::iota(permutation.begin(), permutation.end(), 0);
  std::swap(permutation[static_cast<std::size_t>(checked_axis("swapaxes", x.shape(), first))],
            permutation[static_cast<std::size_t>(checked_axis("swapaxes", x.shape(), second))]);
  return transpose(x, permutation);
}

Variable flip(const Variable& x, const std::vector<int>& axes) {
  const std::vector<int> chosen = checked_axes("flip", x.shape(), axes);
  std::vector<Index> indices;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool reversed = axes.empty() || std::ranges::binary_search(chosen, axis);
    indices.emplace_back(Slice{.step = reversed ? -1 : 1});
  }
  return x[indices];
}

namespace {

/// The shape with an axis that is `times` as long. Error if no array can have it.
Shape repeated_shape(std::string_view function, const Shape& shape, int axis, std::int64_t times) {
  std::int64_t extent = 0;
  check(!__builtin_mul_overflow(shape[axis], times, &extent),
        "{}: expected extents below 2^63, got {} x {} for axis {}", function, times, shape[axis], axis);
  return shape.replaced(axis, extent);
}

}  // namespace

Variable tile(const Variable& x, const Extents& repetitions) {
  check(std::ssize(repetitions) == x.rank(), "tile: expected one number of repetitions for each axis of {}, got {}",
        x.shape(), repetitions.size());
  Variable y = x;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::int64_t times = repetitions[static_cast<std::size_t>(axis)];
    check(times >= 1, "tile: expected 1 repetition or more for axis {}, got {}", axis, times);
    if (times == 1) continue;
    const Shape whole = repeated_shape("tile", y.shape(), axis, times);
    std::int64_t outer = 1, inner = 1;
    for (int i = 0; i < y.rank(); ++i) (i < axis ? outer : inner) *= y.dim(i);
    y = reshape(broadcast_to(reshape(y, {outer, 1, inner}), {outer, times, inner}), whole);
  }
  return y;
}

Variable repeat(const Variable& x, std::int64_t times, int axis) {
  axis = checked_axis("repeat", x.shape(), axis);
  check(times >= 1, "repeat: expected 1 repetition or more, got {}", times);
  Tensor rows = Tensor::empty({repeated_shape("repeat", x.shape(), axis, times)[axis]}, DType::int64);
  auto* row = rows.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < x.dim(axis); ++i) row = std::fill_n(row, times, i);
  return take(x, rows, axis);
}

Variable take(const Variable& x, const Tensor& indices, int axis) {
  axis = checked_axis("take", x.shape(), axis);
  check(indices.defined() && indices.dtype() == DType::int64, "take: expected int64 indices, got {}",
        tensor_text(indices));
  Extents extents(x.shape().begin(), x.shape().begin() + axis);
  extents.insert(extents.end(), indices.shape().begin(), indices.shape().end());
  extents.insert(extents.end(), x.shape().begin() + axis + 1, x.shape().end());
  auto rows = std::make_shared<std::vector<std::int64_t>>(indices.to_vector<std::int64_t>());
  const std::int64_t extent = x.dim(axis);
  for (std::int64_t& row : *rows) {
    check(row >= -extent && row < extent, "take: expected indices in [{}, {}) for axis {} of {}, got {}", -extent,
          extent, axis, x.shape(), row);
    if (row < 0) row += extent;
  }
  return taken(x, Rows(std::move(rows)), axis, Shape(extents));
}

Tensor one_hot(const Tensor& indices, std::int64_t classes, DType dtype) {
  check(indices.defined() && indices.dtype() == DType::int64, "one_hot: expected int64 indices, got {}",
        tensor_text(indices));
  check(classes >= 1, "one_hot: expected 1 class or more, got {}", classes);
  Extents extents(indices.shape().begin(), indices.shape().end());
  extents.push_back(classes);
  Tensor y = Tensor::zeros(Shape(extents), dtype);
  const auto* index = indices.data<std::int64_t>();
  with_type(dtype, [&](auto zero) {
    auto* const out = y.mutable_data<decltype(zero)>();
    for (std::int64_t i = 0; i < indices.size(); ++i) {
      check(index[i] >= 0 && index[i] < classes, "one_hot: expected indices in [0, {}), got {}", classes, index[i]);
      out[i * classes + index[i]] = 1;
    }
  });
  return y;
}

Variable pad(const Variable& x, const std::vector<PadWidths>& widths, double value) {
  check(static_cast<int>(widths.size()) == x.rank(), "pad: expected one pair of widths for each axis of {}, got {}",
        x.shape(), widths.size());
  Extents extents, begin;
  constexpr std::int64_t most = std::int64_t{1} << 60;  // the sum with the extent does not overflow
  for (std::size_t i = 0; i < widths.size(); ++i) {
    check(widths[i].before >= 0 && widths[i].after >= 0,
          "pad: expected widths of 0 or more for axis {}, got {} and {}; use x[...] to cut", i, widths[i].before,
          widths[i].after);
    check(widths[i].before <= most && widths[i].after <= most,
          "pad: expected widths below 2^60 for axis {}, got {} and {}", i, widths[i].before, widths[i].after);
    extents.push_back(widths[i].before + x.dim(static_cast<int>(i)) + widths[i].after);
    begin.push_back(widths[i].before);
  }
  Tensor y = Tensor::full(Shape(extents), value, x.dtype());
  scatter(x.value(), StridedView::part_of(y.shape(), x.shape(), begin), y);
  return record("pad", std::move(y),
                {{x, [begin, shape = x.shape()](const Variable& dy) { return part_of(dy, begin, shape); }}});
}

}  // namespace xtape
