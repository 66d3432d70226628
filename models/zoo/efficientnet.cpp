#include "models/zoo/efficientnet.hpp"

#include "models/zoo/squeeze_excite.hpp"

namespace xtape {
namespace {

/// One row of table 1: blocks of one kernel size and number of channels. The first block has the stride.
struct Stage {
  std::int64_t expansion;    ///< channels of the depthwise convolution divided by those of the input
  std::int64_t filters;      ///< output channels
  int blocks;                ///< number of blocks
  std::int64_t strides;      ///< of the depthwise convolution of the first block
  std::int64_t kernel_size;  ///< of the depthwise convolutions
};
constexpr std::array<Stage, 7> stages{{{1, 16, 1, 1, 3},
                                       {6, 24, 2, 2, 3},
                                       {6, 40, 2, 2, 5},
                                       {6, 80, 3, 2, 3},
                                       {6, 112, 3, 1, 5},
                                       {6, 192, 4, 2, 5},
                                       {6, 320, 1, 1, 3}}};
constexpr int all_blocks = 16;
constexpr double drop_path_rate = 0.2;  // of the block behind the last

}  // namespace

Model efficientnet_b0(const NetworkOptions& options) {
  const NetworkBuilder build(
      options, {.keras_initializer = variance_scaling({.scale = 2, .mode = FanMode::fan_out}),
                .top_initializer = variance_scaling(
                    {.scale = 1.0 / 3, .mode = FanMode::fan_out, .distribution = Distribution::uniform})});
  const auto activated = [&](const SymbolicTensor& x, const std::string& prefix, const std::string& torchvision) {
    return Activation(silu,
                      {.name = prefix + "activation"})(build.normalization(x, build.name(prefix + "bn", torchvision)));
  };
  const auto input = Input(options.input);
  auto x = build.convolution(
      input, {.filters = 32, .kernel_size = 3, .strides = 2, .name = build.name("stem_conv", "features.0.0")});
  x = activated(x, "stem_", "features.0.1");
  int number = 0;
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    const auto& [expansion, filters, blocks, first_strides, kernel_size] = stages[stage];
    for (int block = 0; block < blocks; ++block, ++number) {
      const std::string prefix = fmt::format("block{}{}_", stage + 1, static_cast<char>('a' + block));
      const auto shortcut = x;
      const std::int64_t strides = block == 0 ? first_strides : 1, channels = channels_of(x);
      int module = 0;  // torchvision numbers the parts of a block
      const auto torchvision = [&] { return fmt::format("features.{}.{}.block.{}.", stage + 1, block, module); };
      if (expansion != 1) {
        x = build.convolution(
            x, {.filters = expansion * channels, .name = build.name(prefix + "expand_conv", torchvision() + "0")});
        x = activated(x, prefix + "expand_", torchvision() + "1");
        ++module;
      }
      x = build.depthwise(x, kernel_size, strides, build.name(prefix + "dwconv", torchvision() + "0"));
      x = activated(x, prefix, torchvision() + "1");
      ++module;
      x = squeeze_excite(x, {.channels = std::max<std::int64_t>(1, channels / 4),
                             .activation = silu,
                             .gate = sigmoid,
                             .initializer = build.kernel_initializer(),
                             .pool = prefix + "se_squeeze",
                             .reduce = build.name(prefix + "se_reduce", torchvision() + "fc1"),
                             .expand = build.name(prefix + "se_expand", torchvision() + "fc2"),
                             .multiply = prefix + "se_excite"});
      ++module;
      x = build.convolution(x, {.filters = filters, .name = build.name(prefix + "project_conv", torchvision() + "0")});
      x = build.normalization(x, build.name(prefix + "project_bn", torchvision() + "1"));
      if (strides != 1 || channels != filters) continue;
      const double rate = drop_path_rate * number / all_blocks;
      x = Dropout({.rate = rate, .noise_shape = PartialShape{any, 1, 1, 1}, .name = prefix + "drop"})(x);
      x = Add({.name = prefix + "add"})({x, shortcut});
    }
  }
  x = activated(build.convolution(x, {.filters = 1280, .name = build.name("top_conv", "features.8.0")}), "top_",
                "features.8.1");
  return build.classifier(input, x, build.dropout(0.2, 0.2), "efficientnet_b0", "classifier.1");
}

}  // namespace xtape
