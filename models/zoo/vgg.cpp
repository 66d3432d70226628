#include "models/zoo/vgg.hpp"

#include <array>

#include "models/zoo/network_builder.hpp"

namespace xtape {
namespace {

std::array<int, 5> convolutions_of(int depth) {
  switch (depth) {
    case 11: return {1, 1, 2, 2, 2};
    case 13: return {2, 2, 2, 2, 2};
    case 16: return {2, 2, 3, 3, 3};
    case 19: return {2, 2, 4, 4, 4};
    default: fail("vgg: expected a depth of 11, 13, 16 or 19, got {}", depth);
  }
}

}  // namespace

Model vgg(int depth, const NetworkOptions& options) {
  const std::array<int, 5> convolutions = convolutions_of(depth);
  const NetworkBuilder build(options, {});
  const auto input = Input(options.input);
  auto x = input;
  int module = 0;  // torchvision counts convolutions, ReLUs and poolings
  for (int stage = 0; stage < 5; ++stage) {
    const std::int64_t filters = std::min<std::int64_t>(512, std::int64_t{64} << stage);
    for (int i = 1; i <= convolutions[static_cast<std::size_t>(stage)]; ++i) {
      const std::string name = fmt::format("block{}_conv{}", stage + 1, i);
      x = build.convolution(x, {.filters = filters,
                                .kernel_size = 3,
                                .use_bias = true,
                                .name = build.name(name, fmt::format("features.{}", module))});
      module += 2;
      x = Activation(relu, {.name = name + "_relu"})(x);
    }
    x = MaxPooling2D({.pool_size = 2, .name = fmt::format("block{}_pool", stage + 1)})(x);
    ++module;
  }
  const std::string name = fmt::format("vgg{}", depth);
  if (!options.include_top) return build.model(input, x, name);
  x = Flatten({.name = "flatten"})(x);
  const double rate = build.dropout(0, 0.5);
  for (int i = 1; i <= 2; ++i) {
    x = Dense({.units = 4096,
               .activation = relu,
               .name = build.name(fmt::format("fc{}", i), fmt::format("classifier.{}", 3 * (i - 1)))})(x);
    if (rate > 0) x = Dropout({.rate = rate, .name = fmt::format("dropout{}", i)})(x);
  }
  return build.model(input, Dense({.units = options.classes, .name = build.name("predictions", "classifier.6")})(x),
                     name);
}

}  // namespace xtape
