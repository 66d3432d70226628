// Settings: the options in a text such as "huber (delta 0.5)". Internal to training/keras.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace xtape {

/// A name, and the numbers behind each option; true and false are 1 and 0. An option without numbers has an empty list.
/// Losses, metrics, optimizers and schedules describe themselves in this form.
struct Settings {
  /// From "name (option number number, option number)".
  explicit Settings(const std::string& text);

  /// Removes the option and returns its number, or `otherwise` if there is none.
  double take(const std::string& option, double otherwise);
  /// Removes the option and returns its numbers.
  std::vector<double> take_all(const std::string& option);
  /// Removes the option and returns whether there was one.
  bool take_flag(const std::string& option);
  /// Error with the first option that was not taken: Keras does not have it.
  void check_empty() const;

  std::string name;                                                  ///< the text before "("
  std::vector<std::pair<std::string, std::vector<double>>> options;  ///< in the order of the text
};

}  // namespace xtape
