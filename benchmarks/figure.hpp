// Line charts as SVG.
#pragma once

#include <string>
#include <vector>

namespace xtape::bench {

struct Line {
  std::string name;
  std::vector<double> values;  ///< one for each place on the x axis; those that are not finite are left out
};

/// A chart; its y axis begins at 0, its places on the x axis are equally far apart.
struct Panel {
  std::string title, x_label;
  std::vector<std::string> x;
  std::vector<Line> lines;
};

/// The panels side by side as an SVG document. Lines of one name have one color in all of them. Texts are taken as they
/// are: without &, < and >.
std::string svg(const std::vector<Panel>& panels, const std::string& y_label);

}  // namespace xtape::bench
