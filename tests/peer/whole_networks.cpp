// ResNet-50 and ConvNet made of PyTorch's functions.

#include <ATen/ATen.h>

#include "models/zoo/conv_net.hpp"
#include "models/zoo/resnet50.hpp"
#include "tests/peer/layout.hpp"
#include "tests/peer/networks.hpp"
#include "tests/peer/torch_functions.hpp"

namespace xtape::peer {
namespace {

using T = const at::Tensor&;

/// 1x1, 3x3 and 1x1 convolution with batch normalization, added to the shortcut. In block a of a stage the shortcut has
/// a convolution, and the convolutions have the stride of the stage.
at::Tensor residual_block(Weights& weights, T x, int stage, char block, bool training) {
  const auto unit = [&](T in, const std::string& branch, std::int64_t stride, std::int64_t padding) {
    const std::string place = fmt::format("{}{}_branch{}", stage, block, branch);
    return torch_normalization(weights, "bn" + place, torch_conv(weights, "res" + place, in, stride, padding),
                               training);
  };
  const std::int64_t stride = block == 'a' && stage > 2 ? 2 : 1;
  at::Tensor y = at::relu(unit(x, "2a", stride, 0));
  y = at::relu(unit(y, "2b", 1, 1));
  y = unit(y, "2c", 1, 0);
  return at::relu(y + (block == 'a' ? unit(x, "1", stride, 0) : x));
}

at::Tensor torch_resnet50(Weights& weights, T images, bool training) {
  at::Tensor x = torch_conv(weights, "conv1", to_nchw(images), 2, 3);
  x = at::relu(torch_normalization(weights, "bn_conv1", x, training));
  x = at::max_pool2d(x, {3, 3}, {2, 2});
  const std::vector<std::string> blocks{"abc", "abcd", "abcdef", "abc"};
  for (int stage = 2; stage <= 5; ++stage) {
    for (const char block : blocks[static_cast<std::size_t>(stage - 2)]) {
      x = residual_block(weights, x, stage, block, training);
    }
  }
  x = at::avg_pool2d(x, {2, 2});
  return torch_dense(weights, "fc6", to_nhwc(x).flatten(1));
}

/// Stages of convolution, optional batch normalization, ReLU and pooling, both SAME; then dense layers.
at::Tensor torch_conv_net(Weights& weights, T images, bool training, const ConvNetOptions& options) {
  at::Tensor x = images;
  for (std::size_t i = 0; i < options.stages.size(); ++i) {
    const auto& [filters, kernel_size, pool_size] = options.stages[i];
    const std::string convolution = fmt::format("conv2d_{}", i + 1);
    x = torch_conv2d(x, weights.at(convolution + "/kernel"), {.size = kernel_size, .padding = Padding::same});
    if (options.use_bias) x = x + weights.at(convolution + "/bias");
    if (options.batch_normalization) {
      const std::string name = fmt::format("batch_normalization_{}", i + 1);
      x = to_nhwc(torch_normalization(weights, name, to_nchw(x), training, 0.9));
    }
    x = torch_max_pool(at::relu(x), {.size = pool_size, .strides = pool_size, .padding = Padding::same});
  }
  x = x.flatten(1);
  if (options.hidden_units > 0) x = at::relu(torch_dense(weights, "dense_1", x));
  return torch_dense(weights, options.hidden_units > 0 ? "dense_2" : "dense_1", x);
}

}  // namespace

Comparison compare_resnet50(std::uint64_t seed, const ComparisonOptions& options) {
  Comparison comparison(options);
  compare_network(comparison,
                  {.name = "ResNet-50",
                   .model = resnet50(),
                   .theirs = torch_resnet50,
                   .batch = 4,
                   .classifies = true,
                   .cancels = [](const std::string& path) { return path.ends_with("/bias") && path != "fc6/bias"; }},
                  seed);
  return comparison;
}

Comparison compare_conv_nets(std::uint64_t seed, const ComparisonOptions& options) {
  Comparison comparison(options);
  const ConvNetOptions lab;
  const ConvNetOptions odd{.input = {21, 17, 3},
                           .classes = 5,
                           .stages = {{6, 3, 2}, {7, {2, 5}, {3, 2}}},
                           .use_bias = true,
                           .batch_normalization = true,
                           .hidden_units = 20};
  for (const ConvNetOptions& net : {lab, odd}) {
    compare_network(
        comparison,
        {.name = net.batch_normalization ? "ConvNet with batch normalization" : "ConvNet",
         .model = conv_net(net),
         .theirs = [&net](Weights& weights, T images,
                          bool training) { return torch_conv_net(weights, images, training, net); },
         .batch = 5,
         .classifies = true,
         .steps = 3,
         .cancels = [](const std::string& path) { return path.starts_with("conv2d") && path.ends_with("bias"); }},
        seed);
  }
  return comparison;
}

}  // namespace xtape::peer
