#include "layers/parameters/regularizer.hpp"

#include <cmath>

namespace xtape {

Regularizer l2(double factor) {
  check(std::isfinite(factor) && factor >= 0, "l2: expected a finite factor of at least 0, got {}", factor);
  return {.l2 = factor};
}

ConfigValue to_config(const Regularizer& regularizer) {
  if (regularizer.l2 == 0) return nullptr;
  return LayerConfig{{{"l2", regularizer.l2}}};
}

void from_config(const ConfigValue& given, Regularizer& regularizer) {
  regularizer = {};
  if (std::holds_alternative<std::nullptr_t>(given)) return;
  const auto* config = std::get_if<LayerConfig>(&given);
  check(config, "expected null or the factor \"l2\", got {}", config_text(given));
  Required<double> factor = ToBeRead{};
  ConfigReader reader(*config);
  reader.read("l2", factor);
  reader.finish();
  regularizer = l2(factor);
}

}  // namespace xtape
