#include "framework/autograd/tape.hpp"

#include "framework/tensor/elementwise.hpp"

namespace xtape {

Variable record(std::string_view name, Tensor value, const std::vector<Dependency>& dependencies) {
  return Tape::record_op(name, std::move(value), dependencies);
}

Variable record(std::string_view name, Tensor value, const std::vector<Variable>& inputs, JointPullback pullback,
                Definition definition) {
  return Tape::record_op(name, std::move(value), inputs, std::move(pullback), std::move(definition));
}

std::shared_ptr<Tape> Tape::common_tape(std::string_view name, const std::vector<Variable>& inputs) {
  std::shared_ptr<Tape> tape;
  for (const Variable& input : inputs) {
    if (!input.tape_) continue;
    check(!tape || tape == input.tape_,
          "{}: expected inputs of one ForwardPass, got variables of two; use detached() to take one as a constant",
          name);
    tape = input.tape_;
  }
  if (!tape) return nullptr;
  check(tape->state_ != State::played,
        "{}: expected a variable of a pass that is still recording, got one whose pass has run backward; start a new "
        "ForwardPass, or call detached() to use its value",
        name);
  check(
      tape->state_ != State::ended,
      "{}: expected a variable of a living ForwardPass, got one whose pass has ended; keep the pass in scope, or call "
      "detached() to use its value",
      name);
  return tape->state_ == State::recording ? tape : nullptr;  // ops of the backward pass itself are not recorded
}

Tape::Node Tape::new_node(std::string_view name, const Tensor& value, const std::vector<Variable>& inputs) const {
  check(value.defined(), "{}: expected a value to record, got an undefined tensor", name);
  Node node{.name = std::string(name), .shape = value.shape(), .dtype = value.dtype()};
  if (!observers_.empty()) node.layer = layer_;
  for (Observer* observer : observers_) observer->op_recorded(node.observed(), value, inputs);
  return node;
}

void Tape::begin_layer(std::string_view layer) {
  if (observers_.empty()) return;
  layer_ = layer;
  for (Observer* observer : observers_) observer->layer_begins(layer);
}

Variable Tape::append(Node node, Tensor value) {
  nodes_.push_back(std::move(node));
  return {std::move(value), shared_from_this(), nodes_.size() - 1};
}

Variable Tape::add_leaf(Tensor value, Receiver receiver) {
  check(state_ == State::recording, "ForwardPass: expected a pass that has not run backward, got one that has");
  Node node{.name = "leaf", .shape = value.shape(), .dtype = value.dtype(), .leaf = true};
  node.receiver = std::move(receiver);
  return append(std::move(node), std::move(value));
}

Variable Tape::record_op(std::string_view name, Tensor value, const std::vector<Dependency>& dependencies) {
  std::vector<Variable> inputs;
  inputs.reserve(dependencies.size());
  for (const Dependency& dependency : dependencies) inputs.push_back(dependency.input);
  const std::shared_ptr<Tape> tape = common_tape(name, inputs);
  if (!tape) return value;
  Node node = tape->new_node(name, value, inputs);
  bool wants_output = false;
  for (std::size_t i = 0; i < dependencies.size(); ++i) {
    const auto& [input, pullback] = dependencies[i];
    if (!input.tape_) continue;
    node.edges.push_back({input.node_, i, pullback});
    wants_output = wants_output || pullback.wants_output();
  }
  if (wants_output) node.output = value;
  tape->operations_.emplace_back(name);
  return tape->append(std::move(node), std::move(value));
}

Variable Tape::record_op(std::string_view name, Tensor value, const std::vector<Variable>& inputs,
                         JointPullback pullback, Definition definition) {
  check(static_cast<bool>(pullback), "{}: expected a function as its derivative, got an empty one", name);
  const std::shared_ptr<Tape> tape = common_tape(name, inputs);
  if (!tape) return value;
  Node node = tape->new_node(name, value, inputs);
  for (const Variable& input : inputs) {
    node.joint_inputs.push_back(input.tape_ ? std::optional(input.node_) : std::nullopt);
  }
  node.joint = std::move(pullback);
  if (definition) node.definition = std::move(definition), node.definition_of = inputs;
  tape->operations_.emplace_back(name);
  return tape->append(std::move(node), std::move(value));
}

void Tape::accumulate(const Node& from, std::size_t which, std::size_t target, Tensor gradient) {
  Node& node = nodes_[target];
  check(gradient.defined() && gradient.shape() == node.shape && gradient.dtype() == node.dtype,
        "{}: expected its derivative number {} to have the shape and type of that input, {} {}, got {} {}", from.name,
        which, node.shape, node.dtype, gradient.shape(), gradient.dtype());
  for (Observer* observer : observers_) observer->derivative_computed(from.observed(), which, gradient);
  if (!node.gradient) {
    node.gradient = std::move(gradient);
    return;
  }
  if (!node.gradient->sole_owner() && gradient.sole_owner()) std::swap(*node.gradient, gradient);
  add_into(*node.gradient, gradient);
}

void Tape::propagate(Node& node) {
  Tensor dy = std::move(*node.gradient);
  node.gradient.reset();
  const Variable y = node.output.value_or(Tensor());
  for (const Edge& edge : node.edges) accumulate(node, edge.which, edge.input, edge.pullback(dy, y).value());
  if (!node.joint) return;
  node.definition_of.clear();  // so that the pullback may overwrite tensors that only it uses
  std::vector<Tensor> gradients = node.joint(std::move(dy));
  check(gradients.size() == node.joint_inputs.size(), "{}: expected {} derivatives, one an input, got {}", node.name,
        node.joint_inputs.size(), gradients.size());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (node.joint_inputs[i]) accumulate(node, i, *node.joint_inputs[i], std::move(gradients[i]));
  }
}

void Tape::play(const Variable& output, const Tensor& cotangent) {
  check(state_ == State::recording,
        "ForwardPass::backward: expected a pass that has not run backward, got one that has; start a new ForwardPass");
  check(output.tape_.get() == this,
        "ForwardPass::backward: expected an output computed in this pass from a watched input or a parameter, got {}",
        output.tape_ ? "one of another pass"
                     : "a constant (in inference nothing is recorded: use Mode::training, or .record = true)");
  check(cotangent.shape() == output.shape() && cotangent.dtype() == output.dtype(),
        "ForwardPass::backward: expected a cotangent like the output, {} {}, got {} {}", output.shape(), output.dtype(),
        cotangent.shape(), cotangent.dtype());
  state_ = State::playing;
  const struct Played {  // sets the state even if a pullback throws
    State& state;
    ~Played() { state = State::played; }
  } played{state_};
  nodes_[output.node_].gradient = cotangent;
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Node node = std::move(nodes_[i]);  // freed with its saved data at the end of the iteration
    nodes_[i].leaf = node.leaf;
    if (node.leaf) {
      if (!node.receiver) {
        nodes_[i].gradient = std::move(node.gradient);
      } else if (node.gradient) {
        node.receiver(*std::exchange(node.gradient, std::nullopt));
      }
    } else if (node.gradient) {
      for (Observer* observer : observers_) observer->backward_begins(node.observed());
      propagate(node);
      for (Observer* observer : observers_) observer->backward_ends(node.observed());
    }
  }
}

Tensor Tape::leaf_gradient(const Variable& leaf) const {
  check(leaf.tape_.get() == this && leaf.node_ < nodes_.size() && nodes_[leaf.node_].leaf,
        "ForwardPass::gradient: expected a variable that watch() of this pass gave, got another");
  check(state_ == State::played, "ForwardPass::gradient: expected a pass that has run backward, got one that has not");
  return nodes_[leaf.node_].gradient.value_or(Tensor());
}

void Tape::end() {
  state_ = State::ended;
  nodes_.clear();  // breaks the cycle between the tape and the variables its ops saved
}

}  // namespace xtape
