#include <algorithm>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;
using Kind = Number::Kind;

void transpose_row(ImportNode& n) {
  n.allow_moved_batch();
  const ImportValue& x = n.input(0);
  const int rank = n.rank(0), lead = n.graph.lead(), sample_rank = rank - lead;
  Integers perm;
  for (int i = rank; i-- > 0;) perm.push_back(i);
  perm = n.integers("perm").value_or(perm);
  Integers sorted = perm;
  std::ranges::sort(sorted);
  for (int i = 0; i < rank; ++i) {
    check(std::ssize(sorted) == rank && sorted[static_cast<std::size_t>(i)] == i, "perm: expected each axis once");
  }
  Integers dims;  // the axes of the tensor, counted from 1, in the order of the output
  if (x.batch.merged()) dims.push_back(1);
  BatchAxis batch = x.batch;
  for (int i = 0; i < rank; ++i) {
    const std::int64_t axis = perm[static_cast<std::size_t>(i)];
    if (lead == 1 && axis == x.batch.at) {
      batch.at = i;
    } else {
      dims.push_back(n.axis_of(axis, rank, x.channels_last));
    }
  }
  const SymbolicTensor source = x.flat_of ? n.plain(0) : *x.tensor;
  if (std::ranges::is_sorted(dims)) return n.set(source, false, 0, batch);
  Integers to_front{sample_rank};  // the order of a channels-last tensor
  for (int i = 1; i < sample_rank; ++i) to_front.push_back(i);
  if (dims == to_front && lead == 1 && batch == BatchAxis()) return n.set(source, true);
  n.set(n.layer<PermuteLayer>({.dims = dims}, {source}), false, 0, batch);
}

/// Axes of Squeeze and Unsqueeze, which refer to the longer shape, as numbers in [0, rank).
std::vector<bool> marked_axes(const Integers& axes, int rank) {
  std::vector<bool> marked(static_cast<std::size_t>(rank));
  for (const std::int64_t axis : axes) {
    check(axis >= -rank && axis < rank, "expected axes below {}, got {}", rank, axis);
    marked[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)] = true;
  }
  return marked;
}

/// Rows that are merged with the batch, in front of the other axes of a sample.
std::vector<Extent> rows_of(const ImportValue& x) {
  return x.batch.merged() ? std::vector{x.tensor->shape()[0]} : std::vector<Extent>();
}

/// Positions with new axes behind the batch.
SamplePositions unsqueezed(const SamplePositions& x, const Integers& axes) {
  const int rank = x.of_first.rank() + static_cast<int>(axes.size());
  check(rank <= Shape::max_rank, "expected at most {} axes, got {}", Shape::max_rank, rank);
  const std::vector<bool> marked = marked_axes(axes, rank);
  check(!marked[0] && std::ranges::count(marked, true) == std::ssize(axes),
        "expected different axes behind the batch, got ({})", fmt::join(axes, ", "));
  Integers extents;
  for (int i = 0, next = 0; i < rank; ++i) {
    extents.push_back(marked[static_cast<std::size_t>(i)] ? 1 : x.of_first.dim(next++));
  }
  return {x.of_first.reshaped(Shape(extents)), x.step};
}

void unsqueeze(ImportNode& n) {
  n.allow_moved_batch();
  const Integers axes = n.integers_of("axes", 1).value_or(Integers{});
  const ImportValue& x = n.input(0);
  if (x.numbers) return n.graph.set(n.node.output(0), x);
  if (x.positions) return n.graph.set(n.node.output(0), {.positions = unsqueezed(*x.positions, axes)});
  const int rank = n.rank(0) + static_cast<int>(axes.size()), lead = n.graph.lead();
  check(rank <= Shape::max_rank, "expected at most {} axes, got {}", Shape::max_rank, rank);
  const std::vector<bool> marked = marked_axes(axes, rank);
  check(std::ranges::count(marked, true) == std::ssize(axes), "expected different axes, got ({})",
        fmt::join(axes, ", "));
  const std::vector<Extent> old = n.extents(0);
  std::vector<Extent> extents = rows_of(x);
  BatchAxis batch = x.batch;
  auto next = old.begin();
  int unmarked = 0;
  for (int i = 0; i < rank; ++i) {
    if (marked[static_cast<std::size_t>(i)]) {
      extents.emplace_back(1);
    } else if (unmarked++ == x.batch.at && lead == 1) {
      batch.at = i;
    } else {
      extents.push_back(*next++);
    }
  }
  n.set(n.reshaped(n.plain(0), extents), false, 0, batch);
}

void squeeze_row(ImportNode& n) {
  n.allow_moved_batch();
  const auto axes = n.integers_of("axes", 1);
  const ImportValue& x = n.input(0);
  if (x.numbers) return n.graph.set(n.node.output(0), x);
  const int rank = n.rank(0), lead = n.graph.lead();
  const std::vector<Extent> old = n.extents(0);
  Integers wanted = axes.value_or(Integers{});
  if (!axes) {
    check(lead == 0, "expected axes, got none, which may remove the batch axis");
    for (int i = 0; i < rank; ++i) {
      check(old[static_cast<std::size_t>(i)].known(), "expected axes, or known extents");
      if (old[static_cast<std::size_t>(i)] == Extent(1)) wanted.push_back(i);
    }
  }
  const std::vector<bool> marked = marked_axes(wanted, rank);
  check(lead == 0 || !marked[static_cast<std::size_t>(x.batch.at)], "expected axes of samples, got the batch axis");
  std::vector<Extent> left = rows_of(x);
  auto next = old.begin();
  BatchAxis batch = x.batch;
  for (int i = 0; i < rank; ++i) {
    if (lead == 1 && i == x.batch.at) continue;
    const Extent extent = *next++;
    if (marked[static_cast<std::size_t>(i)] && i < x.batch.at) --batch.at;
    if (!marked[static_cast<std::size_t>(i)]) {
      left.push_back(extent);
    } else {
      check(extent == Extent(1) || !extent.known(), "expected an extent of 1 on axis {}, got {}", i, extent);
    }
  }
  const bool channels_stay = x.channels_last && !marked[1] && left.size() > 1;
  if (!channels_stay) return n.set(n.reshaped(n.plain(0), left), false, 0, batch);
  std::rotate(left.begin(), left.begin() + 1, left.end());
  n.set(n.reshaped(*x.tensor, left), true);
}

/// A constant that Expand or Tile repeats for each sample: with the axis of `numbers` that is the batch. Nothing if
/// there is no such axis.
std::optional<ImportValue> repeated_constant(ImportNode& n, const std::vector<Number>& numbers) {
  const auto batch = std::ranges::find(numbers, Kind::batch, &Number::kind);
  const ImportValue& x = n.input(0);
  if (!x.constant || batch == numbers.end()) return std::nullopt;
  const int at = static_cast<int>(batch - numbers.begin()), rank = static_cast<int>(numbers.size());
  check(x.constant->rank() <= rank, "expected at most {} axes, got the constant {}", rank, x.constant->shape());
  Integers extents(static_cast<std::size_t>(rank - x.constant->rank()), 1), target;
  for (const std::int64_t extent : x.constant->shape()) extents.push_back(extent);
  check(batch->value == 1 && extents[static_cast<std::size_t>(at)] == 1,
        "expected a constant that is repeated once for each sample, got the shape {}", x.constant->shape());
  const bool tile = n.node.op_type() == "Tile";
  extents.erase(extents.begin() + at);
  std::int64_t size = 1;
  for (int i = 0; i < rank; ++i) {
    if (i == at) continue;
    const Number& number = numbers[static_cast<std::size_t>(i)];
    check(number.known() && number.value >= 1 && number.value <= (1 << 24),
          "expected known numbers of 1 to 2^24 besides the batch, got {}",
          number.known() ? fmt::format("{}", number.value) : "an unknown one");
    target.push_back(tile ? number.value : std::max(number.value, extents[target.size()]));
    size *= target.back() * (tile ? extents[target.size() - 1] : 1);
    check(size <= (1 << 24), "expected a constant of at most 2^24 elements, got the axes ({})",
          fmt::join(target, ", "));
  }
  const Variable constant = x.constant->reshaped(Shape(extents));
  const Tensor repeated = target.empty() ? constant.value()
                          : tile         ? xtape::tile(constant, target).value()
                                         : broadcast_to(constant, Shape(target)).value();
  return ImportValue{.tensor = n.for_each_sample(repeated, x.parameter), .batch = {at}};
}

/// The extents of a target shape of Expand; `ones` stand for what does not change.
void expand(ImportNode& n) {
  const auto target = n.numbers(1);
  if (const auto repeated = target ? repeated_constant(n, *target) : std::nullopt) {
    return n.graph.set(n.node.output(0), *repeated);
  }
  check(target && n.is_tensor(0), "expected a tensor and a shape that does not depend on values");
  const int lead = n.graph.lead();
  std::vector<Number> numbers = *target;
  while (std::ssize(numbers) < n.rank(0)) numbers.insert(numbers.begin(), Number{1});
  check(std::ssize(numbers) == n.rank(0) || lead == 0, "expected the axes of the input, got {}", numbers.size());
  check(lead == 0 || !numbers.front().known() || numbers.front().value == 1 ||
            (n.graph.batch() && numbers.front().value == *n.graph.batch()),
        "expected the batch not to change, got {}", numbers.front().value);
  Integers extents;
  const std::vector<Extent> old = n.extents(0);
  for (std::size_t i = static_cast<std::size_t>(lead); i < numbers.size(); ++i) {
    const Number& number = numbers[i];
    const bool same_axis = number.kind == Kind::unknown;
    check(number.known() || same_axis, "expected the batch on the first axis, got it on axis {}", i);
    check(!number.known() || (number.value >= 1 && number.value <= (1 << 30)), "expected extents of 1 to 2^30, got {}",
          number.value);
    // an unknown extent is taken for that of the axis
    const std::int64_t axis = std::ssize(old) - std::ssize(numbers) + static_cast<std::int64_t>(i);
    const Extent before = axis < 0 ? Extent(1) : old[static_cast<std::size_t>(axis)];
    check(number.known() || (before != Extent(1) && (before.known() || !n.is_other_extent(number, axis))),
          "expected a known extent for axis {}, got one that depends on an input", i);
    extents.push_back(number.known() ? number.value : 1);
  }
  n.set(n.operation({.function = std::string("Expand"), .numbers = extents}, {n.plain(0)}));
}

void tile_row(ImportNode& n) {
  const auto numbers = n.numbers(1);
  if (const auto repeated = numbers ? repeated_constant(n, *numbers) : std::nullopt) {
    return n.graph.set(n.node.output(0), *repeated);
  }
  check(n.is_tensor(0), "expected a value that depends on the inputs of the model, got a constant");
  Integers times = n.constant_integers(1);
  const int lead = n.graph.lead();
  check(std::ssize(times) == n.rank(0), "expected a number for each axis, {} in all, got {}", n.rank(0), times.size());
  check(lead == 0 || times.front() == 1, "expected the batch not to be repeated, got {} times", times.front());
  check(std::ranges::all_of(times, [](std::int64_t i) { return i >= 1 && i <= (1 << 30); }),
        "expected numbers of 1 to 2^30, got ({})", fmt::join(times, ", "));
  times.erase(times.begin(), times.begin() + lead);
  n.set(n.operation({.function = std::string("Tile"), .numbers = times}, {n.plain(0)}));
}

}  // namespace

void add_shape_rows(ImportRows& rows) {
  rows["Transpose"] = transpose_row;
  rows["Squeeze"] = squeeze_row;
  rows["Unsqueeze"] = unsqueeze;
  rows["Expand"] = expand;
  rows["Tile"] = tile_row;
}

}  // namespace xtape::onnx
