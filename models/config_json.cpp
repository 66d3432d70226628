#include "models/config_json.hpp"

#include <cmath>
#include <set>

namespace xtape {
namespace {

constexpr int deepest = 100;

struct ToJson {
  Json operator()(double value) const {
    check(std::isfinite(value), "expected a finite number, got {}", value);
    return value;
  }
  Json operator()(const LayerConfig& config) const { return config_to_json(config); }
  Json operator()(const auto& value) const { return value; }
};

bool is_integer(const Json& json) {
  return json.is_number_integer() &&
         (!json.is_number_unsigned() || json.get<std::uint64_t>() <= std::uint64_t{1} << 62);
}

ConfigValue value_from_json(const Json& json) {
  if (json.is_null()) return nullptr;
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_object()) return config_from_json(json);
  if (is_integer(json)) return json.get<std::int64_t>();
  if (json.is_number_float()) return json.get<double>();
  check(json.is_array() && std::ranges::all_of(json, is_integer), "expected an option's value, got {:.60}",
        json.dump());
  return json.get<std::vector<std::int64_t>>();
}

}  // namespace

Json parse_json(const std::string& text) {
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto inspect = [&](int depth, Json::parse_event_t event, const Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      check(depth < deepest, "expected JSON of at most {} levels, got deeper nesting", deepest);
    }
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key) {
      const auto name = value.get<std::string>();
      check(names.back().insert(name).second, "expected different names in an object, got \"{:.60}\" twice", name);
    }
    return true;
  };
  try {
    return Json::parse(text, inspect);
  } catch (const Json::exception& error) {
    fail("expected JSON, got: {:.200}", error.what());
  }
}

Json config_to_json(const LayerConfig& config) {
  Json json = Json::object();
  for (const auto& [name, value] : config.fields) {
    try {
      json[name] = std::visit(ToJson(), value);
    } catch (const Error& error) {
      fail("{}: {}", name, error.what());
    }
  }
  return json;
}

LayerConfig config_from_json(const Json& json) {
  check(json.is_object(), "expected an object of options, got {:.60}", json.dump());
  LayerConfig config;
  for (const auto& [name, value] : json.items()) {
    try {
      config.fields.push_back({name, value_from_json(value)});
    } catch (const Error& error) {
      fail("{:.60}: {}", name, error.what());
    }
  }
  return config;
}

}  // namespace xtape
