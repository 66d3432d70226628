// Pieces of HTML and SVG, for reports; well-formed XML as well.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape::html {

/// Text with & < > " ' written so that it is only ever text, and bytes that are no UTF-8 or control characters
/// replaced.
std::string escaped(std::string_view text);

/// An <img> with the image (height, width, 1 or 3) uint8 inside it, as PNG in base64; `alt` is escaped.
std::string image(const Tensor& image, std::string_view alt);

/// One line of a chart; values that are not finite are left out and break it.
struct Curve {
  std::string name, color;
  std::vector<double> x, y;
  bool mark = false;  ///< a result measured once: a diamond, and its value in the legend
};
/// An <svg> of curves over epochs, with axes, numbers and a legend.
std::string chart(const std::string& title, const std::vector<Curve>& curves, bool percent = false);

}  // namespace xtape::html
