// load_onnx(): an attribute that is left out has the default of ONNX's specification of the operator.
#include <variant>

#include "framework/tensor/random.hpp"
#include "models/files/model_file.hpp"
#include "tests/onnx/one_node.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using AttributeValue = std::variant<int, double, const char*, Integers>;

void set_attribute(xtape_onnx::ModelProto& file, const std::string& name, const AttributeValue& value) {
  using Proto = xtape_onnx::AttributeProto;
  auto& attribute = *file.mutable_graph()->mutable_node(1)->add_attribute();
  attribute.set_name(name);
  if (const auto* integer = std::get_if<int>(&value)) attribute.set_type(Proto::INT), attribute.set_i(*integer);
  if (const auto* real = std::get_if<double>(&value)) {
    attribute.set_type(Proto::FLOAT), attribute.set_f(static_cast<float>(*real));
  }
  if (const auto* text = std::get_if<const char*>(&value)) attribute.set_type(Proto::STRING), attribute.set_s(*text);
  if (const auto* list = std::get_if<Integers>(&value)) {
    attribute.set_type(Proto::INTS);
    for (const std::int64_t number : *list) attribute.add_ints(number);
  }
}

struct AttributeRow {
  std::string type;
  std::vector<std::string> inputs;
  std::string name;
  AttributeValue otherwise;   ///< the default
  AttributeValue other = {};  ///< gives another network
  std::vector<std::pair<std::string, AttributeValue>> more = {};
  bool batch_axis = true;
  int opset = 20;
};

/// The network that is read from the file of a row, as JSON, and its output, with the attribute or without.
std::pair<std::string, Tensor> network_of(const AttributeRow& row, const AttributeValue* value) {
  auto file = file_of_node(row.type, row.inputs);
  file.mutable_opset_import(0)->set_version(row.opset);
  auto& graph = *file.mutable_graph();
  const bool matrix = row.type == "Gemm";
  if (matrix) shape_of_input(graph).mutable_dim()->DeleteSubrange(2, 2);
  add_constant(graph, "three", row.name == "axis" && value == &row.other ? Integers{4, 3} : Integers{3});
  add_constant(graph, "pair", {2});
  add_constant(graph, "square", {4, 4});
  add_constant(graph, "wide", {4, 4, 2, 1});
  add_constant(graph, "zero", {1}, {0});
  add_constant(graph, "list", {1}, {1});
  add_constant(graph, "one", {}, {1});
  add_constant(graph, "sizes", {4}, {2, 4, 3, 7});
  add_constant(graph, "pads", {8}, {0, 0, 1, 0, 0, 0, 0, 1});
  for (const auto& [name, other] : row.more) set_attribute(file, name, other);
  if (value) set_attribute(file, row.name, *value);
  const LoadOnnxOptions options{.images = ImageAxes::channels_first, .batch_axis = row.batch_axis};
  const Model model = onnx::ImportGraph(file, "", options).model();
  const Tensor input = RandomStream(1).uniform(matrix ? Shape{2, 4} : Shape{2, 4, 4, 3}, -2, 2);
  const Tensor x_or_sample = row.batch_axis ? input : input.reshaped(input.shape().prepended(1));
  return {graph_to_json(model), run(model, x_or_sample)[0].value()};
}

}  // namespace

TEST_CASE("attributes that are left out have the defaults of ONNX") {
  const std::vector<std::string> x{"x"}, normalized{"x", "numbers", "numbers", "numbers", "numbers"},
      scaled{"x", "numbers", "numbers"}, convolved{"x", "kernel"}, resized{"x", "", "", "sizes"};
  const std::vector<std::pair<std::string, AttributeValue>> window{{"kernel_shape", Integers{2, 2}}},
      padded{{"kernel_shape", Integers{2, 2}}, {"pads", Integers{1, 1, 0, 0}}}, linear{{"mode", "linear"}},
      cubic{{"mode", "cubic"}}, groups{{"num_groups", 2}}, block{{"blocksize", 2}}, local{{"size", 3}};
  const std::vector<AttributeRow> rows{
      {"BatchNormalization", normalized, "epsilon", 1e-5, 1e-3},
      {"BatchNormalization", normalized, "momentum", 0.9, 0.99},
      {"Dropout", x, "ratio", 0.5, 0.25, {}, true, 11},
      {"InstanceNormalization", scaled, "epsilon", 1e-5, 1e-3},
      {"GroupNormalization", {"x", "pair", "pair"}, "epsilon", 1e-5, 1e-3, groups},
      {"LayerNormalization", {"x", "three"}, "epsilon", 1e-5, 1e-3},
      {"LayerNormalization", {"x", "three"}, "axis", -1, 2},
      {"LRN", x, "alpha", 1e-4, 1e-3, local},
      {"LRN", x, "beta", 0.75, 0.5, local},
      {"LRN", x, "bias", 1.0, 2.0, local},
      {"LpNormalization", x, "axis", -1, 1},
      {"LeakyRelu", x, "alpha", 0.01, 0.1},
      {"Elu", x, "alpha", 1.0, 0.5},
      {"Celu", x, "alpha", 1.0, 0.5},
      {"ThresholdedRelu", x, "alpha", 1.0, 0.5},
      {"HardSigmoid", x, "alpha", 0.2, 0.25},
      {"HardSigmoid", x, "beta", 0.5, 0.25},
      {"Shrink", x, "lambd", 0.5, 0.25},
      {"Shrink", x, "bias", 0.0, 0.25},
      {"Gelu", x, "approximate", "none", "tanh"},
      {"Softmax", x, "axis", -1, 1},
      {"LogSoftmax", x, "axis", -1, 1},
      {"Flatten", x, "axis", 1, 2, {}, false},
      {"Gather", {"x", "zero"}, "axis", 0, 1, {}, false},
      {"ReduceMean", x, "keepdims", 1, 0, {{"axes", Integers{1}}}},
      {"ReduceMean", x, "noop_with_empty_axes", 0, 1, {}, false},
      {"Concat", {"x", "x"}, "axis", 1, 2, {}, true, 3},
      {"Split", x, "axis", 0, 1, {}, false},
      {"CumSum", {"x", "one"}, "exclusive", 0, 1},
      {"CumSum", {"x", "one"}, "reverse", 0, 1},
      {"Conv", convolved, "strides", Integers{1, 1}, Integers{2, 1}},
      {"Conv", convolved, "pads", Integers{0, 0, 0, 0}, Integers{0, 1, 0, 0}},
      {"Conv", {"x", "wide"}, "dilations", Integers{1, 1}, Integers{2, 1}},
      {"Conv", {"x", "wide"}, "auto_pad", "NOTSET", "SAME_UPPER"},
      {"ConvTranspose", convolved, "strides", Integers{1, 1}, Integers{2, 1}},
      {"ConvTranspose", convolved, "output_padding", Integers{0, 0}, Integers{1, 0}, {{"strides", Integers{2, 2}}}},
      {"MaxPool", x, "strides", Integers{1, 1}, Integers{2, 1}, window},
      {"MaxPool", x, "pads", Integers{0, 0, 0, 0}, Integers{0, 1, 0, 0}, window},
      {"MaxPool", x, "ceil_mode", 0, 1, {{"kernel_shape", Integers{2, 2}}, {"strides", Integers{3, 2}}}},
      {"AveragePool", x, "count_include_pad", 0, 1, padded},
      {"DepthToSpace", x, "mode", "DCR", "CRD", block},
      {"Pad", {"x", "pads"}, "mode", "constant", "edge"},
      {"Resize", resized, "mode", "nearest", "linear"},
      {"Resize", resized, "coordinate_transformation_mode", "half_pixel", "align_corners", linear},
      {"Resize", resized, "nearest_mode", "round_prefer_floor", "floor"},
      {"Resize", resized, "cubic_coeff_a", -0.75, -0.5, cubic},
      {"Resize", resized, "exclude_outside", 0, 1, cubic},
      {"Resize", resized, "antialias", 0, 1, linear},
  };
  for (const AttributeRow& row : rows) {
    INFO(row.type << ' ' << row.name);
    const auto left_out = network_of(row, nullptr), given = network_of(row, &row.otherwise),
               different = network_of(row, &row.other);
    CHECK(given.first == left_out.first);
    CHECK(identical(given.second, left_out.second));
    CHECK_FALSE((different.first == left_out.first && identical(different.second, left_out.second)));
  }
}

TEST_CASE("attributes without an effect on the results are accepted") {
  const std::vector<AttributeRow> rows{
      {"Cast", {"x"}, "saturate", 0, {}, {{"to", 1}}},
      {"Dropout", {"x"}, "seed", 7},
      {"Dropout", {"x"}, "is_test", 1, {}, {}, true, 6},
      {"BatchNormalization",
       {"x", "numbers", "numbers", "numbers", "numbers"},
       "consumed_inputs",
       Integers{0, 0, 0, 1, 1},
       {},
       {{"is_test", 1}},
       true,
       6},
      {"LayerNormalization", {"x", "three"}, "stash_type", 1},
      {"GroupNormalization", {"x", "numbers", "numbers"}, "stash_type", 1, {}, {{"num_groups", 2}}, true, 21},
      {"Add", {"x", "image"}, "broadcast", 1, {}, {}, false, 6},
      {"Gemm", {"x", "square", "numbers"}, "broadcast", 1, {}, {}, true, 6},
      {"ReduceMean", {"x", "list"}, "noop_with_empty_axes", 1},
      {"MaxPool", {"x"}, "storage_order", 1, {}, {{"kernel_shape", Integers{2, 2}}}},
  };
  for (const AttributeRow& row : rows) {
    INFO(row.type << ' ' << row.name);
    const auto left_out = network_of(row, nullptr), given = network_of(row, &row.otherwise);
    CHECK(given.first == left_out.first);
    CHECK(identical(given.second, left_out.second));
  }
}

TEST_CASE("operands of opsets below 7 begin at the attribute axis") {
  const auto read = [](int axis) {
    auto file = file_of_node("Add", {"x", "column"});
    file.mutable_opset_import(0)->set_version(6);
    add_floats(*file.mutable_graph(), "column", {4}, {1, 2, 3, 4});
    set_attribute(file, "axis", axis);
    set_attribute(file, "broadcast", 1);
    return onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model();
  };
  const Tensor x = RandomStream(1).uniform({2, 4, 4, 3});
  for (const int axis : {1, 2, -2}) {
    INFO(axis);
    const Tensor y = run(read(axis), x)[0].value();
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const std::int64_t place = axis == 1 ? i / 12 % 4 : i / 3 % 4;
      CHECK(y.to_vector()[static_cast<std::size_t>(i)] ==
            Approx(x.to_vector()[static_cast<std::size_t>(i)] + static_cast<double>(place + 1)));
    }
  }
  for (const auto& [axis, got] : {std::pair(4, 4), {-5, -1}}) {
    CHECK_THAT(error_of([&, axis = axis] { read(axis); }),
               Catch::EndsWith(fmt::format("axis: expected an axis of the first operand, got {}", got)));
  }
}
