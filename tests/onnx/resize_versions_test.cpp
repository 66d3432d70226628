// load_onnx(): Resize and Upsample of each opset, with the coordinates that are the default of it.
#include <algorithm>
#include <cmath>

#include "framework/tensor/random.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// A model that resizes rows x (n, 1, 3, 4) to another width by a factor.
Model resizing(int opset, const std::string& type, const std::string& mode, float factor) {
  const TemporaryFolder folder;
  const auto change = [&](xtape_onnx::ModelProto& file) {
    file.mutable_opset_import(0)->set_version(opset);
    auto& graph = *file.mutable_graph();
    auto& extents = shape_of_input(graph);
    extents.mutable_dim(1)->set_dim_value(1);
    for (const int extent : {3, 4}) extents.add_dim()->set_dim_value(extent);
    add_constant(graph, "scales", {4});
    for (int i = 0; i < 4; ++i) graph.mutable_initializer(0)->set_float_data(i, i == 3 ? factor : 1);
    auto& node = *graph.mutable_node(0);
    if (opset > 10) node.add_input("");
    node.add_input("scales");
    set_text(node, "mode", mode);
  };
  return load_onnx(file_with(folder, type, change), {.images = ImageAxes::channels_first});
}

/// Element i of a resized row, by the definition of the opset.
double resized_element(const std::vector<double>& row, int opset, const std::string& mode, double factor, int i) {
  const double x = opset < 11 ? i / factor : (i + 0.5) / factor - 0.5;
  const auto at = [&](double j) { return row[static_cast<std::size_t>(std::clamp(j, 0.0, 3.0))]; };
  if (mode == "nearest") return at(opset < 11 ? std::floor(x) : std::ceil(x - 0.5));
  const double left = std::floor(x), share = x - left;
  return (1 - share) * at(left) + share * at(left + 1);
}

}  // namespace

TEST_CASE("Upsample and Resize below opset 11 count from the left edges of pixels, later ones from the centres") {
  const Tensor x = RandomStream(1).uniform({2, 1, 3, 4});
  for (const auto& [opset, type] : {std::pair(9, "Upsample"), {10, "Resize"}, {11, "Resize"}, {13, "Resize"}}) {
    for (const std::string mode : {"nearest", "linear"}) {
      for (const double factor : {0.5, 0.75, 1.5, 2.0, 3.0}) {
        INFO(type << ' ' << opset << ' ' << mode << ' ' << factor);
        const int width = static_cast<int>(4 * factor);
        const Model model = resizing(opset, type, mode, static_cast<float>(factor));
        // the layer Resizing if it has these coordinates, otherwise operators
        const bool layer = mode == "linear" ? opset >= 11 : factor == std::floor(factor);
        CHECK(layer ==
              std::ranges::any_of(model.nodes(), [](const ModelNode& n) { return n.layer->type() == "Resizing"; }));
        const Tensor y = run(model, x)[0].value();
        REQUIRE(y.shape() == Shape{2, 1, 3, width});
        for (std::int64_t row = 0; row < 6; ++row) {
          const std::vector<double> values = x.reshaped({6, 4}).rows(row, row + 1).to_vector();
          for (int i = 0; i < width; ++i) {
            const double expected = resized_element(values, opset, mode, factor, i);
            CHECK(y.reshaped({6, width}).at({row, i}) == Approx(expected).margin(1e-6));
          }
        }
      }
    }
  }
}

TEST_CASE("Upsample has linear interpolation under its old name too") {
  const Tensor x = RandomStream(1).uniform({2, 1, 3, 4});
  const auto resized = [&](const std::string& mode) { return run(resizing(9, "Upsample", mode, 1.5F), x)[0].value(); };
  CHECK(identical(resized("bilinear"), resized("linear")));
}
