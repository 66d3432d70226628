// load_onnx(): what the nodes of a file make of extents and constants when the file is read.
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "tests/onnx/one_node.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Proto = xtape_onnx::TensorProto;

/// A node with the given output.
struct ComputedNode {
  std::string type;
  Names inputs;
  std::string output = "y";
  std::vector<std::pair<std::string, std::int64_t>> numbers = {};  ///< attributes
};

/// A file with x (n, 3, height, 4), lists of its extents, numbers as constants, and nodes.
xtape_onnx::ModelProto file_of_extents(const std::vector<ComputedNode>& nodes) {
  xtape_onnx::ModelProto file = file_with_input(17);
  auto& graph = *file.mutable_graph();
  add_axes(shape_of_input(graph), {0, 3, 0, 4});
  for (const std::int64_t number : {-2, -1, 0, 1, 2, 3, 4, 5})
    add_constant(graph, std::to_string(number), {1}, {number});
  add_constant(graph, "2^62", {1}, {std::int64_t{1} << 62});
  add_constant(graph, "1, 2", {2}, {1, 2});
  add_constant(graph, "1, 2, 3", {3}, {1, 2, 3});
  add_constant(graph, "1, 0", {2}, {1, 0});
  add_constant(graph, "1, 0, 1", {3}, {1, 0, 1});
  add_constant(graph, "0, 1, 0", {3}, {0, 1, 0});
  add_floats(graph, "0.5", {1}, {0.5F});
  add_node(graph, "Shape", {"x"}, "n, 3, h, 4");
  const std::vector<std::pair<std::string, Integers>> parts{
      {"n", {0}},       {"three", {1}},         {"h", {2}},
      {"n, 3", {0, 1}}, {"n, 3, h", {0, 1, 2}}, {"three, 3", {1, 1}},
      {"3, 4", {1, 3}}, {"h, n, 4", {2, 0, 3}}};
  for (const auto& [name, positions] : parts) {
    add_constant(graph, "positions of " + name, {std::ssize(positions)}, positions);
    add_node(graph, "Gather", {"n, 3, h, 4", "positions of " + name}, name);
  }
  add_node(graph, "Slice", {"n, 3, h, 4", "1", "1"}, "none");
  for (const ComputedNode& node : nodes) {
    auto& added = add_node(graph, node.type, node.inputs, node.output);
    for (const auto& [name, number] : node.numbers) set_number(added, name, number);
  }
  graph.add_output()->set_name("y");
  return file;
}

/// The numbers as text: "2 n" for twice the batch, "x[1]" for the unknown extent of axis 1 of the samples of x, "?" for
/// an unknown extent that was computed.
std::string text_of(const std::vector<onnx::Number>& numbers) {
  std::vector<std::string> texts;
  for (const onnx::Number& number : numbers) {
    if (number.known()) texts.push_back(std::to_string(number.value));
    if (number.kind == onnx::Number::Kind::batch) {
      texts.push_back(number.value == 1 ? "n" : fmt::format("{} n", number.value));
    }
    if (number.kind == onnx::Number::Kind::unknown) {
      texts.push_back(number.of.empty() ? "?" : fmt::format("{}[{}]", number.of, number.value));
    }
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// The value y of a file: the numbers, or the type, the shape and the elements of a constant, or the message of an
/// Error.
std::string computed_value(const xtape_onnx::ModelProto& file) {
  const LoadOnnxOptions options{.images = ImageAxes::channels_first};
  try {
    onnx::ImportGraph graph(file, "", options);
    graph.read();
    const onnx::ImportValue& y = graph.value("y");
    if (y.numbers) return text_of(*y.numbers);
    if (!y.constant) return "a tensor";
    return fmt::format("{} {}: {}", y.constant->dtype(), y.constant->shape(),
                       fmt::join(y.constant->to_vector<double>(), ", "));
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("arithmetic of extents keeps what is known of them") {
  const std::string y = "node \"y\" (";
  const std::vector<std::pair<std::vector<ComputedNode>, std::string>> rows{
      {{{"Mul", {"n", "2"}}}, "2 n"},
      {{{"Mul", {"2", "n"}}}, "2 n"},
      {{{"Mul", {"n", "three"}}}, "3 n"},
      {{{"Mul", {"n", "1"}}}, "n"},
      {{{"Mul", {"1", "n"}}}, "n"},
      {{{"Mul", {"h", "1"}}}, "x[1]"},
      {{{"Mul", {"1", "h"}}}, "x[1]"},
      {{{"Div", {"h", "1"}}}, "x[1]"},
      {{{"Div", {"n", "1"}}}, "n"},
      {{{"Div", {"1", "h"}}}, "?"},
      {{{"Div", {"1", "n"}}}, "?"},
      {{{"Mul", {"h", "2"}}}, "?"},
      {{{"Mul", {"2", "h"}}}, "?"},
      {{{"Mul", {"n", "h"}}}, "?"},
      {{{"Mul", {"n", "n"}}}, "?"},
      {{{"Mul", {"n", "0"}}}, "?"},
      {{{"Mul", {"n", "-1"}}}, "?"},
      {{{"Mul", {"-1", "n"}}}, "?"},
      {{{"Add", {"h", "1"}}}, "?"},
      {{{"Add", {"1", "h"}}}, "?"},
      {{{"Add", {"n", "1"}}}, "?"},
      {{{"Sub", {"h", "1"}}}, "?"},
      {{{"Sub", {"h", "0"}}}, "?"},
      {{{"Add", {"n", "2"}}}, "?"},
      {{{"Pow", {"n", "1"}}}, "?"},
      {{{"Mul", {"n", "4"}, "4 n"}, {"Div", {"4 n", "2"}}}, "2 n"},
      {{{"Mul", {"n", "4"}, "4 n"}, {"Div", {"4 n", "4"}}}, "n"},
      {{{"Mul", {"n", "4"}, "4 n"}, {"Div", {"4 n", "3"}}}, "?"},
      {{{"Mul", {"n", "4"}, "4 n"}, {"Div", {"4 n", "-1"}}}, "?"},
      {{{"Mul", {"n", "4"}, "4 n"}, {"Div", {"4 n", "0"}}}, "?"},
      {{{"Mul", {"n", "4"}, "4 n"}, {"Div", {"4", "4 n"}}}, "?"},
      {{{"Mul", {"n", "4"}, "4 n"}, {"Sub", {"4 n", "2"}}}, "?"},
      {{{"Mul", {"n", "2^62"}, "2^62 n"}, {"Mul", {"2^62 n", "4"}}}, "?"},
      {{{"Mul", {"n", "2^62"}}}, "4611686018427387904 n"},
      {{{"Mul", {"n, 3, h", "2"}}}, "2 n, 6, ?"},
      {{{"Mul", {"2", "n, 3, h"}}}, "2 n, 6, ?"},
      {{{"Mul", {"n, 3, h", "1, 2, 3"}}}, "n, 6, ?"},
      {{{"Sub", {"3, 4", "1, 2"}}}, "2, 2"},
      {{{"Sub", {"three", "3, 4"}}}, "0, -1"},
      {{{"Sub", {"3, 4", "three"}}}, "0, 1"},
      {{{"Add", {"none", "2"}}}, ""},
      {{{"Add", {"2", "none"}}}, ""},
      {{{"Add", {"none", "none"}}}, ""},
      {{{"Mod", {"3, 4", "2"}}}, "1, 0"},
      {{{"Mod", {"3, 4", "2"}, "y", {{"fmod", 1}}}}, "1, 0"},
      {{{"Add", {"3, 4", "n, 3, h"}}}, y + "Add, opset 17): expected lists of one length, got 2 and 3"},
      {{{"Mul", {"n, 3, h", "1, 2"}}}, y + "Mul, opset 17): expected lists of one length, got 3 and 2"},
      {{{"Mul", {"three", "2^62"}}},
       y + "Mul, opset 17): expected integers without overflow, got 3 and 4611686018427387904"},
      {{{"Add", {"three", "0.5"}}},
       y + "Add, opset 17): expected operands that are both tensors or both shapes, got one of each"},
  };
  for (const auto& [nodes, expected] : rows) {
    INFO(nodes.back().type << ' ' << nodes.back().inputs[0] << ' ' << nodes.back().inputs[1]);
    CHECK(computed_value(file_of_extents(nodes)) == expected);
  }
}

TEST_CASE("comparisons and selections of extents are made for each number of the lists") {
  const std::string equal = "node \"y\" (Equal, opset 17): ", where = "node \"y\" (Where, opset 17): ";
  const std::vector<std::pair<ComputedNode, std::string>> rows{
      {{"Equal", {"h", "-1"}}, "int64 (1,): 0"},
      {{"Equal", {"-1", "h"}}, "int64 (1,): 0"},
      {{"Equal", {"n, 3, h", "-1"}}, "int64 (3,): 0, 0, 0"},
      {{"Equal", {"-1", "n, 3, h"}}, "int64 (3,): 0, 0, 0"},
      {{"Equal", {"three", "3, 4"}}, "int64 (2,): 1, 0"},
      {{"Equal", {"3, 4", "three"}}, "int64 (2,): 1, 0"},
      {{"Equal", {"3, 4", "three, 3"}}, "int64 (2,): 1, 0"},
      {{"Less", {"3, 4", "4"}}, "int64 (2,): 1, 0"},
      {{"Less", {"4", "3, 4"}}, "int64 (2,): 0, 0"},
      {{"Greater", {"3, 4", "three"}}, "int64 (2,): 0, 1"},
      {{"GreaterOrEqual", {"3, 4", "4"}}, "int64 (2,): 0, 1"},
      {{"LessOrEqual", {"3, 4", "three"}}, "int64 (2,): 1, 0"},
      {{"Equal", {"none", "3"}}, "int64 (0,): "},
      {{"Equal", {"3", "none"}}, "int64 (0,): "},
      {{"Equal", {"none", "none"}}, "int64 (0,): "},
      {{"Equal", {"h", "0"}}, equal + "expected known extents, got an unknown one"},
      {{"Equal", {"0", "h"}}, equal + "expected known extents, got an unknown one"},
      {{"Equal", {"h", "n"}}, equal + "expected known extents, got an unknown one"},
      {{"Less", {"h", "-1"}}, "node \"y\" (Less, opset 17): expected known extents, got an unknown one"},
      {{"Equal", {"3, 4", "1, 2, 3"}}, equal + "expected lists of one length"},
      {{"Equal", {"1, 2, 3", "3, 4"}}, equal + "expected lists of one length"},
      {{"Equal", {"three", "0.5"}}, equal + "expected lists of one length"},
      {{"Where", {"1, 0, 1", "n, 3, h", "h, n, 4"}}, "n, n, x[1]"},
      {{"Where", {"0, 1, 0", "n, 3, h", "h, n, 4"}}, "x[1], 3, 4"},
      {{"Where", {"1, 0, 1", "n, 3, h", "2"}}, "n, 2, x[1]"},
      {{"Where", {"1, 0, 1", "2", "n, 3, h"}}, "2, 3, 2"},
      {{"Where", {"1, 0, 1", "n", "h"}}, "n, x[1], n"},
      {{"Where", {"1, 0", "n", "3, 4"}}, "n, 4"},
      {{"Where", {"0", "n", "three"}}, "3"},
      {{"Where", {"1, 0, 1", "n, 3", "h"}}, where + "expected two lists of 3 numbers, got 2 and 1"},
      {{"Where", {"1, 0, 1", "n", "3, 4"}}, where + "expected two lists of 3 numbers, got 1 and 2"},
      {{"Where", {"1, 0", "n, 3, h", "3, 4"}}, where + "expected two lists of 2 numbers, got 3 and 2"},
      {{"Where", {"1, 0, 1", "0.5", "h"}}, where + "expected two lists of 3 numbers, got 0 and 1"},
      {{"Where", {"1, 0, 1", "h", "0.5"}}, where + "expected two lists of 3 numbers, got 1 and 0"},
  };
  for (const auto& [node, expected] : rows) {
    INFO(node.type << ' ' << fmt::format("{}", fmt::join(node.inputs, " | ")));
    CHECK(computed_value(file_of_extents({node})) == expected);
  }
}

TEST_CASE("lists of extents are cut, joined, converted and taken apart") {
  const auto node = [](const char* type) { return fmt::format("node \"y\" ({}, opset 17): ", type); };
  const std::vector<std::pair<std::vector<ComputedNode>, std::string>> rows{
      {{{"Shape", {"x"}}}, "n, 3, x[1], 4"},
      {{{"Shape", {"x"}, "y", {{"start", 1}}}}, "3, x[1], 4"},
      {{{"Shape", {"x"}, "y", {{"end", -1}}}}, "n, 3, x[1]"},
      {{{"Shape", {"x"}, "y", {{"start", -2}, {"end", 9}}}}, "x[1], 4"},
      {{{"Shape", {"x"}, "y", {{"start", -9}, {"end", 1}}}}, "n"},
      {{{"Shape", {"x"}, "y", {{"start", 2}, {"end", 1}}}}, ""},
      {{{"Shape", {"n, 3, h, 4"}}}, "4"},
      {{{"Shape", {"1, 2, 3"}}}, "int64 (1,): 3"},
      {{{"Shape", {"1, 2, 3"}, "y", {{"start", 1}}}}, "int64 (0,): "},
      {{{"Size", {"1, 2, 3"}}}, "int64 (): 3"},
      {{{"Gather", {"n, 3, h, 4", "-1"}}}, "4"},
      {{{"Gather", {"n, 3", "-2"}}}, "n"},
      {{{"Gather", {"n, 3, h, 4", "4"}}}, node("Gather") + "expected positions in [-4, 4), got 4"},
      {{{"Gather", {"n, 3, h", "3, 4"}}}, node("Gather") + "expected positions in [-3, 3), got 3"},
      {{{"Gather", {"n, 3, h", "2"}, "y", {{"axis", -1}}}}, "x[1]"},
      {{{"Gather", {"n, 3, h", "2"}, "y", {{"axis", 1}}}},
       node("Gather") + "expected a list of integers, got another constant"},
      {{{"Slice", {"n, 3, h, 4", "1", "3"}}}, "3, x[1]"},
      {{{"Slice", {"n, 3, h, 4", "-1", "5", "0", "1"}}}, "4"},
      {{{"Slice", {"n, 3, h, 4", "0", "-1", "-1"}}}, "n, 3, x[1]"},
      {{{"Slice", {"n, 3, h, 4", "3", "1"}}}, ""},
      {{{"Slice", {"n, 3, h, 4", "0", "4", "1"}}},
       node("Slice") + "expected a slice of a list with step 1, got axes 1 and steps 1"},
      {{{"Slice", {"n, 3, h, 4", "0", "4", "0", "2"}}},
       node("Slice") + "expected a slice of a list with step 1, got axes 0 and steps 2"},
      {{{"Slice", {"n, 3, h, 4", "1, 2", "1, 2"}}},
       node("Slice") + "expected a slice of a list with step 1, got axes 0 1 and steps 1 1"},
      {{{"Concat", {"n", "1, 2", "h"}, "y", {{"axis", 0}}}}, "n, 1, 2, x[1]"},
      {{{"Concat", {"h", "n"}, "y", {{"axis", -1}}}}, "x[1], n"},
      {{{"Concat", {"h", "n"}, "y", {{"axis", 1}}}},
       node("Concat") + "expected lists of integers along axis 0, got a list and axis 1"},
      {{{"Concat", {"h", "0.5"}, "y", {{"axis", 0}}}},
       node("Concat") + "expected lists of integers along axis 0, got another input and axis 0"},
      {{{"Reshape", {"n, 3, h, 4", "-1"}}}, "n, 3, x[1], 4"},
      {{{"Reshape", {"n", "none"}}}, "n"},
      {{{"Reshape", {"n, 3, h, 4", "1, 2"}}}, node("Reshape") + "expected a shape to stay a list, got 2 axes"},
      {{{"Squeeze", {"n", "0"}}}, "n"},
      {{{"Unsqueeze", {"h", "0"}}}, "x[1]"},
      {{{"Cast", {"n, 3, h"}, "y", {{"to", Proto::INT64}}}}, "n, 3, x[1]"},
      {{{"Cast", {"n, 3, h"}, "y", {{"to", Proto::INT32}}}}, "n, 3, x[1]"},
      {{{"Cast", {"3, 4"}, "y", {{"to", Proto::FLOAT}}}}, "float32 (2,): 3, 4"},
      {{{"Cast", {"n"}, "y", {{"to", Proto::FLOAT}}}},
       node("Cast") + "expected a constant as input 1, got a value that depends on the inputs of the model"},
      {{{"Transpose", {"x"}, "z"}, {"Shape", {"z"}}}, "4, z[1], 3, n"},
  };
  for (const auto& [nodes, expected] : rows) {
    INFO(nodes.back().type << ' ' << fmt::format("{}", fmt::join(nodes.back().inputs, " | ")));
    CHECK(computed_value(file_of_extents(nodes)) == expected);
  }
}

TEST_CASE("the shape of samples that are merged with rows has the rows as a factor of the batch") {
  for (const auto& [target, expected] : std::vector<std::pair<Integers, std::string>>{
           {{-1, 12}, "4 n, 12"}, {{-1, 4, 3}, "4 n, 4, 3"}, {{-1}, "48 n"}, {{-1, 4, 12}, "n, 4, 12"}}) {
    auto file = file_of_extents({{"Reshape", {"x", "target"}, "z"}, {"Shape", {"z"}}});
    shape_of_input(*file.mutable_graph()).mutable_dim(2)->set_dim_value(4);
    add_constant(*file.mutable_graph(), "target", {std::ssize(target)}, target);
    CHECK(computed_value(file) == expected);
  }
}

TEST_CASE("Constant has one number or a list of integers or of floating numbers") {
  using Attribute = xtape_onnx::AttributeProto;
  const auto constant = [](const char* name, const std::function<void(Attribute&)>& set) {
    auto file = file_of_extents({{"Constant", {}}});
    auto& graph = *file.mutable_graph();
    auto& attribute = *graph.mutable_node(graph.node_size() - 1)->add_attribute();
    attribute.set_name(name);
    set(attribute);
    return computed_value(file);
  };
  CHECK(constant("value_float", [](Attribute& a) { a.set_type(Attribute::FLOAT), a.set_f(-2.5F); }) ==
        "float32 (): -2.5");
  CHECK(constant("value_int", [](Attribute& a) { a.set_type(Attribute::INT), a.set_i(-7); }) == "int64 (): -7");
  CHECK(constant("value_floats", [](Attribute& a) {
          a.set_type(Attribute::FLOATS), a.add_floats(0.5F), a.add_floats(-3), a.add_floats(4);
        }) == "float32 (3,): 0.5, -3, 4");
  CHECK(constant("value_ints", [](Attribute& a) { a.set_type(Attribute::INTS), a.add_ints(5), a.add_ints(-6); }) ==
        "int64 (2,): 5, -6");
  CHECK(constant("value_string", [](Attribute& a) { a.set_type(Attribute::STRING), a.set_s("text"); }) ==
        "node \"y\" (Constant, opset 17): expected a constant of numbers, got other data");
}

TEST_CASE("Cast of constants to integers cuts off, and rejects numbers beyond them") {
  const auto cast = [](const std::vector<float>& values, int to) {
    auto file = file_of_extents({{"Cast", {"floats"}, "y", {{"to", to}}}});
    add_floats(*file.mutable_graph(), "floats", {std::ssize(values)}, values);
    return computed_value(file);
  };
  CHECK(cast({1.5F, -2.5F, 0.9F, -0.9F}, Proto::INT64) == "int64 (4,): 1, -2, 0, 0");
  CHECK(cast({1.5F, -2.5F}, Proto::DOUBLE) == "float32 (2,): 1.5, -2.5");
  const float half = std::ldexp(1.0F, 62);
  CHECK(cast({half, -half}, Proto::INT64) == "int64 (2,): 4.611686018427388e+18, -4.611686018427388e+18");
  const std::string range = "node \"y\" (Cast, opset 17): expected numbers in the range of integers, got ";
  CHECK(cast({2 * half}, Proto::INT64) == range + "9.223372036854776e+18");
  CHECK(cast({1, -2 * half}, Proto::INT64) == range + "-9.223372036854776e+18");
  CHECK(cast({INFINITY}, Proto::INT64) == range + "inf");
  CHECK(cast({std::numeric_limits<float>::quiet_NaN()}, Proto::INT64) == range + "nan");
}

TEST_CASE("Cast to truth values gives 1 for every number but 0") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto cast = [](const std::function<void(xtape_onnx::GraphProto&)>& add) {
    auto file = file_of_extents({{"Cast", {"given"}, "y", {{"to", Proto::BOOL}}}});
    add(*file.mutable_graph());
    return computed_value(file);
  };
  CHECK(cast([&](auto& graph) {
          add_floats(graph, "given", {6}, {0.5F, 0, -0.0F, -3, 1, nan});
        }) == "int64 (6,): 1, 0, 0, 1, 1, 1");
  CHECK(cast([](auto& graph) { add_constant(graph, "given", {4}, {3, 0, -1, 1}); }) == "int64 (4,): 1, 0, 1, 1");
  CHECK(computed_value(file_of_extents({{"Sub", {"3, 4", "three"}, "rest"},
                                        {"Cast", {"rest"}, "y", {{"to", Proto::BOOL}}}})) == "int64 (2,): 0, 1");
  CHECK(computed_value(file_of_extents({{"Cast", {"1, 2, 3"}, "truth", {{"to", Proto::BOOL}}},
                                        {"Cast", {"truth"}, "y", {{"to", Proto::FLOAT}}}})) == "float32 (3,): 1, 1, 1");
}

TEST_CASE("Sum, Mean, Max and Min of any number of constants are computed for each element") {
  const std::vector<std::pair<std::string, std::vector<std::string>>> rows{
      {"Sum", {"3, -1", "4, 4", "4.5, 4", "5.5, 8"}},
      {"Mean", {"3, -1", "2, 2", "1.5, 1.3333333333333333", "1.375, 2"}},
      {"Max", {"3, -1", "3, 5", "3, 5", "3, 5"}},
      {"Min", {"3, -1", "1, -1", "0.5, -1", "0.5, -1"}}};
  for (const auto& [type, expected] : rows) {
    for (std::size_t count = 1; count <= 4; ++count) {
      INFO(type << ' ' << count);
      const Names all{"a", "b", "0.5, 0", "d"};
      auto file = file_of_extents({{type, Names(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count))}});
      auto& graph = *file.mutable_graph();
      add_floats(graph, "a", {2}, {3, -1}), add_floats(graph, "b", {2}, {1, 5});
      add_floats(graph, "0.5, 0", {2}, {0.5F, 0}), add_floats(graph, "d", {2}, {1, 4});
      const std::string found = computed_value(file), start = "float32 (2,): ";
      REQUIRE(found.starts_with(start));
      const std::string numbers = found.substr(start.size()), wanted = expected[count - 1];
      const auto number = [](const std::string& text, bool second) {
        return std::stod(second ? text.substr(text.find(", ") + 2) : text);
      };
      for (const bool second : {false, true}) CHECK(number(numbers, second) == Approx(number(wanted, second)));
    }
  }
}

TEST_CASE("a number is added to a long list of constants") {
  auto file = file_of_extents({{"Add", {"half", "halves"}}});
  add_constant(*file.mutable_graph(), "half", {}), add_constant(*file.mutable_graph(), "halves", {5000});
  CHECK(computed_value(file).starts_with("float32 (5000,): 1, 1, "));
}

TEST_CASE("ConstantOfShape has the type and the number of its value, by default the floating number 0") {
  const auto constant = [](const std::function<void(xtape_onnx::TensorProto&)>& set) {
    auto file = file_of_extents({{"ConstantOfShape", {"1, 2"}}});
    auto& graph = *file.mutable_graph();
    auto& attribute = *graph.mutable_node(graph.node_size() - 1)->add_attribute();
    attribute.set_name("value");
    attribute.set_type(xtape_onnx::AttributeProto::TENSOR);
    attribute.mutable_t()->add_dims(1);
    set(*attribute.mutable_t());
    return computed_value(file);
  };
  CHECK(constant([](auto& t) { t.set_data_type(Proto::INT64), t.add_int64_data(7); }) == "int64 (1, 2): 7, 7");
  CHECK(constant([](auto& t) { t.set_data_type(Proto::BOOL), t.add_int32_data(1); }) == "int64 (1, 2): 1, 1");
  CHECK(constant([](auto& t) { t.set_data_type(Proto::FLOAT), t.add_float_data(-0.5F); }) ==
        "float32 (1, 2): -0.5, -0.5");
  CHECK(computed_value(file_of_extents({{"ConstantOfShape", {"1, 2"}}})) == "float32 (1, 2): 0, 0");
}

TEST_CASE("powers of integers with floating exponents are cut off to integers") {
  const auto power = [](const std::vector<std::int64_t>& integers, const std::vector<float>& exponents) {
    auto file = file_of_extents({{"Pow", {"integers", "exponents"}}});
    add_constant(*file.mutable_graph(), "integers", {std::ssize(integers)}, integers);
    add_floats(*file.mutable_graph(), "exponents", {std::ssize(exponents)}, exponents);
    return computed_value(file);
  };
  CHECK(power({4, 2, 9, 2, -2}, {0.5F, 0.5F, 1.5F, -1, 3}) == "int64 (5,): 2, 1, 27, 0, -8");
  CHECK(power({16}, {0.5F, 0.25F, 0}) == "int64 (3,): 4, 2, 1");
  const std::string range = "node \"y\" (Pow, opset 17): expected powers in the range of integers, got ";
  CHECK(power({10}, {19}) == range + "10 to the power of 19");
  CHECK(power({-1}, {0.5F}) == range + "-1 to the power of 0.5");
  CHECK(computed_value(file_of_extents({{"Pow", {"0.5", "1, 2, 3"}}})) == "float32 (3,): 0.5, 0.25, 0.125");
}

TEST_CASE("ranges of constants begin at the start and end in front of the limit, in either direction") {
  const auto range = [](float start, float limit, float delta) {
    auto file = file_of_extents({{"Range", {"start", "limit", "delta"}}});
    auto& graph = *file.mutable_graph();
    add_floats(graph, "start", {}, {start}), add_floats(graph, "limit", {}, {limit});
    add_floats(graph, "delta", {}, {delta});
    return computed_value(file);
  };
  CHECK(range(1, 4, 1) == "float32 (3,): 1, 2, 3");
  CHECK(range(1, 4, 2) == "float32 (2,): 1, 3");
  CHECK(range(1, 4.5F, 1.5F) == "float32 (3,): 1, 2.5, 4");
  CHECK(range(1, -2, -1) == "float32 (3,): 1, 0, -1");
  CHECK(range(0, -1.25F, -0.5F) == "float32 (3,): 0, -0.5, -1");
  CHECK(range(4, 1, 1) == "float32 (0,): ");
  CHECK(range(1, 1, -1) == "float32 (0,): ");
  CHECK(computed_value(file_of_extents({{"Range", {"5", "1", "-1"}}})) == "int64 (4,): 5, 4, 3, 2");
  CHECK(computed_value(file_of_extents({{"Range", {"0", "5", "2"}}})) == "int64 (3,): 0, 2, 4");
}

TEST_CASE("ScatterND updates a place several times in the order of the updates, by every reduction") {
  for (const auto& [reduction, expected] : {std::pair("none", "-2, 1, 5, 1"),
                                            {"add", "3, 1, 6, 1"},
                                            {"mul", "-8, 1, 5, 1"},
                                            {"max", "4, 1, 5, 1"},
                                            {"min", "-2, 1, 1, 1"}}) {
    auto file = file_of_extents({{"ScatterND", {"ones", "places", "updates"}}});
    auto& graph = *file.mutable_graph();
    test::set_text(*graph.mutable_node(graph.node_size() - 1), "reduction", reduction);
    add_floats(graph, "ones", {4}, {1, 1, 1, 1});
    add_constant(graph, "places", {3, 1}, {0, -2, 0});
    add_floats(graph, "updates", {3}, {4, 5, -2});
    CHECK(computed_value(file) == fmt::format("float32 (4,): {}", expected));
  }
}

TEST_CASE("ScatterND of a constant without elements changes nothing") {
  auto file = file_of_extents({{"ScatterND", {"data", "0", "updates"}}});
  auto& graph = *file.mutable_graph();
  add_floats(graph, "data", {2, 0}, {});
  add_floats(graph, "updates", {0}, {});
  CHECK(computed_value(file) == "float32 (2, 0): ");
}
