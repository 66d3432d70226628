#include "training/history.hpp"

#include <algorithm>

#include "framework/error.hpp"
#include "framework/io/atomic_file.hpp"

namespace xtape {
namespace {

/// A field of a CSV file (RFC 4180).
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

/// A figure as text, like figure_text(), but learning rates have all significant digits.
std::string cell(const std::string& name, double value) {
  return name == "learning_rate" ? fmt::format("{:.3g}", value) : figure_text(name, value);
}

}  // namespace

const EpochResult& History::last() const {
  check(!epochs_.empty(), "History::last: expected at least one epoch, got none");
  return epochs_.back();
}

std::vector<std::string> History::names() const {
  std::vector<std::string> names;
  for (const EpochResult& epoch : epochs_) {
    for (const Figure& figure : epoch.figures) {
      if (std::ranges::find(names, figure.name) == names.end()) names.push_back(figure.name);
    }
  }
  return names;
}

void History::save_csv(const std::filesystem::path& path) const {
  write_atomically(
      path,
      [&](std::ostream& out) {
        out << "epoch";
        for (const std::string& name : names()) out << ',' << csv_field(name);
        out << '\n';
        for (const EpochResult& epoch : epochs_) {
          out << epoch.epoch;
          for (const std::string& name : names()) {
            const std::optional<double> value = epoch.figures.find(name);
            out << ',' << (value ? fmt::format("{}", *value) : "");
          }
          out << '\n';
        }
      },
      "History::save_csv");
}

std::string History::table() const {
  constexpr std::size_t narrowest = 8;
  std::string text = "epoch";
  for (const std::string& name : names()) text += fmt::format("  {:>{}}", name, std::max(narrowest, name.size()));
  text += '\n';
  for (const EpochResult& epoch : epochs_) {
    text += fmt::format("{:>5}", epoch.epoch);
    for (const std::string& name : names()) {
      const std::optional<double> value = epoch.figures.find(name);
      text += fmt::format("  {:>{}}", value ? cell(name, *value) : "-", std::max(narrowest, name.size()));
    }
    text += '\n';
  }
  return text;
}

}  // namespace xtape
