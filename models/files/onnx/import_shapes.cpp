#include <algorithm>

#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;
using Kind = Number::Kind;

/// The sample in another shape. Error unless at most one extent is unknown.
SymbolicTensor reshaped(ImportNode& n, const SymbolicTensor& x, const std::vector<Extent>& extents) {
  Integers target;
  for (const Extent extent : extents) target.push_back(extent.known() ? extent.value() : -1);
  if (std::ranges::count(target, -1) <= 1 && !std::ranges::count(target, 0)) {
    return n.layer<ReshapeLayer>({.target_shape = target}, {x});
  }
  // An axis that keeps its position keeps its unknown extent.
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] == -1 && static_cast<int>(i) < x.shape().rank() && !x.shape()[static_cast<int>(i)].known()) {
      target[i] = 0;
    }
  }
  return n.operation({.function = std::string("Reshape"), .numbers = target}, {x});
}

/// Flattens samples. An image with the channels last keeps that order; dense layers permute their rows.
void flatten_samples(ImportNode& n) {
  const ImportValue& x = n.input(0);
  const PartialShape& shape = x.tensor->shape();
  if (!x.channels_last || !shape.known() || Shape(shape).size() == 0) {
    return n.set(n.layer<FlattenLayer>({}, {n.plain(0)}));
  }
  const Shape image(shape);
  ImportValue y{.tensor = n.layer<FlattenLayer>({}, {*x.tensor})};
  if (image.size() != image[-1]) y.flat_of = image;
  n.graph.set(n.node.output(0), y);
}

void flatten(ImportNode& n) {
  check(n.is_tensor(0), "expected a value that depends on the inputs of the model, got a constant");
  const int rank = n.rank(0);
  const std::int64_t given = n.integer("axis", 1), axis = given < 0 ? given + rank : given;
  check(axis >= 0 && axis <= rank, "axis: expected -{} to {}, got {}", rank, rank, given);
  if (n.graph.lead() == 1) {
    check(axis == 1, "axis: expected 1, behind the batch axis, got {}", given);
    return flatten_samples(n);
  }
  std::vector<Extent> sides{1, 1};
  const std::vector<Extent> extents = n.extents(0);
  for (int i = 0; i < rank; ++i) {
    Extent& side = sides[i < axis ? 0 : 1];
    side = side * extents[static_cast<std::size_t>(i)];
  }
  n.set(reshaped(n, n.plain(0), sides));
}

/// Whether the number in front of a target shape stands for the batch.
bool is_batch(ImportNode& n, const Number& number, bool allow_zero) {
  if (number.kind == Kind::batch) return true;
  if (!number.known()) return false;
  if (number.value == 0 && !allow_zero) return true;
  return number.value == -1 || (n.graph.batch() && number.value == *n.graph.batch());
}

/// The number of elements behind the first axis of samples.
Extent elements_behind(const PartialShape& shape) { return shape.without(0).size(); }

/// Reshapes rows: (n, steps, ...) or (steps, n, ...) to (n steps, ...). Nothing if the target is another one.
std::optional<ImportValue> merged_batch(ImportNode& n, const ImportValue& x, const std::vector<Number>& target) {
  if (n.graph.lead() == 0 || x.batch_at > 1 || target.size() < 2 || x.tensor->shape().rank() < 2) return std::nullopt;
  const std::vector<Extent> old = n.extents(0);
  const Extent behind = elements_behind(PartialShape(old));
  const Number& rows = target.front();
  const auto batch = n.graph.batch();
  const bool fits = rows.kind == Kind::unknown || (rows.known() && rows.value == -1) ||
                    (batch && old[0].known() && rows.known() && rows.value == *batch * old[0].value());
  if (!fits || !behind.known() || (x.batch_at == 0 && old[0] == Extent(1))) return std::nullopt;
  std::vector<Extent> extents{old[0]};
  for (std::size_t i = 1; i < target.size(); ++i) {
    const bool open = target[i].known() && target[i].value == -1 && rows.kind == Kind::unknown && target.size() == 2;
    if (!open && (!target[i].known() || target[i].value < 1)) return std::nullopt;
    extents.push_back(open ? behind : Extent(target[i].value));
  }
  if (elements_behind(PartialShape(extents)) != behind) return std::nullopt;
  return ImportValue{.tensor = reshaped(n, n.plain(x), extents), .batch_at = x.batch_at, .merged = true};
}

/// The inverse of merged_batch().
ImportValue divided_batch(ImportNode& n, const ImportValue& x, const std::vector<Number>& target) {
  const PartialShape& shape = x.tensor->shape();
  const auto batch = static_cast<std::size_t>(x.batch_at);
  check(target.size() >= 2 && is_batch(n, target[batch], true),
        "expected a target shape with the batch on axis {}, where it was before, got another one", batch);
  const Number& steps = target[1 - batch];
  check(!steps.known() || steps.value == -1 || Extent(steps.value) == shape[0] || !shape[0].known(),
        "expected {} on axis {}, got {}", shape[0], 1 - batch, steps.value);
  std::vector<Extent> extents{shape[0]};
  for (std::size_t i = 2; i < target.size(); ++i) {
    extents.push_back(target[i].known() && target[i].value > 0 ? Extent(target[i].value) : any);
  }
  if (extents.size() == 2 && !extents[1].known()) extents[1] = elements_behind(shape);
  const Extent given = elements_behind(PartialShape(extents)), behind = elements_behind(shape);
  check(!given.known() || given == behind, "expected {} elements for each row, got {}", behind, given);
  return {.tensor = PartialShape(extents) == shape ? *x.tensor : reshaped(n, *x.tensor, extents),
          .batch_at = x.batch_at};
}

void reshape_row(ImportNode& n) {
  n.allow_merged_batch();
  const bool allow_zero = n.integer("allowzero", 0) != 0;
  const auto target = n.numbers(1);
  check(target.has_value(), "expected a target shape of integers that do not depend on values, got others");
  if (n.input(0).numbers) {  // a list of integers stays one
    check(target->size() <= 1, "expected a shape to stay a list, got {} axes", target->size());
    return n.graph.set(n.node.output(0), n.input(0));
  }
  check(n.is_tensor(0), "expected a value that depends on the inputs of the model, got a constant");
  const ImportValue& x = n.input(0);
  if (x.merged) return n.graph.set(n.node.output(0), divided_batch(n, x, *target));
  if (const auto rows = merged_batch(n, x, *target)) return n.graph.set(n.node.output(0), *rows);
  check(x.batch_at == 0,
        "expected the batch on the first axis, got it on axis {}; the model computes each sample "
        "separately",
        x.batch_at);
  const std::size_t lead = static_cast<std::size_t>(n.graph.lead());
  check(target->size() >= lead, "expected a target shape with a batch axis, got none");
  check(lead == 0 || is_batch(n, target->front(), allow_zero),
        "expected a target shape that begins with the batch, got another number; the model computes each sample "
        "separately");
  const std::vector<Extent> old = n.extents(0);
  std::vector<Extent> extents;
  for (std::size_t i = lead; i < target->size(); ++i) {
    const Number& number = (*target)[i];
    check(number.kind != Kind::batch, "expected the batch on the first axis, got it on axis {}", i);
    if (!number.known() || number.value == -1) {
      extents.push_back(any);
    } else if (number.value == 0 && !allow_zero) {
      check(i - lead < old.size(), "expected 0 for an axis that exists, got it for axis {}", i);
      extents.push_back(old[i - lead]);
    } else {
      check(number.value > 0, "expected extents of at least 1, got {}", number.value);
      extents.emplace_back(number.value);
    }
  }
  // In front of a -1 that stands for the batch, the other extents are those of a whole sample.
  const Extent given = PartialShape(extents).size(), size = PartialShape(old).size();
  check(lead == 0 || !given.known() || !size.known() || given == size,
        "expected a shape that keeps the elements of each sample, got {} elements for {}", given, size);
  if (extents.size() == 1 && lead == 1) return flatten_samples(n);
  n.set(reshaped(n, n.plain(0), extents));
}

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
  int batch_at = 0;
  for (int i = 0; i < rank; ++i) {
    const std::int64_t axis = perm[static_cast<std::size_t>(i)];
    if (lead == 1 && axis == x.batch_at) {
      batch_at = i;
    } else {
      dims.push_back(n.axis_of(axis, rank, x.channels_last));
    }
  }
  const SymbolicTensor source = x.flat_of ? n.plain(0) : *x.tensor;
  if (std::ranges::is_sorted(dims)) return n.set(source, false, 0, batch_at);
  Integers to_front{sample_rank};  // the order of a channels-last tensor
  for (int i = 1; i < sample_rank; ++i) to_front.push_back(i);
  if (dims == to_front && lead == 1 && batch_at == 0) return n.set(source, true);
  n.set(n.layer<PermuteLayer>({.dims = dims}, {source}), false, 0, batch_at);
}

/// Axes of Squeeze and Unsqueeze, which refer to the longer shape, as numbers in [0, rank).
std::vector<bool> marked_axes(ImportNode& n, const Integers& axes, int rank, int batch_at) {
  std::vector<bool> marked(static_cast<std::size_t>(rank));
  for (std::int64_t axis : axes) {
    check(axis >= -rank && axis < rank, "expected axes below {}, got {}", rank, axis);
    axis = axis < 0 ? axis + rank : axis;
    check(n.graph.lead() == 0 || axis != batch_at, "expected axes of samples, got the batch axis");
    marked[static_cast<std::size_t>(axis)] = true;
  }
  return marked;
}

void unsqueeze(ImportNode& n) {
  const Integers axes = n.integers_of("axes", 1).value_or(Integers{});
  const ImportValue& x = n.input(0);
  if (x.numbers) return n.graph.set(n.node.output(0), x);
  const int rank = n.rank(0) + static_cast<int>(axes.size()), lead = n.graph.lead();
  check(rank <= Shape::max_rank, "expected at most {} axes, got {}", Shape::max_rank, rank);
  const std::vector<bool> marked = marked_axes(n, axes, rank, 0);
  check(std::ranges::count(marked, true) == std::ssize(axes), "expected different axes, got ({})",
        fmt::join(axes, ", "));
  const std::vector<Extent> old = n.extents(0);
  std::vector<Extent> extents;
  auto next = old.begin();
  for (int i = lead; i < rank; ++i) extents.push_back(marked[static_cast<std::size_t>(i)] ? Extent(1) : *next++);
  n.set(reshaped(n, n.plain(0), extents));
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
  const std::vector<bool> marked = marked_axes(n, wanted, rank, x.batch_at);
  std::vector<Extent> left;
  auto next = old.begin();
  int batch_at = x.batch_at;
  for (int i = 0; i < rank; ++i) {
    if (lead == 1 && i == x.batch_at) continue;
    const Extent extent = *next++;
    if (marked[static_cast<std::size_t>(i)] && i < x.batch_at) --batch_at;
    if (!marked[static_cast<std::size_t>(i)]) {
      left.push_back(extent);
    } else {
      check(extent == Extent(1) || !extent.known(), "expected an extent of 1 on axis {}, got {}", i, extent);
    }
  }
  const bool channels_stay = x.channels_last && !marked[1] && left.size() > 1;
  if (!channels_stay) return n.set(reshaped(n, n.plain(0), left), false, 0, batch_at);
  std::rotate(left.begin(), left.begin() + 1, left.end());
  n.set(reshaped(n, *x.tensor, left), true);
}

/// The extents of a target shape of Expand; `ones` stand for what does not change.
void expand(ImportNode& n) {
  const auto target = n.numbers(1);
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
    check(number.known() || numbers.size() - i > old.size() || old[old.size() - (numbers.size() - i)] != Extent(1),
          "expected a known extent for axis {}, got one that depends on an input", i);
    extents.push_back(number.known() ? number.value : 1);
  }
  n.set(n.operation({.function = std::string("Expand"), .numbers = extents}, {n.plain(0)}));
}

void tile(ImportNode& n) {
  check(n.is_tensor(0), "expected a value that depends on the inputs of the model, got a constant");
  Integers times = n.constant_integers(1);
  const int lead = n.graph.lead();
  check(std::ssize(times) == n.rank(0), "expected a number for each of {} axes, got {}", n.rank(0), times.size());
  check(lead == 0 || times.front() == 1, "expected the batch not to be repeated, got {} times", times.front());
  check(std::ranges::all_of(times, [](std::int64_t i) { return i >= 1 && i <= (1 << 30); }),
        "expected numbers of 1 to 2^30, got ({})", fmt::join(times, ", "));
  times.erase(times.begin(), times.begin() + lead);
  n.set(n.operation({.function = std::string("Tile"), .numbers = times}, {n.plain(0)}));
}

}  // namespace

void add_shape_rows(ImportRows& rows) {
  rows["Flatten"] = flatten;
  rows["Reshape"] = reshape_row;
  rows["Transpose"] = transpose_row;
  rows["Squeeze"] = squeeze_row;
  rows["Unsqueeze"] = unsqueeze;
  rows["Expand"] = expand;
  rows["Tile"] = tile;
}

}  // namespace xtape::onnx
