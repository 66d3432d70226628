// load_onnx(): names of layers, which constants are trained, and options of nodes in combination.
#include <cmath>

#include "framework/tensor/random.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/one_node.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

Model model_in(const xtape_onnx::ModelProto& file, const LoadOnnxOptions& options = {}) {
  return onnx::ImportGraph(file, "", options).model();
}

/// The outputs of a model as lists of numbers.
std::vector<std::vector<double>> numbers_of(const Model& model, const Tensor& x) {
  std::vector<std::vector<double>> values;
  for (const Variable& output : test::run(model, x)) values.push_back(output.value().to_vector());
  return values;
}

}  // namespace

TEST_CASE("names of nodes, inputs and graphs lose the bytes that a path or a terminal would read") {
  auto file = file_with_input(17);
  auto& graph = *file.mutable_graph();
  add_axes(shape_of_input(graph), {0, 3});
  graph.set_name("net/1\x7f");
  graph.mutable_input(0)->set_name("in/put");
  add_node(graph, "Relu", {"in/put"}, "y")
      .set_name(
          "a/b\x7f"
          "c\x1b"
          "d e");
  add_node(graph, "Relu", {"y"}, "without/name");
  graph.add_output()->set_name("without/name");
  const Model model = model_in(file);
  CHECK(model.name() == "net.1.");
  CHECK(model_in(file, {.name = "a/model"}).name() == "a.model");
  std::vector<std::string> names;
  for (const auto& layer : model.all_layers()) names.push_back(layer->name());
  CHECK(names == std::vector<std::string>{"in.put", "a.b.c.d e", "without.name"});
}

TEST_CASE("an operator of the domain ai.onnx is one of ONNX") {
  for (const auto& [domain, read] : {std::pair("", true), {"ai.onnx", true}, {"ai.onnx.ml", false}}) {
    auto file = file_of_node("Relu", {"x"});
    file.mutable_graph()->mutable_node(1)->set_domain(domain);
    CHECK(error_in(file).empty() == read);
  }
}

TEST_CASE("integers are computed exactly up to 2^53 of both signs") {
  constexpr std::int64_t most = std::int64_t{1} << 53;
  for (const std::int64_t number : {most, -most, most + 2, -most - 2}) {
    auto file = file_of_node("Neg", {"number"});
    add_constant(*file.mutable_graph(), "number", {1}, {number});
    CHECK(error_in(file) ==
          (std::abs(number) == most
               ? "output \"y\": expected a value that depends on the inputs, got a constant"
               : fmt::format("node \"tested\" (Neg, opset 17): expected integers of at most 2^53, got {}", -number)));
  }
}

TEST_CASE("a product that is an output of the graph is not fused with the Add behind it") {
  auto file = file_with_input(17);
  auto& graph = *file.mutable_graph();
  add_axes(shape_of_input(graph), {0, 2});
  add_floats(graph, "kernel", {2, 2}, {1, 2, 3, 4});
  add_floats(graph, "bias", {2}, {10, 20});
  add_node(graph, "MatMul", {"x", "kernel"}, "product");
  add_node(graph, "Add", {"product", "bias"}, "sum");
  for (const char* name : {"product", "sum"}) graph.add_output()->set_name(name);
  CHECK(numbers_of(model_in(file), Tensor::of({1, 2}, {1, 1}, DType::float32)) ==
        std::vector<std::vector<double>>{{4, 6}, {14, 26}});
}

TEST_CASE("weights of a file are trained, also parts of them, and single numbers, sizes and infinities are not") {
  using Change = std::function<void(xtape_onnx::GraphProto&)>;
  // "z" is made of the input x (1, 3) and a constant
  const auto trained = [](const Change& change) {
    auto file = file_with_input(17);
    auto& graph = *file.mutable_graph();
    add_axes(shape_of_input(graph), {1, 3});
    add_constant(graph, "weights", {3, 3});
    add_constant(graph, "row", {1, 3});
    add_constant(graph, "single", {1, 1});
    add_floats(graph, "infinite", {1, 3}, {-INFINITY, 1, 2});
    add_constant(graph, "shape", {2}, {1, 3});
    add_constant(graph, "mask", {1, 3}, {1, 0, 1});
    add_constant(graph, "first", {1}, {0});
    add_constant(graph, "three", {1}, {3});
    change(graph);
    graph.add_output()->set_name("z");
    std::vector<bool> all;
    for (const Parameter& parameter : model_in(file).parameters()) all.push_back(parameter.trainable());
    return all;
  };
  const auto stored = [](xtape_onnx::GraphProto& graph, const Integers& extents, const std::vector<float>& values) {
    auto& attribute = *add_node(graph, "Constant", {}, "stored").add_attribute();
    attribute.set_name("value");
    attribute.set_type(xtape_onnx::AttributeProto::TENSOR);
    attribute.mutable_t()->set_data_type(xtape_onnx::TensorProto::FLOAT);
    for (const std::int64_t extent : extents) attribute.mutable_t()->add_dims(extent);
    for (const float value : values) attribute.mutable_t()->add_float_data(value);
  };
  const auto joined = [](xtape_onnx::GraphProto& graph, const char* constant) {
    set_number(add_node(graph, "Concat", {"x", constant}, "z"), "axis", 1);
  };
  const auto selected = [](xtape_onnx::GraphProto& graph, const char* constant) {
    add_node(graph, "Cast", {"mask"}, "condition").mutable_attribute();
    set_number(*graph.mutable_node(graph.node_size() - 1), "to", xtape_onnx::TensorProto::BOOL);
    add_node(graph, "Where", {"condition", constant, "x"}, "z");
  };
  struct Row {
    std::string name;
    Change change;
    std::vector<bool> expected;
  };
  const std::vector<Row> rows{
      {"weights", [&](auto& g) { joined(g, "row"); }, {true}},
      {"rows of weights at a stored position",
       [&](auto& g) {
         auto& node = add_node(g, "Constant", {}, "position");
         auto& attribute = *node.add_attribute();
         attribute.set_name("value_ints");
         attribute.set_type(xtape_onnx::AttributeProto::INTS);
         attribute.add_ints(1);
         add_node(g, "Gather", {"weights", "position"}, "part");
         joined(g, "part");
       },
       {true}},
      {"one of the weights",
       [&](auto& g) {
         add_node(g, "ReduceSum", {"weights"}, "sum");
         joined(g, "sum");
       },
       {false}},
      {"a list of a Constant",
       [&](auto& g) {
         stored(g, {1, 2}, {1, 2}), joined(g, "stored");
       },
       {true}},
      {"a number of a Constant",
       [&](auto& g) {
         stored(g, {1, 1}, {5}), joined(g, "stored");
       },
       {false}},
      {"a constant of a size for each sample",
       [&](auto& g) {
         add_node(g, "Shape", {"x"}, "size");
         add_node(g, "ConstantOfShape", {"size"}, "zeros");
         joined(g, "zeros");
       },
       {false}},
      {"weights that a mask selects", [&](auto& g) { selected(g, "row"); }, {false, true}},
      {"infinities that a mask selects", [&](auto& g) { selected(g, "infinite"); }, {false, false}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(trained(row.change) == row.expected);
  }
}

TEST_CASE("an output_shape above the smallest one adds to output_padding") {
  auto file = file_of_node("ConvTranspose", {"x", "one weight"});
  shape_of_input(*file.mutable_graph()).clear_dim();
  add_axes(shape_of_input(*file.mutable_graph()), {0, 1, 2});
  add_floats(*file.mutable_graph(), "one weight", {1, 1, 1}, {2});
  auto& node = *file.mutable_graph()->mutable_node(1);
  set_list(node, "strides", {4}), set_list(node, "output_padding", {1}), set_list(node, "output_shape", {7});
  const Model model = model_in(file, {.images = ImageAxes::channels_first});
  // 4 (2 - 1) + 1 elements, 1 of output_padding, and 1 more
  CHECK(numbers_of(model, Tensor::of({1, 1, 2}, {3, 5}, DType::float32))[0] ==
        std::vector<double>{6, 0, 0, 0, 10, 0, 0});
}

TEST_CASE("ceil_mode has no effect on a pooling with auto_pad") {
  const Tensor x = RandomStream(1).uniform({2, 4, 4, 3});
  for (const char* type : {"MaxPool", "AveragePool"}) {
    for (const char* mode : {"VALID", "SAME_UPPER", "SAME_LOWER"}) {
      std::vector<Tensor> outputs;
      for (const int ceil_mode : {0, 1}) {
        auto file = file_of_node(type, {"x"});
        auto& node = *file.mutable_graph()->mutable_node(1);
        set_list(node, "kernel_shape", {2, 2}), set_list(node, "strides", {3, 2});
        test::set_text(node, "auto_pad", mode), set_number(node, "ceil_mode", ceil_mode);
        outputs.push_back(test::run(model_in(file, {.images = ImageAxes::channels_first}), x)[0].value());
      }
      INFO(type << " " << mode);
      CHECK(identical(outputs[0], outputs[1]));
      // VALID: (extent - 2) / stride + 1, otherwise extent / stride rounded up
      const bool valid = std::string(mode) == "VALID";
      CHECK(outputs[0].shape() == (valid ? Shape{2, 4, 1, 1} : Shape{2, 4, 2, 2}));
    }
  }
}

TEST_CASE("Split into parts of which the last ones are smaller or empty") {
  const std::vector<std::pair<std::int64_t, Integers>> rows{
      {2, {2, 2}}, {3, {2, 2, 0}}, {4, {1, 1, 1, 1}}, {5, {1, 1, 1, 1, 0}}, {6, {1, 1, 1, 1, 0, 0}}};
  for (const auto& [parts, expected] : rows) {
    auto file = file_of_node("Split", {"x"});
    file.mutable_opset_import(0)->set_version(18);
    auto& node = *file.mutable_graph()->mutable_node(1);
    set_number(node, "axis", 1), set_number(node, "num_outputs", parts);
    for (std::int64_t i = 1; i < parts; ++i) {
      node.add_output(fmt::format("part {}", i));
      file.mutable_graph()->add_output()->set_name(fmt::format("part {}", i));
    }
    Integers extents;
    const Model model = model_in(file, {.images = ImageAxes::channels_first});
    for (const Variable& part : test::run(model, Tensor::ones({2, 4, 4, 3}))) extents.push_back(part.shape()[1]);
    CHECK(extents == expected);
  }
}

TEST_CASE("an unknown extent is followed through values whose batch is on another axis") {
  // (n, 3, 2, width) becomes (width, n, 3, 2), then (n, 3, width, 2) or another order, and (..., width, -1)
  const auto model_of = [](const Integers& order, const Integers& back) {
    auto file = file_with_input(17);
    auto& graph = *file.mutable_graph();
    add_axes(shape_of_input(graph), {0, 3, 2, 0});
    for (const std::int64_t number : {0, 3}) add_constant(graph, std::to_string(number), {1}, {number});
    add_constant(graph, "rest", {1}, {-1});
    add_constant(graph, "kernel", {6, 4});
    set_order(add_node(graph, "Transpose", {"x"}, "moved"), order);
    add_node(graph, "Relu", {"moved"}, "positive");
    set_order(add_node(graph, "Transpose", {"positive"}, "columns"), back);
    add_node(graph, "Shape", {"x"}, "extents");
    add_node(graph, "Gather", {"extents", "0"}, "samples");
    add_node(graph, "Gather", {"extents", "3"}, "width");
    set_number(add_node(graph, "Concat", {"samples", "width", "rest"}, "target"), "axis", 0);
    add_node(graph, "Reshape", {"columns", "target"}, "steps");
    add_node(graph, "MatMul", {"steps", "kernel"}, "z");
    graph.add_output()->set_name("z");
    return model_in(file);
  };
  const Tensor x = RandomStream(1).uniform({2, 3, 2, 5}, 0.5, 1.5);
  const std::vector<std::pair<Integers, Integers>> orders{
      {{3, 0, 1, 2}, {1, 0, 2, 3}}, {{3, 1, 0, 2}, {2, 0, 1, 3}}, {{1, 3, 2, 0}, {3, 1, 0, 2}}};
  for (const auto& [order, back] : orders) {
    const Tensor z = test::run(model_of(order, back), x)[0].value();
    REQUIRE(z.shape() == Shape{2, 5, 4});
    for (std::int64_t sample = 0; sample < 2; ++sample) {
      for (std::int64_t step = 0; step < 5; ++step) {
        double sum = 0;
        for (std::int64_t i = 0; i < 6; ++i) sum += 0.5 * x.at({sample, i / 2, i % 2, step});
        CHECK(z.at({sample, step, 3}) == Approx(sum));
      }
    }
  }
}

TEST_CASE("a Reshape that exchanges unknown extents, which it names by several values, exchanges them") {
  // (n, height, width) becomes (n, width, height); one extent is named by x and the other one by its transpose
  for (const bool exchanged : {true, false}) {
    auto file = file_with_input(17);
    auto& graph = *file.mutable_graph();
    add_axes(shape_of_input(graph), {0, 0, 0});
    for (const std::int64_t number : {0, 1, 2}) add_constant(graph, std::to_string(number), {1}, {number});
    set_order(add_node(graph, "Transpose", {"x"}, "turned"), {0, 2, 1});
    add_node(graph, "Shape", {"x"}, "extents");
    add_node(graph, "Shape", {"turned"}, "turned extents");
    add_node(graph, "Gather", {"extents", "0"}, "samples");
    add_node(graph, "Gather", {"extents", exchanged ? "2" : "1"}, "first");
    add_node(graph, "Gather", {"turned extents", exchanged ? "2" : "1"}, "second");
    set_number(add_node(graph, "Concat", {"samples", "first", "second"}, "target"), "axis", 0);
    add_node(graph, "Reshape", {"x", "target"}, "z");
    graph.add_output()->set_name("z");
    const Tensor x = RandomStream(1).uniform({2, 3, 5});
    CHECK(identical(test::run(model_in(file), x)[0].value(), exchanged ? x.reshaped({2, 5, 3}) : x));
  }
}
