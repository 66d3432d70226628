#include "models/zoo/network_builder.hpp"

#include <algorithm>

namespace xtape {

NetworkBuilder::NetworkBuilder(const NetworkOptions& options, const NetworkConstants& constants)
    : options_(options),
      normalization_(torchvision() ? constants.torchvision : constants.keras),
      kernel_initializer_(
          torchvision() ? variance_scaling(
                              {.scale = 2, .mode = FanMode::fan_out, .distribution = Distribution::untruncated_normal})
                        : constants.keras_initializer),
      top_initializer_(constants.top_initializer) {
  check(options.input.rank() == 3, "expected images (height, width, channels) as input of the network, got {}",
        options.input);
  check(options.classes >= 1, "expected at least 1 class, got {}", options.classes);
  if (options.momentum) normalization_.momentum = *options.momentum;
}

double NetworkBuilder::dropout(double keras, double torchvision_rate) const {
  return options_.dropout.value_or(torchvision() ? torchvision_rate : keras);
}

std::string NetworkBuilder::name(std::string keras, std::string torchvision_name) const {
  return torchvision() ? std::move(torchvision_name) : std::move(keras);
}

Padding NetworkBuilder::padding(std::int64_t kernel_size) const {
  const std::int64_t half = kernel_size / 2;
  return torchvision() ? Padding(half, half, half, half) : Padding::same;
}

SymbolicTensor NetworkBuilder::convolution(const SymbolicTensor& x, const ConvolutionSpec& spec) const {
  return convolution(x, spec, padding(spec.kernel_size));
}

SymbolicTensor NetworkBuilder::convolution(const SymbolicTensor& x, const ConvolutionSpec& spec,
                                           const Padding& padding) const {
  return Conv2D({.filters = spec.filters,
                 .kernel_size = spec.kernel_size,
                 .strides = spec.strides,
                 .padding = padding,
                 .use_bias = spec.use_bias,
                 .kernel_initializer = kernel_initializer_,
                 .name = spec.name})(x);
}

SymbolicTensor NetworkBuilder::depthwise(const SymbolicTensor& x, std::int64_t kernel_size, std::int64_t strides,
                                         const std::string& name) const {
  return depthwise(x, kernel_size, strides, name, padding(kernel_size));
}

SymbolicTensor NetworkBuilder::depthwise(const SymbolicTensor& x, std::int64_t kernel_size, std::int64_t strides,
                                         const std::string& name, const Padding& padding) const {
  return DepthwiseConv2D({.kernel_size = kernel_size,
                          .strides = strides,
                          .padding = padding,
                          .use_bias = false,
                          .depthwise_initializer = kernel_initializer_,
                          .name = name})(x);
}

SymbolicTensor NetworkBuilder::normalization(const SymbolicTensor& x, const std::string& name) const {
  return BatchNormalization({.momentum = normalization_.momentum,
                             .epsilon = normalization_.epsilon,
                             .synchronized = options_.synchronized,
                             .name = name})(x);
}

Model NetworkBuilder::classifier(const SymbolicTensor& input, const SymbolicTensor& features, double dropout_rate,
                                 const std::string& name, const std::string& top) const {
  if (!options_.include_top) return model(input, features, name);
  auto x = GlobalAveragePooling2D({.name = "avg_pool"})(features);
  if (dropout_rate > 0) x = Dropout({.rate = dropout_rate, .name = "top_dropout"})(x);
  const auto logits = Dense(
      {.units = options_.classes, .kernel_initializer = top_initializer_, .name = this->name("predictions", top)})(x);
  return model(input, logits, name);
}

Model NetworkBuilder::model(const SymbolicTensor& input, const SymbolicTensor& output, const std::string& name) const {
  return Model(input, output, {.name = name, .seed = options_.seed});
}

std::int64_t channels_of(const SymbolicTensor& x) { return x.shape()[-1].value(); }

std::int64_t multiple_of_8(double channels) {
  std::int64_t rounded = std::max<std::int64_t>(8, static_cast<std::int64_t>(channels + 4) / 8 * 8);
  if (static_cast<double>(rounded) < 0.9 * channels) rounded += 8;
  return rounded;
}

}  // namespace xtape
