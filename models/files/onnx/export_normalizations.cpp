#include <algorithm>
#include <cmath>

#include "framework/tensor/elementwise.hpp"
#include "layers/layers.hpp"
#include "models/files/onnx/export_graph.hpp"

namespace xtape::onnx {
namespace {

/// What batch normalization uses in inference: gamma, beta, mean and variance of each channel, in float32.
struct Statistics {
  Tensor gamma, beta, mean, variance;
};

Statistics statistics_of(const BatchNormalizationLayer& layer) {
  const auto& o = layer.options();
  const auto value = [&](const char* name) { return value_of(layer, name).to(DType::float32); };
  const Shape channels = value("moving_mean").shape();
  const auto corrected = [&](const char* name, double start) {
    Tensor moving = value(name);
    const double updates = o.bias_correction ? value_of(layer, "updates").item() : 0;
    if (updates == 0) return moving;
    const double left = std::pow(o.momentum, updates);
    return map("save_onnx", moving.to(DType::float64), [=](auto v) { return (v - left * start) / (1 - left); })
        .to(DType::float32);
  };
  return {o.scale ? value("gamma") : Tensor::ones(channels), o.center ? value("beta") : Tensor::zeros(channels),
          corrected("moving_mean", 0), corrected("moving_variance", 1)};
}

ExportValue batch_normalization(const ExportCall& call) {
  if (call.folded != nullptr) return call.x();  // the kernel before has the factors
  const auto& layer = static_cast<const BatchNormalizationLayer&>(call.layer);
  const Statistics s = statistics_of(layer);
  ExportGraph& g = call.graph;
  if (call.x().channels_first || call.x().shape.rank() == 1) {
    const auto constant = [&](const char* name, const Tensor& value) {
      return g.parameter(name, call.x().flat_of ? in_order_of(call.x(), value) : value);
    };
    return call.as_input(g.op("BatchNormalization",
                              {call.x().name, constant("gamma", s.gamma), constant("beta", s.beta),
                               constant("moving_mean", s.mean), constant("moving_variance", s.variance)},
                              {{"epsilon", layer.options().epsilon}, {"momentum", layer.momentum()}}));
  }
  const auto factor = [&](auto gamma, auto v) {
    return static_cast<float>(gamma / std::sqrt(static_cast<double>(v) + layer.options().epsilon));
  };
  const Tensor scale = map("save_onnx", s.gamma, s.variance, factor);
  const std::string centered = g.op("Sub", {call.plain(), g.parameter("moving_mean", s.mean)});
  const std::string scaled = g.op("Mul", {centered, g.parameter("scale", scale)});
  return call.made(g.op("Add", {scaled, g.parameter("beta", s.beta)}));
}

ExportValue normalization(const ExportCall& call) {
  ExportGraph& g = call.graph;
  const Tensor deviation = map("save_onnx", call.value("variance"),
                               [](auto v) { return std::max(std::sqrt(v), static_cast<decltype(v)>(1e-7)); });
  const std::string mean = g.parameter("mean", in_order_of(call.x(), call.value("mean")));
  const std::string centered = g.op("Sub", {call.x().name, mean});
  return call.as_input(g.op("Div", {centered, g.parameter("deviation", in_order_of(call.x(), deviation))}));
}

/// The axes in [1, rank], increasing.
std::vector<std::int64_t> sorted(std::vector<std::int64_t> axes, const PartialShape& sample) {
  for (std::int64_t& axis : axes) axis = axis < 0 ? axis + sample.rank() + 1 : axis;
  std::ranges::sort(axes);
  return axes;
}

/// A constant whose axes are those axes of a sample, broadcast to the other axes.
Tensor along(const std::vector<std::int64_t>& axes, const PartialShape& sample, const Tensor& value) {
  std::vector<std::int64_t> extents(static_cast<std::size_t>(sample.rank()), 1);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    extents[static_cast<std::size_t>(axes[i] - 1)] = value.dim(static_cast<int>(i));
  }
  return value.reshaped(Shape(extents));
}

bool is_last(const std::vector<std::int64_t>& axes, const PartialShape& sample) {
  return axes.back() == sample.rank() && axes.back() - axes.front() + 1 == std::ssize(axes);
}

ExportValue layer_normalization(const ExportCall& call) {
  const auto& o = call.options<LayerNormalizationLayer>();
  const std::vector<std::int64_t> axes = sorted(o.axis, call.output);
  ExportGraph& g = call.graph;
  std::string x = call.plain();
  if (o.scale && is_last(axes, call.output)) {
    std::vector<std::string> inputs{x, g.parameter("gamma", call.value("gamma"))};
    if (o.center) inputs.push_back(g.parameter("beta", call.value("beta")));
    return call.made(g.op("LayerNormalization", inputs, {{"axis", axes.front()}, {"epsilon", o.epsilon}}));
  }
  const std::string centered = g.op("Sub", {x, g.reduce("ReduceMean", x, axes, true)});
  const std::string variance = g.reduce("ReduceMean", g.op("Mul", {centered, centered}), axes, true);
  std::string y = g.op("Div", {centered, g.op("Sqrt", {g.op("Add", {variance, g.number(o.epsilon)})})});
  const auto constant = [&](const char* name) { return g.parameter(name, along(axes, call.output, call.value(name))); };
  if (o.scale) y = g.op("Mul", {y, constant("gamma")});
  if (o.center) y = g.op("Add", {y, constant("beta")});
  return call.made(y);
}

ExportValue group_normalization(const ExportCall& call) {
  const auto& o = call.options<GroupNormalizationLayer>();
  const PartialShape& sample = call.output;
  const std::int64_t axis = o.axis < 0 ? o.axis + sample.rank() + 1 : o.axis;
  const Extent channels = sample[static_cast<int>(axis) - 1];
  const bool last = axis == sample.rank();
  check(channels.known(), "expected a known number of channels, got an unknown one");
  check(last || axis == 1, "expected the channels on the first or the last axis of samples, got axis {}", axis);
  ExportGraph& g = call.graph;
  const bool images = last && sample.rank() > 1;
  const std::string x = images ? call.images() : call.plain();
  const std::int64_t groups = o.groups == -1 ? channels.value() : o.groups;
  const std::string parts = g.op("Reshape", {x, g.integers({0, groups, -1})});
  const std::string normalized = g.op("InstanceNormalization",
                                      {parts, g.constant(fmt::format("ones_{}", groups), Tensor::ones({groups})),
                                       g.constant(fmt::format("zeros_{}", groups), Tensor::zeros({groups}))},
                                      {{"epsilon", o.epsilon}});
  std::string y = g.op("Reshape", {normalized, g.op("Shape", {x})});
  std::vector<std::int64_t> extents(static_cast<std::size_t>(sample.rank()), 1);
  extents[0] = channels.value();
  const auto constant = [&](const char* name) { return g.parameter(name, call.value(name).reshaped(Shape(extents))); };
  if (o.scale) y = g.op("Mul", {y, constant("gamma")});
  if (o.center) y = g.op("Add", {y, constant("beta")});
  return images ? call.made_images(y) : call.made(y);
}

ExportValue rms_normalization(const ExportCall& call) {
  const auto& o = call.options<RMSNormalizationLayer>();
  const std::vector<std::int64_t> axes = sorted(o.axis, call.output);
  ExportGraph& g = call.graph;
  const std::string x = call.plain();
  const std::string mean = g.reduce("ReduceMean", g.op("Mul", {x, x}), axes, true);
  const std::string y = g.op("Div", {x, g.op("Sqrt", {g.op("Add", {mean, g.number(o.epsilon)})})});
  return call.made(g.op("Mul", {y, g.parameter("scale", along(axes, call.output, call.value("scale")))}));
}

ExportValue unit_normalization(const ExportCall& call) {
  const auto& o = call.options<UnitNormalizationLayer>();
  ExportGraph& g = call.graph;
  const std::string x = call.plain();
  const std::string norm = g.reduce("ReduceL2", x, sorted(o.axis, call.output), true);
  return call.made(g.op("Div", {x, g.op("Max", {norm, g.number(1e-12)})}));
}

}  // namespace

ChannelFactors channel_factors(const BatchNormalizationLayer& layer) {
  const Statistics s = statistics_of(layer);
  const double epsilon = layer.options().epsilon;
  const auto in_double = [](const Tensor& tensor) { return tensor.to(DType::float64); };
  const Tensor scale = map("save_onnx", in_double(s.gamma), in_double(s.variance),
                           [=](auto gamma, auto v) { return gamma / std::sqrt(v + epsilon); });
  const Tensor moved = map("save_onnx", in_double(s.mean), scale, [](auto mean, auto factor) { return mean * factor; });
  return {scale, map("save_onnx", in_double(s.beta), moved, [](auto beta, auto m) { return beta - m; })};
}

void add_normalization_rows(ExportRows& rows) {
  rows["BatchNormalization"] = batch_normalization;
  rows["Normalization"] = normalization;
  rows["LayerNormalization"] = layer_normalization;
  rows["GroupNormalization"] = group_normalization;
  rows["RMSNormalization"] = rms_normalization;
  rows["UnitNormalization"] = unit_normalization;
}

}  // namespace xtape::onnx
