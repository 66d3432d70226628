#include "examples/lab/figures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

namespace xtape::lab {
namespace {

double tolerance(double report, Printed printed) {
  switch (printed) {
    case Printed::decimals4: return 1e-4;
    case Printed::decimals8: return 1e-8;
    case Printed::digits16: return 1e-12 * std::abs(report);
    default: return 0;
  }
}

std::vector<std::string> lines_of(const std::string& text, std::size_t width) {
  std::vector<std::string> lines{""};
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width) lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

using Row = std::array<std::string, 5>;
constexpr std::array<std::size_t, 5> widths{24, 25, 25, 25, 20};

/// The cells in one row, each wrapped to the width of its column.
std::string row_text(const Row& row) {
  std::array<std::vector<std::string>, 5> cells;
  std::size_t height = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    cells[i] = lines_of(row[i], widths[i] - 1);
    height = std::max(height, cells[i].size());
  }
  std::string text;
  for (std::size_t line = 0; line < height; ++line) {
    std::string full;
    for (std::size_t i = 0; i < row.size(); ++i) {
      full += fmt::format("{:<{}}", line < cells[i].size() ? cells[i][line] : "", widths[i]);
    }
    text += full.substr(0, full.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace

bool agrees(const Figure& figure) {
  return std::ranges::equal(figure.report, figure.ours, [&](double report, double ours) {
    return std::abs(report - ours) <= tolerance(report, figure.printed);  // false for NaN
  });
}

bool possible(const Figure& figure) {
  return std::ranges::equal(figure.measures, figure.ours, [](Measure measure, double ours) {
    if (!std::isfinite(ours)) return false;
    return measure == Measure::time ? ours > 0 : ours >= 0 && (measure == Measure::loss || ours <= 1);
  });
}

bool comparable(const Figure& figure) {
  if (!possible(figure) || figure.report.size() != figure.ours.size()) return false;
  for (std::size_t i = 0; i < figure.ours.size(); ++i) {
    const double report = figure.report[i], ours = figure.ours[i];
    const double factor = figure.measures[i] == Measure::loss ? 2 : 3;
    const bool near = figure.measures[i] == Measure::accuracy ? std::abs(ours - report) <= 0.15
                                                              : report <= factor * ours && ours <= factor * report;
    if (!near) return false;
  }
  return true;
}

bool as_expected(const Figure& figure) {
  switch (figure.claim) {
    case Claim::right: return agrees(figure);
    case Claim::wrong: return figure.ours.size() == figure.report.size() && !agrees(figure);
    default: return possible(figure) && (figure.report.empty() || figure.ours.size() == figure.report.size());
  }
}

std::string verdict(const Figure& figure) {
  if (!as_expected(figure)) return "DIFFERENT";
  if (figure.report.empty()) return "not in the report";
  if (figure.claim == Claim::random) return comparable(figure) ? "random, comparable" : "random, not comparable";
  if (figure.claim == Claim::wrong) return "the report is wrong";
  switch (figure.printed) {
    case Printed::decimals4: return "same to 1e-4";
    case Printed::decimals8: return "same to 1e-8";
    case Printed::digits16: return "same to 1e-12";
    default: return "same";
  }
}

std::string table(const std::vector<Figure>& figures) {
  std::size_t total = 0;
  for (const std::size_t width : widths) total += width;
  std::string text = row_text({"step", "quantity", "the report", "xtape", "verdict"}) + std::string(total, '-') + "\n";
  std::string step;
  for (const Figure& figure : figures) {
    text += row_text({figure.step == step ? "" : figure.step, figure.quantity, text_of(figure.report, figure.printed),
                      text_of(figure.ours, figure.printed), verdict(figure)});
    step = figure.step;
  }
  return text;
}

std::string text_of(const std::vector<double>& values, Printed printed) {
  std::vector<std::string> texts;
  for (const double value : values) {
    switch (printed) {
      case Printed::integer: texts.push_back(fmt::format("{:.0f}", value)); break;
      case Printed::decimals4: texts.push_back(fmt::format("{:.4f}", value)); break;
      case Printed::decimals8: texts.push_back(fmt::format("{:.8f}", value)); break;
      default: texts.push_back(fmt::format("{}", value));
    }
  }
  return fmt::format("{}", fmt::join(texts, " "));
}

std::string wrapped(const std::string& text, std::size_t width, std::size_t indent) {
  std::string result;
  for (const std::string& line : lines_of(text, width - indent)) result += std::string(indent, ' ') + line + "\n";
  return result;
}

std::vector<double> elements(const Tensor& x, std::initializer_list<std::int64_t> index) {
  Tensor part = x;
  for (const std::int64_t i : index) part = part.rows(i, i + 1).reshaped(part.shape().without(0));
  return part.to_vector();
}

std::vector<double> extents(const Shape& shape) {
  std::vector<double> numbers;
  for (const std::int64_t extent : shape) numbers.push_back(static_cast<double>(extent));
  return numbers;
}

void append(std::vector<Figure>& figures, const std::vector<Figure>& more) {
  figures.insert(figures.end(), more.begin(), more.end());
}

}  // namespace xtape::lab
