// load_onnx(): operators that read values whose batch is on another axis than the first.
#include <functional>

#include "framework/ops/ops.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// A file that transposes x (samples, 2, 4) to (2, samples, 4), computes a node from that, and transposes the result.
Model model_of(const std::string& type, const Names& inputs, const std::function<void(xtape_onnx::NodeProto&)>& set) {
  const TemporaryFolder folder;
  return load_onnx(file_with(folder, "Transpose", [&](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    file.mutable_opset_import(0)->set_version(20);
    auto& shape = *graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.mutable_dim(1)->set_dim_value(2);
    shape.add_dim()->set_dim_value(4);
    set_order(*graph.mutable_node(0), {1, 0, 2});
    add_constant(graph, "zero", {1}, {0});
    add_constant(graph, "one", {1}, {1});
    add_constant(graph, "two", {1}, {2});
    add_constant(graph, "sides", {2}, {0, 2});
    add_constant(graph, "parts", {2}, {1, 1});
    add_constant(graph, "half", {4});
    add_constant(graph, "kernel", {4, 3});
    set(add_node(graph, type, inputs, "z"));
    set_order(add_node(graph, "Transpose", {"z"}, "result"), {1, 0, 2});
    graph.mutable_output(0)->set_name("result");
  }));
}

struct MovedRow {
  std::string type;
  Names inputs;
  std::function<void(xtape_onnx::NodeProto&)> set;
  /// What the operator does to x (samples, 2, 4), of which it reads the transposed array (2, samples, 4).
  std::function<Variable(const Variable&)> expected;
};

}  // namespace

TEST_CASE("operators that do not mix samples read a batch on the second axis, and leave it there") {
  const auto nothing = [](auto&) {};
  const auto last_axis = [](xtape_onnx::NodeProto& node) { set_number(node, "axis", -1); };
  const auto first_axis = [](xtape_onnx::NodeProto& node) { set_number(node, "axis", 0); };
  const auto same = [](const Variable& x) { return x; };
  const auto to_float = [](xtape_onnx::NodeProto& node) { set_number(node, "to", xtape_onnx::TensorProto::FLOAT); };
  const auto largest = [](const Variable& x) { return max(x, {1, 2}, true); };
  const auto joined = [](const Variable& x) { return concatenate({x, x}, 1); };
  const auto second = [](const Variable& x) { return take(x, Tensor::labels({1}), 1); };
  const auto product = [](const Variable& x) { return matmul(x, Tensor::full({4, 3}, 0.5)); };
  const auto normalized = [](const Variable& x) { return layer_norm(x, Variable(Tensor::full({4}, 0.5)), {}, 1e-5); };
  const std::vector<MovedRow> rows{
      {"Identity", {"y"}, nothing, same},
      {"Cast", {"y"}, to_float, same},
      {"Sum", {"y", "y", "y"}, nothing, [](const Variable& x) { return 3.0 * x; }},
      {"Mul", {"y", "y"}, nothing, [](const Variable& x) { return square(x); }},
      {"Softmax", {"y"}, last_axis, [](const Variable& x) { return softmax(x, 2); }},
      {"Softmax", {"y"}, first_axis, [](const Variable& x) { return softmax(x, 1); }},
      {"LayerNormalization", {"y", "half"}, last_axis, normalized},
      {"ReduceMax", {"y", "sides"}, nothing, largest},
      {"Concat", {"y", "y"}, first_axis, joined},
      {"Gather", {"y", "one"}, first_axis, second},
      {"Slice", {"y", "one", "two", "zero"}, nothing, second},
      {"MatMul", {"y", "kernel"}, nothing, product},
  };
  const Tensor x = RandomStream(1).normal({3, 2, 4});
  for (const MovedRow& row : rows) {
    INFO(row.type);
    const Tensor y = run(model_of(row.type, row.inputs, row.set), x)[0].value();
    CHECK(largest_difference(y, row.expected(x).value()) < 1e-6);
  }
}

TEST_CASE("Split reads a batch on the second axis, and leaves it there in each part") {
  const Tensor x = RandomStream(1).normal({3, 2, 4});
  for (const std::int64_t at : {0, 1}) {
    const Model model = model_of("Split", {"y", "parts"}, [&](xtape_onnx::NodeProto& node) {
      set_number(node, "axis", 0);
      node.set_output(0, at == 0 ? "z" : "other");
      node.add_output(at == 0 ? "other" : "z");
    });
    CHECK(identical(run(model, x)[0].value(), take(x, Tensor::labels({at}), 1).value()));
  }
}

TEST_CASE("functions of elements read a batch on the second axis, and leave it there") {
  const TemporaryFolder folder;
  const Tensor x = RandomStream(1).uniform({3, 2, 4}, 0.1, 2);
  for (const char* type : {"Abs",      "Celu",       "Clip",        "Cos",       "Dropout",        "Elu",     "Erf",
                           "Exp",      "Gelu",       "HardSigmoid", "HardSwish", "LeakyRelu",      "Log",     "Mish",
                           "Neg",      "Reciprocal", "Relu",        "Selu",      "Shrink",         "Sigmoid", "Sin",
                           "Softplus", "Softsign",   "Sqrt",        "Tanh",      "ThresholdedRelu"}) {
    INFO(type);
    const Model one_row = load_onnx(file_with(folder, type, [](xtape_onnx::ModelProto& file) {
      file.mutable_opset_import(0)->set_version(20);
      auto& input = *file.mutable_graph()->mutable_input(0)->mutable_type();
      input.mutable_tensor_type()->mutable_shape()->mutable_dim(1)->set_dim_value(8);
    }));
    const Tensor expected = run(one_row, x.reshaped({3, 8}))[0].value().reshaped({3, 2, 4});
    CHECK(identical(run(model_of(type, {"y"}, [](auto&) {}), x)[0].value(), expected));
  }
}

TEST_CASE("Dropout and Slice read a batch that is merged with another axis") {
  const TemporaryFolder folder;
  const Tensor x = RandomStream(1).normal({3, 2, 4});
  for (const bool cut : {false, true}) {
    const Model model = load_onnx(file_with(folder, "Reshape", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = *graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
      shape.mutable_dim(1)->set_dim_value(2);
      shape.add_dim()->set_dim_value(4);
      add_constant(graph, "rows", {2}, {-1, 4});
      add_constant(graph, "one", {1}, {1});
      add_constant(graph, "two", {1}, {2});
      add_constant(graph, "separate", {3}, {-1, 2, cut ? 1 : 4});
      graph.mutable_node(0)->add_input("rows");
      add_node(graph, cut ? "Slice" : "Dropout", cut ? Names{"y", "one", "two", "one"} : Names{"y"}, "z");
      add_node(graph, "Reshape", {"z", "separate"}, "result");
      graph.mutable_output(0)->set_name("result");
    }));
    const Tensor expected = cut ? take(x, Tensor::labels({1}), 2).value() : x;
    CHECK(identical(run(model, x)[0].value(), expected));
  }
}
