#include "layers/images/image_config.hpp"

#include <algorithm>
#include <span>

namespace xtape {
namespace {

constexpr const char* interpolations[] = {"nearest", "bilinear"};
constexpr const char* fill_modes[] = {"constant", "nearest", "reflect", "wrap"};
constexpr const char* flip_modes[] = {"horizontal", "vertical", "horizontal_and_vertical"};

/// The enumerator whose name in `names` is the given text.
template <class E>
E enumerator(std::span<const char* const> names, const ConfigValue& given) {
  const auto* text = std::get_if<std::string>(&given);
  const auto found = std::ranges::find_if(names, [&](const char* name) { return text && *text == name; });
  check(found != names.end(), "expected one of {}, got {}", fmt::join(names, ", "), config_text(given));
  return static_cast<E>(found - names.begin());
}

struct RangeFields {
  Required<double> low, high;
  static void fields(auto& range, auto field) {
    field("low", range.low);
    field("high", range.high);
  }
};

}  // namespace

ConfigValue to_config(Interpolation value) { return interpolations[static_cast<std::size_t>(value)]; }
void from_config(const ConfigValue& given, Interpolation& value) {
  value = enumerator<Interpolation>(interpolations, given);
}
ConfigValue to_config(FillMode value) { return fill_modes[static_cast<std::size_t>(value)]; }
void from_config(const ConfigValue& given, FillMode& value) { value = enumerator<FillMode>(fill_modes, given); }
ConfigValue to_config(FlipMode value) { return flip_modes[static_cast<std::size_t>(value)]; }
void from_config(const ConfigValue& given, FlipMode& value) { value = enumerator<FlipMode>(flip_modes, given); }

ConfigValue to_config(const FactorRange& value) { return LayerConfig{{{"low", value.low}, {"high", value.high}}}; }
void from_config(const ConfigValue& given, FactorRange& value) {
  const auto* config = std::get_if<LayerConfig>(&given);
  check(config, "expected the numbers \"low\" and \"high\", got {}", config_text(given));
  const auto range = options_of<RangeFields>(*config);
  value = {range.low, range.high};
}

}  // namespace xtape
