// Model: a graph of layers from inputs to outputs, with parameters that have values.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "layers/graph/layer.hpp"

namespace xtape {

/// Options of a Model.
struct ModelOptions {
  /// The name of the model, "model" if empty. A model that is used as a layer gets a name like other layers.
  std::string name = "";
  /// Seed of the initial values of parameters without values. Each parameter has its own random stream, which depends
  /// on the position of its layer in the model and its position in the layer; so an additional layer at the end does
  /// not change other values. If a nested model, or a layer of another model, already has values from a stream, the
  /// next free stream is used. If two nested models have equal initial values, the second one draws again, except for
  /// values that have changed since (trained, loaded, set).
  std::uint64_t seed = 0;
};

/// Options of Model::summary().
struct SummaryOptions {
  /// Width of the table, in characters; by default that of the terminal, or 98 without a terminal.
  std::optional<int> width = std::nullopt;
  /// Number of samples for which the memory of activations is computed.
  std::int64_t batch_size = 32;
};

/// An output of a node of a model.
struct NodeOutput {
  std::size_t node;        ///< number of the node in Model::nodes()
  std::size_t output = 0;  ///< number of the output among those of the node
  friend bool operator==(NodeOutput, NodeOutput) = default;
};

/// One call of a layer in a model, in the order of computation.
struct ModelNode {
  std::shared_ptr<Layer> layer;         ///< the layer that is called
  std::vector<NodeOutput> inputs;       ///< the arguments of the call
  std::vector<SymbolicTensor> outputs;  ///< the results in the layer graph

  /// Shape of one sample of the first output.
  const PartialShape& shape() const { return outputs.front().shape(); }
};

/// A function that makes the outputs of a graph from its inputs, by calls of layers.
using GraphFunction = std::function<std::vector<SymbolicTensor>(const std::vector<SymbolicTensor>& inputs)>;

/// A network of layers that computes outputs from inputs. It is a handle: copies refer to the same model. Layers
/// without a name get one from their type ("conv2d_1"); parameters without values get initial values. A model that is
/// called on symbolic tensors is a layer.
class Model {
 public:
  /// The model of the graph from `input` to `output`. Error when two layers have the same name, a name contains "/", an
  /// input is not made by Input(), or an output depends on an Input() that is not listed.
  Model(const SymbolicTensor& input, const SymbolicTensor& output, ModelOptions options = {});
  /// The model of a graph with several inputs and outputs. Errors as for one input and one output.
  Model(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs,
        ModelOptions options = {});
  /// The model of a graph with several inputs and one output. Errors as for one input and one output.
  Model(const std::vector<SymbolicTensor>& inputs, const SymbolicTensor& output, ModelOptions options = {});
  /// A model whose graph is made by `define` when the model is first called on symbolic tensors, for inputs with their
  /// specs. Before that call, functions that need the graph throw an Error.
  explicit Model(GraphFunction define, ModelOptions options = {});
  /// Copies share layers and parameters; clone() makes independent ones. A move copies, so its source stays valid.
  Model(const Model&) = default;
  /// As the copy constructor.
  Model& operator=(const Model&) = default;
  ~Model() = default;

  /// Computes the only output for a batch of shape (n, sample shape...). Error when the shape or the element type of
  /// the batch is not that of the model's input.
  Variable operator()(const Variable& input, ForwardPass& pass) const;
  /// Computes all outputs for a batch of each input. The order is that of the constructor.
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const;
  /// Adds a call of the model, as a layer, to the layer graph. Returns the only output.
  SymbolicTensor operator()(const SymbolicTensor& input) const;
  /// Adds a call on several inputs to the layer graph. Returns the only output.
  SymbolicTensor operator()(const std::vector<SymbolicTensor>& inputs) const;
  /// Adds a call to the layer graph. Returns all outputs.
  std::vector<SymbolicTensor> call(const std::vector<SymbolicTensor>& inputs) const;
  /// Builds the model inside output_specs() of another layer, see Layer::build().
  std::vector<TensorSpec> build(const std::vector<TensorSpec>& inputs) const;
  /// Converts the model to a layer, for lists of layers.
  operator std::shared_ptr<Layer>() const { return definition(); }  // NOLINT(google-explicit-constructor): is a layer

  /// The name of the model.
  std::string name() const;
  /// Shape of one sample of the first input.
  const PartialShape& input_shape() const;
  /// Shape of one sample of the first output.
  const PartialShape& output_shape() const;

  /// All parameters, each once, in the order of the layers, including moving averages.
  std::vector<Parameter> parameters() const;
  /// All parameters with their paths, such as "conv1/kernel". A parameter of a layer that is shared with an inner model
  /// has several paths.
  std::vector<std::pair<std::string, Parameter>> named_parameters() const;
  /// The parameter with a path such as "encoder/conv1/kernel". Error with the most similar paths when there is none.
  Parameter parameter(const std::string& path) const;
  /// Number of values in all parameters.
  std::int64_t parameter_count() const;
  /// Number of values in the trainable parameters.
  std::int64_t trainable_count() const;

  /// The calls of layers, in the order of computation.
  const std::vector<ModelNode>& nodes() const;
  /// The numbers of the nodes that are the model's inputs, in the order of the constructor.
  const std::vector<std::size_t>& input_nodes() const;
  /// The values that are the model's outputs, in the order of the constructor.
  const std::vector<NodeOutput>& output_nodes() const;
  /// The inputs in the layer graph.
  std::vector<SymbolicTensor> inputs() const;
  /// The output of a layer in the layer graph. It makes a model of the same layers up to this one:
  /// `Model(model.inputs(), model.layer_output("flatten_1"))`. Error when there is no such layer, it is called several
  /// times, or it has several outputs.
  SymbolicTensor layer_output(const std::string& name) const;
  /// All layers, each once, in the order of their first use, followed by the layers inside them.
  std::vector<std::shared_ptr<Layer>> all_layers() const;
  /// The layer that computes the first output of the model.
  const Layer& output_layer() const;
  /// The name of the activation that was applied to an output, such as "softmax", also if later layers only move,
  /// select or average values. Empty when there is none, it is unknown, or different activations were applied to parts
  /// of it.
  std::string output_activation(std::size_t output = 0) const;
  /// The layer with a path such as "conv1" or "encoder/conv1". Error with the existing or the most similar names when
  /// there is none.
  Layer& layer(const std::string& path) const;

  /// Freezes all layers (false), or makes them trainable again (true), see Layer::set_trainable().
  void set_trainable(bool trainable) const;

  /// The regularization loss of all layers, as a scalar of this pass; nothing when no layer has a regularizer.
  std::optional<Variable> regularization(ForwardPass& pass) const;

  /// Converts all parameters to float32 or float64. The model then computes in this type.
  void convert(DType dtype);
  /// The type that the model computes in, float32 or float64.
  DType dtype() const;

  /// The table of layers as Keras prints it: name and type, output shape, parameters, inputs; long cells continue on
  /// the next line. Below it are the number of parameters, the memory of parameters and activations, and the
  /// multiply-adds for one sample. Error when the width is below 40 or the batch size below 1.
  [[nodiscard]] std::string summary(const SummaryOptions& options = {}) const;

  /// The model as a layer. Its name is empty until a model that contains it gives one.
  std::shared_ptr<Layer> definition() const;
  /// The model of a layer that definition() has returned; nothing for other layers.
  static std::optional<Model> from_layer(const std::shared_ptr<Layer>& layer);

  class Network;  ///< Internal: the layer of a model.
  /// Internal: the layer of this model.
  const Network& network() const { return *network_; }

 private:
  explicit Model(std::shared_ptr<Network> network);
  std::shared_ptr<Network> network_;
};

}  // namespace xtape
