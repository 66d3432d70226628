#include "layers/core/lambda.hpp"

#include <fmt/ranges.h>

namespace xtape {
namespace {

/// What a file holds of a Lambda.
struct StoredLambda {
  Required<std::string> function;
  std::optional<std::vector<std::int64_t>> output_shape = std::nullopt;
  static void fields(auto& stored, auto field) {
    field("function", stored.function);
    field("output_shape", stored.output_shape);
  }
};

}  // namespace

LambdaLayer::LambdaLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check(static_cast<bool>(options_.function.value), "{}: expected a function, got an empty one", title());
}

LayerConfig LambdaLayer::config() const {
  check(!options_.function_name.empty(),
        "{}: expected a function_name, under which a file can hold the function, got none", title());
  LayerConfig config{{{"function", options_.function_name}}};
  if (options_.output_shape) config.fields.push_back({"output_shape", to_config(*options_.output_shape)});
  return config;
}

std::vector<TensorSpec> LambdaLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const auto& [shape, dtype] = only_input_of_any_type(inputs);
  if (options_.output_shape) return {{*options_.output_shape}};
  for (const Extent extent : shape) {
    if (!extent.known()) reject("an output_shape, or an input whose extents are known", inputs);
  }
  Variable y = Tensor();
  try {
    y = options_.function.value(Tensor::zeros(Shape(shape).prepended(1), dtype));
  } catch (const Error& error) {
    fail_as(error, "{}: {}", title(), error.what());
  }
  check(y.value().defined() && y.rank() > 0 && y.dim(0) == 1,
        "{}: expected a function that keeps the batch axis, got an output {} for a batch of one", title(),
        y.value().defined() ? y.shape() : Shape{});
  return {{y.shape().without(0), y.dtype()}};
}

std::vector<Variable> LambdaLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable& x = inputs.front();
  Variable y = options_.function.value(x);
  check(y.value().defined() && y.rank() > 0 && y.dim(0) == x.dim(0) &&
            (!options_.output_shape || *options_.output_shape == y.shape().without(0)),
        "expected an output of shape ({}, ...), got {}", x.dim(0), y.value().defined() ? y.shape() : Shape{});
  return {y};
}

LayerFactory lambda_factory(std::map<std::string, LambdaLayer::Function> functions) {
  return [functions = std::move(functions)](const LayerConfig& config) -> std::shared_ptr<Layer> {
    const auto stored = options_of<StoredLambda>(config);
    const auto found = functions.find(stored.function);
    check(found != functions.end(), "function: expected one that lambda_factory() was given, got \"{:.60}\"",
          stored.function.value);
    std::optional<PartialShape> shape;
    if (stored.output_shape) from_config(to_config(*stored.output_shape), shape.emplace());
    return std::make_shared<LambdaLayer>(LambdaLayer::Options{
        .function = found->second, .function_name = found->first, .output_shape = std::move(shape)});
  };
}

template class LayerHandle<LambdaLayer>;

}  // namespace xtape
