#include "training/keras/settings_text.hpp"

#include <algorithm>
#include <optional>
#include <sstream>

#include "framework/error.hpp"
#include "framework/parse_number.hpp"

namespace xtape {
namespace {

std::optional<double> number_of(const std::string& word) {
  if (word == "true" || word == "false") return word == "true" ? 1 : 0;
  return parse_number<double>(word);
}

auto find(std::vector<std::pair<std::string, std::vector<double>>>& options, const std::string& option) {
  return std::ranges::find_if(options, [&](const auto& given) { return given.first == option; });
}

}  // namespace

Settings::Settings(const std::string& text) {
  const std::size_t bracket = text.find(" (");
  name = text.substr(0, bracket);
  if (bracket == std::string::npos) return;
  std::istringstream words(text.substr(bracket + 2));
  for (std::string word; words >> word;) {
    while (word.ends_with(',') || word.ends_with(')')) word.pop_back();
    if (word.empty()) continue;  // of a list without numbers
    const std::optional<double> number = number_of(word);
    if (number && !options.empty()) {
      options.back().second.push_back(*number);
    } else {
      options.emplace_back(word, std::vector<double>());
    }
  }
}

double Settings::take(const std::string& option, double otherwise) {
  const std::vector<double> numbers = take_all(option);
  return numbers.empty() ? otherwise : numbers.front();
}

std::vector<double> Settings::take_all(const std::string& option) {
  const auto found = find(options, option);
  if (found == options.end()) return {};
  std::vector<double> numbers = std::move(found->second);
  options.erase(found);
  return numbers;
}

bool Settings::take_flag(const std::string& option) {
  const auto found = find(options, option);
  if (found == options.end()) return false;
  options.erase(found);
  return true;
}

void Settings::check_empty() const {
  check(options.empty(), "{}: expected options that Keras has, got {}", name,
        options.empty() ? "" : options.front().first);
}

}  // namespace xtape
