#include "models/graph/plot.hpp"

#include <fstream>
#include <set>

#include "layers/layers.hpp"
#include "models/zoo/resnet50.hpp"
#include "tests/models/everything.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_CASE("the picture of ResNet-50 has a box for each layer, an arrow for each input and 16 frames of blocks") {
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

TEST_CASE("the picture of a model with every kind of connection is the stored one") {
  std::ifstream stored(test::source_root() / "tests/models/picture.dot");
  CHECK(dot_text(test::model_with_everything()) == std::string{std::istreambuf_iterator<char>(stored), {}});
}

TEST_CASE("names are escaped, and nested models are frames") {
  const SymbolicTensor input = Input({2});
  const Model inner(input, Flatten({.name = "a\"<b>&"})(input), {.name = "in<ner"});
  const SymbolicTensor outer = Input({2});
  const std::string text = dot_text(Model(outer, Activation(relu, {.name = "end"})(inner(outer))));
  CHECK_THAT(text, Catch::Contains("a&quot;&lt;b&gt;&amp;</td>") && Catch::Contains("label=<in&lt;ner>"));
  const Model foreign(input, Flatten({.name = "größe_手"})(input));
  CHECK_THAT(dot_text(foreign), Catch::Contains("größe_手</td>"));
  const Model escapes(input, Flatten({.name = "\\N\\l"})(input));
  CHECK_THAT(dot_text(escapes), Catch::Contains("&#92;N&#92;l</td>"));
  const Model broken(input, Flatten()(input));
  broken.nodes().back().layer->rename(
      "a\x01\n\x7F\x1F"
      "b\xff\x80 \xe6\x89!");
  CHECK_THAT(dot_text(broken), Catch::Contains("a    b&#92;xff&#92;x80 &#92;xe6&#92;x89!</td>"));
  CHECK_THAT(text, Catch::Contains("\"n0\" -> \"n1_0\"") && Catch::Contains("\"n1_0\" -> \"n1_1\"") &&
                       Catch::Contains("\"n1_1\" -> \"n2\""));
}

/// The value of an attribute in the line of the layer of this name.
std::string field_of(const std::string& text, const std::string& layer, const std::string& key) {
  const std::size_t name = text.find("</b>  " + layer + "</td>");
  REQUIRE(name != std::string::npos);
  const std::string line = text.substr(name, text.find('\n', name) - name);
  const std::size_t begin = line.find(key + "=\"");
  REQUIRE(begin != std::string::npos);
  return line.substr(begin + key.size() + 2, line.find('"', begin + key.size() + 2) - begin - key.size() - 2);
}

TEST_CASE("each kind of layer has its own colour") {
  const SymbolicTensor input = Input({4, 4, 2}, {.name = "input"});
  SymbolicTensor x = Conv2D({.filters = 2, .name = "conv"})(input);
  x = BatchNormalization({.name = "norm"})(x);
  x = Activation(relu, {.name = "relu"})(x);
  x = Dropout({.rate = 0.5, .name = "dropout"})(x);
  x = Add({.name = "add"})({x, Multiply({.name = "multiply"})({x, x})});
  x = MaxPooling2D({.pool_size = 2, .name = "largest"})(x);
  x = AveragePooling2D({.pool_size = 2, .name = "mean"})(x);
  x = Dense({.units = 2, .name = "dense"})(Flatten({.name = "flatten"})(x));
  const std::string text = dot_text(Model(input, x));
  for (const std::string key : {"fillcolor", "color"}) {
    const auto of = [&](const std::string& layer) { return field_of(text, layer, ", " + key); };
    CHECK(of("relu") == of("dropout"));
    CHECK(of("add") == of("multiply"));
    CHECK(of("largest") == of("mean"));
    std::set<std::string> kinds;
    for (const char* layer : {"input", "conv", "norm", "relu", "add", "largest", "flatten"}) kinds.insert(of(layer));
    CHECK(kinds.size() == 7);
  }
}

TEST_CASE("the frame of a block ends with the activation directly after it") {
  const SymbolicTensor input = Input({4, 4, 2});
  const auto conv = [](const char* name) { return Conv2D({.filters = 2, .name = name}); };
  SymbolicTensor x = Add({.name = "sum"})({input, conv("branch")(input)});
  x = conv("between")(Activation(relu, {.name = "behind"})(x));
  const std::string text = dot_text(Model(input, Activation(relu, {.name = "late"})(x)));
  REQUIRE(count(text, "subgraph") == 1);
  const std::size_t begin = text.find("subgraph"), end = text.find("\n  }\n", begin);
  const std::string frame = text.substr(begin, end - begin);
  for (const char* name : {"branch", "sum", "behind"}) CHECK_THAT(frame, Catch::Contains(name));
  for (const char* name : {"between", "late"}) CHECK_THAT(frame, !Catch::Contains(name));
}

TEST_CASE("a label shows parameters if there are any, and shapes and parameters as requested") {
  const SymbolicTensor input = Input({3, 2});
  const Model model(input, Dense({.units = 4, .name = "dense"})(Flatten({.name = "flatten"})(input)));
  CHECK(count(dot_text(model), "parameters") == 1);
  CHECK_THAT(dot_text(model), Catch::Contains("(4) · 28 parameters"));
  CHECK(count(dot_text(model, {.parameters = false}), "parameters") == 0);
  CHECK_THAT(dot_text(model, {.shapes = false}), Catch::Contains(">28 parameters") && !Catch::Contains("(4)"));
}

TEST_CASE("edges into a nested model lead to the input that receives the value") {
  const SymbolicTensor a = Input({2}), b = Input({2}), first = Input({2}), second = Input({2});
  const Model inner(std::vector<SymbolicTensor>{a, b}, Add()({a, Activation(relu)(b)}));
  const Model outer(std::vector<SymbolicTensor>{first, second}, inner({first, second}));
  const std::string text = dot_text(outer);
  const std::vector<std::size_t>& places = inner.input_nodes();
  REQUIRE(places.size() == 2);
  CHECK(count(text, fmt::format("\"n0\" -> \"n2_{}\"", places[0])) == 1);
  CHECK(count(text, fmt::format("\"n1\" -> \"n2_{}\"", places[1])) == 1);
}

TEST_CASE("the extension selects the format of a picture") {
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

TEST_CASE("the picture for a page is one self-contained element") {
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
