#include "models/fusion.hpp"

#include <algorithm>

namespace xtape {
namespace {

class Planner {
 public:
  Planner(const std::vector<ModelNode>& nodes, const std::vector<std::size_t>& outputs)
      : nodes_(nodes), readers_(nodes.size()), taken_(nodes.size(), false), without_bias_(nodes.size(), false) {
    std::map<const Layer*, int> direct;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const std::size_t input : nodes[i].inputs) readers_[input].push_back(i);
      ++direct[nodes[i].layer.get()];
    }
    for (const auto& [layer, times] : direct) count_calls(*layer, calls_, times);
    for (const std::size_t output : outputs) readers_[output].push_back(nodes.size());
  }

  std::vector<FusedStep> steps() {
    std::vector<FusedStep> steps;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!taken_[i]) steps.push_back(step_from(i));
    }
    for (FusedStep& step : steps) step.without_bias = without_bias_[step.node()];
    std::ranges::stable_sort(steps, {}, &FusedStep::output);
    return steps;
  }

 private:
  /// The only node that reads the value, if there is but one and it has no step yet.
  std::optional<std::size_t> only_reader(std::size_t node) const {
    const std::vector<std::size_t>& readers = readers_[node];
    if (readers.size() != 1 || readers[0] == nodes_.size() || taken_[readers[0]]) return std::nullopt;
    return readers[0];
  }

  FusedStep step_from(std::size_t node) {
    FusedStep step{.nodes = {node}, .inputs = nodes_[node].inputs, .residual = std::nullopt};
    const Layer& layer = *nodes_[node].layer;
    const Fusion can = layer.fusion();
    if (calls_.at(&layer) == 1) {
      if (can.takes_residual) take_sum(step);
      if (can.takes_relu) take_relu(step);
      if (can.takes_max_pool) take_max_pool(step);
    }
    if (can.takes_bias && step.inputs.size() == 1 && readers_[step.inputs[0]].size() == 1) {
      without_bias_[step.inputs[0]] = true;
    }
    return step;
  }

  void take_sum(FusedStep& step) {
    const auto reader = only_reader(step.output());
    if (!reader || !nodes_[*reader].layer->fusion().is_sum || nodes_[*reader].inputs.size() != 2) return;
    const std::vector<std::size_t>& operands = nodes_[*reader].inputs;
    step.residual = operands[0] == step.output() ? operands[1] : operands[0];
    take(step, *reader);
  }

  void take_relu(FusedStep& step) {
    const auto reader = only_reader(step.output());
    if (!reader || !nodes_[*reader].layer->fusion().is_relu || nodes_[*reader].inputs.size() != 1) return;
    step.relu = true;
    take(step, *reader);
  }

  void take_max_pool(FusedStep& step) {
    const auto reader = only_reader(step.output());
    if (!reader || !nodes_[*reader].layer->fusion().is_max_pool) return;
    step.max_pool = nodes_[*reader].layer->fusion().is_max_pool;
    take(step, *reader);
  }

  void take(FusedStep& step, std::size_t node) {
    taken_[node] = true;
    step.nodes.push_back(node);
  }

  const std::vector<ModelNode>& nodes_;
  std::vector<std::vector<std::size_t>> readers_;  // of each node; nodes_.size() stands for an output of the model
  std::map<const Layer*, int> calls_;
  std::vector<bool> taken_;         // into the step of another node
  std::vector<bool> without_bias_;  // another node adds the bias
};

}  // namespace

void count_calls(const Layer& layer, std::map<const Layer*, int>& calls, int times) {
  calls[&layer] += times;
  for (const auto& inner : layer.sublayers()) count_calls(*inner, calls, times);
}

std::vector<std::size_t> FusedStep::reads() const {
  std::vector<std::size_t> read = inputs;
  if (residual) read.push_back(*residual);
  return read;
}

std::vector<FusedStep> plan_steps(const std::vector<ModelNode>& nodes, const std::vector<std::size_t>& outputs) {
  return Planner(nodes, outputs).steps();
}

}  // namespace xtape
