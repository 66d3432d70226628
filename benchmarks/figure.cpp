#include "benchmarks/figure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <iterator>

namespace xtape::bench {
namespace {

constexpr double panel_width = 360, panel_height = 300;
constexpr double left = 56, right = 16, top = 52, bottom = 48;
constexpr std::array colors{"#c2410c", "#1d4ed8", "#15803d", "#7e22ce"};

/// The distance of ticks: 1, 2 or 5 times a power of ten, so that about five ticks reach `highest`.
double tick_distance(double highest) {
  const double power = std::pow(10, std::floor(std::log10(highest / 5)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power * 5 >= highest) return factor * power;
  }
  return 10 * power;
}

class Chart {
 public:
  Chart(const Panel& panel, double offset) : panel_(panel), offset_(offset) {
    double highest = 0;
    for (const Line& line : panel.lines) {
      for (const double value : line.values) highest = std::isfinite(value) ? std::max(highest, value) : highest;
    }
    distance_ = tick_distance(highest > 0 ? highest : 1);
    ticks_ = std::max(1, static_cast<int>(std::ceil(highest / distance_)));
  }

  std::string draw() {
    text(offset_ + left, 20, "start", "font-weight=\"bold\"", panel_.title);
    draw_axes();
    for (std::size_t i = 0; i < panel_.lines.size(); ++i) draw_line(i);
    return std::move(out_);
  }

 private:
  double x(std::size_t position) const {
    const double share = (static_cast<double>(position) + 0.5) / static_cast<double>(panel_.x.size());
    return offset_ + left + share * (panel_width - left - right);
  }
  double y(double value) const {
    return panel_height - bottom - value / (distance_ * ticks_) * (panel_height - top - bottom);
  }

  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }
  void text(double at_x, double at_y, const char* anchor, const std::string& style, const std::string& what) {
    add("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" {}>{}</text>", at_x, at_y, anchor, style, what);
  }

  void draw_axes() {
    for (int i = 0; i <= ticks_; ++i) {
      const double value = i * distance_;
      add("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>", offset_ + left,
          offset_ + panel_width - right, y(value), y(value), i == 0 ? "#444" : "#ddd");
      text(offset_ + left - 6, y(value) + 4, "end", "fill=\"#444\"", fmt::format("{:g}", value));
    }
    for (std::size_t i = 0; i < panel_.x.size(); ++i) {
      text(x(i), panel_height - bottom + 16, "middle", "fill=\"#444\"", panel_.x[i]);
    }
    text(offset_ + (left + panel_width - right) / 2, panel_height - 10, "middle", "fill=\"#444\"", panel_.x_label);
  }

  void draw_line(std::size_t index) {
    const Line& line = panel_.lines[index];
    const char* color = colors[index % colors.size()];
    std::string points;
    for (std::size_t i = 0; i < std::min(line.values.size(), panel_.x.size()); ++i) {
      if (!std::isfinite(line.values[i])) continue;
      points += fmt::format("{:.1f},{:.1f} ", x(i), y(line.values[i]));
      add("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>", x(i), y(line.values[i]), color);
    }
    add("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>", points, color);
    text(offset_ + left + 90 * static_cast<double>(index), 38, "start", fmt::format("fill=\"{}\"", color), line.name);
  }

  const Panel& panel_;
  double offset_, distance_ = 1;
  int ticks_ = 1;
  std::string out_;
};

}  // namespace

std::string svg(const std::vector<Panel>& panels, const std::string& y_label) {
  const double width = panel_width * static_cast<double>(panels.size());
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" height=\"{1:g}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0:g}\" height=\"{1:g}\" fill=\"white\"/>\n",
      width, panel_height);
  out += fmt::format("<text transform=\"translate(14 {:g}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                     (top + panel_height - bottom) / 2, y_label);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    out += Chart(panels[i], panel_width * static_cast<double>(i)).draw();
  }
  return out + "</svg>\n";
}

}  // namespace xtape::bench
