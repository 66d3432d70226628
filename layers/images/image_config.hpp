// Options of layers for images as config values.
#pragma once

#include "framework/ops/resampling.hpp"
#include "layers/graph/layer_config.hpp"

namespace xtape {

/// An interpolation as a config value: "nearest" or "bilinear".
ConfigValue to_config(Interpolation value);
/// Reads an interpolation by its name. Error when the value is of another kind or no such name.
void from_config(const ConfigValue& given, Interpolation& value);
/// A fill mode as a config value: "constant", "nearest", "reflect" or "wrap".
ConfigValue to_config(FillMode value);
/// Reads a fill mode by its name. Error when the value is of another kind or no such name.
void from_config(const ConfigValue& given, FillMode& value);

/// The range that a random factor is drawn from. A number f stands for [-f, f], as in Keras.
struct FactorRange {
  double low = 0;   ///< smallest factor
  double high = 0;  ///< largest factor
  /// The range [0, 0].
  FactorRange() = default;
  /// The range [-factor, factor].
  FactorRange(double factor) : low(-factor), high(factor) {}  // NOLINT(google-explicit-constructor): as in Keras
  /// The range [smallest, largest].
  FactorRange(double smallest, double largest) : low(smallest), high(largest) {}
};
/// A range as a config value: `{"low": -0.2, "high": 0.2}`.
ConfigValue to_config(const FactorRange& value);
/// Reads a range. Error when the value is of another kind.
void from_config(const ConfigValue& given, FactorRange& value);

/// The directions in which RandomFlip mirrors images.
enum class FlipMode { horizontal, vertical, horizontal_and_vertical };
/// A flip mode as a config value, by its name.
ConfigValue to_config(FlipMode value);
/// Reads a flip mode by its name. Error when the value is of another kind or no such name.
void from_config(const ConfigValue& given, FlipMode& value);

}  // namespace xtape
