#include "training/metrics/figures.hpp"

#include <algorithm>
#include <cctype>

#include "framework/error.hpp"

namespace xtape {

std::optional<double> Figures::find(std::string_view name) const {
  const auto found = std::ranges::find(figures_, name, &Figure::name);
  return found == figures_.end() ? std::nullopt : std::optional(found->value);
}

double Figures::operator[](std::string_view name) const {
  const std::optional<double> value = find(name);
  if (!value) {
    std::vector<std::string_view> names;
    for (const Figure& figure : figures_) names.push_back(figure.name);
    fail("Figures: expected one of {}, got \"{}\"", names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")),
         name);
  }
  return *value;
}

void Figures::set(std::string_view name, double value) {
  const auto found = std::ranges::find(figures_, name, &Figure::name);
  if (found == figures_.end()) {
    figures_.push_back({std::string(name), value});
  } else {
    found->value = value;
  }
}

void Figures::append(const Figures& more, std::string_view prefix) {
  for (const auto& [name, value] : more) set(fmt::format("{}{}", prefix, name), value);
}

std::string figure_text(std::string_view name, double value) {
  return name.ends_with("accuracy") ? fmt::format("{:.1f}%", 100 * value) : fmt::format("{:.4f}", value);
}

std::string to_string(const Figures& figures) {
  std::string text;
  for (const auto& [name, value] : figures) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, figure_text(name, value));
  }
  return text;
}

void check_figure_name(std::string_view function, std::string_view name) {
  const bool fits = std::ranges::all_of(name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-+.@() ").find(c) != std::string::npos;
  });
  check(!name.empty() && fits, "{}: expected a name of letters, digits and _, got \"{:.40}\"", function, name);
}

}  // namespace xtape
