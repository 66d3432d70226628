// load_onnx(): operands with more axes than usual, further outputs, and extents that nodes name, with values of the
// definitions of ONNX (https://onnx.ai/onnx/operators).
#include <algorithm>
#include <cmath>

#include "framework/tensor/random.hpp"
#include "models/files/onnx/import_graph.hpp"
#include "tests/onnx/one_node.hpp"
#include "tests/support/outputs.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using GraphParts = std::function<void(xtape_onnx::GraphProto&)>;

/// A model of x with the given axes (0: unknown) and of nodes, the last of which makes the output.
Model model_with(const Integers& extents, const GraphParts& add, int opset = 17, bool batch_axis = true) {
  auto file = file_with_input(opset);
  auto& graph = *file.mutable_graph();
  add_axes(shape_of_input(graph), extents);
  add(graph);
  graph.add_output()->set_name(graph.node(graph.node_size() - 1).output(0));
  return onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first, .batch_axis = batch_axis}).model();
}

}  // namespace

TEST_CASE("a constant of one number with more axes than the other operand adds axes to it") {
  const Tensor x = RandomStream(1).uniform({2, 3}, 0.5, 2);
  using Function = std::function<double(double, double)>;
  const std::vector<std::pair<std::string, Function>> operators{
      {"Add", std::plus<>()},
      {"Sub", std::minus<>()},
      {"Mul", std::multiplies<>()},
      {"Div", std::divides<>()},
      {"Max", [](double a, double b) { return std::max(a, b); }},
      {"Min", [](double a, double b) { return std::min(a, b); }},
      {"Pow", [](double a, double b) { return std::pow(a, b); }}};
  for (const auto& [type, function] : operators) {
    for (const bool first : {true, false}) {
      INFO(type << ' ' << first);
      const auto model_of = [&, &type = type](const Integers& extents, bool batch_axis) {
        return model_with(
            {2, 3},
            [&](auto& graph) {
              add_constant(graph, "half", extents);
              add_node(graph, type, first ? Names{"half", "x"} : Names{"x", "half"}, "y");
            },
            17, batch_axis);
      };
      for (const Integers& extents : {Integers{}, {1}, {1, 1}, {1, 1, 1}, {1, 1, 1, 1}}) {
        Shape expected{2, 3};
        while (expected.rank() < std::ssize(extents)) expected = expected.prepended(1);
        const Tensor y = output_of(model_of(extents, false), x.reshaped({1, 2, 3}));
        CHECK(y.shape() == expected.prepended(1));
        for (std::size_t i = 0; i < 6; ++i) {
          const double element = x.to_vector()[i];
          CHECK(y.to_vector()[i] == Approx(first ? function(0.5, element) : function(element, 0.5)));
        }
      }
      CHECK(output_of(model_of({1, 1}, true), x).shape() == Shape{2, 3});
      CHECK_THAT(
          error_of([&] {
            model_of({1, 1, 1}, true);
          }),
          Catch::EndsWith("expected a constant for the axes of samples, got the shape (1, 1, 1) for samples with "
                          "1 axes"));
    }
  }
}

TEST_CASE(
    "BatchNormalization with a factor for each element, in opsets below 9, has them as (channels, height, width)") {
  std::vector<float> factors[4];  // gamma, beta, mean, variance
  for (int i = 0; i < 12; ++i) {
    const auto step = static_cast<float>(i);
    factors[0].push_back(1 + step), factors[1].push_back(0.5F - step);
    factors[2].push_back(0.25F * step), factors[3].push_back(0.5F + 2 * step);
  }
  const Model model = model_with(
      {2, 2, 2, 3},
      [&](auto& graph) {
        const Names names{"gamma", "beta", "mean", "variance"};
        for (std::size_t i = 0; i < 4; ++i) add_floats(graph, names[i], {2, 2, 3}, factors[i]);
        auto& node = add_node(graph, "BatchNormalization", {"x", "gamma", "beta", "mean", "variance"}, "y");
        set_number(node, "spatial", 0);
      },
      7, true);
  const Tensor x = RandomStream(1).normal({2, 2, 2, 3});
  const Tensor y = output_of(model, x);
  for (std::size_t i = 0; i < 24; ++i) {
    const std::size_t at = i % 12;
    const double normalized = (x.to_vector()[i] - factors[2][at]) / std::sqrt(factors[3][at] + 1e-5);
    CHECK(y.to_vector()[i] == Approx(factors[0][at] * normalized + factors[1][at]).epsilon(1e-4).margin(1e-5));
  }
}

TEST_CASE("without a batch axis operands of different numbers of axes are combined as in NumPy") {
  const auto sum = [](bool batch_axis) {
    return model_with(
        {2, 3},
        [](auto& graph) {
          auto& node = add_node(graph, "ReduceMax", {"x"}, "largest");
          set_list(node, "axes", {0});
          set_number(node, "keepdims", 0);
          add_node(graph, "Add", {"x", "largest"}, "y");
        },
        17, batch_axis);
  };
  const Tensor x = Tensor::of({1, 2, 3}, {1, 5, 3, 4, 2, 6}, DType::float32);
  CHECK(output_of(sum(false), x).to_vector() == std::vector<double>{5, 10, 9, 8, 7, 12});
}

TEST_CASE("Add behind a MatMul adds a bias with the axes that it has") {
  const Tensor x = Tensor::of({1, 2, 3}, {1, 2, 3, 4, 5, 6}, DType::float32);
  // (2, 3) times ones (3, 2) is ((6, 6), (15, 15))
  const auto sum = [&](const Integers& extents, std::optional<int> axis) {
    return output_of(model_with(
                         {2, 3},
                         [&](auto& graph) {
                           add_floats(graph, "ones", {3, 2}, std::vector<float>(6, 1));
                           add_floats(graph, "bias", extents, {10, 20});
                           add_node(graph, "MatMul", {"x", "ones"}, "product");
                           auto& node = add_node(graph, "Add", {"product", "bias"}, "y");
                           if (axis) set_number(node, "axis", *axis), set_number(node, "broadcast", 1);
                         },
                         axis ? 6 : 17, false),
                     x);
  };
  for (const auto& [extents, axis, shape, expected] :
       std::vector<std::tuple<Integers, std::optional<int>, Shape, std::vector<double>>>{
           {{2}, std::nullopt, {1, 2, 2}, {16, 26, 25, 35}},
           {{1, 2}, std::nullopt, {1, 2, 2}, {16, 26, 25, 35}},
           {{2, 1}, std::nullopt, {1, 2, 2}, {16, 16, 35, 35}},
           {{1, 1, 2}, std::nullopt, {1, 1, 2, 2}, {16, 26, 25, 35}},
           {{2, 1, 1}, std::nullopt, {1, 2, 2, 2}, {16, 16, 25, 25, 26, 26, 35, 35}},
           {{2}, 1, {1, 2, 2}, {16, 26, 25, 35}},
           {{2}, 0, {1, 2, 2}, {16, 16, 35, 35}}}) {
    INFO(fmt::format("{}", fmt::join(extents, " ")));
    const Tensor y = sum(extents, axis);
    CHECK(y.shape() == shape);
    CHECK(y.to_vector() == expected);
  }
}

TEST_CASE("LayerNormalization has the mean and the inverse of the deviation as further outputs") {
  for (const bool moved : {false, true}) {
    for (const int axis : {1, 2, -1}) {
      if (moved && axis == 1) continue;  // over the batch
      INFO(moved << ' ' << axis);
      auto file = file_with_input(17);
      auto& graph = *file.mutable_graph();
      add_axes(shape_of_input(graph), {0, 2, 4});
      const bool both = axis == 1;
      add_constant(graph, "scale", both ? Integers{2, 4} : Integers{4});
      set_order(add_node(graph, "Transpose", {"x"}, "y"), moved ? Integers{1, 0, 2} : Integers{0, 1, 2});
      auto& node = add_node(graph, "LayerNormalization", {"y", "scale"}, "z0");
      set_number(node, "axis", axis), set_real(node, "epsilon", 0.125F);
      for (const char* name : {"z1", "z2"}) node.add_output(name);
      add_node(graph, "Add", {"y", "z1"}, "z3");
      add_node(graph, "Add", {"y", "z2"}, "z4");
      for (const char* name : {"0", "1", "2", "3", "4"}) {
        set_order(add_node(graph, "Transpose", {std::string("z") + name}, name),
                  moved ? Integers{1, 0, 2} : Integers{0, 1, 2});
        graph.add_output()->set_name(name);
      }
      const Model model = onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model();
      const Tensor x = RandomStream(1).uniform({3, 2, 4}, -1, 2);
      const auto outputs = outputs_of(model, {x});
      const std::int64_t size = both ? 8 : 4, groups = 24 / size;
      REQUIRE(outputs[0].shape() == x.shape());
      for (const std::size_t i : {1U, 2U}) REQUIRE(outputs[i].shape() == (both ? Shape{3, 1, 1} : Shape{3, 2, 1}));
      const std::vector<double> values = x.to_vector(), y = outputs[0].to_vector();
      for (std::int64_t group = 0; group < groups; ++group) {
        double mean = 0, variance = 0;
        const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(group * size + i); };
        for (std::int64_t i = 0; i < size; ++i) mean += values[at(i)] / static_cast<double>(size);
        for (std::int64_t i = 0; i < size; ++i) {
          variance += (values[at(i)] - mean) * (values[at(i)] - mean) / static_cast<double>(size);
        }
        const double inverse = 1 / std::sqrt(variance + 0.125);
        CHECK(outputs[1].to_vector()[static_cast<std::size_t>(group)] == Approx(mean).margin(1e-6));
        CHECK(outputs[2].to_vector()[static_cast<std::size_t>(group)] == Approx(inverse));
        for (std::int64_t i = 0; i < size; ++i) {
          CHECK(y[at(i)] == Approx(0.5 * (values[at(i)] - mean) * inverse).margin(1e-6));
          CHECK(outputs[3].to_vector()[at(i)] == Approx(values[at(i)] + mean).margin(1e-6));
          CHECK(outputs[4].to_vector()[at(i)] == Approx(values[at(i)] + inverse).margin(1e-6));
        }
      }
    }
  }
}

TEST_CASE("Gather takes rows of a table at the integers of each sample, whatever the rows are") {
  for (const Integers& extents : {Integers{6}, {6, 2}, {6, 2, 3}, {6, 1, 2, 2}}) {
    INFO(extents.size());
    const std::int64_t row = Shape(extents).size() / 6;
    std::vector<float> numbers;
    for (std::int64_t i = 0; i < 6 * row; ++i) numbers.push_back(static_cast<float>(i) / 2);
    const Model model = model_with({0, 3}, [&](auto& graph) {
      graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(xtape_onnx::TensorProto::INT64);
      add_floats(graph, "table", extents, numbers);
      add_node(graph, "Gather", {"table", "x"}, "y");
    });
    const Integers places{4, 0, 5, 1, 1, 3};
    const Tensor y = output_of(model, Tensor::of({2, 3}, places));
    Integers expected{2, 3};
    expected.insert(expected.end(), extents.begin() + 1, extents.end());
    REQUIRE(y.shape() == Shape(expected));
    for (std::int64_t i = 0; i < y.size(); ++i) {
      const std::int64_t place = places[static_cast<std::size_t>(i / row)];
      CHECK(y.to_vector()[static_cast<std::size_t>(i)] == static_cast<double>(place * row + i % row) / 2);
    }
  }
}

TEST_CASE("SAME_UPPER gives the same outputs for known and unknown extents") {
  const Tensor x = RandomStream(1).uniform({2, 2, 5, 8});
  const auto pooled = [&](const char* type, const Integers& extents) {
    return output_of(model_with({0, 2, extents[0], extents[1]},
                                [&](auto& graph) {
                                  auto& node = add_node(graph, type, {"x"}, "y");
                                  set_list(node, "kernel_shape", {3, 3}), set_list(node, "strides", {2, 3});
                                  set_text(node, "auto_pad", "SAME_UPPER");
                                }),
                     x);
  };
  for (const char* type : {"MaxPool", "AveragePool"}) {
    const Tensor known = pooled(type, {5, 8});
    CHECK(known.shape() == Shape{2, 2, 3, 3});  // 5 / 2 and 8 / 3, rounded up
    for (const Integers& extents : {Integers{0, 8}, {5, 0}, {0, 0}}) CHECK(identical(pooled(type, extents), known));
  }
}

TEST_CASE("Expand keeps unknown extents where they are, and makes no new axis of one") {
  // without a batch axis: x (height, 3) to (2, height, 3), and to (height, height, 3)
  const auto expanded = [](const Names& target) {
    return model_with(
        {0, 3},
        [&](auto& graph) {
          for (const std::int64_t number : {0, 2, 3}) add_constant(graph, std::to_string(number), {1}, {number});
          add_node(graph, "Shape", {"x"}, "extents");
          add_node(graph, "Gather", {"extents", "0"}, "height");
          set_number(add_node(graph, "Concat", target, "target"), "axis", 0);
          add_node(graph, "Expand", {"x", "target"}, "y");
        },
        17, false);
  };
  const Tensor x = RandomStream(1).uniform({1, 4, 3});
  const Tensor y = output_of(expanded({"2", "height", "3"}), x);
  REQUIRE(y.shape() == Shape{1, 2, 4, 3});
  for (std::int64_t i = 0; i < 24; ++i) {
    CHECK(y.to_vector()[static_cast<std::size_t>(i)] == x.to_vector()[static_cast<std::size_t>(i % 12)]);
  }
  CHECK_THAT(error_of([&] {
               expanded({"height", "height", "3"});
             }),
             Catch::EndsWith("expected a known extent for axis 0, got one that depends on an input"));
}

TEST_CASE("Expand takes an unknown extent only for the axis that has it") {
  const auto expanded = [](const Names& target) {
    return model_with(
        {0, 0, 1, 3},
        [&](auto& graph) {
          for (const std::int64_t number : {0, 1, 3}) add_constant(graph, std::to_string(number), {1}, {number});
          add_node(graph, "Shape", {"x"}, "extents");
          add_node(graph, "Gather", {"extents", "0"}, "height");
          add_node(graph, "Gather", {"extents", "1"}, "width");
          set_number(add_node(graph, "Concat", target, "target"), "axis", 0);
          add_node(graph, "Expand", {"x", "target"}, "y");
        },
        17, false);
  };
  const Tensor x = RandomStream(1).uniform({1, 2, 5, 1, 3});
  CHECK(identical(output_of(expanded({"height", "width", "1", "3"}), x), x));
  for (const Names& other : {Names{"width", "width", "1", "3"},
                             {"height", "height", "1", "3"},
                             {"height", "width", "width", "3"},
                             {"1", "height", "1", "3"}}) {
    CHECK_THAT(error_of([&] { expanded(other); }), Catch::Contains("expected a known extent for axis "));
  }
}

TEST_CASE("outputs without a name are left out, in several nodes") {
  const Tensor x = RandomStream(1).uniform({2, 4}, -1, 2);
  const Model model = model_with({0, 4}, [](auto& graph) {
    add_constant(graph, "scale", {4});
    for (const auto& [from, to] : {std::pair("x", "y"), {"y", "z"}}) {
      auto& node = add_node(graph, "LayerNormalization", {from, "scale"}, to);
      node.add_output("");
      node.add_output(std::string(to) + " inverse");
    }
    add_node(graph, "Add", {"y inverse", "z inverse"}, "sum");
  });
  const auto inverse_deviation = [](const std::vector<double>& row) {
    double mean = 0, variance = 0;
    for (const double value : row) mean += value / 4;
    for (const double value : row) variance += (value - mean) * (value - mean) / 4;
    return 1 / std::sqrt(variance + 1e-5);
  };
  const Tensor sum = output_of(model, x);
  REQUIRE(sum.shape() == Shape{2, 1});
  for (const std::size_t sample : {0U, 1U}) {
    const std::vector<double> all = x.to_vector();
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(4 * sample);
    const std::vector<double> row(begin, begin + 4);
    std::vector<double> y = row;  // normalized, times the scale of 0.5
    const double mean = (row[0] + row[1] + row[2] + row[3]) / 4;
    for (double& value : y) value = 0.5 * (value - mean) * inverse_deviation(row);
    CHECK(sum.to_vector()[sample] == Approx(inverse_deviation(row) + inverse_deviation(y)).epsilon(1e-5));
  }
}

TEST_CASE("LRN sums over as many channels in front as behind, or over one more behind") {
  const std::int64_t channels = 5;
  const Tensor x = RandomStream(1).uniform({2, channels, 3}, -2, 2);
  for (const std::int64_t size : {1, 2, 3, 4, 5, 6, 12}) {
    const Model model = model_with({0, channels, 3}, [&](auto& graph) {
      auto& node = add_node(graph, "LRN", {"x"}, "y");
      set_number(node, "size", size);
      set_real(node, "alpha", 0.75F), set_real(node, "beta", 0.5F), set_real(node, "bias", 2);
    });
    const Tensor y = output_of(model, x);
    for (std::int64_t sample = 0; sample < 2; ++sample) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const auto before = (size - 1) / 2, behind = static_cast<std::int64_t>(std::ceil(double(size - 1) / 2));
        for (std::int64_t i = 0; i < 3; ++i) {
          double sum = 0;
          for (std::int64_t j = std::max<std::int64_t>(c - before, 0); j <= std::min(c + behind, channels - 1); ++j) {
            sum += x.at({sample, j, i}) * x.at({sample, j, i});
          }
          const double base = 2 + 0.75 / static_cast<double>(size) * sum;
          CHECK(y.at({sample, c, i}) == Approx(x.at({sample, c, i}) / std::sqrt(base)).epsilon(1e-5));
        }
      }
    }
  }
}

TEST_CASE("extents of inputs are unknown if they are named, left out or negative, and known otherwise") {
  auto file = file_with_input(17);
  auto& graph = *file.mutable_graph();
  auto& shape = shape_of_input(graph);
  shape.add_dim()->set_dim_param("n");
  shape.add_dim()->set_dim_param("width");
  shape.add_dim();
  for (const std::int64_t extent : {-1, 1, 3}) shape.add_dim()->set_dim_value(extent);
  add_node(graph, "Relu", {"x"}, "y");
  graph.add_output()->set_name("y");
  const auto shape_of = [&](const LoadOnnxOptions& options) {
    return onnx::ImportGraph(file, "", options).model().input_shape();
  };
  CHECK(shape_of({}) == PartialShape{any, any, any, 1, 3});
  CHECK(shape_of({.batch_axis = false}) == PartialShape{any, any, any, any, 1, 3});
  shape.mutable_dim(4)->set_dim_value(0);
  CHECK(error_of([&] { shape_of({}); }) ==
        "Input x: expected a sample shape without zeros, got (None, None, None, 0, 3)");
}

TEST_CASE("a target of Reshape whose rest is no whole number of elements is an Error when the model computes") {
  // (n, 3, 2, width) becomes (n, 4, width, -1): 6 elements of each column are no multiple of 4
  for (const std::int64_t extent : {1, 2, 3, 6, 4, 12}) {
    const Model model = model_with({0, 3, 2, 0}, [&](auto& graph) {
      add_constant(graph, "0", {1}, {0});
      add_constant(graph, "3", {1}, {3});
      add_constant(graph, "extent", {1}, {extent});
      add_constant(graph, "rest", {1}, {-1});
      add_node(graph, "Shape", {"x"}, "extents");
      add_node(graph, "Gather", {"extents", "0"}, "samples");
      add_node(graph, "Gather", {"extents", "3"}, "width");
      set_number(add_node(graph, "Concat", {"samples", "extent", "width", "rest"}, "target"), "axis", 0);
      add_node(graph, "Reshape", {"x", "target"}, "y");
    });
    INFO(extent);
    for (const std::int64_t width : {2, 4}) {
      const Tensor x = RandomStream(1).uniform({2, 3, 2, width});
      if (6 % extent == 0) {
        CHECK(identical(output_of(model, x), x.reshaped({2, extent, width, 6 / extent})));
      } else {
        CHECK_THAT(error_of([&] { output_of(model, x); }), Catch::Contains("expected"));
      }
    }
  }
}

TEST_CASE("Pad puts its value around every axis of images and arrays, and cuts off what is negative") {
  const Tensor x = RandomStream(1).uniform({2, 3, 4, 2}, 1, 2);
  for (const bool image : {true, false}) {
    for (const float value : {0.0F, 0.5F}) {
      for (const Integers& pads : std::vector<Integers>{{0, 0, 1, 2, 0, 0, 3, 0},
                                                        {0, 0, 0, 0, 0, 2, 0, 0},
                                                        {0, 1, 0, 0, 0, 0, 0, 0},
                                                        {0, 0, 0, 2, 0, 0, 0, 0},
                                                        {0, 0, 0, 0, 0, 0, 0, 1},
                                                        {0, 1, 2, 0, 0, 0, 1, 3},
                                                        {0, -1, 0, 1, 0, 0, -2, 0},
                                                        {0, 2, -1, 0, 0, -1, 1, -1}}) {
        INFO(image << fmt::format(" {} ({})", value, fmt::join(pads, ", ")));
        const Model model = model_with({0, 3, 4, 2}, [&](auto& graph) {
          if (image) set_list(add_node(graph, "MaxPool", {"x"}, "z"), "kernel_shape", {1, 1});
          add_constant(graph, "pads", {8}, pads);
          add_floats(graph, "value", {}, {value});
          const std::string source = image ? "z" : "x";
          add_node(graph, "Pad", value == 0 ? Names{source, "pads"} : Names{source, "pads", "value"}, "y");
        });
        const Tensor y = output_of(model, x);
        Integers extents;
        for (int axis = 0; axis < 4; ++axis) {
          extents.push_back(x.dim(axis) + pads[static_cast<std::size_t>(axis)] +
                            pads[static_cast<std::size_t>(axis) + 4]);
        }
        REQUIRE(y.shape() == Shape(extents));
        for (std::int64_t i = 0; i < y.size(); ++i) {
          Integers place(4);
          std::int64_t rest = i;
          bool inside = true;
          for (int axis = 3; axis >= 0; --axis) {
            const auto k = static_cast<std::size_t>(axis);
            place[k] = rest % y.dim(axis) - pads[k];
            rest /= y.dim(axis);
            inside = inside && place[k] >= 0 && place[k] < x.dim(axis);
          }
          CHECK(y.to_vector()[static_cast<std::size_t>(i)] ==
                (inside ? x.at({place[0], place[1], place[2], place[3]}) : static_cast<double>(value)));
        }
      }
    }
  }
}

TEST_CASE("a Reshape to an extent that is computed does not say how many rows a sample has") {
  // x (n, height, width, 3) becomes (-1, height + 1, 3)
  const auto read = [] {
    return model_with({0, 0, 0, 3}, [](auto& graph) {
      add_constant(graph, "one", {1}, {1});
      add_constant(graph, "three", {1}, {3});
      add_constant(graph, "rest", {1}, {-1});
      add_node(graph, "Shape", {"x"}, "extents");
      add_node(graph, "Gather", {"extents", "one"}, "height");
      add_node(graph, "Add", {"height", "one"}, "more");
      set_number(add_node(graph, "Concat", {"rest", "more", "three"}, "target"), "axis", 0);
      add_node(graph, "Reshape", {"x", "target"}, "y");
    });
  };
  CHECK_THAT(
      error_of(read),
      Catch::EndsWith("expected a target shape that says how many rows each sample has, got (None, 3) beside the "
                      "batch for samples (None, None, 3); export the network with fixed extents"));
}

TEST_CASE("recurrent operators are errors that say what to do") {
  for (const char* type : {"GRU", "LSTM", "RNN"}) {
    CHECK(error_in(file_of_node(type, {"x"})) ==
          fmt::format("node \"tested\" ({}, opset 17): expected an operator that xtape supports, got a recurrent one; "
                      "there are no recurrent layers. Export the part of the network before this node, and run the "
                      "rest with other software",
                      type));
  }
}
