#include <algorithm>

#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;

void reduce(ImportNode& n) {
  n.allow_moved_batch();
  const bool keep = n.integer("keepdims", 1) != 0;
  Integers given = n.integers_of("axes", 1).value_or(Integers{});
  const bool nothing = given.empty() && n.integer("noop_with_empty_axes", 0) != 0;
  n.ignore("noop_with_empty_axes");
  check(n.is_tensor(0), "expected a value that depends on the inputs of the model, got a constant");
  const ImportValue& x = n.input(0);
  if (nothing) {
    const ImportValue copy = x;
    return n.graph.set(n.node.output(0), copy);
  }
  const int rank = n.rank(0);
  if (given.empty()) {
    for (int i = 0; i < rank; ++i) given.push_back(i);
  }
  Integers axes;
  BatchAxis batch = x.batch;
  for (const std::int64_t axis : given) {
    axes.push_back(n.axis_of(axis, rank, x.channels_last));
    if (!keep && (axis < 0 ? axis + rank : axis) < x.batch.at) --batch.at;
  }
  std::ranges::sort(axes);
  const SymbolicTensor source = x.flat_of ? n.plain(0) : *x.tensor;
  if (n.node.op_type() == "ReduceMean" && x.channels_last && !keep && axes == Integers{1, 2} && rank == 4) {
    return n.set(n.layer<GlobalAveragePooling2DLayer>({}, {source}));
  }
  const bool channels_left = axes.back() != source.shape().rank();
  const std::int64_t left = source.shape().rank() - std::ssize(axes);
  const bool last = x.channels_last && (keep || (channels_left && left > 1));
  n.set(n.operation({.function = n.node.op_type(), .axes = axes, .keep_dims = keep}, {source}), last, 0, batch);
}

/// Softmax over one axis since opset 13, and over all axes from the given one before.
void softmax_row(ImportNode& n) {
  n.allow_moved_batch();
  check(n.is_tensor(0), "expected a value that depends on the inputs of the model, got a constant");
  const bool old = n.graph.opset() < 13, log = n.node.op_type() == "LogSoftmax";
  const int rank = n.rank(0);
  const std::int64_t axis = n.integer("axis", old ? 1 : -1), first = axis < 0 ? axis + rank : axis;
  check(first >= 0 && first < rank, "axis: expected an axis below {}, got {}", rank, axis);
  const ImportValue& x = n.input(0);
  const auto along = [&](const SymbolicTensor& source, std::int64_t of_sample) {
    if (log) return n.operation({.function = std::string("LogSoftmax"), .axes = {of_sample}}, {source});
    return n.layer<SoftmaxLayer>({.axis = static_cast<int>(of_sample)}, {source});
  };
  if (!old || first == rank - 1) {
    const SymbolicTensor source = x.flat_of ? n.plain(0) : *x.tensor;
    return n.graph.set(n.node.output(0), {.tensor = along(source, n.axis_of(axis, rank, x.channels_last)),
                                          .channels_last = x.channels_last,
                                          .batch = x.batch});
  }
  check(x.batch == BatchAxis(), "expected the batch on the first axis, got it on axis {}", x.batch.at);
  const int lead = n.graph.lead();
  check(first >= lead, "axis: expected an axis of samples, got the batch axis");
  const std::vector<Extent> extents = n.extents(0);
  Integers merged, restored;
  std::int64_t last = 1;
  for (int i = lead; i < rank; ++i) {
    const Extent extent = extents[static_cast<std::size_t>(i - lead)];
    check(extent.known(), "expected known extents, got an unknown one");
    restored.push_back(extent.value());
    if (i < first) merged.push_back(extent.value());
    if (i >= first) last *= extent.value();
  }
  merged.push_back(last);
  const SymbolicTensor flat = n.layer<ReshapeLayer>({.target_shape = merged}, {n.plain(0)});
  n.set(n.layer<ReshapeLayer>({.target_shape = restored}, {along(flat, std::ssize(merged))}));
}

void cumulative_sum(ImportNode& n) {
  const bool exclusive = n.integer("exclusive", 0) != 0, reverse = n.integer("reverse", 0) != 0;
  const Integers axis = n.constant_integers(1);
  check(axis.size() == 1, "expected one axis, got {}", axis.size());
  const ImportValue& x = n.input(0);
  const std::int64_t of_sample = n.axis_of(axis[0], n.rank(0), x.channels_last);
  constexpr std::int64_t end = -((std::int64_t{1} << 31) - 1);
  const auto turned = [&](const SymbolicTensor& tensor) {
    if (!reverse) return tensor;
    return n.operation({.function = std::string("Slice"), .axes = {of_sample}, .numbers = {-1, end, -1}}, {tensor});
  };
  const SymbolicTensor source = turned(x.flat_of ? n.plain(0) : *x.tensor);
  SymbolicTensor sums = n.operation({.function = std::string("CumSum"), .axes = {of_sample}}, {source});
  if (exclusive) sums = n.layer<SubtractLayer>({}, {sums, source});
  n.set(turned(sums), x.channels_last);
}

}  // namespace

void add_reduction_rows(ImportRows& rows) {
  for (const char* type : {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
                           "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"}) {
    rows[type] = reduce;
  }
  rows["Softmax"] = softmax_row;
  rows["LogSoftmax"] = softmax_row;
  rows["CumSum"] = cumulative_sum;
}

}  // namespace xtape::onnx
