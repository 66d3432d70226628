#include "models/zoo/unet.hpp"

#include "layers/layers.hpp"

namespace xtape {

Model unet(const UNetOptions& options) {
  const std::size_t levels = options.filters.size();
  check(levels >= 2 && levels <= 20, "unet: expected the channels of 2 to 20 levels, got {}", levels);
  check(options.input.rank() == 3, "unet: expected images (height, width, channels) as input, got {}", options.input);
  const std::int64_t multiple = std::int64_t{1} << (levels - 1);
  for (int axis = 0; axis < 2; ++axis) {
    const Extent extent = options.input[axis];
    check(!extent.known() || extent.value() % multiple == 0,
          "unet: expected a height and width that {} levels divide, that is multiples of {}, got {}", levels, multiple,
          options.input);
  }
  const auto convolutions = [&](SymbolicTensor x, std::int64_t filters, const std::string& name) {
    for (int i = 1; i <= 2; ++i) {
      const std::string prefix = fmt::format("{}_{}_", name, i);
      x = Conv2D({.filters = filters,
                  .kernel_size = 3,
                  .padding = Padding::same,
                  .use_bias = !options.batch_normalization,
                  .kernel_initializer = he_normal(),
                  .name = prefix + "conv"})(x);
      if (options.batch_normalization) {
        x = BatchNormalization({.momentum = options.momentum, .name = prefix + "bn"})(x);
      }
      x = Activation(relu, {.name = prefix + "relu"})(x);
    }
    return x;
  };
  const auto input = Input(options.input);
  auto x = input;
  std::vector<SymbolicTensor> skips;
  for (std::size_t level = 0; level < levels; ++level) {
    x = convolutions(x, options.filters[level], fmt::format("down{}", level + 1));
    if (level + 1 == levels) break;
    skips.push_back(x);
    x = MaxPooling2D({.pool_size = 2, .name = fmt::format("down{}_pool", level + 1)})(x);
  }
  if (options.dropout > 0) x = Dropout({.rate = options.dropout, .name = "dropout"})(x);
  for (std::size_t level = levels - 1; level-- > 0;) {
    const std::string name = fmt::format("up{}", level + 1);
    x = UpSampling2D({.size = 2, .name = name + "_upsampling"})(x);
    x = Conv2D({.filters = options.filters[level],
                .kernel_size = 2,
                .padding = Padding::same,
                .activation = relu,
                .kernel_initializer = he_normal(),
                .name = name + "_conv"})(x);
    x = Concatenate({.name = name + "_concat"})({skips[level], x});
    x = convolutions(x, options.filters[level], name);
  }
  const auto logits = Conv2D({.filters = options.classes, .name = "logits"})(x);
  return Model(input, logits, {.name = "unet", .seed = options.seed});
}

}  // namespace xtape
