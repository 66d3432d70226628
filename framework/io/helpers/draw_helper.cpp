// The helper program xtape-draw: draws a graph with the Graphviz library for an xtape process.
#include <graphviz/gvc.h>
#include <memory>
#include <string>

#include "framework/error.hpp"
#include "framework/io/helpers/serve.hpp"

namespace {

using namespace xtape;

/// The picture of a graph in the DOT language.
std::string drawn(const std::string& dot, const std::string& format) {
  const std::unique_ptr<GVC_t, int (*)(GVC_t*)> context(gvContext(), gvFreeContext);
  const std::unique_ptr<Agraph_t, int (*)(Agraph_t*)> graph(agmemread(dot.c_str()), agclose);
  check(context && graph, "plot_model: expected Graphviz to read the graph, got an error");
  check(gvLayout(context.get(), graph.get(), "dot") == 0,
        "plot_model: expected Graphviz to lay the graph out, got an error");
  char* bytes = nullptr;
  unsigned length = 0;
  const int status = gvRenderData(context.get(), graph.get(), format.c_str(), &bytes, &length);
  std::string picture = status == 0 && bytes ? std::string(bytes, length) : "";
  if (bytes) gvFreeRenderData(bytes);
  gvFreeLayout(context.get(), graph.get());
  check(!picture.empty(), "plot_model: expected Graphviz to draw {}, got an error; is its plugin for that installed?",
        format);
  return picture;
}

}  // namespace

/// A request consists of a graph in the DOT language and a format, such as "svg". The reply is the picture.
int main() {
  helpers::serve([](Channel&, const Channel::Texts& question) {
    check(question.size() == 2, "xtape-draw: expected a graph and a format, got {} texts", question.size());
    return helpers::Answer{.texts = {drawn(question[0], question[1])}};
  });
}
