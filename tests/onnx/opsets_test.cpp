// load_onnx(): operators whose definition an opset has changed, on both sides of the change, with the values of both
// definitions (https://onnx.ai/onnx/operators).
#include <algorithm>
#include <cmath>
#include <functional>

#include "framework/tensor/random.hpp"
#include "models/files/onnx/import_graph.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// The output for x (2, 3, 4) of a graph that `build` makes of the input "x", and whose output is "y".
Tensor output_of(int opset, const Tensor& x, const std::function<void(xtape_onnx::GraphProto&)>& build) {
  auto file = file_with_input(opset);
  auto& graph = *file.mutable_graph();
  add_axes(shape_of_input(graph), {0, 3, 4});
  build(graph);
  graph.add_output()->set_name("y");
  return test::run(onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model(), x)[0].value();
}

/// The softmax, or its logarithm, of each `group` consecutive elements.
std::vector<double> softmax_of(const Tensor& x, std::size_t group, bool log) {
  std::vector<double> values = x.to_vector();
  for (std::size_t begin = 0; begin < values.size(); begin += group) {
    double total = 0;
    for (std::size_t i = begin; i < begin + group; ++i) total += std::exp(values[i]);
    for (std::size_t i = begin; i < begin + group; ++i) {
      values[i] = log ? values[i] - std::log(total) : std::exp(values[i]) / total;
    }
  }
  return values;
}

void check_near(const Tensor& y, const std::vector<double>& expected) {
  REQUIRE(y.size() == std::ssize(expected));
  const std::vector<double> values = y.to_vector();
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(values[i] == Approx(expected[i]).margin(1e-6));
}

}  // namespace

TEST_CASE("Clip has its limits as attributes before opset 11, and as inputs since then") {
  const Tensor x = RandomStream(1).uniform({2, 3, 4}, -2, 2);
  std::vector<double> both = x.to_vector(), below = both;
  for (double& v : both) v = std::clamp(v, -0.5, 1.0);
  for (double& v : below) v = std::max(v, -0.5);
  for (const int opset : {6, 10}) {
    INFO(opset);
    check_near(output_of(opset, x,
                         [](auto& graph) {
                           auto& node = add_node(graph, "Clip", {"x"}, "y");
                           set_real(node, "min", -0.5F), set_real(node, "max", 1);
                         }),
               both);
    check_near(output_of(opset, x, [](auto& graph) { set_real(add_node(graph, "Clip", {"x"}, "y"), "min", -0.5F); }),
               below);
  }
  for (const int opset : {11, 12, 13}) {
    INFO(opset);
    const auto clipped = [&](const Names& inputs) {
      return output_of(opset, x, [&](auto& graph) {
        add_floats(graph, "low", {}, {-0.5F});
        add_floats(graph, "high", {}, {1});
        add_node(graph, "Clip", inputs, "y");
      });
    };
    check_near(clipped({"x", "low", "high"}), both);
    check_near(clipped({"x", "low"}), below);
  }
}

TEST_CASE("Softmax is over all axes from the given one before opset 13, and over this axis since then") {
  const Tensor x = RandomStream(1).uniform({2, 3, 4}, -2, 2);
  for (const bool log : {false, true}) {
    const auto softmax_with = [&](int opset, std::optional<int> axis) {
      return output_of(opset, x, [&](auto& graph) {
        auto& node = add_node(graph, log ? "LogSoftmax" : "Softmax", {"x"}, "y");
        if (axis) set_number(node, "axis", *axis);
      });
    };
    INFO(log);
    check_near(softmax_with(12, std::nullopt), softmax_of(x, 12, log));  // the default was 1
    check_near(softmax_with(12, 1), softmax_of(x, 12, log));
    check_near(softmax_with(12, 2), softmax_of(x, 4, log));
    check_near(softmax_with(13, std::nullopt), softmax_of(x, 4, log));  // the default is -1
    check_near(softmax_with(13, 2), softmax_of(x, 4, log));
  }
}

TEST_CASE("Slice has its places as attributes before opset 10, and as inputs since then") {
  const Tensor x = RandomStream(1).uniform({2, 3, 4}, -2, 2);
  std::vector<double> expected, backward;
  for (std::int64_t n = 0; n < 2; ++n) {
    for (const std::int64_t row : {1, 2}) {
      for (const std::int64_t column : {0, 1, 2}) expected.push_back(x.at({n, row, column}));
    }
    for (const std::int64_t row : {2, 1}) {
      for (const std::int64_t column : {0, 2}) backward.push_back(x.at({n, row, column}));
    }
  }
  for (const int opset : {1, 9}) {
    check_near(output_of(opset, x,
                         [](auto& graph) {
                           auto& node = add_node(graph, "Slice", {"x"}, "y");
                           set_list(node, "axes", {1, 2});
                           set_list(node, "starts", {1, 0});
                           set_list(node, "ends", {3, 3});
                         }),
               expected);
  }
  for (const int opset : {10, 11, 13}) {
    const auto sliced = [&](const std::vector<std::int64_t>& starts, const std::vector<std::int64_t>& ends,
                            const std::vector<std::int64_t>& steps) {
      return output_of(opset, x, [&](auto& graph) {
        add_constant(graph, "starts", {2}, starts);
        add_constant(graph, "ends", {2}, ends);
        add_constant(graph, "axes", {2}, {1, 2});
        if (!steps.empty()) add_constant(graph, "steps", {2}, steps);
        add_node(graph, "Slice",
                 steps.empty() ? Names{"x", "starts", "ends", "axes"} : Names{"x", "starts", "ends", "axes", "steps"},
                 "y");
      });
    };
    check_near(sliced({1, 0}, {3, 3}, {}), expected);
    check_near(sliced({2, 0}, {0, 4}, {-1, 2}), backward);  // each axis has its own step
  }
}

TEST_CASE("Pad has its numbers as attributes before opset 11, and as inputs since then") {
  const Tensor x = RandomStream(1).uniform({2, 3, 4}, -2, 2);
  std::vector<double> expected;
  for (std::int64_t n = 0; n < 2; ++n) {
    for (std::int64_t row = 0; row < 4; ++row) {
      for (std::int64_t column = -1; column < 4; ++column) {
        expected.push_back(row < 3 && column >= 0 ? x.at({n, row, column}) : 7);
      }
    }
  }
  for (const int opset : {2, 10}) {
    check_near(output_of(opset, x,
                         [](auto& graph) {
                           auto& node = add_node(graph, "Pad", {"x"}, "y");
                           set_list(node, "pads", {0, 0, 1, 0, 1, 0});
                           set_real(node, "value", 7);
                         }),
               expected);
  }
  for (const int opset : {11, 13}) {
    check_near(output_of(opset, x,
                         [](auto& graph) {
                           add_constant(graph, "pads", {6}, {0, 0, 1, 0, 1, 0});
                           add_floats(graph, "value", {}, {7});
                           add_node(graph, "Pad", {"x", "pads", "value"}, "y");
                         }),
               expected);
  }
}
