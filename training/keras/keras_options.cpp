#include "training/keras/keras_options.hpp"

#include <algorithm>
#include <cmath>

#include "models/files/keras/keras_values.hpp"

namespace xtape {

KerasOptions::KerasOptions(Json config) : config_(std::move(config)) {
  if (config_.is_null()) config_ = Json::object();
  check(config_.is_object(), "expected a config with named options, got {}", shown(config_));
}

Json KerasOptions::take(const std::string& name) {
  Json value = config_.value(name, Json());
  config_.erase(name);
  return value;
}

void KerasOptions::ignore(std::initializer_list<const char*> names) {
  for (const char* name : names) config_.erase(name);
}

double KerasOptions::number(const std::string& name, std::optional<double> otherwise) {
  const Json value = take(name);
  if (value.is_null() && otherwise) return *otherwise;
  check(value.is_number(), "{}: expected a number, got {}", name, shown(value));
  return value.get<double>();
}

std::int64_t KerasOptions::whole(const std::string& name, std::optional<double> otherwise) {
  const double value = number(name, otherwise);
  check(value == std::floor(value) && std::abs(value) < 1e15, "{}: expected a whole number below 1e15, got {}", name,
        value);
  return static_cast<std::int64_t>(value);
}

std::vector<double> KerasOptions::numbers(const std::string& name) {
  const Json list = take(name);
  check(list.is_array(), "{}: expected a list of numbers, got {}", name, shown(list));
  std::vector<double> numbers;
  for (const Json& value : list) {
    check(value.is_number(), "{}: expected a list of numbers, got {}", name, shown(list));
    numbers.push_back(value.get<double>());
  }
  return numbers;
}

bool KerasOptions::flag(const std::string& name) {
  const Json value = take(name);
  check(value.is_boolean() || value.is_null(), "{}: expected true or false, got {}", name, shown(value));
  return value == true;
}

Json KerasOptions::expect(const std::string& name, std::initializer_list<Json> values) {
  Json value = take(name);
  const bool fits = value.is_null() || std::ranges::find(values, value) != values.end();
  std::string texts;
  for (const Json& other : values) texts += (texts.empty() ? "" : " or ") + shown(other);
  check(fits, "{}: expected {}, which is all that xtape has, got {}", name, texts.empty() ? "no value" : texts,
        shown(value));
  return value;
}

void KerasOptions::check_empty() const {
  for (const auto& [name, value] : config_.items()) {
    check(value.is_null(), "{}: expected an option that xtape has, got another one with the value {}",
          name.substr(0, 60), shown(value));
  }
}

}  // namespace xtape
