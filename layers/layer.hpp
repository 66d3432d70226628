// Layer: a function of tensors with parameters of its own, and the graph that layers form when they are called.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/autograd/forward_pass.hpp"
#include "layers/fusion.hpp"
#include "layers/initializer.hpp"
#include "layers/layer_config.hpp"
#include "layers/regularizer.hpp"

namespace xtape {

class Layer;

/// A place in the layer graph: the shape that one sample will have there, and how it comes about. No numbers.
class SymbolicTensor {
 public:
  /// One call of a layer.
  struct Call {
    std::shared_ptr<Layer> layer;
    std::vector<SymbolicTensor> inputs;
    /// Takes the graph behind it apart one call after the other: a chain of 100,000 would overflow the stack if each
    /// destroyed the one before.
    ~Call();
  };

  SymbolicTensor(std::shared_ptr<Call> call, Shape shape) : call_(std::move(call)), shape_(std::move(shape)) {}

  /// Shape of one sample, without the batch axis.
  const Shape& shape() const { return shape_; }
  const Call& call() const { return *call_; }
  friend bool operator==(const SymbolicTensor& a, const SymbolicTensor& b) { return a.call_ == b.call_; }

 private:
  std::shared_ptr<Call> call_;
  Shape shape_;
};

/// A shape with the batch axis in front as Keras prints it: "(None, 64, 64, 3)".
std::string batch_shape_text(const Shape& sample);

/// What a layer needs to create a parameter.
struct ParameterSpec {
  std::string name;
  Shape shape;
  Initializer initializer;
  bool trainable = true;
  Regularizer regularizer = {};
};

/// Where a layer's parameters get their values from, by name.
using ParameterValues = std::function<Tensor(const ParameterSpec& spec)>;

/// The definition of a layer. Derive from it and say three things: the output's shape, the parameters, the computation.
/// Shapes are those of one sample; variables have the batch axis in front.
class Layer : public std::enable_shared_from_this<Layer> {
 public:
  explicit Layer(std::string name) : name_(std::move(name)) {}
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  virtual ~Layer() = default;

  /// The layer's type in Keras's words, "Conv2D".
  virtual std::string type() const = 0;
  /// Shape of the output for inputs of these shapes. Error (see reject) when the layer can't take them.
  virtual Shape output_shape(const std::vector<Shape>& inputs) const = 0;
  /// The parameters for inputs of these shapes; none by default.
  virtual std::vector<ParameterSpec> parameter_specs(const std::vector<Shape>& /*inputs*/) const { return {}; }
  /// The computation.
  virtual Variable call(const std::vector<Variable>& inputs, ForwardPass& pass) const = 0;
  /// The parameters with their path below this layer, e.g. "kernel"; there are none before the layer's first call.
  virtual std::vector<std::pair<std::string, Parameter>> named_parameters() const;

  /// The options, for files: `return config_of(options_);` in a layer whose Options list their fields(). Error by
  /// default: a layer that doesn't say can't be saved.
  virtual LayerConfig config() const;

  /// As given, or as made by the Model that first used the layer; empty before.
  const std::string& name() const { return name_; }

  /// Calls the layer in the layer graph. Infers the output's shape and, at the first call, creates the parameters.
  /// Error with the layer's name and the shapes when an input does not fit, or does not fit the parameters of the first
  /// call.
  SymbolicTensor connect(const std::vector<SymbolicTensor>& inputs);

  /// The same for a layer without parameters yet, which get these values, asked for by their names in parameter_specs,
  /// instead of initial ones. Error, before any memory is taken, when a value has another shape.
  SymbolicTensor connect_with_values(const std::vector<SymbolicTensor>& inputs, const ParameterValues& values);

  /// What a Model may compute in one pass with the layer's neighbours, and how; see Fusion. Of several inputs each
  /// stands for one, and what the layer does not say it takes is never asked for. call() remains what the layer is:
  /// fused or not, the numbers are the same to rounding. Inputs given away with std::move may be written over.
  virtual Fusion fusion() const { return {}; }
  virtual WithoutBias call_without_bias(const std::vector<Variable>& inputs, ForwardPass& pass) const;
  virtual Variable call_fused(std::vector<Variable> inputs, const FusedParts& parts, ForwardPass& pass) const;

  /// The activation that the output has gone through, "softmax"; empty when there is none or it is not known.
  virtual std::string output_activation() const { return ""; }
  /// Whether each output value is a value of the inputs, a mean of some of them, or 0: then the activation that the
  /// inputs have gone through still holds for the output.
  virtual bool keeps_activation() const { return false; }
  /// The layers inside this one, each once; only a Model used as a layer has some.
  virtual std::vector<std::shared_ptr<Layer>> sublayers() const { return {}; }

  /// Freezes the layer's parameters, or trains them again; those that never are (moving averages) stay as they are.
  /// An optimizer changes what is trainable at the time of each pass. A frozen BatchNormalization normalizes by its
  /// moving averages in training too and does not move them, as in Keras. Of a model as a layer: all layers in it.
  virtual void set_trainable(bool trainable);
  virtual bool trainable() const { return trainable_; }

  /// What the layer's regularizers add to the loss: the sum of l2 * sum(w^2) over its trainable parameters, as a scalar
  /// of this pass. Nothing, at no cost, when there are none.
  virtual std::optional<Variable> regularization(ForwardPass& pass) const;

  /// Gives a name, for a Model.
  virtual void rename(std::string name);

  /// Claims the streams that the initial values of the layer's parameters came from, and those that their initializers
  /// ask for; of layers in this one nothing. `seed`: of the values that are still to come. Values that were given, by a
  /// file for example, may have come from this seed too: they keep the streams that it would have given them.
  void claim_streams(std::uint64_t seed, InitialStreams& taken) const;
  /// Draws initial values for the parameters that have none, number i from stream `stream` + i of `seed`; and again for
  /// those that still have initial values from a stream that is claimed for another parameter. In both cases the stream
  /// is the next free one in steps of streams::another_round. Returns the number of streams by which the next layer is
  /// ahead: the same for every layer, so that an option of one does not change the numbers of those behind it.
  virtual std::uint64_t initialize(std::uint64_t seed, std::uint64_t stream, InitialStreams& taken);

  /// "Conv2D conv1", for messages; "Conv2D" before it has a name.
  std::string title() const;

 protected:
  /// Throws Error "Conv2D conv1: expected <expected>, got <shapes>".
  [[noreturn]] void reject(std::string_view expected, const std::vector<Shape>& inputs) const;
  /// The one input's shape; Error when there are more or none, or when its rank is not `rank` (-1: any).
  const Shape& only_input(const std::vector<Shape>& inputs, int rank = -1) const;
  /// A parameter by its name in parameter_specs, as a variable of the pass.
  Variable parameter(ForwardPass& pass, std::string_view name) const;
  /// The same as the parameter itself, for state that is no function of the inputs.
  const Parameter& parameter(std::string_view name) const;

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
  SymbolicTensor connect(const std::vector<SymbolicTensor>& inputs, const ParameterValues& values);
  void create_parameters(const std::vector<ParameterSpec>& specs, const ParameterValues& values);
  void check_reuse(const std::vector<ParameterSpec>& specs, const std::vector<Shape>& inputs) const;

  std::string name_;
  bool built_ = false;
  bool trainable_ = true;
  std::vector<Owned> parameters_;
};

/// How users hold a layer: made from its options, called on symbolic tensors. Copies are the same layer, so calling one
/// twice shares its parameters.
template <class Definition>
class LayerHandle {
 public:
  using Options = typename Definition::Options;
  LayerHandle(Options options = {});  // NOLINT(google-explicit-constructor): Conv2D({...}) and Flatten() are layers

  SymbolicTensor operator()(const SymbolicTensor& input) const;
  SymbolicTensor operator()(const std::vector<SymbolicTensor>& inputs) const;

  Definition* operator->() const { return layer_.get(); }
  const std::shared_ptr<Definition>& definition() const { return layer_; }

 private:
  std::shared_ptr<Definition> layer_;
};

template <class Definition>
LayerHandle<Definition>::LayerHandle(Options options) : layer_(std::make_shared<Definition>(std::move(options))) {}

template <class Definition>
SymbolicTensor LayerHandle<Definition>::operator()(const SymbolicTensor& input) const {
  return layer_->connect({input});
}

template <class Definition>
SymbolicTensor LayerHandle<Definition>::operator()(const std::vector<SymbolicTensor>& inputs) const {
  return layer_->connect(inputs);
}

}  // namespace xtape
