#include "models/zoo/resnet50.hpp"

#include "layers/layers.hpp"

namespace xtape {
namespace {

BatchNormalization normalization(const ResidualOptions& options, std::string name) {
  return BatchNormalization({.momentum = options.momentum,
                             .epsilon = options.epsilon,
                             .bias_correction = options.bias_correction,
                             .synchronized = options.synchronized,
                             .name = std::move(name)});
}

std::string branch(const char* kind, BlockName name, const char* suffix) {
  return fmt::format("{}{}{}_branch{}", kind, name.stage, name.block, suffix);
}

/// The path through the three convolutions, before the shortcut is added.
SymbolicTensor bottleneck(const SymbolicTensor& input, std::int64_t f, const std::array<std::int64_t, 3>& filters,
                          std::int64_t stride, BlockName name, const ResidualOptions& options) {
  auto x = Conv2D({.filters = filters[0], .strides = stride, .name = branch("res", name, "2a")})(input);
  x = normalization(options, branch("bn", name, "2a"))(x);
  x = Activation(relu)(x);
  x = Conv2D({.filters = filters[1], .kernel_size = f, .padding = Padding::same, .name = branch("res", name, "2b")})(x);
  x = normalization(options, branch("bn", name, "2b"))(x);
  x = Activation(relu)(x);
  x = Conv2D({.filters = filters[2], .name = branch("res", name, "2c")})(x);
  return normalization(options, branch("bn", name, "2c"))(x);
}

/// A stage: one convolutional block, then identity blocks b, c, ...
SymbolicTensor stage(SymbolicTensor x, int number, std::array<std::int64_t, 3> filters, std::int64_t stride, int blocks,
                     const ResidualOptions& options) {
  x = convolutional_block(x, 3, filters, stride, {number, 'a'}, options);
  for (int i = 1; i < blocks; ++i) x = identity_block(x, 3, filters, {number, static_cast<char>('a' + i)}, options);
  return x;
}

}  // namespace

SymbolicTensor identity_block(const SymbolicTensor& input, std::int64_t f, std::array<std::int64_t, 3> filters,
                              BlockName name, const ResidualOptions& options) {
  const auto x = bottleneck(input, f, filters, 1, name, options);
  return Activation(relu)(Add()({x, input}));
}

SymbolicTensor convolutional_block(const SymbolicTensor& input, std::int64_t f, std::array<std::int64_t, 3> filters,
                                   std::int64_t stride, BlockName name, const ResidualOptions& options) {
  const auto x = bottleneck(input, f, filters, stride, name, options);
  auto shortcut = Conv2D({.filters = filters[2], .strides = stride, .name = branch("res", name, "1")})(input);
  shortcut = normalization(options, branch("bn", name, "1"))(shortcut);
  return Activation(relu)(Add()({x, shortcut}));
}

Model resnet50(const ResNet50Options& options) {
  const ResidualOptions& residual = options.residual;
  const auto input = Input(options.input);
  auto x = ZeroPadding2D({.padding = {3, 3, 3, 3}})(input);
  x = Conv2D({.filters = 64, .kernel_size = 7, .strides = 2, .name = "conv1"})(x);
  x = normalization(residual, "bn_conv1")(x);
  x = Activation(relu)(x);
  x = MaxPooling2D({.pool_size = 3, .strides = 2})(x);
  x = stage(x, 2, {64, 64, 256}, 1, 3, residual);
  x = stage(x, 3, {128, 128, 512}, 2, 4, residual);
  x = stage(x, 4, {256, 256, 1024}, 2, 6, residual);
  x = stage(x, 5, {512, 512, 2048}, 2, 3, residual);
  if (options.pooling == Pooling::global_average) {
    x = GlobalAveragePooling2D()(x);
  } else {
    x = Flatten()(AveragePooling2D({.pool_size = 2})(x));
  }
  const auto logits = Dense({.units = options.classes, .name = fmt::format("fc{}", options.classes)})(x);
  return Model(input, logits, {.name = "resnet50", .seed = options.seed});
}

}  // namespace xtape
