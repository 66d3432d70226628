#include "layers/pooling.hpp"

namespace xtape {

WindowOptions PoolingLayer::window() const {
  return {.size = options_.pool_size,
          .strides = options_.strides.value_or(options_.pool_size),
          .padding = options_.padding};
}

Shape PoolingLayer::output_shape(const std::vector<Shape>& inputs) const {
  const Shape& x = only_input(inputs, 3);
  const kernels::Window placed = pooling_window(title(), x.prepended(1), window(), batch_shape_text(x));
  return {placed.out_height, placed.out_width, x[2]};
}

Variable MaxPooling2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return max_pool2d(inputs.front(), window());
}

Variable AveragePooling2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return average_pool2d(inputs.front(), window());
}

Shape GlobalPoolingLayer::output_shape(const std::vector<Shape>& inputs) const { return {only_input(inputs, 3)[2]}; }

Variable GlobalMaxPooling2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return global_max_pool2d(inputs.front());
}

Variable GlobalAveragePooling2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return global_average_pool2d(inputs.front());
}

template class LayerHandle<MaxPooling2DLayer>;
template class LayerHandle<AveragePooling2DLayer>;
template class LayerHandle<GlobalMaxPooling2DLayer>;
template class LayerHandle<GlobalAveragePooling2DLayer>;

}  // namespace xtape
