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
  const auto active = [&](const SymbolicTensor& x, const std::string& prefix) {
    return Activation(relu, {.name = prefix + "relu"})(build.normalization(x, prefix + "bn"));
  };
  const auto input = Input(options.input);
  auto x = build.convolution(input, {.filters = 64, .kernel_size = 7, .strides = 2, .name = "conv1_conv"},
                             Padding(3, 3, 3, 3));
  x = active(x, "conv1_");
  x = MaxPooling2D({.pool_size = 3, .strides = 2, .padding = Padding(1, 1, 1, 1), .name = "pool1"})(x);
  for (int stage = 0; stage < 4; ++stage) {
    for (int block = 1; block <= blocks[static_cast<std::size_t>(stage)]; ++block) {
      const std::string name = fmt::format("conv{}_block{}_", stage + 2, block);
      auto y = build.convolution(active(x, name + "0_"), {.filters = 4 * growth_rate, .name = name + "1_conv"});
      y = build.convolution(active(y, name + "1_"),
                            {.filters = growth_rate, .kernel_size = 3, .name = name + "2_conv"});
      x = Concatenate({.name = name + "concat"})({x, y});
    }
    if (stage == 3) break;
    const std::string name = fmt::format("pool{}_", stage + 2);  // a transition with half of the channels
    x = build.convolution(active(x, name), {.filters = channels_of(x) / 2, .name = name + "conv"});
    x = AveragePooling2D({.pool_size = 2, .name = name + "pool"})(x);
  }
  return build.classifier(input, active(x, ""), 0, fmt::format("densenet{}", depth));
}

}  // namespace xtape
