// The graph of a model in an event file.
#include <event.pb.h>
#include <map>

#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"
#include "training/tensorboard/events.hpp"

namespace xtape {
namespace {

using namespace xtape_tensorboard;

GraphDef graph_of(const Model& model) {
  Event event;
  GraphDef graph;
  REQUIRE((event.ParseFromString(events::graph({2}, model)) && graph.ParseFromString(event.graph_def())));
  return graph;
}

TEST_CASE("the graph has a node for each call of a layer, and groups for inner models") {
  const auto inner_input = Input({4}, {.name = "features"});
  const auto shared = Dense({.units = 4, .name = "shared"});
  const Model inner(inner_input, shared(shared(inner_input)), {.name = "inner"});
  const auto input = Input({any, 4}, {.name = "in"});
  const auto x = GlobalAveragePooling1D({.name = "pool"})(input);
  const auto y = inner(x);
  const auto z = Add({.name = "sum"})({x, y});
  const Model model({input}, {z, inner(z)}, {.name = "outer"});
  const GraphDef graph = graph_of(model);
  std::map<std::string, std::string> nodes;
  for (const auto& node : graph.node()) {
    nodes[node.name()] = fmt::format("{} ({})", node.op(), fmt::join(node.input(), ", "));
  }
  CHECK(nodes == std::map<std::string, std::string>{{"in", "Placeholder ()"},
                                                    {"pool", "GlobalAveragePooling1D (in)"},
                                                    {"inner/shared", "Dense (pool)"},
                                                    {"inner/shared_1", "Dense (inner/shared)"},
                                                    {"sum", "Add (pool, inner/shared_1)"},
                                                    {"inner_1/shared", "Dense (sum)"},
                                                    {"inner_1/shared_1", "Dense (inner_1/shared)"}});
  const auto& first = graph.node(0);
  const auto& shape = first.attr().at("_output_shapes").list().shape(0);
  REQUIRE(shape.dim_size() == 3);
  CHECK((shape.dim(0).size() == -1 && shape.dim(1).size() == -1 && shape.dim(2).size() == 4));
  CHECK(first.attr().at("dtype").type() == DT_FLOAT);
  for (const auto& node : graph.node()) {
    CHECK((node.op() == "Dense" ? node.attr().at("parameters").i() == 20 : !node.attr().contains("parameters")));
  }
}

TEST_CASE("the nodes of a graph have the types of their values") {
  const auto types_of = [](const Model& model) {
    const GraphDef graph = graph_of(model);
    std::vector<DataType> types;
    for (const auto& node : graph.node()) types.push_back(node.attr().at("dtype").type());
    return types;
  };
  const auto tokens = Input({.shape = {3}, .dtype = DType::int64}),
             bytes = Input({.shape = {4}, .dtype = DType::uint8});
  Model model({tokens, bytes}, {Flatten()(bytes), Embedding({.input_dim = 5, .output_dim = 2})(tokens)});
  CHECK(types_of(model) == std::vector{DT_INT64, DT_UINT8, DT_UINT8, DT_FLOAT});
  model.convert(DType::float64);
  CHECK(types_of(model) == std::vector{DT_INT64, DT_UINT8, DT_UINT8, DT_DOUBLE});
}

TEST_CASE("events of images of another rank, type or number of channels are refused with their tag, type and shape") {
  struct Row {
    DType dtype;
    Shape shape;
    std::string text;
  };
  for (const auto& [dtype, shape, text] : {Row{DType::float32, {2, 3, 1}, "float32 (2, 3, 1)"},
                                           {DType::uint8, {0, 2, 3, 1}, "uint8 (0, 2, 3, 1)"},
                                           {DType::float64, {1, 2, 3, 2}, "float64 (1, 2, 3, 2)"},
                                           {DType::uint8, {1, 2, 3, 4}, "uint8 (1, 2, 3, 4)"},
                                           {DType::int64, {1, 2, 3, 1}, "int64 (1, 2, 3, 1)"}}) {
    CHECK(test::error_of([&, &dtype = dtype, &shape = shape] {
            events::images({2}, "a tag", Tensor::zeros(shape, dtype));
          }) == "EventFile: expected images (n, height, width, 1 or 3), floating or uint8, for a tag, got " + text);
  }
  CHECK(test::error_of([] {
          events::images({2}, "", Tensor::zeros({1, 2, 3, 1}));
        }) == "EventFile: expected a tag, got an empty one");
}

}  // namespace
}  // namespace xtape
