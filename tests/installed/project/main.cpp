// A program outside of xtape's source tree: a ResNet-50 made of layers, trained to detect which half of an image is
// brighter.
#include <fmt/format.h>
#include <vector>
#include <xtape/xtape.hpp>

using namespace xtape;

namespace {

SymbolicTensor normalized(const SymbolicTensor& x, std::int64_t filters, std::int64_t size, std::int64_t strides) {
  const auto y = Conv2D({.filters = filters, .kernel_size = size, .strides = strides, .padding = Padding::same})(x);
  return BatchNormalization({.momentum = 0.5})(y);
}

SymbolicTensor bottleneck(const SymbolicTensor& x, std::int64_t filters, std::int64_t strides) {
  auto y = Activation(relu)(normalized(x, filters, 1, strides));
  y = Activation(relu)(normalized(y, filters, 3, 1));
  y = normalized(y, 4 * filters, 1, 1);
  const auto shortcut = x.shape() == y.shape() ? x : normalized(x, 4 * filters, 1, strides);
  return Activation(relu)(Add()({y, shortcut}));
}

Model network() {
  const auto input = Input({32, 32, 3});
  auto x = Activation(relu)(normalized(input, 64, 7, 2));
  x = MaxPooling2D({.pool_size = 3, .strides = 2, .padding = Padding::same})(x);
  std::int64_t filters = 64;
  for (const int blocks : {3, 4, 6, 3}) {
    for (int block = 0; block < blocks; ++block) x = bottleneck(x, filters, block == 0 && filters > 64 ? 2 : 1);
    filters *= 2;
  }
  return {input, Dense({.units = 2})(GlobalAveragePooling2D()(x)), {.name = "resnet50", .seed = 1}};
}

/// Noise that is brighter in the upper half of an image of class 1, and in the lower half of one of class 0.
Dataset images(std::int64_t count) {
  Tensor pixels = RandomStream(1).uniform({count, 32, 32, 3});
  float* const p = pixels.mutable_data<float>();
  std::vector<std::int64_t> classes;
  for (std::int64_t i = 0; i < count; ++i) {
    classes.push_back(i % 2);
    float* const half = p + (2 * i + (i % 2 == 0 ? 1 : 0)) * 16 * 32 * 3;
    for (std::int64_t j = 0; j < 16 * 32 * 3; ++j) half[j] += 1;
  }
  return {pixels, Tensor::labels(classes), 2};
}

}  // namespace

int main() {
  Model model = network();
  const Dataset data = images(16);
  SGD optimizer(model.parameters(), {.learning_rate = 0.01});
  const History history = fit(model, optimizer, data, {.epochs = 3, .batch_size = 8, .show_progress = false});
  const auto& epochs = history.epochs();
  fmt::print("xtape {}: {} parameters, loss {:.3f} -> {:.3f}\n", version(), model.parameter_count(),
             epochs.front()["loss"], epochs.back()["loss"]);
  save_hdf5("weights.h5", {{"kernel", Tensor::ones({2, 3})}});
  // read by a helper program that was installed with xtape
  const bool stored = load_hdf5("weights.h5", "kernel").shape() == Shape{2, 3};
  return epochs.back()["loss"] < epochs.front()["loss"] && stored && can_draw() ? 0 : 1;
}
