// The tape: the operations of one forward pass in execution order, each with its vector-Jacobian products.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "framework/autograd/observer.hpp"
#include "framework/autograd/variable.hpp"

namespace xtape {

/// Internal to Pullback.
namespace detail {

/// The type of the first argument, for decltype only.
template <class Result, class First, class... More>
std::remove_cvref_t<First> first_argument(const std::function<Result(First, More...)>&);

/// Whether a callable of one signature takes a Tensor. A Variable converts to a Tensor and back, so that
/// std::is_invocable does not show it.
template <class F>
constexpr bool takes_tensor = requires(F f) {
  requires std::is_same_v<decltype(first_argument(std::function(f))), Tensor>;
};

}  // namespace detail

/// The derivative of an op with respect to one input, as a vector-Jacobian product: it computes dx = dL/dx,
/// with the shape of x, from dy = dL/dy and, if needed, from the op's output y. It is made from a lambda with one of
/// the signatures
///   Variable(const Variable& dy), Variable(const Variable& dy, const Variable& y)   for differentiable ops, or
///   Tensor(const Tensor& dy),     Tensor(const Tensor& dy, const Tensor& y)         for computations on tensors.
/// The tape keeps everything that the lambda captures until the backward pass has used it. A pullback that applies
/// differentiable ops to the variables themselves (not to their value()) can be differentiated again: see gradients().
/// One that takes tensors cannot, even if it returns a Variable: its dy is a constant.
/// Error if the function is a null pointer or an empty std::function.
class Pullback {
 public:
  /// Makes a pullback from a callable with one of the signatures above.
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Pullback>)
      Pullback(F f) {  // NOLINT(google-explicit-constructor): lambdas are written in place
    if constexpr (requires { f == nullptr; }) {
      check(!(f == nullptr), "Pullback: expected a function, got an empty one");
    }
    if constexpr (detail::takes_tensor<F> && std::is_invocable_v<F, const Tensor&, const Tensor&>) {
      wants_output_ = true;
      function_ = [f = std::move(f)](const Variable& dy, const Variable& y) { return f(dy.value(), y.value()); };
    } else if constexpr (detail::takes_tensor<F>) {
      function_ = [f = std::move(f)](const Variable& dy, const Variable&) { return f(dy.value()); };
    } else if constexpr (std::is_invocable_v<F, const Variable&, const Variable&>) {
      wants_output_ = true;
      differentiable_ = std::is_same_v<std::invoke_result_t<F, const Variable&, const Variable&>, Variable>;
      function_ = std::move(f);
    } else {
      differentiable_ = std::is_same_v<std::invoke_result_t<F, const Variable&>, Variable>;
      function_ = [f = std::move(f)](const Variable& dy, const Variable&) { return f(dy); };
    }
  }

  /// Computes dx from dy and the op's output y. y is not used unless wants_output().
  Variable operator()(const Variable& dy, const Variable& y) const { return function_(dy, y); }
  /// Whether the pullback uses the op's output, which the tape then keeps.
  bool wants_output() const { return wants_output_; }
  /// Whether the pullback takes and returns variables, so that it can be differentiated.
  bool differentiable() const { return differentiable_; }

 private:
  std::function<Variable(const Variable&, const Variable&)> function_;
  bool wants_output_ = false, differentiable_ = false;
};

/// An input of an op and the derivative with respect to it.
struct Dependency {
  Variable input;     ///< the input
  Pullback pullback;  ///< the derivative with respect to the input
};

/// Computes all derivatives of an op at once, one tensor per input, for ops whose input gradients share work. It is
/// called at most once and owns its dy: if dy or a captured tensor does not share its storage, a derivative may be
/// written over it (Tensor::replaced).
using JointPullback = std::function<std::vector<Tensor>(Tensor dy)>;

/// Records an op: its name, its value, and the derivative with respect to each input. Returns the value as a variable
/// on the tape of the inputs. If no input is tracked, it returns a constant and keeps no derivative. Error if the
/// inputs belong to different passes, or to a pass whose backward pass has run or that has ended.
Variable record(std::string_view name, Tensor value, const std::vector<Dependency>& dependencies);
/// The value of an op as a function of its inputs, composed of differentiable ops.
using Definition = std::function<Variable(const std::vector<Variable>& inputs)>;
/// Records an op whose derivatives are computed together by one joint pullback. If it has a definition, gradients()
/// differentiates that instead, so that the results can be differentiated again; the tape then keeps the inputs.
/// Otherwise as the overload above.
Variable record(std::string_view name, Tensor value, const std::vector<Variable>& inputs, JointPullback pullback,
                Definition definition = nullptr);

/// Computes dL/d(input) for each of the inputs, with L = `<cotangent, output>`, as variables on the same tape, so that
/// functions of them can be differentiated again. The tape continues to record, and backward() can still be called. If
/// the output itself is an input, its gradient is the cotangent. An input that is given twice gets its gradient in both
/// results. The gradient is zero for an input that the output does not depend on. Error if the output or an input is
/// not tracked, or if an op between them has a derivative that computes on tensors and cannot be differentiated (the
/// message names the op).
std::vector<Variable> gradients(const Variable& output, const std::vector<Variable>& inputs, const Tensor& cotangent);
/// Computes the gradients of an output of one element, with cotangent 1. Error if the output has more elements.
/// Otherwise as the overload above.
std::vector<Variable> gradients(const Variable& output, const std::vector<Variable>& inputs);

/// The operations of one forward pass. Execution order is a topological order, so the backward pass is one loop
/// from the end. The loop frees the data that each op saved. A ForwardPass owns its tape; there is no global tape.
class Tape : public std::enable_shared_from_this<Tape> {
 public:
  /// Implements the free function record() for dependencies.
  static Variable record_op(std::string_view name, Tensor value, const std::vector<Dependency>& dependencies);
  /// Implements the free function record() for a joint pullback.
  static Variable record_op(std::string_view name, Tensor value, const std::vector<Variable>& inputs,
                            JointPullback pullback, Definition definition);

  /// Receives dL/d(leaf) as soon as it is complete. The rest of the backward pass does not read the leaf's value.
  using Receiver = std::function<void(Tensor gradient)>;

  /// Adds a variable that no op computed: an input or a parameter. The backward pass passes its gradient to the
  /// receiver, or keeps it for leaf_gradient() if there is no receiver.
  Variable add_leaf(Tensor value, Receiver receiver = nullptr);

  /// Runs the backward pass from `output` with dL/d(output) = cotangent. Afterwards leaf_gradient() returns gradients,
  /// and the tape cannot be used again. Error if `output` is not on this tape, the cotangent does not fit it, or a
  /// backward pass ran before.
  void play(const Variable& output, const Tensor& cotangent);

  /// Implements the free function gradients().
  static std::vector<Variable> differentiate(const Variable& output, const std::vector<Variable>& inputs,
                                             const Variable& cotangent);

  /// dL/d(leaf) after play(). An undefined tensor if the output does not depend on the leaf.
  Tensor leaf_gradient(const Variable& leaf) const;

  /// The names of the ops recorded so far, in order.
  const std::vector<std::string>& operations() const { return operations_; }

  /// Sets the observers to notify from now on. They must outlive the tape. An empty list costs nothing.
  void observe(std::vector<Observer*> observers) { observers_ = std::move(observers); }
  /// Notifies the observers that the next ops belong to this layer.
  void begin_layer(std::string_view layer);

  /// Frees all ops. Variables on this tape can no longer be used in ops.
  void end();

 private:
  struct Edge {
    std::size_t input;  // index of the input's node
    std::size_t which;  // index among the op's inputs, for messages
    Pullback pullback;
  };
  struct Node {
    std::string name;
    Shape shape;
    DType dtype;
    bool leaf = false;
    Receiver receiver{};
    std::vector<Edge> edges{};
    std::vector<std::optional<std::size_t>> joint_inputs{};
    JointPullback joint{};
    Definition definition{};                // only of joint pullbacks
    std::vector<Variable> definition_of{};  // its arguments
    std::optional<Tensor> output{};         // only if a pullback uses it
    std::string layer{};                    // only for observers
    std::optional<Tensor> gradient{};       // dL/d(output), complete once all later nodes are done

    ObservedOp observed() const { return {name, layer}; }
  };
  enum class State { recording, playing, played, ended };

  static std::shared_ptr<Tape> common_tape(std::string_view name, const std::vector<Variable>& inputs);
  Node new_node(std::string_view name, const Tensor& value, const std::vector<Variable>& inputs) const;
  Variable append(Node node, Tensor value);
  void propagate(Node& node);
  std::vector<bool> depending_on(const std::vector<Variable>& inputs, std::size_t last) const;
  void accumulate(const Node& from, std::size_t which, std::size_t target, Tensor gradient);

  State state_ = State::recording;
  std::vector<Observer*> observers_;
  std::string layer_;
  std::vector<Node> nodes_;
  std::vector<std::string> operations_;
};

}  // namespace xtape
