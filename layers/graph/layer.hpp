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
#include "layers/graph/layer_config.hpp"
#include "layers/graph/symbolic_tensor.hpp"
#include "layers/parameters/constraint.hpp"
#include "layers/parameters/initializer.hpp"
#include "layers/parameters/regularizer.hpp"

namespace xtape {

/// The description of a parameter that a layer needs. All extents of the shape must be known.
struct ParameterSpec {
  std::string name;              ///< unique in the layer, such as "kernel"
  PartialShape shape;            ///< shape of the parameter
  Initializer initializer;       ///< draws the initial value
  bool trainable = true;         ///< false for state that no optimizer changes, such as moving averages
  Regularizer regularizer = {};  ///< added to the loss while the parameter is trainable
  Constraint constraint = {};    ///< applied by optimizers after each step
};

/// A function that returns the value of a parameter by its path below the layer, "kernel" or "conv1/kernel".
using ParameterValues = std::function<Tensor(const std::string& path, const ParameterSpec& spec)>;

/// A layer inside another layer.
struct Sublayer {
  std::string name;              ///< the name in the outer layer: a component of the paths of its parameters
  std::shared_ptr<Layer> layer;  ///< the inner layer
};

/// The base class of layers. A custom layer derives from it and overrides output_specs(), call(), and parameter_specs()
/// if it has parameters. Specs describe one sample; variables have the batch axis in front.
///
/// A layer may hold other layers as members, which sublayers() lists. Then output_specs() builds them,
/// `return second_.build(first_.build(inputs));`, and call() computes with them, `return {second_(first_(x, pass),
/// pass)};`. Their parameters are included wherever parameters matter: names, files, freezing, initial values,
/// regularization and counts. A layer that computes with another one without listing it in sublayers() is an Error at
/// its first call. Layers are held by a std::shared_ptr or a LayerHandle.
class Layer : public std::enable_shared_from_this<Layer> {
 public:
  /// A layer with a name; with an empty name the model gives one.
  explicit Layer(std::string name) : name_(std::move(name)) {}
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  virtual ~Layer() = default;

  /// The type of the layer by its name in Keras, such as "Conv2D".
  virtual std::string type() const = 0;
  /// The specs of the outputs, at least one, for inputs with these specs. Extents may be unknown. Error (see reject())
  /// when the layer does not accept the inputs.
  virtual std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const = 0;
  /// The parameters that the layer needs for these inputs; none by default.
  virtual std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& /*inputs*/) const { return {}; }
  /// Computes the outputs: one variable for each of output_specs().
  virtual std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const = 0;
  /// The layers inside this one, each once, in the order in which their parameters are listed; none by default. The
  /// names must be different, not empty and without "/".
  virtual std::vector<Sublayer> sublayers() const { return {}; }
  /// The options for model files: `return config_of(options_);` in a layer whose Options have fields(). The default
  /// throws an Error: a layer that does not override it cannot be saved.
  virtual LayerConfig config() const;

  /// The name of the activation that was applied to the outputs, such as "softmax"; empty when there is none or it is
  /// unknown.
  virtual std::string output_activation() const { return ""; }
  /// Whether each output value is a value of the inputs, a mean of some of them, or 0. Then the activation that was
  /// applied to the inputs is also that of the outputs.
  virtual bool keeps_activation() const { return false; }

  /// The name as given, or as made by the first Model that uses the layer; empty before.
  const std::string& name() const { return name_; }
  /// Type and name for messages, "Conv2D conv1"; "Conv2D" while the layer has no name.
  std::string title() const;

  /// Returns the specs of the outputs and, at the first call, creates the parameters. Error with the layer's name and
  /// the inputs when the layer does not accept them, when they need other parameters than the first call, or when the
  /// shape of a parameter depends on an unknown extent. After an Error of the first call the layer and its sublayers
  /// are as before, so that they can be called on other inputs.
  std::vector<TensorSpec> build(const std::vector<TensorSpec>& inputs);
  /// Adds a call of the layer to the layer graph: builds the layer and returns all outputs.
  std::vector<SymbolicTensor> connect(const std::vector<SymbolicTensor>& inputs);
  /// connect() for a layer with one output. Error if there are several.
  SymbolicTensor connect_one(const std::vector<SymbolicTensor>& inputs);
  /// Computes the outputs by call(). Errors of its ops get the layer's title as a prefix.
  std::vector<Variable> run(const std::vector<Variable>& inputs, ForwardPass& pass) const;
  /// run() for a layer with one output. Error if there are several.
  Variable run_one(const std::vector<Variable>& inputs, ForwardPass& pass) const;

  /// Sets the values of the parameters. Parameters that do not exist yet get their values when the layer is built,
  /// instead of initial values. Error when a value has another shape; for a new parameter before memory is allocated.
  void give_values(const ParameterValues& values);

  /// The output specs of the first build(); empty before.
  const std::vector<TensorSpec>& outputs() const { return outputs_; }

  /// The parameters with their paths below this layer, "kernel" or "conv1/kernel"; none before the layer is built. A
  /// parameter of a layer that is contained twice has two paths.
  std::vector<std::pair<std::string, Parameter>> named_parameters() const;
  /// A parameter of this layer itself by its name in parameter_specs(), as a variable of the pass, with respect to
  /// which the pass differentiates. Error if it has no value yet: values are drawn when a Model is made, or given by
  /// give_values() or Parameter::set_value().
  Variable parameter(ForwardPass& pass, std::string_view name) const;
  /// State of this layer itself, such as a moving average, by its name in parameter_specs(): a parameter that is
  /// declared with `trainable` = false. call() may read its value, which has no derivative, and announces a new one
  /// with pass.update(). Error for any other parameter, because a computation with its stored value would give it no
  /// gradient.
  const Parameter& state(std::string_view name) const;
  /// The object T(value) that is computed from a parameter of this layer itself alone, such as a packed kernel, or null
  /// if the pass may not use it (see ForwardPass::derived()); then call() computes with parameter(pass, name).
  template <class T>
  std::shared_ptr<const T> derived(const ForwardPass& pass, std::string_view name) const {
    return pass.derived<T>(own(name).parameter);
  }

  /// All layers inside this one at any depth, each once. Error if one of them is a null pointer or this layer.
  std::vector<std::shared_ptr<Layer>> all_sublayers() const;

  /// Freezes the parameters of this layer and of all layers inside (false), or makes them trainable again (true).
  /// Parameters that are never trained, such as moving averages, are not affected. An optimizer changes the parameters
  /// that are trainable at the time of each pass. A frozen BatchNormalization normalizes by its moving averages in
  /// training too and does not update them, as in Keras.
  void set_trainable(bool trainable);
  /// Internal: the parameters of this layer itself, by their names, whose flag differs from the one that the layer's
  /// set_trainable() gives, because Parameter::set_trainable() was called.
  std::vector<std::pair<std::string, Parameter>> separately_trainable() const;
  /// The last argument of set_trainable() for this layer, true at first; for a Model, whether any of its layers is
  /// trainable.
  virtual bool trainable() const { return trainable_; }

  /// The regularization loss of this layer and of all layers inside: the sum of the penalties of the
  /// trainable parameters, each once, as a scalar of this pass. Nothing, at no cost, when no parameter has a
  /// regularizer.
  std::optional<Variable> regularization(ForwardPass& pass) const;

  /// Internal: sets the name of the layer, and names its parameters by their paths.
  void rename(std::string name);

  /// Internal: claims the random streams of the initial values of this layer's own parameters, and those that their
  /// initializers need. `seed` is the seed of the values that are not drawn yet. Values that were given, by a file
  /// for example, may come from the same seed: they keep the streams from which they would have been drawn.
  void claim_streams(std::uint64_t seed, InitialStreams& taken) const;
  /// Internal: draws initial values for the parameters without a value, parameter i from stream `stream` + i of `seed`.
  /// It draws again for parameters whose initial values come from a stream that another parameter has claimed. A stream
  /// that is taken is replaced by the next free one in steps of streams::another_round. The layers inside follow, with
  /// the next streams. Returns the number of streams to skip for the next layer: it is equal for all layers without
  /// inner layers, so an option of one layer does not change the initial values of later layers.
  std::uint64_t initialize(std::uint64_t seed, std::uint64_t stream, InitialStreams& taken);

 protected:
  /// Throws Error "Conv2D conv1: expected <expected>, got <inputs>".
  [[noreturn]] void reject(std::string_view expected, const std::vector<TensorSpec>& inputs) const;
  /// The shape of the only input. Error when there is not exactly one input, when its type is not floating point, or
  /// when its rank is not `rank` (-1: any rank).
  const PartialShape& only_input(const std::vector<TensorSpec>& inputs, int rank = -1) const;
  /// The only input, of any type and rank. Error when there is not exactly one input.
  const TensorSpec& only_input_of_any_type(const std::vector<TensorSpec>& inputs) const;

  /// Internal: called before the first output_specs(), for a Model whose graph depends on its inputs.
  virtual void prepare(const std::vector<TensorSpec>& /*inputs*/) {}

 private:
  /// The random stream of an initial value.
  struct Source {
    std::uint64_t seed, stream;
  };
  struct Owned {
    ParameterSpec spec;
    Parameter parameter;
    bool given;  ///< the first value was given, not drawn
    /// Nothing before initialize(). For a value that was given: the stream from which it would have been drawn.
    std::optional<Source> source = std::nullopt;
  };
  const Owned& own(std::string_view name) const;
  Tensor initial_value(const ParameterSpec& spec, Source source) const;
  Tensor given_value(const ParameterSpec& spec, const ParameterValues& values) const;
  void create_parameters(const std::vector<ParameterSpec>& specs, const std::vector<TensorSpec>& inputs);
  void check_reuse(const std::vector<ParameterSpec>& specs, const std::vector<TensorSpec>& inputs) const;
  /// sublayers(), for functions that visit them. Error as for all_sublayers().
  std::vector<Sublayer> existing_sublayers() const;
  void check_sublayers() const;
  std::vector<TensorSpec> build_now(const std::vector<TensorSpec>& inputs);
  void name_parameters(const std::string& path);

  std::string name_;
  bool built_ = false;
  std::vector<TensorSpec> outputs_;  // of the first build
  bool trainable_ = true;
  std::vector<Owned> parameters_;
  ParameterValues values_;  // for the parameters that are not created yet
};

/// A handle of a layer. It is made from the layer's options and called on symbolic tensors, or, inside another layer,
/// on variables. Copies refer to the same layer, so several calls share its parameters.
template <class Definition>
class LayerHandle {
 public:
  using Options = typename Definition::Options;  ///< the options of the layer
  /// Makes a layer from its options.
  LayerHandle(Options options = {})  // NOLINT(google-explicit-constructor): Conv2D({...}) and Flatten() are layers
      : layer_(std::make_shared<Definition>(std::move(options))) {}
  /// Copies share the layer. A move copies, so its source stays valid.
  LayerHandle(const LayerHandle&) = default;
  /// As the copy constructor.
  LayerHandle& operator=(const LayerHandle&) = default;
  ~LayerHandle() = default;

  /// Adds a call on one input to the layer graph. Returns the only output; Error if the layer has several.
  SymbolicTensor operator()(const SymbolicTensor& input) const { return layer_->connect_one({input}); }
  /// Adds a call on several inputs to the layer graph. Returns the only output; Error if the layer has several.
  SymbolicTensor operator()(const std::vector<SymbolicTensor>& inputs) const { return layer_->connect_one(inputs); }
  /// Adds a call to the layer graph. Returns all outputs.
  std::vector<SymbolicTensor> call(const std::vector<SymbolicTensor>& inputs) const { return layer_->connect(inputs); }

  /// Computes the only output for one input, inside call() of another layer. Error if the layer has several outputs.
  Variable operator()(const Variable& input, ForwardPass& pass) const { return layer_->run_one({input}, pass); }
  /// Computes the only output for several inputs. Error if the layer has several outputs.
  Variable operator()(const std::vector<Variable>& inputs, ForwardPass& pass) const {
    return layer_->run_one(inputs, pass);
  }
  /// Computes all outputs.
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
    return layer_->run(inputs, pass);
  }
  /// Builds the layer inside output_specs() of another layer, see Layer::build().
  std::vector<TensorSpec> build(const std::vector<TensorSpec>& inputs) const { return layer_->build(inputs); }

  /// Access to the members of the layer.
  Definition* operator->() const { return layer_.get(); }
  /// The layer.
  const std::shared_ptr<Definition>& definition() const { return layer_; }
  /// Converts the handle to the layer, for lists of layers.
  operator std::shared_ptr<Layer>() const { return layer_; }  // NOLINT(google-explicit-constructor): is a layer

 private:
  std::shared_ptr<Definition> layer_;
};

}  // namespace xtape
