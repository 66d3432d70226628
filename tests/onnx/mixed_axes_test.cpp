// load_onnx(): operators of two inputs of which one has the channels last, as xtape's images, and the other the axes of
// the file.
#include <algorithm>
#include <functional>

#include "framework/ops/manipulation.hpp"
#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/random.hpp"
#include "models/files/onnx/import_graph.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// The output "z" for x (2, 3, 4, 5) of an operator of "image", which is x, and "row", which is -x. Both have the axes
/// (batch, channels, height, width) in the file; operators on images have made one, and reshapes the other.
Tensor output_of(
    const std::string& type, const Names& inputs, const Tensor& x,
    const std::function<void(xtape_onnx::NodeProto&)>& change = [](auto&) {}) {
  auto file = file_with_input(17);
  auto& graph = *file.mutable_graph();
  add_axes(shape_of_input(graph), {0, 3, 4, 5});
  set_list(add_node(graph, "MaxPool", {"x"}, "image"), "kernel_shape", {1, 1});
  add_constant(graph, "flat", {3}, {0, 3, 20});
  add_constant(graph, "extents", {4}, {0, 3, 4, 5});
  add_node(graph, "Reshape", {"x", "flat"}, "points");
  add_node(graph, "Reshape", {"points", "extents"}, "same");
  add_node(graph, "Neg", {"same"}, "row");
  change(add_node(graph, type, inputs, "z"));
  graph.add_output()->set_name("z");
  const Model model = onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model();
  return test::run(model, x)[0].value();
}

}  // namespace

TEST_CASE("an image and a value with the axes of the file are joined along the axis of the file, in both orders") {
  const Tensor x = RandomStream(1).uniform({2, 3, 4, 5}, -1, 1);
  const Tensor negative = map("negative", x, [](auto v) { return -v; });
  for (const int axis : {1, 2, 3, -1, -2, -3}) {
    INFO(axis);
    const auto along = [&](xtape_onnx::NodeProto& node) { set_number(node, "axis", axis); };
    CHECK(identical(output_of("Concat", {"image", "row"}, x, along), concatenate({x, negative}, axis).value()));
    CHECK(identical(output_of("Concat", {"row", "image"}, x, along), concatenate({negative, x}, axis).value()));
    CHECK(identical(output_of("Concat", {"row", "row", "image"}, x, along),
                    concatenate({negative, negative, x}, axis).value()));
  }
}

TEST_CASE("operators on elements combine an image and a value with the axes of the file, in both orders") {
  const Tensor x = RandomStream(1).uniform({2, 3, 4, 5}, -1, 1);
  const std::vector<std::pair<const char*, std::function<float(float, float)>>> rows{
      {"Add", [](float a, float b) { return a + b; }},
      {"Sub", [](float a, float b) { return a - b; }},
      {"Mul", [](float a, float b) { return a * b; }},
      {"Div", [](float a, float b) { return a / b; }},
      {"Max", [](float a, float b) { return std::max(a, b); }},
      {"Min", [](float a, float b) { return std::min(a, b); }},
      {"Sum", [](float a, float b) { return a + b; }},
      {"Mean", [](float a, float b) { return (a + b) / 2; }},
  };
  for (const auto& [type, function] : rows) {
    INFO(type);
    for (const bool image_first : {true, false}) {
      const Tensor z = output_of(type, image_first ? Names{"image", "row"} : Names{"row", "image"}, x);
      const float sign = image_first ? 1 : -1;
      CHECK(identical(z, map("expected", x, [&, f = function](auto v) {
                        return static_cast<decltype(v)>(f(sign * static_cast<float>(v), -sign * static_cast<float>(v)));
                      })));
    }
  }
}
