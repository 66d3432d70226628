// load_onnx() and save_onnx(): whole messages of files that are rejected, and the same files a little different.
#include "layers/core/dense.hpp"
#include "layers/graph/input.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/one_node.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Proto = xtape_onnx::TensorProto;

void set_input_shape(xtape_onnx::ModelProto& file, const Integers& extents) {
  auto& shape = *file.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape.clear_dim();
  for (const std::int64_t extent : extents) shape.add_dim()->set_dim_value(extent);
}

}  // namespace

TEST_CASE("nodes that do not fit are errors with whole messages, and those that fit are read") {
  struct Row {
    std::string type;
    std::vector<std::string> inputs;
    std::function<void(xtape_onnx::ModelProto&)> fits, differs;
    std::string message;
    bool batch_axis = true;
  };
  const auto text = [](const char* name, const char* value) {
    return [=](xtape_onnx::ModelProto& file) { set_text(file, name, value); };
  };
  const auto integers = [](const char* name, const Integers& values) {
    return [=](xtape_onnx::ModelProto& file) { test::set_integers(file, name, values); };
  };
  const auto elements = [](int type) {
    return [=](xtape_onnx::ModelProto& file) {
      file.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(type);
    };
  };
  const auto extents = [](const Integers& values) {
    return [=](xtape_onnx::ModelProto& file) { set_input_shape(file, values); };
  };
  const auto padded = [](std::int64_t elements) {
    return [=](xtape_onnx::ModelProto& file) {
      set_text(file, "mode", "edge");
      add_constant(*file.mutable_graph(), "pads", {8}, {0, 0, 0, elements, 0, 0, 0, 0});
    };
  };
  const auto normalized = [](std::int64_t channels, std::int64_t height) {
    return [=](xtape_onnx::ModelProto& file) {
      file.mutable_opset_import(0)->set_version(7);
      test::set_integers(file, "spatial", {0});
      add_constant(*file.mutable_graph(), "factors", {channels, height, 3});
    };
  };
  const auto biased = [](const char* bias) {
    return [=](xtape_onnx::ModelProto& file) {
      set_input_shape(file, {2, 4});
      add_constant(*file.mutable_graph(), "matrix", {4, 4});
      file.mutable_graph()->mutable_node(1)->add_input("matrix");
      file.mutable_graph()->mutable_node(1)->add_input(bias);
    };
  };
  const auto nothing = [](xtape_onnx::ModelProto&) {};
  const std::vector<std::string> factors{"x", "factors", "factors", "factors", "factors"};
  const std::vector<Row> rows{
      {"Cast",
       {"x"},
       integers("to", {Proto::DOUBLE}),
       integers("to", {Proto::INT64}),
       "expected a cast between floating types or between integers, got float32 to int64"},
      {"Cast",
       {"x"},
       integers("to", {Proto::DOUBLE}),
       integers("to", {Proto::BOOL}),
       "expected a comparison or a constant for truth values, got float32 elements"},
      {"Einsum",
       {"x"},
       text("equation", "abcd->adbc"),
       text("equation", "ab1d->abd"),
       "equation: expected letters, got \"ab1d->abd\""},
      {"Einsum",
       {"x", "image"},
       text("equation", "abcd,ebcd->ae"),
       text("equation", "abcd,abcd->a"),
       "equation: expected the letter a for the batch alone"},
      {"Einsum",
       {"x"},
       text("equation", "abcd->abc"),
       text("equation", "abcd->bcd"),
       "equation: expected the batch in the output; the model computes each sample separately"},
      {"Relu", {"x"}, nothing, elements(Proto::INT64), "expected a floating input, got int64"},
      {"Relu",
       {"x"},
       nothing,
       [](xtape_onnx::ModelProto& file) { file.mutable_graph()->mutable_node(1)->clear_output(); },
       "expected an output, got none"},
      {"BatchNormalization", factors, normalized(4, 4), normalized(4, 5), "expected 48 numbers as input 2, got 60"},
      {"Gemm", {"x"}, biased("numbers"), biased("integers"), "expected a floating bias, got int64"},
      {"Pad",
       {"x", "pads"},
       padded(1 << 16),
       padded((1 << 16) + 1),
       "pads: expected at most 2^16 elements, got 65537 and 0"},
      {"ConvTranspose",
       {"x", "kernel"},
       integers("output_shape", {4, 3}),
       integers("output_shape", {4, 4, 3}),
       "output_shape: expected 2 numbers, got 3"},
      {"Softmax",
       {"x"},
       [](xtape_onnx::ModelProto& file) { file.mutable_opset_import(0)->set_version(12); },
       [](xtape_onnx::ModelProto& file) {
         file.mutable_opset_import(0)->set_version(12);
         auto& tensor = *file.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type();
         tensor.mutable_shape()->mutable_dim(3)->set_dim_param("width");
       },
       "expected known extents, got an unknown one"},
      {"Squeeze",
       {"x"},
       extents({2, 1, 4, 1}),
       [](xtape_onnx::ModelProto& file) {
         auto& tensor = *file.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type();
         tensor.mutable_shape()->mutable_dim(1)->set_dim_param("height");
       },
       "expected axes, or known extents",
       false},
  };
  for (const Row& row : rows) {
    INFO(row.type << ' ' << row.message);
    auto good = file_of_node(row.type, row.inputs), bad = good;
    row.fits(good), row.differs(bad);
    CHECK(error_in(good, row.batch_axis) == "");
    CHECK_THAT(error_in(bad, row.batch_axis), Catch::EndsWith("): " + row.message));
  }
}

TEST_CASE("empty texts of an ONNX file are shown in quotes in messages") {
  struct Row {
    std::string type;
    std::vector<std::string> inputs;
    std::string attribute, message;
  };
  const std::vector<Row> rows{
      {"Pad", {"x", "numbers"}, "mode", "mode: expected constant, edge, reflect or wrap, got \"\""},
      {"DepthToSpace", {"x"}, "mode", "expected a blocksize of 1 to 1024 and the mode DCR or CRD, got 2 and \"\""},
      {"MaxPool", {"x"}, "auto_pad", "auto_pad: expected NOTSET, VALID, SAME_UPPER or SAME_LOWER, got \"\""},
      {"Resize", {"x", "", "numbers"}, "mode", "mode: expected nearest, linear or cubic, got \"\""},
      {"Relu", {"x"}, "", "expected attributes that xtape supports, got \"\""},
      {"Einsum", {"x", "x"}, "equation", "equation: expected 2 operands, got \"\""}};
  for (const Row& row : rows) {
    auto file = file_of_node(row.type, row.inputs);
    set_text(file, row.attribute, "");
    if (row.type == "DepthToSpace") test::set_integers(file, "blocksize", {2});
    if (row.type == "MaxPool") test::set_integers(file, "kernel_shape", {2, 2});
    CHECK(error_in(file) == fmt::format("node \"tested\" ({}, opset 17): {}", row.type, row.message));
  }
  CHECK(error_in(file_of_node("", {"x"})) ==
        "node \"tested\" (\"\", opset 17): expected an operator that xtape supports (docs/formats.md), got \"\"");
}

TEST_CASE("inputs and constants of an ONNX file that cannot be read are named") {
  auto file = file_of_node("Relu", {"x"});
  set_input_shape(file, {2, 1, 1, 1, 1, 1, 1, 3});
  CHECK(error_in(file) == "");
  set_input_shape(file, {2, 1, 1, 1, 1, 1, 1, 1, 3});
  CHECK(error_in(file) == "input \"x\": expected at most 8 axes");
  file = file_of_node("Relu", {"x"});
  file.mutable_graph()->mutable_initializer(0)->add_float_data(1);
  CHECK(error_in(file) == "initializer \"numbers\": expected 4 values for the shape (4,), got 5");
  file = file_of_node("Relu", {"x"});
  file.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  CHECK(error_in(file) == "input \"x\": expected a tensor with a shape");
  set_input_shape(file, {});
  CHECK(error_in(file) == "input \"x\": expected a batch axis, got a number; set batch_axis = false");
}

TEST_CASE("files of the opsets 1 to 21 are read, and the opsets of other domains do not matter") {
  const auto message = [](std::int64_t version, const std::string& domain) {
    auto file = file_of_node("Relu", {"x"});
    auto& set = *file.mutable_opset_import(0);
    set.set_version(version);
    set.set_domain(domain);
    auto& other = *file.add_opset_import();
    other.set_domain("ai.onnx.ml");
    other.set_version(99);
    return error_in(file);
  };
  for (const std::string domain : {"", "ai.onnx"}) {
    for (const std::int64_t version : {1, 7, 21}) CHECK(message(version, domain) == "");
    for (const std::int64_t version : {-1, 0, 22}) {
      CHECK(message(version, domain) == fmt::format("expected an opset of 1 to 21, got {}", version));
    }
  }
  CHECK(message(17, "me") == "expected the version of the operator set, got none");
}

TEST_CASE("options of save_onnx beyond their limits are errors with whole messages") {
  const TemporaryFolder folder;
  const auto x = Input({2});
  const Model model(x, Dense({.units = 3})(x));
  const auto message = [&](const SaveOnnxOptions& options) {
    try {
      save_onnx(model, folder / "a.onnx", options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  for (const auto& [opset, least] : {std::pair(17, 8), {18, 8}, {19, 9}, {20, 9}, {21, 10}}) {
    CHECK(message({.opset = opset, .ir_version = least}) == "");
    CHECK(message({.opset = opset, .ir_version = 10}) == "");
    for (const int wrong : {least - 1, 11}) {
      const std::string range = least == 10 ? "10" : fmt::format("{} to 10", least);
      CHECK(message({.opset = opset, .ir_version = wrong}) ==
            fmt::format("save_onnx: {}: ir_version: expected {} for opset {}, got {}", (folder / "a.onnx").string(),
                        range, opset, wrong));
    }
  }
  for (const int wrong : {16, 22}) {
    CHECK_THAT(message({.opset = wrong}), Catch::Contains(fmt::format("opset: expected 17 to 21, got {}", wrong)));
  }
  CHECK_THAT(message({.class_names = {"a", "b"}}),
             Catch::Contains("class_names: expected a name for each of the 3 outputs, got 2"));
  CHECK_THAT(message({.class_names = {"a", "b", "a"}}),
             Catch::EndsWith("class_names[2]: expected different names, got \"a\" twice"));
  for (const std::string name : {"class_names", "preprocessing", "image_axes"}) {
    CHECK_THAT(
        message({.metadata = {{name, "x"}}}),
        Catch::Contains("metadata: expected other names than class_names, preprocessing and image_axes, got " + name));
  }
}
