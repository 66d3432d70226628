#include "layers/convolution/pooling.hpp"

#include "layers/convolution/window_outputs.hpp"

namespace xtape {

WindowOptions PoolingLayer::window() const {
  return {.size = options_.pool_size,
          .strides = options_.strides.value_or(options_.pool_size),
          .padding = options_.padding};
}

std::vector<TensorSpec> PoolingLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 3);
  const auto [height, width] = window_outputs(
      x, [&](const Shape& images) { return pooling_window(title(), images, window(), batch_shape_text(x)); });
  return {{{height, width, x[2]}}};
}

std::vector<Variable> MaxPooling2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {max_pool2d(inputs.front(), window())};
}

std::vector<Variable> AveragePooling2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {average_pool2d(inputs.front(), window())};
}

std::vector<TensorSpec> GlobalPoolingLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  return {{{only_input(inputs, 3)[2]}}};
}

std::vector<Variable> GlobalMaxPooling2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {global_max_pool2d(inputs.front())};
}

std::vector<Variable> GlobalAveragePooling2DLayer::call(const std::vector<Variable>& inputs,
                                                        ForwardPass& /*pass*/) const {
  return {global_average_pool2d(inputs.front())};
}

template class LayerHandle<MaxPooling2DLayer>;
template class LayerHandle<AveragePooling2DLayer>;
template class LayerHandle<GlobalMaxPooling2DLayer>;
template class LayerHandle<GlobalAveragePooling2DLayer>;

}  // namespace xtape
