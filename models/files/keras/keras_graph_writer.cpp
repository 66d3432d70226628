#include <map>
#include <set>

#include "layers/graph/input.hpp"
#include "models/files/keras/keras_axes.hpp"
#include "models/files/keras/keras_classes.hpp"
#include "models/files/keras/keras_graph.hpp"

namespace xtape {
namespace {

/// What is known while the graph is written.
struct WriterState {
  DType dtype;                         ///< of the whole model; models in it may have no parameters, which tell the type
  std::set<const Layer*> layers = {};  ///< written so far
};

Json keras_graph_of(const Model& model, WriterState& state);

/// The number of each node among the calls of its layer.
class Numbers {
 public:
  explicit Numbers(const Model& model) {
    std::map<const Layer*, std::size_t> counts;
    for (const ModelNode& node : model.nodes()) {
      numbers_.push_back(counts[node.layer.get()]++);
    }
  }
  std::size_t operator[](std::size_t node) const { return numbers_[node]; }

 private:
  std::vector<std::size_t> numbers_;
};

std::string type_text(const WriterState& state, DType dtype) {
  return std::string(to_string(dtype == DType::float32 ? state.dtype : dtype));
}

Json history_of(const Model& model, const Numbers& numbers, NodeOutput value) {
  return {model.nodes()[value.node].layer->name(), numbers[value.node], value.output};
}

Json tensor_of(const Model& model, const Numbers& numbers, NodeOutput value, const WriterState& state) {
  const TensorSpec& spec = model.nodes()[value.node].outputs[value.output].spec();
  Json shape = Json::array({nullptr});
  for (const Extent extent : spec.shape) shape.push_back(extent.known() ? Json(extent.value()) : Json());
  Json config;
  config["shape"] = shape;
  config["dtype"] = type_text(state, spec.dtype);
  config["keras_history"] = history_of(model, numbers, value);
  return {{"class_name", "__keras_tensor__"}, {"config", config}};
}

Json call_of(const Model& model, const Numbers& numbers, const ModelNode& node, const WriterState& state) {
  Json tensors = Json::array(), arguments = Json::array();
  for (const NodeOutput& input : node.inputs) tensors.push_back(tensor_of(model, numbers, input, state));
  if (tensors.size() == 1) {
    arguments = tensors;
  } else {
    arguments.push_back(tensors);  // a list is one argument
  }
  return {{"args", arguments}, {"kwargs", Json::object()}};
}

/// The number of axes of the first input of a layer, with the batch axis; -1 if it has none.
int rank_of_input(const Model& model, const Layer& layer) {
  for (const ModelNode& node : model.nodes()) {
    if (node.layer.get() != &layer || node.inputs.empty()) continue;
    const NodeOutput& input = node.inputs[0];
    return model.nodes()[input.node].outputs[input.output].shape().rank() + 1;
  }
  return -1;
}

Json keras_layer_of(const Model& model, const std::shared_ptr<Layer>& layer, WriterState& state) {
  check(state.layers.insert(layer.get()).second || layer->named_parameters().empty(),
        "layer {}: expected a layer with parameters in one model alone, got one that is in a model and in another that "
        "is a layer of it; what they share would be lost",
        layer->name());
  Json json;
  if (const std::optional<Model> inner = Model::from_layer(layer)) {
    json = keras_graph_of(*inner, state);
  } else {
    const std::string type = layer->type();
    check(is_keras_class(type), "layer {} of class {}: expected a layer that Keras has, got one that it lacks",
          layer->name(), type);
    const auto apart = layer->separately_trainable();
    check(apart.empty(),
          "layer {}: expected parameters that are trainable or frozen with their layer, got {}, which was set apart; "
          "Keras has one flag for a layer: call set_trainable() of the layer",
          layer->name(), apart.empty() ? "" : apart.front().first);
    Json config{{"name", layer->name()}};
    if (!layer->named_parameters().empty())
      config["trainable"] = layer->trainable();  // SpatialDropout has no such option
    if (type != "InputLayer") config["dtype"] = to_string(state.dtype);
    try {
      config.update(options_to_keras(type, layer->config()));
      check_keras_axes(type, config, rank_of_input(model, *layer));
    } catch (const Error& error) {
      fail_as(error, "layer {} of class {}: {}", layer->name(), type, error.what());
    }
    if (type == "InputLayer" && config.at("dtype") == "float32") config["dtype"] = to_string(state.dtype);
    json = {{"module", "keras.layers"}, {"class_name", type}, {"config", config}, {"registered_name", nullptr}};
  }
  json["name"] = layer->name();
  json["inbound_nodes"] = Json::array();
  return json;
}

/// One tensor alone, or the list of several, as Keras returns them.
Json tensors_of(const Model& model, const Numbers& numbers, const std::vector<NodeOutput>& values) {
  Json list = Json::array();
  for (const NodeOutput& value : values) {
    list.push_back(history_of(model, numbers, value));
    if (!Model::from_layer(model.nodes()[value.node].layer)) continue;
    list.back()[1] = numbers[value.node] + 1;  // here Keras counts the model's own inputs as the first call
  }
  return list.size() == 1 ? Json(list[0]) : list;
}

Json keras_graph_of(const Model& model, WriterState& state) {
  const Numbers numbers(model);
  Json layers = Json::array();
  std::map<const Layer*, std::size_t> places;
  // The order in which the weights are numbered, because xtape numbers those that it reads by this list.
  for (const KerasNode& node : keras_nodes(model)) {
    places.emplace(node.layer.get(), layers.size());
    layers.push_back(keras_layer_of(model, node.layer, state));
  }
  for (const ModelNode& node : model.nodes()) {
    const std::size_t place = places.at(node.layer.get());
    if (!is_input(*node.layer)) layers[place]["inbound_nodes"].push_back(call_of(model, numbers, node, state));
  }
  std::vector<NodeOutput> inputs;
  for (const std::size_t node : model.input_nodes()) inputs.push_back({node});
  Json config;
  config["name"] = model.name();
  config["trainable"] = true;  // the flags of the layers decide
  config["layers"] = layers;
  config["input_layers"] = tensors_of(model, numbers, inputs);
  config["output_layers"] = tensors_of(model, numbers, model.output_nodes());
  return {{"module", "keras.src.models.functional"},
          {"class_name", "Functional"},
          {"config", config},
          {"registered_name", "Functional"}};
}

}  // namespace

Json graph_to_keras(const Model& model) {
  try {
    WriterState state{.dtype = model.dtype()};
    return keras_graph_of(model, state);
  } catch (const Json::exception& error) {
    fail("expected names in UTF-8, got: {:.200}", error.what());
  }
}

}  // namespace xtape
