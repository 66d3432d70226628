#include "models/zoo/densenet.hpp"

#include <array>

#include "models/zoo/network_builder.hpp"

namespace xtape {
namespace {

constexpr std::int64_t growth_rate = 32;

std::array<int, 4> blocks_of(int depth) {
  switch (depth) {
    case 121: return {6, 12, 24, 16};
    case 169: return {6, 12, 32, 32};
    case 201: return {6, 12, 48, 32};
    default: fail("densenet: expected a depth of 121, 169 or 201, got {}", depth);
  }
}

}  // namespace

Model densenet(int depth, const NetworkOptions& options) {
  const std::array<int, 4> blocks = blocks_of(depth);
  const NetworkBuilder build(options, {.keras = {0.99, 1.001e-5}});
  const auto active = [&](const SymbolicTensor& x, const std::string& prefix, const std::string& torchvision) {
    const std::string name = build.name(prefix + "bn", "features." + torchvision);
    return Activation(relu, {.name = prefix + "relu"})(build.normalization(x, name));
  };
  const auto convolution = [&](const SymbolicTensor& x, std::int64_t filters, std::int64_t kernel_size,
                               const std::string& keras, const std::string& torchvision) {
    return build.convolution(
        x, {.filters = filters, .kernel_size = kernel_size, .name = build.name(keras, "features." + torchvision)});
  };
  const auto input = Input(options.input);
  auto x = build.convolution(
      input, {.filters = 64, .kernel_size = 7, .strides = 2, .name = build.name("conv1_conv", "features.conv0")},
      Padding(3, 3, 3, 3));
  x = active(x, "conv1_", "norm0");
  x = MaxPooling2D({.pool_size = 3, .strides = 2, .padding = Padding(1, 1, 1, 1), .name = "pool1"})(x);
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    for (int block = 1; block <= blocks[stage]; ++block) {
      const std::string name = fmt::format("conv{}_block{}_", stage + 2, block);
      const std::string layer = fmt::format("denseblock{}.denselayer{}.", stage + 1, block);
      auto y =
          convolution(active(x, name + "0_", layer + "norm1"), 4 * growth_rate, 1, name + "1_conv", layer + "conv1");
      y = convolution(active(y, name + "1_", layer + "norm2"), growth_rate, 3, name + "2_conv", layer + "conv2");
      x = Concatenate({.name = name + "concat"})({x, y});
    }
    if (stage + 1 == blocks.size()) break;
    const std::string name = fmt::format("pool{}_", stage + 2);  // a transition with half of the channels
    const std::string transition = fmt::format("transition{}.", stage + 1);
    x = convolution(active(x, name, transition + "norm"), channels_of(x) / 2, 1, name + "conv", transition + "conv");
    x = AveragePooling2D({.pool_size = 2, .name = name + "pool"})(x);
  }
  return build.classifier(input, active(x, "", "norm5"), 0, fmt::format("densenet{}", depth), "classifier");
}

}  // namespace xtape
