#include "models/graph/fusion.hpp"

#include <algorithm>

namespace xtape {
namespace {

class Planner {
 public:
  Planner(const std::vector<ModelNode>& nodes, const std::vector<NodeOutput>& outputs)
      : nodes_(nodes), readers_(nodes.size()), taken_(nodes.size(), false) {
    std::map<const Layer*, int> direct;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const NodeOutput& input : nodes[i].inputs) readers_[input.node].push_back(i);
      ++direct[nodes[i].layer.get()];
    }
    for (const auto& [layer, times] : direct) count_calls(*layer, calls_, times);
    for (const NodeOutput& output : outputs) readers_[output.node].push_back(nodes.size());
  }

  std::vector<FusedStep> steps() {
    std::vector<FusedStep> steps;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (taken_[i]) continue;
      steps.push_back(step_from(i));
      for (const std::size_t node : steps.back().nodes) taken_[node] = true;
    }
    std::ranges::stable_sort(steps, {}, &FusedStep::output);
    return steps;
  }

 private:
  FusedStep step_from(std::size_t node) const {
    for (const FusionRule& rule : fusion_rules()) {
      if (auto step = match(rule, node)) return std::move(*step);
    }
    return {.nodes = {node}, .inputs = nodes_[node].inputs, .made = {node}};
  }

  /// The step that computes this node and later ones by the rule; nothing if there would be fewer than two nodes.
  std::optional<FusedStep> match(const FusionRule& rule, std::size_t first) const {
    FusedStep step{.nodes = {}, .inputs = nodes_[first].inputs, .rule = &rule};
    std::optional<std::size_t> next = first;
    for (const FusionRule::Part& part : rule.pattern) {
      const bool matches = next && part.matches(*nodes_[*next].layer) && may_join(step, *next);
      if (!matches && !part.optional) return std::nullopt;
      step.layers.push_back(matches ? nodes_[*next].layer.get() : nullptr);
      if (!matches) continue;
      join(step, *next);
      if (part.has_value) step.made.push_back(*next);
      next = only_reader(*next);
    }
    if (step.nodes.size() < 2) return std::nullopt;
    step.made.push_back(step.output());
    return step;
  }

  bool may_join(const FusedStep& step, std::size_t node) const {
    const Layer& layer = *nodes_[node].layer;
    if (calls_.at(&layer) > 1 && !layer.named_parameters().empty()) return false;
    if (step.nodes.empty()) return true;
    return nodes_[node].inputs.size() == 1 || (nodes_[node].inputs.size() == 2 && !step.residual);
  }

  void join(FusedStep& step, std::size_t node) const {
    if (!step.nodes.empty()) {
      for (const NodeOutput& input : nodes_[node].inputs) {
        if (input.node != step.output()) step.residual = input;
      }
    }
    step.nodes.push_back(node);
  }

  /// The only node that reads the value of `node`, if there is exactly one and it has no step yet.
  std::optional<std::size_t> only_reader(std::size_t node) const {
    const std::vector<std::size_t>& readers = readers_[node];
    if (readers.size() != 1 || readers[0] == nodes_.size() || taken_[readers[0]]) return std::nullopt;
    return readers[0];
  }

  const std::vector<ModelNode>& nodes_;
  std::vector<std::vector<std::size_t>> readers_;  // of each node; nodes_.size() represents an output of the model
  std::map<const Layer*, int> calls_;
  std::vector<bool> taken_;  // nodes that have a step
};

}  // namespace

void FusedCall::enter(std::size_t first_part, std::size_t last_part, ForwardPass& pass) {
  std::string name;
  current = nullptr;
  for (std::size_t part = first_part; part <= last_part; ++part) {
    if (!layers[part]) continue;
    if (!current) current = layers[part];
    name += (name.empty() ? "" : " + ") + layers[part]->name();
  }
  pass.begin_layer(name);
}

void count_calls(const Layer& layer, std::map<const Layer*, int>& calls, int times) {
  calls[&layer] += times;
  for (const Sublayer& inner : layer.sublayers()) count_calls(*inner.layer, calls, times);
}

std::vector<NodeOutput> FusedStep::reads() const {
  std::vector<NodeOutput> read = inputs;
  if (residual) read.push_back(*residual);
  return read;
}

std::vector<FusedStep> plan_steps(const std::vector<ModelNode>& nodes, const std::vector<NodeOutput>& outputs) {
  return Planner(nodes, outputs).steps();
}

}  // namespace xtape
