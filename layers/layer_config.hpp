// LayerConfig: a layer's options by name, as files hold them. No file format in here: see save_model() in models/.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "framework/ops/window.hpp"
#include "layers/required.hpp"
#include "layers/tensor_spec.hpp"

namespace xtape {

struct ConfigField;

/// A layer's options by name, in the order in which its Options::fields() lists them.
struct LayerConfig {
  std::vector<ConfigField> fields;
  friend bool operator==(const LayerConfig& a, const LayerConfig& b);
};

/// The value of one option. A config inside a config describes an option of several parts, such as an initializer.
using ConfigValue =
    std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, std::vector<std::int64_t>, LayerConfig>;

struct ConfigField {
  std::string name;
  ConfigValue value;
  friend bool operator==(const ConfigField&, const ConfigField&) = default;
};

/// The value under a name; null when there is none.
const ConfigValue* find_field(const LayerConfig& config, std::string_view name);
/// A value as messages show it.
std::string config_text(const ConfigValue& value);

// How each type of option is written and read. from_config() throws Error "expected ..., got ..." and checks types and
// ranges; integers go up to 2^31 - 1, so that arithmetic with what a file holds can't overflow.
inline ConfigValue to_config(bool value) { return value; }
inline ConfigValue to_config(int value) { return std::int64_t{value}; }
inline ConfigValue to_config(std::int64_t value) { return value; }
inline ConfigValue to_config(double value) { return value; }
inline ConfigValue to_config(const std::vector<std::int64_t>& value) { return value; }
ConfigValue to_config(const PartialShape& value);  // [28, 28, 1], -1 for an unknown extent
ConfigValue to_config(DType value);                // "int64"
ConfigValue to_config(Extent2D value);             // [height, width]
ConfigValue to_config(const Padding& value);       // "valid", "same" or [top, bottom, left, right]
void from_config(const ConfigValue& given, bool& value);
void from_config(const ConfigValue& given, int& value);
void from_config(const ConfigValue& given, std::int64_t& value);
void from_config(const ConfigValue& given, double& value);
void from_config(const ConfigValue& given, std::string& value);
void from_config(const ConfigValue& given, std::vector<std::int64_t>& value);
void from_config(const ConfigValue& given, PartialShape& value);
void from_config(const ConfigValue& given, DType& value);
void from_config(const ConfigValue& given, Extent2D& value);
void from_config(const ConfigValue& given, Padding& value);

template <class T>
ConfigValue to_config(const std::optional<T>& value) {
  return value ? to_config(*value) : ConfigValue(nullptr);
}
template <class T>
ConfigValue to_config(const Required<T>& value) {
  return to_config(value.value);
}
template <class T>
void from_config(const ConfigValue& given, Required<T>& value) {
  from_config(given, value.value);
}
template <class T>
void from_config(const ConfigValue& given, std::optional<T>& value) {
  value.reset();
  if (!std::holds_alternative<std::nullptr_t>(given)) from_config(given, value.emplace(T{1}));
}

/// Options of a layer that has none but its name; for others' Options an example of how fields() looks.
struct OnlyName {
  std::string name = "";
  /// Calls field("filters", options.filters) for every option but the name: the one list that both writing and reading
  /// follow. `options` may be const.
  static void fields(auto& /*options*/, auto /*field*/) {}
};

/// Writes options.
template <class Options>
LayerConfig config_of(const Options& options) {
  LayerConfig config;
  Options::fields(options, [&](const char* name, const auto& value) {
    config.fields.push_back({name, to_config(value)});
  });
  return config;
}

/// Options with everything at its default, and what has none waiting to be read.
template <class Options, class... Waiting>
Options blank_options(Waiting... waiting) {
  static_assert(sizeof...(waiting) < 8, "an option without a default must be Required<T>, and stand before the others");
  if constexpr (requires { Options{waiting...}; }) {
    return Options{waiting...};
  } else {
    return blank_options<Options>(waiting..., ToBeRead{});
  }
}

/// Reads what config_of() wrote. Fields that are not there keep their defaults. Error naming the field when one without
/// a default is missing, a value is of another kind or out of range, or a field is unknown or comes twice.
template <class Options>
Options options_of(const LayerConfig& config);

/// Makes a layer from its options: the factory of Definition, for LoadModelOptions::custom_layers.
template <class Definition>
std::shared_ptr<Definition> make_layer(const LayerConfig& config) {
  return std::make_shared<Definition>(options_of<typename Definition::Options>(config));
}

/// Reads fields one by one and keeps account of them; what options_of() is made of.
class ConfigReader {
 public:
  explicit ConfigReader(const LayerConfig& config) : config_(config) {}

  template <class T>
  void read(const char* name, T& value) {
    read_field(name, false, [&](const ConfigValue& given) { from_config(given, value); });
  }
  template <class T>
  void read(const char* name, Required<T>& value) {
    read_field(name, true, [&](const ConfigValue& given) { from_config(given, value); });
  }
  /// Error when the config has a field that was not read, or one twice.
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
