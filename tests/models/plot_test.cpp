#include "models/plot.hpp"

#include <fstream>

#include "layers/layers.hpp"
#include "models/resnet50.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_CASE("the picture of ResNet-50 has a box a layer, an arrow an input and a frame for each of its 16 blocks") {
  const Model model = resnet50();
  const std::string text = dot_text(model);
  std::size_t arrows = 0;
  for (const ModelNode& node : model.nodes()) arrows += node.inputs.size();
  CHECK(count(text, "[label=<") == model.nodes().size());
  CHECK(count(text, " -> ") == arrows);
  CHECK(count(text, "subgraph") == 16);
  CHECK(count(dot_text(model, {.blocks = false}), "subgraph") == 0);
  CHECK_THAT(text, Catch::Contains("<b>Conv2D</b>  conv1</td>") && Catch::Contains("(32 × 32 × 64) · 9472 parameters"));
}

TEST_CASE("names are escaped, and models inside are frames") {
  const SymbolicTensor input = Input({2});
  const Model inner(input, Flatten({.name = "a\"<b>&"})(input), {.name = "in<ner"});
  const SymbolicTensor outer = Input({2});
  const std::string text = dot_text(Model(outer, Activation(relu, {.name = "end"})(inner(outer))));
  CHECK_THAT(text, Catch::Contains("a&quot;&lt;b&gt;&amp;</td>") && Catch::Contains("label=<in&lt;ner>"));
  const Model foreign(input, Flatten({.name = "größe_手"})(input));
  CHECK_THAT(dot_text(foreign), Catch::Contains("größe_手</td>"));
  CHECK_THAT(text, Catch::Contains("\"n0\" -> \"n1_0\"") && Catch::Contains("\"n1_0\" -> \"n1_1\"") &&
                       Catch::Contains("\"n1_1\" -> \"n2\""));
}

TEST_CASE("pictures are written by extension") {
  const test::TemporaryFolder folder;
  const SymbolicTensor input = Input({2});
  const Model model(input, Dense({.units = 1, .name = "d\"<"})(input));
  plot_model(model, folder / "model.dot");
  plot_model(model, folder / "large.DOT");
  CHECK(std::filesystem::file_size(folder / "large.DOT") == std::filesystem::file_size(folder / "model.dot"));
  std::ifstream stream(folder / "model.dot");
  CHECK(std::string{std::istreambuf_iterator<char>(stream), {}} == dot_text(model));
  CHECK_THAT(error_of([&] { plot_model(model, folder / "model.gif"); }),
             Catch::Contains("expected a file .dot, .svg, .png or .pdf, got " + (folder / "model.gif").string()));
  const std::vector<std::pair<std::string, std::string>> formats{{"svg", "<?xml"}, {"png", "\x89PNG"}, {"pdf", "%PDF"}};
  for (const auto& [format, start] : formats) {
    const auto path = folder / ("model." + format);
    try {
      plot_model(model, path);
    } catch (const Error& error) {
      if (std::string(error.what()).find("libgraphviz-dev") != std::string::npos) test::skip(error.what());
      throw;
    }
    std::ifstream picture(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(picture), {}};
    CHECK(bytes.substr(0, start.size()) == start);
  }
}

TEST_CASE("the picture for a page is one element that asks for nothing from elsewhere") {
  const SymbolicTensor input = Input({2});
  const Model model(input, Dense({.units = 1, .name = "größe<!--"})(input));
  if (!can_draw()) {
    CHECK_THAT(error_of([&] { model_svg(model); }), Catch::Contains("libgraphviz-dev"));
    return;
  }
  const std::string svg = model_svg(model);
  CHECK(svg.starts_with("<svg "));
  CHECK(svg.ends_with("</svg>\n"));
  CHECK(count(svg, "http") == 0);
  CHECK(count(svg, "<title") == 0);
  CHECK(count(svg, "<!--") == 0);
  CHECK_THAT(svg, Catch::Contains("größe&lt;!"));
}

}  // namespace
}  // namespace xtape
