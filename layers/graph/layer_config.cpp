#include "layers/graph/layer_config.hpp"

#include <algorithm>

namespace xtape {
namespace {

[[noreturn]] void reject(std::string_view expected, const ConfigValue& given) {
  fail("expected {}, got {}", expected, config_text(given));
}

template <class T>
const T& alternative(std::string_view expected, const ConfigValue& given) {
  const T* value = std::get_if<T>(&given);
  if (!value) reject(expected, given);
  return *value;
}

bool in_range(std::int64_t value) { return value >= -most_in_config && value <= most_in_config; }

/// A list of `count` integers, or of any length if `count` is 0.
const std::vector<std::int64_t>& integers(std::string_view expected, const ConfigValue& given, std::size_t count) {
  const auto& list = alternative<std::vector<std::int64_t>>(expected, given);
  if ((count != 0 && list.size() != count) || !std::ranges::all_of(list, in_range)) reject(expected, given);
  return list;
}

/// Padding by its name, or as a list of amounts.
ConfigValue padding_config(bool same, const std::vector<std::int64_t>& amounts) {
  if (same) return "same";
  if (std::ranges::all_of(amounts, [](std::int64_t amount) { return amount == 0; })) return "valid";
  return amounts;
}

/// Reads the name of a padding into `value`. False if a list of amounts is given.
template <class Padding>
bool read_padding_name(std::string_view expected, const ConfigValue& given, Padding& value) {
  const auto* name = std::get_if<std::string>(&given);
  if (!name) return false;
  if (*name != "valid" && *name != "same") reject(expected, given);
  value = *name == "same" ? Padding::same : Padding::valid;
  return true;
}

}  // namespace

bool operator==(const LayerConfig& a, const LayerConfig& b) { return a.fields == b.fields; }

const ConfigValue* find_field(const LayerConfig& config, std::string_view name) {
  const auto found = std::ranges::find(config.fields, name, &ConfigField::name);
  return found == config.fields.end() ? nullptr : &found->value;
}

std::pair<std::string, LayerConfig> name_and_arguments(const LayerConfig& config) {
  const ConfigValue* given = find_field(config, "name");
  check(given, "name: expected a value, got none");
  const auto* name = std::get_if<std::string>(given);
  check(name, "name: expected a text, got {}", config_text(*given));
  LayerConfig arguments = config;
  const auto names = std::erase_if(arguments.fields, [](const ConfigField& field) { return field.name == "name"; });
  check(names == 1, "name: expected one value, got several");
  return {*name, std::move(arguments)};
}

std::string config_text(const ConfigValue& value) {
  struct Text {
    std::string operator()(std::nullptr_t) const { return "null"; }
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t i) const { return fmt::format("{}", i); }
    std::string operator()(double d) const { return fmt::format("{}", d); }
    std::string operator()(const std::string& text) const { return fmt::format("\"{:.60}\"", text); }
    std::string operator()(const std::vector<std::int64_t>& list) const {
      return fmt::format("[{:.60}]", fmt::format("{}", fmt::join(list, ", ")));
    }
    std::string operator()(const LayerConfig& config) const {
      return fmt::format("an object of {} fields", config.fields.size());
    }
  };
  return std::visit(Text(), value);
}

ConfigValue to_config(const PartialShape& value) {
  std::vector<std::int64_t> extents;
  for (const Extent extent : value) extents.push_back(extent.known() ? extent.value() : -1);
  return extents;
}
ConfigValue to_config(DType value) { return std::string(to_string(value)); }
ConfigValue to_config(Extent2D value) { return std::vector<std::int64_t>{value.height, value.width}; }
ConfigValue to_config(Extent3D value) { return std::vector<std::int64_t>{value.depth, value.height, value.width}; }
ConfigValue to_config(const Padding& value) {
  const auto& amounts = value.amounts();
  return padding_config(value.is_same(), {amounts.begin(), amounts.end()});
}
ConfigValue to_config(const Padding1D& value) {
  if (value.is_causal()) return "causal";
  return padding_config(value.is_same(), {value.before(), value.after()});
}
ConfigValue to_config(const Padding3D& value) {
  const auto &depth = value.depth().amounts(), &plane = value.plane().amounts();
  return padding_config(value.is_same(), {depth[0], depth[1], plane[0], plane[1], plane[2], plane[3]});
}

void from_config(const ConfigValue& given, bool& value) { value = alternative<bool>("true or false", given); }
void from_config(const ConfigValue& given, std::int64_t& value) {
  constexpr const char* expected = "an integer of at most 2147483647";
  value = alternative<std::int64_t>(expected, given);
  if (!in_range(value)) reject(expected, given);
}
void from_config(const ConfigValue& given, int& value) {
  std::int64_t wide = 0;
  from_config(given, wide);
  value = static_cast<int>(wide);
}
void from_config(const ConfigValue& given, double& value) {
  const auto* integer = std::get_if<std::int64_t>(&given);
  value = integer ? static_cast<double>(*integer) : alternative<double>("a number", given);
}
void from_config(const ConfigValue& given, std::string& value) { value = alternative<std::string>("a text", given); }
void from_config(const ConfigValue& given, std::vector<std::int64_t>& value) {
  value = integers("a list of integers of at most 2147483647", given, 0);
}
void from_config(const ConfigValue& given, PartialShape& value) {
  std::vector<Extent> extents;
  for (const std::int64_t extent : integers("a shape of extents of at most 2147483647", given, 0)) {
    extents.push_back(extent == -1 ? any : Extent(extent));
  }
  value = PartialShape(std::move(extents));
}
void from_config(const ConfigValue& given, DType& value) {
  const auto* name = std::get_if<std::string>(&given);
  for (const DType type : {DType::float32, DType::float64, DType::int64, DType::uint8}) {
    if (!name || *name != to_string(type)) continue;
    value = type;
    return;
  }
  reject("float32, float64, int64 or uint8", given);
}
void from_config(const ConfigValue& given, Extent2D& value) {
  const auto& list = integers("a height and a width of at most 2147483647", given, 2);
  value = {list[0], list[1]};
}
void from_config(const ConfigValue& given, Extent3D& value) {
  const auto& list = integers("a depth, a height and a width of at most 2147483647", given, 3);
  value = {list[0], list[1], list[2]};
}
void from_config(const ConfigValue& given, Padding& value) {
  constexpr const char* expected = "\"valid\", \"same\" or four amounts of at most 2147483647";
  if (read_padding_name(expected, given, value)) return;
  const auto& list = integers(expected, given, 4);
  value = {list[0], list[1], list[2], list[3]};
}
void from_config(const ConfigValue& given, Padding1D& value) {
  constexpr const char* expected = "\"valid\", \"same\", \"causal\" or two amounts of at most 2147483647";
  if (const auto* name = std::get_if<std::string>(&given); name && *name == "causal") {
    value = Padding1D::causal;
    return;
  }
  if (read_padding_name(expected, given, value)) return;
  const auto& list = integers(expected, given, 2);
  value = {list[0], list[1]};
}
void from_config(const ConfigValue& given, Padding3D& value) {
  constexpr const char* expected = "\"valid\", \"same\" or six amounts of at most 2147483647";
  if (read_padding_name(expected, given, value)) return;
  const auto& list = integers(expected, given, 6);
  value = {list[0], list[1], list[2], list[3], list[4], list[5]};
}

void ConfigReader::read_field(const char* name, bool required, const std::function<void(const ConfigValue&)>& read) {
  known_.emplace_back(name);
  const ConfigValue* given = find_field(config_, name);
  check(given || !required, "{}: expected a value, got none", name);
  if (!given) return;
  try {
    read(*given);
  } catch (const Error& error) {
    fail_as(error, "{}: {}", name, error.what());
  }
}

void ConfigReader::finish() const {
  for (const ConfigField& field : config_.fields) {
    check(std::ranges::find(known_, field.name) != known_.end(), "expected {}, got \"{:.60}\"",
          known_.empty() ? "no options" : fmt::format("the options {}", fmt::join(known_, ", ")), field.name);
    check(std::ranges::count(config_.fields, field.name, &ConfigField::name) == 1,
          "{}: expected one value, got several", field.name);
  }
}

}  // namespace xtape
