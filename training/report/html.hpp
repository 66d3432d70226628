// HTML and SVG elements for reports. They are well-formed XML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape::html {

/// Escapes & < > " ' so that the text contains no markup. Replaces control characters and bytes that are not UTF-8.
std::string escaped(std::string_view text);

/// An <img> element that contains the image (height, width, 1 or 3) uint8 as base64-encoded PNG. `alt` is escaped.
std::string image(const Tensor& image, std::string_view alt);

/// One line of a chart. At values that are not finite the line is interrupted.
struct Curve {
  std::string name, color;
  std::vector<double> x, y;
  bool mark = false;  ///< a single result: drawn as a diamond, with its value in the legend
};
/// An <svg> element with curves over epochs, axes, numbers and a legend.
std::string chart(const std::string& title, const std::vector<Curve>& curves, bool percent = false);

}  // namespace xtape::html
