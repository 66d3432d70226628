// Reshape, Squeeze and Unsqueeze of load_onnx(): unknown extents, and the place of the batch.
#include <numeric>

#include "framework/ops/activations.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/tensor/random.hpp"
#include "layers/operators/operator.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

TEST_CASE("several unknown extents of a Reshape are those of the value that the target names") {
  const TemporaryFolder folder;
  // (n, 3, height, width) becomes (n, 3, pixels), and then the target that `shape` makes.
  const auto split_file = [&](const std::vector<std::int64_t>& numbers) {
    return file_with(folder, "Shape", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = shape_of_input(graph);
      for (const char* extent : {"height", "width"}) shape.add_dim()->set_dim_param(extent);
      const auto add_integers = [&](const char* name, const std::vector<std::int64_t>& values) {
        auto& target = *graph.add_initializer();
        target.set_name(name);
        target.set_data_type(xtape_onnx::TensorProto::INT64);
        target.add_dims(std::ssize(values));
        for (const std::int64_t value : values) target.add_int64_data(value);
      };
      add_integers("pixels", {0, 3, -1});
      add_integers("numbers", numbers);
      const auto add_node = [&](const char* type, const std::vector<std::string>& inputs, const char* output) {
        auto& node = *graph.add_node();
        node.set_name(output);
        node.set_op_type(type);
        for (const std::string& input : inputs) node.add_input(input);
        node.add_output(output);
      };
      add_node("Reshape", {"x", "pixels"}, "rows");
      add_node("Gather", {"y", "numbers"}, "target");
      add_node("Reshape", {"rows", "target"}, "z");
      graph.mutable_output(0)->set_name("z");
    });
  };
  const Tensor x = Tensor::of({2, 3, 2, 5}, std::vector<double>(60, 1.0)).to(DType::float32);
  for (const auto& [numbers, shape] : std::vector<std::pair<std::vector<std::int64_t>, Shape>>{
           {{0, 1, 2, 3}, Shape{2, 3, 2, 5}}, {{0, 2, 3, 1}, Shape{2, 2, 5, 3}}, {{0, 3, 2, 1}, Shape{2, 5, 2, 3}}}) {
    const Model model = load_onnx(split_file(numbers));
    CHECK(run(model, x)[0].shape() == shape);
    save_onnx(model, folder / "again.onnx", {.images = ImageAxes::channels_last});
    CHECK(run(load_onnx(folder / "again.onnx", {.images = ImageAxes::channels_first}), x)[0].shape() == shape);
  }
}

TEST_CASE("a batch of a fixed size on another axis than the first stays there if a Reshape keeps both of its sides") {
  const TemporaryFolder folder;
  for (const std::int64_t samples : {1, 2, 4}) {
    for (const bool open : {false, true}) {
      INFO(samples << " " << open);
      // (n, 2, 3, 4) becomes (4, n, 2, 3), (4, n, 6), (4 n, 6), and (4, n, 6) again
      const Model model = load_onnx(file_with(folder, "Identity", [&](xtape_onnx::ModelProto& file) {
        auto& graph = *file.mutable_graph();
        auto& shape = shape_of_input(graph);
        shape.clear_dim();
        for (const std::int64_t extent : {samples, std::int64_t{2}, std::int64_t{3}, std::int64_t{4}}) {
          shape.add_dim()->set_dim_value(extent);
        }
        add_constant(graph, "separate", {3}, {4, samples, open ? -1 : 6});
        add_constant(graph, "rows", {2}, {4 * samples, 6});
        set_order(add_node(graph, "Transpose", {"y"}, "columns"), {3, 0, 1, 2});
        add_node(graph, "Reshape", {"columns", "separate"}, "steps");
        add_node(graph, "Reshape", {"steps", "rows"}, "merged");
        add_node(graph, "Reshape", {"merged", "separate"}, "z");
        graph.mutable_output(0)->set_name("z");
      }));
      const Tensor x = Tensor::arange(0, 72).reshaped({3, 2, 3, 4});
      const Tensor expected = transpose(Variable(x.reshaped({3, 6, 4})), {0, 2, 1}).value();
      CHECK(identical(run(model, x)[0].value(), expected));
    }
  }
}

TEST_CASE("Unsqueeze and Squeeze keep the order of unknown extents") {
  const TemporaryFolder folder;
  const Tensor x = Tensor::of({2, 1, 2, 5}, std::vector<double>(20, 1.0)).to(DType::float32);
  for (const std::string type : {"Squeeze", "Unsqueeze"}) {
    const Model model = load_onnx(file_with(folder, type, [](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = shape_of_input(graph);
      shape.mutable_dim(1)->set_dim_value(1);
      for (const char* extent : {"height", "width"}) shape.add_dim()->set_dim_param(extent);
      auto& axes = *graph.add_initializer();
      axes.set_name("axes");
      axes.set_data_type(xtape_onnx::TensorProto::INT64);
      axes.add_dims(1);
      axes.add_int64_data(1);
      graph.mutable_node(0)->add_input("axes");
    }));
    const Shape expected = type == "Squeeze" ? Shape{2, 2, 5} : Shape{2, 1, 1, 2, 5};
    CHECK(run(model, x)[0].shape() == expected);
  }
}

TEST_CASE("unknown extents that keep their axes are not read from another value") {
  const TemporaryFolder folder;
  for (const std::int64_t axis : {1, 3}) {
    const Model model = load_onnx(file_with(folder, "Squeeze", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = shape_of_input(graph);
      shape.mutable_dim(1)->set_dim_param("height");
      for (int i = 0; i < 2; ++i) shape.add_dim()->set_dim_param("width");
      shape.mutable_dim(static_cast<int>(axis))->set_dim_value(1);
      add_constant(graph, "axes", {1}, {axis});
      graph.mutable_node(0)->add_input("axes");
    }));
    const auto& layer = dynamic_cast<const OperatorLayer&>(*model.all_layers().back());
    CHECK(layer.options().function.value == (axis == 3 ? "Reshape" : "ReshapeLike"));
  }
}

TEST_CASE("a product with an empty part of a Split is 0 in inference and in training") {
  const TemporaryFolder folder;
  const Model model = load_onnx(file_with(folder, "Split", [](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    add_constant(graph, "sizes", {2}, {0, 3});
    graph.mutable_initializer()->Add();
    auto& weights = *graph.mutable_initializer(1);  // no elements
    weights.set_name("weights");
    weights.set_data_type(xtape_onnx::TensorProto::FLOAT);
    weights.add_dims(0);
    weights.add_dims(5);
    set_number(*graph.mutable_node(0), "axis", 1);
    graph.mutable_node(0)->add_input("sizes");
    graph.mutable_node(0)->set_output(0, "empty");
    graph.mutable_node(0)->add_output("rest");
    add_node(graph, "MatMul", {"empty", "weights"}, "y");
  }));
  for (const Mode mode : {Mode::inference, Mode::training}) {
    ForwardPass pass(mode);
    CHECK(model(Tensor::full({2, 3}, 1), pass).value().to_vector() == std::vector<double>(10, 0));
  }
}

TEST_CASE("0 in the target of a Reshape keeps the batch with the rows that are merged with it") {
  const TemporaryFolder folder;
  const auto result = [&](const std::vector<std::int64_t>& target, const char* batch) {
    const auto path = file_with(folder, "Identity", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = shape_of_input(graph);
      if (batch) shape.mutable_dim(0)->set_dim_param(batch);
      if (!batch) shape.mutable_dim(0)->set_dim_value(2);
      shape.add_dim()->set_dim_value(2);
      add_constant(graph, "rows", {2}, {-1, 2});
      add_constant(graph, "target", {std::ssize(target)}, target);
      add_constant(graph, "samples", {3}, {-1, 3, 2});
      add_node(graph, "Reshape", {"y", "rows"}, "merged");
      add_node(graph, "Reshape", {"merged", "target"}, "same");
      add_node(graph, "Softmax", {"same"}, "shares");
      add_node(graph, "Reshape", {"shares", "samples"}, "z");
      graph.mutable_output(0)->set_name("z");
    });
    return test::run(load_onnx(path), Tensor::arange(0, 12).to(DType::float32).reshaped({2, 3, 2}))[0].value();
  };
  for (const char* batch : {"n", static_cast<const char*>(nullptr)}) {
    for (const auto& target : std::vector<std::vector<std::int64_t>>{{0, -1}, {0, 2}, {0, 0}, {0, 1, -1}}) {
      const Tensor y = result(target, batch);  // shares of pairs a, a + 1
      REQUIRE(y.shape() == Shape{2, 3, 2});
      for (std::int64_t i = 0; i < 6; ++i) {
        CHECK(y.at({i / 3, i % 3, 0}) == Approx(1 / (1 + std::exp(1))));
        CHECK(y.at({i / 3, i % 3, 1}) == Approx(std::exp(1) / (1 + std::exp(1))));
      }
    }
    CHECK_THAT(error_of([&] {
                 result({0, 6}, batch);
               }),
               Catch::Contains("node \"same\" (Reshape, opset 17): expected "));
  }
}

TEST_CASE("0 in the target of a Reshape keeps its axis on either side of the batch, and is rejected with allowzero") {
  using Numbers = std::vector<std::int64_t>;
  const TemporaryFolder folder;
  // (n, 2, 3, 4), or with a moved batch (2, n, 3, 4)
  const auto file = [&](bool moved, const Numbers& target, bool allow_zero = false) {
    return file_with(folder, "Transpose", [&](xtape_onnx::ModelProto& model) {
      auto& graph = *model.mutable_graph();
      auto& shape = shape_of_input(graph);
      shape.mutable_dim(1)->set_dim_value(2);
      for (const std::int64_t extent : {3, 4}) shape.add_dim()->set_dim_value(extent);
      set_order(*graph.mutable_node(0), moved ? Numbers{1, 0, 2, 3} : Numbers{0, 1, 2, 3});
      add_constant(graph, "target", {std::ssize(target)}, target);
      auto& node = add_node(graph, "Reshape", {"y", "target"}, "z");
      if (allow_zero) set_number(node, "allowzero", 1);
      Numbers back(target.size());
      std::iota(back.begin(), back.end(), 0);
      if (moved) std::swap(back[0], back[1]);
      set_order(add_node(graph, "Transpose", {"z"}, "result"), back);
      graph.mutable_output(0)->set_name("result");
    });
  };
  const Tensor x = Tensor::arange(0, 120).reshaped({5, 2, 3, 4});
  for (const bool moved : {false, true}) {
    INFO(moved);
    for (const bool allow_zero : {false, true}) {
      const Numbers plain = moved ? Numbers{2, -1, 12} : Numbers{-1, 2, 12};
      CHECK(identical(run(load_onnx(file(moved, plain, allow_zero)), x)[0].value(), x.reshaped({5, 2, 12})));
    }
    CHECK(identical(run(load_onnx(file(moved, {0, 0, 12})), x)[0].value(), x.reshaped({5, 2, 12})));
    CHECK(identical(run(load_onnx(file(moved, {0, 0, -1})), x)[0].value(), x.reshaped({5, 2, 12})));
    CHECK(identical(run(load_onnx(file(moved, {0, 0, 0, 2, 2})), x)[0].value(), x.reshaped({5, 2, 3, 2, 2})));
    CHECK_THAT(error_of([&] {
                 load_onnx(file(moved, {0, 0, 3, 4, 0}));
               }),
               Catch::Contains("expected 0 for an axis that exists, got it for axis 4"));
    for (const std::int64_t number : {0, -2}) {
      CHECK_THAT(error_of([&] {
                   load_onnx(file(moved, moved ? Numbers{2, -1, number} : Numbers{-1, 2, number}, true));
                 }),
                 Catch::Contains("expected extents of at least 1, got " + std::to_string(number)));
    }
  }
}

TEST_CASE("rows of an unknown number are merged with the batch and separated again") {
  const TemporaryFolder folder;
  // (n, height, 2, 3) becomes rows, (n height, 6) or (n height, 2, 3), perhaps once more, and (n, height, 6) again
  const auto file = [&](const Names& rows, const std::vector<std::int64_t>& again) {
    return file_with(folder, "Identity", [&](xtape_onnx::ModelProto& model) {
      auto& graph = *model.mutable_graph();
      auto& shape = shape_of_input(graph);
      shape.mutable_dim(1)->set_dim_param("height");
      for (const std::int64_t extent : {2, 3}) shape.add_dim()->set_dim_value(extent);
      for (const std::int64_t number : {-1, 0, 1, 2, 3, 6}) add_constant(graph, std::to_string(number), {1}, {number});
      add_constant(graph, "again", {std::ssize(again)}, again);
      add_node(graph, "Shape", {"x"}, "shape");
      add_node(graph, "Gather", {"shape", "0"}, "samples");
      add_node(graph, "Gather", {"shape", "1"}, "height");
      add_node(graph, "Mul", {"samples", "height"}, "all rows");
      set_number(add_node(graph, "Concat", rows, "target"), "axis", 0);
      set_number(add_node(graph, "Concat", {"samples", "height", "6"}, "back"), "axis", 0);
      add_node(graph, "Reshape", {"y", "target"}, "merged");
      add_node(graph, "Reshape", {"merged", "again"}, "same");
      add_node(graph, "Softmax", {"same"}, "shares");
      add_node(graph, "Reshape", {"shares", "back"}, "z");
      graph.mutable_output(0)->set_name("z");
    });
  };
  const Tensor x = RandomStream(1).normal({2, 5, 2, 3});
  struct MergedRow {
    Names rows;
    std::vector<std::int64_t> again;
    Shape last;  // the axes behind the rows, of which the last one has shares
  };
  const std::vector<MergedRow> all{{{"-1", "6"}, {0, 6}, {6}},
                                   {{"-1", "6"}, {0, 0}, {6}},
                                   {{"-1", "6"}, {0, 2, 3}, {2, 3}},
                                   {{"-1", "2", "3"}, {0, 2, 3}, {2, 3}},
                                   {{"-1", "2", "3"}, {0, 0, 0}, {2, 3}},
                                   {{"-1", "2", "3"}, {0, 6}, {6}},
                                   {{"all rows", "-1"}, {0, 6}, {6}},
                                   {{"all rows", "6"}, {0, 3, 2}, {3, 2}},
                                   {{"all rows", "2", "3"}, {-1, 6}, {6}}};
  for (const MergedRow& row : all) {
    INFO(fmt::format("{}; {}", fmt::join(row.rows, " "), fmt::join(row.again, " ")));
    const Tensor z = run(load_onnx(file(row.rows, row.again)), x)[0].value();
    REQUIRE(z.shape() == Shape{2, 5, 6});
    const Shape separate = row.last.prepended(10);
    const Tensor expected = softmax(Variable(x.reshaped(separate)), separate.rank() - 1).value();
    CHECK(largest_difference(z.reshaped(separate), expected) < 1e-6);
  }
  for (const auto& again : std::vector<std::vector<std::int64_t>>{{0, -1}, {0, 2, -1}, {0, -1, 6}}) {
    CHECK_THAT(
        error_of([&] {
          load_onnx(file({"-1", "6"}, again));
        }),
        Catch::EndsWith("node \"same\" (Reshape, opset 17): expected known extents beside the 0 for a batch that "
                        "is merged with an unknown number of rows, got others"));
  }
}

namespace {

/// x (n, 3, a, b, c) becomes (n, 3, a b c) and then the target that the parts make; "turned" is (n, b, c, 3, a).
std::filesystem::path file_of_parts(const TemporaryFolder& folder,
                                    const std::vector<std::pair<std::string, std::int64_t>>& parts) {
  return file_with(folder, "Identity", [&](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    auto& shape = shape_of_input(graph);
    for (const char* extent : {"a", "b", "c"}) shape.add_dim()->set_dim_param(extent);
    add_constant(graph, "all", {3}, {0, 3, -1});
    set_order(add_node(graph, "Transpose", {"y"}, "turned"), {0, 3, 4, 1, 2});
    add_node(graph, "Reshape", {"y", "all"}, "merged");
    Names names;
    for (const auto& [value, axis] : parts) {
      names.push_back(fmt::format("axis {} of {}", axis, value));
      add_constant(graph, "place of " + names.back(), {1}, {axis});
      add_node(graph, "Shape", {value}, "shape of " + names.back());
      add_node(graph, "Gather", {"shape of " + names.back(), "place of " + names.back()}, names.back());
    }
    set_number(add_node(graph, "Concat", names, "target"), "axis", 0);
    add_node(graph, "Reshape", {"merged", "target"}, "z");
    graph.mutable_output(0)->set_name("z");
  });
}

}  // namespace

TEST_CASE("extents of a Reshape that are those of several values follow from one of them, or are an Error") {
  const TemporaryFolder folder;
  const Tensor x = RandomStream(1).normal({2, 3, 4, 5, 6});
  using Parts = std::vector<std::pair<std::string, std::int64_t>>;
  const Parts from_turned{{"y", 0}, {"y", 1}, {"turned", 4}, {"turned", 1}, {"turned", 2}};
  CHECK(identical(run(load_onnx(file_of_parts(folder, from_turned)), x)[0].value(), x));
  for (const std::size_t other : {3, 4}) {  // this one follows from those before
    Parts parts{{"y", 0}, {"y", 1}, {"y", 2}, {"y", 3}, {"y", 4}};
    parts[other] = {"turned", static_cast<std::int64_t>(other) - 2};
    CHECK(identical(run(load_onnx(file_of_parts(folder, parts)), x)[0].value(), x));
  }
  CHECK_THAT(error_of([&] {
               load_onnx(file_of_parts(folder, {{"y", 0}, {"y", 1}, {"turned", 4}, {"y", 3}, {"y", 4}}));
             }),
             Catch::EndsWith("node \"z\" (Reshape, opset 17): expected at most one extent that is unknown, or extents "
                             "of one other value, got (3, None, None, None) for (3, None); export the network with "
                             "fixed extents"));
}

TEST_CASE("an unknown extent of a Reshape that changes with the known ones follows from the others") {
  const TemporaryFolder folder;
  // (n, height, width, 4) becomes (n, 2 height, width, 2)
  const auto path = file_with(folder, "Identity", [](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    auto& shape = shape_of_input(graph);
    shape.mutable_dim(1)->set_dim_param("height");
    shape.add_dim()->set_dim_param("width");
    shape.add_dim()->set_dim_value(4);
    for (const std::int64_t number : {0, 1, 2}) add_constant(graph, std::to_string(number), {1}, {number});
    add_node(graph, "Shape", {"x"}, "shape");
    for (const char* axis : {"0", "1", "2"}) add_node(graph, "Gather", {"shape", axis}, std::string("axis ") + axis);
    add_node(graph, "Mul", {"axis 1", "2"}, "twice");
    set_number(add_node(graph, "Concat", {"axis 0", "twice", "axis 2", "2"}, "target"), "axis", 0);
    add_node(graph, "Reshape", {"y", "target"}, "z");
    graph.mutable_output(0)->set_name("z");
  });
  const Tensor x = RandomStream(1).normal({2, 3, 5, 4});
  CHECK(identical(run(load_onnx(path), x)[0].value(), x.reshaped({2, 6, 5, 2})));
}

TEST_CASE("an unknown extent that a Reshape names stays, and the axes in front of it become rows") {
  const TemporaryFolder folder;
  // x (n, ...) becomes rows, of which the last axis is normalized, and x again
  const auto shares = [&](const std::vector<std::int64_t>& extents, const Names& target, const Tensor& x) {
    const auto path = file_with(folder, "Relu", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = shape_of_input(graph);
      shape.mutable_dim()->RemoveLast();
      add_axes(shape, extents);
      add_node(graph, "Shape", {"x"}, "extents");
      for (const int axis : {1, 2, 3}) {
        add_constant(graph, fmt::format("place {}", axis), {1}, {axis});
        add_node(graph, "Gather", {"extents", fmt::format("place {}", axis)}, fmt::format("axis {}", axis));
      }
      for (const std::int64_t number : {-1, 0, 1, 2, 6, 30}) {
        add_constant(graph, std::to_string(number), {1}, {number});
      }
      add_node(graph, "Mul", {"axis 2", "axis 3"}, "area");
      set_number(add_node(graph, "Concat", target, "target"), "axis", 0);
      add_node(graph, "Reshape", {"y", "target"}, "rows");
      add_node(graph, "Softmax", {"rows"}, "shares");
      add_node(graph, "Reshape", {"shares", "extents"}, "z");
      graph.mutable_output(0)->set_name("z");
    });
    return test::run(load_onnx(path), x)[0].value();
  };
  struct NamedRow {
    std::vector<std::int64_t> extents;
    Names target;
    std::int64_t last;  // elements of a row, for samples (3, 2, 5)
  };
  for (const auto& [extents, target, last] :
       std::vector<NamedRow>{{{3, 2, 0}, {"-1", "axis 3"}, 5},            // 6 rows
                             {{3, 2, 0}, {"-1", "2", "axis 3"}, 5},       // 3 rows
                             {{3, 2, 0}, {"-1", "6", "axis 3"}, 5},       // no rows
                             {{3, 2, 0}, {"-1", "axis 3", "6"}, 6},       // no rows, another order
                             {{3, 0, 0}, {"-1", "axis 2", "axis 3"}, 5},  // 3 rows
                             {{0, 2, 5}, {"-1", "axis 1", "2", "axis 3"}, 5},
                             {{0, 2, 0}, {"-1", "2", "axis 3"}, 5},            // an unknown number of rows
                             {{0, 2, 0}, {"-1", "axis 3", "2", "axis 1"}, 3},  // another order of unknown extents
                             {{0, 2, 0}, {"-1", "axis 1", "axis 3", "2"}, 2},
                             {{3, 2, 0}, {"-1", "6", "1", "0"}, 5},  // 0: the unknown extent of this axis
                             {{3, 2, 0}, {"-1", "2", "1", "0"}, 5},
                             {{0, 2, 0}, {"-1", "30"}, 30}}) {  // elements of a sample
    INFO(fmt::format("({}) as {}", fmt::join(extents, ", "), fmt::join(target, ", ")));
    const Tensor x = RandomStream(1).uniform({2, 3, 2, 5});
    const Tensor rows = x.reshaped({60 / last, last});
    CHECK(largest_difference(shares(extents, target, x).reshaped(rows.shape()), softmax(Variable(rows), 1).value()) <
          1e-6);
  }
  // nothing says whether these are rows
  for (const auto& [extents, target] : std::vector<std::pair<std::vector<std::int64_t>, Names>>{
           {{3, 0, 0}, {"-1", "area"}}, {{3, 0, 0}, {"-1", "axis 2"}}}) {
    INFO(fmt::format("({}) as {}", fmt::join(extents, ", "), fmt::join(target, ", ")));
    CHECK_THAT(error_of([&, &extents = extents, &target = target] {
                 shares(extents, target, Tensor::ones({2, 3, 2, 5}));
               }),
               Catch::Contains("expected a target shape that says how many rows each sample has, got ("));
  }
}
