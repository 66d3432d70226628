#include "models/files/config_json.hpp"

#include <cmath>
#include <set>

namespace xtape {
namespace {

constexpr std::size_t most_levels = 100, most_names = 1000;

/// Rejects deep nesting and duplicate names. A parsed value no longer shows duplicates. The callback of the parser
/// could do this too, but the parser then visits all siblings at the end of each object.
class Inspection final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    check(names_.back().size() < most_names, "expected at most {} names in an object, got more", most_names);
    check(names_.back().insert(name).second, "expected different names in an object, got \"{:.60}\" twice", name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    fail("expected JSON, got: {:.200}", error.what());
  }

 private:
  bool open() {
    check(names_.size() < most_levels, "expected JSON of at most {} levels, got deeper nesting", most_levels);
    names_.emplace_back();
    return true;
  }
  bool close() {
    names_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> names_;  // of the open objects; empty for a list
};

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
  Inspection inspection;
  Json::sax_parse(text, &inspection);
  return Json::parse(text);
}

Json config_to_json(const LayerConfig& config) {
  Json json = Json::object();
  for (const auto& [name, value] : config.fields) {
    try {
      json[name] = std::visit(ToJson(), value);
    } catch (const Error& error) {
      fail_as(error, "{}: {}", name, error.what());
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
      fail_as(error, "{:.60}: {}", name, error.what());
    }
  }
  return config;
}

}  // namespace xtape
