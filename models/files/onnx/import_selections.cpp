#include <algorithm>
#include <fmt/ranges.h>
#include <numeric>

#include "framework/io/utf8.hpp"
#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;

/// A constant with a batch axis of extent 1, in a file with a batch of 1, as a tensor.
ImportValue each_sample(ImportNode& n, int i, BatchAxis batch) {
  const ImportValue& value = n.input(i);
  const bool lead = n.graph.lead() == 1;
  check(value.constant && (!lead || (n.graph.batch() == 1 && value.constant->rank() > batch.at &&
                                     value.constant->dim(batch.at) == 1 && !batch.merged())),
        "expected inputs that depend on the inputs of the model, got a constant as input {}", i + 1);
  const Tensor constant = lead ? value.constant->reshaped(value.constant->shape().without(batch.at)) : *value.constant;
  return {.tensor = n.for_each_sample(constant, value.parameter), .batch = batch};
}

void concat(ImportNode& n) {
  const std::int64_t given = n.integer("axis", n.graph.opset() < 4 ? 1 : 0);
  n.allow_moved_batch(n.node.input_size());
  bool tensors = false;
  for (int i = 0; i < n.node.input_size(); ++i) tensors = tensors || n.is_tensor(i);
  if (!tensors) {
    std::vector<Number> all;
    for (int i = 0; i < n.node.input_size(); ++i) {
      const auto part = n.numbers(i);
      check(part.has_value() && (given == 0 || given == -1),
            "expected lists of integers along axis 0, got {} and axis {}", part ? "a list" : "another input", given);
      all.insert(all.end(), part->begin(), part->end());
    }
    return n.set_numbers(all);
  }
  const BatchAxis batch = n.common_batch();
  bool last = false;
  std::vector<ImportValue> values;
  for (int i = 0; i < n.node.input_size(); ++i) {
    values.push_back(n.is_tensor(i) ? n.input(i) : each_sample(n, i, batch));
    last = last || values.back().channels_last;
  }
  std::vector<SymbolicTensor> inputs;
  const int sample_rank = values[0].tensor->shape().rank();
  for (const ImportValue& value : values) {
    check(value.tensor->shape().rank() == sample_rank, "expected inputs with the same number of axes, got {} and {}",
          sample_rank + 1, value.tensor->shape().rank() + 1);
    inputs.push_back(last ? n.images(value) : n.plain(value));
  }
  const int rank = sample_rank + n.graph.lead() - (batch.merged() ? 1 : 0);
  const int axis = static_cast<int>(n.axis_of(given, rank, last, batch));
  n.set(inputs.size() == 1 ? inputs[0] : n.layer<ConcatenateLayer>({.axis = axis}, inputs), last, 0, batch);
}

/// The tensor whose axes are those of the input, flattened images excepted.
SymbolicTensor source_of(ImportNode& n) { return n.input(0).flat_of ? n.plain(0) : *n.input(0).tensor; }

void split_row(ImportNode& n) {
  n.allow_moved_batch();
  check(n.is_tensor(0), "expected a value that depends on the inputs of the model, got a constant");
  const int rank = n.rank(0);
  const std::int64_t given = n.integer("axis", 0);
  const bool last = n.input(0).channels_last;
  const std::int64_t axis = n.axis_of(given, rank, last);
  const Extent extent = n.input(0).tensor->shape()[static_cast<int>(axis) - 1];
  const int parts = n.node.output_size();
  n.integer("num_outputs", parts);
  Integers sizes = n.integers_of("split", 1).value_or(Integers{});
  if (sizes.empty()) {
    check(extent.known(), "expected sizes, or a known extent");
    const std::int64_t size = (extent.value() + parts - 1) / parts;
    for (int i = 0; i < parts; ++i) sizes.push_back(std::clamp<std::int64_t>(extent.value() - i * size, 0, size));
  }
  std::int64_t total = 0;
  for (const std::int64_t size : sizes) {
    check(size >= 0 && size <= (std::int64_t{1} << 30), "expected sizes of 0 to 2^30, got {}", size);
    total += size;
  }
  check(std::ssize(sizes) == parts && (!extent.known() || extent == Extent(total)),
        "expected sizes of {} parts that add up to {}, got ({})", parts, extent, fmt::join(sizes, ", "));
  const SymbolicTensor x = source_of(n);
  std::int64_t begin = 0;
  for (int i = 0; i < parts; ++i) {
    const std::int64_t end = begin + sizes[static_cast<std::size_t>(i)];
    const SymbolicTensor part = n.slice(x, axis, begin, end);
    n.graph.set(n.node.output(i), {.tensor = part, .channels_last = last, .batch = n.batch()});
    begin = end;
  }
}

/// The first elements of a constant, as many as an unknown extent of another value says, as a positional embedding that
/// is cut to the width of an image. Nothing if the node is another slice.
std::optional<ImportValue> cut_constant(ImportNode& n) {
  if (n.graph.opset() < 10 || !n.has_input(2) || !n.input(0).constant) return std::nullopt;
  const auto ends = n.numbers(2);
  if (!ends || ends->size() != 1 || ends->front().kind != Number::Kind::unknown) return std::nullopt;
  const ImportValue& x = n.input(0);
  const Integers axes = n.has_input(3) ? n.constant_integers(3) : Integers{0};
  const Integers steps = n.has_input(4) ? n.constant_integers(4) : Integers{1};
  const int rank = x.constant->rank(), lead = n.graph.lead();
  const Integers begins = n.constant_integers(1);
  check(axes.size() == 1 && axes[0] >= -rank && axes[0] < rank && steps == Integers{1} && begins == Integers{0},
        "expected a slice of one axis from its begin with step 1, got axes {}, begins {} and steps {}",
        fmt::join(axes, " "), fmt::join(begins, " "), fmt::join(steps, " "));
  const std::int64_t axis = axes[0] < 0 ? axes[0] + rank : axes[0];
  check(lead == 0 || (axis > 0 && x.constant->dim(0) == 1),
        "expected a constant with a batch axis of extent 1, of which another axis is cut, got {}", x.constant->shape());
  const Tensor constant = lead == 1 ? x.constant->reshaped(x.constant->shape().without(0)) : *x.constant;
  return ImportValue{.tensor = n.for_each_sample(constant, x.parameter, ends->front(), axis - lead)};
}

void slice_row(ImportNode& n) {
  n.allow_moved_batch();
  if (const auto cut = cut_constant(n)) return n.graph.set(n.node.output(0), *cut);
  const auto starts = n.integers_of("starts", 1), ends = n.integers_of("ends", 2);
  check(starts && ends && starts->size() == ends->size(), "expected as many starts as ends");
  Integers axes = n.integers_of("axes", 3).value_or(Integers{});
  if (axes.empty()) {
    for (std::size_t i = 0; i < starts->size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  const Integers steps = n.has_input(4) ? n.constant_integers(4) : Integers(axes.size(), 1);
  check(axes.size() == starts->size() && steps.size() == axes.size(), "expected an axis and a step for each start");
  if (!n.is_tensor(0)) {
    const auto list = n.numbers(0);
    check(list && axes.size() == 1 && (axes[0] == 0 || axes[0] == -1) && steps[0] == 1,
          "expected a slice of a list with step 1, got axes {} and steps {}", fmt::join(axes, " "),
          fmt::join(steps, " "));
    const std::int64_t size = std::ssize(*list);
    const auto clamped = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
    const std::int64_t begin = clamped((*starts)[0]), end = std::max(begin, clamped((*ends)[0]));
    return n.set_numbers({list->begin() + begin, list->begin() + end});
  }
  const bool last = n.input(0).channels_last;
  const int rank = n.rank(0);
  Integers sample_axes, first, behind, stride;
  constexpr std::int64_t most = ImportNode::largest;
  const auto limited = [most](std::int64_t at) { return std::clamp(at, -most, most); };
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const bool everything = (*starts)[i] == 0 && steps[i] == 1 && (*ends)[i] >= most;
    if (everything && (axes[i] == n.batch().at || axes[i] == n.batch().at - rank) && n.graph.lead() == 1) continue;
    sample_axes.push_back(n.axis_of(axes[i], rank, last));
    first.push_back(limited((*starts)[i]));
    behind.push_back(limited((*ends)[i]));
    stride.push_back(limited(steps[i]));
  }
  Integers numbers = first;
  numbers.insert(numbers.end(), behind.begin(), behind.end());
  numbers.insert(numbers.end(), stride.begin(), stride.end());
  n.set(n.operation({.function = std::string("Slice"), .axes = sample_axes, .numbers = numbers}, {source_of(n)}), last,
        0, n.batch());
}

/// Some numbers of a list.
void gather_numbers(ImportNode& n, const std::vector<Number>& list) {
  const Tensor indices = n.constant(1);
  check(indices.dtype() == DType::int64 && indices.rank() <= 1, "expected positions in a list, got {}",
        indices.shape());
  std::vector<Number> result;
  const std::int64_t extent = std::ssize(list);
  for (const std::int64_t at : indices.to_vector<std::int64_t>()) {
    check(at >= -extent && at < extent, "expected positions in [{}, {}), got {}", -extent, extent, at);
    result.push_back(list[static_cast<std::size_t>(at < 0 ? at + extent : at)]);
  }
  n.set_numbers(result);
}

/// Elements of all axes of each sample, from a flattened batch: what PyTorch writes for as_strided(). The first axis of
/// the positions is the batch. In a file with a batch of 1 they are constants, otherwise those of the first sample, and
/// those of the next one are larger by `step`. False if the node is another gather.
bool gather_of_all_axes(ImportNode& n, std::int64_t axis, const Tensor& positions, std::optional<std::int64_t> step) {
  if (!n.batch().merged() || n.rank(0) != 1 || (axis != 0 && axis != -1)) return false;
  if (positions.rank() < 2 || positions.dim(0) != 1) return false;
  SymbolicTensor x = n.plain(0);
  const bool of_sample = step ? n.batch().rows == Rows::behind && x.shape()[0].known() && x.shape()[0].value() == *step
                              : n.graph.batch() == 1;
  if (!of_sample) return false;
  const Integers numbers = positions.to_vector<std::int64_t>();
  const bool own = !step || std::ranges::all_of(numbers, [&](std::int64_t at) { return at >= 0 && at < *step; });
  check(own, "expected positions of elements of the same sample, got others");
  Integers all(numbers.size());
  std::iota(all.begin(), all.end(), 0);
  if (x.shape()[0] != Extent(std::ssize(all)) || numbers != all)
    x = n.operation({.function = std::string("Gather"), .axes = {1}, .numbers = numbers}, {x});
  const Integers extents(positions.shape().begin() + 1, positions.shape().end());
  n.set(n.layer<ReshapeLayer>({.target_shape = extents}, {x}));
  return true;
}

void gather(ImportNode& n) {
  n.allow_moved_batch();
  const std::int64_t given = n.integer("axis", 0);
  if (!n.is_tensor(0)) {
    if (!n.is_tensor(1)) {
      const auto list = n.numbers(0);
      check(list && (given == 0 || given == -1), "expected a list of integers, got another constant");
      return gather_numbers(n, *list);
    }
    const Tensor table = n.constant(0);
    check(given == 0 && table.rank() >= 1 && table.size() > 0 && is_floating(table.dtype()),
          "expected rows of a table, got rows of {} along axis {}", table.dtype(), given);
    const SymbolicTensor tokens = n.plain(1);
    const Tensor rows = table.reshaped({table.dim(0), -1});
    const SymbolicTensor y = n.layer<EmbeddingLayer>({.input_dim = rows.dim(0), .output_dim = rows.dim(1)}, {tokens},
                                                     {{"embeddings", rows}});
    if (table.rank() == 2) return n.set(y);
    std::vector<Extent> extents(tokens.shape().begin(), tokens.shape().end());
    for (int i = 1; i < table.rank(); ++i) extents.emplace_back(table.dim(i));
    return n.set(n.reshaped(y, extents));
  }
  if (const auto& positions = n.input(1).positions) {
    const bool read = gather_of_all_axes(n, given, positions->of_first, positions->step);
    check(read, "expected positions in samples that are flattened with the batch, got others");
    return;
  }
  const Tensor indices = n.constant(1);
  check(indices.dtype() == DType::int64, "expected integers as positions, got {}", indices.dtype());
  if (gather_of_all_axes(n, given, indices, std::nullopt)) return;
  const bool last = n.input(0).channels_last && indices.rank() == 1;
  const SymbolicTensor source = last ? source_of(n) : n.plain(0);
  const std::int64_t axis = n.axis_of(given, n.rank(0), last);
  const SymbolicTensor y = n.operation(
      {.function = std::string("Gather"), .axes = {axis}, .numbers = indices.to_vector<std::int64_t>()}, {source});
  BatchAxis batch = n.batch();
  if (indices.rank() == 1) return n.set(y, last, 0, batch);
  if (indices.rank() == 0) {  // the sum over one element removes the axis
    if ((given < 0 ? given + n.rank(0) : given) < batch.at) --batch.at;
    return n.set(n.operation({.function = std::string("ReduceSum"), .axes = {axis}}, {y}), false, 0, batch);
  }
  check(batch == BatchAxis(), "expected the batch on the first axis, got it on axis {}", batch.at);
  Integers extents;
  for (int i = 1; i <= y.shape().rank(); ++i) {
    const Extent extent = y.shape()[i - 1];
    check(extent.known(), "expected known extents, got an unknown one");
    if (i != axis) {
      extents.push_back(extent.value());
    } else {
      for (int j = 0; j < indices.rank(); ++j) extents.push_back(indices.dim(j));
    }
  }
  n.set(n.layer<ReshapeLayer>({.target_shape = extents}, {y}));
}

/// Puts copies of elements around an axis, counted from 1: of the last one (edge), or mirrored (reflect), or from the
/// other end (wrap).
SymbolicTensor copied_around(ImportNode& n, const SymbolicTensor& x, std::int64_t axis, std::int64_t before,
                             std::int64_t behind, const std::string& mode) {
  const Extent extent = x.shape()[static_cast<int>(axis) - 1];
  check(before <= (1 << 16) && behind <= (1 << 16), "pads: expected at most 2^16 elements, got {} and {}", before,
        behind);
  const std::int64_t needed = mode == "edge" ? 1 : std::max(before, behind) + (mode == "reflect" ? 1 : 0);
  check(!extent.known() || extent.value() >= needed, "pads: expected an extent of at least {}, got {}", needed, extent);
  const auto entries = [&](std::int64_t count, auto position) {
    Integers numbers;
    for (std::int64_t i = 0; i < count; ++i) numbers.push_back(position(i));
    return n.operation({.function = std::string("Gather"), .axes = {axis}, .numbers = numbers}, {x});
  };
  std::vector<SymbolicTensor> parts;
  if (before > 0) {
    parts.push_back(entries(before, [&](std::int64_t i) {
      return mode == "edge" ? 0 : mode == "reflect" ? before - i : i - before;
    }));
  }
  parts.push_back(x);
  if (behind > 0) {
    parts.push_back(entries(behind, [&](std::int64_t i) {
      return mode == "edge" ? -1 : mode == "reflect" ? -2 - i : i;
    }));
  }
  return parts.size() == 1 ? x : n.layer<ConcatenateLayer>({.axis = static_cast<int>(axis)}, parts);
}

void pad_row(ImportNode& n) {
  const std::string mode = n.text("mode", "constant");
  check(mode == "constant" || mode == "edge" || mode == "reflect" || mode == "wrap",
        "mode: expected constant, edge, reflect or wrap, got {:.60}", visible(mode));
  const Integers pads = n.integers_of("pads", 1).value_or(Integers{});
  const double value = n.graph.opset() < 11 ? n.number("value", 0) : n.has_input(2) ? n.constant(2).item() : 0;
  const int rank = n.rank(0), lead = n.graph.lead();
  Integers file_axes;
  for (int i = 0; i < rank; ++i) file_axes.push_back(i);
  if (n.has_input(3)) file_axes = n.constant_integers(3);
  check(pads.size() == 2 * file_axes.size(), "pads: expected {} numbers, got {}", 2 * file_axes.size(), pads.size());
  check(std::ranges::all_of(pads, [](std::int64_t i) { return i >= -(1 << 30) && i <= (1 << 30); }),
        "pads: expected numbers of -2^30 to 2^30, got ({})", fmt::join(pads, ", "));
  const bool last = n.input(0).channels_last;
  SymbolicTensor x = source_of(n);
  const auto axes = static_cast<std::size_t>(rank - lead);
  Integers numbers(2 * axes);
  for (std::size_t i = 0; i < file_axes.size(); ++i) {
    const std::int64_t given = file_axes[i], before = pads[i], behind = pads[file_axes.size() + i];
    if (before == 0 && behind == 0) continue;
    const std::int64_t axis = n.axis_of(given, rank, last);
    if (before < 0 || behind < 0) {
      x = n.slice(x, axis, std::max<std::int64_t>(-before, 0),
                  ImportNode::from_end(std::max<std::int64_t>(-behind, 0)));
    }
    numbers[static_cast<std::size_t>(axis) - 1] = std::max<std::int64_t>(before, 0);
    numbers[axes + static_cast<std::size_t>(axis) - 1] = std::max<std::int64_t>(behind, 0);
  }
  if (mode != "constant") {
    for (std::size_t i = 0; i < axes; ++i) {
      x = copied_around(n, x, static_cast<std::int64_t>(i) + 1, numbers[i], numbers[axes + i], mode);
    }
    return n.set(x, last);
  }
  if (last && axes == 3 && value == 0 && numbers[2] == 0 && numbers[5] == 0) {
    const Padding padding(numbers[0], numbers[3], numbers[1], numbers[4]);
    return n.set(n.layer<ZeroPadding2DLayer>({.padding = padding}, {x}), true);
  }
  n.set(n.operation({.function = std::string("Pad"), .numbers = numbers, .value = value}, {x}), last);
}

}  // namespace

void add_selection_rows(ImportRows& rows) {
  rows["Concat"] = concat;
  rows["Split"] = split_row;
  rows["Slice"] = slice_row;
  rows["Gather"] = gather;
  rows["Pad"] = pad_row;
}

}  // namespace xtape::onnx
