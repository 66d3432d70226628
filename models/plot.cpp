#include "models/plot.hpp"

#include <algorithm>
#include <mutex>

#include "framework/io/atomic_file.hpp"
#ifdef XTAPE_GRAPHVIZ
#include <graphviz/gvc.h>
#endif

namespace xtape {
namespace {

#ifdef XTAPE_GRAPHVIZ
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
std::string drawn(const std::string& /*dot*/, const std::string& format) {
  fail(
      "plot_model: expected a build with Graphviz's library for .{}, got one without; install libgraphviz-dev and "
      "configure anew, or write .dot, which Graphviz's dot draws",
      format);
}
#endif

}  // namespace

void plot_model(const Model& model, const std::filesystem::path& path, const PlotOptions& options) {
  const std::string extension = path.extension();
  const std::vector<std::string> known{".dot", ".svg", ".png", ".pdf"};
  check(std::ranges::find(known, extension) != known.end(),
        "plot_model: expected a file .dot, .svg, .png or .pdf, got {}", path.string());
  const std::string dot = dot_text(model, options);
  const std::string picture = extension == ".dot" ? dot : drawn(dot, extension.substr(1));
  write_atomically(path, [&](std::ostream& stream) { stream << picture; });
}

}  // namespace xtape
