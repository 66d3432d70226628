// load_onnx(): Pad, Slice and Gather of single axes, and constants that are cut to an extent.
#include <algorithm>
#include <functional>
#include <limits>
#include <optional>

#include "framework/ops/manipulation.hpp"
#include "framework/tensor/random.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Positions = std::vector<std::int64_t>;

/// A model of x (n, ...), whose unknown extents are 0, and the nodes that `add` makes of "y". Images are read if x is
/// pooled before, which changes nothing.
Model model_of_selection(const Positions& extents, const std::function<void(xtape_onnx::GraphProto&)>& add,
                         bool image = false, bool batch_axis = true) {
  const TemporaryFolder folder;
  const auto change = [&](xtape_onnx::ModelProto& file) {
    file.mutable_opset_import(0)->set_version(19);
    auto& graph = *file.mutable_graph();
    auto& shape = shape_of_input(graph);
    if (batch_axis) shape.mutable_dim()->RemoveLast();
    if (!batch_axis) shape.clear_dim();
    add_axes(shape, extents);
    if (image) set_list(*graph.mutable_node(0), "kernel_shape", Positions(extents.size() - 1, 1));
    add(graph);
    graph.mutable_output(0)->set_name("z");
  };
  return load_onnx(file_with(folder, image ? "MaxPool" : "Identity", change),
                   {.images = ImageAxes::channels_first, .batch_axis = batch_axis});
}

}  // namespace

TEST_CASE("Pad copies the last element, mirrors, or continues with the other end, as far as the elements go") {
  for (const std::string mode : {"edge", "reflect", "wrap"}) {
    for (const std::int64_t width : {1, 2, 4}) {
      const Tensor x = RandomStream(1).uniform({2, 1, width});
      for (std::int64_t before = 0; before <= width + 1; ++before) {
        for (std::int64_t behind = 0; behind <= width + 1; ++behind) {
          for (const bool axes : {true, false}) {
            INFO(mode << " of " << width << ": " << before << ", " << behind);
            const auto read = [&] {
              return model_of_selection({1, width}, [&](xtape_onnx::GraphProto& graph) {
                add_constant(graph, "last", {1}, {-1});
                const Positions pads{before, behind}, all{0, 0, before, 0, 0, behind};
                add_constant(graph, "pads", {axes ? 2 : 6}, axes ? pads : all);
                set_text(add_node(graph, "Pad", axes ? Names{"y", "pads", "", "last"} : Names{"y", "pads"}, "z"),
                         "mode", mode);
              });
            };
            const std::int64_t most = std::max(before, behind), needed = mode == "reflect" ? most + 1 : most;
            if (mode != "edge" && needed > width && most > 0) {
              CHECK_THAT(error_of(read), Catch::EndsWith(fmt::format("pads: expected an extent of at least {}, got {}",
                                                                     needed, width)));
              continue;
            }
            const Tensor z = run(read(), x)[0].value();
            REQUIRE(z.shape() == Shape{2, 1, before + width + behind});
            for (std::int64_t i = 0; i < z.dim(2); ++i) {
              std::int64_t at = i - before;
              if (mode == "edge") at = std::clamp<std::int64_t>(at, 0, width - 1);
              if (mode == "reflect") at = at < 0 ? -at : at >= width ? 2 * (width - 1) - at : at;
              if (mode == "wrap") at = (at + width) % width;
              CHECK(z.at({1, 0, i}) == x.at({1, 0, at}));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("Slice accepts the batch axis if it takes all samples") {
  const Tensor x = RandomStream(1).uniform({3, 4, 5});
  constexpr std::int64_t all = (std::int64_t{1} << 31) - 1, largest = std::numeric_limits<std::int64_t>::max();
  const auto sliced = [](std::int64_t axis, std::int64_t start, std::int64_t end, std::int64_t step = 1) {
    return model_of_selection({4, 5}, [&](xtape_onnx::GraphProto& graph) {
      add_constant(graph, "starts", {2}, {start, 1});
      add_constant(graph, "ends", {2}, {end, 4});
      add_constant(graph, "axes", {2}, {axis, 2});
      add_constant(graph, "steps", {2}, {step, 2});
      add_node(graph, "Slice", {"y", "starts", "ends", "axes", "steps"}, "z");
    });
  };
  for (const std::int64_t axis : {0, -3}) {
    for (const std::int64_t end : {all, largest}) {
      const Tensor z = run(sliced(axis, 0, end), x)[0].value();
      CHECK(identical(z, take(x, Tensor::labels({1, 3}), 2).value()));
    }
    for (const auto& [start, end, step] : std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>{
             {1, largest, 1}, {0, all - 1, 1}, {0, largest, 2}, {0, largest, -1}, {-1, largest, 1}}) {
      CHECK_THAT(error_of([&, &start = start, &end = end, &step = step] { sliced(axis, start, end, step); }),
                 Catch::EndsWith("expected an axis of samples, got the batch axis; the model computes each sample "
                                 "separately"));
    }
  }
}

TEST_CASE("Gather takes positions of images and arrays as a number, a list or a table") {
  const Tensor x = RandomStream(1).uniform({2, 3, 4, 5});
  for (const bool image : {true, false}) {
    for (const int axis : {1, 2, 3}) {
      for (const Positions& extents : {Positions{}, Positions{2}, Positions{2, 2}, Positions{1, 1}}) {
        INFO(image << ' ' << axis << ' ' << extents.size());
        Positions at{2, 0, 1, 1};
        at.resize(static_cast<std::size_t>(Shape(extents).size()));
        const Model model = model_of_selection(
            {3, 4, 5},
            [&](xtape_onnx::GraphProto& graph) {
              add_constant(graph, "positions", extents, at);
              set_number(add_node(graph, "Gather", {"y", "positions"}, "z"), "axis", axis);
            },
            image);
        Positions expected(x.shape().begin(), x.shape().end());
        expected.erase(expected.begin() + axis);
        expected.insert(expected.begin() + axis, extents.begin(), extents.end());
        const Tensor taken = take(x, Tensor::labels(at), axis).value().reshaped(Shape(expected));
        CHECK(identical(run(model, x)[0].value(), taken));
      }
    }
  }
}

TEST_CASE("a constant is cut to an unknown extent of a value, along any of its axes but the batch") {
  struct Row {
    Positions constant;                // extents
    std::optional<std::int64_t> axis;  // left out if empty; then it is axis 0
    std::string width = "width";       // the extent of x, or of rows that are merged with its batch
    std::int64_t start = 0, step = 1;
    std::string message = "";
    bool batch_axis = true;
  };
  const auto text = [](const char* axes, const char* begins, const char* steps) {
    return fmt::format("expected a slice of one axis from its begin with step 1, got axes {}, begins {} and steps {}",
                       axes, begins, steps);
  };
  const std::string batch = "expected a constant with a batch axis of extent 1, of which another axis is cut, got ";
  const std::vector<Row> rows{
      {{1, 3, 9}, 2},
      {{1, 3, 9}, -1},
      {{1, 1, 9}, 2, "width of rows"},
      {{1, 9}, 1, "width", 0, 1, "expected inputs with the same number of axes, got 2 and 1 besides the batch"},
      {{3, 9}, -1, "width", 0, 1, "", false},
      {{3, 9}, 1, "width", 0, 1, "", false},
      {{9, 1}, std::nullopt, "height", 0, 1, "", false},
      {{1, 3, 9}, 2, "width", 1, 1, text("2", "1", "1")},
      {{1, 3, 9}, 2, "width", 0, 2, text("2", "0", "2")},
      {{1, 3, 9}, 3, "width", 0, 1, text("3", "0", "1")},
      {{1, 3, 9}, -4, "width", 0, 1, text("-4", "0", "1")},
      {{2, 3, 9}, 2, "width", 0, 1, batch + "(2, 3, 9)"},
      {{9, 3, 1}, std::nullopt, "width", 0, 1, batch + "(9, 3, 1)"},
      {{1, 3, 9}, -3, "width", 0, 1, batch + "(1, 3, 9)"},
  };
  for (const Row& row : rows) {
    INFO(fmt::format("({}) {} {}", fmt::join(row.constant, ", "), row.width, row.message));
    std::vector<float> numbers;
    for (std::int64_t i = 0; i < Shape(row.constant).size(); ++i) numbers.push_back(static_cast<float>(i + 1));
    const bool of_height = row.width == "height";
    const auto read = [&] {
      return model_of_selection(
          of_height ? Positions{0, 5} : Positions{3, 0},
          [&](xtape_onnx::GraphProto& graph) {
            add_floats(graph, "constant", row.constant, numbers);
            const std::int64_t first = row.batch_axis ? 1 : 0;
            add_constant(graph, "place of height", {1}, {first});
            add_constant(graph, "place of width", {1}, {first + 1});
            add_constant(graph, "start", {1}, {row.start});
            add_constant(graph, "step", {1}, {row.step});
            add_constant(graph, "axes", {1}, {row.axis.value_or(0)});
            add_constant(graph, "one", {1}, {1});
            add_constant(graph, "minus one", {1}, {-1});
            add_node(graph, "Shape", {"y"}, "extents");
            add_node(graph, "Gather", {"extents", "place of height"}, "height");
            add_node(graph, "Gather", {"extents", "place of width"}, "width");
            if (row.batch_axis) {
              set_number(add_node(graph, "Concat", {"minus one", "width"}, "rows"), "axis", 0);
              add_node(graph, "Reshape", {"y", "rows"}, "merged");
              add_node(graph, "Shape", {"merged"}, "extents of rows");
              add_node(graph, "Gather", {"extents of rows", "one"}, "width of rows");
            }
            Names inputs{"constant", "start", row.width};
            if (row.axis) inputs.emplace_back("axes");
            if (row.axis) inputs.emplace_back("step");
            add_node(graph, "Slice", inputs, "part");
            add_node(graph, "Add", {"y", "part"}, "z");
          },
          false, row.batch_axis);
    };
    if (!row.message.empty()) {
      CHECK_THAT(error_of(read), Catch::EndsWith(row.message));
      continue;
    }
    for (const std::int64_t unknown : {1, 4, 9}) {
      const std::int64_t height = of_height ? unknown : 3, width = of_height ? 5 : unknown;
      const Tensor x = RandomStream(1).uniform(row.batch_axis ? Shape{2, height, width} : Shape{1, height, width});
      const Tensor z = run(read(), x)[0].value();
      REQUIRE(z.shape() == x.shape());
      for (std::int64_t i = 0; i < height; ++i) {
        for (std::int64_t j = 0; j < width; ++j) {
          const Positions of_constant = row.batch_axis ? Positions{row.constant[1], row.constant[2]} : row.constant;
          const std::int64_t at = of_constant[0] == 1 ? 0 : i, next = of_constant[1] == 1 ? 0 : j;
          const auto number = static_cast<double>(at * of_constant[1] + next + 1);
          CHECK(z.at({z.dim(0) - 1, i, j}) == Approx(x.at({z.dim(0) - 1, i, j}) + number));
        }
      }
    }
  }
}
