#include "models/graph/plot.hpp"

#include <algorithm>

#include "framework/io/atomic_file.hpp"
#include "framework/io/extension.hpp"
#include "framework/io/helper_process.hpp"
#include "framework/io/with_place.hpp"

namespace xtape {
namespace {

/// The picture, drawn by the library of Graphviz in a separate process.
std::string drawn(const std::string& dot, const std::string& format) {
  HelperProcess helper("plot_model", draw_helper);
  const auto answer = helper.ask({dot, format});
  check(answer.has_value(), "plot_model: expected Graphviz to draw {}, got a fault in its library ({})", format,
        helper.end());
  return answer->at(0);
}

/// Removes each part of the text from `begin` to the end of `end`.
void erase_pieces(std::string& text, std::string_view begin, std::string_view end) {
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    text.erase(at, text.find(end, at + begin.size()) + end.size() - at);
  }
}

}  // namespace

bool can_draw() { return !find_helper(draw_helper).empty(); }

std::string model_svg(const Model& model, const PlotOptions& options) {
  std::string svg = drawn(dot_text(model, options), "svg");
  svg.erase(0, svg.find("<svg"));
  erase_pieces(svg, " xmlns=\"", "\"");  // not needed in HTML, and addresses look like external links
  erase_pieces(svg, " xmlns:xlink=\"", "\"");
  erase_pieces(svg, "<!--", "-->\n");
  erase_pieces(svg, "<title>", "</title>\n");  // names of DOT nodes, which a browser shows as tooltips
  return svg;
}

void plot_model(const Model& model, const std::filesystem::path& path, const PlotOptions& options) {
  const std::string extension = lower_case_extension(path);
  const std::vector<std::string> known{".dot", ".svg", ".png", ".pdf"};
  check(std::ranges::find(known, extension) != known.end(),
        "plot_model: expected a file .dot, .svg, .png or .pdf, got {}", path_text(path));
  const std::string dot = dot_text(model, options);
  const std::string picture = extension == ".dot" ? dot : drawn(dot, extension.substr(1));
  write_atomically(
      path, [&](std::ostream& stream) { stream << picture; }, "plot_model");
}

}  // namespace xtape
