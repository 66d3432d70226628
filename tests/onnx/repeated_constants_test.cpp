// load_onnx(): constants that Expand and Tile repeat for each sample, as often as the batch says.
#include <functional>

#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Extents = std::vector<std::int64_t>;

/// A file that repeats integers, as float32, by numbers of which -1 is the number of samples of x (n, 3).
std::filesystem::path repeating_file(const TemporaryFolder& folder, const std::string& type, const Extents& shape,
                                     const Extents& numbers) {
  return file_with(folder, "Shape", [&](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    std::vector<float> values;
    for (std::int64_t i = 1; i <= Shape(shape).size(); ++i) values.push_back(static_cast<float>(i));
    add_floats(graph, "constant", shape, values);
    add_constant(graph, "first", {1}, {0});
    add_node(graph, "Gather", {"y", "first"}, "samples");
    Names parts;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      parts.push_back(numbers[i] == -1 ? "samples" : fmt::format("number {}", i));
      if (numbers[i] != -1) add_constant(graph, parts.back(), {1}, {numbers[i]});
    }
    set_number(add_node(graph, "Concat", parts, "numbers"), "axis", 0);
    add_node(graph, type, {"constant", "numbers"}, "z");
    graph.mutable_output(0)->set_name("z");
  });
}

}  // namespace

TEST_CASE("Expand and Tile repeat a constant for each sample, and along other axes") {
  struct Row {
    std::string type;
    Extents shape, numbers;
    Shape of_sample;
    std::vector<double> values;  // of a sample
  };
  const std::vector<Row> rows{{"Expand", {1, 2}, {-1, 2}, {2}, {1, 2}},
                              {"Expand", {2}, {-1, 3, 2}, {3, 2}, {1, 2, 1, 2, 1, 2}},
                              {"Expand", {2, 1}, {-1, 2, 3}, {2, 3}, {1, 1, 1, 2, 2, 2}},
                              {"Expand", {1, 2, 1}, {-1, 1, 2}, {2, 2}, {1, 1, 2, 2}},
                              {"Tile", {1, 2}, {-1, 2}, {4}, {1, 2, 1, 2}},
                              {"Tile", {1, 2, 1}, {-1, 1, 3}, {2, 3}, {1, 1, 1, 2, 2, 2}},
                              {"Tile", {1, 2, 2}, {-1, 2, 1}, {4, 2}, {1, 2, 3, 4, 1, 2, 3, 4}}};
  const TemporaryFolder folder;
  for (const Row& row : rows) {
    INFO(fmt::format("{} of ({}) by ({})", row.type, fmt::join(row.shape, ", "), fmt::join(row.numbers, ", ")));
    const Model model = load_onnx(repeating_file(folder, row.type, row.shape, row.numbers));
    const Tensor y = run(model, Tensor::ones({2, 3}))[0].value();
    REQUIRE(y.shape() == row.of_sample.prepended(2));
    std::vector<double> twice = row.values;
    twice.insert(twice.end(), row.values.begin(), row.values.end());
    CHECK(y.to_vector() == twice);
  }
}

TEST_CASE("constants that Expand and Tile cannot repeat for each sample are errors") {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& type, const Extents& shape, const Extents& numbers) -> std::string {
    try {
      load_onnx(repeating_file(folder, type, shape, numbers));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  for (const std::string type : {"Expand", "Tile"}) {
    INFO(type);
    CHECK(message(type, {1, 1, 1}, {-1, 1 << 12, 1 << 12}) == "");
    const std::string large = "expected a constant of at most 2^24 elements, got the axes (4096, 4097)";
    CHECK_THAT(message(type, {1, 1, 1}, {-1, 1 << 12, (1 << 12) + 1}), Catch::Contains(large));
    CHECK(message(type, {1, 1}, {-1, 1 << 24}) == "");
    const std::string known = "expected known numbers of 1 to 2^24 besides the batch, got ";
    for (const std::int64_t number : {0, (1 << 24) + 1}) {
      CHECK_THAT(message(type, {1, 1}, {-1, number}), Catch::Contains(known + std::to_string(number)));
    }
    CHECK_THAT(message(type, {1, 1, 2}, {-1, 2}),
               Catch::Contains("expected at most 2 axes, got the constant (1, 1, 2)"));
    CHECK_THAT(message(type, {3, 2}, {-1, 2}),
               Catch::Contains("expected a constant that is repeated once for each sample, got the shape (3, 2)"));
  }
  CHECK_THAT(
      message("Tile", {1, 2}, {-1, (1 << 23) + 1}),
      Catch::Contains(
          ": node \"z\" (Tile, opset 17): expected a constant of at most 2^24 elements, got the axes (8388609)"));
}

TEST_CASE("functions of weights are weights, and functions of numbers are constants") {
  const TemporaryFolder folder;
  const auto trainable = [&](const std::string& type, const Names& inputs) {
    const Model model = load_onnx(file_with(folder, "Identity", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      for (const float number : {0.0F, 1.0F, 3.0F}) add_floats(graph, fmt::format("{}", number), {}, {number});
      add_constant(graph, "weights", {3});
      add_node(graph, type, inputs, "constant");
      add_node(graph, "Neg", {"constant"}, "computed");
      add_node(graph, "Mul", {"y", "computed"}, "z");
      graph.mutable_output(0)->set_name("z");
    }));
    const std::vector<Parameter> parameters = model.parameters();
    REQUIRE(parameters.size() == 1);
    return parameters[0].trainable();
  };
  CHECK(trainable("Abs", {"weights"}));
  CHECK_FALSE(trainable("Range", {"0", "3", "1"}));
}
