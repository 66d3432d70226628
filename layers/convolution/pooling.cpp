#include "layers/convolution/pooling.hpp"

#include "framework/ops/manipulation.hpp"
#include "layers/convolution/window_outputs.hpp"

namespace xtape {

template <int axes>
typename Axes<axes>::Window PoolingLayer<axes>::window() const {
  return {.size = options_.pool_size,
          .strides = options_.strides.value_or(options_.pool_size),
          .padding = options_.padding};
}

template <int axes>
std::vector<TensorSpec> PoolingLayer<axes>::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, axes + 1);
  return {{window_outputs(
      x, x[-1], [&](const Shape& shape) { return pooling_extents(title(), shape, window(), batch_shape_text(x)); })}};
}

template <int axes>
std::vector<TensorSpec> GlobalPoolingLayer<axes>::output_specs(const std::vector<TensorSpec>& inputs) const {
  std::vector<Extent> extents(options_.keepdims ? axes : 0, 1);
  extents.push_back(only_input(inputs, axes + 1)[-1]);
  return {{PartialShape(std::move(extents))}};
}

template <int axes>
Variable GlobalPoolingLayer<axes>::shaped(const Variable& channels) const {
  if (!options_.keepdims) return channels;
  std::vector<std::int64_t> extents(axes + 2, 1);
  extents.front() = channels.dim(0);
  extents.back() = channels.dim(1);
  return reshape(channels, Shape(extents));
}

template <int axes>
std::vector<Variable> MaxPoolingLayer<axes>::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {Axes<axes>::max_pool(inputs.front(), this->window())};
}

template <int axes>
std::vector<Variable> AveragePoolingLayer<axes>::call(const std::vector<Variable>& inputs,
                                                      ForwardPass& /*pass*/) const {
  return {Axes<axes>::average_pool(inputs.front(), this->window())};
}

template <int axes>
std::vector<Variable> GlobalMaxPoolingLayer<axes>::call(const std::vector<Variable>& inputs,
                                                        ForwardPass& /*pass*/) const {
  return {this->shaped(Axes<axes>::global_max_pool(inputs.front()))};
}

template <int axes>
std::vector<Variable> GlobalAveragePoolingLayer<axes>::call(const std::vector<Variable>& inputs,
                                                            ForwardPass& /*pass*/) const {
  return {this->shaped(Axes<axes>::global_average_pool(inputs.front()))};
}

template class PoolingLayer<1>;
template class PoolingLayer<2>;
template class PoolingLayer<3>;
template class GlobalPoolingLayer<1>;
template class GlobalPoolingLayer<2>;
template class GlobalPoolingLayer<3>;
template class MaxPoolingLayer<1>;
template class MaxPoolingLayer<2>;
template class MaxPoolingLayer<3>;
template class AveragePoolingLayer<1>;
template class AveragePoolingLayer<2>;
template class AveragePoolingLayer<3>;
template class GlobalMaxPoolingLayer<1>;
template class GlobalMaxPoolingLayer<2>;
template class GlobalMaxPoolingLayer<3>;
template class GlobalAveragePoolingLayer<1>;
template class GlobalAveragePoolingLayer<2>;
template class GlobalAveragePoolingLayer<3>;
template class LayerHandle<MaxPooling1DLayer>;
template class LayerHandle<MaxPooling2DLayer>;
template class LayerHandle<MaxPooling3DLayer>;
template class LayerHandle<AveragePooling1DLayer>;
template class LayerHandle<AveragePooling2DLayer>;
template class LayerHandle<AveragePooling3DLayer>;
template class LayerHandle<GlobalMaxPooling1DLayer>;
template class LayerHandle<GlobalMaxPooling2DLayer>;
template class LayerHandle<GlobalMaxPooling3DLayer>;
template class LayerHandle<GlobalAveragePooling1DLayer>;
template class LayerHandle<GlobalAveragePooling2DLayer>;
template class LayerHandle<GlobalAveragePooling3DLayer>;

}  // namespace xtape
