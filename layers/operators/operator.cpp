#include "layers/operators/operator.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "framework/ops/manipulation.hpp"
#include "layers/operators/operator_rules.hpp"

namespace xtape {
namespace {

const OperatorRule& rule_of(const OperatorLayer::Options& options) {
  const auto found = operator_rules().find(options.function.value);
  check(found != operator_rules().end(), "Operator {}: function: expected one of Operator's, got \"{:.60}\"",
        options.name, options.function.value);
  return found->second;
}

/// Whether samples with fewer axes get axes of extent 1 in front.
bool broadcasts(const OperatorRule& rule) { return rule.takes_value; }

/// The shape with axes of extent 1 behind the batch axis, so that it has `rank` axes.
PartialShape aligned(const PartialShape& shape, int rank) {
  std::vector<Extent> extents(shape.begin(), shape.end());
  while (std::ssize(extents) < rank) extents.insert(extents.begin() + 1, Extent(1));
  return PartialShape(std::move(extents));
}

/// The largest rank of the samples, with the batch axis; the parameter has none.
int common_rank(const OperatorLayer::Options& options, int inputs_rank) {
  const int constant = options.constant_shape ? static_cast<int>(options.constant_shape->size()) + 1 : 0;
  return std::max(inputs_rank, constant);
}

}  // namespace

OperatorLayer::OperatorLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  const OperatorRule& rule = rule_of(options_);
  check(!options_.constant_shape || rule.inputs == 2, "{}: expected no constant_shape for {}, got one", title(),
        options_.function.value);
  if (options_.constant_shape) {
    check(std::ssize(*options_.constant_shape) < Shape::max_rank &&
              std::ranges::all_of(*options_.constant_shape, [](std::int64_t extent) { return extent >= 1; }),
          "{}: constant_shape: expected fewer than {} extents of at least 1, got ({})", title(), Shape::max_rank,
          fmt::join(*options_.constant_shape, ", "));
  }
}

bool OperatorLayer::keeps_activation() const {
  constexpr std::array<std::string_view, 10> keeping{"Expand",     "Gather",    "Max",     "Min",   "ReduceMax",
                                                     "ReduceMean", "ReduceMin", "Reshape", "Slice", "Tile"};
  const bool of_inputs = !options_.value && !options_.constant_shape;
  return of_inputs && std::ranges::find(keeping, options_.function.value) != keeping.end();
}

std::vector<TensorSpec> OperatorLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const OperatorRule& rule = rule_of(options_);
  const bool has_value = rule.takes_value && options_.value;
  const std::size_t expected = static_cast<std::size_t>(rule.inputs) - (options_.constant_shape || has_value ? 1 : 0);
  if (inputs.size() != expected || (options_.constant_shape && has_value)) {
    reject(fmt::format("{} inputs for {}", expected, options_.function.value), inputs);
  }
  int rank = 0;
  const bool any_type = options_.function.value == "Constant";
  for (const TensorSpec& input : inputs) {
    if (!any_type && !is_floating(input.dtype)) reject("floating inputs", inputs);
    rank = std::max(rank, input.shape.rank() + 1);
  }
  rank = common_rank(options_, rank);
  std::vector<PartialShape> shapes;
  for (const TensorSpec& input : inputs) {
    const PartialShape batch = input.shape.prepended(any);
    shapes.push_back(broadcasts(rule) ? aligned(batch, rank) : batch);
  }
  if (options_.constant_shape) {
    PartialShape constant(std::vector<Extent>(options_.constant_shape->begin(), options_.constant_shape->end()));
    shapes.insert(options_.value_first ? shapes.begin() : shapes.end(), constant);
  }
  try {
    return {{rule.shape(options_, shapes).without(0)}};
  } catch (const Error& error) {
    fail_as(error, "{}: {}: {}", title(), options_.function.value, error.what());
  }
}

std::vector<ParameterSpec> OperatorLayer::parameter_specs(const std::vector<TensorSpec>& /*inputs*/) const {
  if (!options_.constant_shape) return {};
  PartialShape shape(std::vector<Extent>(options_.constant_shape->begin(), options_.constant_shape->end()));
  return {{"constant", shape, glorot_uniform(), options_.trainable}};
}

std::vector<Variable> OperatorLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const OperatorRule& rule = rule_of(options_);
  int rank = 0;
  for (const Variable& input : inputs) rank = std::max(rank, input.rank());
  rank = common_rank(options_, rank);
  std::vector<Variable> operands;
  for (const Variable& input : inputs) {
    operands.push_back(broadcasts(rule) && input.rank() < rank ? reshape(input, Shape(aligned(input.shape(), rank)))
                                                               : input);
  }
  if (options_.constant_shape) {
    operands.insert(options_.value_first ? operands.begin() : operands.end(), parameter(pass, "constant"));
  }
  return {rule.compute(options_, operands)};
}

template class LayerHandle<OperatorLayer>;

}  // namespace xtape
