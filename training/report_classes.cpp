#include "training/report_classes.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "framework/io/resize.hpp"
#include "framework/ops/activations.hpp"
#include "training/html.hpp"
#include "training/metrics.hpp"

namespace xtape {
namespace {

using html::escaped;

constexpr std::size_t most_mistakes = 24, most_confusions = 10, dense_from = 25;
constexpr std::int64_t largest_thumbnail = 152, coarse = 48;

/// "87.5%", or a dash for 0 / 0.
std::string share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return "–";
  return fmt::format("{:.1f}%", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

/// Rows and columns added up. Samples with a NaN output are in their row's sum and in no cell.
struct Counts {
  std::int64_t classes;
  std::vector<std::int64_t> cells, rows, columns;
  std::int64_t unknown = 0;  // samples with a NaN output

  explicit Counts(const Judged& judged) : classes(judged.outputs.dim(1)) {
    const Tensor matrix = confusion_matrix(judged.outputs, judged.data.labels());
    rows.resize(static_cast<std::size_t>(classes));
    columns = rows;
    const auto* count = matrix.data<std::int64_t>();
    for (std::int64_t i = 0; i < classes; ++i) {
      for (std::int64_t j = 0; j < matrix.dim(1); ++j, ++count) {
        rows[static_cast<std::size_t>(i)] += *count;
        if (j == classes) {
          unknown += *count;
        } else {
          columns[static_cast<std::size_t>(j)] += *count;
          cells.push_back(*count);
        }
      }
    }
  }
  std::int64_t cell(std::int64_t i, std::int64_t j) const { return cells[static_cast<std::size_t>(i * classes + j)]; }
};

/// Right answers in green, wrong ones in red, the more of the row the stronger.
std::string cell_html(std::int64_t count, std::int64_t row, bool right) {
  if (count == 0) return "<td></td>";
  const double strength = 0.08 + 0.62 * std::sqrt(static_cast<double>(count) / static_cast<double>(row));
  return fmt::format("<td style='background:rgba({},{:.2f})'>{}</td>", right ? "46,125,70" : "192,57,43", strength,
                     count);
}

std::string matrix_html(const Counts& counts, const std::vector<std::string>& names) {
  const bool turned = std::ranges::any_of(names, [](const std::string& name) { return name.size() > 3; });
  std::string text = fmt::format("<div class='wide'><table class='matrix{}{}'><tr><th></th>", turned ? " turned" : "",
                                 names.size() >= dense_from ? " dense" : "");
  for (const std::string& name : names) text += fmt::format("<th class='column'><span>{}</span></th>", escaped(name));
  text += "</tr>\n";
  for (std::int64_t i = 0; i < counts.classes; ++i) {
    text += fmt::format("<tr><th>{}</th>", escaped(names[static_cast<std::size_t>(i)]));
    for (std::int64_t j = 0; j < counts.classes; ++j) {
      text += cell_html(counts.cell(i, j), counts.rows[static_cast<std::size_t>(i)], i == j);
    }
    text += "</tr>\n";
  }
  return text + "</table></div>\n";
}

/// The largest cells off the diagonal.
std::string confusions_html(const Counts& counts, const std::vector<std::string>& names) {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < names.size(); ++j) {
      if (i != j && counts.cells[i * names.size() + j] > 0) pairs.emplace_back(i, j);
    }
  }
  if (pairs.empty()) return "";
  const auto count = [&](const auto& pair) { return -counts.cells[pair.first * names.size() + pair.second]; };
  std::ranges::stable_sort(pairs, {}, count);
  pairs.resize(std::min(pairs.size(), most_confusions));
  std::string text =
      "<h2>Most frequent confusions</h2><div class='wide'><table class='figures'><tr><th>class</th><th>taken for</th>"
      "<th class='number'>samples</th><th class='number'>of the class</th></tr>\n";
  for (const auto& pair : pairs) {
    text +=
        fmt::format("<tr><th>{}</th><td class='name'>{}</td><td>{}</td><td>{}</td></tr>\n", escaped(names[pair.first]),
                    escaped(names[pair.second]), -count(pair), share(-count(pair), counts.rows[pair.first]));
  }
  return text + "</table></div>\n";
}

struct Mistake {
  std::int64_t sample, right, taken_for;  // -1: for no class, with a NaN output
  double right_probability, taken_probability;
};

/// All of them, the worst first.
std::vector<Mistake> mistakes_of(const Judged& judged) {
  const Tensor probabilities = softmax(judged.outputs.to(DType::float64)).value();
  const std::int64_t classes = probabilities.dim(1);
  const Tensor rights = classes_of_labels(judged.data.labels()), winners = top_classes(judged.outputs);
  std::vector<Mistake> mistakes;
  for (std::int64_t i = 0; i < probabilities.dim(0); ++i) {
    const double* row = probabilities.data<double>() + i * classes;
    const std::int64_t right = rights.data<std::int64_t>()[i], taken = winners.data<std::int64_t>()[i];
    if (taken == right) continue;
    const bool known = taken >= 0;
    mistakes.push_back({i, right, taken, known ? row[right] : 0, known ? row[taken] : 0});
  }
  std::ranges::stable_sort(mistakes, {}, &Mistake::right_probability);
  return mistakes;
}

/// Sample i as an image to show.
Tensor thumbnail(const Dataset& data, std::int64_t i) {
  Tensor image = data.image(i);
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

std::string confusion_html(const Judged& judged) {
  const Counts counts(judged);
  return "<div class='pair'><div><h2>Confusion matrix</h2><p class='note'>Rows are the true classes, columns what they "
         "were taken for.</p>" +
         (counts.unknown == 0 ? ""
                              : fmt::format("<p class='note'>{} samples with a NaN output were taken for no class and "
                                            "count as wrong.</p>",
                                            counts.unknown)) +
         matrix_html(counts, judged.names) + "</div><div>" + confusions_html(counts, judged.names) + "</div></div>\n";
}

std::string classes_html(const Judged& judged) {
  const Counts counts(judged);
  std::string text =
      "<h2>Classes</h2><p class='note'>Precision: of what was taken for the class, the share that is it. Recall: of "
      "the class, the share that was found.</p><div class='wide'><table class='figures'><tr><th>class</th><th "
      "class='number'>samples</th><th class='number'>precision</th><th class='number'>recall</th></tr>\n";
  for (std::int64_t i = 0; i < counts.classes; ++i) {
    const auto k = static_cast<std::size_t>(i);
    text +=
        fmt::format("<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>\n", escaped(judged.names[k]), counts.rows[k],
                    share(counts.cell(i, i), counts.columns[k]), share(counts.cell(i, i), counts.rows[k]));
  }
  return text + "</table></div>\n";
}

std::string mistakes_html(const Judged& judged) {
  const Shape shape = judged.data.image_shape();
  const std::vector<Mistake> mistakes = mistakes_of(judged);
  if (mistakes.empty() || shape.rank() != 3 || (shape[2] != 1 && shape[2] != 3)) return "";
  const std::size_t shown = std::min(mistakes.size(), most_mistakes);
  std::string text = fmt::format(
      "<h2>Worst mistakes</h2><p class='note'>{} of {} mistakes on {} samples: those with the least probability for "
      "the "
      "right class.</p><div class='gallery{}'>\n",
      shown, mistakes.size(), judged.data.size(), std::max(shape[0], shape[1]) < coarse ? " coarse" : "");
  for (const Mistake& m : std::span(mistakes).first(shown)) {
    const std::string& right = judged.names[static_cast<std::size_t>(m.right)];
    const std::string taken = m.taken_for < 0 ? "no class (NaN)" : judged.names[static_cast<std::size_t>(m.taken_for)];
    text += fmt::format(
        "<figure>{}<figcaption>is <b>{}</b> <span>({:.1f}%)</span><br/>taken for <b>{}</b> <span>({:.1f}%)</span><br/>"
        "<span class='none'>sample {}</span></figcaption></figure>\n",
        html::image(thumbnail(judged.data, m.sample), right), escaped(right), 100 * m.right_probability, escaped(taken),
        100 * m.taken_probability, m.sample);
  }
  return text + "</div>\n";
}

}  // namespace xtape
