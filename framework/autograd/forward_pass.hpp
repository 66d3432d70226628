// ForwardPass: one run of a model, the owner of its tape.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

/// How layers behave. Training: dropout drops, and batch normalization uses the batch's own statistics and moves its
/// averages. Recalibration: batch normalization does that too, everything else is as in inference.
enum class Mode { inference, training, recalibration };

struct PassOptions {
  /// Whether derivatives with respect to parameters are recorded; by default in training only.
  std::optional<bool> record = std::nullopt;
  /// Random streams of this pass: dropout call number i draws from stream (seed, step, i). Training with dropout needs
  /// the step, since every step has to drop others: {.step = optimizer.iterations()}. Passes of several threads in one
  /// step need different seeds.
  std::uint64_t seed = 0;
  std::optional<std::int64_t> step = std::nullopt;
  /// Whether an inference pass keeps with each parameter what is derived from its value alone, such as packed kernels,
  /// for the passes that follow, until the parameter is written to. Packing a kernel takes up to twice the time that a
  /// later pass saves by it, and as much memory as the kernel. Training passes free it for the parameters they train.
  bool keep_derived = true;
  /// Notified while the pass runs; they have to outlive it. Without any this costs nothing.
  std::vector<Observer*> observers = {};
  /// Less memory for more time: a Model keeps only some values and recomputes the others in the backward pass; see
  /// models/segments.hpp. Values and gradients stay the same.
  bool recompute = false;
};

class ForwardPass;

/// A part of a network: one value from some.
using SegmentFunction = std::function<Variable(const std::vector<Variable>& inputs, ForwardPass& pass)>;

/// One forward pass and at most one backward pass. Everything that it recorded is freed by backward() or with it.
///
///   ForwardPass pass(Mode::training, {.step = adam.iterations()});
///   Variable loss = softmax_cross_entropy(model(images, pass), labels);
///   Gradients gradients = pass.backward(loss);
///   adam.step(gradients);
///
/// A pass changes no parameter: state that layers update, such as moving averages, is announced, and written by the
/// optimizer's step or by commit(). So any number of threads may run passes on one model at the same time, each thread
/// its own pass, training passes too. Writes to parameters (an optimizer's step, commit(), loading weights) must not
/// run at the same time as a pass that uses them.
class ForwardPass {
 public:
  explicit ForwardPass(Mode mode, PassOptions options = {});
  ForwardPass(const ForwardPass&) = delete;
  ForwardPass& operator=(const ForwardPass&) = delete;
  ~ForwardPass();

  Mode mode() const { return mode_; }
  bool training() const { return mode_ == Mode::training; }
  /// Whether derivatives with respect to parameters are recorded.
  bool records() const { return record_; }
  /// As given in the options.
  bool recompute() const { return options_.recompute; }

  /// An input whose gradient is wanted.
  Variable watch(const Tensor& value);
  /// A parameter's value as a variable; always the same one within a pass. A constant when the parameter is not
  /// trainable or this pass does not record.
  Variable parameter(const Parameter& parameter);
  /// What T(value) computes from the parameter's value alone (see Parameter::derived), where this pass may use it: in
  /// inference without recording, unless keep_derived is off or the parameter is bound. Otherwise null.
  template <class T>
  std::shared_ptr<const T> derived(const Parameter& parameter) const {
    const bool usable = mode_ == Mode::inference && !record_ && options_.keep_derived;
    return usable && !variables_.contains(parameter) ? parameter.derived<T>() : nullptr;
  }
  /// Uses `variable`, which may belong to another pass, wherever this one asks for the parameter: to differentiate a
  /// layer with respect to its parameters as if they were inputs. backward() then gives no gradient of the parameter.
  void bind(const Parameter& parameter, const Variable& variable);

  /// Announces a new value of a parameter that is state, f(old). Within this pass the parameter keeps its value. The
  /// update is written once, by the first Optimizer::step() or minimize() with this pass's gradients, or by commit();
  /// when neither happens, nothing changes. Two updates of one parameter are applied one after the other. f must not
  /// refer to the pass.
  void update(const Parameter& parameter, StateUpdates::Update f);
  /// Writes the announced updates, in a loop without an optimizer.
  void commit() const { state_updates().commit(); }
  /// The announced updates as Gradients of no parameter.
  Gradients state_updates() const;

  /// A random stream of its own for each call. Error when the pass was not told its step.
  RandomStream random_stream();

  /// The gradient of each parameter used that a loss of one element depends on, with the announced state updates.
  /// Answers gradient() of each watched input. Error when the loss has more elements (give a cotangent), was not made
  /// in this pass, or backward ran before.
  Gradients backward(const Variable& loss);
  /// The same from any output, given dL/d(output).
  Gradients backward(const Variable& output, const Tensor& cotangent);
  /// The same, but each parameter's gradient is given away as soon as it is complete, the last layer's first. Then
  /// nothing reads the parameter any more: it may be changed, and the next gradient can have the memory of this one;
  /// see Optimizer::minimize(). The result holds the state updates alone.
  using OnGradient = std::function<void(const Parameter& parameter, Tensor gradient)>;
  Gradients backward(const Variable& loss, const OnGradient& on_gradient);

  /// dL/d(input) of a watched input, after backward(); zeros when the loss does not depend on it.
  Tensor gradient(const Variable& watched) const;

  /// Names the layer, or another part of the computation, that the next ops belong to, for the observers.
  void begin_layer(std::string_view name) { tape_->begin_layer(name); }

  /// Names of the ops recorded so far, in order.
  const std::vector<std::string>& operations() const { return tape_->operations(); }

 private:
  friend Variable recomputed(const std::vector<Variable>& inputs, const std::vector<Parameter>& parameters,
                             const SegmentFunction& f, ForwardPass& pass);

  Gradients play(const Variable& output, const Tensor& cotangent, const OnGradient& on_gradient);

  Mode mode_;
  PassOptions options_;
  bool record_;
  std::uint64_t streams_ = 0;  // of random_stream(), handed out so far
  std::shared_ptr<Tape> tape_;
  std::unordered_map<Parameter, Variable> variables_;
  std::vector<Parameter> used_;  // those with a leaf, in the order of their first use
  OnGradient on_gradient_;       // takes gradients while the tape is being played
  std::shared_ptr<StateUpdates> updates_ = std::make_shared<StateUpdates>();
};

/// f(inputs, pass) of which the tape keeps the inputs alone: the values between them and the output are recomputed in
/// the backward pass (Chen, Xu, Zhang and Guestrin, Training deep nets with sublinear memory cost, 2016), with the same
/// random numbers and the same bits. `parameters`: all trainable ones that f uses; backward() throws Error when one is
/// missing. f is called a second time by backward(), and what it refers to has to exist until then; state updates that
/// it announces count once. In a pass that does not record, f and nothing else.
Variable recomputed(const std::vector<Variable>& inputs, const std::vector<Parameter>& parameters,
                    const SegmentFunction& f, ForwardPass& pass);

}  // namespace xtape
