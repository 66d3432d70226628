// load_onnx(): If, whose condition is known when the file is read.
#include "framework/io/safetensors.hpp"
#include "framework/ops/manipulation.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/one_node.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// A branch of the tested node, which has one node of the given type that reads x.
xtape_onnx::GraphProto& set_branch(xtape_onnx::ModelProto& file, const std::string& name, const std::string& type) {
  auto& attribute = *file.mutable_graph()->mutable_node(1)->add_attribute();
  attribute.set_name(name);
  attribute.set_type(xtape_onnx::AttributeProto::GRAPH);
  auto& branch = *attribute.mutable_g();
  add_node(branch, type, {"x"}, name + " output");
  branch.add_output()->set_name(name + " output");
  return branch;
}

/// If on the given value, with Relu and Neg as its branches.
xtape_onnx::ModelProto file_of_condition(const std::string& condition) {
  auto file = file_of_node("If", {condition});
  add_constant(*file.mutable_graph(), "one", {1}, {1});
  add_constant(*file.mutable_graph(), "zero", {1}, {0});
  set_branch(file, "then_branch", "Relu");
  set_branch(file, "else_branch", "Neg");
  return file;
}

Tensor output_of(const xtape_onnx::ModelProto& file, const Tensor& x) {
  return run(onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model(), x)[0].value();
}

}  // namespace

TEST_CASE("a network with conditions on extents gives the outputs of onnxruntime") {
  std::map<std::string, Tensor> arrays;
  const auto goldens = source_root() / "tests/onnx";
  for (const auto& [key, tensor] : load_safetensors(goldens / "conditions.safetensors").tensors) arrays[key] = tensor;
  const Model model = load_onnx(goldens / "conditions.onnx");
  CHECK(model.input_shape() == PartialShape{8, 10, 3});  // a Conv in a branch and one outside read images
  const auto images = [](const Tensor& x, const std::vector<int>& axes) {
    return transpose(Variable(x), axes).value();
  };
  const auto outputs = run(model, images(arrays["input_0"], {0, 2, 3, 1}));
  REQUIRE(outputs.size() == 3);
  CHECK(largest_difference(images(outputs[0].value(), {0, 3, 1, 2}), arrays["output_0"]) < 1e-5);
  CHECK(largest_difference(outputs[1].value(), arrays["output_1"]) < 1e-5);
  CHECK(largest_difference(outputs[2].value(), arrays["output_2"]) < 1e-5);
  const Model same_axes = load_onnx(goldens / "conditions.onnx", {.images = ImageAxes::channels_first});
  CHECK(largest_difference(run(same_axes, arrays["input_0"])[0].value(), arrays["output_0"]) < 1e-5);
}

TEST_CASE("If takes the branch that its condition selects") {
  const Tensor x = Tensor::of({2, 4, 4, 3}, std::vector<float>(96, -2));
  CHECK(output_of(file_of_condition("one"), x).to_vector() == std::vector<double>(96, 0));
  CHECK(output_of(file_of_condition("zero"), x).to_vector() == std::vector<double>(96, 2));
}

TEST_CASE("an operator that is not supported in the branch of If that is not taken is no Error") {
  for (const bool taken : {false, true}) {
    auto file = file_of_condition(taken ? "zero" : "one");
    auto& branch = *file.mutable_graph()->mutable_node(1)->mutable_attribute(1)->mutable_g();
    branch.mutable_node(0)->set_op_type("LSTM");
    CHECK(error_in(file) ==
          (taken ? "node \"tested\" (If, opset 17): node \"else_branch output\" (LSTM, opset 17): expected an operator "
                   "that xtape supports, got a recurrent one; there are no recurrent layers. Export the part of the "
                   "network before this node, and run the rest with other software"
                 : ""));
  }
}

TEST_CASE("a value that a branch of If reads is not fused with the operator that reads it first") {
  auto file = file_of_condition("one");
  auto& graph = *file.mutable_graph();
  add_constant(graph, "weights", {3, 3});
  add_constant(graph, "bias", {3});
  graph.clear_node();
  add_node(graph, "MatMul", {"x", "weights"}, "product");
  graph.add_node()->CopyFrom(file_of_condition("one").graph().node(1));
  graph.mutable_node(1)->mutable_attribute(0)->mutable_g()->mutable_node(0)->set_input(0, "product");
  add_node(graph, "Add", {"product", "bias"}, "sums");
  graph.add_output()->set_name("sums");
  const auto outputs = run(onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model(),
                           Tensor::of({2, 4, 4, 3}, std::vector<float>(96, 2)));
  CHECK(outputs[0].value().to_vector() == std::vector<double>(96, 3));  // 3 * 2 * 0.5
  CHECK(outputs[1].value().to_vector() == std::vector<double>(96, 3.5));
}

TEST_CASE("branches of several Ifs may use the same names, and those of the outputs of their node") {
  auto file = file_of_condition("one");
  auto& graph = *file.mutable_graph();
  auto& first = *graph.mutable_node(1);
  for (auto& attribute : *first.mutable_attribute()) {  // x, negated or not, twice
    auto& branch = *attribute.mutable_g();
    add_node(branch, "Add", {branch.node(0).output(0), branch.node(0).output(0)}, "y");
    branch.mutable_node(0)->set_output(0, "inner");
    branch.mutable_node(1)->set_input(0, "inner");
    branch.mutable_node(1)->set_input(1, "inner");
    branch.mutable_output(0)->set_name("y");
  }
  auto& second = *graph.add_node() = first;
  second.set_input(0, "zero");
  second.set_output(0, "z");
  graph.add_output()->set_name("z");
  const auto outputs = run(onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model(),
                           Tensor::of({2, 4, 4, 3}, std::vector<float>(96, 2)));
  CHECK(outputs[0].value().to_vector() == std::vector<double>(96, 4));
  CHECK(outputs[1].value().to_vector() == std::vector<double>(96, -4));
}

TEST_CASE("branches of several Ifs may use the same names of constants, and of values of Ifs within them") {
  const auto add_condition = [](xtape_onnx::GraphProto& graph, const std::string& condition,
                                const std::string& output) {
    return std::ref(add_node(graph, "If", {condition}, output));
  };
  auto file = file_of_condition("one");
  auto& graph = *file.mutable_graph();
  graph.clear_node();
  // twice: the branch has a number, and an If that multiplies x by it or adds it to x
  for (const float number : {3.0F, 5.0F}) {
    const bool first = number == 3;
    auto& node = add_condition(graph, "one", first ? "y" : "z").get();
    for (const char* name : {"then_branch", "else_branch"}) {
      auto& attribute = *node.add_attribute();
      attribute.set_name(name);
      attribute.set_type(xtape_onnx::AttributeProto::GRAPH);
      auto& branch = *attribute.mutable_g();
      add_floats(branch, "number", {}, {number});
      add_node(branch, "Identity", {"x"}, "same");
      auto& inner = add_condition(branch, first ? "one" : "zero", "result").get();
      for (const char* inner_name : {"then_branch", "else_branch"}) {
        auto& inner_attribute = *inner.add_attribute();
        inner_attribute.set_name(inner_name);
        inner_attribute.set_type(xtape_onnx::AttributeProto::GRAPH);
        auto& inner_branch = *inner_attribute.mutable_g();
        const bool is_then = std::string(inner_name) == "then_branch";
        add_node(inner_branch, is_then ? "Mul" : "Add", {"same", "number"}, "inner");
        inner_branch.add_output()->set_name("inner");
      }
      branch.add_output()->set_name("result");
    }
  }
  graph.add_output()->set_name("z");
  const auto outputs = run(onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model(),
                           Tensor::of({2, 4, 4, 3}, std::vector<float>(96, 2)));
  CHECK(outputs[0].value().to_vector() == std::vector<double>(96, 6));
  CHECK(outputs[1].value().to_vector() == std::vector<double>(96, 7));
}

TEST_CASE("a product is not fused with the bias that only a branch of If adds") {
  for (const bool taken : {false, true}) {
    auto file = file_of_condition(taken ? "zero" : "one");
    auto& graph = *file.mutable_graph();
    add_constant(graph, "weights", {3, 3});
    add_constant(graph, "bias", {3});
    const xtape_onnx::NodeProto condition = graph.node(1);
    graph.clear_node();
    add_node(graph, "MatMul", {"x", "weights"}, "product");
    auto& branch = *(*graph.add_node() = condition).mutable_attribute(1)->mutable_g();
    branch.mutable_node(0)->set_op_type("Add");
    branch.mutable_node(0)->set_input(0, "product");
    branch.mutable_node(0)->add_input("bias");
    graph.add_output()->set_name("product");
    const auto outputs = run(onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model(),
                             Tensor::of({2, 4, 4, 3}, std::vector<float>(96, 2)));
    CHECK(outputs[0].value().to_vector() == std::vector<double>(96, taken ? 3.5 : 2));
    CHECK(outputs[1].value().to_vector() == std::vector<double>(96, 3));
  }
}

TEST_CASE("an If that cannot be read is an Error that says what is expected") {
  const std::string title = "node \"tested\" (If, opset 17): ";
  CHECK(error_in(file_of_condition("x")) ==
        title + "expected a constant as input 1, got a value that depends on the inputs of the model");
  CHECK(error_in(file_of_condition("integers")) == title + "expected one condition, got 4");
  auto file = file_of_condition("one");
  file.mutable_graph()->mutable_node(1)->mutable_attribute()->RemoveLast();
  CHECK(error_in(file) == title + "expected an attribute else_branch, got none");
  file = file_of_condition("one");
  file.mutable_graph()->mutable_node(1)->mutable_attribute(0)->mutable_g()->clear_output();
  CHECK(error_in(file) == title + "expected a branch with 1 output, got 0");
  file = file_of_condition("one");
  file.mutable_graph()->mutable_node(1)->mutable_attribute(0)->mutable_g()->add_sparse_initializer();
  CHECK(error_in(file) == title + "expected dense initializers, got sparse ones");
  file = file_of_condition("one");
  file.mutable_graph()->mutable_node(1)->mutable_attribute(0)->set_type(xtape_onnx::AttributeProto::INT);
  CHECK(error_in(file) == title + "attribute then_branch: expected type 5 of ONNX, got 2");
}
