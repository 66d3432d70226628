// Reshape of load_onnx(): -1 beside unknown extents that the target names.
#include "framework/tensor/random.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

TEST_CASE("an extent of -1 beside all unknown extents of the value is the number of its other elements") {
  const TemporaryFolder folder;
  // (n, 3, 2, width) becomes (n, width, -1) or (width, n, -1), and then goes through a dense layer for each step. The
  // extents are those of the value `named`.
  const auto steps_file = [&](const std::string& named, bool batch_first) {
    return file_with(folder, "Identity", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = shape_of_input(graph);
      shape.add_dim()->set_dim_value(2);
      shape.add_dim()->set_dim_param("width");
      add_constant(graph, "first", {1}, {0});
      add_constant(graph, "last", {1}, {3});
      add_constant(graph, "rest", {1}, {-1});
      add_constant(graph, "kernel", {6, 4});
      add_floats(graph, "zeros", {3, 1, 1}, {0, 0, 0});
      add_floats(graph, "most", {}, {1000});
      add_node(graph, "Relu", {"y"}, "positive");
      set_list(add_node(graph, "ReduceMax", {"y"}, "largest"), "axes", {3});
      add_node(graph, "Add", {"zeros", "positive"}, "shifted");
      add_node(graph, "Min", {"largest", "shifted"}, "smallest");
      add_node(graph, "Clip", {"smallest", "", "most"}, "limited");
      set_number(add_node(graph, "Concat", {"y", "y"}, "double"), "axis", 3);
      set_order(add_node(graph, "Transpose", {"limited"}, "columns"),
                batch_first ? std::vector<std::int64_t>{0, 3, 1, 2} : std::vector<std::int64_t>{3, 0, 1, 2});
      add_node(graph, "Shape", {named}, "extents");
      add_node(graph, "Gather", {"extents", "first"}, "samples");
      add_node(graph, "Gather", {"extents", "last"}, "width");
      const Names target = batch_first ? Names{"samples", "width", "rest"} : Names{"width", "samples", "rest"};
      set_number(add_node(graph, "Concat", target, "target"), "axis", 0);
      add_node(graph, "Reshape", {"columns", "target"}, "steps");
      add_node(graph, "MatMul", {"steps", "kernel"}, "z");
      graph.mutable_output(0)->set_name("z");
    });
  };
  const Tensor x = Tensor::arange(0, 60).reshaped({2, 3, 2, 5});
  for (const bool batch_first : {true, false}) {
    for (const char* named : {"x", "y", "positive", "shifted", "smallest", "limited"}) {
      INFO(batch_first << " " << named);
      const Tensor z = run(load_onnx(steps_file(named, batch_first)), x)[0].value();
      REQUIRE(z.shape() == Shape{2, 5, 4});
      for (std::int64_t sample = 0; sample < 2; ++sample) {
        for (std::int64_t step = 0; step < 5; ++step) {
          double sum = 0;
          for (std::int64_t i = 0; i < 6; ++i) sum += 0.5 * static_cast<double>(30 * sample + 5 * i + step);
          CHECK(z.to_vector<double>()[static_cast<std::size_t>(4 * (5 * sample + step))] == sum);
        }
      }
    }
    // another width, of which nothing follows
    CHECK_THAT(error_of([&] { load_onnx(steps_file("double", batch_first)); }),
               Catch::Contains(": node \"z\" (MatMul, opset 17): Dense z: expected inputs that give axis 0 of its "
                               "kernel (None, 4) an extent, got (None, None, None)"));
  }
}

TEST_CASE("an unknown extent of several operands is not that of one of them, which may be 1") {
  const TemporaryFolder folder;
  // (n, length of x, 2) plus another value, and then (n, length of x, -1)
  const auto flattened = [&](const std::vector<std::int64_t>& extents, const auto& add_sum) {
    return load_onnx(file_with(folder, "Identity", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = shape_of_input(graph);
      shape.mutable_dim()->RemoveLast();
      add_axes(shape, extents);
      add_sum(file);
      add_constant(graph, "first two", {2}, {0, 1});
      add_constant(graph, "rest", {1}, {-1});
      add_node(graph, "Shape", {"x"}, "extents");
      add_node(graph, "Gather", {"extents", "first two"}, "kept");
      set_number(add_node(graph, "Concat", {"kept", "rest"}, "target"), "axis", 0);
      add_node(graph, "Reshape", {"sum", "target"}, "z");
      graph.mutable_output(0)->set_name("z");
    }));
  };
  // x (n, steps, 1, 2) minus itself with both axes exchanged: (n, steps, steps, 2)
  const Model exchanged = flattened({0, 1, 2}, [](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    set_order(add_node(graph, "Transpose", {"x"}, "turned"), {0, 2, 1, 3});
    add_node(graph, "Sub", {"x", "turned"}, "sum");
  });
  CHECK(run(exchanged, Tensor::ones({1, 3, 1, 2}))[0].shape() == Shape{1, 3, 6});
  // x (n, 1, 2) plus a longer input
  const Model longer = flattened({0, 2}, [](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    auto& other = *graph.add_input() = graph.input(0);
    other.set_name("other");
    add_node(graph, "Add", {"x", "other"}, "sum");
  });
  ForwardPass pass(Mode::inference);
  CHECK(longer.call({Tensor::ones({1, 1, 2}), Tensor::ones({1, 3, 2})}, pass)[0].shape() == Shape{1, 1, 6});
}

TEST_CASE("an extent of -1 is known behind a Transpose without an order, which reverses the axes") {
  const TemporaryFolder folder;
  // (n, 3, 2, width) becomes (width, 2, 3, n) and (width, -1, n)
  const Model model = load_onnx(file_with(folder, "Identity", [](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    auto& shape = shape_of_input(graph);
    shape.add_dim()->set_dim_value(2);
    shape.add_dim()->set_dim_param("width");
    add_constant(graph, "0", {1}, {0});
    add_constant(graph, "3", {1}, {3});
    add_constant(graph, "rest", {1}, {-1});
    add_constant(graph, "kernel", {6, 4});
    add_node(graph, "Transpose", {"y"}, "reversed");
    add_node(graph, "Shape", {"x"}, "extents");
    add_node(graph, "Gather", {"extents", "0"}, "samples");
    add_node(graph, "Gather", {"extents", "3"}, "width");
    set_number(add_node(graph, "Concat", {"width", "rest", "samples"}, "target"), "axis", 0);
    add_node(graph, "Reshape", {"reversed", "target"}, "steps");
    set_order(add_node(graph, "Transpose", {"steps"}, "rows"), {2, 0, 1});
    add_node(graph, "MatMul", {"rows", "kernel"}, "z");
    graph.mutable_output(0)->set_name("z");
  }));
  const Tensor x = RandomStream(1).normal({2, 3, 2, 5});
  const Tensor z = run(model, x)[0].value();
  REQUIRE(z.shape() == Shape{2, 5, 4});
  for (std::int64_t sample = 0; sample < 2; ++sample) {
    for (std::int64_t step = 0; step < 5; ++step) {
      double sum = 0;
      for (std::int64_t i = 0; i < 6; ++i) sum += 0.5 * x.at({sample, i / 2, i % 2, step});
      CHECK(z.at({sample, step, 0}) == Approx(sum));
    }
  }
}
