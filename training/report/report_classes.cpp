#include "training/report/report_classes.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "framework/amount.hpp"
#include "framework/io/resize.hpp"
#include "framework/ops/activations.hpp"
#include "framework/ops/label_checks.hpp"
#include "training/metrics/metrics.hpp"
#include "training/report/html.hpp"

namespace xtape {
namespace {

using html::escaped;

constexpr std::size_t most_mistakes = 24, most_confusions = 10, dense_from = 25;
constexpr std::size_t largest_matrix = 100;             // largest number of classes for which the matrix is shown
constexpr std::size_t most_confusions_without_it = 50;  // longer if there is no matrix
constexpr std::int64_t largest_thumbnail = 152, coarse = 48;

/// "87.5%"; a dash for NaN.
std::string percent(double probability) {
  return std::isnan(probability) ? "–" : fmt::format("{:.1f}%", 100 * probability);
}

/// "87.5%"; a dash for 0 / 0.
std::string share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return "–";
  return fmt::format("{:.1f}%", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

/// A cell of the matrix: green for right, red for wrong predictions, more intense for a larger share of the row.
std::string cell_html(std::int64_t count, std::int64_t row, bool right) {
  if (count == 0) return "<td></td>";
  const double strength = 0.08 + 0.62 * std::sqrt(static_cast<double>(count) / static_cast<double>(row));
  return fmt::format("<td style='background:rgba({},{:.2f})'>{}</td>", right ? "46,125,70" : "192,57,43", strength,
                     count);
}

std::string matrix_html(const ConfusionCounts& counts, const std::vector<std::string>& names) {
  const std::size_t k = names.size();
  std::vector<std::int64_t> cells(k * k);
  for (std::size_t i = 0; i < k; ++i) cells[i * k + i] = counts.right[i];
  for (const auto& [label, output, count] : counts.confused) {
    cells[static_cast<std::size_t>(label) * k + static_cast<std::size_t>(output)] = count;
  }
  const bool turned = std::ranges::any_of(names, [](const std::string& name) { return name.size() > 3; });
  std::string text = fmt::format("<div class='wide'><table class='matrix{}{}'><tr><th></th>", turned ? " turned" : "",
                                 k >= dense_from ? " dense" : "");
  for (const std::string& name : names) text += fmt::format("<th class='column'><span>{}</span></th>", escaped(name));
  text += "</tr>\n";
  for (std::size_t i = 0; i < k; ++i) {
    text += fmt::format("<tr><th>{}</th>", escaped(names[i]));
    for (std::size_t j = 0; j < k; ++j) text += cell_html(cells[i * k + j], counts.samples[i], i == j);
    text += "</tr>\n";
  }
  return text + "</table></div>\n";
}

/// The `most` most frequent confusions.
std::string confusions_html(const ConfusionCounts& counts, const std::vector<std::string>& names, std::size_t most) {
  if (counts.confused.empty()) return "";
  std::string text =
      "<h2>Most frequent confusions</h2><div class='wide'><table class='figures'><tr><th>class</th><th>predicted "
      "as</th>"
      "<th class='number'>samples</th><th class='number'>of the class</th></tr>\n";
  for (const auto& [label, output, count] : std::span(counts.confused).first(std::min(counts.confused.size(), most))) {
    const auto of_class = static_cast<std::size_t>(label);
    text +=
        fmt::format("<tr><th>{}</th><td class='name'>{}</td><td>{}</td><td>{}</td></tr>\n", escaped(names[of_class]),
                    escaped(names[static_cast<std::size_t>(output)]), count, share(count, counts.samples[of_class]));
  }
  return text + "</table></div>\n";
}

std::string confusion_html(const ConfusionCounts& counts, const std::vector<std::string>& names) {
  if (names.size() > largest_matrix) return confusions_html(counts, names, most_confusions_without_it);
  return "<div class='pair'><div><h2>Confusion matrix</h2><p class='note'>Rows are the true classes, columns the "
         "predicted classes.</p>" +
         matrix_html(counts, names) + "</div><div>" + confusions_html(counts, names, most_confusions) +
         "</div></div>\n";
}

std::string table_html(const ConfusionCounts& counts, const std::vector<std::string>& names) {
  std::string text =
      "<h2>Classes</h2><p class='note'>Precision: the share of the samples predicted as the class that belong to it. "
      "Recall: the share of the class that was predicted as it.</p><div class='wide'><table "
      "class='figures'><tr><th>class</th><th "
      "class='number'>samples</th><th class='number'>precision</th><th class='number'>recall</th></tr>\n";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += fmt::format("<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>\n", escaped(names[i]), counts.samples[i],
                        share(counts.right[i], counts.taken[i]), share(counts.right[i], counts.samples[i]));
  }
  text += "</table></div>\n";
  if (counts.undecided > 0) {
    text += fmt::format("<p class='note'>NaN outputs for {}, predicted as no class.</p>\n",
                        amount(counts.undecided, "sample"));
  }
  return text;
}

struct Mistake {
  std::int64_t sample, right, taken_for;        // taken_for is -1 for a NaN output
  double right_probability, taken_probability;  // NaN if an output is NaN or several are infinite
};

/// Whether all rows without a NaN are distributions: the outputs of a softmax layer, and not logits.
bool are_probabilities(const Tensor& outputs) {
  try {
    for (std::int64_t i = 0; i < outputs.dim(0); ++i) {
      const Tensor row = outputs.rows(i, i + 1);
      const bool undecided = std::ranges::any_of(row.to_vector(), [](double share) { return std::isnan(share); });
      if (!undecided) check_distributions("save_report", row);
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// All mistakes, the worst first. Probabilities are computed row by row, so that no copy of all outputs is made.
std::vector<Mistake> mistakes_of(const Judged& judged) {
  const Tensor rights = classes_of_labels(judged.data.target()), winners = top_classes(judged.outputs);
  const bool probabilities = are_probabilities(judged.outputs);
  std::vector<Mistake> mistakes;
  for (std::int64_t i = 0; i < judged.outputs.dim(0); ++i) {
    const std::int64_t right = rights.data<std::int64_t>()[i], taken = winners.data<std::int64_t>()[i];
    if (taken == right) continue;
    const Tensor row = judged.outputs.rows(i, i + 1), shares = probabilities ? row : softmax(row).value();
    const auto probability = [&](std::int64_t output) { return output < 0 ? std::nan("") : shares.at({0, output}); };
    mistakes.push_back({i, right, taken, probability(right), probability(taken)});
  }
  std::ranges::stable_sort(mistakes, {}, [](const Mistake& mistake) {
    return std::isnan(mistake.right_probability) ? 0 : mistake.right_probability;
  });
  return mistakes;
}

/// Sample i as an image of a limited size.
Tensor thumbnail(const Dataset& data, std::int64_t i) {
  Tensor image = data.sample(i).front();
  if (image.dtype() != DType::uint8) {
    std::vector<double> bytes = image.to_vector();
    for (double& value : bytes) value = std::isfinite(value) ? std::round(255 * std::clamp(value, 0.0, 1.0)) : 0;
    image = Tensor::of(image.shape(), bytes, DType::uint8);
  }
  const std::int64_t longest = std::max(image.dim(0), image.dim(1));
  if (longest <= largest_thumbnail) return image;
  const auto reduced = [&](std::int64_t extent) {
    return std::max<std::int64_t>(1, extent * largest_thumbnail / longest);
  };
  return resize_image(image, reduced(image.dim(0)), reduced(image.dim(1)));
}

}  // namespace

std::string classes_html(const Judged& judged) {
  const ConfusionCounts counts = confusion_counts(judged.outputs, judged.data.target());
  return confusion_html(counts, judged.names) + table_html(counts, judged.names);
}

std::string mistakes_html(const Judged& judged) {
  const Shape shape = judged.data.input_shapes().front();
  const std::vector<Mistake> mistakes = mistakes_of(judged);
  if (mistakes.empty() || shape.rank() != 3 || (shape[2] != 1 && shape[2] != 3)) return "";
  const std::size_t shown = std::min(mistakes.size(), most_mistakes);
  std::string text = fmt::format(
      "<h2>Worst mistakes</h2><p class='note'>{} of {} on {}: those with the least probability for the right "
      "class.</p><div class='gallery{}'>\n",
      shown, amount(mistakes.size(), "mistake"), amount(judged.data.size(), "sample"),
      std::max(shape[0], shape[1]) < coarse ? " coarse" : "");
  for (const Mistake& m : std::span(mistakes).first(shown)) {
    const std::string& right = judged.names[static_cast<std::size_t>(m.right)];
    const std::string taken = m.taken_for < 0 ? "no class (NaN)" : judged.names[static_cast<std::size_t>(m.taken_for)];
    text += fmt::format(
        "<figure>{}<figcaption>is <b>{}</b> <span>({})</span><br/>predicted as <b>{}</b> <span>({})</span><br/>"
        "<span class='none'>sample {}</span></figcaption></figure>\n",
        html::image(thumbnail(judged.data, m.sample), right), escaped(right), percent(m.right_probability),
        escaped(taken), percent(m.taken_probability), m.sample);
  }
  return text + "</div>\n";
}

}  // namespace xtape
