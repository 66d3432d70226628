// load_onnx(): operators that read a flattened image. The file has its channels first, the layers have them last.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "framework/tensor/random.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Row = std::vector<double>;
using NodeProto = xtape_onnx::NodeProto;

/// A node that reads "flat", and what it makes of the 24 elements of a sample.
struct FlatRow {
  std::string type;
  Names inputs;
  std::function<Row(const Row&)> expected;
  std::function<void(NodeProto&)> set = [](NodeProto&) {};
};

/// The number i of the constant "vector".
double vector_at(std::size_t i) { return 0.25 * static_cast<double>(i % 7) - 0.5; }

/// A model of images x (n, 2, 3, 4): their elements, "flat", as a pooling of single pixels gives them, and one node.
/// "other" has the same elements from an image of other extents, "row" from an array.
Model model_of_flat(const FlatRow& row) {
  const TemporaryFolder folder;
  const auto pixels = [](NodeProto& node) {
    auto& window = *node.add_attribute();
    window.set_name("kernel_shape");
    window.set_type(xtape_onnx::AttributeProto::INTS);
    for (int i = 0; i < 2; ++i) window.add_ints(1);
  };
  return load_onnx(file_with(folder, "MaxPool",
                             [&](xtape_onnx::ModelProto& file) {
                               file.mutable_opset_import(0)->set_version(20);
                               auto& graph = *file.mutable_graph();
                               auto& shape = shape_of_input(graph);
                               shape.mutable_dim(1)->set_dim_value(2);
                               for (const int extent : {3, 4}) shape.add_dim()->set_dim_value(extent);
                               std::vector<float> vector;
                               for (std::size_t i = 0; i < 24; ++i) vector.push_back(static_cast<float>(vector_at(i)));
                               add_floats(graph, "vector", {24}, vector);
                               add_floats(graph, "one row", {1, 24}, vector);
                               add_floats(graph, "column", {24, 1}, vector);
                               add_floats(graph, "half", {}, {0.5F});
                               add_floats(graph, "ones", {24}, std::vector<float>(24, 1));
                               add_constant(graph, "1", {1}, {1});
                               add_constant(graph, "3", {1}, {3});
                               add_constant(graph, "20", {1}, {20});
                               add_constant(graph, "2", {1}, {2});
                               add_constant(graph, "positions", {4}, {5, 0, -1, 13});
                               add_constant(graph, "sizes", {2}, {5, 19});
                               add_constant(graph, "pads", {4}, {0, 1, 0, 2});
                               add_constant(graph, "times", {2}, {1, 2});
                               add_constant(graph, "extents", {2}, {1, 24});
                               add_constant(graph, "matrix", {3}, {0, 6, 4});
                               add_constant(graph, "turned", {4}, {0, 3, 4, 2});
                               auto& mask = *graph.add_initializer();
                               mask.set_name("every third");
                               mask.set_data_type(xtape_onnx::TensorProto::BOOL);
                               mask.add_dims(24);
                               for (int i = 0; i < 24; ++i) mask.add_int32_data(i % 3 == 0 ? 1 : 0);
                               pixels(*graph.mutable_node(0));
                               add_node(graph, "Flatten", {"y"}, "flat");
                               add_node(graph, "Reshape", {"x", "turned"}, "turned x");
                               pixels(add_node(graph, "MaxPool", {"turned x"}, "turned image"));
                               add_node(graph, "Flatten", {"turned image"}, "other");
                               add_node(graph, "Flatten", {"x"}, "row");
                               row.set(add_node(graph, row.type, row.inputs, "z"));
                               graph.mutable_output(0)->set_name("z");
                             }),
                   {.images = ImageAxes::channels_first});
}

/// A function of each element and its number.
std::function<Row(const Row&)> each(double (*f)(double, std::size_t)) {
  return [f](const Row& row) {
    Row result;
    for (std::size_t i = 0; i < row.size(); ++i) result.push_back(f(row[i], i));
    return result;
  };
}

/// The elements at some positions.
std::function<Row(const Row&)> at(std::vector<std::size_t> positions) {
  return [positions = std::move(positions)](const Row& row) {
    Row result;
    for (const std::size_t i : positions) result.push_back(row[i]);
    return result;
  };
}

std::vector<std::size_t> range(std::size_t begin, std::size_t end, std::size_t step = 1) {
  std::vector<std::size_t> result;
  for (std::size_t i = begin; i < end; i += step) result.push_back(i);
  return result;
}

double sum_of(const Row& row, double (*f)(double)) {
  return std::accumulate(row.begin(), row.end(), 0.0, [f](double sum, double x) { return sum + f(x); });
}

/// (x - mean) / sqrt(variance + 1e-5).
Row normalized(const Row& row) {
  const auto count = static_cast<double>(row.size());
  const double mean = sum_of(row, [](double x) { return x; }) / count;
  const double variance = sum_of(row, [](double x) { return x * x; }) / count - mean * mean;
  Row result;
  for (const double x : row) result.push_back((x - mean) / std::sqrt(variance + 1e-5));
  return result;
}

}  // namespace

TEST_CASE("operators read the elements of a flattened image in the order of the file") {
  const auto last_axis = [](NodeProto& node) { set_number(node, "axis", -1); };
  const auto text = [](const char* name, const char* value) {
    return [=](NodeProto& node) { set_text(node, name, value); };
  };
  const auto two_outputs = [](bool second) {
    return [second](NodeProto& node) {
      set_number(node, "axis", 1);
      if (second) node.set_output(0, "first");
      node.add_output(second ? "z" : "second");
    };
  };
  const auto same = each([](double x, std::size_t) { return x; });
  const auto twice = each([](double x, std::size_t) { return 2 * x; });
  const auto shifted = each([](double x, std::size_t i) { return x + vector_at(i); });
  const auto dot = [](const Row& row) {
    double sum = 0;
    for (std::size_t i = 0; i < row.size(); ++i) sum += row[i] * vector_at(i);
    return Row{sum};
  };
  std::vector<std::size_t> joined = range(0, 24), wrapped{23};
  joined.insert(joined.end(), joined.begin(), joined.begin() + 24);
  for (std::size_t i = 0; i < 26; ++i) wrapped.push_back(i % 24);
  const std::vector<FlatRow> rows{
      {"Identity", {"flat"}, same},
      {"Relu", {"flat"}, each([](double x, std::size_t) { return std::max(x, 0.0); })},
      {"Add", {"flat", "half"}, each([](double x, std::size_t) { return x + 0.5; })},
      {"Add", {"flat", "vector"}, shifted},
      {"Add", {"one row", "flat"}, shifted},
      {"Sub", {"vector", "flat"}, each([](double x, std::size_t i) { return vector_at(i) - x; })},
      {"Mul", {"flat", "vector"}, each([](double x, std::size_t i) { return x * vector_at(i); })},
      {"Max", {"flat", "vector"}, each([](double x, std::size_t i) { return std::max(x, vector_at(i)); })},
      {"Add", {"flat", "flat"}, twice},
      {"Add", {"flat", "other"}, twice},
      {"Add", {"other", "flat"}, twice},
      {"Add", {"flat", "row"}, twice},
      {"Add", {"row", "flat"}, twice},
      {"Sum", {"flat", "other", "row"}, each([](double x, std::size_t) { return 3 * x; })},
      {"PRelu", {"flat", "vector"}, each([](double x, std::size_t i) { return x < 0 ? x * vector_at(i) : x; })},
      {"PRelu", {"flat", "one row"}, each([](double x, std::size_t i) { return x < 0 ? x * vector_at(i) : x; })},
      {"Softmax",
       {"flat"},
       [](const Row& row) {
         const double all = sum_of(row, [](double x) { return std::exp(x); });
         Row result;
         for (const double x : row) result.push_back(std::exp(x) / all);
         return result;
       }},
      {"LpNormalization",
       {"flat"},
       [](const Row& row) {
         const double norm = std::sqrt(sum_of(row, [](double x) { return x * x; }));
         Row result;
         for (const double x : row) result.push_back(x / norm);
         return result;
       },
       last_axis},
      {"LayerNormalization", {"flat", "ones"}, normalized},
      {"CumSum",
       {"flat", "1"},
       [](const Row& row) {
         Row result(row.size());
         std::partial_sum(row.begin(), row.end(), result.begin());
         return result;
       }},
      {"ReduceMax", {"flat", "1"}, [](const Row& row) { return Row{*std::ranges::max_element(row)}; }},
      {"MatMul", {"flat", "column"}, dot},
      {"MatMul", {"other", "column"}, dot},
      {"Gemm", {"flat", "column"}, dot},
      {"Einsum", {"flat", "vector"}, dot, text("equation", "ab,b->a")},
      {"Slice", {"flat", "3", "20", "1", "2"}, at(range(3, 20, 2))},
      {"Gather", {"flat", "positions"}, at({5, 0, 23, 13}), last_axis},
      {"Split", {"flat", "sizes"}, at(range(0, 5)), two_outputs(false)},
      {"Split", {"flat", "sizes"}, at(range(5, 24)), two_outputs(true)},
      {"Concat", {"flat", "flat"}, at(joined), last_axis},
      {"Concat", {"row", "flat"}, at(joined), last_axis},
      {"Tile", {"flat", "times"}, at(joined)},
      {"Pad", {"flat", "pads"}, at(wrapped), text("mode", "wrap")},
      {"Expand", {"flat", "extents"}, same},
      {"Reshape", {"flat", "matrix"}, same},
      {"Unsqueeze", {"flat", "1"}, same},
      {"Transpose",
       {"flat"},
       same,
       [](NodeProto& node) {
         set_order(node, {0, 1});
       }},
      {"Flatten", {"flat"}, same},
      {"Where", {"every third", "flat", "half"}, each([](double x, std::size_t i) { return i % 3 == 0 ? x : 0.5; })},
      {"Where", {"every third", "vector", "flat"}, each([](double x, std::size_t i) {
         return i % 3 == 0 ? vector_at(i) : x;
       })},
  };
  const Tensor x = RandomStream(1).uniform({2, 2, 3, 4}, -1, 1);
  for (const FlatRow& row : rows) {
    INFO(fmt::format("{} {}", row.type, fmt::join(row.inputs, ", ")));
    const Tensor z = run(model_of_flat(row), x)[0].value();
    REQUIRE(z.dim(0) == 2);
    for (std::int64_t sample = 0; sample < 2; ++sample) {
      const Row expected = row.expected(x.rows(sample, sample + 1).to_vector());
      const Row found = z.rows(sample, sample + 1).to_vector();
      REQUIRE(found.size() == expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(1e-5));
    }
  }
}
