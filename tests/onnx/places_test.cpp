// ScatterND of constants, and Gather from all axes at once, in ONNX files.
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/one_node.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// x (n, 3) plus a constant that ScatterND has changed.
Tensor with_scattered(const std::function<void(xtape_onnx::GraphProto&)>& constants,
                      const std::string& reduction = "none") {
  const TemporaryFolder folder;
  const auto path = file_with(folder, "Identity", [&](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    constants(graph);
    set_text(add_node(graph, "ScatterND", {"data", "indices", "updates"}, "scattered"), "reduction", reduction);
    set_number(add_node(graph, "Cast", {"scattered"}, "numbers"), "to", xtape_onnx::TensorProto::FLOAT);
    add_constant(graph, "rows", {1}, {0});
    set_number(add_node(graph, "ReduceSum", {"numbers", "rows"}, "sum"), "keepdims", 1);
    add_node(graph, "Add", {"y", "sum"}, "z");
    graph.mutable_output(0)->set_name("z");
  });
  return test::run(load_onnx(path), Tensor::of({1, 3}, {0.0, 0.25, 0.5}, DType::float32))[0].value();
}

}  // namespace

TEST_CASE("ScatterND of constants replaces elements or rows") {
  const Tensor elements = with_scattered([](xtape_onnx::GraphProto& graph) {
    add_constant(graph, "data", {2, 3}, {1, 2, 3, 10, 20, 30});
    add_constant(graph, "indices", {3, 2}, {0, 1, 1, -1, -2, 0});
    add_constant(graph, "updates", {3}, {100, 200, 300});
  });
  CHECK(elements.to_vector() == std::vector<double>{310, 120.25, 203.5});
  const Tensor rows = with_scattered([](xtape_onnx::GraphProto& graph) {
    add_floats(graph, "data", {3, 3}, {1, 2, 3, 10, 20, 30, 0.5F, 0.5F, 0.5F});
    add_constant(graph, "indices", {2, 1}, {1, 0});
    add_floats(graph, "updates", {2, 3}, {100, 200, 300, 4, 5, 6});
  });
  CHECK(rows.to_vector() == std::vector<double>{104.5, 205.75, 307});
  const auto twice = [](xtape_onnx::GraphProto& graph) {
    add_floats(graph, "data", {1, 3}, {5, 6, 7});
    add_constant(graph, "indices", {2, 2}, {0, 1, 0, 1});
    add_floats(graph, "updates", {2}, {9, 4});
  };
  for (const auto& [reduction, expected] : std::vector<std::pair<std::string, double>>{
           {"none", 4}, {"add", 6 + 9 + 4}, {"mul", 6 * 9 * 4}, {"max", 9}, {"min", 4}}) {
    INFO(reduction);
    CHECK(with_scattered(twice, reduction).to_vector() == std::vector<double>{5, expected + 0.25, 7.5});
  }
}

TEST_CASE("ScatterND with operands that do not fit is an Error") {
  struct Row {
    Integers data, indices, updates;  // extents
    Integers positions;
    std::string message;
  };
  const std::vector<Row> rows{
      {{2, 3}, {1, 1}, {1, 3}, {2}, "expected indices in [-2, 2), got 2"},
      {{2, 3}, {1, 1}, {1, 3}, {-3}, "expected indices in [-2, 2), got -3"},
      {{2, 3}, {1, 2}, {1}, {0, 3}, "expected indices in [-3, 3), got 3"},
      {{2, 3}, {1, 1}, {1, 2}, {0}, "expected updates of shape (1, 3), got (1, 2)"},
      {{2, 3}, {1, 1}, {3}, {0}, "expected updates of shape (1, 3), got (3,)"},
      {{2, 3}, {1, 3}, {1}, {0, 0, 0}, "expected integers as indices of at most 2 axes, got int64 (1, 3)"},
  };
  for (const Row& row : rows) {
    auto file = file_of_node("ScatterND", {"data", "indices", "updates"});
    add_constant(*file.mutable_graph(), "data", row.data);
    add_constant(*file.mutable_graph(), "indices", row.indices, row.positions);
    add_constant(*file.mutable_graph(), "updates", row.updates);
    CHECK_THAT(error_in(file),
               Catch::Contains("node \"tested\" (ScatterND, opset 17)") && Catch::Contains(row.message));
  }
  auto file = file_of_node("ScatterND", {"data", "indices", "data"});
  add_constant(*file.mutable_graph(), "data", {2});
  add_constant(*file.mutable_graph(), "indices", {2, 1}, {0, 1});
  set_text(file, "reduction", "mean");
  CHECK(error_in(file) ==
        "node \"tested\" (ScatterND, opset 17): reduction: expected none, add, mul, max or min, got mean");
  auto integers = file_of_node("ScatterND", {"integers", "indices", "integers"});
  add_constant(*integers.mutable_graph(), "indices", {4, 1}, {0, 1, 2, 3});
  set_text(integers, "reduction", "add");
  CHECK(error_in(integers) == "node \"tested\" (ScatterND, opset 17): reduction: expected none for integers, got add");
  CHECK(error_in(file_of_node("ScatterND", {"numbers", "numbers", "numbers"})) ==
        "node \"tested\" (ScatterND, opset 17): expected integers as indices of at most 1 axis, got float32 (4,)");
}

TEST_CASE("Gather at the numbers of the samples gives elements of each sample") {
  const TemporaryFolder folder;
  struct Row {
    std::int64_t step, batch_axes;
    Integers offsets;
    std::string limit = "count";
    std::string axis = "behind";
    std::string factor = "step";
  };
  const auto gathered = [&](const Row& row) {
    const auto path = file_with(folder, "Identity", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = shape_of_input(graph);
      shape.mutable_dim(0)->set_dim_param("n");
      shape.add_dim()->set_dim_value(2);
      add_constant(graph, "all", {1}, {-1});
      add_constant(graph, "zero", {}, {0});
      add_constant(graph, "one", {}, {1});
      add_constant(graph, "two", {}, {2});
      add_constant(graph, "first", {1}, {0});
      add_constant(graph, "step", {}, {row.step});
      add_constant(graph, "behind", {1}, {1});
      add_constant(graph, "offsets", {row.batch_axes, std::ssize(row.offsets) / row.batch_axes}, row.offsets);
      add_node(graph, "Reshape", {"y", "all"}, "flat");
      add_node(graph, "Shape", {"y"}, "shape");
      add_node(graph, "Gather", {"shape", "zero"}, "count");
      add_node(graph, "Range", {"zero", row.limit, "one"}, "samples");
      add_constant(graph, "other axes", {2}, {1, 2});
      add_node(graph, "Gather", {"shape", "one"}, "three");
      add_node(graph, "Mul", {"three", "two"}, "computed step");
      add_node(graph, "Gather", {"shape", "other axes"}, "two steps");
      add_node(graph, "Mul", {"samples", row.factor}, "begins");
      add_node(graph, "Unsqueeze", {"begins", row.axis}, "column");
      add_node(graph, "Add", {"column", "offsets"}, "positions");
      add_node(graph, "Gather", {"flat", "positions"}, "z");
      graph.mutable_output(0)->set_name("z");
    });
    return test::run(load_onnx(path), Tensor::arange(0, 12).to(DType::float32).reshaped({2, 3, 2}))[0].value();
  };
  const Tensor all = gathered({6, 1, {0, 1, 2, 3, 4, 5}});
  CHECK(all.shape() == Shape{2, 6});
  CHECK(all.to_vector() == std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(gathered({6, 1, {5, 0, 0}}).to_vector() == std::vector<double>{5, 0, 0, 11, 6, 6});
  CHECK(gathered({6, 1, {5, 0, 0}, "count", "behind", "computed step"}).to_vector() ==
        std::vector<double>{5, 0, 0, 11, 6, 6});
  const auto error = [&](const Row& row) {
    const std::string message = error_of([&] { gathered(row); });
    return message.substr(std::min(message.size(), message.find(": node ") + 2));
  };
  const std::string gather = "node \"z\" (Gather, opset 17): expected ";
  CHECK(error({5, 1, {0}}) == gather + "positions in samples that are flattened with the batch, got others");
  CHECK(error({0, 1, {0}}) == gather + "positions in samples that are flattened with the batch, got others");
  CHECK(error({6, 1, {0, 6}}) == gather + "positions of elements of the same sample, got others");
  const std::string add = "node \"positions\" (Add, opset 17): expected ";
  CHECK(error({6, 1, {0, -1}}) == add + "numbers from 0 to 2^40 for positions of samples, got others");
  CHECK(error({6, 2, {0, 0}}) == add + "constants that are equal for all samples, got the shape (2, 1)");
  CHECK(error({-6, 1, {0}}) ==
        "node \"begins\" (Mul, opset 17): expected numbers from 0 to 2^40 for positions of samples, got others");
  for (const char* factor : {"count", "two steps", "flat"}) {
    CHECK(
        error({6, 1, {0}, "count", "behind", factor}) ==
        "node \"begins\" (Mul, opset 17): expected positions of samples plus constants or multiplied by a number, got "
        "another operation or operand");
  }
  CHECK(error({6, 1, {0}, "count", "first"}) ==
        "node \"column\" (Unsqueeze, opset 17): expected different axes behind the batch, got (0)");
}

TEST_CASE("Gather from all axes of a batch of 1 gives the elements at the positions") {
  const TemporaryFolder folder;
  const auto gathered = [&](const Integers& positions, std::int64_t samples) {
    const auto path = file_with(folder, "Identity", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = shape_of_input(graph);
      shape.mutable_dim(0)->set_dim_value(samples);
      shape.add_dim()->set_dim_value(2);
      add_constant(graph, "all", {1}, {-1});
      add_constant(graph, "positions", {1, std::ssize(positions) / 2, 2}, positions);
      add_node(graph, "Reshape", {"y", "all"}, "flat");
      add_node(graph, "Gather", {"flat", "positions"}, "z");
      graph.mutable_output(0)->set_name("z");
    });
    return test::run(load_onnx(path), Tensor::arange(10, 16).to(DType::float32).reshaped({1, 3, 2}))[0].value();
  };
  const Tensor same = gathered({0, 1, 2, 3, 4, 5}, 1);
  CHECK(same.shape() == Shape{1, 3, 2});
  CHECK(same.to_vector() == std::vector<double>{10, 11, 12, 13, 14, 15});
  const Tensor others = gathered({5, 0, -1, 2}, 1);
  CHECK(others.shape() == Shape{1, 2, 2});
  CHECK(others.to_vector() == std::vector<double>{15, 10, 15, 12});
  CHECK_THAT(error_of([&] {
               gathered({0, 1, 2, 3, 4, 5}, 2);
             }),
             Catch::Contains(": node \"z\" (Gather, opset 17): expected an axis of samples, got the batch axis; the "
                             "model computes each sample separately"));
}
