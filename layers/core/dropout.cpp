#include "layers/core/dropout.hpp"

#include "framework/ops/dropout.hpp"

namespace xtape {

DropoutLayer::DropoutLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  const double rate = options_.rate;
  check(rate >= 0 && rate < 1, "{}: expected a rate in [0, 1), got {}", title(), rate);
}

std::vector<Variable> DropoutLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return {dropout(inputs.front(), options_.rate, pass)};
}

template class LayerHandle<DropoutLayer>;

}  // namespace xtape
