#include "framework/ops/manipulation.hpp"

#include <numeric>

#include "framework/autograd/tape.hpp"
#include "framework/ops/axes.hpp"
#include "framework/ops/strided.hpp"

namespace xtape {
namespace {

using Extents = std::vector<std::int64_t>;

/// The axes of the permutation as numbers in [0, rank); reversed ones for an empty permutation.
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

/// Where a slice begins along each axis, its steps, and its shape.
struct Slice {
  Extents begin, step, extents;

  Slice(const Shape& shape, const Extents& from, const Extents& to, const Extents& by) : begin(from), step(by) {
    const auto rank = static_cast<std::size_t>(shape.rank());
    if (step.empty()) step.assign(rank, 1);
    check(from.size() == rank && to.size() == rank && step.size() == rank,
          "slice: expected one begin, end and step for each axis of {}, got {}, {} and {}", shape, from.size(),
          to.size(), step.size());
    for (std::size_t i = 0; i < rank; ++i) {
      const std::int64_t extent = shape[static_cast<int>(i)];
      begin[i] = from[i] < 0 ? from[i] + extent : from[i];
      const std::int64_t end = to[i] < 0 ? to[i] + extent : to[i];
      check(0 <= begin[i] && begin[i] <= end && end <= extent,
            "slice: expected 0 <= begin <= end <= {} for axis {} of {}, got [{}, {})", extent, i, shape, from[i],
            to[i]);
      check(step[i] >= 1, "slice: expected a step of 1 or more for axis {}, got {}", i, step[i]);
      extents.push_back(end == begin[i] ? 0 : (end - begin[i] - 1) / step[i] + 1);
    }
  }

  StridedView view_of(const Shape& shape) const {
    StridedView view = StridedView::part_of(shape, Shape(extents), begin);
    for (std::size_t i = 0; i < step.size(); ++i) {
      if (extents[i] > 1) view.strides[i] *= step[i];  // nothing is a step away from a single element
    }
    return view;
  }
};

Variable sliced(const Variable& x, const Slice& part);

/// The reverse of a slice: dy in its places of an array of zeros. Its derivative is the slice.
Variable slice_gradient(const Variable& dy, const Shape& shape, const Slice& part) {
  Tensor dx = Tensor::zeros(shape, dy.dtype());
  scatter(dy.value(), part.view_of(shape), dx);
  return record("slice_gradient", std::move(dx), {{dy, [part](const Variable& ddx) { return sliced(ddx, part); }}});
}

Variable sliced(const Variable& x, const Slice& part) {
  return record("slice", gather(x.value(), part.view_of(x.shape())),
                {{x, [shape = x.shape(), part](const Variable& dy) { return slice_gradient(dy, shape, part); }}});
}

/// The part of x that begins at `begin` and has the shape.
Variable part_of(const Variable& x, const Extents& begin, const Shape& shape) {
  Extents end = begin;
  for (std::size_t i = 0; i < end.size(); ++i) end[i] += shape[static_cast<int>(i)];
  return slice(x, begin, end);
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

Variable slice(const Variable& x, const Extents& begin, const Extents& end, const Extents& step) {
  return sliced(x, Slice(x.shape(), begin, end, step));
}

Variable pad(const Variable& x, const std::vector<PadWidths>& widths, double value) {
  check(static_cast<int>(widths.size()) == x.rank(), "pad: expected one pair of widths for each axis of {}, got {}",
        x.shape(), widths.size());
  Extents extents, begin;
  constexpr std::int64_t most = std::int64_t{1} << 60;  // their sum with the extent is a number still
  for (std::size_t i = 0; i < widths.size(); ++i) {
    check(widths[i].before >= 0 && widths[i].after >= 0,
          "pad: expected widths of 0 or more for axis {}, got {} and {}; use slice() to cut", i, widths[i].before,
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
