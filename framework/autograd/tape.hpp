// The tape: the operations of one forward pass in the order they ran, each with its vector-Jacobian products.
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

/// The derivative of an op with respect to one input, as a vector-Jacobian product: from dy = dL/dy, and where it helps
/// the op's output y, it computes dx = dL/dx with the shape of x. Made from a lambda with one of the signatures
///   Variable(const Variable& dy), Variable(const Variable& dy, const Variable& y)   written in differentiable ops, or
///   Tensor(const Tensor& dy),     Tensor(const Tensor& dy, const Tensor& y)         written in numbers.
/// What the lambda captures is what the tape keeps alive until the reverse pass has used it. Written in differentiable
/// ops on the variables themselves (not on their value()), it can be differentiated again: see gradients(). Error when
/// the function is a null pointer or an empty std::function.
class Pullback {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Pullback>)
      Pullback(F f) {  // NOLINT(google-explicit-constructor): lambdas are written in place
    if constexpr (requires { f == nullptr; }) {
      check(!(f == nullptr), "Pullback: expected a function, got an empty one");
    }
    if constexpr (std::is_invocable_v<F, const Variable&, const Variable&>) {
      wants_output_ = true;
      differentiable_ = std::is_same_v<std::invoke_result_t<F, const Variable&, const Variable&>, Variable>;
      function_ = std::move(f);
    } else if constexpr (std::is_invocable_v<F, const Variable&>) {
      differentiable_ = std::is_same_v<std::invoke_result_t<F, const Variable&>, Variable>;
      function_ = [f = std::move(f)](const Variable& dy, const Variable&) { return f(dy); };
    } else if constexpr (std::is_invocable_v<F, const Tensor&, const Tensor&>) {
      wants_output_ = true;
      function_ = [f = std::move(f)](const Variable& dy, const Variable& y) { return f(dy.value(), y.value()); };
    } else {
      function_ = [f = std::move(f)](const Variable& dy, const Variable&) { return f(dy.value()); };
    }
  }

  Variable operator()(const Variable& dy, const Variable& y) const { return function_(dy, y); }
  bool wants_output() const { return wants_output_; }
  bool differentiable() const { return differentiable_; }

 private:
  std::function<Variable(const Variable&, const Variable&)> function_;
  bool wants_output_ = false, differentiable_ = false;
};

/// An input of an op and the derivative with respect to it.
struct Dependency {
  Variable input;
  Pullback pullback;
};

/// All derivatives of an op at once, for ops whose inputs' gradients share work: one tensor per input. Called once at
/// most, with a dy that is the pullback's own: if dy, or what it captured, is held by nobody else, a derivative may be
/// written over it (Tensor::replaced).
using JointPullback = std::function<std::vector<Tensor>(Tensor dy)>;

/// Records an op: its name, its value, and the derivative with respect to each input. Returns the value as a variable
/// of the inputs' tape; as a constant when no input is tracked, and then no derivative is kept. Error when the inputs
/// belong to different passes, or to one that has been played or has ended.
Variable record(std::string_view name, Tensor value, const std::vector<Dependency>& dependencies);
Variable record(std::string_view name, Tensor value, const std::vector<Variable>& inputs, JointPullback pullback);

/// dL/d(input) for each of the inputs, with L = <cotangent, output>, as variables of the same tape: functions of them
/// can be differentiated again. The tape goes on recording and backward() is still to come. The output as an input gets
/// the cotangent, an input that is given twice its gradient twice, one that the output does not depend on zeros. Error
/// when output or inputs are not tracked, or when an op between them has a derivative written in numbers, which can't
/// be differentiated (the message names it).
std::vector<Variable> gradients(const Variable& output, const std::vector<Variable>& inputs, const Tensor& cotangent);
/// The same for an output of one element, with cotangent 1. Error when it has more.
std::vector<Variable> gradients(const Variable& output, const std::vector<Variable>& inputs);

/// The operations of one forward pass. Execution order is a topological order, so the reverse pass is one loop from the
/// end that frees what each op saved as it goes. Owned by a ForwardPass; there is no global tape.
class Tape : public std::enable_shared_from_this<Tape> {
 public:
  /// What the free functions record() do.
  static Variable record_op(std::string_view name, Tensor value, const std::vector<Dependency>& dependencies);
  static Variable record_op(std::string_view name, Tensor value, const std::vector<Variable>& inputs,
                            JointPullback pullback);

  /// Takes dL/d(leaf) as soon as it is complete: no op that is still to be played reads the leaf's value then.
  using Receiver = std::function<void(Tensor gradient)>;

  /// A variable that no op made: an input or a parameter. Its gradient goes to the receiver; without one it is kept,
  /// for leaf_gradient().
  Variable add_leaf(Tensor value, Receiver receiver = nullptr);

  /// Goes back from `output` with dL/d(output) = cotangent. Afterwards leaf_gradient() answers and the tape can't be
  /// used again. Error when `output` is not on this tape, the cotangent does not fit it, or the tape was played before.
  void play(const Variable& output, const Tensor& cotangent);

  /// What the free function gradients() does.
  static std::vector<Variable> differentiate(const Variable& output, const std::vector<Variable>& inputs,
                                             const Tensor& cotangent);

  /// dL/d(leaf) after play(); undefined when the output does not depend on the leaf.
  Tensor leaf_gradient(const Variable& leaf) const;

  /// Names of the ops recorded, in order.
  const std::vector<std::string>& operations() const { return operations_; }

  /// From now on the observers, which have to outlive the tape, are notified. Without any this costs nothing.
  void observe(std::vector<Observer*> observers) { observers_ = std::move(observers); }
  /// Names the layer that the next ops belong to, for the observers.
  void begin_layer(std::string_view layer);

  /// Forgets all ops; variables that remain of them can no longer be used in ops.
  void end();

 private:
  struct Edge {
    std::size_t input;  // node of the input
    std::size_t which;  // of the op's inputs, for messages
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
    std::optional<Tensor> output{};    // only when a pullback wants it
    std::string layer{};               // only for observers
    std::optional<Tensor> gradient{};  // dL/d(output), complete once all later nodes are done

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
