// Fusion: layers that one op computes together, in one pass over memory. Internal to the library.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "models/model.hpp"

namespace xtape {

/// What the function of a rule computes with.
struct FusedCall {
  std::vector<const Layer*> layers;  ///< for each part of the pattern; null for one that is left out
  std::vector<Variable> inputs;      ///< of the first layer; may be given away
  std::optional<Variable> residual;  ///< the other operand of a sum behind the first layer
  const Layer* current;              ///< whose ops run, for messages

  /// The layer of a part of the pattern; null when it is left out.
  template <class Definition>
  const Definition* layer(std::size_t part) const {
    return static_cast<const Definition*>(layers[part]);
  }
  /// The ops that follow belong to the layers of these parts, for messages and the profiler; each rule calls it first.
  void enter(std::size_t first_part, std::size_t last_part, ForwardPass& pass);
};

/// A row of the table: a pattern of layers, and the function that computes it by one op.
struct FusionRule {
  struct Part {
    bool (*matches)(const Layer& layer);
    bool optional = false;
    bool has_value = false;  ///< whether its output exists nevertheless, as the input of the op
  };
  /// Layers one behind the other. Each is the only one that reads the output of the one before it, which then need not
  /// exist. A sum of two behind the first layer reads another value too, the residual.
  std::vector<Part> pattern;
  /// The same numbers, to rounding, as the layers one after the other.
  Variable (*compute)(FusedCall& call, ForwardPass& pass);
};

/// The table; of two rules that match, the first counts. The layers know nothing of it: what a rule needs, their public
/// options say.
const std::vector<FusionRule>& fusion_rules();

/// One call in the walk through a graph: a node alone, or several that a rule computes. It comes where the last of them
/// stands, so that all that it reads is there.
struct FusedStep {
  std::vector<std::size_t> nodes;  ///< one behind the other
  std::vector<NodeOutput> inputs;  ///< what the first of them reads
  std::optional<NodeOutput> residual = std::nullopt;
  const FusionRule* rule = nullptr;       ///< null for a node alone
  std::vector<const Layer*> layers = {};  ///< for each part of the rule's pattern; null for one that is left out
  std::vector<std::size_t> made = {};     ///< those of the nodes whose outputs come into being

  std::size_t node() const { return nodes.front(); }
  std::size_t output() const { return nodes.back(); }  ///< the node whose outputs are computed
  /// The values that it reads.
  std::vector<NodeOutput> reads() const;
};

/// Adds how often each layer computes when this one is called `times` times, those inside it included.
void count_calls(const Layer& layer, std::map<const Layer*, int>& calls, int times = 1);

/// The steps in order. A value is left out only if exactly one node reads it and it is no output of the model. Layers
/// with parameters that are called more than once compute at their own places, so that what they count or average keeps
/// its order.
std::vector<FusedStep> plan_steps(const std::vector<ModelNode>& nodes, const std::vector<NodeOutput>& outputs);

}  // namespace xtape
