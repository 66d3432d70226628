#include "models/zoo/squeeze_excite.hpp"

namespace xtape {

SymbolicTensor squeeze_excite(const SymbolicTensor& x, const SqueezeExciteSpec& spec) {
  const std::int64_t channels = channels_of(x);
  auto gate = GlobalAveragePooling2D({.name = spec.pool})(x);
  gate = Reshape({.target_shape = {1, 1, channels}})(gate);
  gate = Conv2D({.filters = spec.channels,
                 .activation = spec.activation,
                 .kernel_initializer = spec.initializer,
                 .name = spec.reduce})(gate);
  gate = Conv2D(
      {.filters = channels, .activation = spec.gate, .kernel_initializer = spec.initializer, .name = spec.expand})(
      gate);
  return Multiply({.name = spec.multiply})({x, gate});
}

}  // namespace xtape
