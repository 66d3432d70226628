#include <array>

#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/elementwise.hpp"
#include "layers/layers.hpp"
#include "models/files/onnx/export_graph.hpp"

namespace xtape::onnx {
namespace {

template <class Definition>
const auto& options_in(const ExportCall& call) {
  return static_cast<const Definition&>(call.layer).options();
}

/// The amounts of a padding before and behind an axis, for an output of ceil(extent / stride).
std::array<std::int64_t, 2> same_amounts(std::int64_t extent, std::int64_t size, std::int64_t stride,
                                         std::int64_t dilation) {
  const std::int64_t outputs = (extent + stride - 1) / stride;
  const std::int64_t all = std::max<std::int64_t>((outputs - 1) * stride + (size - 1) * dilation + 1 - extent, 0);
  return {all / 2, all - all / 2};
}

/// The attributes of a window: kernel_shape, strides, and pads, which are explicit if the extents are known.
Attributes window_attributes(const PartialShape& image, Extent2D size, Extent2D strides, const Padding& padding,
                             Extent2D dilation) {
  Attributes attributes{{"kernel_shape", std::vector<std::int64_t>{size.height, size.width}},
                        {"strides", std::vector<std::int64_t>{strides.height, strides.width}}};
  auto [top, bottom, left, right] = padding.amounts();
  if (padding.is_same() && (!image[0].known() || !image[1].known())) {
    attributes.push_back({"auto_pad", std::string("SAME_UPPER")});
    return attributes;
  }
  if (padding.is_same()) {
    const auto rows = same_amounts(image[0].value(), size.height, strides.height, dilation.height);
    const auto columns = same_amounts(image[1].value(), size.width, strides.width, dilation.width);
    top = rows[0], bottom = rows[1], left = columns[0], right = columns[1];
  }
  attributes.push_back({"pads", std::vector<std::int64_t>{top, left, bottom, right}});
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

/// A convolution of x (n, channels, height, width) with a kernel (height, width, channels / groups, filters).
std::string convolved(const ExportCall& call, const std::string& x, const char* name, const Weights& weights,
                      Attributes attributes, Extent2D dilation, std::int64_t groups) {
  attributes.push_back({"dilations", std::vector<std::int64_t>{dilation.height, dilation.width}});
  attributes.push_back({"group", groups});
  std::vector<std::string> inputs{x, call.graph.parameter(name, permuted(weights.kernel, {3, 2, 0, 1}))};
  if (weights.bias) inputs.push_back(call.graph.parameter("bias", *weights.bias));
  return call.graph.op("Conv", inputs, attributes);
}

/// A depthwise kernel (height, width, channels, m) as a kernel with as many groups as channels.
Tensor grouped_kernel(const Tensor& kernel) {
  return kernel.reshaped({kernel.dim(0), kernel.dim(1), 1, kernel.dim(2) * kernel.dim(3)});
}

ExportValue conv2d_layer(const ExportCall& call) {
  const Conv2DLayer::Options& o = options_in<Conv2DLayer>(call);
  const Weights weights = weights_of(call, call.value("kernel"), o.use_bias);
  const std::string y =
      convolved(call, call.images(), "kernel", weights,
                window_attributes(call.x().shape, o.kernel_size, o.strides, o.padding, o.dilation_rate),
                o.dilation_rate, o.groups);
  return activated(call, call.made_images(y), o.activation);
}

ExportValue depthwise_layer(const ExportCall& call) {
  const DepthwiseConv2DLayer::Options& o = options_in<DepthwiseConv2DLayer>(call);
  const Tensor kernel = call.value("depthwise_kernel");
  const Weights weights = weights_of(call, grouped_kernel(kernel), o.use_bias);
  const std::string y =
      convolved(call, call.images(), "depthwise_kernel", weights,
                window_attributes(call.x().shape, o.kernel_size, o.strides, o.padding, o.dilation_rate),
                o.dilation_rate, kernel.dim(2));
  return activated(call, call.made_images(y), o.activation);
}

ExportValue separable_layer(const ExportCall& call) {
  const SeparableConv2DLayer::Options& o = options_in<SeparableConv2DLayer>(call);
  const Tensor kernel = call.value("depthwise_kernel");
  const std::string depthwise =
      convolved(call, call.images(), "depthwise_kernel", {grouped_kernel(kernel), std::nullopt},
                window_attributes(call.x().shape, o.kernel_size, o.strides, o.padding, o.dilation_rate),
                o.dilation_rate, kernel.dim(2));
  const Weights weights = weights_of(call, call.value("pointwise_kernel"), o.use_bias);
  const std::string y = convolved(call, depthwise, "pointwise_kernel", weights,
                                  window_attributes({1, 1, 1}, 1, 1, Padding::valid, 1), 1, 1);
  return activated(call, call.made_images(y), o.activation);
}

ExportValue dense_layer(const ExportCall& call) {
  const DenseLayer::Options& o = options_in<DenseLayer>(call);
  Weights weights = weights_of(call, call.value("kernel"), o.use_bias);
  ExportGraph& g = call.graph;
  if (call.x().shape.rank() == 1) {
    std::string x = call.x().name;
    if (call.x().flat_of) {  // the rows in the order of the channels-first image
      const Shape& image = *call.x().flat_of;
      std::vector<std::int64_t> extents;
      std::vector<int> axes{image.rank() - 1};
      for (int i = 0; i < image.rank(); ++i) extents.push_back(image[i]);
      for (int i = 0; i < image.rank() - 1; ++i) axes.push_back(i);
      extents.push_back(weights.kernel.dim(1));
      axes.push_back(image.rank());
      const Shape matrix = weights.kernel.shape();
      weights.kernel = permuted(weights.kernel.reshaped(Shape(extents)), axes).reshaped(matrix);
    }
    std::vector<std::string> inputs{x, g.parameter("kernel", weights.kernel)};
    if (weights.bias) inputs.push_back(g.parameter("bias", *weights.bias));
    return activated(call, call.made(g.op("Gemm", inputs)), o.activation);
  }
  std::string y = g.op("MatMul", {call.plain(), g.parameter("kernel", weights.kernel)});
  if (weights.bias) y = g.op("Add", {y, g.parameter("bias", *weights.bias)});
  return activated(call, call.made(y), o.activation);
}

template <class Definition>
ExportValue pooling_layer(const ExportCall& call) {
  const PoolingOptions& o = options_in<Definition>(call);
  const bool max = std::is_same_v<Definition, MaxPooling2DLayer>;
  return call.made_images(
      call.graph.op(max ? "MaxPool" : "AveragePool", {call.images()},
                    window_attributes(call.x().shape, o.pool_size, o.strides.value_or(o.pool_size), o.padding, 1)));
}

template <class Definition>
ExportValue global_pooling_layer(const ExportCall& call) {
  const bool max = std::is_same_v<Definition, GlobalMaxPooling2DLayer>;
  const std::string y = call.graph.op(max ? "GlobalMaxPool" : "GlobalAveragePool", {call.images()});
  return call.made(call.graph.op("Flatten", {y}, {{"axis", std::int64_t{1}}}));
}

}  // namespace

void add_convolution_rows(ExportRows& rows) {
  rows["Conv2D"] = conv2d_layer;
  rows["DepthwiseConv2D"] = depthwise_layer;
  rows["SeparableConv2D"] = separable_layer;
  rows["Dense"] = dense_layer;
  rows["MaxPooling2D"] = pooling_layer<MaxPooling2DLayer>;
  rows["AveragePooling2D"] = pooling_layer<AveragePooling2DLayer>;
  rows["GlobalMaxPooling2D"] = global_pooling_layer<GlobalMaxPooling2DLayer>;
  rows["GlobalAveragePooling2D"] = global_pooling_layer<GlobalAveragePooling2DLayer>;
}

}  // namespace xtape::onnx
