#include "layers/core/dropout.hpp"

#include "framework/ops/dropout.hpp"

namespace xtape {

DropoutLayer::DropoutLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  const double rate = options_.rate;
  check(rate >= 0 && rate < 1, "{}: expected a rate in [0, 1), got {}", title(), rate);
}

std::vector<TensorSpec> DropoutLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& sample = only_input(inputs);
  if (const auto& noise = options_.noise_shape) {
    bool fits = noise->rank() == sample.rank() + 1;
    for (int axis = 1; fits && axis < noise->rank(); ++axis) {
      const Extent drawn = (*noise)[axis], given = sample[axis - 1];
      fits = !drawn.known() || drawn == 1 || !given.known() || drawn == given;
    }
    if (!fits)
      reject(fmt::format("an input whose extents are those of noise_shape {}, where these are not 1", *noise), inputs);
  }
  return {{sample}};
}

std::vector<Variable> DropoutLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  if (!options_.noise_shape || !pass.training()) return {dropout(x, options_.rate, pass)};
  std::vector<std::int64_t> extents;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Extent drawn = (*options_.noise_shape)[axis];
    extents.push_back(drawn.known() ? drawn.value() : x.dim(axis));
    check(extents.back() == 1 || extents.back() == x.dim(axis),
          "{}: expected an input with the extents of noise_shape {}, got {}", title(), *options_.noise_shape,
          x.shape());
  }
  return {dropout(x, options_.rate, Shape(extents), pass)};
}

template class LayerHandle<DropoutLayer>;

}  // namespace xtape
