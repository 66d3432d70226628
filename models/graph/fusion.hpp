// Fusion: several layers that one op computes together, in one pass over memory. Internal to the library.
#pragma once

#include <cassert>
#include <map>
#include <optional>
#include <vector>

#include "models/graph/model.hpp"

namespace xtape {

/// The arguments of the function of a fusion rule.
struct FusedCall {
  std::vector<const Layer*> layers;  ///< one for each part of the pattern; null for an optional part that is absent
  std::vector<Variable> inputs;      ///< the inputs of the first layer; the function may move them
  std::optional<Variable> residual;  ///< the other operand of a sum after the first layer
  const Layer* current;              ///< the layer whose ops run, for messages

  /// The layer of a part of the pattern; null when the part is absent.
  template <class Definition>
  const Definition* layer(std::size_t part) const {
    const auto* found = dynamic_cast<const Definition*>(layers.at(part));
    assert(found || !layers[part]);
    return found;
  }
  /// Attributes the following ops to the layers of these parts, for messages and the profiler. Each rule calls it
  /// first.
  void enter(std::size_t first_part, std::size_t last_part, ForwardPass& pass);
};

/// A row of the fusion table: a pattern of layers, and the function that computes them by one op.
struct FusionRule {
  struct Part {
    bool (*matches)(const Layer& layer);
    bool optional = false;
    bool has_value = false;  ///< whether its output is computed too, as the input of the op
  };
  /// A chain of layers. Each layer is the only reader of the output of the previous one, so that output need not be
  /// computed. A sum of two values after the first layer also reads another value, the residual.
  std::vector<Part> pattern;
  /// Computes the output of the last layer, equal to that of separate layers up to rounding.
  Variable (*compute)(FusedCall& call, ForwardPass& pass);
};

/// The fusion table. If several rules match, the first one is used. Layers do not depend on the table: a rule reads
/// their public options.
const std::vector<FusionRule>& fusion_rules();

/// One step of the computation of a graph: a single node, or several nodes that a rule computes. It has the position of
/// the last of its nodes, so that all values that it reads are computed before.
struct FusedStep {
  std::vector<std::size_t> nodes;  ///< a chain of nodes
  std::vector<NodeOutput> inputs;  ///< the values that the first node reads
  std::optional<NodeOutput> residual = std::nullopt;
  const FusionRule* rule = nullptr;       ///< null for a single node
  std::vector<const Layer*> layers = {};  ///< one for each part of the rule's pattern; null for an absent part
  std::vector<std::size_t> made = {};     ///< the nodes whose outputs are computed

  std::size_t node() const { return nodes.front(); }
  std::size_t output() const { return nodes.back(); }  ///< the node whose outputs are computed
  /// The values that the step reads.
  std::vector<NodeOutput> reads() const;
};

/// Adds to `calls` how often `layer` and each layer inside it compute when `layer` is called `times` times.
void count_calls(const Layer& layer, std::map<const Layer*, int>& calls, int times = 1);

/// The steps in the order of computation. A value is skipped only if exactly one node reads it and it is not an output
/// of the model. Layers with parameters that are called more than once are not moved, so that their counters and
/// averages are updated in order.
std::vector<FusedStep> plan_steps(const std::vector<ModelNode>& nodes, const std::vector<NodeOutput>& outputs);

}  // namespace xtape
