// An axis that is counted from the end is the same axis as one counted from the beginning, for every option.
#include <functional>
#include <optional>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

using MakeLayerOfAxis = std::function<std::shared_ptr<Layer>(std::int64_t axis)>;

struct AxisRow {
  const char* name;
  MakeLayerOfAxis make;
  int inputs = 1, first = 1;  ///< the number of inputs, and the smallest axis that is allowed
};

std::shared_ptr<Layer> operation_on(const char* function, std::int64_t axis, std::vector<std::int64_t> numbers = {}) {
  return Operator({.function = std::string(function), .axes = {axis}, .numbers = std::move(numbers)}).definition();
}

const std::vector<AxisRow>& axis_rows() {
  static const std::vector<AxisRow> all{
      {"Softmax", [](auto a) { return Softmax({.axis = static_cast<int>(a)}).definition(); }},
      {"Concatenate", [](auto a) { return Concatenate({.axis = static_cast<int>(a)}).definition(); }, 2},
      {"Dot",
       [](auto a) {
         return Dot({.axes = {a, a}, .normalize = true}).definition();
       },
       2},
      {"PReLU", [](auto a) { return PReLU({.shared_axes = {a}}).definition(); }},
      {"LayerNormalization", [](auto a) { return LayerNormalization({.axis = {a}}).definition(); }},
      {"RMSNormalization", [](auto a) { return RMSNormalization({.axis = {a}}).definition(); }},
      {"UnitNormalization", [](auto a) { return UnitNormalization({.axis = {a}}).definition(); }},
      {"GroupNormalization",
       [](auto a) { return GroupNormalization({.groups = 1, .axis = static_cast<int>(a)}).definition(); }},
      {"ReduceSum", [](auto a) { return operation_on("ReduceSum", a); }},
      {"ReduceMax", [](auto a) { return operation_on("ReduceMax", a); }},
      {"ReduceLogSumExp", [](auto a) { return operation_on("ReduceLogSumExp", a); }},
      {"Operator Softmax", [](auto a) { return operation_on("Softmax", a); }},
      {"Slice",
       [](auto a) {
         return operation_on("Slice", a, {1, -1, 1});
       }},
      {"Gather",
       [](auto a) {
         return operation_on("Gather", a, {1, 0, -1});
       }},
  };
  return all;
}

/// The message of the Error that an action throws; empty if it throws none.
template <class Action>
std::string error_or_none(Action&& action) {
  try {
    action();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

constexpr int axes_of_batch = 4;  // with the batch axis
const Shape sample_shape{3, 4, 5};

/// The outputs of the layer for fixed inputs, with initial values other than 0 and 1.
Tensor outputs_for(const AxisRow& row, std::int64_t axis) {
  std::vector<SymbolicTensor> inputs;
  for (int i = 0; i < row.inputs; ++i) inputs.push_back(Input({.shape = sample_shape}));
  const Model model(inputs, row.make(axis)->connect_one(inputs), {.seed = 4});
  std::uint64_t stream = 1;
  for (const Parameter& parameter : model.parameters()) {
    parameter.set_value(RandomStream(2, stream++).uniform(parameter.shape(), 0.2, 1.5));
  }
  std::vector<Tensor> given;
  for (int i = 0; i < row.inputs; ++i) given.push_back(RandomStream(3, stream++).normal(sample_shape.prepended(2)));
  ForwardPass pass(Mode::inference);
  const Tensor y = model.call({given.begin(), given.end()}, pass).at(0).value();
  CHECK(model.output_shape().prepended(2) == y.shape());
  return y;
}

}  // namespace

TEST_CASE("an axis of a layer may be counted from the end") {
  for (const AxisRow& row : axis_rows()) {
    for (std::int64_t axis = row.first; axis < axes_of_batch; ++axis) {
      INFO(row.name << ", axis " << axis);
      std::optional<Tensor> from_start, from_end;
      // some axes are not allowed; then both ways of counting are rejected
      error_or_none([&] { from_start = outputs_for(row, axis); });
      error_or_none([&] { from_end = outputs_for(row, axis - axes_of_batch); });
      CHECK(from_start.has_value() == from_end.has_value());
      if (from_start && from_end) CHECK(identical(*from_start, *from_end));
    }
    INFO(row.name);
    CHECK(error_or_none([&] { outputs_for(row, 1); }).empty());
    for (const std::int64_t outside : {std::int64_t{-axes_of_batch}, std::int64_t{-axes_of_batch - 1},
                                       std::int64_t{axes_of_batch}, std::int64_t{0}}) {
      INFO("axis " << outside);
      CHECK_FALSE(error_or_none([&] { outputs_for(row, outside); }).empty());
    }
  }
}

TEST_CASE("an axis of a constraint may be counted from the end") {
  const Tensor kernel = RandomStream(1).normal({3, 4, 2}, 0, 5);
  for (int axis = 0; axis < 3; ++axis) {
    INFO("axis " << axis);
    CHECK(identical(max_norm(1, {axis}).project(kernel), max_norm(1, {axis - 3}).project(kernel)));
    CHECK(identical(unit_norm({axis}).project(kernel), unit_norm({axis - 3}).project(kernel)));
    CHECK(identical(min_max_norm({.min_value = 1, .max_value = 2, .axes = {axis}}).project(kernel),
                    min_max_norm({.min_value = 1, .max_value = 2, .axes = {axis - 3}}).project(kernel)));
  }
}
