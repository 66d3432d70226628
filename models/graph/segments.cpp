#include "models/graph/segments.hpp"

#include <algorithm>

namespace xtape {
namespace {

/// The steps between two neighbouring cuts.
struct Piece {
  std::size_t end;        // end of its steps
  std::int64_t elements;  // elements of all values that it computes
  std::int64_t output;    // elements of the last value
  int layers;             // number of layers, without inputs
  bool is_model;          // it is a single layer, which is a model
};

bool is_input(const FusedStep& step) { return step.inputs.empty(); }

bool is_model(const FusedStep& step, const std::vector<ModelNode>& nodes) {
  return Model::from_layer(nodes[step.node()].layer).has_value();
}

/// Elements of one sample of a node's outputs.
std::int64_t elements_of(const ModelNode& node) {
  std::int64_t elements = 0;
  for (const SymbolicTensor& output : node.outputs) {
    std::int64_t known = 1;
    for (const Extent extent : output.shape()) known *= extent.known() ? extent.value() : 1;
    elements += known;
  }
  return elements;
}

/// Divides the steps at cuts. At a cut, later steps read exactly one of the values that are computed so far.
std::vector<Piece> pieces_of(const std::vector<FusedStep>& steps, const std::vector<ModelNode>& nodes,
                             const std::vector<std::size_t>& last_use) {
  std::vector<std::int64_t> last_reads(steps.size() + 1, 0);  // number of values that no later step reads
  for (const FusedStep& step : steps) {
    if (!is_input(step)) ++last_reads[last_use[step.output()]];
  }
  std::vector<Piece> pieces;
  Piece piece{};
  std::int64_t alive = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const FusedStep& step = steps[i];
    piece.end = i + 1;
    piece.output = elements_of(nodes[step.output()]);
    for (const std::size_t node : step.made) piece.elements += elements_of(nodes[node]);
    if (!is_input(step)) {
      piece.is_model = piece.layers == 0 && is_model(step, nodes);
      piece.layers += static_cast<int>(step.made.size());
      ++alive;
    }
    alive -= last_reads[i];
    const bool one_output = nodes[step.output()].outputs.size() == 1;
    const bool cut = !is_input(step) && one_output && alive <= 1 && last_use[step.output()] > i;
    if (cut || i + 1 == steps.size()) pieces.push_back(std::exchange(piece, {}));
  }
  return pieces;
}

/// The longest segments that fit into `most` elements of memory; nothing when none fit. The first segment begins with
/// an input of the model, which needs no memory.
std::vector<Segment> segments_within(const std::vector<Piece>& pieces, std::int64_t most) {
  std::vector<Segment> segments;
  std::size_t begin = 0;
  std::int64_t kept = 0, inside = 0;
  int layers = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    inside += pieces[i].elements;
    layers += pieces[i].layers;
    if (kept + inside > most) return {};
    const bool last = i + 1 == pieces.size();
    const bool longer = !last && !pieces[i].is_model && !pieces[i + 1].is_model;
    if (longer && kept + inside + pieces[i + 1].elements <= most) continue;
    segments.push_back({begin, pieces[i].end, !last && layers > 1});
    begin = pieces[i].end;
    kept += pieces[i].output;
    inside = 0;
    layers = 0;
  }
  return segments;
}

}  // namespace

std::vector<Segment> plan_segments(const std::vector<FusedStep>& steps, const std::vector<ModelNode>& nodes,
                                   const std::vector<std::size_t>& last_use) {
  const std::vector<Piece> pieces = pieces_of(steps, nodes, last_use);
  std::int64_t too_little = 0, enough = 0;
  for (const Piece& piece : pieces) enough += piece.elements + piece.output;
  while (too_little + 1 < enough) {
    const std::int64_t middle = too_little + (enough - too_little) / 2;
    (segments_within(pieces, middle).empty() ? too_little : enough) = middle;
  }
  return segments_within(pieces, enough);
}

}  // namespace xtape
