// Reshape and Flatten, also of samples whose batch is merged with rows.
#include <algorithm>
#include <fmt/ranges.h>

#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;
using Kind = Number::Kind;

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
  n.set(n.reshaped(n.plain(0), sides));
}

/// The samples with separate rows, in the order of the file, and the number of axes in front of the batch.
std::pair<SymbolicTensor, int> separate_rows(ImportNode& n, const ImportValue& x) {
  const SymbolicTensor tensor = n.plain(x);
  if (!x.batch.merged()) return {tensor, x.batch.at};
  const int at = x.batch.at;
  Integers dims;
  for (int i = 2; i <= at + 1; ++i) dims.push_back(i);
  dims.push_back(1);
  for (int i = at + 2; i <= tensor.shape().rank(); ++i) dims.push_back(i);
  return {at == 0 ? tensor : n.layer<PermuteLayer>({.dims = dims}, {tensor}),
          x.batch.rows == Rows::before ? at + 1 : at};
}

Extent product(const std::vector<Extent>& extents) { return PartialShape(extents).size(); }

/// a / b. Error unless it is whole.
Extent quotient(Extent a, Extent b) {
  if (a == b) return 1;
  check(!a.known() || !b.known() || (b.value() > 0 && a.value() % b.value() == 0),
        "expected a shape that keeps the elements of each sample, got {} elements for {}", b, a);
  return a.known() && b.known() ? Extent(a.value() / b.value()) : any;
}

/// A target shape: the axis that holds the batch, and the extents on both sides.
struct Target {
  std::vector<Extent> before, behind;
  std::vector<Number> numbers;         ///< of both sides
  std::optional<std::int64_t> factor;  ///< of the batch, if the number says it
};

/// The extent of the batch in the file, if it is known and not 0.
std::optional<std::int64_t> batch_of(const ImportNode& n) {
  const auto batch = n.graph.batch();
  return batch && *batch > 0 ? batch : std::nullopt;
}

/// Whether axis `i` of a target is the batch of a known size, and the elements on both of its sides stay there. Those
/// behind it may be unknown.
bool keeps_batch(ImportNode& n, const std::vector<Number>& target, const ImportValue& x, int i) {
  const Number& samples = target[static_cast<std::size_t>(i)];
  if (!batch_of(n) || !samples.known() || samples.value != *batch_of(n)) return false;
  const std::vector<Extent> extents = n.extents(0);
  const auto stays = [&](int begin, int end, int first, int last, Rows rows) {
    Extent old = x.batch.rows == rows && rows != Rows::none ? x.tensor->shape()[0] : Extent(1), now(1);
    for (int axis = begin; axis < end; ++axis) old = old * extents[static_cast<std::size_t>(axis)];
    for (int axis = first; axis < last; ++axis) {
      const Number& number = target[static_cast<std::size_t>(axis)];
      now = now * (number.known() && number.value > 0 ? Extent(number.value) : any);
    }
    return old.known() && now.known() ? std::optional(old == now) : std::nullopt;
  };
  return stays(0, x.batch.at, 0, i, Rows::before).value_or(false) &&
         stays(x.batch.at, static_cast<int>(extents.size()), i + 1, static_cast<int>(target.size()), Rows::behind)
             .value_or(true);
}

/// The axis of a target that holds the batch. `same` is the axis that keeps the old one, or -1.
int batch_axis_of(ImportNode& n, const std::vector<Number>& target, const ImportValue& x, int same) {
  const int rank = static_cast<int>(target.size());
  for (int i = 0; i < rank; ++i) {
    if (target[static_cast<std::size_t>(i)].kind == Kind::batch) return i;
  }
  if (same >= 0) return same;
  for (const int i : {x.batch.at, 0, 1, 2, 3}) {
    if (i < rank && keeps_batch(n, target, x, i)) return i;
  }
  const auto may_be = [&](int i) {
    const Number& number = target[static_cast<std::size_t>(i)];
    return !number.known() || number.value == -1 ||
           (batch_of(n) && number.value > 0 && number.value % *batch_of(n) == 0);
  };
  const int first = rank < n.rank(0) && x.batch.rows == Rows::none ? 0 : x.batch.at;
  if (first < rank && may_be(first)) return first;
  for (int i = 0; i < rank; ++i) {
    if (may_be(i)) return i;
  }
  std::vector<std::int64_t> numbers;
  for (const Number& number : target) numbers.push_back(number.value);
  fail("expected a target shape with the batch, got {}; the model computes each sample separately",
       fmt::join(numbers, " "));
}

Target target_of(ImportNode& n, const ImportValue& x, std::vector<Number> numbers, bool allow_zero) {
  const std::vector<Extent> old = n.extents(0);
  int same = -1;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    Number& number = numbers[i];
    if (!number.known() || number.value != 0 || allow_zero) continue;
    const auto axis = static_cast<int>(i);
    check(axis < n.rank(0), "expected 0 for an axis that exists, got it for axis {}", i);
    if (axis == x.batch.at) {  // the batch with its rows
      const Extent rows = x.batch.merged() ? x.tensor->shape()[0] : Extent(1);
      if (rows.known()) number = {rows.value(), Kind::batch};
      if (!rows.known()) same = axis;
      continue;
    }
    const int of_sample = axis < x.batch.at ? axis : axis - 1;
    const Extent extent = old[static_cast<std::size_t>(of_sample)];
    number = extent.known() ? Number{extent.value()} : Number{of_sample, Kind::unknown, n.node.input(0)};
  }
  const auto open = [](const Number& number) { return !number.known() || number.value == -1; };
  check(same < 0 || std::ranges::none_of(numbers, open),
        "expected known extents beside the 0 for a batch that is merged with an unknown number of rows, got others");
  const int at = batch_axis_of(n, numbers, x, same);
  Target target;
  const Number& samples = numbers[static_cast<std::size_t>(at)];
  if (samples.kind == Kind::batch) target.factor = samples.value;
  if (samples.known() && samples.value > 0) target.factor = samples.value / batch_of(n).value_or(1);
  for (int i = 0; i < static_cast<int>(numbers.size()); ++i) {
    const Number& number = numbers[static_cast<std::size_t>(i)];
    if (i == at) continue;
    check(number.kind != Kind::batch, "expected the batch once, got it on the axes {} and {}", at, i);
    check(!number.known() || number.value == -1 || number.value > 0, "expected extents of at least 1, got {}",
          number.value);
    (i < at ? target.before : target.behind).push_back(number.known() && number.value > 0 ? Extent(number.value) : any);
    target.numbers.push_back(number);
  }
  return target;
}

/// The number of rows if the target is (-1, axes that stay ...): all unknown extents behind -1 are the last unknown
/// ones of the input, in order. Nothing for other targets.
std::optional<Extent> rows_before_named(const ImportNode& n, const Target& target, std::size_t at,
                                        const std::vector<Extent>& behind) {
  if (n.batch().merged() || product(target.behind).known()) return std::nullopt;
  std::vector<Extent> left = behind;
  std::size_t axis = behind.size();
  Extent known(1);
  for (std::size_t i = target.behind.size(); i-- > 0;) {
    if (target.behind[i].known()) {
      known = known * target.behind[i];
      continue;
    }
    while (axis > 0 && behind[axis - 1].known()) --axis;
    const Number& number = target.numbers[target.before.size() + i];
    if (axis == 0 || !n.is_extent(number, static_cast<std::int64_t>(at + axis) - 1)) return std::nullopt;
    left[--axis] = 1;
  }
  return quotient(product(left), known);
}

/// Error unless a target of which nothing says whether it makes rows has the elements of the samples without rows.
void check_without_rows(const std::vector<Extent>& old, const std::vector<Extent>& target) {
  const auto of = [](const std::vector<Extent>& extents) {
    std::int64_t unknown = 0;
    Extent known(1);
    for (const Extent extent : extents) {
      if (extent.known()) known = known * extent;
      if (!extent.known()) ++unknown;
    }
    return std::pair(known, unknown);
  };
  check(of(old) == of(target),
        "expected a target shape that says how many rows each sample has, got ({}) beside the batch for samples ({}); "
        "export the network with fixed extents",
        fmt::join(target, ", "), fmt::join(old, ", "));
}

/// The extents of the rows that the target merges with the batch, (before, behind); 1 if there are none.
std::pair<Extent, Extent> merged_rows(const ImportNode& n, const Target& target, const std::vector<Extent>& before,
                                      const std::vector<Extent>& behind) {
  const Extent left = product(before), right = product(behind);
  const Extent new_left = product(target.before), new_right = product(target.behind);
  Extent rows_before(1), rows_behind(1);
  const bool left_known = (left.known() && new_left.known()) || target.before.empty();
  const bool right_known = (right.known() && new_right.known()) || target.behind.empty();
  if (left_known) rows_before = target.before.empty() ? left : quotient(left, new_left);
  if (right_known) rows_behind = target.behind.empty() ? right : quotient(right, new_right);
  const Extent factor = target.factor ? Extent(*target.factor) : any;
  if (!right_known && factor.known() && rows_before.known()) rows_behind = quotient(factor, rows_before);
  if (!left_known && factor.known() && rows_behind.known()) rows_before = quotient(factor, rows_behind);
  if (!right_known && !factor.known()) {
    const auto before_named = rows_before_named(n, target, before.size(), behind);
    if (before_named) {
      rows_behind = *before_named;
    } else if (before.empty() && new_right.known() && !behind.empty() &&
               new_right == product({behind.begin() + 1, behind.end()})) {
      rows_behind = behind[0];        // steps of an unknown number become rows if the other axes stay
    } else if (!new_right.known()) {  // a known number of elements is checked when the model computes
      check_without_rows(behind, target.behind);
    }
  }
  if (!left_known && !factor.known() && !new_left.known()) check_without_rows(before, target.before);
  check(rows_before == Extent(1) || rows_behind == Extent(1),
        "expected rows in front of the batch or behind it, got both; the model computes each sample separately");
  if (factor.known() && rows_before.known() && rows_behind.known() &&
      rows_before.value() * rows_behind.value() != factor.value()) {
    fail("expected a target shape that keeps the elements of each sample, got one with {} times the batch, and {} rows",
         factor, rows_before.value() * rows_behind.value());
  }
  return {rows_before, rows_behind};
}

/// Reshapes samples of a file with a batch axis, which may be merged with rows, or become merged or separate.
void reshape_samples(ImportNode& n, const ImportValue& x, const std::vector<Number>& numbers, bool allow_zero) {
  check(!numbers.empty(), "expected a target shape with a batch axis, got none");
  Target target = target_of(n, x, numbers, allow_zero);
  const auto [tensor, at] = separate_rows(n, x);
  const std::vector<Extent> all(tensor.shape().begin(), tensor.shape().end());
  const std::vector<Extent> before(all.begin(), all.begin() + at), behind(all.begin() + at, all.end());
  // (steps n, -1) keeps the elements of each step
  const bool open = target.before.empty() && target.behind.size() == 1 && !target.behind[0].known() && at == 0 &&
                    !target.factor && numbers[0].kind == Kind::unknown && behind.size() > 1;
  if (open) target.behind[0] = product({behind.begin() + 1, behind.end()});
  const auto [rows_before, rows_behind] = merged_rows(n, target, before, behind);
  BatchAxis batch{static_cast<int>(target.before.size())};
  if (rows_before != Extent(1)) batch.rows = Rows::before;
  if (rows_behind != Extent(1)) batch.rows = Rows::behind;
  if (batch == BatchAxis() && x.batch == BatchAxis() && target.behind.size() == 1) return flatten_samples(n);
  std::vector<Extent> extents = target.before;
  if (batch.merged()) extents.push_back(batch.rows == Rows::before ? rows_before : rows_behind);
  extents.insert(extents.end(), target.behind.begin(), target.behind.end());
  SymbolicTensor y = n.reshaped(tensor, extents, batch.merged() ? std::vector<Number>{} : target.numbers);
  if (batch.merged() && batch.at > 0) {
    Integers dims{batch.at + 1};
    for (int i = 1; i <= y.shape().rank(); ++i) {
      if (i != batch.at + 1) dims.push_back(i);
    }
    y = n.layer<PermuteLayer>({.dims = dims}, {y});
  }
  n.set(y, false, 0, batch);
}

void reshape_row(ImportNode& n) {
  n.allow_moved_batch();
  const bool allow_zero = n.integer("allowzero", 0) != 0;
  const auto target = n.numbers(1);
  check(target.has_value(), "expected a target shape of integers that do not depend on values, got a tensor");
  if (n.input(0).numbers) {  // a list of integers stays one
    check(target->size() <= 1, "expected a shape to stay a list, got {} axes", target->size());
    return n.graph.set(n.node.output(0), n.input(0));
  }
  check(n.is_tensor(0), "expected a value that depends on the inputs of the model, got a constant");
  if (n.graph.lead() == 1) return reshape_samples(n, n.input(0), *target, allow_zero);
  const std::vector<Extent> old = n.extents(0);
  std::vector<Extent> extents;
  for (std::size_t i = 0; i < target->size(); ++i) {
    const Number& number = (*target)[i];
    if (!number.known() || number.value == -1) {
      extents.push_back(any);
    } else if (number.value == 0 && !allow_zero) {
      check(i < old.size(), "expected 0 for an axis that exists, got it for axis {}", i);
      extents.push_back(old[i]);
    } else {
      check(number.value > 0, "expected extents of at least 1, got {}", number.value);
      extents.emplace_back(number.value);
    }
  }
  n.set(n.reshaped(n.plain(0), extents));
}

}  // namespace

void add_reshape_rows(ImportRows& rows) {
  rows["Flatten"] = flatten;
  rows["Reshape"] = reshape_row;
}

}  // namespace xtape::onnx
