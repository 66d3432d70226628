// load_onnx(): which inputs of a file are images, whose channels xtape has last. Operators on images need the channels
// first, and operators on elements keep them.
#include <functional>

#include "models/files/onnx/import_graph.hpp"
#include "tests/onnx/file_parts.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

using Proto = xtape_onnx::TensorProto;
using Change = std::function<void(xtape_onnx::NodeProto&, xtape_onnx::GraphProto&)>;

void set_integers(xtape_onnx::NodeProto& node, const char* name, const std::vector<std::int64_t>& values) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(values.size() == 1 ? xtape_onnx::AttributeProto::INT : xtape_onnx::AttributeProto::INTS);
  attribute.set_i(values[0]);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

void add_operand(xtape_onnx::NodeProto& node, xtape_onnx::GraphProto& graph, const std::vector<std::int64_t>& extents,
                 const std::vector<std::int64_t>& integers = {}) {
  const std::string name = fmt::format("constant {}", graph.initializer_size() + 1);
  test::add_constant(graph, name, extents, integers);
  node.add_input(name);
}

/// A file with the input "x" (n, 4, 6, 8), a node of this type, and a pooling of its output if `pooled`.
xtape_onnx::ModelProto file_with(const std::string& type, int inputs, bool pooled, const Change& change) {
  xtape_onnx::ModelProto file = test::file_with_input(20);
  auto& graph = *file.mutable_graph();
  test::add_axes(test::shape_of_input(graph), {0, 4, 6, 8});
  auto& node = *graph.add_node();
  node.set_name("tested");
  node.set_op_type(type);
  for (int i = 0; i < inputs; ++i) node.add_input("x");
  node.add_output("y");
  if (change) change(node, graph);
  if (pooled) {
    auto& pool = *graph.add_node();
    pool.set_op_type("GlobalMaxPool");
    pool.add_input("y");
    pool.add_output("z");
  }
  graph.add_output()->set_name(pooled ? "z" : "y");
  return file;
}

PartialShape input_shape(const xtape_onnx::ModelProto& file) {
  return onnx::ImportGraph(file, "", {.images = ImageAxes::channels_last}).model().inputs()[0].shape();
}

const PartialShape as_in_file{4, 6, 8}, as_image{6, 8, 4};

}  // namespace

TEST_CASE("the input of every operator on elements is an image if its output is one") {
  for (const char* type : {"Abs",       "Celu",       "Cos",
                           "Dropout",   "Elu",        "Erf",
                           "Exp",       "Gelu",       "HardSigmoid",
                           "HardSwish", "Identity",   "LeakyRelu",
                           "Log",       "Mish",       "Neg",
                           "Clip",      "Reciprocal", "Relu",
                           "Selu",      "Shrink",     "Sigmoid",
                           "Sin",       "Softplus",   "Softsign",
                           "Sqrt",      "Tanh",       "ThresholdedRelu"}) {
    INFO(type);
    CHECK(input_shape(file_with(type, 1, true, {})) == as_image);
    CHECK(input_shape(file_with(type, 1, false, {})) == as_in_file);
  }
  for (const char* type : {"Add", "Div", "Max", "Mean", "Min", "Mul", "Pow", "Sub", "Sum"}) {
    INFO(type);
    CHECK(input_shape(file_with(type, 2, true, {})) == as_image);
    CHECK(input_shape(file_with(type, 2, false, {})) == as_in_file);
  }
  const std::vector<std::tuple<const char*, int, Change>> rows{
      {"Cast", 1, [](auto& node, auto&) { set_integers(node, "to", {Proto::FLOAT}); }},
      {"Concat", 2, [](auto& node, auto&) { set_integers(node, "axis", {1}); }},
      {"PRelu", 1,
       [](auto& node, auto& graph) {
         add_operand(node, graph, {4, 1, 1});
       }},
      {"Pad", 1,
       [](auto& node, auto& graph) {
         add_operand(node, graph, {8}, {0, 0, 1, 1, 0, 0, 1, 1});
       }},
  };
  for (const auto& [type, inputs, change] : rows) {
    INFO(type);
    CHECK(input_shape(file_with(type, inputs, true, change)) == as_image);
    CHECK(input_shape(file_with(type, inputs, false, change)) == as_in_file);
  }
  for (const char* type : {"Greater", "Less"}) {  // of x and x; y = x where it holds, else x
    INFO(type);
    const auto compared = [&](bool pooled) {
      return file_with(type, 2, pooled, [](auto& node, auto& graph) {
        node.set_output(0, "condition");
        auto& where = *graph.add_node();
        where.set_op_type("Where");
        for (const char* input : {"condition", "x", "x"}) where.add_input(input);
        where.add_output("y");
      });
    };
    CHECK(input_shape(compared(true)) == as_image);
    CHECK(input_shape(compared(false)) == as_in_file);
  }
}

TEST_CASE("the input of every operator on images is an image") {
  const auto floats = [](std::vector<std::vector<std::int64_t>> constants) -> Change {
    return [=](auto& node, auto& graph) {
      for (const auto& extents : constants) add_operand(node, graph, extents);
    };
  };
  const auto integers = [](const char* name, std::vector<std::int64_t> values) -> Change {
    return [=](auto& node, auto&) { set_integers(node, name, values); };
  };
  const std::vector<std::pair<const char*, Change>> rows{
      {"AveragePool", integers("kernel_shape", {2, 2})},
      {"BatchNormalization", floats({{4}, {4}, {4}, {4}})},
      {"Conv", floats({{5, 4, 1, 1}})},
      {"ConvTranspose", floats({{4, 5, 1, 1}})},
      {"DepthToSpace", integers("blocksize", {2})},
      {"GlobalAveragePool", {}},
      {"GlobalMaxPool", {}},
      {"GroupNormalization",
       [&](auto& node, auto& graph) {
         floats({{2}, {2}})(node, graph);
         set_integers(node, "num_groups", {2});
       }},
      {"InstanceNormalization", floats({{4}, {4}})},
      {"LRN", integers("size", {3})},
      {"MaxPool", integers("kernel_shape", {2, 2})},
      {"Resize",
       [](auto& node, auto& graph) {
         node.add_input("");
         node.add_input("");
         add_operand(node, graph, {4}, {1, 4, 12, 16});
       }},
      {"SpaceToDepth", integers("blocksize", {2})},
  };
  for (const auto& [type, change] : rows) {
    INFO(type);
    CHECK(input_shape(file_with(type, 1, false, change)) == as_image);
  }
  CHECK(input_shape(file_with("Softmax", 1, false, {})) == as_in_file);
}

TEST_CASE("an operator on an image and an array of its shape gives an image") {
  for (const char* type : {"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"}) {
    for (const bool image_first : {true, false}) {
      INFO(type << (image_first ? " of an image and an array" : " of an array and an image"));
      const auto file = file_with("MaxPool", 1, false, [&](auto& node, auto& graph) {
        set_integers(node, "kernel_shape", {1, 1});
        node.set_output(0, "image");
        test::add_constant(graph, "shape", {4}, {-1, 4, 6, 8});
        test::add_node(graph, "Reshape", {"x", "shape"}, "array");
        test::add_node(graph, type, {image_first ? "image" : "array", image_first ? "array" : "image"}, "y");
      });
      CHECK(onnx::ImportGraph(file, "", {.images = ImageAxes::channels_last}).model().output_shape() == as_image);
    }
  }
}
