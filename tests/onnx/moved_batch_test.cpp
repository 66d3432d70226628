// load_onnx(): operators that read values whose batch is on another axis than the first.
#include <functional>
#include <numeric>

#include "framework/ops/ops.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// A file that transposes x (samples, 2, 4) to (2, samples, 4), computes a node from that, and transposes the result.
Model model_of(const std::string& type, const Names& inputs, const std::function<void(xtape_onnx::NodeProto&)>& set) {
  const TemporaryFolder folder;
  return load_onnx(file_with(folder, "Transpose", [&](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    file.mutable_opset_import(0)->set_version(20);
    auto& shape = shape_of_input(graph);
    shape.mutable_dim(1)->set_dim_value(2);
    shape.add_dim()->set_dim_value(4);
    set_order(*graph.mutable_node(0), {1, 0, 2});
    add_constant(graph, "zero", {1}, {0});
    add_constant(graph, "one", {1}, {1});
    add_constant(graph, "two", {1}, {2});
    add_constant(graph, "sides", {2}, {0, 2});
    add_constant(graph, "parts", {2}, {1, 1});
    add_constant(graph, "half", {4});
    add_constant(graph, "kernel", {4, 3});
    set(add_node(graph, type, inputs, "z"));
    set_order(add_node(graph, "Transpose", {"z"}, "result"), {1, 0, 2});
    graph.mutable_output(0)->set_name("result");
  }));
}

struct MovedRow {
  std::string type;
  Names inputs;
  std::function<void(xtape_onnx::NodeProto&)> set;
  /// What the operator does to x (samples, 2, 4), of which it reads the transposed array (2, samples, 4).
  std::function<Variable(const Variable&)> expected;
};

}  // namespace

TEST_CASE("operators that do not mix samples read a batch on the second axis, and leave it there") {
  const auto nothing = [](auto&) {};
  const auto last_axis = [](xtape_onnx::NodeProto& node) { set_number(node, "axis", -1); };
  const auto first_axis = [](xtape_onnx::NodeProto& node) { set_number(node, "axis", 0); };
  const auto same = [](const Variable& x) { return x; };
  const auto to_float = [](xtape_onnx::NodeProto& node) { set_number(node, "to", xtape_onnx::TensorProto::FLOAT); };
  const auto largest = [](const Variable& x) { return max(x, {1, 2}, true); };
  const auto joined = [](const Variable& x) { return concatenate({x, x}, 1); };
  const auto second = [](const Variable& x) { return take(x, Tensor::labels({1}), 1); };
  const auto product = [](const Variable& x) { return matmul(x, Tensor::full({4, 3}, 0.5)); };
  const auto normalized = [](const Variable& x) { return layer_norm(x, Variable(Tensor::full({4}, 0.5)), {}, 1e-5); };
  const std::vector<MovedRow> rows{
      {"Identity", {"y"}, nothing, same},
      {"Cast", {"y"}, to_float, same},
      {"Sum", {"y", "y", "y"}, nothing, [](const Variable& x) { return 3.0 * x; }},
      {"Mul", {"y", "y"}, nothing, [](const Variable& x) { return square(x); }},
      {"Softmax", {"y"}, last_axis, [](const Variable& x) { return softmax(x, 2); }},
      {"Softmax", {"y"}, first_axis, [](const Variable& x) { return softmax(x, 1); }},
      {"LayerNormalization", {"y", "half"}, last_axis, normalized},
      {"ReduceMax", {"y", "sides"}, nothing, largest},
      {"Concat", {"y", "y"}, first_axis, joined},
      {"Gather", {"y", "one"}, first_axis, second},
      {"Slice", {"y", "one", "two", "zero"}, nothing, second},
      {"MatMul", {"y", "kernel"}, nothing, product},
  };
  const Tensor x = RandomStream(1).normal({3, 2, 4});
  for (const MovedRow& row : rows) {
    INFO(row.type);
    const Tensor y = run(model_of(row.type, row.inputs, row.set), x)[0].value();
    CHECK(largest_difference(y, row.expected(x).value()) < 1e-6);
  }
}

TEST_CASE("Split reads a batch on the second axis, and leaves it there in each part") {
  const Tensor x = RandomStream(1).normal({3, 2, 4});
  for (const std::int64_t at : {0, 1}) {
    const Model model = model_of("Split", {"y", "parts"}, [&](xtape_onnx::NodeProto& node) {
      set_number(node, "axis", 0);
      node.set_output(0, at == 0 ? "z" : "other");
      node.add_output(at == 0 ? "other" : "z");
    });
    CHECK(identical(run(model, x)[0].value(), take(x, Tensor::labels({at}), 1).value()));
  }
}

TEST_CASE("functions of elements read a batch on the second axis, and leave it there") {
  const TemporaryFolder folder;
  const Tensor x = RandomStream(1).uniform({3, 2, 4}, 0.1, 2);
  for (const char* type : {"Abs",      "Celu",       "Clip",        "Cos",       "Dropout",        "Elu",     "Erf",
                           "Exp",      "Gelu",       "HardSigmoid", "HardSwish", "LeakyRelu",      "Log",     "Mish",
                           "Neg",      "Reciprocal", "Relu",        "Selu",      "Shrink",         "Sigmoid", "Sin",
                           "Softplus", "Softsign",   "Sqrt",        "Tanh",      "ThresholdedRelu"}) {
    INFO(type);
    const Model one_row = load_onnx(file_with(folder, type, [](xtape_onnx::ModelProto& file) {
      file.mutable_opset_import(0)->set_version(20);
      auto& input = *file.mutable_graph()->mutable_input(0)->mutable_type();
      input.mutable_tensor_type()->mutable_shape()->mutable_dim(1)->set_dim_value(8);
    }));
    const Tensor expected = run(one_row, x.reshaped({3, 8}))[0].value().reshaped({3, 2, 4});
    CHECK(identical(run(model_of(type, {"y"}, [](auto&) {}), x)[0].value(), expected));
  }
}

TEST_CASE("Dropout and Slice read a batch that is merged with another axis") {
  const TemporaryFolder folder;
  const Tensor x = RandomStream(1).normal({3, 2, 4});
  for (const bool cut : {false, true}) {
    const Model model = load_onnx(file_with(folder, "Reshape", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      auto& shape = shape_of_input(graph);
      shape.mutable_dim(1)->set_dim_value(2);
      shape.add_dim()->set_dim_value(4);
      add_constant(graph, "rows", {2}, {-1, 4});
      add_constant(graph, "one", {1}, {1});
      add_constant(graph, "two", {1}, {2});
      add_constant(graph, "separate", {3}, {-1, 2, cut ? 1 : 4});
      graph.mutable_node(0)->add_input("rows");
      add_node(graph, cut ? "Slice" : "Dropout", cut ? Names{"y", "one", "two", "one"} : Names{"y"}, "z");
      add_node(graph, "Reshape", {"z", "separate"}, "result");
      graph.mutable_output(0)->set_name("result");
    }));
    const Tensor expected = cut ? take(x, Tensor::labels({1}), 2).value() : x;
    CHECK(identical(run(model, x)[0].value(), expected));
  }
}

namespace {

using Integers = std::vector<std::int64_t>;

/// x (samples, 2, 3, 4) with the samples on axis `at`.
Variable with_samples_at(const Variable& x, int at) {
  std::vector<int> order{1, 2, 3};
  order.insert(order.begin() + at, 0);
  return transpose(x, order);
}

/// A file that moves the samples of x, `samples` of them or any number if 0, to axis `at`, adds nodes that compute "z"
/// from that, "y", and moves the samples of z from axis `to` to the front.
std::filesystem::path file_of_nodes(const TemporaryFolder& folder, std::int64_t samples, int at, int to, int rank,
                                    const std::function<void(xtape_onnx::GraphProto&)>& add) {
  return file_with(folder, "Transpose", [&](xtape_onnx::ModelProto& file) {
    auto& graph = *file.mutable_graph();
    file.mutable_opset_import(0)->set_version(20);
    auto& shape = shape_of_input(graph);
    if (samples > 0) shape.mutable_dim(0)->set_dim_value(samples);
    shape.mutable_dim(1)->set_dim_value(2);
    for (const std::int64_t extent : {3, 4}) shape.add_dim()->set_dim_value(extent);
    Integers there{1, 2, 3}, back(static_cast<std::size_t>(rank));
    there.insert(there.begin() + at, 0);
    std::iota(back.begin(), back.end(), 0);
    back.erase(back.begin() + to);
    back.insert(back.begin(), to);
    set_order(*graph.mutable_node(0), there);
    add(graph);
    set_order(add_node(graph, "Transpose", {"z"}, "result"), back);
    graph.mutable_output(0)->set_name("result");
  });
}

/// Checks that the model of such a file gives `z` with the samples at the front.
void check_nodes(const Tensor& x, int at, int to, const Variable& z,
                 const std::function<void(xtape_onnx::GraphProto&)>& add) {
  const TemporaryFolder folder;
  const Model model = load_onnx(file_of_nodes(folder, 0, at, to, z.rank(), add));
  const Tensor y = test::run(model, x)[0].value();
  std::vector<int> order(static_cast<std::size_t>(z.rank()));
  std::iota(order.begin(), order.end(), 0);
  order.erase(order.begin() + to);
  order.insert(order.begin(), to);
  const Tensor expected = transpose(z, order).value();
  REQUIRE(y.shape() == expected.shape());
  CHECK(largest_difference(y, expected) < 1e-6);
}

}  // namespace

TEST_CASE("operators that remove or add an axis on either side of the batch leave the batch where it is") {
  const Tensor x = RandomStream(1).normal({5, 2, 3, 4});
  for (int at = 0; at < 4; ++at) {
    const Variable y = with_samples_at(x, at);
    for (int axis = 0; axis < 4; ++axis) {
      if (axis == at) continue;
      const int to = axis < at ? at - 1 : at;
      for (const int given : {axis, axis - 4}) {
        INFO("batch " << at << ", axis " << given);
        check_nodes(x, at, to, sum(y, {axis}), [&](xtape_onnx::GraphProto& graph) {
          add_constant(graph, "axes", {1}, {given});
          set_number(add_node(graph, "ReduceSum", {"y", "axes"}, "z"), "keepdims", 0);
        });
        check_nodes(x, at, at, max(y, {axis}, true), [&](xtape_onnx::GraphProto& graph) {
          add_constant(graph, "axes", {1}, {given});
          add_node(graph, "ReduceMax", {"y", "axes"}, "z");
        });
        check_nodes(x, at, to, squeeze(take(y, Tensor::labels({1}), axis), {axis}), [&](xtape_onnx::GraphProto& graph) {
          add_constant(graph, "second", {}, {1});
          set_number(add_node(graph, "Gather", {"y", "second"}, "z"), "axis", given);
        });
      }
    }
    for (int axis = 0; axis <= 4; ++axis) {
      for (const int given : {axis, axis - 5}) {
        INFO("batch " << at << ", new axis " << given);
        const auto unsqueeze = [&](xtape_onnx::GraphProto& graph, const char* output) {
          add_constant(graph, "axes", {1}, {given});
          add_node(graph, "Unsqueeze", {"y", "axes"}, output);
        };
        check_nodes(x, at, axis <= at ? at + 1 : at, expand_dims(y, axis),
                    [&](xtape_onnx::GraphProto& graph) { unsqueeze(graph, "z"); });
        check_nodes(x, at, at, y, [&](xtape_onnx::GraphProto& graph) {
          unsqueeze(graph, "longer");
          add_node(graph, "Squeeze", {"longer", "axes"}, "z");
        });
      }
    }
  }
}

TEST_CASE("a reduction over two axes without keepdims leaves the batch between the others") {
  const Tensor x = RandomStream(1).normal({5, 2, 3, 4});
  for (int at = 0; at < 4; ++at) {
    for (int first = 0; first < 4; ++first) {
      for (int second = 0; second < first; ++second) {
        if (first == at || second == at) continue;
        INFO("batch " << at << ", axes " << first << " and " << second);
        const int to = at - (first < at ? 1 : 0) - (second < at ? 1 : 0);
        const Variable z = sum(with_samples_at(x, at), {first, second});
        check_nodes(x, at, to, z, [&](xtape_onnx::GraphProto& graph) {
          add_constant(graph, "axes", {2}, {first, second - 4});
          set_number(add_node(graph, "ReduceSum", {"y", "axes"}, "z"), "keepdims", 0);
        });
      }
    }
  }
}

TEST_CASE("Concat joins each sample and a constant in a file with a batch of 1, wherever the batch is") {
  const TemporaryFolder folder;
  const Tensor x = RandomStream(1).normal({5, 2, 3, 4});
  const auto concat = [](Integers extents, int axis, bool first) {
    return [=](xtape_onnx::GraphProto& graph) {
      add_constant(graph, "half", extents);
      set_number(add_node(graph, "Concat", first ? Names{"half", "y"} : Names{"y", "half"}, "z"), "axis", axis);
    };
  };
  for (int at = 0; at < 4; ++at) {
    for (int axis = 0; axis < 4; ++axis) {
      if (axis == at) continue;
      for (const bool first : {false, true}) {
        INFO("batch " << at << ", axis " << axis << (first ? ", constant first" : ""));
        Integers extents{2, 3, 4};
        extents.insert(extents.begin() + at, 1);
        extents[static_cast<std::size_t>(axis)] = 2;
        const Model model = load_onnx(file_of_nodes(folder, 1, at, at, 4, concat(extents, axis, first)));
        extents.erase(extents.begin() + at);
        const Variable half = Tensor::full(Shape(extents).prepended(5), 0.5);
        const int of_sample = axis < at ? axis + 1 : axis;
        const Variable expected =
            concatenate(first ? std::vector{half, Variable(x)} : std::vector{Variable(x), half}, of_sample);
        CHECK(identical(run(model, x)[0].value(), expected.value()));
      }
    }
  }
  const std::string got_constant = "expected inputs that depend on the inputs of the model, got a constant as input 2";
  for (const std::int64_t samples : {0, 2}) {
    CHECK_THAT(error_of([&] {
                 load_onnx(file_of_nodes(folder, samples, 0, 0, 4, concat({1, 2, 3, 4}, 1, false)));
               }),
               Catch::Contains(got_constant));
  }
  for (const Integers& extents : {Integers{2, 2, 3, 4}, Integers{1}}) {
    CHECK_THAT(error_of([&] {
                 load_onnx(file_of_nodes(folder, 1, extents.size() == 1 ? 1 : 0, 0, 4, concat(extents, 3, false)));
               }),
               Catch::Contains(got_constant));
  }
}
