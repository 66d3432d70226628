#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "training/report/html.hpp"

namespace xtape::html {
namespace {

constexpr double width = 460, height = 260, left = 54, right = 12, top = 12, bottom = 44;

/// The range of the finite values that were added. If all are equal, or there are none, it gets a positive width.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void finish() {
    if (low > high) low = 0, high = 1;
    const double least = 1e-9 + 1e-6 * std::abs(high);
    if (high - low < least) low -= least, high += std::max(least, std::abs(high) * 0.1);
  }
  double share(double value) const { return (value / 2 - low / 2) / (high / 2 - low / 2); }  // halved to avoid overflow
};

/// The smallest step of 1, 2 or 5 times a power of ten for which the range has at most `most` steps.
double step_of(const Range& range, double most) {
  const double rough = (range.high / most - range.low / most);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

/// The range extended to multiples of the step, so that the ends of the axis have numbers.
Range rounded(const Range& range, double step) {
  const Range whole{std::floor(range.low / step + 1e-9) * step, std::ceil(range.high / step - 1e-9) * step};
  return std::isfinite(whole.low) && std::isfinite(whole.high) ? whole : range;
}

std::vector<double> ticks(const Range& range, double step) {
  std::vector<double> values;
  const double first = std::ceil(range.low / step - 1e-9);
  for (double i = 0; i <= 20 && (first + i) * step <= range.high + 1e-9 * step; ++i)
    values.push_back((first + i) * step);
  return values;
}

std::string number(double value, bool percent) {
  if (percent) return fmt::format("{:.4g}%", 100 * value);
  return fmt::format("{:.4g}", std::abs(value) < 1e-15 ? 0 : value);
}

struct Frame {
  Range x, y;
  double px(double value) const { return left + x.share(value) * (width - left - right); }
  double py(double value) const { return height - bottom - y.share(value) * (height - top - bottom); }
};

std::string axes(const Frame& frame, bool percent) {
  std::string svg;
  for (const double y : ticks(frame.y, step_of(frame.y, 5))) {
    svg += fmt::format("<line class='grid' x1='{}' x2='{}' y1='{:.1f}' y2='{:.1f}'/>", left, width - right, frame.py(y),
                       frame.py(y));
    svg += fmt::format("<text x='{}' y='{:.1f}' text-anchor='end'>{}</text>", left - 8, frame.py(y) + 4,
                       number(y, percent));
  }
  const double base = height - bottom;
  svg += fmt::format("<line class='axis' x1='{}' x2='{}' y1='{}' y2='{}'/>", left, width - right, base, base);
  for (const double x : ticks(frame.x, std::max(1.0, step_of(frame.x, 8)))) {
    svg += fmt::format(
        "<line class='axis' x1='{0:.1f}' x2='{0:.1f}' y1='{1}' y2='{2}'/><text x='{0:.1f}' y='{3}' "
        "text-anchor='middle'>{4:.0f}</text>",
        frame.px(x), base, base + 4, base + 18, x);
  }
  return svg + fmt::format("<text x='{:.1f}' y='{}' text-anchor='middle'>epoch</text>", (left + width - right) / 2,
                           height - 8);
}

std::string mark(const Frame& frame, const Curve& curve) {
  std::string svg;
  for (std::size_t i = 0; i < curve.y.size(); ++i) {
    if (!std::isfinite(curve.y[i])) continue;
    svg += fmt::format("<path d='M{:.1f} {:.1f}l6 6l-6 6l-6 -6z' fill='{}' stroke='#fff'/>", frame.px(curve.x[i]),
                       frame.py(curve.y[i]) - 6, curve.color);
  }
  return svg;
}

std::string line(const Frame& frame, const Curve& curve) {
  std::string svg, path;
  bool pen_down = false;
  for (std::size_t i = 0; i < curve.y.size(); ++i) {
    if (!std::isfinite(curve.y[i])) {
      pen_down = false;
      continue;
    }
    const double x = frame.px(curve.x[i]), y = frame.py(curve.y[i]);
    path += fmt::format("{}{:.1f} {:.1f} ", pen_down ? 'L' : 'M', x, y);
    pen_down = true;
    if (curve.y.size() <= 30)
      svg += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='2.6' fill='{}'/>", x, y, curve.color);
  }
  return fmt::format("<path d='{}' fill='none' stroke='{}' stroke-width='2' stroke-linejoin='round'/>{}", path,
                     curve.color, svg);
}

}  // namespace

std::string chart(const std::string& title, const std::vector<Curve>& curves, bool percent) {
  Frame frame;
  std::string legend;
  for (const Curve& curve : curves) {
    for (const double x : curve.x) frame.x.add(x);
    for (const double y : curve.y) frame.y.add(y);
    legend += fmt::format(" <span><i{} style='background:{}'></i>{}{}</span>", curve.mark ? " class='mark'" : "",
                          curve.color, escaped(curve.name), curve.mark ? " " + number(curve.y.at(0), percent) : "");
  }
  frame.y.add(percent ? 1 : 0);  // the axis of a loss includes 0, that of an accuracy 1
  frame.x.finish();
  frame.y.finish();
  frame.y = rounded(frame.y, step_of(frame.y, 5));
  std::string svg = fmt::format(
      "<figure><figcaption>{}<span class='legend'>{}</span></figcaption><svg viewBox='0 0 {} {}' role='img' "
      "aria-label='{}'>",
      escaped(title), legend, width, height, escaped(title));
  svg += axes(frame, percent);
  for (const Curve& curve : curves) svg += curve.mark ? mark(frame, curve) : line(frame, curve);
  return svg + "</svg></figure>\n";
}

}  // namespace xtape::html
