// A picture of a model's layer graph.
#pragma once

#include <filesystem>
#include <string>

#include "models/graph/model.hpp"

namespace xtape {

/// Options of dot_text(), model_svg() and plot_model().
struct PlotOptions {
  bool shapes = true;      ///< show the shape of each layer's output
  bool parameters = true;  ///< show the number of each layer's parameters
  bool blocks = true;      ///< draw a frame around the layers between two values that all paths pass through
};

/// The graph in the DOT language of Graphviz (https://graphviz.org/doc/info/lang.html): a box for each call of a layer,
/// coloured by kind, and a frame for each model used as a layer and for each block, such as those of ResNet-50. Names
/// may contain any text.
std::string dot_text(const Model& model, const PlotOptions& options = {});

/// Whether the program xtape-draw is installed. It draws the graph of dot_text() with the library of Graphviz.
bool can_draw();

/// The picture as a self-contained `<svg>` element for an HTML page. Error when xtape-draw is missing, or when Graphviz
/// fails.
std::string model_svg(const Model& model, const PlotOptions& options = {});

/// Writes the picture in the format of the extension: .dot, or, with the program xtape-draw, .svg, .png or .pdf. The
/// file is written atomically. Error for other extensions, when xtape-draw is missing, when Graphviz fails, or when the
/// file cannot be written.
void plot_model(const Model& model, const std::filesystem::path& path, const PlotOptions& options = {});

}  // namespace xtape
