#include "layers/dropout.hpp"

#include "framework/ops/dropout.hpp"

namespace xtape {

DropoutLayer::DropoutLayer(Options options) : Layer(options.name), rate_(options.rate) {
  check(rate_ >= 0 && rate_ < 1, "{}: expected a rate in [0, 1), got {}", title(), rate_);
}

Variable DropoutLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return dropout(inputs.front(), rate_, pass);
}

template class LayerHandle<DropoutLayer>;

}  // namespace xtape
