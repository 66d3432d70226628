#include <array>
#include <numeric>

#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/elementwise.hpp"
#include "layers/layers.hpp"
#include "models/files/onnx/export_graph.hpp"

namespace xtape::onnx {
namespace {

using Extents = std::vector<std::int64_t>;

/// The attribute pads: the amounts before all axes, then those behind them.
Extents pads_of(const std::vector<AxisAmounts>& amounts) {
  Extents pads;
  for (const int side : {0, 1}) {
    for (const auto& axis : amounts) pads.push_back(axis[static_cast<std::size_t>(side)]);
  }
  return pads;
}

/// The attributes of a window: kernel_shape, strides, and pads, which are explicit if the extents are known.
template <int axes>
Attributes window_attributes(const PartialShape& sample, AxesSize<axes> window, AxesSize<axes> steps,
                             const AxesPadding<axes>& padding, AxesSize<axes> rate) {
  const Extents size = Axes<axes>::extents(window), strides = Axes<axes>::extents(steps),
                dilation = Axes<axes>::extents(rate);
  Attributes attributes{{"kernel_shape", size}, {"strides", strides}};
  auto amounts = amounts_of(padding);
  if constexpr (axes == 1) {
    if (padding.is_causal()) amounts[0][0] = (size[0] - 1) * dilation[0];
  }
  for (std::size_t i = 0; padding.is_same() && i < size.size(); ++i) {
    const Extent extent = sample[static_cast<int>(i)];
    if (!extent.known() && dilation == Extents(size.size(), 1)) {
      attributes.push_back({"auto_pad", std::string("SAME_UPPER")});
      return attributes;
    }
    // ONNX Runtime accepts no dilation with auto_pad. With strides of 1, and for one element, the amounts are
    // the same for every extent.
    check(extent.known() || strides[i] == 1 || size[i] == 1,
          "expected known extents for padding same with a dilation_rate and strides above 1, got samples {}", sample);
    amounts[i] = same_padding(extent.known() ? extent.value() : 1, size[i], strides[i], dilation[i]);
  }
  attributes.push_back({"pads", pads_of(amounts)});
  return attributes;
}

/// The kernel, whose last axis is that of the outputs, and the bias, with the factors of the layer that is folded.
struct Weights {
  Tensor kernel;
  std::optional<Tensor> bias = std::nullopt;
};

Weights weights_of(const ExportCall& call, Tensor kernel, bool use_bias) {
  Weights weights{std::move(kernel)};
  if (use_bias) weights.bias = call.value("bias");
  if (call.folded == nullptr) return weights;
  const auto [scale, shift] = channel_factors(*call.folded);
  const auto in_double = [](const Tensor& tensor) { return Variable(tensor.to(DType::float64)); };
  weights.kernel = multiply(in_double(weights.kernel), in_double(scale)).value().to(DType::float32);
  Variable bias = in_double(shift);
  if (weights.bias) bias = bias + in_double(*weights.bias) * in_double(scale);
  weights.bias = bias.value().to(DType::float32);
  return weights;
}

/// The kernel (extents, in, out) in the order (out, in, extents).
Tensor outputs_first(const Tensor& kernel) {
  std::vector<int> order{kernel.rank() - 1, kernel.rank() - 2};
  for (int axis = 0; axis < kernel.rank() - 2; ++axis) order.push_back(axis);
  return permuted(kernel, order);
}

/// A convolution of x (n, channels, extents) with a kernel (extents, channels / groups, filters).
std::string convolved(const ExportCall& call, const std::string& x, const char* name, const Weights& weights,
                      Attributes attributes, const Extents& dilation, std::int64_t groups) {
  attributes.push_back({"dilations", dilation});
  attributes.push_back({"group", groups});
  std::vector<std::string> inputs{x, call.graph.parameter(name, outputs_first(weights.kernel))};
  if (weights.bias) inputs.push_back(call.graph.parameter("bias", *weights.bias));
  return call.graph.op("Conv", inputs, attributes);
}

/// A depthwise kernel (extents, channels, m) as a kernel with as many groups as channels.
Tensor grouped_kernel(const Tensor& kernel) {
  Extents extents(kernel.shape().begin(), kernel.shape().end() - 2);
  extents.push_back(1);
  extents.push_back(kernel.dim(-2) * kernel.dim(-1));
  return kernel.reshaped(Shape(extents));
}

template <int axes, class Options>
Attributes attributes_of(const ExportCall& call, const Options& o) {
  return window_attributes<axes>(call.x().shape, o.kernel_size, o.strides, o.padding, o.dilation_rate);
}

template <int axes>
ExportValue conv_layer(const ExportCall& call) {
  const auto& o = call.options<ConvLayer<axes>>();
  const Weights weights = weights_of(call, call.value("kernel"), o.use_bias);
  const std::string y = convolved(call, call.images(), "kernel", weights, attributes_of<axes>(call, o),
                                  Axes<axes>::extents(o.dilation_rate), o.groups);
  return activated(call, call.made_images(y), o.activation);
}

template <int axes>
ExportValue depthwise_layer(const ExportCall& call) {
  const auto& o = call.options<DepthwiseConvLayer<axes>>();
  const Tensor kernel = call.value("depthwise_kernel");
  const Weights weights = weights_of(call, grouped_kernel(kernel), o.use_bias);
  const std::string y = convolved(call, call.images(), "depthwise_kernel", weights, attributes_of<axes>(call, o),
                                  Axes<axes>::extents(o.dilation_rate), kernel.dim(-2));
  return activated(call, call.made_images(y), o.activation);
}

template <int axes>
ExportValue separable_layer(const ExportCall& call) {
  const auto& o = call.options<SeparableConvLayer<axes>>();
  const Tensor kernel = call.value("depthwise_kernel");
  const std::string depthwise =
      convolved(call, call.images(), "depthwise_kernel", {grouped_kernel(kernel), std::nullopt},
                attributes_of<axes>(call, o), Axes<axes>::extents(o.dilation_rate), kernel.dim(-2));
  const Weights weights = weights_of(call, call.value("pointwise_kernel"), o.use_bias);
  const Extents ones(axes, 1);
  const std::string y =
      convolved(call, depthwise, "pointwise_kernel", weights, {{"kernel_shape", ones}, {"strides", ones}}, ones, 1);
  return activated(call, call.made_images(y), o.activation);
}

/// ONNX's output is stride (in - 1) + output_padding + dilation (size - 1) + 1 - pads. The pads are those of the
/// convolution from the output to the input.
template <int axes>
ExportValue conv_transpose_layer(const ExportCall& call) {
  const auto& o = call.options<ConvTransposeLayer<axes>>();
  const Extents size = Axes<axes>::extents(o.kernel_size), strides = Axes<axes>::extents(o.strides),
                dilation = Axes<axes>::extents(o.dilation_rate);
  std::vector<AxisAmounts> pads;
  Extents output_padding;
  // The pads are the same for every extent of the input, so that any number stands for an unknown one.
  std::vector<Extent> extents;
  for (const Extent extent : call.x().shape) extents.push_back(extent.known() ? extent : Extent(64));
  const PartialShape input(extents), output = call.layer.output_specs({{.shape = input}}).front().shape;
  for (std::size_t i = 0; i < size.size(); ++i) {
    const Extent in = input[static_cast<int>(i)], out = output[static_cast<int>(i)];
    std::array<std::int64_t, 2> amounts{0, 0};
    if (o.padding.is_same()) amounts = same_padding(out.value(), size[i], strides[i], dilation[i]);
    const std::int64_t whole = strides[i] * (in.value() - 1) + dilation[i] * (size[i] - 1) + 1;
    pads.push_back(amounts);
    output_padding.push_back(out.value() + amounts[0] + amounts[1] - whole);
  }
  // the kernel (extents, filters, channels); its filters are the last axis for weights_of()
  const auto swapped = [](const Tensor& kernel) {
    std::vector<int> order(static_cast<std::size_t>(kernel.rank()));
    std::iota(order.begin(), order.end(), 0);
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    return permuted(kernel, order);
  };
  const Weights weights = weights_of(call, swapped(call.value("kernel")), o.use_bias);
  std::vector<std::string> inputs{call.images(),
                                  call.graph.parameter("kernel", outputs_first(swapped(weights.kernel)))};
  if (weights.bias) inputs.push_back(call.graph.parameter("bias", *weights.bias));
  const std::string y = call.graph.op("ConvTranspose", inputs,
                                      {{"kernel_shape", size},
                                       {"strides", strides},
                                       {"dilations", dilation},
                                       {"pads", pads_of(pads)},
                                       {"output_padding", output_padding}});
  return activated(call, call.made_images(y), o.activation);
}

ExportValue dense_layer(const ExportCall& call) {
  const DenseLayer::Options& o = call.options<DenseLayer>();
  Weights weights = weights_of(call, call.value("kernel"), o.use_bias);
  ExportGraph& g = call.graph;
  if (call.x().shape.rank() == 1) {
    std::string x = call.x().name;
    if (call.x().flat_of) weights.kernel = channels_first_rows(weights.kernel, *call.x().flat_of);
    std::vector<std::string> inputs{x, g.parameter("kernel", weights.kernel)};
    if (weights.bias) inputs.push_back(g.parameter("bias", *weights.bias));
    return activated(call, call.made(g.op("Gemm", inputs)), o.activation);
  }
  std::string y = g.op("MatMul", {call.plain(), g.parameter("kernel", weights.kernel)});
  if (weights.bias) y = g.op("Add", {y, g.parameter("bias", *weights.bias)});
  return activated(call, call.made(y), o.activation);
}

template <int axes>
ExportValue pooling_layer(const ExportCall& call, const char* type) {
  const PoolingOptions<axes>& o = call.options<PoolingLayer<axes>>();
  return call.made_images(call.graph.op(
      type, {call.images()},
      window_attributes<axes>(call.x().shape, o.pool_size, o.strides.value_or(o.pool_size), o.padding, 1)));
}

template <int axes>
ExportValue max_pooling_layer(const ExportCall& call) {
  return pooling_layer<axes>(call, "MaxPool");
}

template <int axes>
ExportValue average_pooling_layer(const ExportCall& call) {
  return pooling_layer<axes>(call, "AveragePool");
}

ExportValue global_pooling_layer(const ExportCall& call, const char* type) {
  const std::string y = call.graph.op(type, {call.images()});
  if (call.output.rank() > 1) return call.made_images(y);  // keepdims
  return call.made(call.graph.op("Flatten", {y}, {{"axis", std::int64_t{1}}}));
}

ExportValue global_max_pooling_layer(const ExportCall& call) { return global_pooling_layer(call, "GlobalMaxPool"); }

ExportValue global_average_pooling_layer(const ExportCall& call) {
  return global_pooling_layer(call, "GlobalAveragePool");
}

template <int axes>
void add_rows(ExportRows& rows) {
  const auto name = [](const char* first, const char* last) { return fmt::format("{}{}D{}", first, axes, last); };
  rows[name("Conv", "")] = conv_layer<axes>;
  rows[name("Conv", "Transpose")] = conv_transpose_layer<axes>;
  rows[name("MaxPooling", "")] = max_pooling_layer<axes>;
  rows[name("AveragePooling", "")] = average_pooling_layer<axes>;
  rows[name("GlobalMaxPooling", "")] = global_max_pooling_layer;
  rows[name("GlobalAveragePooling", "")] = global_average_pooling_layer;
  if constexpr (axes < 3) {
    rows[name("DepthwiseConv", "")] = depthwise_layer<axes>;
    rows[name("SeparableConv", "")] = separable_layer<axes>;
  }
}

}  // namespace

void add_convolution_rows(ExportRows& rows) {
  add_rows<1>(rows);
  add_rows<2>(rows);
  add_rows<3>(rows);
  rows["Dense"] = dense_layer;
}

}  // namespace xtape::onnx
