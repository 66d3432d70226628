// load_onnx(): nodes with operands and attributes of every kind are read or are an Error.
#include "models/files/onnx/import_graph.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Attribute = xtape_onnx::AttributeProto;
using Proto = xtape_onnx::TensorProto;
using Integers = std::vector<std::int64_t>;

/// Adds a constant: integers, or 0.5 everywhere.
void add_constant(xtape_onnx::ModelProto& file, const std::string& name, const Integers& extents,
                  const Integers& integers = {}) {
  auto& constant = *file.mutable_graph()->add_initializer();
  constant.set_name(name);
  constant.set_data_type(integers.empty() ? Proto::FLOAT : Proto::INT64);
  std::int64_t count = 1;
  for (const std::int64_t extent : extents) constant.add_dims(extent), count *= extent;
  for (const std::int64_t integer : integers) constant.add_int64_data(integer);
  for (std::int64_t i = 0; i < count && integers.empty(); ++i) constant.add_float_data(0.5F);
}

/// A graph with the input "x" (2, 4, 4, 3), constants, the shape of x "shape", and one node of the given
/// type, which reads `inputs` and writes "y".
xtape_onnx::ModelProto file_with(const std::string& type, const std::vector<std::string>& inputs) {
  xtape_onnx::ModelProto file;
  file.set_ir_version(8);
  file.add_opset_import()->set_version(17);
  auto& graph = *file.mutable_graph();
  auto& x = *graph.add_input();
  x.set_name("x");
  auto& tensor = *x.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(Proto::FLOAT);
  for (const std::int64_t extent : {2, 4, 4, 3}) tensor.mutable_shape()->add_dim()->set_dim_value(extent);
  add_constant(file, "numbers", {4});
  add_constant(file, "image", {2, 4, 4, 3});
  add_constant(file, "kernel", {4, 4, 1, 1});
  add_constant(file, "integers", {4}, {0, 1, 0, 1});
  auto& shape = *graph.add_node();
  shape.set_op_type("Shape");
  shape.add_input("x");
  shape.add_output("shape");
  auto& node = *graph.add_node();
  node.set_name("tested");
  node.set_op_type(type);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output("y");
  graph.add_output()->set_name("y");
  return file;
}

void set_text(xtape_onnx::ModelProto& file, const std::string& name, const std::string& value) {
  auto& attribute = *file.mutable_graph()->mutable_node(1)->add_attribute();
  attribute.set_name(name);
  attribute.set_type(Attribute::STRING);
  attribute.set_s(value);
}

void set_integers(xtape_onnx::ModelProto& file, const std::string& name, const Integers& values) {
  auto& attribute = *file.mutable_graph()->mutable_node(1)->add_attribute();
  attribute.set_name(name);
  attribute.set_type(values.size() == 1 ? Attribute::INT : Attribute::INTS);
  attribute.set_i(values[0]);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

/// The message of the Error if a file is rejected.
std::string error_in(const xtape_onnx::ModelProto& file, bool batch_axis = true) {
  try {
    onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first, .batch_axis = batch_axis}).model();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("every operator reads operands of any kind or rejects them with an Error that names the node") {
  const std::vector<std::string> kinds{"x", "numbers", "image", "integers", "shape"};
  std::vector<std::vector<std::string>> operands;
  for (const std::string& first : kinds) {
    operands.push_back({first});
    for (const std::string& second : kinds) {
      operands.push_back({first, second});
      for (const char* third : {"x", "numbers"}) operands.push_back({first, second, third});
    }
  }
  int read = 0;
  for (const auto& [type, row] : onnx::import_rows()) {
    for (const auto& inputs : operands) {
      for (const bool batch_axis : {true, false}) {
        INFO(type << " " << fmt::format("{}", fmt::join(inputs, " ")) << " " << batch_axis);
        const std::string error = error_in(file_with(type, inputs), batch_axis);
        if (error.empty()) ++read;
        const bool named = error.empty() || error.find("\"tested\"") != std::string::npos ||
                           error.find("output \"y\"") != std::string::npos;
        if (!named) FAIL(error);
      }
    }
  }
  CHECK(read > 500);
}

TEST_CASE("an attribute of text with a value that ONNX does not define is an Error") {
  struct Row {
    std::string type;
    std::vector<std::string> inputs;
    std::string attribute, message;
    std::vector<std::pair<std::string, std::string>> texts = {};  // further attributes
    std::vector<std::pair<std::string, Integers>> integers = {};
  };
  const std::vector<std::string> resized{"x", "", "", "sizes"};
  const std::string coordinates = "coordinate_transformation_mode";
  const std::vector<Row> rows{
      {"Resize", resized, "mode", "mode: expected nearest, linear or cubic"},
      {"Resize", resized, coordinates, coordinates + ": expected one of ONNX's"},
      {"Resize", resized, coordinates, coordinates + ": expected one of ONNX's", {{"mode", "linear"}}},
      {"Resize", resized, coordinates, coordinates + ": expected one of ONNX's", {{"mode", "cubic"}}},
      {"Resize", resized, "nearest_mode", "nearest_mode: expected one of ONNX's"},
      {"Resize", resized, "keep_aspect_ratio_policy", "keep_aspect_ratio_policy: expected stretch, "},
      {"Pad", {"x", "pads"}, "mode", "mode: expected constant, edge, reflect or wrap"},
      {"DepthToSpace", {"x"}, "mode", "the mode DCR or CRD", {}, {{"blocksize", {1}}}},
      {"Gelu", {"x"}, "approximate", "approximate: expected none or tanh"},
      {"MaxPool", {"x"}, "auto_pad", "auto_pad: expected NOTSET, ", {}, {{"kernel_shape", {1, 1}}}},
      {"AveragePool", {"x"}, "auto_pad", "auto_pad: expected NOTSET, ", {}, {{"kernel_shape", {1, 1}}}},
      {"Conv", {"x", "kernel"}, "auto_pad", "auto_pad: expected NOTSET, "},
      {"ConvTranspose", {"x", "kernel"}, "auto_pad", "auto_pad: expected NOTSET, "},
  };
  for (const Row& row : rows) {
    INFO(row.type << " " << row.attribute);
    auto file = file_with(row.type, row.inputs);
    add_constant(file, "sizes", {4}, {2, 4, 3, 5});
    add_constant(file, "pads", {8}, {0, 0, 1, 0, 0, 0, 0, 1});
    for (const auto& [name, value] : row.texts) set_text(file, name, value);
    for (const auto& [name, values] : row.integers) set_integers(file, name, values);
    CHECK(error_in(file) == "");
    set_text(file, row.attribute, "invented");
    const std::string error = error_in(file);
    CHECK_THAT(error, Catch::Contains(row.message) && Catch::Contains("got ") && Catch::Contains("invented"));
  }
}

TEST_CASE("the first and the last axis of an array are read, and axes beyond them are an Error") {
  const std::vector<std::pair<std::string, std::vector<std::string>>> rows{{"Concat", {"x", "x"}},
                                                                           {"Gather", {"x", "index"}},
                                                                           {"LogSoftmax", {"x"}},
                                                                           {"LpNormalization", {"x"}},
                                                                           {"Softmax", {"x"}},
                                                                           {"Split", {"x"}},
                                                                           {"LayerNormalization", {"x", "scale"}}};
  for (const auto& [type, inputs] : rows) {
    for (const std::int64_t axis : {-5, -4, 3, 4}) {
      auto file = file_with(type, inputs);
      add_constant(file, "index", {1}, {0});
      add_constant(file, "scale", axis < 0 ? Integers{2, 4, 4, 3} : Integers{3});
      set_integers(file, "axis", {axis});
      INFO(type << " " << axis);
      const std::string error = error_in(file, false);
      if (axis == -4 || axis == 3) {
        CHECK(error == "");
      } else {
        CHECK_THAT(error, Catch::Contains("axis"));
      }
    }
  }
}
