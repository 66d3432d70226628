#include <algorithm>
#include <array>
#include <limits>

#include "layers/layers.hpp"
#include "models/files/onnx/export_graph.hpp"

namespace xtape::onnx {
namespace {

/// The inputs in one order of the axes: that of images if an input has it, and the result.
struct Aligned {
  std::vector<std::string> names;
  ExportValue like;  ///< a value with the same order
};

Aligned aligned(const ExportCall& call) {
  const ExportValue& first = call.x();
  const auto any_image =
      std::ranges::find_if(call.inputs, [](const ExportValue& value) { return value.channels_first; });
  Aligned result{{}, any_image == call.inputs.end() ? first : *any_image};
  const bool same_form = std::ranges::all_of(call.inputs, [&](const ExportValue& value) {
    return value.flat_of == first.flat_of && value.shape.rank() == first.shape.rank();
  });
  if (!same_form) result.like = {"", call.output};
  for (const ExportValue& value : call.inputs) {
    result.names.push_back(result.like.channels_first ? call.graph.channels_first(value)
                           : same_form                ? value.name
                                                      : call.graph.with_rank(value, call.output.rank() + 1));
  }
  return result;
}

ExportValue merged(const ExportCall& call, const char* type) {
  const Aligned inputs = aligned(call);
  std::string y = inputs.names[0];
  const std::string name = type;
  if (name == "Max" || name == "Min" || name == "Mean") {
    y = call.graph.op(type, inputs.names);
  } else {
    for (std::size_t i = 1; i < inputs.names.size(); ++i) y = call.graph.op(type, {y, inputs.names[i]});
  }
  return {y, call.output, inputs.like.channels_first, inputs.like.flat_of};
}

ExportValue concatenated(const ExportCall& call) {
  const int rank = call.output.rank() + 1, given = call.options<ConcatenateLayer>().axis;
  const std::int64_t axis = given < 0 ? given + rank : given;
  const bool images = std::ranges::any_of(call.inputs, [](const ExportValue& value) { return value.channels_first; });
  std::vector<std::string> names;
  for (const ExportValue& value : call.inputs) {
    names.push_back(images ? call.graph.channels_first(value) : call.graph.plain(value));
  }
  const std::int64_t in_file = !images ? axis : axis == rank - 1 ? 1 : axis + 1;
  const std::string y = call.graph.op("Concat", names, {{"axis", in_file}});
  return images ? call.made_images(y) : call.made(y);
}

/// Products of vectors, as stacks of matrices (n, rows, k) and (n, k, columns), or with more axes by Einsum.
ExportValue dot(const ExportCall& call) {
  const auto& o = call.options<DotLayer>();
  ExportGraph& g = call.graph;
  const auto rank_of = [&](std::size_t i) { return call.inputs[i].shape.rank() + 1; };
  const auto axis_of = [&](std::size_t i) { return o.axes[i] < 0 ? o.axes[i] + rank_of(i) : o.axes[i]; };
  const auto vectors = [&](std::size_t i) {
    const std::string x = g.plain(call.inputs[i]);
    if (!o.normalize) return x;
    const std::string squares = g.reduce("ReduceSum", g.op("Mul", {x, x}), {axis_of(i)}, true);
    return g.op("Div", {x, g.op("Sqrt", {g.op("Max", {squares, g.number(1e-14)})})});
  };
  if (std::max(rank_of(0), rank_of(1)) > 3) {
    std::array<std::string, 2> letters{"n", "n"};  // n for the samples, k for the vectors, A, B, ... for the other axes
    std::string kept = "n";
    for (const std::size_t i : {0U, 1U}) {
      for (int axis = 1; axis < rank_of(i); ++axis) {
        if (axis != axis_of(i)) kept += static_cast<char>('A' + std::ssize(kept) - 1);
        letters[i] += axis == axis_of(i) ? 'k' : kept.back();
      }
    }
    const std::string equation = fmt::format("{},{}->{}", letters[0], letters[1], kept);
    return call.made(g.op("Einsum", {vectors(0), vectors(1)}, {{"equation", equation}}));
  }
  const auto stacked = [&](std::size_t i, bool k_last) {
    const std::string x = vectors(i);
    if (rank_of(i) == 2) return g.op("Unsqueeze", {x, g.integers({k_last ? 1 : 2})});
    return (axis_of(i) == 2) == k_last ? x : g.op("Transpose", {x}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
  };
  const std::string y = g.op("MatMul", {stacked(0, true), stacked(1, false)});
  if (call.inputs[0].shape.rank() == 1) return call.made(g.op("Squeeze", {y, g.integers({1})}));
  return call.made(call.inputs[1].shape.rank() == 1 ? g.op("Squeeze", {y, g.integers({2})}) : y);
}

ExportValue flattened(const ExportCall& call) {
  const ExportValue& x = call.x();
  const bool known = x.shape.known();
  const bool keep = x.channels_first && known && Shape(x.shape).size() > 0;
  const std::string y = call.graph.op("Flatten", {keep ? x.name : call.plain()}, {{"axis", std::int64_t{1}}});
  ExportValue made = call.made(y);
  if (keep) made.flat_of = Shape(x.shape);
  return made;
}

ExportValue reshaped(const ExportCall& call) {
  std::vector<std::int64_t> target = call.options<ReshapeLayer>().target_shape.value;
  target.insert(target.begin(), 0);
  return call.made(call.graph.op("Reshape", {call.plain(), call.graph.integers(target)}));
}

ExportValue permuted_layer(const ExportCall& call) {
  std::vector<std::int64_t> axes{0};
  const int rank = call.output.rank() + 1;
  for (const std::int64_t axis : call.options<PermuteLayer>().dims.value) {
    // in a channels-first value the last axis is at 1, and the others follow
    axes.push_back(!call.x().channels_first ? axis : axis == rank - 1 ? 1 : axis + 1);
  }
  const std::string x = call.x().channels_first ? call.x().name : call.plain();
  if (std::ranges::is_sorted(axes)) return call.made(x);
  return call.made(call.graph.op("Transpose", {x}, {{"perm", axes}}));
}

ExportValue repeated(const ExportCall& call) {
  const std::string x = call.graph.op("Unsqueeze", {call.plain(), call.graph.integers({1})});
  return call.made(call.graph.op("Tile", {x, call.graph.integers({1, call.options<RepeatVectorLayer>().n, 1})}));
}

/// Removes elements at the ends of axes; `axes` are those of the file.
std::string cropped(ExportGraph& g, const std::string& x, const std::vector<std::int64_t>& axes,
                    const std::vector<std::int64_t>& before, std::vector<std::int64_t> behind) {
  for (std::int64_t& end : behind) end = end == 0 ? std::numeric_limits<std::int64_t>::max() : -end;
  return g.op("Slice", {x, g.integers(before), g.integers(behind), g.integers(axes)});
}

template <int axes>
ExportValue cropped_borders(const ExportCall& call) {
  std::vector<std::int64_t> of, before, behind;
  for (const auto& [first, last] : amounts_of(call.options<CroppingLayer<axes>>().cropping)) {
    of.push_back(std::ssize(of) + 2);
    before.push_back(first);
    behind.push_back(last);
  }
  return call.made_images(cropped(call.graph, call.images(), of, before, behind));
}

template <int axes>
ExportValue zero_padding(const ExportCall& call) {
  std::vector<std::int64_t> before{0, 0}, behind{0, 0};
  for (const auto& [first, last] : amounts_of(call.options<ZeroPaddingLayer<axes>>().padding)) {
    before.push_back(first);
    behind.push_back(last);
  }
  before.insert(before.end(), behind.begin(), behind.end());
  return call.made_images(call.graph.op("Pad", {call.images(), call.graph.integers(before)}));
}

}  // namespace

void add_shape_rows(ExportRows& rows) {
  rows["Add"] = [](const ExportCall& call) { return merged(call, "Add"); };
  rows["Subtract"] = [](const ExportCall& call) { return merged(call, "Sub"); };
  rows["Multiply"] = [](const ExportCall& call) { return merged(call, "Mul"); };
  rows["Average"] = [](const ExportCall& call) { return merged(call, "Mean"); };
  rows["Maximum"] = [](const ExportCall& call) { return merged(call, "Max"); };
  rows["Minimum"] = [](const ExportCall& call) { return merged(call, "Min"); };
  rows["Concatenate"] = concatenated;
  rows["Dot"] = dot;
  rows["Flatten"] = flattened;
  rows["Reshape"] = reshaped;
  rows["Permute"] = permuted_layer;
  rows["RepeatVector"] = repeated;
  rows["Cropping1D"] = cropped_borders<1>;
  rows["Cropping2D"] = cropped_borders<2>;
  rows["Cropping3D"] = cropped_borders<3>;
  rows["ZeroPadding1D"] = zero_padding<1>;
  rows["ZeroPadding2D"] = zero_padding<2>;
  rows["ZeroPadding3D"] = zero_padding<3>;
}

}  // namespace xtape::onnx
