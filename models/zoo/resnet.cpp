#include "models/zoo/resnet.hpp"

#include <array>
#include <map>

#include "models/zoo/network_builder.hpp"

namespace xtape {
namespace {

/// The numbers of blocks in the four stages of a depth that `known` lists.
std::array<int, 4> blocks_of(std::string_view network, int depth, const std::map<int, std::array<int, 4>>& known) {
  const auto found = known.find(depth);
  if (found != known.end()) return found->second;
  std::string depths;
  for (const auto& [layers, blocks] : known) depths += fmt::format("{}{}", depths.empty() ? "" : ", ", layers);
  fail("{}: expected a depth among {}, got {}", network, depths, depth);
}

SymbolicTensor rectified(const SymbolicTensor& x, const std::string& name) {
  return Activation(relu, {.name = name})(x);
}

/// The position of a block, with Keras's numbers: stages from 2, blocks from 1.
struct Place {
  int stage, block;
  /// The beginning of Keras's names of layers.
  std::string prefix() const { return fmt::format("conv{}_block{}_", stage, block); }
};

/// Makes the blocks of a ResNet: convolution, batch normalization, ReLU.
class ResidualBlocks {
 public:
  explicit ResidualBlocks(const NetworkBuilder& build) : build_(build) {}

  /// Convolution `number` of a block, 0 for the shortcut, and its batch normalization.
  SymbolicTensor convolution(const SymbolicTensor& x, std::int64_t filters, std::int64_t kernel, std::int64_t stride,
                             Place place, int number) const {
    const std::string keras = fmt::format("{}{}_", place.prefix(), number);
    const std::string torchvision = fmt::format("layer{}.{}.", place.stage - 1, place.block - 1);
    const bool shortcut = number == 0;
    const auto y = build_.convolution(
        x, {.filters = filters,
            .kernel_size = kernel,
            .strides = stride,
            .use_bias = !build_.torchvision(),
            .name = build_.name(keras + "conv",
                                torchvision + (shortcut ? "downsample.0" : fmt::format("conv{}", number)))});
    return build_.normalization(
        y, build_.name(keras + "bn", torchvision + (shortcut ? "downsample.1" : fmt::format("bn{}", number))));
  }

  SymbolicTensor rectified_convolution(const SymbolicTensor& x, std::int64_t filters, std::int64_t kernel,
                                       std::int64_t stride, Place place, int number) const {
    return rectified(convolution(x, filters, kernel, stride, place, number),
                     fmt::format("{}{}_relu", place.prefix(), number));
  }

  SymbolicTensor sum(const SymbolicTensor& shortcut, const SymbolicTensor& y, Place place) const {
    return rectified(Add({.name = place.prefix() + "add"})({shortcut, y}), place.prefix() + "out");
  }

  /// Two 3x3 convolutions; the shortcut is a 1x1 convolution if the shape changes.
  SymbolicTensor basic(const SymbolicTensor& x, std::int64_t filters, std::int64_t stride, Place place) const {
    const bool projects = stride != 1 || channels_of(x) != filters;
    const auto shortcut = projects ? convolution(x, filters, 1, stride, place, 0) : x;
    const auto y = rectified_convolution(x, filters, 3, stride, place, 1);
    return sum(shortcut, convolution(y, filters, 3, 1, place, 2), place);
  }

  /// Convolutions of 1x1, 3x3 and 1x1 with 4 times the filters. Keras's first convolution has the stride, torchvision's
  /// second.
  SymbolicTensor bottleneck(const SymbolicTensor& x, std::int64_t filters, std::int64_t stride, Place place) const {
    const bool projects = stride != 1 || channels_of(x) != 4 * filters, second = build_.torchvision();
    const auto shortcut = projects ? convolution(x, 4 * filters, 1, stride, place, 0) : x;
    auto y = rectified_convolution(x, filters, 1, second ? 1 : stride, place, 1);
    y = rectified_convolution(y, filters, 3, second ? stride : 1, place, 2);
    return sum(shortcut, convolution(y, 4 * filters, 1, 1, place, 3), place);
  }

 private:
  const NetworkBuilder& build_;
};

}  // namespace

Model resnet(int depth, const NetworkOptions& options) {
  const std::array<int, 4> blocks = blocks_of(
      "resnet", depth,
      {{18, {2, 2, 2, 2}}, {34, {3, 4, 6, 3}}, {50, {3, 4, 6, 3}}, {101, {3, 4, 23, 3}}, {152, {3, 8, 36, 3}}});
  const NetworkBuilder build(options, {.keras = {0.99, 1.001e-5}});
  const ResidualBlocks residual(build);
  const auto input = Input(options.input);
  auto x = build.convolution(input,
                             {.filters = 64,
                              .kernel_size = 7,
                              .strides = 2,
                              .use_bias = !build.torchvision(),
                              .name = build.name("conv1_conv", "conv1")},
                             Padding(3, 3, 3, 3));
  x = rectified(build.normalization(x, build.name("conv1_bn", "bn1")), "conv1_relu");
  x = MaxPooling2D({.pool_size = 3, .strides = 2, .padding = Padding(1, 1, 1, 1), .name = "pool1_pool"})(x);
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t filters = std::int64_t{64} << stage;
    for (int block = 1; block <= blocks[static_cast<std::size_t>(stage)]; ++block) {
      const Place place{stage + 2, block};
      const std::int64_t stride = stage > 0 && block == 1 ? 2 : 1;
      x = depth < 50 ? residual.basic(x, filters, stride, place) : residual.bottleneck(x, filters, stride, place);
    }
  }
  return build.classifier(input, x, 0, fmt::format("resnet{}", depth), "fc");
}

Model resnet_v2(int depth, const NetworkOptions& options) {
  const std::array<int, 4> blocks =
      blocks_of("resnet_v2", depth, {{50, {3, 4, 6, 3}}, {101, {3, 4, 23, 3}}, {152, {3, 8, 36, 3}}});
  const NetworkBuilder build(options, {.keras = {0.99, 1.001e-5}});
  check(!build.torchvision(), "resnet_v2: expected Implementation::keras, got torchvision, which has no such network");
  const auto pre_activated = [&](const SymbolicTensor& x, const std::string& name) {
    return rectified(build.normalization(x, name + "_bn"), name + "_relu");
  };
  /// The stride is in the 3x3 convolution of the last block of a stage, and in the pooling of its shortcut.
  const auto block = [&](const SymbolicTensor& x, std::int64_t filters, std::int64_t stride, bool projects,
                         const std::string& name) {
    const auto active = pre_activated(x, name + "_preact");
    auto shortcut = x;
    if (projects) {
      shortcut = build.convolution(active, {.filters = 4 * filters, .use_bias = true, .name = name + "_0_conv"});
    } else if (stride > 1) {
      shortcut = MaxPooling2D({.pool_size = 1, .strides = stride, .name = name + "_0_pool"})(x);
    }
    auto y = build.convolution(active, {.filters = filters, .name = name + "_1_conv"});
    y = build.convolution(pre_activated(y, name + "_1"),
                          {.filters = filters, .kernel_size = 3, .strides = stride, .name = name + "_2_conv"},
                          Padding(1, 1, 1, 1));
    y = build.convolution(pre_activated(y, name + "_2"),
                          {.filters = 4 * filters, .use_bias = true, .name = name + "_3_conv"});
    return Add({.name = name + "_out"})({shortcut, y});
  };
  const auto input = Input(options.input);
  auto x =
      build.convolution(input, {.filters = 64, .kernel_size = 7, .strides = 2, .use_bias = true, .name = "conv1_conv"},
                        Padding(3, 3, 3, 3));
  x = ZeroPadding2D({.padding = {1, 1, 1, 1}, .name = "pool1_pad"})(x);  // the zeros count: the values may be negative
  x = MaxPooling2D({.pool_size = 3, .strides = 2, .name = "pool1_pool"})(x);
  for (int stage = 0; stage < 4; ++stage) {
    const int count = blocks[static_cast<std::size_t>(stage)];
    for (int i = 1; i <= count; ++i) {
      x = block(x, std::int64_t{64} << stage, stage < 3 && i == count ? 2 : 1, i == 1,
                fmt::format("conv{}_block{}", stage + 2, i));
    }
  }
  return build.classifier(input, pre_activated(x, "post"), 0, fmt::format("resnet{}v2", depth), "");
}

Model cifar_resnet(int depth, const NetworkOptions& options) {
  check(depth >= 8 && (depth - 2) % 6 == 0, "cifar_resnet: expected a depth of 6 n + 2 with n >= 1, such as 20, got {}",
        depth);
  const NetworkBuilder build(options, {.keras_initializer = he_normal()});
  const auto convolution = [&](const SymbolicTensor& x, std::int64_t filters, std::int64_t kernel, std::int64_t stride,
                               const std::string& name) {
    return build.convolution(x, {.filters = filters,
                                 .kernel_size = kernel,
                                 .strides = stride,
                                 .use_bias = !build.torchvision(),
                                 .name = name + "_conv"});
  };
  const auto normalized = [&](const SymbolicTensor& x, const std::string& name) {
    return build.normalization(x, name + "_bn");
  };
  const auto input = Input(options.input);
  auto x = rectified(normalized(convolution(input, 16, 3, 1, "conv1"), "conv1"), "conv1_relu");
  for (int stage = 0; stage < 3; ++stage) {
    for (int block = 1; block <= (depth - 2) / 6; ++block) {
      const std::string name = fmt::format("conv{}_block{}", stage + 2, block);
      const std::int64_t filters = std::int64_t{16} << stage, stride = stage > 0 && block == 1 ? 2 : 1;
      // Keras's example and MLPerf Tiny do not normalize the shortcut.
      const auto shortcut = stride == 1 ? x : convolution(x, filters, 1, stride, name + "_0");
      auto y = rectified(normalized(convolution(x, filters, 3, stride, name + "_1"), name + "_1"), name + "_1_relu");
      y = normalized(convolution(y, filters, 3, 1, name + "_2"), name + "_2");
      x = rectified(Add({.name = name + "_add"})({shortcut, y}), name + "_out");
    }
  }
  return build.classifier(input, x, 0, fmt::format("resnet{}_cifar", depth), "predictions");
}

}  // namespace xtape
