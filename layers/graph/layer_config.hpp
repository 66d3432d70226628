// LayerConfig: the options of a layer by name, as model files store them. The file format is in models/, see
// save_model().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "framework/ops/window_1d_3d.hpp"
#include "layers/graph/required.hpp"
#include "layers/graph/tensor_spec.hpp"

namespace xtape {

struct ConfigField;

/// The largest integer in a config, so that arithmetic with values of a file cannot overflow. The smallest is its
/// negative.
constexpr std::int64_t most_in_config = (std::int64_t{1} << 31) - 1;

/// The options of a layer by name, in the order of its Options::fields().
struct LayerConfig {
  std::vector<ConfigField> fields;  ///< names and values
  friend bool operator==(const LayerConfig& a, const LayerConfig& b);
};

/// The value of one option. A LayerConfig as the value describes an option with several parts, such as an initializer.
using ConfigValue =
    std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, std::vector<std::int64_t>, LayerConfig>;

/// One option: its name and its value.
struct ConfigField {
  std::string name;   ///< the name, such as "kernel_size"
  ConfigValue value;  ///< the value
  friend bool operator==(const ConfigField&, const ConfigField&) = default;
};

/// The value of the field with this name; null when there is no such field.
const ConfigValue* find_field(const LayerConfig& config, std::string_view name);
/// The text of the field "name", and the other fields. Error unless there is exactly one such field, with a text.
std::pair<std::string, LayerConfig> name_and_arguments(const LayerConfig& config);
/// A value as text for messages.
std::string config_text(const ConfigValue& value);

// One pair of functions for each type of option. from_config() checks types and ranges and throws Error "expected ...,
// got ..."; integers are at most 2^31 - 1, so that arithmetic with values of a file cannot overflow.
/// A truth value as a config value.
inline ConfigValue to_config(bool value) { return value; }
/// An integer as a config value.
inline ConfigValue to_config(int value) { return std::int64_t{value}; }
/// An integer as a config value.
inline ConfigValue to_config(std::int64_t value) { return value; }
/// A number as a config value.
inline ConfigValue to_config(double value) { return value; }
/// A text as a config value.
inline ConfigValue to_config(const std::string& value) { return value; }
/// A list of integers as a config value.
inline ConfigValue to_config(const std::vector<std::int64_t>& value) { return value; }
/// A shape as a config value: `[28, 28, 1]`, -1 for an unknown extent.
ConfigValue to_config(const PartialShape& value);
/// An element type as a config value: "int64".
ConfigValue to_config(DType value);
/// Height and width as a config value: `[height, width]`.
ConfigValue to_config(Extent2D value);
/// Padding as a config value: "valid", "same" or `[top, bottom, left, right]`.
ConfigValue to_config(const Padding& value);
/// Depth, height and width as a config value: `[depth, height, width]`.
ConfigValue to_config(Extent3D value);
/// Padding of sequences as a config value: "valid", "same", "causal" or `[before, after]`.
ConfigValue to_config(const Padding1D& value);
/// Padding of volumes as a config value: "valid", "same" or `[front, back, top, bottom, left, right]`.
ConfigValue to_config(const Padding3D& value);
/// Reads a truth value. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, bool& value);
/// Reads an integer of at most 2^31 - 1. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, int& value);
/// Reads an integer of at most 2^31 - 1. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, std::int64_t& value);
/// Reads a number. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, double& value);
/// Reads a text. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, std::string& value);
/// Reads a list of integers. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, std::vector<std::int64_t>& value);
/// Reads a shape; -1 is an unknown extent. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, PartialShape& value);
/// Reads an element type by its name. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, DType& value);
/// Reads `[height, width]`. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, Extent2D& value);
/// Reads "valid", "same" or `[top, bottom, left, right]`. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, Padding& value);
/// Reads `[depth, height, width]`. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, Extent3D& value);
/// Reads "valid", "same", "causal" or `[before, after]`. Error when the value is of another kind or out of range.
void from_config(const ConfigValue& given, Padding1D& value);
/// Reads "valid", "same" or `[front, back, top, bottom, left, right]`. Error when the value is of another kind or out
/// of range.
void from_config(const ConfigValue& given, Padding3D& value);

/// An optional value as a config value; null for nothing.
template <class T>
ConfigValue to_config(const std::optional<T>& value) {
  return value ? to_config(*value) : ConfigValue(nullptr);
}
/// The value of a required option as a config value.
template <class T>
ConfigValue to_config(const Required<T>& value) {
  return to_config(value.value);
}
/// Reads the value of a required option.
template <class T>
void from_config(const ConfigValue& given, Required<T>& value) {
  from_config(given, value.value);
}
/// Reads an optional value; null is nothing.
template <class T>
void from_config(const ConfigValue& given, std::optional<T>& value) {
  value.reset();
  if (!std::holds_alternative<std::nullptr_t>(given)) from_config(given, value.emplace(T{1}));
}

/// The options of a layer that has no option but its name. It shows how fields() is written in other Options.
struct OnlyName {
  std::string name = "";
  /// Calls `field("filters", options.filters)` for each option except the name. Files are written and read by this
  /// list. `options` may be const.
  static void fields(auto& /*options*/, auto /*field*/) {}
};

/// The config of options that have fields().
template <class Options>
LayerConfig config_of(const Options& options) {
  LayerConfig config;
  Options::fields(options, [&](const char* name, const auto& value) {
    config.fields.push_back({name, to_config(value)});
  });
  return config;
}

/// Internal: options with default values; required options are empty until they are read.
template <class Options, class... Waiting>
Options blank_options(Waiting... waiting) {
  static_assert(sizeof...(waiting) < 8, "an option without a default must be Required<T>, and stand before the others");
  if constexpr (requires { Options{waiting...}; }) {
    return Options{waiting...};
  } else {
    return blank_options<Options>(waiting..., ToBeRead{});
  }
}

/// The options of a config that config_of() has made. Missing fields keep their defaults. Error with the name of the
/// field when a required field is missing, a value is of another kind or out of range, or a field is unknown or
/// duplicate.
template <class Options>
Options options_of(const LayerConfig& config);

/// Makes a layer of class Definition from its config. It is a factory for LoadModelOptions::custom_layers.
template <class Definition>
std::shared_ptr<Definition> make_layer(const LayerConfig& config) {
  return std::make_shared<Definition>(options_of<typename Definition::Options>(config));
}

/// Internal: reads the fields of a config and records which ones were read, for options_of().
class ConfigReader {
 public:
  /// A reader of `config`, which must outlive it.
  explicit ConfigReader(const LayerConfig& config) : config_(config) {}

  /// Reads a field if it is present; otherwise `value` is unchanged.
  template <class T>
  void read(const char* name, T& value) {
    read_field(name, false, [&](const ConfigValue& given) { from_config(given, value); });
  }
  /// Reads a required field. Error when it is missing.
  template <class T>
  void read(const char* name, Required<T>& value) {
    read_field(name, true, [&](const ConfigValue& given) { from_config(given, value); });
  }
  /// Error when the config has a field that was not read, or a duplicate field.
  void finish() const;

 private:
  void read_field(const char* name, bool required, const std::function<void(const ConfigValue&)>& read);
  const LayerConfig& config_;
  std::vector<std::string> known_;
};

template <class Options>
Options options_of(const LayerConfig& config) {
  auto options = blank_options<Options>();
  ConfigReader reader(config);
  Options::fields(options, [&](const char* name, auto& value) { reader.read(name, value); });
  reader.finish();
  return options;
}

}  // namespace xtape
