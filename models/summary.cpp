#include <algorithm>
#include <set>

#include "models/model.hpp"

namespace xtape {
namespace {

using Row = std::vector<std::string>;

std::int64_t count_of(const Layer& layer) {
  std::int64_t count = 0;
  for (const auto& [path, parameter] : layer.named_parameters()) count += parameter.shape().size();
  return count;
}

std::string thousands(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<std::size_t>(i), ",");
  }
  return digits;
}

std::string row_text(const Row& row, const std::vector<std::size_t>& widths) {
  std::string text;
  for (std::size_t i = 0; i < row.size(); ++i) text += fmt::format("{:<{}}", row[i], widths[i] + 3);
  return text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
}

}  // namespace

std::string Model::summary() const {
  std::vector<Row> rows{{"Layer (type)", "Output Shape", "Param #", "Connected to"}};
  std::set<const Layer*> seen;
  for (const ModelNode& node : nodes()) {
    std::vector<std::string> sources;
    for (const std::size_t input : node.inputs) sources.push_back(nodes()[input].layer->name());
    const bool first = seen.insert(node.layer.get()).second;  // a shared layer's parameters count once
    rows.push_back({fmt::format("{} ({})", node.layer->name(), node.layer->type()), batch_shape_text(node.shape),
                    first ? std::to_string(count_of(*node.layer)) : "shared",
                    fmt::format("{}", fmt::join(sources, ", "))});
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t total = 0;
  for (const std::size_t width : widths) total += width + 3;
  const std::string rule(total - 3, '=');
  std::string text =
      fmt::format("Model: \"{}\"\n{}\n{}{}\n", name(), std::string(rule.size(), '_'), row_text(rows[0], widths), rule);
  for (std::size_t i = 1; i < rows.size(); ++i) text += row_text(rows[i], widths);
  return text + fmt::format("{}\nTotal params: {}\nTrainable params: {}\nNon-trainable params: {}\n", rule,
                            thousands(parameter_count()), thousands(trainable_count()),
                            thousands(parameter_count() - trainable_count()));
}

}  // namespace xtape
