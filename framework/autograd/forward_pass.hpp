// ForwardPass: one forward pass and the tape that records it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "framework/autograd/gradients.hpp"
#include "framework/autograd/observer.hpp"
#include "framework/autograd/parameter.hpp"
#include "framework/autograd/tape.hpp"
#include "framework/autograd/variable.hpp"
#include "framework/tensor/random.hpp"

namespace xtape {

/// How layers behave. In training, dropout sets elements to 0, and batch normalization uses the statistics of the batch
/// and updates its moving averages. In recalibration, batch normalization behaves as in training and all other layers
/// behave as in inference.
enum class Mode { inference, training, recalibration };

/// Options of a forward pass.
struct PassOptions {
  /// Whether derivatives with respect to parameters are recorded; by default in training only.
  std::optional<bool> record = std::nullopt;
  /// Seed of the random streams of this pass: dropout call number i draws from stream (seed, step, i). Passes that
  /// several threads run in one step need different seeds.
  std::uint64_t seed = 0;
  /// Number of the training step, counted from 0, for the random streams. Training with dropout requires it, because
  /// each step must drop different elements: {.step = optimizer.iterations()}. Without it random_stream() throws Error.
  std::optional<std::int64_t> step = std::nullopt;
  /// Whether an inference pass stores data that is computed from a parameter's value alone, such as packed kernels,
  /// with the parameter. Later passes use this data until the parameter is written to. Packing a kernel takes up to
  /// twice the time that it saves in a later pass, and as much memory as the kernel. Training passes free this data for
  /// the parameters that they train.
  bool keep_derived = true;
  /// Observers that are notified while the pass runs. They must outlive the pass. An empty list costs nothing.
  std::vector<Observer*> observers = {};
  /// Gradient checkpointing, which saves memory and costs time: a Model keeps only some activations and recomputes the
  /// others in the backward pass; see models/graph/segments.hpp. Values and gradients do not change.
  bool recompute = false;
  /// Adds up numbers over all passes that together compute one batch, each of them a part of its samples, and gives
  /// every pass the same sums. Each pass calls it equally often and with equally many numbers; it waits for the others.
  /// Layers that depend on the whole batch use it (BatchNormalization with `synchronized`). Empty: this pass has the
  /// whole batch.
  std::function<void(std::span<double> numbers)> sum_over_batch = {};
};

class ForwardPass;

/// A part of a network, which computes one output from several inputs.
using SegmentFunction = std::function<Variable(const std::vector<Variable>& inputs, ForwardPass& pass)>;

/// One forward pass and at most one backward pass. backward() or the destructor frees everything that
/// the pass recorded.
///
///   ForwardPass pass(Mode::training, {.step = adam.iterations()});
///   Variable loss = softmax_cross_entropy(model(images, pass), labels);
///   Gradients gradients = pass.backward(loss);
///   adam.step(gradients);
///
/// A pass changes no parameter: state that layers update, such as moving averages, is announced during the pass,
/// and written by the optimizer's step or by commit(). Therefore any number of threads may run passes on one model at
/// the same time, each thread its own pass, training passes too. Writes to parameters (an optimizer's step, commit(),
/// loading weights) must not run at the same time as a pass that uses them.
class ForwardPass {
 public:
  /// Starts a pass with an empty tape. Layers behave as `mode` says.
  explicit ForwardPass(Mode mode, PassOptions options = {});
  ForwardPass(const ForwardPass&) = delete;
  ForwardPass& operator=(const ForwardPass&) = delete;
  ~ForwardPass();

  /// The mode given to the constructor.
  Mode mode() const { return mode_; }
  /// Whether the mode is Mode::training.
  bool training() const { return mode_ == Mode::training; }
  /// Whether derivatives with respect to parameters are recorded.
  bool records() const { return record_; }
  /// Whether activations are recomputed in the backward pass, as given in PassOptions::recompute.
  bool recompute() const { return options_.recompute; }
  /// As given in PassOptions::sum_over_batch.
  const std::function<void(std::span<double> numbers)>& sum_over_batch() const { return options_.sum_over_batch; }

  /// Makes an input with respect to which backward() computes the gradient; see gradient().
  Variable watch(const Tensor& value);
  /// The parameter's value as a variable. All calls within a pass return the same variable. It is a constant if the
  /// parameter is not trainable or this pass does not record.
  Variable parameter(const Parameter& parameter);
  /// The object T(value) that is computed from the parameter's value alone (see Parameter::derived). Null if this pass
  /// may not use it: it is available in inference without recording, unless keep_derived is false or the pass already
  /// uses the parameter as a variable, for example after bind().
  template <class T>
  std::shared_ptr<const T> derived(const Parameter& parameter) const {
    const bool usable = mode_ == Mode::inference && !record_ && options_.keep_derived;
    return usable && !variables_.contains(parameter) ? parameter.derived<T>() : nullptr;
  }
  /// Makes parameter() return `variable`, which may belong to another pass, for this parameter. This serves to
  /// differentiate a layer with respect to its parameters as if they were inputs. backward() then gives no gradient of
  /// the parameter. Error if the variable is not floating or has another shape, or if this pass has already used the
  /// parameter.
  void bind(const Parameter& parameter, const Variable& variable);

  /// Announces the new value f(old) of a parameter that is state, such as a moving average. The parameter keeps its
  /// value within this pass. The update is written once, by the first Optimizer::step() or minimize() with this pass's
  /// gradients, or by commit(). If none of these is called, the parameter does not change. Several updates of one
  /// parameter are applied in order. f must not refer to the pass.
  void update(const Parameter& parameter, StateUpdates::Update f);
  /// Writes the announced updates. For loops without an optimizer.
  void commit() const { state_updates().commit(); }
  /// The announced updates, as Gradients that contain no gradient.
  Gradients state_updates() const;

  /// A separate random stream for each call. Error if PassOptions::step is not set.
  RandomStream random_stream();

  /// Runs the backward pass. Returns the gradients of a loss of one element with respect to all parameters that it
  /// depends on, together with the announced state updates. Afterwards gradient() returns the gradient of each watched
  /// input. Error if the loss has several elements (give a cotangent), was not computed in this pass, or a backward
  /// pass ran before.
  Gradients backward(const Variable& loss);
  /// Runs the backward pass from an output of any shape, given cotangent = dL/d(output). Otherwise as backward(loss).
  Gradients backward(const Variable& output, const Tensor& cotangent);
  /// Receives a parameter and its gradient as soon as the gradient is complete.
  using OnGradient = std::function<void(const Parameter& parameter, Tensor gradient)>;
  /// Runs the backward pass and calls on_gradient for each parameter as soon as its gradient is complete, beginning
  /// with the last layer. From then on the pass does not read the parameter, so on_gradient may change it, and the next
  /// gradient can reuse the memory of this one; see Optimizer::minimize(). The result contains only the state updates.
  Gradients backward(const Variable& loss, const OnGradient& on_gradient);

  /// dL/d(input) of a watched input, after backward(). It is zero if the loss does not depend on the input.
  Tensor gradient(const Variable& watched) const;

  /// Notifies the observers that the next ops belong to this layer or to another named part of the computation.
  void begin_layer(std::string_view name) { tape_->begin_layer(name); }

  /// The names of the ops recorded so far, in order.
  const std::vector<std::string>& operations() const { return tape_->operations(); }

 private:
  friend Variable recomputed(const std::vector<Variable>& inputs, const std::vector<Parameter>& parameters,
                             const SegmentFunction& f, ForwardPass& pass);

  Gradients play(const Variable& output, const Tensor& cotangent, const OnGradient& on_gradient);

  Mode mode_;
  PassOptions options_;
  bool record_;
  std::uint64_t streams_ = 0;  // number of calls of random_stream() so far
  std::shared_ptr<Tape> tape_;
  std::unordered_map<Parameter, Variable> variables_;
  std::vector<Parameter> used_;  // parameters that have a leaf, in the order of their first use
  OnGradient on_gradient_;       // receives gradients during the backward pass
  std::shared_ptr<StateUpdates> updates_ = std::make_shared<StateUpdates>();
};

/// Computes f(inputs, pass) with gradient checkpointing: the tape keeps only the inputs, and the values between them
/// and the output are recomputed in the backward pass (Chen, Xu, Zhang and Guestrin, Training deep nets with sublinear
/// memory cost, 2016), with the same random numbers and bit-identical results. `parameters` must contain all trainable
/// parameters that f uses; backward() throws Error if one is missing. backward() calls f a second time, so everything
/// that f refers to must exist until then. State updates that f announces are applied once. A pass that does not record
/// only calls f.
Variable recomputed(const std::vector<Variable>& inputs, const std::vector<Parameter>& parameters,
                    const SegmentFunction& f, ForwardPass& pass);

}  // namespace xtape
