#include <algorithm>
#include <array>
#include <set>

#include "framework/tensor/size_text.hpp"
#include "models/graph/model.hpp"
#include "models/graph/multiply_adds.hpp"
#include "models/graph/terminal.hpp"

namespace xtape {
namespace {

constexpr std::size_t columns = 4, gap = 2;
constexpr int width_of_files = 98, narrowest = 40;  // Keras uses 98 characters
using Row = std::array<std::string, columns>;
using Widths = std::array<std::size_t, columns>;

std::int64_t count_of(const Layer& layer) {
  std::int64_t count = 0;
  for (const auto& [path, parameter] : layer.named_parameters()) count += parameter.shape().size();
  return count;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

/// The text in lines of at most `width` characters, broken between words.
std::vector<std::string> lines_of(const std::string& text, std::size_t width) {
  std::vector<std::string> lines(1);
  for (const std::string& word : words_of(text)) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

std::string row_text(const Row& row, const Widths& widths) {
  std::array<std::vector<std::string>, columns> cells;
  std::size_t height = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    cells[i] = lines_of(row[i], widths[i]);
    height = std::max(height, cells[i].size());
  }
  std::string text;
  for (std::size_t line = 0; line < height; ++line) {
    std::string whole;
    for (std::size_t i = 0; i < columns; ++i) {
      whole += fmt::format("{:<{}}", line < cells[i].size() ? cells[i][line] : "", widths[i] + gap);
    }
    text += whole.substr(0, whole.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

/// The widths of the columns. Each is at least as wide as its longest word; the remaining width is given to longer
/// texts.
Widths fitted(const std::vector<Row>& rows, std::size_t width) {
  Widths needed{}, wanted{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < columns; ++i) {
      wanted[i] = std::max(wanted[i], row[i].size());
      for (const std::string& word : words_of(row[i])) needed[i] = std::max(needed[i], word.size());
    }
  }
  std::size_t used = gap * (columns - 1);
  for (const std::size_t column : needed) used += column;
  std::size_t left = width > used ? width - used : 0;
  for (const std::size_t i : std::array<std::size_t, 4>{2, 1, 0, 3}) {
    const std::size_t more = std::min(left, wanted[i] - needed[i]);
    needed[i] += more;
    left -= more;
  }
  return needed;
}

std::vector<Row> rows_of(const Model& model) {
  std::vector<Row> rows{{"Layer (type)", "Output Shape", "Param #", "Connected to"}};
  std::set<const Layer*> seen;
  for (const ModelNode& node : model.nodes()) {
    std::vector<std::string> sources;
    for (const NodeOutput& input : node.inputs) {
      const ModelNode& source = model.nodes()[input.node];
      const bool several = source.outputs.size() > 1;
      sources.push_back(source.layer->name() + (several ? fmt::format(":{}", input.output) : ""));
    }
    std::vector<std::string> outputs;
    for (const SymbolicTensor& output : node.outputs) outputs.push_back(to_string(output.spec()));
    const bool first = seen.insert(node.layer.get()).second;  // a shared layer's parameters count once
    rows.push_back(
        {fmt::format("{} ({})", node.layer->name(), node.layer->type()), fmt::format("{}", fmt::join(outputs, ", ")),
         first ? std::to_string(count_of(*node.layer)) : "shared", fmt::format("{}", fmt::join(sources, ", "))});
  }
  return rows;
}

/// The number of elements of the outputs of all layers; for a model used as a layer, of its layers instead. Unknown
/// when an extent is unknown.
Extent activations_of(const Model& model) {
  Extent elements = 0;
  for (const ModelNode& node : model.nodes()) {
    if (const auto inner = Model::from_layer(node.layer)) {
      elements = elements + activations_of(*inner);
      continue;
    }
    for (const SymbolicTensor& output : node.outputs) elements = elements + output.shape().size();
  }
  return elements;
}

std::string activations_text(const Model& model, double bytes, std::int64_t batch) {
  const Extent elements = activations_of(model);
  if (!elements.known()) return "not known before the extents of the inputs";
  return fmt::format("{} at batch size {}, every layer's output once",
                     bytes_text(bytes * static_cast<double>(batch) * static_cast<double>(elements.value())), batch);
}

std::string totals_of(const Model& model, std::int64_t batch) {
  const double bytes = model.dtype() == DType::float64 ? 8 : 4;
  const std::int64_t all = model.parameter_count(), trainable = model.trainable_count();
  const MultiplyAdds work = multiply_adds(model);
  const char* uncounted =
      activations_of(model).known() ? "custom layers" : "layers that are custom or of unknown extents";
  const std::string not_counted = work.unknown == 0
                                      ? ""
                                      : fmt::format(", and an unknown number in {} {} of {}", work.unknown,
                                                    work.unknown == 1 ? "call" : "calls", uncounted);
  const std::string counted =
      work.forward == 0 && work.unknown > 0 ? "none counted" : count_text(work.forward) + " per sample";
  return fmt::format(
      "Total params: {}\nTrainable params: {}\nNon-trainable params: {}\nMemory of parameters: {}\n"
      "Memory of activations: {}\n"
      "Multiply-adds: {}{}\n",
      thousands(all), thousands(trainable), thousands(all - trainable), bytes_text(bytes * static_cast<double>(all)),
      activations_text(model, bytes, batch), counted, not_counted);
}

}  // namespace

std::string Model::summary(const SummaryOptions& options) const {
  const int terminal = terminal_columns();
  const int width = options.width.value_or(terminal > 0 ? std::max(terminal, narrowest) : width_of_files);
  check(width >= narrowest && options.batch_size >= 1,
        "Model::summary: expected a width of at least {} and a batch size of at least 1, got {} and {}", narrowest,
        width, options.batch_size);
  const std::vector<Row> rows = rows_of(*this);
  const Widths widths = fitted(rows, static_cast<std::size_t>(width));
  const std::size_t length = widths[0] + widths[1] + widths[2] + widths[3] + gap * (columns - 1);
  const std::string rule(length, '=');
  std::string text =
      fmt::format("Model: \"{}\"\n{}\n{}{}\n", name(), std::string(length, '_'), row_text(rows[0], widths), rule);
  for (std::size_t i = 1; i < rows.size(); ++i) text += row_text(rows[i], widths);
  return text + rule + "\n" + totals_of(*this, options.batch_size);
}

}  // namespace xtape
