// load_onnx(): poolings whose extents are rounded up, and the paddings of windows, compared with their definitions.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "framework/tensor/random.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Extents = std::vector<std::int64_t>;

/// The attributes of a node with windows; empty lists and texts are left out.
struct WindowNode {
  std::string type;
  Extents size, strides = {}, pads = {}, dilations = {}, output_shape = {}, output_padding = {};
  std::string auto_pad = "";
  bool ceil = false, counts_pads = false;
};

void set_unless_empty(xtape_onnx::NodeProto& node, const char* name, const Extents& values) {
  if (!values.empty()) set_list(node, name, values);
}

/// A model of one node that reads x (n, 1, ...), whose unknown extents are 0. Kernels are ones.
Model model_of_window(const Extents& extents, const WindowNode& window) {
  const TemporaryFolder folder;
  const auto change = [&](xtape_onnx::ModelProto& file) {
    file.mutable_opset_import(0)->set_version(19);
    auto& graph = *file.mutable_graph();
    auto& shape = shape_of_input(graph);
    shape.mutable_dim(1)->set_dim_value(1);
    add_axes(shape, extents);
    auto& node = *graph.mutable_node(0);
    if (window.type.starts_with("Conv")) {
      Extents kernel{1, 1};
      kernel.insert(kernel.end(), window.size.begin(), window.size.end());
      std::int64_t count = 1;
      for (const std::int64_t extent : window.size) count *= extent;
      add_floats(graph, "kernel", kernel, std::vector<float>(static_cast<std::size_t>(count), 1));
      node.add_input("kernel");
    } else {
      set_list(node, "kernel_shape", window.size);
    }
    set_unless_empty(node, "strides", window.strides);
    set_unless_empty(node, "pads", window.pads);
    set_unless_empty(node, "dilations", window.dilations);
    set_unless_empty(node, "output_shape", window.output_shape);
    set_unless_empty(node, "output_padding", window.output_padding);
    if (window.ceil) set_number(node, "ceil_mode", 1);
    if (window.counts_pads) set_number(node, "count_include_pad", 1);
    if (!window.auto_pad.empty()) set_text(node, "auto_pad", window.auto_pad);
  };
  return load_onnx(file_with(folder, window.type, change), {.images = ImageAxes::channels_first});
}

/// A pooling of one axis, by the definition.
struct WindowPooling {
  std::int64_t size, stride, dilation, before, behind;
  bool ceil, counts_pads;

  std::int64_t reach() const { return (size - 1) * dilation + 1; }
  std::int64_t outputs(std::int64_t width) const {
    const std::int64_t room = width + before + behind - reach();
    const std::int64_t count = (ceil ? room + stride - 1 : room) / stride + 1;
    return ceil && (count - 1) * stride >= width + before ? count - 1 : count;
  }
  /// The elements that the last window needs behind the axis.
  std::int64_t needed(std::int64_t width) const { return (outputs(width) - 1) * stride - before + reach() - width; }

  /// The mean or the maximum of window i of a row; nothing if the window has no element.
  std::optional<double> result(const std::vector<double>& row, std::int64_t i, bool max) const {
    double sum = 0, largest = -std::numeric_limits<double>::infinity();
    std::int64_t count = 0, inside = 0;
    for (std::int64_t tap = 0; tap < size; ++tap) {
      const std::int64_t at = i * stride - before + tap * dilation;
      if (counts_pads) ++count;
      if (at < 0 || at >= std::ssize(row)) continue;
      ++inside;
      if (!counts_pads) ++count;
      sum += row[static_cast<std::size_t>(at)];
      largest = std::max(largest, row[static_cast<std::size_t>(at)]);
    }
    if (inside == 0) return std::nullopt;
    return max ? largest : sum / static_cast<double>(count);
  }
};

/// Calls f with every pooling of a few elements whose windows all have an element.
void for_each_pooling(std::int64_t width, const std::function<void(const WindowPooling&)>& f) {
  for (std::int64_t code = 0; code < 3 * 4 * 2 * 2 * 2 * 2 * 2; ++code) {
    std::int64_t rest = code;
    const auto next = [&rest](std::int64_t count) { return std::exchange(rest, rest / count) % count; };
    const WindowPooling p{next(3) + 1, next(4) + 1, next(2) + 1, next(2), next(2), next(2) == 1, next(2) == 1};
    if (width + p.before + p.behind < p.reach() || std::max(p.before, p.behind) >= p.reach()) continue;
    bool all = true;
    const std::vector<double> row(static_cast<std::size_t>(width), 1);
    for (std::int64_t i = 0; i < p.outputs(width); ++i) all = all && p.result(row, i, true).has_value();
    if (all) f(p);
  }
}

}  // namespace

TEST_CASE("poolings of one axis are their definition, rounded down and up, of known and of unknown extents") {
  for (const bool max : {true, false}) {
    for (const std::int64_t width : {4, 5, 7}) {
      const Tensor x = RandomStream(1).uniform({2, 1, width}, -1, 1);
      for_each_pooling(width, [&](const WindowPooling& p) {
        if (max ? p.counts_pads : p.dilation > 1) return;
        const WindowNode node{.type = max ? "MaxPool" : "AveragePool",
                              .size = {p.size},
                              .strides = {p.stride},
                              .pads = {p.before, p.behind},
                              .dilations = p.dilation > 1 ? Extents{p.dilation} : Extents{},
                              .ceil = p.ceil,
                              .counts_pads = p.counts_pads};
        for (const bool known : {true, false}) {
          INFO(node.type << " of " << (known ? "" : "unknown ") << width << ": " << p.size << ' ' << p.stride << ' '
                         << p.dilation << ' ' << p.before << ' ' << p.behind << ' ' << p.ceil << ' ' << p.counts_pads);
          const auto read = [&] { return model_of_window({known ? width : 0}, node); };
          if (p.ceil && !known && p.behind + p.stride > p.reach()) {
            CHECK_THAT(error_of(read), Catch::EndsWith("ceil_mode: expected known extents for strides above the "
                                                       "window, got an unknown one"));
            continue;
          }
          const std::int64_t needed = known ? std::max<std::int64_t>(p.needed(width), 0) : p.behind + p.stride - 1;
          if (p.ceil && p.counts_pads && (!known || needed > p.behind)) {
            CHECK_THAT(error_of(read),
                       Catch::EndsWith(fmt::format("ceil_mode: expected windows that end in the padded image with "
                                                   "count_include_pad, got one that needs {} more elements on axis 0",
                                                   needed)));
            continue;
          }
          const Tensor y = run(read(), x)[0].value();
          REQUIRE(y.shape() == Shape{2, 1, p.outputs(width)});
          for (std::int64_t sample = 0; sample < 2; ++sample) {
            const std::vector<double> row = x.rows(sample, sample + 1).to_vector();
            for (std::int64_t i = 0; i < y.dim(2); ++i) {
              CHECK(y.at({sample, 0, i}) == Approx(*p.result(row, i, max)).margin(1e-6));
            }
          }
        }
      });
    }
  }
}

TEST_CASE("MaxPool of images has dilated windows along one axis and single elements along the other") {
  const Tensor x = RandomStream(1).uniform({2, 1, 4, 7}, -1, 1);
  for (const bool wide : {true, false}) {
    const WindowNode node{.type = "MaxPool", .size = wide ? Extents{1, 2} : Extents{2, 1}, .dilations = {2, 2}};
    const Tensor y = run(model_of_window({4, 7}, node), x)[0].value();
    REQUIRE(y.shape() == (wide ? Shape{2, 1, 4, 5} : Shape{2, 1, 2, 7}));
    for (std::int64_t i = 0; i < y.size(); ++i) {
      const std::int64_t sample = i / (y.size() / 2), row = i / y.dim(3) % y.dim(2), column = i % y.dim(3);
      CHECK(y.to_vector()[static_cast<std::size_t>(i)] ==
            std::max(x.at({sample, 0, row, column}), x.at({sample, 0, row + (wide ? 0 : 2), column + (wide ? 2 : 0)})));
    }
  }
}

TEST_CASE("auto_pad VALID has no padding, whatever pads says") {
  for (const char* type : {"MaxPool", "AveragePool", "Conv", "ConvTranspose"}) {
    INFO(type);
    const auto shape = [&](const char* auto_pad) {
      const WindowNode node{.type = type, .size = {3, 2}, .pads = {1, 0, 1, 1}, .auto_pad = auto_pad};
      return model_of_window({6, 7}, node).output_shape();
    };
    const bool grows = std::string(type) == "ConvTranspose";
    CHECK(shape("VALID") == (grows ? PartialShape{1, 8, 8} : PartialShape{1, 4, 6}));
    CHECK(shape("NOTSET") == (grows ? PartialShape{1, 6, 7} : PartialShape{1, 6, 7}));
  }
}

TEST_CASE("output_shape of a ConvTranspose has the extents of images, or those of samples and channels too") {
  const Tensor x = RandomStream(1).uniform({2, 1, 4}, -1, 1);
  // the whole output has 2 * 3 + 3 elements; half of what is too much is cut off in front, rounded up, and zeros are
  // added
  for (const std::int64_t out : {5, 6, 7, 8, 9, 10}) {
    for (const bool all : {false, true}) {
      INFO(out << ' ' << all);
      const WindowNode node{.type = "ConvTranspose",
                            .size = {3},
                            .strides = {2},
                            .output_shape = all ? Extents{2, 1, out} : Extents{out}};
      const Tensor y = run(model_of_window({4}, node), x)[0].value();
      REQUIRE(y.shape() == Shape{2, 1, out});
      for (std::int64_t sample = 0; sample < 2; ++sample) {
        std::vector<double> whole(10);
        for (std::int64_t i = 0; i < 4; ++i) {
          for (std::int64_t tap = 0; tap < 3; ++tap)
            whole[static_cast<std::size_t>(2 * i + tap)] += x.at({sample, 0, i});
        }
        const std::int64_t cut = (std::max<std::int64_t>(9 - out, 0) + 1) / 2;
        for (std::int64_t i = 0; i < out; ++i) {
          CHECK(y.at({sample, 0, i}) == Approx(whole[static_cast<std::size_t>(i + cut)]).margin(1e-6));
        }
      }
    }
  }
}
