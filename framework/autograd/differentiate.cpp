// gradients(): a backward pass that is recorded on the same tape, so that its results can be differentiated again.
#include <algorithm>
#include <iterator>

#include "framework/autograd/tape.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

/// Records the sum a + b of two gradients of one variable.
Variable sum_of(const Variable& a, const Variable& b) {
  Tensor total = a.value();
  add_into(total, b.value());
  const auto identity = [](const Variable& dy) { return dy; };
  return record("add", std::move(total), {{a, identity}, {b, identity}});
}

/// A variable of its own with the value and the gradient of x.
Variable alias_of(const Variable& x) {
  return record("identity", x.value(), {{x, [](const Variable& dy) { return dy; }}});
}

}  // namespace

std::vector<Variable> gradients(const Variable& output, const std::vector<Variable>& inputs, const Tensor& cotangent) {
  check(cotangent.defined(), "gradients: expected a cotangent like the output, {} {}, got an undefined tensor",
        output.shape(), output.dtype());
  return Tape::differentiate(output, inputs, cotangent);
}

std::vector<Variable> gradients(const Variable& output, const std::vector<Variable>& inputs) {
  check(output.size() == 1, "gradients: expected an output of one element, got shape {}; give a cotangent",
        output.shape());
  return gradients(output, inputs, Tensor::ones(output.shape(), output.dtype()));
}

/// For each node up to `last`, whether it depends on one of the inputs.
std::vector<bool> Tape::depending_on(const std::vector<Variable>& inputs, std::size_t last) const {
  std::vector<bool> depends(last + 1, false);
  for (const Variable& input : inputs) {
    if (input.node_ <= last) depends[input.node_] = true;
  }
  for (std::size_t i = 0; i <= last; ++i) {
    const auto from = [&](std::size_t source) { depends[i] = depends[i] || depends[source]; };
    for (const Edge& edge : nodes_[i].edges) from(edge.input);
    for (const auto& source : nodes_[i].joint_inputs) {
      if (source) from(*source);
    }
  }
  return depends;
}

std::vector<Variable> Tape::differentiate(const Variable& output, const std::vector<Variable>& inputs,
                                          const Variable& cotangent) {
  std::vector<Variable> all = inputs;
  all.push_back(output);
  const bool tracked = std::ranges::all_of(all, [](const Variable& v) { return v.tracked(); });
  const std::shared_ptr<Tape> tape = tracked ? common_tape("gradients", all) : nullptr;
  check(tape != nullptr,
        "gradients: expected an output and inputs that are tracked by one recording pass, got a constant");
  check(cotangent.shape() == output.shape() && cotangent.dtype() == output.dtype(),
        "gradients: expected a cotangent like the output, {} {}, got {} {}", output.shape(), output.dtype(),
        cotangent.shape(), cotangent.dtype());
  const std::vector<bool> depends = tape->depending_on(inputs, output.node_);
  std::vector<std::optional<Variable>> found(output.node_ + 1);
  const auto add = [&](std::size_t node, const Variable& gradient) {
    found[node] = found[node] ? sum_of(*found[node], gradient) : gradient;
  };
  found[output.node_] = cotangent;
  for (std::size_t i = output.node_ + 1; i-- > 0;) {
    if (!found[i] || !depends[i]) continue;
    const Node node = tape->nodes_[i];  // a copy, because recording may move the nodes
    // A joint pullback is an error only if its gradients are needed. They are not if the op's inputs do not depend on
    // `inputs`, even if its output is one of `inputs`.
    const bool leads_on = std::ranges::any_of(
        node.joint_inputs, [&](const std::optional<std::size_t>& source) { return source && depends[*source]; });
    check(!leads_on || node.definition, "gradients: {} has a derivative that can't be differentiated again", node.name);
    if (leads_on) {
      // Aliases, because an input may be given twice or depend on another one: each gets only its own derivative.
      std::vector<Variable> aliases, wanted;
      for (const Variable& input : node.definition_of) aliases.push_back(input.tracked() ? alias_of(input) : input);
      std::ranges::copy_if(aliases, std::back_inserter(wanted), &Variable::tracked);
      const std::vector<Variable> derivatives = differentiate(node.definition(aliases), wanted, *found[i]);
      auto derivative = derivatives.begin();
      for (const auto& source : node.joint_inputs) {
        if (source) add(*source, *derivative++);
      }
    }
    const Variable y = node.output ? Variable(*node.output, tape, i) : Variable(Tensor());
    for (const Edge& edge : node.edges) {
      if (!depends[edge.input]) continue;
      check(edge.pullback.differentiable(), "gradients: {} has a derivative that can't be differentiated again",
            node.name);
      add(edge.input, edge.pullback(*found[i], y));
    }
  }
  std::vector<Variable> results;
  for (const Variable& input : inputs) {
    const bool reached = input.node_ <= output.node_ && found[input.node_];
    results.push_back(reached ? *found[input.node_] : Variable(Tensor::zeros(input.shape(), input.dtype())));
  }
  return results;
}

}  // namespace xtape
