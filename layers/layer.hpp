// Layer: a function of tensors with parameters, and the graph that layers form when they are called.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/autograd/forward_pass.hpp"
#include "layers/initializer.hpp"
#include "layers/layer_config.hpp"
#include "layers/regularizer.hpp"
#include "layers/symbolic_tensor.hpp"

namespace xtape {

/// What a layer needs to create a parameter. All extents of the shape must be known.
struct ParameterSpec {
  std::string name;
  PartialShape shape;
  Initializer initializer;
  bool trainable = true;
  Regularizer regularizer = {};
};

/// Where a layer's parameters get their values from: by their path below the layer, "kernel" or "conv1/kernel".
using ParameterValues = std::function<Tensor(const std::string& path, const ParameterSpec& spec)>;

/// A layer inside another one, and its name there: a component of the paths of its parameters.
struct Sublayer {
  std::string name;
  std::shared_ptr<Layer> layer;
};

/// The definition of a layer. Derive from it and override output_specs(), parameter_specs() if there are parameters,
/// and call(). Specs are those of one sample; variables have the batch axis in front.
///
/// A layer may hold other layers: as members, which sublayers() lists. Then output_specs() builds them,
/// `return second_.build(first_.build(inputs));`, and call() computes with them, `return {second_(first_(x, pass),
/// pass)};`. Everything that follows from parameters (names, files, freezing, initial values, regularization, counts)
/// includes theirs.
class Layer : public std::enable_shared_from_this<Layer> {
 public:
  explicit Layer(std::string name) : name_(std::move(name)) {}
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  virtual ~Layer() = default;

  /// The layer's type as Keras names it, "Conv2D".
  virtual std::string type() const = 0;
  /// The outputs, at least one, for these inputs, of which extents may be unknown. Error (see reject) when the layer
  /// can't take them.
  virtual std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const = 0;
  /// The parameters for these inputs; none by default.
  virtual std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& /*inputs*/) const { return {}; }
  /// The computation: one variable for each of output_specs().
  virtual std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const = 0;
  /// The layers inside this one, each once, in the order in which parameters are listed; none by default. The names are
  /// different, not empty and hold no "/".
  virtual std::vector<Sublayer> sublayers() const { return {}; }
  /// The options, for files: `return config_of(options_);` in a layer whose Options list their fields(). Error by
  /// default: a layer without it can't be saved.
  virtual LayerConfig config() const;

  /// The activation that the outputs have gone through, "softmax"; empty when there is none or it is not known.
  virtual std::string output_activation() const { return ""; }
  /// Whether each output value is a value of the inputs, a mean of some of them, or 0: then the activation that the
  /// inputs have gone through still holds for the outputs.
  virtual bool keeps_activation() const { return false; }

  /// As given, or as made by the Model that first used the layer; empty before.
  const std::string& name() const { return name_; }
  /// "Conv2D conv1", for messages; "Conv2D" before it has a name.
  std::string title() const;

  /// Infers the outputs and, at the first call, creates the parameters. Error with the layer's name and the inputs when
  /// one does not fit, or does not fit the parameters of the first call, or a parameter depends on an unknown extent.
  std::vector<TensorSpec> build(const std::vector<TensorSpec>& inputs);
  /// Calls the layer in the layer graph: builds it, and gives all outputs.
  std::vector<SymbolicTensor> connect(const std::vector<SymbolicTensor>& inputs);
  /// The same for a layer of one output; Error for one of several.
  SymbolicTensor connect_one(const std::vector<SymbolicTensor>& inputs);
  /// The computation, with the layer's title in front of the errors of its ops.
  std::vector<Variable> run(const std::vector<Variable>& inputs, ForwardPass& pass) const;
  /// The same for a layer of one output; Error for one of several.
  Variable run_one(const std::vector<Variable>& inputs, ForwardPass& pass) const;

  /// The parameters get these values: those that exist now, the others when the layer is built, instead of initial
  /// ones. Error, before memory is taken for a parameter that does not exist yet, when a value has another shape.
  void give_values(const ParameterValues& values);

  /// What build() inferred the first time; empty before.
  const std::vector<TensorSpec>& outputs() const { return outputs_; }

  /// The parameters with their path below this layer, "kernel" or "conv1/kernel"; there are none before the layer is
  /// built. A parameter of a layer that is inside twice has two paths.
  std::vector<std::pair<std::string, Parameter>> named_parameters() const;
  /// A parameter of this layer itself by its name in parameter_specs(), for state that is no function of the inputs.
  const Parameter& parameter(std::string_view name) const;
  /// The same as a variable of the pass.
  Variable parameter(ForwardPass& pass, std::string_view name) const;

  /// All layers inside this one and inside those, each once.
  std::vector<std::shared_ptr<Layer>> all_sublayers() const;

  /// Freezes the parameters, or trains them again, with those of the layers inside; those that are never trained
  /// (moving averages) stay as they are. An optimizer changes what is trainable at the time of each
  /// pass. A frozen
  /// BatchNormalization normalizes by its moving averages in training too and does not move them, as in Keras.
  void set_trainable(bool trainable);
  /// What set_trainable() last said of this layer itself; of a Model, whether a layer in it is trainable.
  virtual bool trainable() const { return trainable_; }

  /// What the regularizers of this layer and of all inside add to the loss: the sum of l2 * sum(w^2) over trainable
  /// parameters, each once, as a scalar of this pass. Nothing, at no cost, when there are none.
  std::optional<Variable> regularization(ForwardPass& pass) const;

  /// Gives a name, and names all parameters by their paths, for a Model.
  void rename(std::string name);

  /// Claims the streams that the initial values of the layer's parameters came from, and those that their initializers
  /// ask for; of layers in this one nothing. `seed`: of the values that are still to come. Values that were given, by a
  /// file for example, may have come from this seed too: they keep the streams that it would have given them.
  void claim_streams(std::uint64_t seed, InitialStreams& taken) const;
  /// Draws initial values for the parameters that have none, number i from stream `stream` + i of `seed`; and again for
  /// those that still have initial values from a stream that is claimed for another parameter. In both cases the stream
  /// is the next free one in steps of streams::another_round. Then those of the layers inside, from the streams behind.
  /// Returns the number of streams by which the next layer is ahead: the same for every layer without others inside, so
  /// that an option of one does not change the numbers of those behind it.
  std::uint64_t initialize(std::uint64_t seed, std::uint64_t stream, InitialStreams& taken);

 protected:
  /// Throws Error "Conv2D conv1: expected <expected>, got <inputs>".
  [[noreturn]] void reject(std::string_view expected, const std::vector<TensorSpec>& inputs) const;
  /// The shape of the one input. Error when there are more or none, when it is not floating, or when its rank is not
  /// `rank` (-1: any).
  const PartialShape& only_input(const std::vector<TensorSpec>& inputs, int rank = -1) const;
  /// The one input, of any type and rank. Error when there are more or none.
  const TensorSpec& only_input_of_any_type(const std::vector<TensorSpec>& inputs) const;

  /// Called before the first output_specs(), for a Model whose graph depends on its inputs.
  virtual void prepare(const std::vector<TensorSpec>& /*inputs*/) {}

 private:
  /// The random stream of an initial value.
  struct Source {
    std::uint64_t seed, stream;
  };
  struct Owned {
    ParameterSpec spec;
    Parameter parameter;
    bool given;  ///< its first value was given, not drawn
    /// Nothing before initialize(); for a value that was given the stream from which it would have been drawn.
    std::optional<Source> source = std::nullopt;
  };
  Tensor initial_value(const ParameterSpec& spec, Source source) const;
  Tensor given_value(const ParameterSpec& spec, const ParameterValues& values) const;
  void create_parameters(const std::vector<ParameterSpec>& specs, const std::vector<TensorSpec>& inputs);
  void check_reuse(const std::vector<ParameterSpec>& specs, const std::vector<TensorSpec>& inputs) const;
  void check_sublayers() const;
  void name_parameters(const std::string& path);

  std::string name_;
  bool built_ = false;
  std::vector<TensorSpec> outputs_;  // of the first build
  bool trainable_ = true;
  std::vector<Owned> parameters_;
  ParameterValues values_;  // for the parameters that are still to be made
};

/// How users hold a layer: made from its options, called on symbolic tensors, or inside another layer on variables.
/// Copies are the same layer, so calling one twice shares its parameters.
template <class Definition>
class LayerHandle {
 public:
  using Options = typename Definition::Options;
  LayerHandle(Options options = {})  // NOLINT(google-explicit-constructor): Conv2D({...}) and Flatten() are layers
      : layer_(std::make_shared<Definition>(std::move(options))) {}

  /// In the layer graph: the output of a layer of one output, or all outputs.
  SymbolicTensor operator()(const SymbolicTensor& input) const { return layer_->connect_one({input}); }
  SymbolicTensor operator()(const std::vector<SymbolicTensor>& inputs) const { return layer_->connect_one(inputs); }
  std::vector<SymbolicTensor> call(const std::vector<SymbolicTensor>& inputs) const { return layer_->connect(inputs); }

  /// In the computation of a layer that holds this one.
  Variable operator()(const Variable& input, ForwardPass& pass) const { return layer_->run_one({input}, pass); }
  Variable operator()(const std::vector<Variable>& inputs, ForwardPass& pass) const {
    return layer_->run_one(inputs, pass);
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
    return layer_->run(inputs, pass);
  }
  /// See Layer::build(), for output_specs() of a layer that holds this one.
  std::vector<TensorSpec> build(const std::vector<TensorSpec>& inputs) const { return layer_->build(inputs); }

  Definition* operator->() const { return layer_.get(); }
  const std::shared_ptr<Definition>& definition() const { return layer_; }
  operator std::shared_ptr<Layer>() const { return layer_; }  // NOLINT(google-explicit-constructor): is a layer

 private:
  std::shared_ptr<Definition> layer_;
};

}  // namespace xtape
