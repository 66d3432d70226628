// Which nodes of a layer graph are computed together, in one pass over memory. Internal to the library.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "models/model.hpp"

namespace xtape {

/// One call of a layer in the walk through a graph: a node, and those behind it that its layer takes in (Fusion). The
/// call comes where the last of them stands, so that all it reads is there.
struct FusedStep {
  std::vector<std::size_t> nodes;       ///< the one whose layer computes, and those taken in; one after the other
  std::vector<std::size_t> inputs;      ///< nodes whose values the layer gets
  std::optional<std::size_t> residual;  ///< the node whose value is added
  bool relu = false;
  std::optional<WindowOptions> max_pool = std::nullopt;
  bool without_bias = false;  ///< leaves its bias to the step that reads it

  std::size_t node() const { return nodes.front(); }
  std::size_t output() const { return nodes.back(); }  ///< the node whose value comes out
  bool fused() const { return nodes.size() > 1; }
  /// The nodes whose values it reads.
  std::vector<std::size_t> reads() const;
};

/// Adds how often each layer computes when this one is called `times` times, those inside of models used as layers
/// included.
void count_calls(const Layer& layer, std::map<const Layer*, int>& calls, int times = 1);

/// The steps in order. A value is left out only if exactly one node reads it and it is no output of the model. Layers
/// called more than once compute at their own places, so that what they count or average keeps its order.
std::vector<FusedStep> plan_steps(const std::vector<ModelNode>& nodes, const std::vector<std::size_t>& outputs);

}  // namespace xtape
