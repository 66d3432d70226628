#include "models/plot.hpp"

#include <algorithm>
#include <mutex>

#include "framework/io/atomic_file.hpp"
#include "framework/io/extension.hpp"
#ifdef XTAPE_GRAPHVIZ
#include <graphviz/gvc.h>
#endif

namespace xtape {
namespace {

#ifdef XTAPE_GRAPHVIZ
constexpr bool with_graphviz = true;

/// Lays the graph out and draws it. One thread at a time: Graphviz's library has globals.
std::string drawn(const std::string& dot, const std::string& format) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const std::unique_ptr<GVC_t, int (*)(GVC_t*)> context(gvContext(), gvFreeContext);
  const std::unique_ptr<Agraph_t, int (*)(Agraph_t*)> graph(agmemread(dot.c_str()), agclose);
  check(context && graph, "plot_model: expected Graphviz to read the graph, got an error");
  check(gvLayout(context.get(), graph.get(), "dot") == 0,
        "plot_model: expected Graphviz to lay the graph out, got an error");
  char* bytes = nullptr;
  unsigned length = 0;
  const int status = gvRenderData(context.get(), graph.get(), format.c_str(), &bytes, &length);
  const std::string picture = status == 0 && bytes ? std::string(bytes, length) : "";
  if (bytes) gvFreeRenderData(bytes);
  gvFreeLayout(context.get(), graph.get());
  check(!picture.empty(), "plot_model: expected Graphviz to draw {}, got an error; is its plugin for that installed?",
        format);
  return picture;
}
#else
constexpr bool with_graphviz = false;

std::string drawn(const std::string& /*dot*/, const std::string& format) {
  fail(
      "plot_model: expected a build with Graphviz's library for .{}, got one without; install libgraphviz-dev and "
      "configure anew, or write .dot, which Graphviz's dot draws",
      format);
}
#endif

/// Takes out every piece from `begin` to the end of `end`.
void erase_pieces(std::string& text, std::string_view begin, std::string_view end) {
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    text.erase(at, text.find(end, at + begin.size()) + end.size() - at);
  }
}

}  // namespace

bool can_draw() { return with_graphviz; }

std::string model_svg(const Model& model, const PlotOptions& options) {
  std::string svg = drawn(dot_text(model, options), "svg");
  svg.erase(0, svg.find("<svg"));
  erase_pieces(svg, " xmlns=\"", "\"");  // known in HTML, and addresses of the network look like links to it
  erase_pieces(svg, " xmlns:xlink=\"", "\"");
  erase_pieces(svg, "<!--", "-->\n");
  erase_pieces(svg, "<title>", "</title>\n");  // names of nodes in DOT, which would come up under the pointer
  return svg;
}

void plot_model(const Model& model, const std::filesystem::path& path, const PlotOptions& options) {
  const std::string extension = lower_case_extension(path);
  const std::vector<std::string> known{".dot", ".svg", ".png", ".pdf"};
  check(std::ranges::find(known, extension) != known.end(),
        "plot_model: expected a file .dot, .svg, .png or .pdf, got {}", path.string());
  const std::string dot = dot_text(model, options);
  const std::string picture = extension == ".dot" ? dot : drawn(dot, extension.substr(1));
  write_atomically(path, [&](std::ostream& stream) { stream << picture; });
}

}  // namespace xtape
