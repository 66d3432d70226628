// KerasOptions: the config of an object in Keras's JSON, of which every option is read once. Internal to
// training/keras.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "models/files/config_json.hpp"

namespace xtape {

/// The options that are left. An option that is null counts as missing.
class KerasOptions {
 public:
  /// Error unless the config is an object or null.
  explicit KerasOptions(Json config);

  /// Removes the option and returns its value; null if it is missing.
  Json take(const std::string& name);
  /// Whether there is such an option, which is not null.
  bool has(const std::string& name) const { return config_.contains(name) && !config_.at(name).is_null(); }
  /// Removes options that change nothing.
  void ignore(std::initializer_list<const char*> names);
  /// Removes the option and returns its number, or `otherwise`. Error for another value, and without both.
  double number(const std::string& name, std::optional<double> otherwise = std::nullopt);
  /// The same for a whole number.
  std::int64_t whole(const std::string& name, std::optional<double> otherwise = std::nullopt);
  /// Removes the option and returns its numbers. Error for another value, and without it.
  std::vector<double> numbers(const std::string& name);
  /// Removes the option and returns its value; false without it.
  bool flag(const std::string& name);
  /// Removes the option and returns its value. Error unless it is missing (null) or has one of the values.
  Json expect(const std::string& name, std::initializer_list<Json> values);
  /// Error with the name of an option that is left.
  void check_empty() const;

 private:
  Json config_;
};

}  // namespace xtape
