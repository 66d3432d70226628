#include <algorithm>

#include "framework/amount.hpp"
#include "framework/io/utf8.hpp"
#include "models/graph/plot.hpp"

namespace xtape {
namespace {

/// Text for an HTML-like label: markup is escaped, control characters are removed, and bytes that are not UTF-8, which
/// Graphviz rejects, become \x and two digits.
std::string escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text[0];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '"')
      result += "&quot;";
    else if (c == '\\')
      result += "&#92;";  // Graphviz replaces \N and others by names
    else if (byte < 0x20 || byte == 0x7F)
      result += ' ';
    else if (length == 0)
      result += fmt::format("&#92;x{:02x}", byte);
    else
      result += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return result;
}

struct Kind {
  std::vector<std::string> types;
  const char* fill;
  const char* border;
};

const Kind& kind_of(const std::string& type) {
  static const std::vector<Kind> kinds{
      {{"Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D",
        "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "Dense"},
       "#dbe9f6",
       "#4a7fb0"},
      {{"BatchNormalization"}, "#eef0f2", "#9aa4ae"},
      {{"Activation", "Softmax", "Dropout"}, "#fdf3dc", "#c9a14a"},
      {{"MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
        "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling1D",
        "GlobalAveragePooling2D", "GlobalAveragePooling3D"},
       "#e3f1e4",
       "#6fa174"},
      {{"Add", "Multiply", "Concatenate"}, "#f6e0e0", "#b56a6a"},
      {{"InputLayer"}, "#e9e3f4", "#8471ab"},
  };
  static const Kind other{{}, "#ffffff", "#8a8a8a"};
  const auto found = std::ranges::find_if(
      kinds, [&](const Kind& kind) { return std::ranges::find(kind.types, type) != kind.types.end(); });
  return found == kinds.end() ? other : *found;
}

/// First and last node of each block. A block consists of the nodes between two values that all paths pass through and
/// that are not neighbours, with the second value and an activation that directly follows it. The nodes are in the
/// order of computation, so all paths pass through a value if no later node reads an earlier value.
std::vector<std::pair<std::size_t, std::size_t>> blocks_of(const Model& model) {
  const std::vector<ModelNode>& nodes = model.nodes();
  std::vector<std::size_t> last_reader(nodes.size(), 0);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const NodeOutput& input : nodes[i].inputs) last_reader[input.node] = std::max(last_reader[input.node], i);
  }
  for (const NodeOutput& output : model.output_nodes()) last_reader[output.node] = nodes.size();
  std::vector<std::pair<std::size_t, std::size_t>> blocks;
  std::size_t furthest = 0, previous = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (furthest <= i && i > 0) {
      if (i > previous + 1)
        blocks.emplace_back(previous + 1, i);
      else if (!blocks.empty() && blocks.back().second + 1 == i && nodes[i].layer->type() == "Activation")
        blocks.back().second = i;
      previous = i;
    }
    furthest = std::max(furthest, last_reader[i]);
  }
  return blocks;
}

/// The nodes on the path from the first output back to the first input, along first inputs. They are drawn in a
/// straight line.
std::vector<bool> spine_of(const Model& model) {
  std::vector<bool> spine(model.nodes().size(), false);
  for (std::size_t i = model.output_nodes().front().node;; i = model.nodes()[i].inputs.front().node) {
    spine[i] = true;
    if (model.nodes()[i].inputs.empty()) return spine;
  }
}

class DotWriter {
 public:
  explicit DotWriter(const PlotOptions& options) : options_(options) {}

  std::string text(const Model& model) {
    text_ =
        "digraph model {\n"
        "  graph [rankdir=TB, ranksep=0.25, nodesep=0.4, bgcolor=white, fontname=\"Arial\", fontsize=12];\n"
        "  node [shape=box, style=\"rounded,filled\", fontname=\"Arial\", fontsize=12, width=3.1, "
        "height=0.3, margin=\"0.12,0.04\"];\n"
        "  edge [color=\"#6b7680\", arrowsize=0.6];\n";
    write(model, "n", "  ");
    return text_ + "}\n";
  }

 private:
  /// Writes nodes and edges of a model. Node i has the name prefix + i.
  void write(const Model& model, const std::string& prefix, const std::string& indent) {
    const auto blocks = options_.blocks ? blocks_of(model) : std::vector<std::pair<std::size_t, std::size_t>>();
    const std::vector<bool> spine = spine_of(model);
    auto block = blocks.begin();
    for (std::size_t i = 0; i < model.nodes().size(); ++i) {
      if (block != blocks.end() && i == block->first) {
        text_ += fmt::format(
            "{}subgraph \"cluster_{}{}\" {{\n{}  style=\"rounded,filled\"; color=\"#d9dee3\"; "
            "fillcolor=\"#fafbfc\"; margin=10;\n",
            indent, prefix, i, indent);
      }
      write_node(model, i, prefix, indent + "  ", spine[i]);
      if (block != blocks.end() && i == block->second) {
        text_ += indent + "}\n";
        ++block;
      }
    }
    for (std::size_t i = 0; i < model.nodes().size(); ++i) {
      const std::vector<NodeOutput>& inputs = model.nodes()[i].inputs;
      for (std::size_t k = 0; k < inputs.size(); ++k) {
        text_ += fmt::format("{}\"{}\" -> \"{}\";\n", indent, end_of(model, inputs[k], prefix),
                             begin_of(model, i, k, prefix));
      }
    }
  }

  void write_node(const Model& model, std::size_t i, const std::string& prefix, const std::string& indent,
                  bool on_spine) {
    const ModelNode& node = model.nodes()[i];
    const std::string id = fmt::format("{}{}", prefix, i);
    if (const auto inner = Model::from_layer(node.layer)) {
      text_ += fmt::format(
          "{}subgraph \"cluster_{}\" {{\n{}  label=<{}>; labeljust=l; style=\"rounded,filled\"; "
          "color=\"#8471ab\"; fillcolor=\"#f8f6fc\"; margin=12;\n",
          indent, id, indent, escaped(node.layer->name()));
      write(*inner, id + "_", indent + "  ");
      text_ += indent + "}\n";
      return;
    }
    const Kind kind = kind_of(node.layer->type());
    text_ += fmt::format("{}\"{}\" [label=<{}>, fillcolor=\"{}\", color=\"{}\"{}];\n", indent, id, label(node),
                         kind.fill, kind.border, on_spine ? fmt::format(", group=\"{}\"", prefix) : "");
  }

  std::string label(const ModelNode& node) const {
    std::string details;
    if (options_.shapes) {
      for (const SymbolicTensor& output : node.outputs) {
        const PartialShape& shape = output.shape();
        details += fmt::format("{}({})", details.empty() ? "" : ", ", fmt::join(shape.begin(), shape.end(), " × "));
      }
    }
    std::int64_t count = 0;
    for (const auto& [path, parameter] : node.layer->named_parameters()) count += parameter.shape().size();
    if (options_.parameters && count > 0) details += (details.empty() ? "" : " · ") + amount(count, "parameter");
    if (!details.empty())
      details = fmt::format("<tr><td><font point-size=\"10\" color=\"#56606a\">{}</font></td></tr>", details);
    return fmt::format(
        "<table border=\"0\" cellspacing=\"0\" cellpadding=\"2\"><tr><td><b>{}</b>  {}</td></tr>{}{}</table>",
        escaped(node.layer->type()), escaped(node.layer->name()), details, rows_inside(*node.layer, ""));
  }

  /// A row with the path of each layer inside a layer that is not a model.
  static std::string rows_inside(const Layer& layer, const std::string& path) {
    std::string rows;
    for (const auto& [name, inner] : layer.sublayers()) {
      rows += fmt::format("<tr><td><font point-size=\"10\">{}  {}</font></td></tr>", escaped(inner->type()),
                          escaped(path + name));
      rows += rows_inside(*inner, path + name + "/");
    }
    return rows;
  }

  /// The DOT node where the edges of `value` begin. For a model used as a layer it is a node inside that model.
  static std::string end_of(const Model& model, NodeOutput value, const std::string& prefix) {
    const std::string id = fmt::format("{}{}", prefix, value.node);
    const auto inner = Model::from_layer(model.nodes()[value.node].layer);
    return inner ? end_of(*inner, inner->output_nodes().at(value.output), id + "_") : id;
  }

  /// The DOT node where the edge of an input of node i ends. For a model used as a layer it is an input of that model.
  static std::string begin_of(const Model& model, std::size_t i, std::size_t input, const std::string& prefix) {
    const std::string id = fmt::format("{}{}", prefix, i);
    const auto inner = Model::from_layer(model.nodes()[i].layer);
    return inner ? fmt::format("{}_{}", id, inner->input_nodes().at(input)) : id;
  }

  const PlotOptions& options_;
  std::string text_;
};

}  // namespace

std::string dot_text(const Model& model, const PlotOptions& options) { return DotWriter(options).text(model); }

}  // namespace xtape
