// A picture of a model's layer graph.
#pragma once

#include <filesystem>
#include <string>

#include "models/model.hpp"

namespace xtape {

struct PlotOptions {
  bool shapes = true;      ///< the shape of each layer's output
  bool parameters = true;  ///< the number of its parameters
  bool blocks = true;      ///< a frame around what lies between two values through which everything passes
};

/// The graph in Graphviz's DOT language (https://graphviz.org/doc/info/lang.html): a box for each call of a layer,
/// coloured by kind, a frame for each model used as a layer and for each block, such as those of ResNet-50. Names may
/// hold any text.
std::string dot_text(const Model& model, const PlotOptions& options = {});

/// Whether there is the program xtape-draw, which draws what dot_text says with Graphviz's library.
bool can_draw();

/// The picture as an <svg> element for an HTML page, needing nothing else. Error without xtape-draw, or when Graphviz
/// fails.
std::string model_svg(const Model& model, const PlotOptions& options = {});

/// Writes the picture, all or nothing, in the format that the extension says: .dot always, .svg, .png or .pdf by
/// the program xtape-draw. Error for other extensions, when that program is missing, when Graphviz fails, or when the
/// file can't be written.
void plot_model(const Model& model, const std::filesystem::path& path, const PlotOptions& options = {});

}  // namespace xtape
