// Every layer that computes numbers, by PyTorch's functions.

#include "layers/layers.hpp"

#include <ATen/ATen.h>

#include "tests/peer/layout.hpp"
#include "tests/peer/networks.hpp"
#include "tests/peer/torch_functions.hpp"

namespace xtape::peer {
namespace {

using T = const at::Tensor&;
using Function = std::function<at::Tensor(Weights& weights, T x, bool training)>;

/// A model with one layer, named "layer".
template <class Handle>
NetworkCase alone(const std::string& name, const Shape& sample, const Handle& layer, Function theirs) {
  const auto input = Input(sample);
  return {.name = name, .model = Model(input, layer(input)), .theirs = std::move(theirs), .steps = 3};
}

/// A layer with two inputs, x and a dense layer of x.
template <class Handle>
NetworkCase merging(const std::string& name, const Handle& layer, std::function<at::Tensor(T x, T y)> theirs) {
  const auto input = Input({4, 3});
  const auto other = Dense({.units = 3, .name = "other"})(input);
  return {.name = name, .model = Model(input, layer({input, other})), .theirs = [theirs](Weights& weights, T x, bool) {
            return theirs(x, torch_dense(weights, "other", x));
          }};
}

std::vector<NetworkCase> layers_with_weights() {
  const WindowOptions strided{.size = {3, 2}, .strides = {2, 1}, .padding = Padding::same};
  const WindowOptions dilated{.size = 2, .padding = {1, 0, 2, 1}, .dilation = {2, 3}};
  return {alone("Conv2D", {7, 8, 3},
                Conv2D({.filters = 5,
                        .kernel_size = strided.size,
                        .strides = strided.strides,
                        .padding = strided.padding,
                        .activation = tanh,
                        .name = "layer"}),
                [=](Weights& w, T x, bool) {
                  return at::tanh(torch_conv2d(x, w.at("layer/kernel"), strided) + w.at("layer/bias"));
                }),
          alone("Conv2D without bias", {7, 8, 3},
                Conv2D({.filters = 4,
                        .kernel_size = dilated.size,
                        .padding = dilated.padding,
                        .dilation_rate = dilated.dilation,
                        .use_bias = false,
                        .name = "layer"}),
                [=](Weights& w, T x, bool) { return torch_conv2d(x, w.at("layer/kernel"), dilated); }),
          alone("Dense", {6}, Dense({.units = 4, .activation = sigmoid, .name = "layer"}),
                [](Weights& w, T x, bool) { return at::sigmoid(torch_dense(w, "layer", x)); }),
          alone("Dense on rows", {3, 2, 6}, Dense({.units = 4, .use_bias = false, .name = "layer"}),
                [](Weights& w, T x, bool) { return torch_dense(w, "layer", x); }),
          alone("BatchNormalization of images", {3, 4, 5},
                BatchNormalization({.momentum = 0.8, .epsilon = 0.01, .name = "layer"}),
                [](Weights& w, T x, bool training) {
                  return to_nhwc(torch_normalization(w, "layer", to_nchw(x), training, 0.8, 0.01));
                }),
          alone("BatchNormalization of rows, neither scaled nor centred", {5},
                BatchNormalization({.center = false, .scale = false, .name = "layer"}),
                [](Weights& w, T x, bool training) { return torch_normalization(w, "layer", x, training); })};
}

std::vector<NetworkCase> layers_without_weights() {
  const auto pooling = [](const Extent2D& size, const Extent2D& strides, const Padding& padding) {
    return WindowOptions{.size = size, .strides = strides, .padding = padding};
  };
  return {
      alone("MaxPooling2D", {7, 6, 3}, MaxPooling2D({.pool_size = {2, 3}}),
            [=](Weights&, T x, bool) {
              return torch_max_pool(x, pooling({2, 3}, {2, 3}, Padding::valid));
            }),
      alone("AveragePooling2D", {7, 6, 3}, AveragePooling2D({.pool_size = 3, .strides = 2, .padding = Padding::same}),
            [=](Weights&, T x, bool) { return torch_average_pool(x, pooling(3, 2, Padding::same)); }),
      alone("GlobalMaxPooling2D", {5, 4, 3}, GlobalMaxPooling2D(),
            [](Weights&, T x, bool) {
              return at::amax(x, {1, 2});
            }),
      alone("GlobalAveragePooling2D", {5, 4, 3}, GlobalAveragePooling2D(),
            [](Weights&, T x, bool) {
              return x.mean(at::IntArrayRef({1, 2}));
            }),
      alone("ZeroPadding2D", {3, 4, 2}, ZeroPadding2D({.padding = {1, 2, 3, 0}}),
            [](Weights&, T x, bool) {
              return to_nhwc(padded(to_nchw(x), {1, 2, 3, 0}));
            }),
      alone("Flatten", {3, 4, 2}, Flatten(), [](Weights&, T x, bool) { return x.flatten(1); }),
      alone("Reshape", {3, 4, 2}, Reshape({.target_shape = std::vector<std::int64_t>{2, -1}}),
            [](Weights&, T x, bool) {
              return x.reshape({x.size(0), 2, -1});
            }),
      alone("Softmax", {3, 4}, Softmax({.axis = 1}), [](Weights&, T x, bool) { return at::softmax(x, 1); }),
      alone("Activation", {3, 4}, Activation(gelu), [](Weights&, T x, bool) { return at::gelu(x, "none"); }),
      merging("Add", Add(), [](T x, T y) { return x + y; }),
      merging("Multiply", Multiply(), [](T x, T y) { return x * y; }),
      merging("Concatenate", Concatenate({.axis = 1}), [](T x, T y) {
        return at::cat({x, y}, 1);
      })};
}

}  // namespace

Comparison compare_layers(std::uint64_t seed, const ComparisonOptions& options) {
  Comparison comparison(options);
  for (const auto& network : layers_with_weights()) compare_network(comparison, network, ++seed);
  for (const auto& network : layers_without_weights()) compare_network(comparison, network, ++seed);
  return comparison;
}

}  // namespace xtape::peer
