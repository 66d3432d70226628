// The tape: the operations of one forward pass in the order they ran, each with its vector-Jacobian products.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// The derivative of an op with respect to one input, as a vector-Jacobian product: from dy = dL/dy, and where it helps
/// the op's output y, it computes dx = dL/dx with the shape of x. Made from a lambda with one of the signatures
///   Variable(const Variable& dy), Variable(const Variable& dy, const Variable& y)   written in differentiable ops, or
///   Tensor(const Tensor& dy),     Tensor(const Tensor& dy, const Tensor& y)         written in numbers.
/// What the lambda captures is what the tape keeps alive until the reverse pass has used it.
class Pullback {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Pullback>)
      Pullback(F f) {  // NOLINT(google-explicit-constructor): lambdas are written in place
    if constexpr (std::is_invocable_v<F, const Variable&, const Variable&>) {
      wants_output_ = true;
      function_ = std::move(f);
    } else if constexpr (std::is_invocable_v<F, const Variable&>) {
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

 private:
  std::function<Variable(const Variable&, const Variable&)> function_;
  bool wants_output_ = false;
};

/// An input of an op and the derivative with respect to it.
struct Dependency {
  Variable input;
  Pullback pullback;
};

/// All derivatives of an op at once, for ops whose inputs' gradients share work: one tensor per input.
using JointPullback = std::function<std::vector<Tensor>(const Tensor& dy)>;

/// Records an op: its name, its value, and the derivative with respect to each input. Returns the value as a variable
/// of the inputs' tape; as a constant when no input is tracked, and then no derivative is kept. Error when the inputs
/// belong to different passes, or to one that has been played or has ended.
Variable record(std::string_view name, Tensor value, const std::vector<Dependency>& dependencies);
Variable record(std::string_view name, Tensor value, const std::vector<Variable>& inputs, JointPullback pullback);

/// The operations of one forward pass. Execution order is a topological order, so the reverse pass is one loop from the
/// end that frees what each op saved as it goes. Owned by a ForwardPass; there is no global tape.
class Tape : public std::enable_shared_from_this<Tape> {
 public:
  /// What the free functions record() do.
  static Variable record_op(std::string_view name, Tensor value, const std::vector<Dependency>& dependencies);
  static Variable record_op(std::string_view name, Tensor value, const std::vector<Variable>& inputs,
                            JointPullback pullback);

  /// A variable that no op made: an input or a parameter.
  Variable add_leaf(Tensor value);

  /// Goes back from `output` with dL/d(output) = cotangent. Afterwards leaf_gradient() answers and the tape can't be
  /// used again. Error when `output` is not on this tape, the cotangent does not fit it, or the tape was played before.
  void play(const Variable& output, const Tensor& cotangent);

  /// dL/d(leaf) after play(); undefined when the output does not depend on the leaf.
  Tensor leaf_gradient(const Variable& leaf) const;

  /// Names of the ops recorded, in order.
  const std::vector<std::string>& operations() const { return operations_; }

  /// Forgets all ops; variables that remain of them can no longer be used in ops.
  void end();

 private:
  struct Edge {
    std::size_t input;
    Pullback pullback;
  };
  struct Node {
    std::string name;
    Shape shape;
    DType dtype;
    bool leaf = false;
    std::vector<Edge> edges{};
    std::vector<std::optional<std::size_t>> joint_inputs{};
    JointPullback joint{};
    std::optional<Variable> output{};  // only when a pullback wants it
    std::optional<Tensor> gradient{};  // dL/d(output), complete once all later nodes are done
  };
  enum class State { recording, playing, played, ended };

  static std::shared_ptr<Tape> common_tape(std::string_view name, const std::vector<Variable>& inputs);
  Variable append(Node node, Tensor value);
  void propagate(Node& node);
  void accumulate(const Node& from, std::size_t which, std::size_t target, const Tensor& gradient);

  State state_ = State::recording;
  std::vector<Node> nodes_;
  std::vector<std::string> operations_;
};

}  // namespace xtape
