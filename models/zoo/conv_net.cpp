#include "models/zoo/conv_net.hpp"

#include "layers/layers.hpp"

namespace xtape {

Model conv_net(const ConvNetOptions& options) {
  const SymbolicTensor input = Input(options.input);
  SymbolicTensor x = input;
  for (const ConvNetStage& stage : options.stages) {
    x = Conv2D({.filters = stage.filters,
                .kernel_size = stage.kernel_size,
                .padding = Padding::same,
                .use_bias = options.use_bias,
                .kernel_initializer = options.kernel_initializer})(x);
    if (options.batch_normalization) x = BatchNormalization({.momentum = 0.9})(x);
    x = Activation(relu)(x);
    x = MaxPooling2D({.pool_size = stage.pool_size, .padding = Padding::same})(x);
  }
  x = Flatten()(x);
  if (options.hidden_units != 0) x = Dense({.units = options.hidden_units, .activation = relu})(x);
  if (options.dropout != 0) x = Dropout({.rate = options.dropout})(x);
  const SymbolicTensor logits = Dense({.units = options.classes})(x);
  return Model(input, logits, {.name = "conv_net", .seed = options.seed});
}

ConvNetOptions small_image_options() {
  return {.input = {28, 28, 1},
          .classes = 10,
          .stages = {{32, 3, 2}, {64, 3, 2}},
          .use_bias = true,
          .hidden_units = 128,
          .dropout = 0.3,
          .kernel_initializer = he_normal()};
}

}  // namespace xtape
