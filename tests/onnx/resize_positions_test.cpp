// load_onnx(): Resize with every convention of coordinates, of one axis and of images, compared with its definition.
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "framework/tensor/random.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Numbers = std::vector<std::int64_t>;

/// The attributes and inputs of a Resize; empty ones are left out.
struct ResizeNode {
  std::string mode = "linear", coordinates = "", rounding = "", policy = "";
  Numbers sizes = {}, axes = {};
  std::vector<float> scales = {}, regions = {};
  int opset = 18;
  double outside = 0;
};

/// A model that resizes x (n, ...), whose unknown extents are 0. With sizes_of_x the sizes are the extents of x.
Model model_of_resize(const Numbers& extents, const ResizeNode& resize, bool sizes_of_x = false) {
  const TemporaryFolder folder;
  const auto change = [&](xtape_onnx::ModelProto& file) {
    file.mutable_opset_import(0)->set_version(resize.opset);
    auto& graph = *file.mutable_graph();
    auto& shape = shape_of_input(graph);
    shape.clear_dim();
    add_axes(shape, extents);
    add_node(graph, "Shape", {"x"}, "extents");
    if (!resize.scales.empty()) add_floats(graph, "scales", {std::ssize(resize.scales)}, resize.scales);
    if (!resize.sizes.empty()) add_constant(graph, "sizes", {std::ssize(resize.sizes)}, resize.sizes);
    if (!resize.regions.empty()) add_floats(graph, "regions", {std::ssize(resize.regions)}, resize.regions);
    auto& node = *graph.mutable_node(0);
    node.set_op_type("Resize");
    node.add_input(resize.regions.empty() ? "" : "regions");
    node.add_input(resize.scales.empty() ? "" : "scales");
    if (!resize.sizes.empty()) node.add_input("sizes");
    if (sizes_of_x) node.add_input("extents");
    const auto text = [&](const char* name, const std::string& value) {
      if (!value.empty()) set_text(node, name, value);
    };
    text("mode", resize.mode);
    text("coordinate_transformation_mode", resize.coordinates);
    text("nearest_mode", resize.rounding);
    text("keep_aspect_ratio_policy", resize.policy);
    if (!resize.axes.empty()) set_list(node, "axes", resize.axes);
    if (resize.outside != 0) {
      auto& attribute = *node.add_attribute();
      attribute.set_name("extrapolation_value");
      attribute.set_type(xtape_onnx::AttributeProto::FLOAT);
      attribute.set_f(static_cast<float>(resize.outside));
    }
    if (sizes_of_x) std::swap(*graph.mutable_node(0), *graph.mutable_node(1));
  };
  return load_onnx(file_with(folder, "Resize", change), {.images = ImageAxes::channels_first});
}

/// One axis: its old and new extent, and the factor, which is that of the extents unless it is given.
struct ResizedAxis {
  std::int64_t in, out;
  double scale, start = 0, end = 1;
};

/// The place of element i of the new axis in the old one, by the specification and its reference; nothing outside of
/// the old axis.
std::optional<double> place(const std::string& coordinates, const ResizedAxis& axis, std::int64_t i) {
  const auto in = static_cast<double>(axis.in), out = static_cast<double>(axis.out), x = static_cast<double>(i);
  const double resized = axis.scale * in, half = (x + 0.5) / axis.scale - 0.5;
  if (coordinates == "asymmetric") return x / axis.scale;
  if (coordinates == "align_corners") return resized == 1 ? 0 : x * (in - 1) / (resized - 1);
  if (coordinates == "tf_half_pixel_for_nn") return (x + 0.5) / axis.scale;
  if (coordinates == "pytorch_half_pixel") return out == 1 ? 0 : half;
  if (coordinates == "half_pixel_symmetric") return in / 2 * (1 - out / resized) + half;
  if (coordinates == "tf_crop_and_resize") {
    const double from = axis.start * (in - 1), to = axis.end * (in - 1);
    const double at = resized == 1 ? (from + to) / 2 : from + x * (to - from) / (resized - 1);
    return at < 0 || at > in - 1 ? std::nullopt : std::optional(at);
  }
  return half;
}

/// Element i of the resized axis of values, which `at` gives.
double element(const ResizeNode& node, const ResizedAxis& axis, std::int64_t i,
               const std::function<double(std::int64_t)>& at) {
  const std::optional<double> x = place(node.coordinates, axis, i);
  if (!x) return node.outside;
  const auto clamped = [&](double j) {
    return at(std::clamp<std::int64_t>(static_cast<std::int64_t>(j), 0, axis.in - 1));
  };
  if (node.mode == "linear") {
    const double left = std::floor(*x), share = *x - left;
    return (1 - share) * clamped(left) + share * clamped(left + 1);
  }
  if (node.rounding == "floor") return clamped(std::floor(*x));
  if (node.rounding == "ceil") return clamped(std::ceil(*x));
  return clamped(node.rounding == "round_prefer_ceil" ? std::floor(*x + 0.5) : std::ceil(*x - 0.5));
}

/// Compares the model of a node with the definition, axis by axis; `axes` are those of samples.
void check_resize(const Tensor& x, const ResizeNode& node, const std::vector<ResizedAxis>& axes, bool known = true) {
  Numbers extents(x.shape().begin(), x.shape().end());
  const Shape old = x.shape();
  std::vector<double> values = x.to_vector();
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    const ResizedAxis& resized = axes[axis];
    extents[axis + 1] = resized.out;
    std::int64_t behind = 1;
    for (std::size_t k = axis + 2; k < extents.size(); ++k) behind *= extents[k];
    std::vector<double> results;
    for (std::int64_t k = 0; k < std::ssize(values) / resized.in * resized.out; ++k) {
      const std::int64_t before = k / behind / resized.out;
      results.push_back(element(node, resized, k / behind % resized.out, [&](std::int64_t j) {
        return values[static_cast<std::size_t>((before * resized.in + j) * behind + k % behind)];
      }));
    }
    values = results;
  }
  Numbers given(old.begin(), old.end());
  given[0] = 0;
  for (std::size_t k = 2; k < given.size() && !known; ++k) given[k] = 0;
  const Tensor y = run(model_of_resize(given, node), x)[0].value();
  REQUIRE(y.shape() == Shape(extents));
  CHECK(largest_difference(y.to(DType::float64), Tensor::of(Shape(extents), values)) < 1e-5);
}

const std::vector<std::string> coordinate_modes{"half_pixel",          "pytorch_half_pixel", "align_corners",
                                                "asymmetric",          "tf_crop_and_resize", "half_pixel_symmetric",
                                                "tf_half_pixel_for_nn"};

/// tf_half_pixel_for_nn is for the nearest element alone, whose place is rounded down.
bool has_meaning(const std::string& coordinates, const std::string& mode, const std::string& rounding) {
  return coordinates != "tf_half_pixel_for_nn" || (mode == "nearest" && rounding == "floor");
}

}  // namespace

TEST_CASE("Resize of one axis has the elements of every convention of coordinates") {
  for (const std::string& coordinates : coordinate_modes) {
    const bool crops = coordinates == "tf_crop_and_resize";
    for (const std::string mode : {"linear", "nearest"}) {
      for (const std::string rounding : {"", "floor", "ceil", "round_prefer_ceil", "round_prefer_floor"}) {
        if (!has_meaning(coordinates, mode, rounding) || (mode == "linear" && !rounding.empty())) continue;
        for (const std::int64_t in : {1, 2, 5}) {
          const Tensor x = RandomStream(1).uniform({2, 2, in});
          ResizeNode node{.mode = mode, .coordinates = coordinates, .rounding = rounding, .axes = {-1}};
          node.opset = coordinates == "tf_half_pixel_for_nn" ? 11 : 19;
          const bool all_axes = node.opset < 18;
          if (all_axes) node.axes = {};
          for (const std::int64_t out : {1, 2, 3, 5, 8}) {
            for (const auto& [start, end] : std::vector<std::pair<double, double>>{{0, 1}, {0.25, 0.75}, {-0.5, 1.5}}) {
              if (!crops && start != 0) continue;
              INFO(coordinates << ' ' << mode << ' ' << rounding << ": " << in << " to " << out << ", from " << start);
              node.scales = {};
              node.sizes = all_axes ? Numbers{1, 2, out} : Numbers{out};
              if (crops) node.regions = {static_cast<float>(start), static_cast<float>(end)};
              check_resize(x, node,
                           {{2, 2, 1}, {in, out, static_cast<double>(out) / static_cast<double>(in), start, end}});
            }
          }
          for (const float scale : {0.25F, 0.7F, 1.3F}) {
            const auto out = static_cast<std::int64_t>(static_cast<float>(in) * scale);
            if (out == 0) continue;
            INFO(coordinates << ' ' << mode << ' ' << rounding << ": " << in << " by " << scale);
            node.sizes = {};
            node.scales = all_axes ? std::vector<float>{1, 1, scale} : std::vector<float>{scale};
            if (crops) node.regions = {0, 1};
            check_resize(x, node, {{2, 2, 1}, {in, out, scale}});
          }
        }
      }
    }
  }
}

TEST_CASE("Resize of images has the elements of every convention of coordinates") {
  const Tensor x = RandomStream(1).uniform({2, 2, 4, 3});
  for (const std::string& coordinates : coordinate_modes) {
    for (const std::string mode : {"linear", "nearest"}) {
      for (const std::string rounding : {"floor", "ceil", "round_prefer_ceil", "round_prefer_floor"}) {
        if (!has_meaning(coordinates, mode, rounding) || (mode == "linear" && rounding != "floor")) continue;
        for (const std::int64_t height : {1, 4, 8, 5}) {
          for (const std::int64_t width : {1, 3, 6, 7}) {
            INFO(coordinates << ' ' << mode << ' ' << rounding << ": " << height << ' ' << width);
            ResizeNode node{.mode = mode, .coordinates = coordinates, .rounding = rounding};
            node.sizes = {1, 2, height, width};
            if (coordinates == "tf_half_pixel_for_nn") node.opset = 11;
            if (coordinates == "tf_crop_and_resize") node.regions = {0, 0, 0, 0.5, 1, 1, 0.5, 1};
            const bool crops = !node.regions.empty();
            check_resize(x, node,
                         {{2, 2, 1},
                          {4, height, static_cast<double>(height) / 4, 0, crops ? 0.5 : 1},
                          {3, width, static_cast<double>(width) / 3, crops ? 0.5 : 0, 1}});
          }
        }
      }
    }
  }
}

TEST_CASE("a Resize that keeps the aspect ratio has the smaller or the larger factor for all of its axes") {
  const Tensor x = RandomStream(1).uniform({2, 2, 4, 6});
  struct Row {
    Numbers sizes;
    double smaller, larger;
  };
  for (const auto& [sizes, smaller, larger] : std::vector<Row>{{{10, 9}, 1.5, 2.5}, {{6, 15}, 1.5, 2.5}}) {
    for (const bool not_larger : {true, false}) {
      for (const bool order : {true, false}) {
        const double factor = not_larger ? smaller : larger;
        ResizeNode node{.coordinates = "half_pixel", .policy = not_larger ? "not_larger" : "not_smaller"};
        node.sizes = order ? sizes : Numbers{sizes[1], sizes[0]};
        node.axes = order ? Numbers{2, 3} : Numbers{-1, -2};
        const auto height = static_cast<std::int64_t>(4 * factor), width = static_cast<std::int64_t>(6 * factor);
        check_resize(x, node, {{2, 2, 1}, {4, height, factor}, {6, width, factor}});
      }
    }
  }
  const ResizeNode node{.policy = "not_larger", .sizes = {8, 9}, .axes = {2, 3}};
  CHECK_THAT(error_of([&] {
               model_of_resize({0, 2, 4, 0}, node);
             }),
             Catch::EndsWith("keep_aspect_ratio_policy: expected known extents, got an unknown one on axis 1"));
}

TEST_CASE("Resize of unknown extents has whole factors or is an Error") {
  const Tensor x = RandomStream(1).uniform({2, 2, 4, 3});
  for (const std::string mode : {"linear", "nearest"}) {
    const ResizeNode node{.mode = mode, .coordinates = "half_pixel", .scales = {1, 1, 2, 3}};
    check_resize(x, node, {{2, 2, 1}, {4, 8, 2}, {3, 9, 3}}, false);
  }
  const auto error = [](const Numbers& extents, const ResizeNode& node, bool sizes_of_x = false) {
    return error_of([&] { model_of_resize(extents, node, sizes_of_x); });
  };
  for (const std::vector<float>& scales : std::vector<std::vector<float>>{{1, 1, 1.5F, 2}, {1, 1, 2, 0.5F}}) {
    CHECK_THAT(error({0, 2, 0, 0}, {.coordinates = "half_pixel", .scales = scales}),
               Catch::EndsWith("expected known extents for linear with half_pixel, got samples (None, None, 2)"));
  }
  CHECK(identical(run(model_of_resize({0, 2, 0, 0}, {}, true), x)[0].value(), x));
}

TEST_CASE("Resize does not change the batch") {
  const std::string changed = "expected a batch that does not change, got other sizes";
  const auto error = [](const Numbers& extents, const ResizeNode& node) {
    return error_of([&] { model_of_resize(extents, node); });
  };
  const ResizeNode same{.sizes = {3, 1, 4}}, one{.sizes = {1, 1, 4}}, scaled{.scales = {2, 1, 2}};
  CHECK(model_of_resize({3, 1, 2}, same).output_shape() == PartialShape{1, 4});
  CHECK(model_of_resize({0, 1, 2}, one).output_shape() == PartialShape{1, 4});
  CHECK_THAT(error({2, 1, 2}, same), Catch::EndsWith(changed));
  CHECK_THAT(error({2, 1, 2}, one), Catch::EndsWith(changed));
  CHECK_THAT(error({0, 1, 2}, same), Catch::EndsWith(changed));
  CHECK_THAT(error({3, 1, 2}, scaled), Catch::EndsWith(changed));
  CHECK_THAT(error({0, 1, 2}, scaled), Catch::EndsWith(changed));
}
