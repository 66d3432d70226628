// load_onnx(): whole messages about nodes that it refuses, with every value that they name.
#include <map>

#include "tests/onnx/one_node.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using File = xtape_onnx::ModelProto;
using Node = xtape_onnx::NodeProto;
using Graph = xtape_onnx::GraphProto;
using ChangeNode = std::function<void(File&, Node&)>;

/// Nodes between x and the tested one, by the names of their outputs.
const std::map<std::string, std::function<void(Graph&)>> made_before{
    {"moved",
     [](Graph& g) {
       set_order(add_node(g, "Transpose", {"x"}, "moved"), {1, 0, 2, 3});
     }},
    {"third",
     [](Graph& g) {
       set_order(add_node(g, "Transpose", {"x"}, "third"), {1, 2, 0, 3});
     }},
    {"last",
     [](Graph& g) {
       set_order(add_node(g, "Transpose", {"x"}, "last"), {1, 2, 3, 0});
     }},
    {"turned",
     [](Graph& g) {
       set_order(add_node(g, "Transpose", {"x"}, "turned"), {1, 0});
     }},
    {"merged",
     [](Graph& g) {
       add_node(g, "Reshape", {"x", "rows of three"}, "merged");
     }},
    {"merged rows",
     [](Graph& g) {
       add_node(g, "Reshape", {"x", "rows of four"}, "merged rows");
     }},
    {"batch twice",
     [](Graph& g) {
       add_node(g, "Gather", {"shape", "first twice"}, "batch twice");
     }},
    {"exchanged",
     [](Graph& g) {
       add_node(g, "Gather", {"shape", "other order"}, "exchanged");
     }},
    {"doubled",
     [](Graph& g) {
       add_node(g, "Mul", {"shape", "two"}, "doubled");
     }},
    {"doubled extent",
     [](Graph& g) {
       add_node(g, "Mul", {"shape", "two"}, "all doubled");
       add_node(g, "Gather", {"all doubled", "one"}, "doubled extent");
     }},
    {"samples",
     [](Graph& g) {
       add_node(g, "Gather", {"shape", "zero"}, "count");
       add_node(g, "Range", {"zero", "count", "one"}, "samples");
     }},
    {"far samples",
     [](Graph& g) {
       add_node(g, "Gather", {"shape", "zero"}, "count");
       add_node(g, "Range", {"zero", "count", "one"}, "near samples");
       add_node(g, "Mul", {"near samples", "largest"}, "far samples");
     }},
    {"doubled batch",
     [](Graph& g) {
       add_node(g, "Mul", {"shape", "two"}, "all doubled");
       add_node(g, "Gather", {"all doubled", "zero"}, "two samples");
       set_number(add_node(g, "Concat", {"two samples", "just three"}, "doubled batch"), "axis", 0);
     }},
    {"batch",
     [](Graph& g) {
       add_node(g, "Gather", {"shape", "zero"}, "batch");
     }},
};

/// A file of file_of_node() with more constants, and the tested node behind those that make its inputs.
File file_of_row(const std::string& type, const std::vector<std::string>& inputs, const ChangeNode& change) {
  File file = file_of_node(type, inputs);
  Graph& graph = *file.mutable_graph();
  const std::vector<std::pair<std::string, Integers>> lists{{"three", {1, 2, 3}},
                                                            {"five", {1, 1, 1, 1, 1}},
                                                            {"sizes", {2, 4, 3, 5}},
                                                            {"rows of three", {-1, 3}},
                                                            {"rows of four", {-1, 4, 3}},
                                                            {"first twice", {0, 0}},
                                                            {"other order", {0, 2, 1, 3}},
                                                            {"three and five", {3, 5}},
                                                            {"wrong rest", {2, 5, 3}},
                                                            {"both sides", {2, -1, 1}},
                                                            {"negative size", {5, -1}},
                                                            {"two rests", {2, -1, -1}},
                                                            {"axis 1", {1}},
                                                            {"one end", {2}},
                                                            {"two steps", {1, 1}},
                                                            {"just three", {3}},
                                                            {"more behind", {0, 0, 0, 0, 0, 5, 0, 0}},
                                                            {"other batch", {3, 4, 4, 3}},
                                                            {"huge size", {(1 << 30) + 1}},
                                                            {"nine ones", {1, 1, 1, 1, 1, 1, 1, 1, 1}},
                                                            {"begin", {0}}};
  for (const auto& [name, numbers] : lists) add_constant(graph, name, {std::ssize(numbers)}, numbers);
  const std::vector<std::pair<std::string, std::int64_t>> numbers{
      {"zero", 0}, {"one", 1}, {"two", 2}, {"largest", std::int64_t{1} << 40}};
  for (const auto& [name, number] : numbers) add_constant(graph, name, {}, {number});
  add_constant(graph, "column", {4097, 1});
  add_constant(graph, "row", {1, 4096});
  add_constant(graph, "half", {});
  add_constant(graph, "scale3", {3});
  add_constant(graph, "thin kernel", {4, 1, 1, 1});
  for (const float scale : {-1.0F, 0.0F, 65536.0F}) {
    add_floats(graph, fmt::format("scale {}", scale), {4}, {1, 1, 1, scale});
  }
  add_constant(graph, "square", {4, 4});
  add_constant(graph, "wide", {2, 5});
  add_constant(graph, "cut", {1, 8});
  add_constant(graph, "whole cut", {1, 2}, {3, 4});
  add_constant(graph, "table", {2, 2}, {0, 1, 1, 0});
  add_constant(graph, "no units", {4, 0});
  add_floats(graph, "roi", {8}, {0, 0, 0, 0, 1, 1, 2, 1});
  auto& none = *graph.add_initializer();
  none.set_name("no integers");
  none.set_data_type(xtape_onnx::TensorProto::INT64);
  none.add_dims(0);
  std::vector<std::string> added;
  for (const std::string& input : inputs) {
    if (!made_before.contains(input) || std::ranges::find(added, input) != added.end()) continue;
    made_before.at(input)(graph);
    added.push_back(input);
  }
  for (int i = 1; i + 1 < graph.node_size(); ++i) graph.mutable_node()->SwapElements(i, i + 1);
  if (change) change(file, *graph.mutable_node(graph.node_size() - 1));
  return file;
}

ChangeNode extents(const Integers& all) {
  return [=](File& file, Node&) {
    shape_of_input(*file.mutable_graph()).clear_dim();
    add_axes(shape_of_input(*file.mutable_graph()), all);
  };
}

ChangeNode opset(int version) {
  return [=](File& file, Node&) { file.mutable_opset_import(0)->set_version(version); };
}

ChangeNode number(const char* name, std::int64_t value) {
  return [=](File&, Node& node) { set_number(node, name, value); };
}

ChangeNode list(const char* name, const Integers& values) {
  return [=](File&, Node& node) { set_list(node, name, values); };
}

ChangeNode text(const char* name, const char* value) {
  return [=](File&, Node& node) { set_text(node, name, value); };
}

ChangeNode real(const char* name, double value) {
  return [=](File&, Node& node) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(xtape_onnx::AttributeProto::FLOAT);
    attribute.set_f(static_cast<float>(value));
  };
}

/// Another output of the node, which is an output of the model.
void second_output(File& file, Node& node) {
  node.add_output("second");
  file.mutable_graph()->add_output()->set_name("second");
}

ChangeNode operator+(const ChangeNode& a, const ChangeNode& b) {
  return [=](File& file, Node& node) { a(file, node), b(file, node); };
}

struct RefusedNode {
  std::string type;
  std::vector<std::string> inputs;
  std::string message;
  ChangeNode change = nullptr;
  bool batch_axis = true;
};

void check_messages(const std::vector<RefusedNode>& rows) {
  for (const RefusedNode& row : rows) {
    INFO(row.type << " " << fmt::format("{}", fmt::join(row.inputs, " ")));
    const File file = file_of_row(row.type, row.inputs, row.change);
    CHECK(error_in(file, row.batch_axis) ==
          fmt::format("node \"tested\" ({}, opset {}): {}", row.type, file.opset_import(0).version(), row.message));
  }
}

const std::string moved = "expected the batch on the first axis, got it on axis 1";
const std::string separately = "; the model computes each sample separately";

}  // namespace

TEST_CASE("nodes of arithmetic and constants that are refused are errors with whole messages") {
  check_messages({
      {"Add", {"column", "row"}, "expected a small constant, got the shape (4097, 4096)"},
      {"Add", {"x", "x"}, "axis: expected a tensor and a constant, got other operands", opset(6) + number("axis", 1)},
      {"Add",
       {"x", "moved"},
       "expected inputs with the batch on the same axis, got it on the axes 0 and 1" + separately},
      {"Add",
       {"x", "merged rows"},
       "expected inputs with the batch on the same axis, got it on the axes 0 and 0, merged with rows" + separately},
      {"Mul", {"far samples", "two"}, "expected samples of at most 2^40 elements, got 1099511627776 x 2"},
      {"Sum", {"samples"}, "expected floating numbers, got positions of samples"},
      {"ConstantOfShape",
       {"three"},
       "value: expected one number, got 2",
       [](File&, Node& node) {
         auto& attribute = *node.add_attribute();
         attribute.set_name("value");
         attribute.set_type(xtape_onnx::AttributeProto::TENSOR);
         attribute.mutable_t()->set_data_type(xtape_onnx::TensorProto::FLOAT);
         attribute.mutable_t()->add_dims(2);
         for (const float value : {1.0F, 2.0F}) attribute.mutable_t()->add_float_data(value);
       }},
      {"ConstantOfShape",
       {"shape"},
       "expected known extents besides the batch, got an unknown one",
       extents({0, 4, 0, 3})},
      {"ConstantOfShape", {"nine ones"}, "expected a shape of at most 2^24 elements, got (1, 1, 1, 1, 1, 1, 1, 1, 1)"},
      {"Unsqueeze", {"samples", "begin"}, "expected different axes behind the batch, got (0)"},
      {"Unsqueeze", {"samples", "two steps"}, "expected different axes behind the batch, got (1, 1)"},
      {"Range",
       {"one", "batch", "one"},
       "expected the integers from 0 with delta 1 for a limit that is the batch, got others"},
      {"Range",
       {"zero", "batch", "two"},
       "expected the integers from 0 with delta 1 for a limit that is the batch, got others"},
      {"Celu", {"x"}, "alpha: expected a number above 0, got 0", real("alpha", 0)},
      {"Celu", {"x"}, "alpha: expected a number above 0, got inf", real("alpha", INFINITY)},
      {"Gelu", {"x"}, "approximate: expected none or tanh, got both", text("approximate", "both") + opset(20)},
      {"Shrink",
       {"x"},
       "expected a lambd above 0 and a finite bias, got 0 and 0.25",
       real("lambd", 0) + real("bias", 0.25)},
      {"Shrink", {"x"}, "expected a lambd above 0 and a finite bias, got 0.5 and -inf", real("bias", -INFINITY)},
      {"PRelu", {"moved", "half"}, moved},
      {"Dropout", {"x", "half", "one"}, "training_mode: expected false, got true"},
      {"Dropout", {"x"}, "expected a mask that no node reads, got one that is read", second_output},
      {"Einsum",
       {"x"},
       "equation: expected letters of operands in the output, each once, got \"abcd->abb\"",
       text("equation", "abcd->abb")},
      {"Einsum",
       {"x"},
       "equation: expected letters of operands in the output, each once, got \"abcd->abe\"",
       text("equation", "abcd->abe")},
      {"Einsum",
       {"x", "numbers"},
       "equation: expected letters of both operands or of the output, got d in one operand",
       text("equation", "abcd,c->ab")},
      {"Einsum",
       {"x", "image"},
       "equation: expected letters of both operands or of the output, got e in one operand",
       text("equation", "abcd,ebcd->a")},
      {"Einsum",
       {"x", "x"},
       "equation: expected one letter for the batch, got a and e",
       text("equation", "abcd,ebcd->a")},
  });
}

TEST_CASE("nodes of windows and resizings that are refused are errors with whole messages") {
  const ChangeNode square = list("kernel_shape", {2, 2}), open = extents({2, 4, 0, 3});
  check_messages({
      {"Conv", {"moved", "kernel"}, moved + separately},
      {"MaxPool", {"x"}, "expected windows with 1, 2 or 3 axes, got 4", list("kernel_shape", {1, 1, 1, 1})},
      {"MaxPool",
       {"x"},
       "auto_pad: expected known extents for SAME_LOWER, got an unknown one",
       square + open + text("auto_pad", "SAME_LOWER")},
      {"MaxPool",
       {"x"},
       "dilations: expected known extents for SAME_UPPER, got an unknown one",
       square + open + text("auto_pad", "SAME_UPPER") + list("dilations", {2, 1})},
      {"MaxPool",
       {"x"},
       "dilations: expected windows of at most 256 elements, got 257",
       list("kernel_shape", {257, 1}) + list("dilations", {2, 1}) + list("pads", {300, 0, 300, 0})},
      {"MaxPool",
       {"x"},
       "expected a window of at most 4 elements, got 5",
       list("kernel_shape", {5, 1}) + number("ceil_mode", 1)},
      {"MaxPool",
       {"x"},
       "expected no indices, got an output for them that is read",
       square + ChangeNode(second_output)},
      {"AveragePool", {"x"}, "dilations: expected 1 for means, got 1 2", square + list("dilations", {1, 2})},
      {"AveragePool",
       {"x"},
       "count_include_pad: expected known extents for SAME_UPPER, got an unknown one",
       square + open + text("auto_pad", "SAME_UPPER") + number("count_include_pad", 1)},
      {"ConvTranspose",
       {"x", "kernel"},
       "expected known extents for output_shape and auto_pad, got None",
       open + list("output_shape", {4, 3})},
      {"ConvTranspose",
       {"x", "kernel"},
       "output_shape: expected extents of at least 1, got 0",
       list("output_shape", {4, 0})},
      {"ConvTranspose", {"x", "kernel", "scale3"}, "expected a bias of 4 numbers, got 3"},
      {"ConvTranspose",
       {"x", "kernel"},
       "expected an input of 4 channels, which the groups divide, got 4 channels and 3 groups",
       number("group", 3)},
      {"Resize",
       {"x", "", "", "sizes"},
       "coordinate_transformation_mode: expected one of ONNX's, got other",
       text("coordinate_transformation_mode", "other")},
      {"Resize",
       {"x", "", "", "sizes"},
       "nearest_mode: expected one of ONNX's, got other",
       text("nearest_mode", "other")},
      {"Resize",
       {"x", "roi", "", "sizes"},
       "extrapolation_value: expected 0 for regions beyond the input, got 1",
       text("coordinate_transformation_mode", "tf_crop_and_resize") + real("extrapolation_value", 1)},
      {"Resize",
       {"x", "", "", "sizes"},
       "keep_aspect_ratio_policy: expected stretch, not_larger or not_smaller, got other",
       opset(18) + text("keep_aspect_ratio_policy", "other")},
      {"Resize",
       {"x", "", "", "exchanged"},
       "expected sizes that do not depend on the inputs, got one that depends on x",
       extents({0, 4, 0, 3})},
      {"Resize",
       {"x", "", "", "doubled"},
       "expected sizes that do not depend on the inputs, got one that depends on several",
       extents({0, 4, 0, 3})},
      {"Resize",
       {"x", "", "", "sizes"},
       "axes: expected axes below 4, got (0, 1, 2, 4)",
       opset(18) + list("axes", {0, 1, 2, 4})},
      {"BatchNormalization",
       {"x", "image", "image", "image", "image"},
       "spatial: expected known extents, got samples (None, 3, 4)",
       opset(7) + number("spatial", 0) + extents({2, 4, 0, 3})},
      {"BatchNormalization",
       {"x", "numbers", "numbers", "numbers", "numbers"},
       "expected a normalization for inference, got one for training",
       number("training_mode", 1)},
      {"BatchNormalization",
       {"x", "numbers", "numbers", "numbers", "numbers"},
       "expected a normalization for inference, got one for training",
       ChangeNode(second_output)},
      {"BatchNormalization",
       {"x", "numbers", "numbers", "numbers", "numbers"},
       "expected a normalization for inference, got one for training",
       opset(6)},
      {"Conv", {"x", "thin kernel"}, "kernel: expected the shape (1, 1, 2, 4), got (1, 1, 1, 4)", number("group", 2)},
      {"Resize", {"x", "", "scale -1"}, "scales: expected numbers of 0 to 65536, got -1"},
      {"Resize", {"x", "", "scale 0"}, "scales: expected numbers of 0 to 65536, got 0"},
      {"Resize", {"x", "", "scale 65536"}, "scales: expected numbers of 0 to 65536, got 65536"},
      {"Resize", {"x", "", "", "other batch"}, "expected a batch that does not change, got other sizes"},
      {"Resize",
       {"x", "", "", "other batch"},
       "expected a batch that does not change, got other sizes",
       extents({0, 4, 4, 3})},
      {"DepthToSpace", {"x"}, "expected channels that 9 divides, got 4", number("blocksize", 3) + text("mode", "CRD")},
      {"Pad", {"x", "more behind"}, "pads: expected an extent of at least 5, got 4", text("mode", "wrap")},
      {"Pad", {"x", "more behind"}, "pads: expected an extent of at least 6, got 4", text("mode", "reflect")},
      {"LayerNormalization", {"x", "scale3"}, "axis: expected an axis below 4, got 4", number("axis", 4)},
      {"LayerNormalization", {"x", "scale3"}, "axis: expected an axis below 4, got -5", number("axis", -5)},
      {"LpNormalization", {"x"}, "p: expected 2, got another number", number("p", 1)},
      {"LpNormalization",
       {"merged"},
       "expected a batch axis, got one that is merged with another axis, in front of an operator that reads both"},
      {"LRN",
       {"x"},
       "expected a known number of at most 4096 channels, got None",
       number("size", 3) + extents({2, 0, 4, 3})},
      {"LRN",
       {"x"},
       "expected a known number of at most 4096 channels, got 4097",
       number("size", 3) + extents({2, 4097, 1, 1})},
  });
}

TEST_CASE("nodes of products and axes that are refused are errors with whole messages") {
  const ChangeNode matrix = extents({2, 4});
  check_messages({
      {"Gemm",
       {"x", "square"},
       "transA: expected 0, got 1, which exchanges the batch axis",
       matrix + number("transA", 1)},
      {"Gemm", {"x", "square", "scale3"}, "expected a bias for each of 4 units, got the shape (3,)", matrix},
      {"Gemm", {"x", "no units"}, "expected at least one output, got none", matrix},
      {"Gemm", {"turned", "square"}, moved, matrix},
      {"MatMul", {"third", "third"}, "expected matrices of one sample, got the batch on axis 2 of 4"},
      {"MatMul", {"last", "wide"}, "expected rows of one sample, got the batch on axis 3"},
      {"MatMul", {"moved", "image"}, moved},
      {"Softmax", {"x"}, "axis: expected an axis of samples, got the batch axis", opset(12) + number("axis", 0)},
      {"Softmax", {"moved"}, moved, opset(12) + number("axis", 1)},
      {"Softmax", {"x"}, "axis: expected an axis below 4, got 4", number("axis", 4)},
      {"LogSoftmax", {"x"}, "axis: expected an axis below 4, got -5", number("axis", -5)},
      {"Flatten", {"x"}, "axis: expected 1, behind the batch axis, got 2", number("axis", 2)},
      {"Flatten", {"x"}, "axis: expected 1, behind the batch axis, got -1", number("axis", -1)},
      {"Reshape",
       {"x", "wrong rest"},
       "expected a shape that keeps the elements of each sample, got 15 elements for 48"},
      {"Reshape", {"x", "three and five"}, "expected a target shape with the batch, got 3 5" + separately},
      {"Reshape",
       {"x", "two rests"},
       "expected at most one extent that is unknown, or extents of one other value, got (None, None) for (4, 4, 3); "
       "export the network with fixed extents"},
      {"Reshape", {"x", "batch twice"}, "expected the batch once, got it on the axes 0 and 1"},
      {"Reshape",
       {"third", "both sides"},
       "expected rows in front of the batch or behind it, got both" + separately,
       extents({0, 4, 4, 3})},
      {"Reshape",
       {"third", "doubled batch"},
       "expected a target shape that keeps the elements of each sample, got one with 2 times the batch, and 16 rows"},
      {"Reshape", {"x", "no integers"}, "expected a target shape with a batch axis, got none"},
      {"Transpose", {"x"}, "perm: expected each axis once", list("perm", {0, 1, 1, 3})},
      {"Expand", {"x", "five"}, "expected the axes of the input, got 5"},
      {"Expand", {"x", "batch twice"}, "expected the batch on the first axis, got it on axis 2"},
      {"Split", {"x"}, "expected sizes, or a known extent", number("axis", 2) + extents({2, 4, 0, 3})},
      {"Split", {"x", "huge size"}, "expected sizes of 0 to 2^30, got 1073741825", number("axis", 1)},
      {"Split", {"x", "negative size"}, "expected sizes of 0 to 2^30, got -1", number("axis", 1)},
      {"Slice", {"x", "begin", "one end", "axis 1", "two steps"}, "expected an axis and a step for each start"},
      {"Slice", {"x", "begin", "one end", "three"}, "expected an axis and a step for each start"},
      {"Slice",
       {"cut", "begin", "doubled extent", "axis 1"},
       "expected a floating constant and the extent of a value, got a constant of float32 and an extent that was "
       "computed",
       extents({0, 0, 4, 3})},
      {"Gather", {"moved", "table"}, moved, number("axis", 2)},
      {"Gather", {"numbers", "x"}, "expected rows of a table, got rows of float32 along axis 1", number("axis", 1)},
  });
}

TEST_CASE("graphs of ONNX files that are refused are errors with whole messages") {
  struct Row {
    std::function<void(File&)> change;
    std::string message;
  };
  const std::vector<Row> rows{
      {[](File& file) { file.mutable_graph()->mutable_node(1)->set_input(0, "late"); },
       "node \"tested\" (Relu, opset 17): expected nodes in the order of computation, got the input \"late\" before it "
       "is computed"},
      {[](File& file) { add_node(*file.mutable_graph(), "Relu", {"x"}, "y"); },
       "node \"y\" (Relu, opset 17): expected different names of values, got \"y\" twice"},
      {[](File& file) {
         for (const char* name : {"a/b", "a.b"}) {
           *file.mutable_graph()->add_input() = file.graph().input(0);
           file.mutable_graph()->mutable_input(file.graph().input_size() - 1)->set_name(name);
         }
       },
       "expected inputs with different names, got \"a.b\" twice"},
      {[](File& file) { file.mutable_graph()->clear_output(); }, "expected at least one output, got none"},
      {[](File& file) { file.mutable_graph()->clear_input(); }, "expected at least one input, got none"},
      {[](File& file) { file.mutable_graph()->mutable_output(0)->set_name("numbers"); },
       "output \"numbers\": expected a value that depends on the inputs, got a constant"},
      {[](File& file) {
         add_constant(*file.mutable_graph(), "target", {2}, {-1, 3});
         add_node(*file.mutable_graph(), "Reshape", {"y", "target"}, "rows");
         file.mutable_graph()->mutable_output(0)->set_name("rows");
       },
       "output \"rows\": expected a batch axis, got one that is merged with another axis"},
      {[](File& file) { file.mutable_graph()->add_sparse_initializer(); },
       "expected dense initializers, got sparse ones"},
      {[](File& file) {
         auto& large = *file.mutable_graph()->add_initializer();
         large.set_name("large");
         large.set_data_type(xtape_onnx::TensorProto::FLOAT);
         large.add_dims(1 << 21), large.add_dims((1 << 20) - 1), large.add_dims(0), large.add_dims(3);
       },
       "initializer \"large\": expected a shape of at most 2^40 elements, got (2097152, 1048575, 0, 3)"},
      {[](File& file) { file.mutable_graph()->mutable_node(1)->set_domain("me"); },
       "node \"tested\" (Relu, opset 17): expected an operator of ONNX, got one of me"},
  };
  CHECK(error_in(file_of_node("Relu", {"x"})) == "");
  for (const Row& row : rows) {
    File file = file_of_node("Relu", {"x"});
    row.change(file);
    CHECK(error_in(file) == row.message);
  }
}
