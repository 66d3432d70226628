#include "models/zoo/mobilenet.hpp"

#include "models/zoo/squeeze_excite.hpp"

namespace xtape {
namespace {

void check_alpha(std::string_view network, double alpha) {
  check(alpha > 0 && alpha <= 100, "{}: expected a width multiplier alpha in (0, 100], got {}", network, alpha);
}

SymbolicTensor rectified6(const SymbolicTensor& x, const std::string& name) {
  return ReLU({.max_value = 6, .name = name})(x);
}

/// The 1x1 convolution of one pixel that MobileNets have in place of a dense layer.
SymbolicTensor pixel_dense(const SymbolicTensor& x, std::int64_t units, const std::string& name) {
  return Conv2D({.filters = units, .name = name})(x);
}

/// One row of tables 1 and 2 of MobileNet V3.
struct V3Block {
  double expansion;          ///< channels of the depthwise convolution divided by those of the input
  std::int64_t filters;      ///< output channels, for alpha 1
  std::int64_t kernel_size;  ///< of the depthwise convolution
  std::int64_t strides;      ///< of the depthwise convolution
  bool squeeze_excite;       ///< with squeeze-and-excitation
  bool hard;                 ///< with hard_silu instead of relu
};

std::vector<V3Block> v3_blocks(MobileNetSize size) {
  if (size == MobileNetSize::small) {
    return {{1, 16, 3, 2, true, false},
            {72.0 / 16, 24, 3, 2, false, false},
            {88.0 / 24, 24, 3, 1, false, false},
            {4, 40, 5, 2, true, true},
            {6, 40, 5, 1, true, true},
            {6, 40, 5, 1, true, true},
            {3, 48, 5, 1, true, true},
            {3, 48, 5, 1, true, true},
            {6, 96, 5, 2, true, true},
            {6, 96, 5, 1, true, true},
            {6, 96, 5, 1, true, true}};
  }
  return {{1, 16, 3, 1, false, false},  {4, 24, 3, 2, false, false},  {3, 24, 3, 1, false, false},
          {3, 40, 5, 2, true, false},   {3, 40, 5, 1, true, false},   {3, 40, 5, 1, true, false},
          {6, 80, 3, 2, false, true},   {2.5, 80, 3, 1, false, true}, {2.3, 80, 3, 1, false, true},
          {2.3, 80, 3, 1, false, true}, {6, 112, 3, 1, true, true},   {6, 112, 3, 1, true, true},
          {6, 160, 5, 2, true, true},   {6, 160, 5, 1, true, true},   {6, 160, 5, 1, true, true}};
}

}  // namespace

Model mobilenet_v1(const NetworkOptions& options, double alpha) {
  check_alpha("mobilenet_v1", alpha);
  const NetworkBuilder build(options, {});
  check(!build.torchvision(),
        "mobilenet_v1: expected Implementation::keras, got torchvision, which has no such network");
  const auto width = [&](std::int64_t filters) {
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(filters) * alpha));
  };
  const auto input = Input(options.input);
  auto x = build.convolution(input, {.filters = width(32), .kernel_size = 3, .strides = 2, .name = "conv1"});
  x = rectified6(build.normalization(x, "conv1_bn"), "conv1_relu");
  constexpr std::array<std::int64_t, 13> filters{64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const std::string dw = fmt::format("conv_dw_{}", i + 1), pw = fmt::format("conv_pw_{}", i + 1);
    const bool halves = i == 1 || i == 3 || i == 5 || i == 11;
    x = halves ? build.depthwise(x, 3, 2, dw, Padding(0, 1, 0, 1)) : build.depthwise(x, 3, 1, dw);
    x = rectified6(build.normalization(x, dw + "_bn"), dw + "_relu");
    x = build.convolution(x, {.filters = width(filters[i]), .name = pw});
    x = rectified6(build.normalization(x, pw + "_bn"), pw + "_relu");
  }
  if (!options.include_top) return build.model(input, x, "mobilenet_v1");
  const std::int64_t channels = channels_of(x);
  x = GlobalAveragePooling2D({.name = "avg_pool"})(x);
  x = Reshape({.target_shape = {1, 1, channels}})(x);
  if (const double rate = build.dropout(1e-3, 0); rate > 0) x = Dropout({.rate = rate, .name = "dropout"})(x);
  x = pixel_dense(x, options.classes, "conv_preds");
  return build.model(input, Flatten()(x), "mobilenet_v1");
}

Model mobilenet_v2(const NetworkOptions& options, double alpha) {
  check_alpha("mobilenet_v2", alpha);
  const NetworkBuilder build(options, {.keras = {0.999, 1e-3}});
  const auto width = [&](std::int64_t filters) { return multiple_of_8(static_cast<double>(filters) * alpha); };
  const auto input = Input(options.input);
  auto x = build.convolution(
      input, {.filters = width(32), .kernel_size = 3, .strides = 2, .name = build.name("Conv1", "features.0.0")});
  x = rectified6(build.normalization(x, build.name("bn_Conv1", "features.0.1")), "Conv1_relu");
  struct Stage {
    std::int64_t expansion, filters;
    int blocks;
    std::int64_t strides;
  };
  constexpr std::array<Stage, 7> stages{
      {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}}};
  int number = 0;
  for (const Stage& stage : stages) {
    for (int block = 0; block < stage.blocks; ++block, ++number) {
      const std::string prefix = number == 0 ? "expanded_conv_" : fmt::format("block_{}_", number);
      const auto shortcut = x;
      const std::int64_t strides = block == 0 ? stage.strides : 1, channels = channels_of(x);
      const std::string torchvision = fmt::format("features.{}.conv.", number + 1);
      int module = 0;  // torchvision numbers the parts of a block
      if (number > 0) {
        x = build.convolution(
            x, {.filters = stage.expansion * channels, .name = build.name(prefix + "expand", torchvision + "0.0")});
        x = build.normalization(x, build.name(prefix + "expand_BN", torchvision + "0.1"));
        x = rectified6(x, prefix + "expand_relu");
        ++module;
      }
      x = build.depthwise(x, 3, strides, build.name(prefix + "depthwise", fmt::format("{}{}.0", torchvision, module)));
      x = build.normalization(x, build.name(prefix + "depthwise_BN", fmt::format("{}{}.1", torchvision, module)));
      x = rectified6(x, prefix + "depthwise_relu");
      x = build.convolution(x, {.filters = width(stage.filters),
                                .name = build.name(prefix + "project", fmt::format("{}{}", torchvision, module + 1))});
      x = build.normalization(x, build.name(prefix + "project_BN", fmt::format("{}{}", torchvision, module + 2)));
      if (strides == 1 && channels_of(x) == channels) x = Add({.name = prefix + "add"})({shortcut, x});
    }
  }
  x = build.convolution(x, {.filters = alpha > 1 ? width(1280) : 1280, .name = build.name("Conv_1", "features.18.0")});
  x = rectified6(build.normalization(x, build.name("Conv_1_bn", "features.18.1")), "out_relu");
  return build.classifier(input, x, build.dropout(0, 0.2), "mobilenet_v2", "classifier.1");
}

Model mobilenet_v3(MobileNetSize size, const NetworkOptions& options, double alpha) {
  check_alpha("mobilenet_v3", alpha);
  const NetworkBuilder build(options, {.keras = {0.999, 1e-3}, .torchvision = {0.99, 1e-3}});
  const auto input = Input(options.input);
  const auto activated = [](const SymbolicTensor& x, bool hard, const std::string& name) {
    return Activation(hard ? ActivationFunction(hard_silu) : ActivationFunction(relu), {.name = name})(x);
  };
  auto x = build.convolution(
      input, {.filters = 16, .kernel_size = 3, .strides = 2, .name = build.name("conv", "features.0.0")});
  x = activated(build.normalization(x, build.name("conv_bn", "features.0.1")), true, "conv_activation");
  int number = 0;
  for (const V3Block& block : v3_blocks(size)) {
    const std::string prefix = number == 0 ? "expanded_conv_" : fmt::format("expanded_conv_{}_", number);
    const auto shortcut = x;
    const std::int64_t channels = channels_of(x), filters = multiple_of_8(static_cast<double>(block.filters) * alpha);
    const std::int64_t expanded = multiple_of_8(static_cast<double>(channels) * block.expansion);
    int module = 0;  // torchvision numbers the parts of a block
    const auto torchvision = [&] { return fmt::format("features.{}.block.{}.", number + 1, module); };
    if (number > 0) {
      x = build.convolution(x, {.filters = expanded, .name = build.name(prefix + "expand", torchvision() + "0")});
      x = build.normalization(x, build.name(prefix + "expand_bn", torchvision() + "1"));
      x = activated(x, block.hard, prefix + "expand_activation");
      ++module;
    }
    x = build.depthwise(x, block.kernel_size, block.strides, build.name(prefix + "depthwise", torchvision() + "0"));
    x = build.normalization(x, build.name(prefix + "depthwise_bn", torchvision() + "1"));
    x = activated(x, block.hard, prefix + "depthwise_activation");
    ++module;
    if (block.squeeze_excite) {
      x = squeeze_excite(x, {.channels = multiple_of_8(static_cast<double>(expanded) / 4),
                             .activation = relu,
                             .gate = hard_sigmoid,
                             .initializer = build.kernel_initializer(),
                             .pool = prefix + "squeeze_excite_avg_pool",
                             .reduce = build.name(prefix + "squeeze_excite_conv", torchvision() + "fc1"),
                             .expand = build.name(prefix + "squeeze_excite_conv_1", torchvision() + "fc2"),
                             .multiply = prefix + "squeeze_excite_mul"});
      ++module;
    }
    x = build.convolution(x, {.filters = filters, .name = build.name(prefix + "project", torchvision() + "0")});
    x = build.normalization(x, build.name(prefix + "project_bn", torchvision() + "1"));
    if (block.strides == 1 && channels == filters) x = Add({.name = prefix + "add"})({shortcut, x});
    ++number;
  }
  x = build.convolution(x, {.filters = multiple_of_8(static_cast<double>(channels_of(x)) * 6),
                            .name = build.name("conv_1", fmt::format("features.{}.0", number + 1))});
  x = activated(build.normalization(x, build.name("conv_1_bn", fmt::format("features.{}.1", number + 1))), true,
                "conv_1_activation");
  const std::string name = size == MobileNetSize::small ? "mobilenet_v3_small" : "mobilenet_v3_large";
  if (!options.include_top) return build.model(input, x, name);
  const std::int64_t channels = channels_of(x);
  std::int64_t hidden = size == MobileNetSize::small ? 1024 : 1280;
  if (alpha > 1) hidden = multiple_of_8(static_cast<double>(hidden) * alpha);
  x = GlobalAveragePooling2D({.name = "avg_pool"})(x);
  x = Reshape({.target_shape = {1, 1, channels}})(x);
  x = activated(pixel_dense(x, hidden, build.name("conv_2", "classifier.0")), true, "conv_2_activation");
  if (const double rate = build.dropout(0.2, 0.2); rate > 0) x = Dropout({.rate = rate, .name = "dropout"})(x);
  return build.model(input, Flatten()(pixel_dense(x, options.classes, build.name("logits", "classifier.3"))), name);
}

}  // namespace xtape
