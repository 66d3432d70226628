// load_onnx(): nodes with operands and attributes of every kind are read or are an Error.
#include "tests/onnx/one_node.hpp"

using namespace xtape;
using namespace xtape::test;

TEST_CASE("Einsum reads operands of any kind or rejects them with an Error that names the node") {
  const std::vector<std::pair<std::string, std::string>> kinds{{"x", "abcd"},    {"x", "adcb"},     {"image", "abcd"},
                                                               {"numbers", "b"}, {"integers", "b"}, {"shape", "b"}};
  int read = 0;
  for (const auto& [first, letters] : kinds) {
    for (const auto& [second, others] : kinds) {
      for (const std::string output : {"", "->abcd", "->ab", "->ba", "->b", "->"}) {
        for (const bool batch_axis : {true, false}) {
          for (const bool two : {true, false}) {
            const std::string equation = letters + (two ? "," + others : "") + output;
            INFO(first << " " << second << " " << equation << " " << batch_axis);
            auto file = file_of_node("Einsum", two ? std::vector{first, second} : std::vector{first});
            set_text(file, "equation", equation);
            if (is_read(file, batch_axis)) ++read;
          }
        }
      }
    }
  }
  CHECK(read > 50);
}

TEST_CASE("a constant of integers is no operand of Einsum") {
  auto file = file_of_node("Einsum", {"x", "integers"});
  set_text(file, "equation", "abcd,b");
  CHECK(error_in(file) == "node \"tested\" (Einsum, opset 17): expected floating operands, got integers");
}

TEST_CASE("the matrices of a Resize are not trained") {
  auto file = file_of_node("Resize", {"x", "", "", "sizes"});
  add_constant(*file.mutable_graph(), "sizes", {4}, {2, 4, 7, 5});
  set_text(file, "mode", "cubic");
  const Model model = onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model();
  CHECK(model.parameters().size() == 2);
  for (const Parameter& parameter : model.parameters()) CHECK_FALSE(parameter.trainable());
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
    auto file = file_of_node(row.type, row.inputs);
    add_constant(*file.mutable_graph(), "sizes", {4}, {2, 4, 3, 5});
    add_constant(*file.mutable_graph(), "pads", {8}, {0, 0, 1, 0, 0, 0, 0, 1});
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
      auto file = file_of_node(type, inputs);
      add_constant(*file.mutable_graph(), "index", {1}, {0});
      add_constant(*file.mutable_graph(), "scale", axis < 0 ? Integers{2, 4, 4, 3} : Integers{3});
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

TEST_CASE("numbers at their limits are read, and the next ones are an Error") {
  struct Row {
    std::string type;
    std::vector<std::string> inputs;
    std::string name;  // "a" is an input of integers; otherwise an attribute
    std::vector<Integers> valid;
    std::vector<std::pair<Integers, std::string>> invalid;  // with parts of the messages
    bool batch_axis = false;
    std::vector<std::pair<std::string, Integers>> attributes = {};
  };
  constexpr std::int64_t beyond = (1 << 30) + 1;
  const std::vector<Row> rows{
      {"Split", {"x", "a"}, "a", {{4}}, {{{3}, "add up to 4"}, {{5}, "add up to 4"}}, false, {{"axis", {1}}}},
      {"Gather", {"x", "a"}, "a", {{3}, {-4}}, {{{4}, "4"}, {{-5}, "-5"}}, false, {{"axis", {1}}}},
      {"Pad",
       {"x", "a"},
       "a",
       {{0, 0, 0, 0, 0, 0, 0, 0}, {0, 1, 0, 0, 0, 0, 0, 2}, {0, 0, 0, 0, 0, 0, 0, beyond - 1}},
       {{{0, 0, 0, 0, 0, 0, 0}, "node \"tested\" (Pad, opset 17): pads: expected 8 numbers, got 7"},
        {{0, 0, 0, 0, 0, 0, 0, beyond},
         "pads: expected numbers of -2^30 to 2^30, got (0, 0, 0, 0, 0, 0, 0, 1073741825)"},
        {{-beyond, 0, 0, 0, 0, 0, 0, 0},
         "pads: expected numbers of -2^30 to 2^30, got (-1073741825, 0, 0, 0, 0, 0, 0, 0)"}}},
      {"ConstantOfShape",
       {"a"},
       "a",
       {},
       {{{4097, 4096}, "expected a shape of at most 2^24 elements, got (4097, 4096)"}}},
      {"Transpose", {"x"}, "perm", {{3, 2, 1, 0}}, {{{0, 1, 2, 2}, "perm: "}, {{1, 2, 3, 4}, "perm: "}}},
      {"Unsqueeze",
       {"x", "a"},
       "a",
       {{-5}, {4}, {0, 5}},
       {{{-6}, "axes below 5"},
        {{5}, "axes below 5"},
        {{0, 0}, "node \"tested\" (Unsqueeze, opset 17): expected different axes, got (0, 0)"}}},
      {"Squeeze",
       {"x", "a"},
       "a",
       {},
       {{{1}, "node \"tested\" (Squeeze, opset 17): expected an extent of 1 on axis 1, got 4"},
        {{4}, "node \"tested\" (Squeeze, opset 17): expected axes below 4, got 4"}}},
      {"Expand",
       {"x", "a"},
       "a",
       {{1, 1, 1, 1}},
       {{{1, 0, 1, 1}, "node \"tested\" (Expand, opset 17): expected extents of 1 to 2^30, got 0"},
        {{1, beyond, 1, 1}, "expected extents of 1 to 2^30, got 1073741825"}}},
      {"Expand",
       {"x", "a"},
       "a",
       {{2, 4, 4, 3}, {1, 1, 1, 1}},
       {{{3, 4, 4, 3}, "node \"tested\" (Expand, opset 17): expected the batch not to change, got 3"}},
       true},
      {"Tile",
       {"x", "a"},
       "a",
       {{2, 1, 1, 1}},
       {{{1, 1, 1}, "node \"tested\" (Tile, opset 17): expected a number for each axis, 4 in all, got 3"},
        {{1, 0, 1, 1}, "node \"tested\" (Tile, opset 17): expected numbers of 1 to 2^30, got (1, 0, 1, 1)"},
        {{1, 1, 1, beyond}, "expected numbers of 1 to 2^30, got (1, 1, 1, 1073741825)"}}},
      {"Tile",
       {"x", "a"},
       "a",
       {{1, 2, 1, 1}},
       {{{2, 1, 1, 1}, "node \"tested\" (Tile, opset 17): expected the batch not to be repeated, got 2 times"}},
       true},
      {"Reshape",
       {"x", "a"},
       "a",
       {{96}, {-1, 4}},
       {{{-2, 4}, "node \"tested\" (Reshape, opset 17): expected extents of at least 1, got -2"}}},
      {"Flatten", {"x"}, "axis", {{-4}, {4}}, {{{-5}, "axis: expected -4 to 4"}, {{5}, "axis: expected -4 to 4"}}},
      {"Flatten", {"x"}, "axis", {{1}, {-3}}, {{{2}, "axis: expected 1"}, {{0}, "axis: expected 1"}}, true},
      {"LpNormalization", {"x"}, "p", {{2}}, {{{1}, "p: expected 2"}, {{3}, "p: expected 2"}}},
      {"LRN",
       {"x"},
       "size",
       {{1}, {4096}},
       {{{0}, "size: expected 1 to 4096"}, {{4097}, "size: expected 1 to 4096"}},
       true},
      {"DepthToSpace", {"x"}, "blocksize", {{1}, {2}}, {{{0}, "blocksize"}, {{3}, "3"}, {{1025}, "blocksize"}}, true},
      {"SpaceToDepth", {"x"}, "blocksize", {}, {{{0}, "blocksize"}, {{1025}, "blocksize"}}, true},
      {"MaxPool",
       {"x"},
       "strides",
       {{1, 1}, {beyond - 1, 1}},
       {{{1}, "node \"tested\" (MaxPool, opset 17): strides: expected 2 numbers, got 1"},
        {{1, beyond}, "strides: expected numbers of 1 to 2^30, got (1, 1073741825)"},
        {{0, 1}, "node \"tested\" (MaxPool, opset 17): strides: expected numbers of 1 to 2^30, got (0, 1)"}},
       true,
       {{"kernel_shape", {2, 2}}}},
      {"MaxPool",
       {"x"},
       "pads",
       {{0, 0, 0, 0}},
       {{{0, 0}, "node \"tested\" (MaxPool, opset 17): pads: expected 4 numbers, got 2"}},
       true,
       {{"kernel_shape", {2, 2}}}},
      {"MaxPool",
       {"x"},
       "unused",
       {},
       {{{1}, "node \"tested\" (MaxPool, opset 17): expected the attribute kernel_shape, got none"}},
       true},
      {"Conv",
       {"x", "kernel"},
       "group",
       {{1}},
       {{{0}, "node \"tested\" (Conv, opset 17): group: expected a divisor of 4 filters, got 0"},
        {{3}, "node \"tested\" (Conv, opset 17): group: expected a divisor of 4 filters, got 3"},
        {{2}, "kernel: expected the shape (1, 1, 2, 4), got (1, 1, 4, 4)"}},
       true},
      {"Conv",
       {"x", "kernel"},
       "kernel_shape",
       {{1, 1}},
       {{{1, 2}, "node \"tested\" (Conv, opset 17): kernel_shape: expected (1, 1), got (1, 2)"}},
       true},
      {"ConvTranspose",
       {"x", "kernel"},
       "output_padding",
       {{0, 0}, {1, 1}},
       {{{2, 0}, "node \"tested\" (ConvTranspose, opset 17): output_padding: expected less than the stride 2, got 2"},
        {{0, 2}, "node \"tested\" (ConvTranspose, opset 17): output_padding: expected less than the stride 2, got 2"}},
       true,
       {{"strides", {2, 2}}}},
      {"Resize",
       {"x", "", "", "a"},
       "a",
       {{2, 4, 4, 5}},
       {{{4, 4, 5}, "node \"tested\" (Resize, opset 17): expected a scale or a size for each axis, 4 in all, got 3"}}},
  };
  for (const char* type : {"DepthToSpace", "SpaceToDepth"}) {  // 1024 is accepted, but no divisor of the extents
    auto file = file_of_node(type, {"x"});
    set_integers(file, "blocksize", {1024});
    CHECK_THAT(error_in(file), Catch::Contains("expected") && !Catch::Contains("a blocksize of 1 to 1024"));
  }
  for (const Row& row : rows) {
    const auto error_of = [&](const Integers& numbers) {
      auto file = file_of_node(row.type, row.inputs);
      for (const auto& [name, values] : row.attributes) set_integers(file, name, values);
      if (row.name == "a") {
        add_constant(*file.mutable_graph(), "a", {std::ssize(numbers)}, numbers);
      } else {
        set_integers(file, row.name, numbers);
      }
      return error_in(file, row.batch_axis);
    };
    for (const Integers& numbers : row.valid) {
      INFO(fmt::format("{} {}: {}", row.type, row.name, fmt::join(numbers, " ")));
      CHECK(error_of(numbers) == "");
    }
    for (const auto& [numbers, message] : row.invalid) {
      INFO(fmt::format("{} {}: {}", row.type, row.name, fmt::join(numbers, " ")));
      CHECK_THAT(error_of(numbers), Catch::Contains(message));
    }
  }
}

TEST_CASE("operands that do not fit an operator are an Error that says what was expected") {
  struct Row {
    std::string type;
    std::vector<std::string> inputs;
    std::string message;
    bool batch_axis = true;
    std::vector<std::pair<std::string, std::string>> texts = {};
    std::vector<std::pair<std::string, Integers>> integers = {};
  };
  const std::vector<Row> rows{
      {"ConstantOfShape", {"large"}, "expected a shape of at most 2^24 elements, got (16777217)"},
      {"Range", {"zero", "large", "one"}, "expected at most 2^24 numbers, got 16777217"},
      {"Range",
       {"zero", "one", "zero"},
       "node \"tested\" (Range, opset 17): expected a start, a limit and a delta other than 0, got 1, 1 and 1 numbers "
       "and a delta of 0"},
      {"Where", {"one", "column", "row"}, "expected operands of one type with at most 2^24 elements, got float32 and"},
      {"Greater", {"column", "row"}, "expected operands of one type with at most 2^24 elements, got float32 and"},
      {"Where",
       {"integers", "shape", "three"},
       "node \"tested\" (Where, opset 17): expected two lists of 4 numbers, got 4 and 3"},
      {"Einsum",
       {"x", "image"},
       "node \"tested\" (Einsum, opset 17): equation: expected 2 operands, got \"abcd\"",
       true,
       {{"equation", "abcd"}}},
      {"Einsum",
       {"x"},
       "node \"tested\" (Einsum, opset 17): equation: expected 4 letters for operand 1, got abc",
       true,
       {{"equation", "abc"}}},
      {"Einsum",
       {"x"},
       "node \"tested\" (Einsum, opset 17): equation: expected each letter once in an operand, got \"abca\"",
       true,
       {{"equation", "abca"}}},
      {"PRelu",
       {"x", "five axes"},
       "node \"tested\" (PRelu, opset 17): expected a slope for the axes of samples, got the shape (2, 1, 1, 1, 1)"},
      {"Conv",
       {"x", "x"},
       "node \"tested\" (Conv, opset 17): expected a constant as input 2, got a value that depends on the inputs of "
       "the model"},
      {"Gather",
       {"x", "integers"},
       "node \"tested\" (Gather, opset 17): expected an axis of samples, got the batch axis; the model computes each "
       "sample separately",
       true,
       {},
       {{"axis", {0}}}},
      {"Gemm", {"x", "kernel"}, "node \"tested\" (Gemm, opset 17): expected a matrix, got 4 axes"},
      {"Reshape", {"shape", "two"}, "node \"tested\" (Reshape, opset 17): expected a shape to stay a list, got 2 axes"},
      {"Resize", {"x", "", "numbers3"}, "node \"tested\" (Resize, opset 17): scales: expected 4 numbers, got 3"},
      {"Resize",
       {"x", "numbers", "", "sizes"},
       "node \"tested\" (Resize, opset 17): roi: expected 8 numbers, got 4",
       true,
       {{"coordinate_transformation_mode", "tf_crop_and_resize"}, {"mode", "linear"}}},
      {"AveragePool",
       {"x"},
       "node \"tested\" (AveragePool, opset 17): dilations: expected 1 for means, got 2 1",
       true,
       {},
       {{"kernel_shape", {2, 2}}, {"dilations", {2, 1}}}},
      {"BatchNormalization", {"x", "numbers3", "numbers3", "numbers3", "numbers3"}, "expected"},
      {"GroupNormalization",
       {"x", "numbers3", "numbers3"},
       "node \"tested\" (GroupNormalization, opset 18): expected factors for 2 groups, which divide the channels, got "
       "3 and 3 for 4 channels",
       true,
       {},
       {{"num_groups", {2}}}},
      {"GroupNormalization",
       {"x", "two halves", "numbers3"},
       "expected factors for 2 groups, which divide the channels, got 2 and 3 for 4 channels",
       true,
       {},
       {{"num_groups", {2}}}},
      {"Resize",
       {"x", "", "", "wide"},
       "expected extents whose product is at most 2^24, got 3 and 5592406",
       true,
       {{"mode", "cubic"}}},
      {"Resize",
       {"x", "", "", "no width"},
       "expected extents whose product is at most 2^24, got 3 and 0",
       true,
       {{"mode", "cubic"}}},
      {"Pad", {"numbers", "far"}, "expected constants of at most 2^28 elements, got (268435460,)"},
      {"Split", {"x", "two"}, "expected", true, {}, {{"axis", {1}}}},
      {"Unsqueeze",
       {"x", "numbers"},
       "node \"tested\" (Unsqueeze, opset 17): expected integers as input 2, got float32"},
  };
  for (const Row& row : rows) {
    INFO(row.type << " " << fmt::format("{}", fmt::join(row.inputs, " ")));
    auto file = file_of_node(row.type, row.inputs);
    if (row.type == "GroupNormalization") file.mutable_opset_import(0)->set_version(18);
    add_constant(*file.mutable_graph(), "zero", {}, {0});
    add_constant(*file.mutable_graph(), "one", {}, {1});
    add_constant(*file.mutable_graph(), "large", row.type == "Range" ? Integers{} : Integers{1}, {(1 << 24) + 1});
    add_constant(*file.mutable_graph(), "two", {2}, {2, 2});
    add_constant(*file.mutable_graph(), "three", {3}, {1, 2, 3});
    add_constant(*file.mutable_graph(), "sizes", {4}, {2, 4, 3, 5});
    add_constant(*file.mutable_graph(), "wide", {4}, {2, 4, 4, (1 << 24) / 3 + 1});
    add_constant(*file.mutable_graph(), "no width", {4}, {2, 4, 4, 0});
    add_constant(*file.mutable_graph(), "far", {2}, {0, 1 << 28});
    add_constant(*file.mutable_graph(), "numbers3", {3});
    add_constant(*file.mutable_graph(), "two halves", {2});
    add_constant(*file.mutable_graph(), "column", {4097, 1});
    add_constant(*file.mutable_graph(), "row", {1, 4096});
    add_constant(*file.mutable_graph(), "five axes", {2, 1, 1, 1, 1});
    for (const auto& [name, value] : row.texts) set_text(file, name, value);
    for (const auto& [name, values] : row.integers) set_integers(file, name, values);
    CHECK_THAT(error_in(file, row.batch_axis), Catch::Contains(row.message));
  }
}

TEST_CASE("integers that are computed from a shape are an Error where they are not defined") {
  struct Row {
    std::string type;
    std::vector<std::string> inputs;  // "a" is a list of integers
    Integers integers;
    std::string message;
    std::vector<std::pair<std::string, Integers>> attributes = {};
  };
  constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  const std::vector<Row> rows{
      {"Add", {"shape", "a"}, {1, 2, 3}, "node \"tested\" (Add, opset 17): expected lists of one length, got 4 and 3"},
      {"Add",
       {"shape", "a"},
       {largest},
       "node \"tested\" (Add, opset 17): expected integers without overflow, got 2 and 9223372036854775807"},
      {"Sub",
       {"a", "shape"},
       {-largest},
       "node \"tested\" (Sub, opset 17): expected integers without overflow, got -9223372036854775807 and 2"},
      {"Mul",
       {"shape", "a"},
       {largest / 2 + 1},
       "node \"tested\" (Mul, opset 17): expected integers without overflow, got 2 and 4611686018427387904"},
      {"Div", {"shape", "a"}, {0}, "node \"tested\" (Div, opset 17): expected integers without overflow, got 2 and 0"},
      {"Gather", {"shape", "a"}, {4}, "node \"tested\" (Gather, opset 17): expected positions in [-4, 4), got 4"},
      {"Gather", {"shape", "a"}, {-5}, "node \"tested\" (Gather, opset 17): expected positions in [-4, 4), got -5"},
      {"Gather",
       {"shape", "a"},
       {0},
       "node \"tested\" (Gather, opset 17): expected a list of integers, got another constant",
       {{"axis", {1}}}},
      {"Gather",
       {"shape", "numbers"},
       {0},
       "node \"tested\" (Gather, opset 17): expected positions in a list, got (4,)"},
      {"Gather",
       {"x", "numbers"},
       {0},
       "node \"tested\" (Gather, opset 17): expected integers as positions, got float32"},
      {"Gather",
       {"integers", "x"},
       {0},
       "node \"tested\" (Gather, opset 17): expected rows of a table, got rows of int64 along axis 0"},
  };
  for (const Row& row : rows) {
    INFO(row.type << " " << fmt::format("{}", fmt::join(row.inputs, " ")));
    auto file = file_of_node(row.type, row.inputs);
    add_constant(*file.mutable_graph(), "a", {std::ssize(row.integers)}, row.integers);
    for (const auto& [name, values] : row.attributes) set_integers(file, name, values);
    CHECK_THAT(error_in(file, false), Catch::Contains(row.message));
  }
}
