// The functions of Operator by their names in ONNX: the number of operands, and whether a number can be one of them.
#include <limits>

#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/random.hpp"
#include "layers/layers.hpp"
#include "layers/operators/operator_rules.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

TEST_CASE("every function of Operator has the operands of ONNX") {
  const std::vector<std::string> one{"Abs",          "Cos",
                                     "CumSum",       "Erf",
                                     "Exp",          "Expand",
                                     "Gather",       "Log",
                                     "LogSoftmax",   "Neg",
                                     "Pad",          "Reciprocal",
                                     "ReduceL1",     "ReduceL2",
                                     "ReduceLogSum", "ReduceLogSumExp",
                                     "ReduceMax",    "ReduceMean",
                                     "ReduceMin",    "ReduceProd",
                                     "ReduceSum",    "ReduceSumSquare",
                                     "Reshape",      "Sin",
                                     "Slice",        "Softmax",
                                     "Sqrt",         "Tile"};
  const std::vector<std::string> two{"Constant", "MatMul", "ReshapeLike"};
  const std::vector<std::string> two_or_number{"Add", "Div", "Greater", "Less", "Max",
                                               "Min", "Mul", "PRelu",   "Pow",  "Sub"};
  std::size_t all = 0;
  const auto check_operands = [&](const std::vector<std::string>& functions, int operands, bool takes_number) {
    for (const std::string& function : functions) {
      INFO(function);
      ++all;
      for (const bool number : {false, true}) {
        OperatorLayer::Options options{.function = function};
        if (number) options.value = 2;
        const OperatorLayer layer(options);
        CHECK_THAT(
            test::error_of([&] { layer.output_specs(std::vector<TensorSpec>(5, TensorSpec{PartialShape{2}})); }),
            Catch::Contains(fmt::format("{} inputs for {}", operands - (number && takes_number ? 1 : 0), function)));
      }
    }
  };
  check_operands(one, 1, false);
  check_operands(two, 2, false);
  check_operands(two_or_number, 2, true);
  check_operands({"Where"}, 3, true);
  CHECK(operator_rules().size() == all);
}

TEST_CASE("options that do not fit the samples of an operator are errors that name the function") {
  struct Row {
    OperatorLayer::Options options;
    std::vector<PartialShape> inputs;
    const char* message;  // empty: accepted
  };
  const std::vector<Row> rows{
      {{.function = "ReduceSum", .axes = {1}}, {{2, 3}}, ""},
      {{.function = "ReduceSum", .axes = {}}, {{2, 3}}, "Operator: ReduceSum: expected at least one axis, got none"},
      {{.function = "Slice", .axes = {1}, .numbers = {0, 1, 1}}, {{2, 3}}, ""},
      {{.function = "Slice", .axes = {1}, .numbers = {0, 9, std::numeric_limits<std::int64_t>::max()}}, {{2, 3}}, ""},
      {{.function = "Slice", .axes = {1}, .numbers = {9, -9, std::numeric_limits<std::int64_t>::min()}}, {{2, 3}}, ""},
      {{.function = "Slice", .axes = {1}, .numbers = {0, 1, 0}},
       {{2, 3}},
       "Operator: Slice: expected a step other than 0, got 0"},
      {{.function = "Tile", .numbers = {1, 2}}, {{2, 3}}, ""},
      {{.function = "Tile", .numbers = {1, 0}}, {{2, 3}}, "Operator: Tile: expected numbers of at least 1, got 0"},
      {{.function = "Pad", .numbers = {0, 0, 1, 0}}, {{2, 3}}, ""},
      {{.function = "Pad", .numbers = {0, -1, 1, 0}},
       {{2, 3}},
       "Operator: Pad: expected numbers of at least 0, got (0, -1, 1, 0)"},
      {{.function = "Pad", .numbers = {0, 0, -1, 0}},
       {{2, 3}},
       "Operator: Pad: expected numbers of at least 0, got (0, 0, -1, 0)"},
      {{.function = "Gather", .axes = {1}, .numbers = {1, -2}}, {{2, 3}}, ""},
      {{.function = "Gather", .axes = {1}, .numbers = {2}},
       {{2, 3}},
       "Operator: Gather: expected positions in [-2, 2), got 2"},
      {{.function = "Gather", .axes = {1}, .numbers = {-3}},
       {{2, 3}},
       "Operator: Gather: expected positions in [-2, 2), got -3"},
      {{.function = "Softmax", .axes = {-2}}, {{2, 3}}, ""},
      {{.function = "Softmax", .axes = {3}},
       {{2, 3}},
       "Operator: Softmax: expected an axis of a sample, 1 to 2, or counted from the end, got 3"},
      {{.function = "Softmax", .axes = {-3}},
       {{2, 3}},
       "Operator: Softmax: expected an axis of a sample, 1 to 2, or counted from the end, got -3"},
      {{.function = "Gather", .axes = {1}}, {{2, 3}}, "Operator: Gather: expected positions in numbers, got none"},
      {{.function = "Gather", .axes = {1, 2}, .numbers = {0}}, {{2, 3}}, "Operator: Gather: expected one axis, got 2"},
      {{.function = "ReduceSum", .axes = {1, -2}},
       {{2, 3}},
       "Operator: ReduceSum: expected each axis once, got (1, -2)"},
      {{.function = "Slice", .axes = {1}, .numbers = {0, 1}}, {{2, 3}}, "Operator: Slice: expected 3 numbers, got 2"},
      {{.function = "Reshape", .numbers = {0, 3}}, {{2, 3}}, ""},
      {{.function = "Reshape", .numbers = {3, -1}}, {{2, 3}}, ""},
      {{.function = "Reshape", .numbers = {-1, -1}},
       {{2, 3}},
       "Operator: Reshape: expected positive extents, 0 for an existing axis and at most one -1, got (-1, -1)"},
      {{.function = "Reshape", .numbers = {-2, 3}},
       {{2, 3}},
       "Operator: Reshape: expected positive extents, 0 for an existing axis and at most one -1, got (-2, 3)"},
      {{.function = "Reshape", .numbers = {2, 3, 0}},
       {{2, 3}},
       "Operator: Reshape: expected positive extents, 0 for an existing axis and at most one -1, got (2, 3, 0)"},
      {{.function = "Reshape", .numbers = {4}},
       {{2, 3}},
       "Operator: Reshape: expected as many elements as the shape (4) has, got (None, 2, 3)"},
      {{.function = "ReshapeLike", .axes = {1}, .numbers = {0, 0}},
       {{2, 3}, {2, 3}},
       "Operator: ReshapeLike: expected an axis for each 0 in (0, 0), got 1"},
      {{.function = "Expand", .numbers = {3}},
       {{2, 3}},
       "Operator: Expand: expected an extent for each axis of (None, 2, 3), got 1"},
      {{.function = "Add"}, {{2, 3}, {3, 3}}, "Operator: Add: expected shapes that broadcast, got the extents 2 and 3"},
      {{.function = "MatMul"},
       {{2, 3}, {2, 3}},
       "Operator: MatMul: expected matrices that fit, got (None, 2, 3) and (None, 2, 3)"},
      {{.function = "MatMul"}, {{5, 2, 3}, {5, 3, 4}}, ""},
      {{.function = "MatMul"},
       {{2, 3}, {5, 3, 4}},
       "Operator: MatMul: expected matrices whose samples are along the first axis, got (None, 2, 3) and (None, 5, 3, "
       "4)"},
      {{.function = "MatMul", .constant_shape = std::vector<std::int64_t>{3, 4}}, {{2, 3}}, ""},
      {{.function = "MatMul", .constant_shape = std::vector<std::int64_t>{1, 3, 4}}, {{2, 3}}, ""},
      {{.function = "MatMul", .constant_shape = std::vector<std::int64_t>{6, 3, 4}},
       {{2, 3}},
       "Operator: MatMul: expected matrices whose samples are along the first axis, got (None, 2, 3) and (6, 3, 4)"},
      {{.function = "MatMul", .value_first = true, .constant_shape = std::vector<std::int64_t>{6, 4, 2}},
       {{5, 2, 3}},
       "expected"},
      {{.function = "PRelu"}, {{2, 3}, {3}}, ""},
      {{.function = "PRelu"}, {{2, 3}, {4}}, "Operator: PRelu: expected slopes that broadcast to (None, 2, 3), got "},
      {{.function = "PRelu"}, {{3}, {2, 3}}, "Operator: PRelu: expected slopes that broadcast to (None, 1, 3), got "},
      {{.function = "PRelu", .value = 0.5}, {{2, 3}}, ""},
      {{.function = "PRelu", .value = 0.5, .value_first = true},
       {{2, 3}},
       "Operator: PRelu: expected a number as the slope, got one as the first operand"},
      {{.function = "MatMul"},
       {{2, 3}, {3}},
       "Operator: MatMul: expected samples that are matrices, got (None, 2, 3) and (None, 3)"},
  };
  for (const Row& row : rows) {
    INFO(row.options.function.value << " " << row.message);
    const OperatorLayer layer(row.options);
    std::vector<TensorSpec> inputs;
    for (const PartialShape& shape : row.inputs) inputs.push_back({shape});
    if (*row.message == '\0') {
      CHECK_NOTHROW(layer.output_specs(inputs));
    } else {
      CHECK_THAT(test::error_of([&] { layer.output_specs(inputs); }), Catch::Contains(row.message));
    }
  }
}

TEST_CASE("a constant is broadcast to each sample, whichever of them has more axes") {
  for (const std::vector<std::int64_t>& constant : {std::vector<std::int64_t>{4}, {3, 4}, {2, 3, 4}, {2, 1, 1, 4}}) {
    for (const bool first : {false, true}) {
      const auto input = Input({3, 4});
      const Model model(
          input, Operator({.function = std::string("Sub"), .value_first = first, .constant_shape = constant})(input));
      const Tensor x = RandomStream(1).normal({5, 3, 4}), c = model.parameters()[0].value();
      ForwardPass pass(Mode::inference);
      const Tensor y = model(x, pass).value();
      INFO(to_string(c.shape()) << (first ? ", first" : ""));
      CHECK(model.output_shape().prepended(5) == y.shape());
      for (std::int64_t n = 0; n < 5; ++n) {
        const Variable own(x[n]);
        const Variable expected = first ? Variable(c) - own : own - Variable(c);
        CHECK(identical(y[n], expected.value()));
      }
    }
  }
}

TEST_CASE("the functions of Operator compute samples of the shape that they infer, also from unknown extents") {
  struct Row {
    OperatorLayer::Options options;
    std::vector<PartialShape> inputs;  // of samples
    Shape sample;                      // the output for the extents that are known, and 4 for those that are not
    PartialShape inferred = {};        // empty: `sample`
  };
  const std::vector<Row> rows{
      {{.function = "Add"}, {{2, 3}, {3}}, {2, 3}},
      {{.function = "Add"}, {{2, 1}, {1, 3}}, {2, 3}},
      {{.function = "Add"}, {{any, 3}, {1, 3}}, {4, 3}, {any, 3}},
      {{.function = "Add"}, {{any, 3}, {4, 1}}, {4, 3}},
      {{.function = "MatMul"}, {{2, 3}, {3, 5}}, {2, 5}},
      {{.function = "MatMul"}, {{6, 2, 3}, {1, 3, 5}}, {6, 2, 5}},
      {{.function = "MatMul"}, {{any, 3}, {3, 5}}, {4, 5}, {any, 5}},
      {{.function = "ReduceSum", .axes = {1}}, {{2, 3}}, {3}},
      {{.function = "ReduceSum", .axes = {-1}}, {{2, any}}, {2}},
      {{.function = "ReduceSum", .axes = {-1, 1}, .keep_dims = true}, {{2, 3, 5}}, {1, 3, 1}},
      {{.function = "ReduceSum", .axes = {2}}, {{any, 3}}, {4}, {any}},
      {{.function = "Slice", .axes = {1, -1}, .numbers = {1, -1, 9, -9, 2, -2}}, {{6, 5}}, {3, 3}},
      {{.function = "Slice", .axes = {2}, .numbers = {1, 3, 1}}, {{6, any}}, {6, 2}, {6, any}},
      {{.function = "Reshape", .numbers = {6}}, {{2, 3}}, {6}},
      {{.function = "Reshape", .numbers = {3, 2}}, {{2, 3}}, {3, 2}},
      {{.function = "Reshape", .numbers = {-1}}, {{2, 3}}, {6}},
      {{.function = "Reshape", .numbers = {-1, 2}}, {{2, 3}}, {3, 2}},
      {{.function = "Reshape", .numbers = {2, -1}}, {{2, 3, 5}}, {2, 15}},
      {{.function = "Reshape", .numbers = {0, 3}}, {{2, 3}}, {2, 3}},
      {{.function = "Reshape", .numbers = {0, 5, -1}}, {{2, 3, 5}}, {2, 5, 3}},
      {{.function = "Reshape", .numbers = {-1, 0}}, {{2, 3}}, {2, 3}},
      {{.function = "Reshape", .numbers = {0, -1}}, {{any, 3, 5}}, {4, 15}, {any, 15}},
      {{.function = "Reshape", .numbers = {-1, 3}}, {{any, 3}}, {4, 3}, {any, 3}},
      {{.function = "ReshapeLike", .axes = {1}, .numbers = {0, -1}}, {{2, 3}, {3, 7}}, {3, 2}},
      {{.function = "ReshapeLike", .axes = {-1, 1}, .numbers = {0, 0}}, {{2, 3}, {2, 3}}, {3, 2}},
      {{.function = "Expand", .numbers = {3}}, {{1}}, {3}},
      {{.function = "Expand", .numbers = {5, 1, 3}}, {{2, 1}}, {5, 2, 3}},
      {{.function = "Expand", .numbers = {1, 3}}, {{any, 1}}, {4, 3}, {any, 3}},
      {{.function = "Tile", .numbers = {3, 2}}, {{2, 5}}, {6, 10}},
      {{.function = "Tile", .numbers = {3, 1}}, {{any, 5}}, {12, 5}, {any, 5}},
      {{.function = "Pad", .numbers = {1, 0, 2, 3}}, {{2, 5}}, {5, 8}},
      {{.function = "Pad", .numbers = {1, 0, 2, 0}}, {{any, 5}}, {7, 5}, {any, 5}},
      {{.function = "Gather", .axes = {1}, .numbers = {1, -2, 0}}, {{2, 5}}, {3, 5}},
      {{.function = "Gather", .axes = {-2}, .numbers = {1}}, {{any, 5}}, {1, 5}},
      {{.function = "Softmax", .axes = {1}}, {{2, any}}, {2, 4}, {2, any}},
      {{.function = "CumSum", .axes = {-1}}, {{2, 5}}, {2, 5}},
      {{.function = "Where"}, {{2, 1}, {1, 3}, {3}}, {2, 3}},
      {{.function = "Where", .value = 2}, {{2, 1}, {1, 3}}, {2, 3}},
  };
  for (const Row& row : rows) {
    INFO(row.options.function.value << " (" << fmt::format("{}", fmt::join(row.options.numbers, ", ")) << ")");
    const OperatorLayer layer(row.options);
    std::vector<TensorSpec> specs;
    std::vector<Variable> values;
    for (const PartialShape& shape : row.inputs) {
      specs.push_back({shape});
      std::vector<std::int64_t> extents{7};
      for (const Extent extent : shape) extents.push_back(extent.known() ? extent.value() : 4);
      values.emplace_back(RandomStream(1).uniform(Shape(extents)));
    }
    const PartialShape sample(row.sample);
    CHECK(layer.output_specs(specs)[0].shape == (row.inferred.rank() == 0 ? sample : row.inferred));
    ForwardPass pass(Mode::inference);
    CHECK(layer.call(values, pass)[0].shape() == row.sample.prepended(7));
  }
}

TEST_CASE("axes that do not exist in the samples are errors") {
  const auto error_of = [](const Layer& layer, const std::vector<TensorSpec>& inputs) {
    return test::error_of([&] { layer.output_specs(inputs); });
  };
  const TensorSpec pixel{PartialShape{4, 4, 3}}, row{PartialShape{2, 3}};
  CHECK(error_of(PReLULayer({.shared_axes = {4}}), {pixel}) ==
        "PReLU: expected axes in [1, 4) for its shared axes 4, got (None, 4, 4, 3)");
  CHECK(error_of(PReLULayer({.shared_axes = {1, 0}}), {pixel}) ==
        "PReLU: expected axes in [1, 4) for its shared axes 1, 0, got (None, 4, 4, 3)");
  CHECK_NOTHROW(PReLULayer({.shared_axes = {3, -3}}).output_specs({pixel}));
  CHECK(error_of(DotLayer({.axes = {3, 1}}), {row, row}) ==
        "Dot: expected axes that exist, not 3, got (None, 2, 3) and (None, 2, 3)");
  CHECK(error_of(DotLayer({.axes = {1, 0}}), {row, row}) ==
        "Dot: expected axes that exist, not 0, got (None, 2, 3) and (None, 2, 3)");
  CHECK(error_of(DotLayer({.axes = {1, 2}}), {row, row}) ==
        "Dot: expected axes of one extent, got (None, 2, 3) and (None, 2, 3)");
  CHECK_NOTHROW(DotLayer({.axes = {1, -2}}).output_specs({row, row}));
}
