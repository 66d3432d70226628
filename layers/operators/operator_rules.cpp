#include "layers/operators/operator_rules.hpp"

#include <algorithm>
#include <array>

#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/comparison.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/error_function.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/matmul.hpp"
#include "framework/ops/piecewise_activations.hpp"
#include "framework/ops/reductions.hpp"

namespace xtape {
namespace {

using Options = OperatorLayer::Options;
using Shapes = std::vector<PartialShape>;
using Variables = std::vector<Variable>;

/// The axis as a number in [1, rank). Error for the batch axis and for axes that do not exist.
int sample_axis(std::int64_t axis, int rank) {
  check(axis >= -rank && axis < rank && axis != 0 && axis != -rank,
        "expected an axis of a sample, 1 to {}, or counted from the end, got {}", rank - 1, axis);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::vector<int> sample_axes(const Options& options, int rank) {
  std::vector<int> axes;
  for (const std::int64_t axis : options.axes) axes.push_back(sample_axis(axis, rank));
  std::ranges::sort(axes);
  check(std::ranges::adjacent_find(axes) == axes.end(), "expected each axis once, got ({})",
        fmt::join(options.axes, ", "));
  return axes;
}

int only_axis(const Options& options, int rank) {
  check(options.axes.size() == 1, "expected one axis, got {}", options.axes.size());
  return sample_axis(options.axes[0], rank);
}

void check_count(const Options& options, std::size_t expected) {
  check(options.numbers.size() == expected, "expected {} numbers, got {}", expected, options.numbers.size());
}

/// The extent of two that are broadcast.
Extent broadcast_extent(Extent a, Extent b) {
  if (a == b) return a;
  if (a == Extent(1)) return b;
  if (b == Extent(1)) return a;
  check(!a.known() || !b.known(), "expected shapes that broadcast, got the extents {} and {}", a, b);
  return a.known() ? a : b;
}

PartialShape broadcast_shape(const PartialShape& a, const PartialShape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<Extent> extents;
  for (int i = 0; i < rank; ++i) {
    const int from_a = i - rank + a.rank(), from_b = i - rank + b.rank();
    extents.push_back(from_a < 0 ? b[from_b] : from_b < 0 ? a[from_a] : broadcast_extent(a[from_a], b[from_b]));
  }
  return PartialShape(std::move(extents));
}

PartialShape same_shape(const Options& /*options*/, const Shapes& x) { return x[0]; }

PartialShape binary_shape(const Options& /*options*/, const Shapes& x) {
  return x.size() == 1 ? x[0] : broadcast_shape(x[0], x[1]);
}

/// The slopes are broadcast to the other operand.
PartialShape prelu_shape(const Options& options, const Shapes& x) {
  check(x.size() == 2 || !options.value_first, "expected a number as the slope, got one as the first operand");
  const PartialShape& slopes = x.back();
  bool fits = slopes.rank() <= x[0].rank();
  for (int axis = -1; fits && axis >= -slopes.rank(); --axis) {
    const Extent own = x[0][axis], given = slopes[axis];
    fits = given == 1 || !given.known() || !own.known() || given == own;
  }
  check(fits, "expected slopes that broadcast to {}, got {}", x[0], slopes);
  return x[0];
}

PartialShape product_shape(const Options& options, const Shapes& x) {
  const std::size_t constant = options.constant_shape ? (options.value_first ? 0 : 1) : 2;
  for (std::size_t i = 0; i < 2; ++i) {
    check(x[i].rank() >= (i == constant ? 2 : 3), "expected samples that are matrices, got {} and {}", x[0], x[1]);
  }
  // an operand with fewer axes would have its samples along another axis
  const int most = std::max(x[0].rank(), x[1].rank());
  const bool batches =
      constant == 2 ? x[0].rank() == x[1].rank()
                    : x[1 - constant].rank() == most && (x[constant].rank() < most || x[constant][0] == Extent(1));
  check(batches, "expected matrices whose samples are along the first axis, got {} and {}", x[0], x[1]);
  const Extent inner = x[0][-1], other = x[1][-2];
  check(!inner.known() || !other.known() || inner == other, "expected matrices that fit, got {} and {}", x[0], x[1]);
  const auto leading = [](const PartialShape& shape) { return shape.without(-1).without(-1); };
  const PartialShape stack = broadcast_shape(leading(x[0]), leading(x[1]));
  std::vector<Extent> extents(stack.begin(), stack.end());
  extents.push_back(x[0][-2]);
  extents.push_back(x[1][-1]);
  check(std::ssize(extents) >= 3, "expected a batch of matrices, got {} and {}", x[0], x[1]);
  return PartialShape(std::move(extents));
}

PartialShape reduced_shape(const Options& options, const Shapes& x) {
  const std::vector<int> axes = sample_axes(options, x[0].rank());
  check(!axes.empty(), "expected at least one axis, got none");
  std::vector<Extent> extents;
  for (int i = 0; i < x[0].rank(); ++i) {
    if (!std::ranges::binary_search(axes, i)) {
      extents.push_back(x[0][i]);
    } else if (options.keep_dims) {
      extents.emplace_back(1);
    }
  }
  return PartialShape(std::move(extents));
}

/// A slice of one axis: NumPy's rules, with ends beyond the axis allowed.
struct AxisSlice {
  int axis;
  std::int64_t start, end, step;

  /// The positions of the first element and behind the last one, for an axis of this extent, and their number.
  std::array<std::int64_t, 3> placed(std::int64_t extent) const {
    const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;
    const auto clamped = [&](std::int64_t at) { return std::clamp(at < 0 ? at + extent : at, low, high); };
    const std::int64_t first = clamped(start), last = clamped(end);
    return {first, last, positions_between(first, last, step)};
  }
};

std::vector<AxisSlice> slices(const Options& options, int rank) {
  const std::size_t count = options.axes.size();
  check_count(options, 3 * count);
  sample_axes(options, rank);
  std::vector<AxisSlice> result;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t step = options.numbers[2 * count + i];
    check(step != 0, "expected a step other than 0, got 0");
    result.push_back({sample_axis(options.axes[i], rank), options.numbers[i], options.numbers[count + i], step});
  }
  return result;
}

PartialShape slice_shape(const Options& options, const Shapes& x) {
  PartialShape y = x[0];
  for (const AxisSlice& slice : slices(options, y.rank())) {
    const Extent extent = y[slice.axis];
    y = y.replaced(slice.axis, extent.known() ? Extent(slice.placed(extent.value())[2]) : any);
  }
  return y;
}

Variable sliced(const Options& options, const Variables& x) {
  Variable y = x[0];
  for (const AxisSlice& slice : slices(options, y.rank())) {
    const auto [first, last, count] = slice.placed(y.dim(slice.axis));
    if (slice.step > 0) {
      std::vector<Index> indices(static_cast<std::size_t>(y.rank()), all());
      indices[static_cast<std::size_t>(slice.axis)] = Index(first, std::max(first, last), slice.step);
      y = y[indices];
    } else {
      std::vector<std::int64_t> rows;
      for (std::int64_t i = 0; i < count; ++i) rows.push_back(first + i * slice.step);
      y = take(y, Tensor::labels(rows), slice.axis);
    }
  }
  return y;
}

/// The shape of Reshape, or with a second input that of ReshapeLike.
PartialShape reshaped_shape(const Options& options, const Shapes& x) {
  const PartialShape& like = x.back();
  check(x.size() == 1 || std::ranges::count(options.numbers, 0) == std::ssize(options.axes),
        "expected an axis for each 0 in ({}), got {}", fmt::join(options.numbers, ", "), options.axes.size());
  std::vector<Extent> extents{x[0][0]};
  Extent given(1);
  std::size_t open = 0, kept = 0;
  PartialShape left = x[0].without(0);  // without the axes that Reshape keeps
  for (std::size_t i = 0; i < options.numbers.size(); ++i) {
    const std::int64_t number = options.numbers[i];
    const int axis =
        number == 0 && x.size() > 1 ? sample_axis(options.axes[kept++], like.rank()) : static_cast<int>(i) + 1;
    check(number >= -1 && (number != -1 || open == 0) && (number != 0 || axis < like.rank()),
          "expected positive extents, 0 for an existing axis and at most one -1, got ({})",
          fmt::join(options.numbers, ", "));
    if (number == -1) open = i + 1;
    if (number == 0 && x.size() == 1) left = left.replaced(axis - 1, 1);
    extents.push_back(number == 0 ? like[axis] : Extent(number == -1 ? 1 : number));
    if (number > 0 || x.size() > 1) given = given * extents.back();
  }
  const Extent size = left.size();
  if (open != 0) extents[open] = size / given;
  const Extent made = open != 0 ? given * extents[open] : given;
  check(!size.known() || !made.known() || made == size, "expected as many elements as the shape ({}) has, got {}",
        fmt::join(options.numbers, ", "), x[0]);
  return PartialShape(std::move(extents));
}

PartialShape expanded_shape(const Options& options, const Shapes& x) {
  check(static_cast<int>(options.numbers.size()) >= x[0].rank() - 1, "expected an extent for each axis of {}, got {}",
        x[0], options.numbers.size());
  std::vector<Extent> extents;
  for (const std::int64_t number : options.numbers) extents.emplace_back(number);
  const PartialShape y = broadcast_shape(x[0].without(0), PartialShape(std::move(extents)));
  return y.prepended(x[0][0]);
}

Variable expanded(const Options& options, const Variables& x) {
  const Shape target(expanded_shape(options, {x[0].shape()}));
  std::vector<std::int64_t> extents{x[0].dim(0)};
  for (int i = x[0].rank(); i < target.rank(); ++i) extents.push_back(1);
  for (int i = 1; i < x[0].rank(); ++i) extents.push_back(x[0].dim(i));
  return broadcast_to(reshape(x[0], Shape(std::move(extents))), target);
}

PartialShape tiled_shape(const Options& options, const Shapes& x) {
  check_count(options, static_cast<std::size_t>(x[0].rank() - 1));
  PartialShape y = x[0];
  for (int i = 1; i < y.rank(); ++i) {
    const std::int64_t times = options.numbers[static_cast<std::size_t>(i) - 1];
    check(times >= 1, "expected numbers of at least 1, got {}", times);
    y = y.replaced(i, y[i] * Extent(times));
  }
  return y;
}

PartialShape padded_shape(const Options& options, const Shapes& x) {
  const auto axes = static_cast<std::size_t>(x[0].rank() - 1);
  check_count(options, 2 * axes);
  PartialShape y = x[0];
  for (std::size_t i = 0; i < axes; ++i) {
    const int axis = static_cast<int>(i) + 1;
    check(options.numbers[i] >= 0 && options.numbers[axes + i] >= 0, "expected numbers of at least 0, got ({})",
          fmt::join(options.numbers, ", "));
    y = y.replaced(axis, y[axis] + Extent(options.numbers[i]) + Extent(options.numbers[axes + i]));
  }
  return y;
}

Variable padded(const Options& options, const Variables& x) {
  const std::size_t axes = options.numbers.size() / 2;
  std::vector<PadWidths> widths(1);
  for (std::size_t i = 0; i < axes; ++i) widths.push_back({options.numbers[i], options.numbers[axes + i]});
  return pad(x[0], widths, options.value.value_or(0));
}

PartialShape gathered_shape(const Options& options, const Shapes& x) {
  const int axis = only_axis(options, x[0].rank());
  check(!options.numbers.empty(), "expected positions in numbers, got none");
  if (x[0][axis].known()) {
    const std::int64_t extent = x[0][axis].value();
    for (const std::int64_t at : options.numbers) {
      check(at >= -extent && at < extent, "expected positions in [{}, {}), got {}", -extent, extent, at);
    }
  }
  return x[0].replaced(axis, std::ssize(options.numbers));
}

PartialShape constant_shape(const Options& options, const Shapes& x) {
  check(options.constant_shape.has_value(), "expected a constant_shape, got none");
  check_count(options, options.axes.size());
  PartialShape y = x[1];
  for (std::size_t i = 0; i < options.axes.size(); ++i) {
    const std::int64_t axis = options.numbers[i];
    check(axis >= 0 && axis < y.rank(), "expected axes of the parameter {} in numbers, got {}", x[1], axis);
    const Extent extent = x[0][sample_axis(options.axes[i], x[0].rank())], all_of_it = x[1][static_cast<int>(axis)];
    check(!extent.known() || !all_of_it.known() || extent.value() <= all_of_it.value(),
          "expected an input with at most {} elements on axis {}, as the parameter has, got {}", all_of_it,
          options.axes[i], extent);
    y = y.replaced(static_cast<int>(axis), extent);
  }
  return y.prepended(x[0][0]);
}

/// The parameter for each sample.
Variable repeated(const Options& options, const Variables& x) {
  const Shape target(constant_shape(options, {x[0].shape(), x[1].shape()}));
  std::vector<Index> first;
  for (int i = 1; i < target.rank(); ++i) first.emplace_back(0, target[i]);
  const Variable part = first.empty() ? x[1] : x[1][first];
  return broadcast_to(reshape(part, Shape(PartialShape(part.shape()).prepended(1))), target);
}

PartialShape along_axis_shape(const Options& options, const Shapes& x) {
  only_axis(options, x[0].rank());
  return x[0];
}

template <Variable (*function)(const Variable&)>
Variable unary(const Options& /*options*/, const Variables& x) {
  return function(x[0]);
}

/// A function of two operands, the second or the first of which may be the number `value`.
template <Variable (*function)(const Variable&, const Variable&)>
Variable binary(const Options& options, const Variables& x) {
  if (x.size() == 2) return function(x[0], x[1]);
  const Variable value = Tensor::scalar(options.value.value_or(0), x[0].dtype());
  return options.value_first ? function(value, x[0]) : function(x[0], value);
}

PartialShape selected_shape(const Options& options, const Shapes& x) {
  const PartialShape shape = broadcast_shape(x[0], x[1]);
  check((x.size() == 3) != options.value.has_value(), "expected a condition and two operands, got {} inputs", x.size());
  return x.size() == 3 ? broadcast_shape(shape, x[2]) : shape;
}

Variable selected(const Options& options, const Variables& x) {
  if (x.size() == 3) return where(x[0].value(), x[1], x[2]);
  const Variable value = Tensor::scalar(options.value.value_or(0), x[1].dtype());
  return options.value_first ? where(x[0].value(), value, x[1]) : where(x[0].value(), x[1], value);
}

Variable greater_of(const Variable& a, const Variable& b) { return greater(a, b); }
Variable less_of(const Variable& a, const Variable& b) { return less(a, b); }
Variable reciprocal(const Variable& x) { return divide(1, x); }
Variable prelu_of(const Variable& x, const Variable& slope) { return prelu(x, slope); }

template <class Function>
Variable reduced(const Options& options, const Variable& x, Function function) {
  return function(x, sample_axes(options, x.rank()), options.keep_dims);
}

/// ln of the sum of e^x, from x minus its maximum, so that nothing overflows.
Variable log_sum_exp(const Options& options, const Variables& x) {
  const std::vector<int> axes = sample_axes(options, x[0].rank());
  const Variable most = max(x[0], axes, true).detached();
  // an infinite maximum is not subtracted: infinity - infinity is NaN
  const Variable largest = where(equal(most - most, 0), most, Tensor::scalar(0, most.dtype()));
  const Variable y = log(sum(exp(x[0] - largest), axes, true)) + largest;
  return options.keep_dims ? y : squeeze(y, axes);
}

}  // namespace

const std::map<std::string_view, OperatorRule>& operator_rules() {
  using O = Options;
  using V = Variables;
  static const std::map<std::string_view, OperatorRule> rules{
      {"Abs", {1, false, same_shape, unary<abs>}},
      {"Add", {2, true, binary_shape, binary<add>}},
      {"Constant", {2, false, constant_shape, repeated}},
      {"Cos", {1, false, same_shape, unary<cos>}},
      {"CumSum",
       {1, false, along_axis_shape, [](const O& o, const V& x) { return cumsum(x[0], only_axis(o, x[0].rank())); }}},
      {"Div", {2, true, binary_shape, binary<divide>}},
      {"Erf", {1, false, same_shape, unary<erf>}},
      {"Exp", {1, false, same_shape, unary<exp>}},
      {"Expand", {1, false, expanded_shape, expanded}},
      {"Gather",
       {1, false, gathered_shape,
        [](const O& o, const V& x) { return take(x[0], Tensor::labels(o.numbers), only_axis(o, x[0].rank())); }}},
      {"Greater", {2, true, binary_shape, binary<greater_of>}},
      {"Less", {2, true, binary_shape, binary<less_of>}},
      {"Log", {1, false, same_shape, unary<log>}},
      {"LogSoftmax",
       {1, false, along_axis_shape,
        [](const O& o, const V& x) { return log_softmax(x[0], only_axis(o, x[0].rank())); }}},
      {"MatMul", {2, false, product_shape, [](const O&, const V& x) { return matmul(x[0], x[1]); }}},
      {"Max", {2, true, binary_shape, binary<maximum>}},
      {"Min", {2, true, binary_shape, binary<minimum>}},
      {"Mul", {2, true, binary_shape, binary<multiply>}},
      {"Neg", {1, false, same_shape, unary<negate>}},
      {"PRelu", {2, true, prelu_shape, binary<prelu_of>}},
      {"Pad", {1, false, padded_shape, padded}},
      {"Pow",
       {2, true, binary_shape,
        [](const O& o, const V& x) {
          return x.size() == 1 && !o.value_first ? pow(x[0], o.value.value_or(1)) : binary<pow>(o, x);
        }}},
      {"Reciprocal", {1, false, same_shape, unary<reciprocal>}},
      {"ReduceL1", {1, false, reduced_shape, [](const O& o, const V& x) { return reduced(o, abs(x[0]), sum); }}},
      {"ReduceL2",
       {1, false, reduced_shape, [](const O& o, const V& x) { return sqrt(reduced(o, square(x[0]), sum)); }}},
      {"ReduceLogSum", {1, false, reduced_shape, [](const O& o, const V& x) { return log(reduced(o, x[0], sum)); }}},
      {"ReduceLogSumExp", {1, false, reduced_shape, log_sum_exp}},
      {"ReduceMax", {1, false, reduced_shape, [](const O& o, const V& x) { return reduced(o, x[0], max); }}},
      {"ReduceMean", {1, false, reduced_shape, [](const O& o, const V& x) { return reduced(o, x[0], mean); }}},
      {"ReduceMin", {1, false, reduced_shape, [](const O& o, const V& x) { return reduced(o, x[0], min); }}},
      {"ReduceProd", {1, false, reduced_shape, [](const O& o, const V& x) { return reduced(o, x[0], prod); }}},
      {"ReduceSum", {1, false, reduced_shape, [](const O& o, const V& x) { return reduced(o, x[0], sum); }}},
      {"ReduceSumSquare",
       {1, false, reduced_shape, [](const O& o, const V& x) { return reduced(o, square(x[0]), sum); }}},
      {"Reshape",
       {1, false, reshaped_shape,
        [](const O& o, const V& x) { return reshape(x[0], Shape(reshaped_shape(o, {x[0].shape()}))); }}},
      {"ReshapeLike",
       {2, false, reshaped_shape,
        [](const O& o, const V& x) {
          return reshape(x[0], Shape(reshaped_shape(o, {x[0].shape(), x[1].shape()})));
        }}},
      {"Sin", {1, false, same_shape, unary<sin>}},
      {"Slice", {1, false, slice_shape, sliced}},
      {"Softmax",
       {1, false, along_axis_shape, [](const O& o, const V& x) { return softmax(x[0], only_axis(o, x[0].rank())); }}},
      {"Sqrt", {1, false, same_shape, unary<sqrt>}},
      {"Sub", {2, true, binary_shape, binary<subtract>}},
      {"Tile",
       {1, false, tiled_shape,
        [](const O& o, const V& x) {
          std::vector<std::int64_t> times{1};
          times.insert(times.end(), o.numbers.begin(), o.numbers.end());
          return tile(x[0], times);
        }}},
      {"Where", {3, true, selected_shape, selected}},
  };
  return rules;
}

}  // namespace xtape
