#include "training/report_classes.hpp"

#include <algorithm>
#include <cmath>

#include "framework/io/resize.hpp"
#include "framework/ops/activations.hpp"
#include "training/html.hpp"
#include "training/metrics.hpp"

namespace xtape {
namespace {

using html::escaped;

constexpr std::size_t most_mistakes = 24;
constexpr std::int64_t largest_thumbnail = 96;

/// "87.5%", or a dash for 0 / 0.
std::string share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return "–";
  return fmt::format("{:.1f}%", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

/// Rows and columns added up.
struct Counts {
  std::int64_t classes;
  std::vector<std::int64_t> cells, rows, columns;

  explicit Counts(const Judged& judged) : classes(judged.outputs.dim(1)) {
    const Tensor matrix = confusion_matrix(judged.outputs, judged.data.labels());
    cells.assign(matrix.data<std::int64_t>(), matrix.data<std::int64_t>() + matrix.size());
    rows.resize(static_cast<std::size_t>(classes));
    columns = rows;
    for (std::int64_t i = 0; i < classes; ++i) {
      for (std::int64_t j = 0; j < classes; ++j) {
        rows[static_cast<std::size_t>(i)] += cell(i, j);
        columns[static_cast<std::size_t>(j)] += cell(i, j);
      }
    }
  }
  std::int64_t cell(std::int64_t i, std::int64_t j) const { return cells[static_cast<std::size_t>(i * classes + j)]; }
};

/// Right answers in green, wrong ones in red, the more of the row the stronger.
std::string cell_html(std::int64_t count, std::int64_t row, bool right) {
  const double part = row > 0 ? static_cast<double>(count) / static_cast<double>(row) : 0;
  const double strength = count == 0 ? 0 : 0.08 + 0.62 * std::sqrt(part);
  return fmt::format("<td style='background:rgba({},{:.3f})'>{}</td>", right ? "46,125,70" : "192,57,43", strength,
                     count == 0 ? std::string("<span class=none>0</span>") : std::to_string(count));
}

struct Mistake {
  std::int64_t sample, right, taken_for;
  double right_probability, taken_probability;
};

std::vector<Mistake> worst_mistakes(const Judged& judged) {
  const Tensor probabilities = softmax(judged.outputs.to(DType::float64)).value();
  const std::int64_t classes = probabilities.dim(1);
  const bool numbers = judged.data.labels().dtype() == DType::int64;
  const std::vector<double> labels = judged.data.labels().to_vector();
  std::vector<Mistake> mistakes;
  for (std::int64_t i = 0; i < probabilities.dim(0); ++i) {
    const double* row = probabilities.data<double>() + i * classes;
    const auto label = labels.begin() + (numbers ? i : i * classes);
    const std::int64_t right =
        numbers ? static_cast<std::int64_t>(*label) : std::max_element(label, label + classes) - label;
    const std::int64_t taken = std::max_element(row, row + classes) - row;
    if (taken != right) mistakes.push_back({i, right, taken, row[right], row[taken]});
  }
  std::ranges::stable_sort(mistakes, {}, &Mistake::right_probability);
  mistakes.resize(std::min(mistakes.size(), most_mistakes));
  return mistakes;
}

/// Sample i as an image to show.
Tensor thumbnail(const Dataset& data, std::int64_t i) {
  Tensor image = data.images().rows(i, i + 1);
  image = image.reshaped(image.shape().without(0));
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
  std::string text =
      "<h2>Confusion matrix</h2><p class=note>Rows are true classes, columns what they were taken for.</p>"
      "<div class=wide><table class=matrix><tr><th></th>";
  for (const std::string& name : judged.names)
    text += fmt::format("<th class=column><span>{}</span></th>", escaped(name));
  text += "</tr>\n";
  for (std::int64_t i = 0; i < counts.classes; ++i) {
    text += fmt::format("<tr><th>{}</th>", escaped(judged.names[static_cast<std::size_t>(i)]));
    for (std::int64_t j = 0; j < counts.classes; ++j) {
      text += cell_html(counts.cell(i, j), counts.rows[static_cast<std::size_t>(i)], i == j);
    }
    text += "</tr>\n";
  }
  return text + "</table></div>\n";
}

std::string classes_html(const Judged& judged) {
  const Counts counts(judged);
  std::string text =
      "<h2>Classes</h2><p class=note>Precision: of what was taken for the class, the share that is it. Recall: of the "
      "class, the share that was found.</p><div class=wide><table class=figures>"
      "<tr><th>class</th><th>samples</th><th>precision</th><th>recall</th></tr>\n";
  for (std::int64_t i = 0; i < counts.classes; ++i) {
    const auto k = static_cast<std::size_t>(i);
    text +=
        fmt::format("<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>\n", escaped(judged.names[k]), counts.rows[k],
                    share(counts.cell(i, i), counts.columns[k]), share(counts.cell(i, i), counts.rows[k]));
  }
  return text + "</table></div>\n";
}

std::string mistakes_html(const Judged& judged) {
  const Shape& shape = judged.data.images().shape();
  const std::vector<Mistake> mistakes = worst_mistakes(judged);
  if (mistakes.empty() || shape.rank() != 4 || (shape[3] != 1 && shape[3] != 3)) return "";
  std::string text =
      "<h2>Worst mistakes</h2><p class=note>Those with the least probability for the right class; the number is the "
      "sample's.</p><div class=gallery>\n";
  for (const Mistake& m : mistakes) {
    const std::string& right = judged.names[static_cast<std::size_t>(m.right)];
    const std::string& taken = judged.names[static_cast<std::size_t>(m.taken_for)];
    text += fmt::format(
        "<figure>{}<figcaption><b>{}</b> {:.1f}%<br>taken for <b>{}</b> {:.1f}%<br><span class=none>#{}</span>"
        "</figcaption></figure>\n",
        html::image(thumbnail(judged.data, m.sample), right), escaped(right), 100 * m.right_probability, escaped(taken),
        100 * m.taken_probability, m.sample);
  }
  return text + "</div>\n";
}

}  // namespace xtape
