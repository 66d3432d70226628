// ForwardPass: one run of a model, the owner of its tape.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "framework/autograd/parameter.hpp"
#include "framework/autograd/tape.hpp"
#include "framework/autograd/variable.hpp"
#include "framework/autograd/weight_cache.hpp"
#include "framework/tensor/random.hpp"

namespace xtape {

/// How layers behave. Training: dropout drops, and batch normalization uses the batch's own statistics and moves its
/// averages. Recalibration: batch normalization does that too, everything else is as in inference.
enum class Mode { inference, training, recalibration };

struct PassOptions {
  /// Whether derivatives with respect to parameters are recorded; by default in training only.
  std::optional<bool> record = std::nullopt;
  /// Random streams of this pass: dropout call number i draws from stream (seed, step, i). Training with dropout needs
  /// the step, since every step has to drop others: {.step = optimizer.iterations()}.
  std::uint64_t seed = 0;
  std::optional<std::int64_t> step = std::nullopt;
  /// Stop at the first value or derivative that is NaN or infinite, with an Error that names step, layer and op and
  /// sums up the op's inputs. Looks at every element; costs nothing when off.
  bool check_finite = false;
  /// Where layers keep what they make of their weights, for the next pass; not owned. Null: nothing is kept.
  WeightCache* cache = nullptr;
  /// Told which layer is at work, there and back; not owned. Null: costs nothing.
  Profiler* profiler = nullptr;
  /// Less memory for more time: of a Model only some values are kept, and those between them are computed again on the
  /// way back; see models/segments.hpp. Values and gradients stay the same.
  bool recompute = false;
};

class ForwardPass;

/// A part of a network: one value from some.
using SegmentFunction = std::function<Variable(const std::vector<Variable>& inputs, ForwardPass& pass)>;

/// One forward pass and, at most once, the way back. Everything it recorded is freed by backward() or with it.
///
///   ForwardPass pass(Mode::training);
///   Variable loss = softmax_cross_entropy(model(images, pass), labels);
///   pass.backward(loss);   // fills the gradient of every parameter
class ForwardPass {
 public:
  explicit ForwardPass(Mode mode, PassOptions options = {});
  ForwardPass(const ForwardPass&) = delete;
  ForwardPass& operator=(const ForwardPass&) = delete;
  ~ForwardPass();

  Mode mode() const { return mode_; }
  bool training() const { return mode_ == Mode::training; }
  /// As given in the options, or null.
  WeightCache* cache() const { return options_.cache; }
  /// Whether derivatives with respect to parameters are recorded.
  bool records() const { return record_; }
  /// As given in the options.
  bool recompute() const { return options_.recompute; }
  /// Whether this is the second time: what counts how often it was called (batch normalization's averages) then waits.
  bool repeats() const { return repeats_; }

  /// An input whose gradient is wanted.
  Variable watch(const Tensor& value);
  /// A parameter's value as a variable; always the same one within a pass. A constant when the parameter is not
  /// trainable or this pass does not record.
  Variable parameter(const Parameter& parameter);
  /// Uses `variable`, which may belong to another pass, wherever this one asks for the parameter: to differentiate a
  /// layer with respect to its parameters as if they were inputs. backward() then leaves the parameter's gradient
  /// alone.
  void bind(const Parameter& parameter, const Variable& variable);
  /// A random stream of its own for each call. Error when the pass was not told its step.
  RandomStream random_stream();

  /// Fills the gradients from a loss of one element: adds to Parameter::gradient() of each parameter used, and answers
  /// gradient() of each watched input. Error when the loss has more elements (give a cotangent), was not made in this
  /// pass, or backward ran before.
  void backward(const Variable& loss);
  /// The same from any output, given dL/d(output).
  void backward(const Variable& output, const Tensor& cotangent);
  /// The same, telling of each parameter as soon as its gradient is complete, the last layer's first. Nothing reads the
  /// parameter's value any more then, so it may be changed and the gradient cleared, whose memory the next one gets:
  /// see Optimizer::backward_and_step.
  using OnGradient = std::function<void(const Parameter&)>;
  void backward(const Variable& loss, const OnGradient& on_gradient);

  /// dL/d(input) of a watched input, after backward(); zeros when the loss does not depend on it.
  Tensor gradient(const Variable& watched) const;

  /// Names the layer, or what else the ops that come next belong to, for the messages of check_finite and the profiler.
  void enter_layer(const std::string& name) {
    if (tape_->knows_layers()) tape_->enter_layer(name);
  }

  /// Names of the ops recorded so far, in order.
  const std::vector<std::string>& operations() const { return tape_->operations(); }

 private:
  void receive(const Parameter& parameter, Tensor gradient);

  friend Variable recomputed(const std::vector<Variable>& inputs, const std::vector<Parameter>& parameters,
                             const SegmentFunction& f, ForwardPass& pass);

  Mode mode_;
  PassOptions options_;
  bool record_, repeats_ = false;
  std::uint64_t streams_ = 0;  // of random_stream(), handed out so far
  std::shared_ptr<Tape> tape_;
  std::unordered_map<const void*, Variable> variables_;  // of parameters, by identity
  std::vector<std::pair<Parameter, Tensor>> gradients_;  // those that are complete
  OnGradient on_gradient_;                               // told at once, or else all wait for the end of the way back
};

/// f(inputs, pass) of which the tape keeps the inputs alone: what lies between them and the output is computed again on
/// the way back (Chen, Xu, Zhang and Guestrin, Training deep nets with sublinear memory cost, 2016), with the same
/// random numbers and the same bits. `parameters`: all trainable ones that f uses. f is called a second time by
/// backward(), and what it refers to has to be there still. In a pass that does not record, f and nothing else.
Variable recomputed(const std::vector<Variable>& inputs, const std::vector<Parameter>& parameters,
                    const SegmentFunction& f, ForwardPass& pass);

}  // namespace xtape
