// Model: a graph of layers from inputs to outputs, with numbers in its parameters.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "layers/layer.hpp"

namespace xtape {

struct ModelOptions {
  /// "model" when not given; made like a layer's name when the model is used as a layer.
  std::string name = "";
  /// Seed of the initial values of the parameters that have none yet. Each draws from a random stream of its own: the
  /// place of its layer among the model's layers, and its own among the layer's parameters, so a layer at the end
  /// changes no other's values. Where a nested model, or a layer that another model made, already has values from a
  /// stream, the next free one is taken. Of two nested models with the same initial values the second draws anew,
  /// except for values that have changed since (trained, loaded, set).
  std::uint64_t seed = 0;
};

struct SummaryOptions {
  /// In characters; the terminal's, or 98 when there is none.
  std::optional<int> width = std::nullopt;
  /// Samples for which the memory of activations is given.
  std::int64_t batch_size = 32;
};

/// An output of a node: its number among the model's nodes, and that of the output among the node's.
struct NodeOutput {
  std::size_t node;
  std::size_t output = 0;
  friend bool operator==(NodeOutput, NodeOutput) = default;
};

/// One call of a layer in a model, in the order of computation.
struct ModelNode {
  std::shared_ptr<Layer> layer;
  std::vector<NodeOutput> inputs;       ///< the values that it takes
  std::vector<SymbolicTensor> outputs;  ///< its outputs in the layer graph

  /// Of one sample of the first output.
  const PartialShape& shape() const { return outputs.front().shape(); }
};

/// Makes the outputs of a graph from its inputs.
using GraphFunction = std::function<std::vector<SymbolicTensor>(const std::vector<SymbolicTensor>& inputs)>;

/// A network ready to compute. A handle: copies are the same model. Layers without a name get one from their type
/// ("conv2d_1"), parameters without a value one from their initializer. Called on symbolic tensors it is a layer.
class Model {
 public:
  /// Error when two layers have one name, a name holds a "/", an input is not made by Input, or an output depends on an
  /// Input not listed.
  Model(const SymbolicTensor& input, const SymbolicTensor& output, ModelOptions options = {});
  Model(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs,
        ModelOptions options = {});
  Model(const std::vector<SymbolicTensor>& inputs, const SymbolicTensor& output, ModelOptions options = {});
  /// A block whose graph `define` makes when the model is first called on symbolic tensors, for inputs like these. What
  /// needs the graph is an Error before.
  explicit Model(GraphFunction define, ModelOptions options = {});

  /// The output for a batch (n, sample shape...) of the input's type. Error when the shape or the type is another.
  Variable operator()(const Variable& input, ForwardPass& pass) const;
  /// The outputs for several inputs, in the order of the constructor's.
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const;
  /// The model as a layer of another, or of a layer that holds it: as LayerHandle.
  SymbolicTensor operator()(const SymbolicTensor& input) const;
  SymbolicTensor operator()(const std::vector<SymbolicTensor>& inputs) const;
  std::vector<SymbolicTensor> call(const std::vector<SymbolicTensor>& inputs) const;
  std::vector<TensorSpec> build(const std::vector<TensorSpec>& inputs) const;
  operator std::shared_ptr<Layer>() const { return definition(); }  // NOLINT(google-explicit-constructor): is a layer

  std::string name() const;
  /// Shape of one sample of the first input, of the first output.
  const PartialShape& input_shape() const;
  const PartialShape& output_shape() const;

  /// All parameters once each, in the order of the layers, moving averages included.
  std::vector<Parameter> parameters() const;
  /// The same with their path, e.g. "conv1/kernel"; one that a layer here shares with a model inside has several.
  std::vector<std::pair<std::string, Parameter>> named_parameters() const;
  /// A parameter by its path, "encoder/conv1/kernel"; Error with the paths most like it when there is none.
  Parameter parameter(const std::string& path) const;
  /// Number of values in all parameters, and in those that are trained.
  std::int64_t parameter_count() const;
  std::int64_t trainable_count() const;

  const std::vector<ModelNode>& nodes() const;
  /// The nodes that are the model's inputs, and the values that are its outputs, in the order of the constructor's.
  const std::vector<std::size_t>& input_nodes() const;
  const std::vector<NodeOutput>& output_nodes() const;
  /// The inputs in the layer graph, and the output of a layer, to make another model of the same layers up to there:
  /// Model(model.inputs(), model.layer_output("flatten_1")). Error when there is no such layer, it is called several
  /// times, or has several outputs.
  std::vector<SymbolicTensor> inputs() const;
  SymbolicTensor layer_output(const std::string& name) const;
  /// All layers once each, in the order of their first use, followed by those inside of others.
  std::vector<std::shared_ptr<Layer>> all_layers() const;
  /// The layer whose output is the model's (the first, when there are several).
  const Layer& output_layer() const;
  /// The activation that an output has gone through, "softmax", also when layers behind it only move, select or average
  /// values; empty when there is none, it is not known, or parts of the output have gone through others.
  std::string output_activation(std::size_t output = 0) const;
  /// A layer by its path, "conv1" or "encoder/conv1"; Error with the names there are, or those most like it, when there
  /// is none.
  Layer& layer(const std::string& path) const;

  /// Freezes all layers, or trains them again: see Layer::set_trainable().
  void set_trainable(bool trainable) const;

  /// What the layers' regularizers add to the loss, as a scalar of this pass; nothing when no layer has one.
  std::optional<Variable> regularization(ForwardPass& pass) const;

  /// Converts all parameters to float32 or float64, in which the model then computes.
  void convert(DType dtype);
  DType dtype() const;

  /// The table of layers as Keras prints it: name and type, output shape, parameters, inputs, cells that are too narrow
  /// continued below; then the number of parameters, the memory that they and the values between layers take, and the
  /// multiply-adds for one sample. Error when the width is below 40 or the batch size below 1.
  [[nodiscard]] std::string summary(const SummaryOptions& options = {}) const;

  /// The model as a layer, whose name is empty until it has one.
  std::shared_ptr<Layer> definition() const;
  /// The model that a layer is; nothing when it is none.
  static std::optional<Model> from_layer(const std::shared_ptr<Layer>& layer);

  class Network;  ///< internal to models/
  const Network& network() const { return *network_; }

 private:
  explicit Model(std::shared_ptr<Network> network);
  std::shared_ptr<Network> network_;
};

}  // namespace xtape
