#include <algorithm>
#include <array>

#include "layers/core/embedding.hpp"
#include "layers/operators/operator.hpp"
#include "models/files/onnx/export_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;

Integers part(const Integers& numbers, std::size_t begin, std::size_t count) {
  const auto first = numbers.begin() + static_cast<std::ptrdiff_t>(begin);
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

ExportValue with_arguments(const ExportCall& call, const OperatorLayer::Options& o) {
  ExportGraph& g = call.graph;
  const std::string& function = o.function.value;
  const std::string x = call.plain();
  const std::size_t axes = o.axes.size();
  Integers positive = o.axes;
  for (std::int64_t& axis : positive) axis += axis < 0 ? call.x().shape.rank() + 1 : 0;
  if (function == "Slice") {
    return call.made(g.op("Slice", {x, g.integers(part(o.numbers, 0, axes)), g.integers(part(o.numbers, axes, axes)),
                                    g.integers(positive), g.integers(part(o.numbers, 2 * axes, axes))}));
  }
  // OpenVINO ignores the axes of these two reductions in opset 17.
  if (function == "ReduceL1") return call.made(g.reduce("ReduceSum", g.op("Abs", {x}), positive, o.keep_dims));
  if (function == "ReduceLogSumExp") {
    const std::string largest = g.reduce("ReduceMax", x, positive, true);
    const std::string sum = g.reduce("ReduceSum", g.op("Exp", {g.op("Sub", {x, largest})}), positive, true);
    const std::string y = g.op("Add", {g.op("Log", {sum}), largest});
    return call.made(o.keep_dims ? y : g.op("Squeeze", {y, g.integers(positive)}));
  }
  if (function.starts_with("Reduce")) return call.made(g.reduce(function, x, positive, o.keep_dims));
  if (function == "Gather") return call.made(g.op(function, {x, g.integers(o.numbers)}, {{"axis", positive[0]}}));
  if (function == "Softmax" || function == "LogSoftmax") return call.made(g.op(function, {x}, {{"axis", positive[0]}}));
  if (function == "CumSum") {
    const Tensor axis = Tensor::of(Shape{}, positive);
    return call.made(g.op(function, {x, g.constant(fmt::format("axis_{}", positive[0]), axis)}));
  }
  Integers numbers = o.numbers;
  if (function == "Pad") {
    numbers.insert(numbers.begin() + std::ssize(numbers) / 2, 0);
    numbers.insert(numbers.begin(), 0);
    return call.made(g.op(function, {x, g.integers(numbers), g.number(o.value.value_or(0))}));
  }
  if (function == "Reshape") {
    numbers.insert(numbers.begin(), 0);
    return call.made(g.op(function, {x, g.integers(numbers)}));
  }
  std::string operand = x;
  if (function == "Expand") {
    operand = g.with_rank(call.x(), static_cast<int>(numbers.size()) + 1);
  }
  numbers.insert(numbers.begin(), 1);
  return call.made(g.op(function, {operand, g.integers(numbers)}));  // Expand or Tile
}

ExportValue operator_layer(const ExportCall& call) {
  const auto& o = static_cast<const OperatorLayer&>(call.layer).options();
  ExportGraph& g = call.graph;
  const std::string& function = o.function.value;
  if (function == "Constant") {
    const std::string samples = g.op("Shape", {call.x().name}, {{"start", 0}, {"end", 1}});
    const Tensor value = call.value("constant");
    std::string constant = g.parameter("constant", value.reshaped(Shape(PartialShape(value.shape()).prepended(1))));
    std::vector<std::string> shape(o.constant_shape->size() + 1);
    shape[0] = samples;
    for (std::size_t i = 0; i < o.axes.size(); ++i) {
      const std::int64_t axis = o.axes[i] < 0 ? o.axes[i] + call.x().shape.rank() + 1 : o.axes[i];
      const std::string extent = g.op("Shape", {call.plain()}, {{"start", axis}, {"end", axis + 1}});
      constant = g.op("Slice", {constant, g.integers({0}), extent, g.integers({o.numbers[i] + 1})});
      shape[static_cast<std::size_t>(o.numbers[i]) + 1] = extent;
    }
    for (std::size_t i = 1; i < shape.size(); ++i) {
      if (shape[i].empty()) shape[i] = g.integers({(*o.constant_shape)[i - 1]});
    }
    return call.made(g.op("Expand", {constant, g.op("Concat", shape, {{"axis", 0}})}));
  }
  if (function == "ReshapeLike") {
    const std::string like = g.plain(call.inputs[1]);
    const auto extent = [&](const std::string& x, std::int64_t axis) {
      return g.op("Shape", {x}, {{"start", axis}, {"end", axis + 1}});
    };
    std::vector<std::string> target{extent(like, 0)};
    auto axis = o.axes.begin();
    for (const std::int64_t number : o.numbers) {
      if (number != 0) {
        target.push_back(g.integers({number}));
        continue;
      }
      target.push_back(extent(like, *axis < 0 ? *axis + call.inputs[1].shape.rank() + 1 : *axis));
      ++axis;
    }
    return call.made(g.op("Reshape", {call.plain(), g.op("Concat", target, {{"axis", 0}})}));
  }
  static constexpr std::array arguments{"Slice", "Gather",  "Softmax", "LogSoftmax", "CumSum",
                                        "Pad",   "Reshape", "Expand",  "Tile"};
  if (function.starts_with("Reduce") || std::ranges::find(arguments, function) != arguments.end()) {
    return with_arguments(call, o);
  }
  int rank = o.constant_shape ? static_cast<int>(o.constant_shape->size()) + 1 : 0;
  for (const ExportValue& value : call.inputs) rank = std::max(rank, value.shape.rank() + 1);
  std::vector<std::string> operands;
  for (const ExportValue& value : call.inputs) {
    operands.push_back(function == "MatMul" ? g.plain(value) : g.with_rank(value, rank));
  }
  std::string constant;
  if (o.constant_shape) constant = g.parameter("constant", call.value("constant"));
  if (o.value) constant = g.number(*o.value);
  const bool selects = function == "Where";
  if (!constant.empty()) {
    operands.insert(o.value_first ? operands.begin() + (selects ? 1 : 0) : operands.end(), constant);
  }
  const auto cast = [&](const std::string& x, std::int64_t type) { return g.op("Cast", {x}, {{"to", type}}); };
  if (selects) operands[0] = cast(operands[0], xtape_onnx::TensorProto::BOOL);
  const std::string y = g.op(function, operands);
  return call.made(function == "Greater" || function == "Less" ? cast(y, xtape_onnx::TensorProto::FLOAT) : y);
}

ExportValue embedding_layer(const ExportCall& call) {
  const std::string table = call.graph.parameter("embeddings", call.value("embeddings"));
  return call.made(call.graph.op("Gather", {table, call.plain()}));
}

}  // namespace

void add_operator_rows(ExportRows& rows) {
  rows["Operator"] = operator_layer;
  rows["Embedding"] = embedding_layer;
}

}  // namespace xtape::onnx
