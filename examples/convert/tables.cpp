#include "examples/convert/tables.hpp"

#include <algorithm>
#include <set>

#include "framework/io/utf8.hpp"
#include "models/graph/terminal.hpp"

namespace xtape {
namespace {

struct Row {
  std::string path, type;
  std::int64_t parameters;
};

/// The layers of a model, each once, with the paths of those in inner models.
void collect(const Model& model, const std::string& prefix, std::vector<Row>& rows) {
  std::set<const Layer*> seen;
  for (const ModelNode& node : model.nodes()) {
    if (!seen.insert(node.layer.get()).second) continue;
    const std::string path = prefix + node.layer->name();
    if (const std::optional<Model> inner = Model::from_layer(node.layer)) {
      collect(*inner, path + "/", rows);
      continue;
    }
    std::int64_t parameters = 0;
    for (const auto& [name, parameter] : node.layer->named_parameters()) parameters += parameter.shape().size();
    rows.push_back({path, node.layer->type(), parameters});
  }
}

std::vector<Row> rows_of(const Model& model) {
  std::vector<Row> rows;
  collect(model, "", rows);
  return rows;
}

/// The part of a path before its last "/".
std::string layer_of(const std::string& path) { return path.substr(0, std::min(path.rfind('/'), path.size())); }

void append(std::string& list, const std::string& item) { list += (list.empty() ? "" : ", ") + item; }

}  // namespace

void print_layers(const Model& model, const LayerTargets& targets, const std::string& heading) {
  const std::vector<Row> rows = rows_of(model);
  std::size_t path = 5, type = 5;
  for (const Row& row : rows) path = std::max(path, row.path.size()), type = std::max(type, row.type.size());
  fmt::print("\n{:<{}}  {:<{}}  {:>10}  {}\n", "layer", path, "class", type, "parameters", heading);
  for (const Row& row : rows) {
    const auto found = targets.find(row.path);
    const std::string count = row.parameters > 0 ? std::to_string(row.parameters) : "";
    fmt::print("{:<{}}  {:<{}}  {:>10}  {}\n", printable(row.path), path, row.type, type, count,
               found == targets.end() ? "-" : printable(found->second));
  }
  fmt::print("\n");
}

LayerTargets targets_in_file(const Model& model, const std::filesystem::path& path, const Model& reloaded) {
  LayerTargets targets;
  switch (model_format_of_name(path)) {
    case ModelFormat::xtape:
      for (const auto& [name, parameter] : model.named_parameters()) {
        append(targets[layer_of(name)], name.substr(name.rfind('/') + 1));
      }
      break;
    case ModelFormat::keras:
      for (const Row& row : rows_of(reloaded)) targets[row.path] = row.type + " " + row.path;
      break;
    case ModelFormat::onnx:
      for (const OnnxNode& node : list_onnx_nodes(path)) append(targets[layer_of(node.name)], node.type);
      break;
  }
  return targets;
}

LayerTargets stored_tensors(const LoadReport& report) {
  LayerTargets targets;
  for (const LoadReport::Pair& pair : report.matched) append(targets[layer_of(pair.parameter)], pair.stored);
  return targets;
}

}  // namespace xtape
