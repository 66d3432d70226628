// Line charts as SVG.
#pragma once

#include <string>
#include <vector>

namespace xtape::bench {

struct Line {
  std::string name;
  std::vector<double> values;  ///< one per position on the x axis; values that are not finite are not drawn
};

/// A chart. Its y axis begins at 0; the positions on its x axis are equidistant and labelled `x`.
struct Panel {
  std::string title, x_label;
  std::vector<std::string> x;
  std::vector<Line> lines;
};

/// Draws the panels side by side as an SVG document. The i-th line of every panel has the same color. Texts must not
/// contain &, < or >, because they are not escaped.
std::string svg(const std::vector<Panel>& panels, const std::string& y_label);

}  // namespace xtape::bench
