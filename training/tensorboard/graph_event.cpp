#include <event.pb.h>
#include <map>
#include <set>
#include <vector>

#include "layers/graph/input.hpp"
#include "training/tensorboard/events.hpp"

namespace xtape::events {
namespace {

using xtape_tensorboard::GraphDef;
using xtape_tensorboard::NodeDef;

xtape_tensorboard::DataType type_of(DType dtype) {
  switch (dtype) {
    case DType::float64: return xtape_tensorboard::DT_DOUBLE;
    case DType::int64: return xtape_tensorboard::DT_INT64;
    case DType::uint8: return xtape_tensorboard::DT_UINT8;
    default: return xtape_tensorboard::DT_FLOAT;
  }
}

/// Adds the calls of a model to a graph.
class GraphWriter {
 public:
  explicit GraphWriter(GraphDef& graph) : graph_(graph) {}

  /// Adds a model whose inputs have the names `inputs` in the graph; without names they become nodes. Returns the names
  /// of the outputs.
  std::vector<std::string> add(const Model& model, const std::string& prefix, const std::vector<std::string>& inputs) {
    std::vector<std::vector<std::string>> values;  // the names of the outputs of each node
    for (std::size_t n = 0; n < model.nodes().size(); ++n) {
      const ModelNode& node = model.nodes()[n];
      const auto input = std::ranges::find(model.input_nodes(), n);
      if (input != model.input_nodes().end() && !inputs.empty()) {
        values.push_back({inputs[static_cast<std::size_t>(input - model.input_nodes().begin())]});
        continue;
      }
      std::vector<std::string> arguments;
      for (const NodeOutput& argument : node.inputs) arguments.push_back(values[argument.node][argument.output]);
      const std::string name = unused(prefix + node.layer->name());
      const std::optional<Model> inner = Model::from_layer(node.layer);
      values.push_back(inner ? add(*inner, name + "/", arguments) : add(node, name, arguments, model.dtype()));
    }
    std::vector<std::string> outputs;
    for (const NodeOutput& output : model.output_nodes()) outputs.push_back(values[output.node][output.output]);
    return outputs;
  }

 private:
  std::vector<std::string> add(const ModelNode& call, const std::string& name,
                               const std::vector<std::string>& arguments, DType floating) {
    NodeDef& node = *graph_.add_node();
    node.set_name(name);
    node.set_op(is_input(*call.layer) ? "Placeholder" : call.layer->type());  // as TensorFlow names inputs
    for (const std::string& argument : arguments) node.add_input(argument);
    auto& attributes = *node.mutable_attr();
    const DType dtype = call.outputs.front().dtype();
    attributes["dtype"].set_type(type_of(is_floating(dtype) ? floating : dtype));
    std::vector<std::string> outputs;
    for (const SymbolicTensor& output : call.outputs) {
      auto& shape = *attributes["_output_shapes"].mutable_list()->add_shape();
      shape.add_dim()->set_size(-1);  // unknown
      for (const Extent extent : output.shape()) shape.add_dim()->set_size(extent.known() ? extent.value() : -1);
      outputs.push_back(outputs.empty() ? name : fmt::format("{}:{}", name, outputs.size()));
    }
    std::int64_t parameters = 0;
    for (const auto& [path, parameter] : call.layer->named_parameters()) parameters += parameter.shape().size();
    if (parameters > 0) attributes["parameters"].set_i(parameters);
    return outputs;
  }

  /// The name, or with a number for a further call of a layer.
  std::string unused(const std::string& name) {
    std::string candidate = name;
    for (int i = 1; !names_.insert(candidate).second; ++i) candidate = fmt::format("{}_{}", name, i);
    return candidate;
  }

  GraphDef& graph_;
  std::set<std::string> names_;
};

}  // namespace

std::string graph(const Moment& moment, const Model& model) {
  GraphDef graph;
  GraphWriter(graph).add(model, "", {});
  graph.mutable_versions()->set_producer(22);  // the first with the current meaning of all fields
  xtape_tensorboard::Event event;
  event.set_wall_time(moment.wall_time);
  event.set_step(moment.step);
  event.set_graph_def(graph.SerializeAsString());
  return event.SerializeAsString();
}

}  // namespace xtape::events
