#include "training/report/report.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <ctime>
#include <fstream>

#include "framework/amount.hpp"
#include "framework/io/atomic_file.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/version.hpp"
#include "training/callbacks/progress.hpp"
#include "training/report/html.hpp"
#include "training/report/report_classes.hpp"

namespace xtape {
namespace {

using html::escaped;

constexpr const char* style = R"(<style>
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:1.5rem 1rem 4rem;background:#fff;color:#1d2430;
 font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin:2.6rem 0 .3rem}
p{margin:.3rem 0}.note,.none,.legend{color:#667085}.note{font-size:.88rem;margin-bottom:.8rem;max-width:46rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(max(9rem,24%),1fr));gap:.6rem;margin:1.4rem 0}
.facts div{border:1px solid #e3e6eb;border-radius:.5rem;padding:.55rem .8rem}
.facts b{display:block;font-size:1.35rem;font-weight:600}.facts span{color:#667085;font-size:.85rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.4rem 2rem;margin-top:1rem}
figure{margin:0}figcaption{font-weight:600}.legend{font-weight:400;font-size:.85rem}
.legend span{margin-left:.8rem;white-space:nowrap}.legend i{display:inline-block;width:.9rem;height:.18rem;
 margin-right:.35rem;vertical-align:middle}.legend .mark{width:.5rem;height:.5rem;transform:rotate(45deg)}
.charts svg{width:100%;height:auto;display:block}
.charts text{font:12px system-ui,"DejaVu Sans",sans-serif;fill:#667085}
.grid{stroke:#e9ecf0}.axis{stroke:#98a1b0}.wide{overflow-x:auto}
.pair{display:flex;flex-wrap:wrap;gap:0 4rem}.pair>div{max-width:100%}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th{font-weight:500;text-align:left}td{text-align:right}
.figures th,.figures td{padding:.28rem 1.2rem .28rem 0;border-bottom:1px solid #e9ecf0;vertical-align:top}
.figures td.name{text-align:left}.figures tr:first-child th{color:#667085}
.figures .number,.figures tr:first-child th.number{text-align:right}
.figures th:not(.number),.name{max-width:16rem;overflow-wrap:anywhere}
.matrix td{min-width:2.2rem;height:2rem;padding:0 .25rem;text-align:center;border:1px solid #fff}
.matrix th{padding-right:.6rem;max-width:10rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;
 position:sticky;left:0;background:#fff}
.matrix .column{position:static;vertical-align:bottom;text-align:center;padding:0 0 .4rem;max-width:none}
.matrix .column span{display:inline-block}
.turned .column span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:9rem;overflow:hidden;
 text-overflow:ellipsis}
.dense{font-size:.58rem;line-height:1}.dense td{min-width:.95rem;height:.95rem;padding:0;border-color:#eef0f3}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:1.4rem 1rem}
.gallery img{display:block;width:100%;max-width:9.5rem;aspect-ratio:1;height:auto;object-fit:contain;
 border:1px solid #e3e6eb;background:#f6f7f9}.coarse img{image-rendering:pixelated}
.gallery figcaption{max-width:9.5rem;font-size:.82rem;line-height:1.4;font-weight:400;margin-top:.35rem;
 overflow-wrap:anywhere}.gallery figcaption span{white-space:nowrap}
details{margin:.8rem 0;border:1px solid #e3e6eb;border-radius:.5rem}
summary{padding:.5rem .8rem;cursor:pointer}details>div{max-height:36rem;overflow:auto;padding:.8rem;
 border-top:1px solid #e3e6eb}details svg{display:block;margin:0 auto}pre{margin:0;font-size:.8rem;line-height:1.35}
.settings th{color:#667085;white-space:nowrap}.settings td{text-align:left;overflow-wrap:anywhere}
@media print{body{max-width:none;padding:0;font-size:13px}h2,.note{break-after:avoid}
 figure,tr,.facts div,.matrix{break-inside:avoid}.wide{overflow:visible}
 details:not([open]),.folded:not(:has([open])){display:none}
 details>div{max-height:none;overflow:visible}details svg{max-width:100%;height:auto}
 .dense{font-size:.3rem}.dense td{min-width:.4rem;height:.4rem}
 *{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
</style>
)";

constexpr const char* training_color = "#2563a8";
constexpr const char* validation_color = "#d9771c";
constexpr const char* test_color = "#2e7d46";

std::string processor() {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    const auto colon = line.find(':');
    if (line.starts_with("model name") && colon + 2 < line.size()) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", localtime_r(&now, &parts));
  return text;
}

std::string fact(const std::string& value, const std::string& what) {
  return fmt::format("<div><b>{}</b><span>{}</span></div>", value, what);
}

/// The title of a chart: "Mean squared error" for "mean_squared_error".
std::string title_of(std::string name) {
  std::ranges::replace(name, '_', ' ');
  if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

bool is_share(const std::string& name) { return name.ends_with("accuracy"); }

/// The samples that have a label: all if none is ignored, or if there are labels of positions.
std::vector<std::int64_t> labelled_samples(const Dataset& data) {
  std::vector<std::int64_t> labelled;
  const Target* target = data.targets().size() == 1 ? &data.targets().front() : nullptr;
  const bool some =
      target && target->ignored_label && target->values.dtype() == DType::int64 && target->values.rank() == 1;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    if (!some || target->values.data<std::int64_t>()[i] != *target->ignored_label) labelled.push_back(i);
  }
  return labelled;
}

std::string facts_html(const ReportInput& input) {
  std::string text = "<div class='facts'>";
  double seconds = 0;
  for (const EpochResult& epoch : input.history.epochs()) seconds += epoch.figures.find("seconds").value_or(0);
  const std::string on = input.data ? " on " + amount(labelled_samples(*input.data).size(), "sample") : " of the test";
  for (const auto& [name, value] : input.evaluation) {
    if (is_share(name)) text += fact(fmt::format("{:.2f}%", 100 * value), escaped(name) + on);
  }
  for (const auto& [name, value] : input.evaluation) {
    if (!is_share(name)) text += fact(fmt::format("{:.4f}", value), escaped(name) + on);
  }
  const auto epochs = static_cast<int>(input.history.epochs().size());
  if (input.running_until) {
    const int done = epochs > 0 ? input.history.last().epoch : 0;
    text += fact(fmt::format("{} of {}", done, *input.running_until), "epochs, running");
    if (epochs > 0) text += fact(duration_text(seconds / epochs * (*input.running_until - done)), "left");
  } else {
    text += fact(std::to_string(epochs), "epochs");
  }
  text += fact(duration_text(seconds), "time of training");
  return text + "</div>\n";
}

/// The curve of a figure over the epochs; empty if no epoch has it.
html::Curve curve_of(const History& history, const char* label, const char* color, const std::string& name) {
  html::Curve curve{label, color, {}, {}};
  for (const EpochResult& epoch : history.epochs()) {
    const std::optional<double> value = epoch.figures.find(name);
    if (!value) continue;
    curve.x.push_back(epoch.epoch);
    curve.y.push_back(*value);
  }
  return curve;
}

std::string chart_unless_empty(const std::string& title, std::vector<html::Curve> curves, bool percent = false) {
  std::erase_if(curves, [](const html::Curve& curve) { return curve.y.empty(); });
  return curves.empty() ? "" : html::chart(title, curves, percent);
}

/// The result of the test, drawn at the last epoch.
html::Curve mark_of(const ReportInput& input, const std::string& name) {
  html::Curve curve{"test", test_color, {}, {}, true};
  const std::optional<double> value = input.evaluation.find(name);
  if (!value || !std::isfinite(*value)) return curve;
  curve.x.push_back(input.history.last().epoch);
  curve.y.push_back(*value);
  return curve;
}

std::string curves_html(const ReportInput& input) {
  const History& history = input.history;
  const std::string stopped = history.stop_reason().empty()
                                  ? ""
                                  : fmt::format("<p class='note'>Stopped: {}.</p>\n", escaped(history.stop_reason()));
  if (history.epochs().empty()) return stopped.empty() ? "" : "<h2>Training</h2>\n" + stopped;
  std::string text =
      "<h2>Training</h2>\n<p class='note'>Training figures are means over each epoch, taken while the weights changed "
      "and with dropout where there is some.";
  if (!input.evaluation.empty()) text += " The test is one measurement, of the final model.";
  text += "</p>\n" + stopped + "<div class='charts'>\n";
  for (const std::string& name : history.names()) {
    if (name.starts_with("val_") || name == "seconds" || name == "learning_rate") continue;
    text += chart_unless_empty(escaped(title_of(name)),
                               {curve_of(history, "training", training_color, name),
                                curve_of(history, "validation", validation_color, "val_" + name), mark_of(input, name)},
                               is_share(name));
  }
  text += chart_unless_empty("Learning rate",
                             {curve_of(history, "at the epoch's last step", training_color, "learning_rate")});
  return text + "</div>\n";
}

/// The picture and the table of layers, in sections that are closed at first.
std::string model_html(const ReportInput& input) {
  std::string text;
  if (!input.model_picture.empty())
    text += "<details><summary>Picture</summary><div>" + input.model_picture + "</div></details>\n";
  if (!input.model_summary.empty()) {
    text += fmt::format("<details><summary>Layers</summary><div><pre>{}</pre></div></details>\n",
                        escaped(input.model_summary));
  }
  return text.empty() ? text : "<section class='folded'><h2>Model</h2>\n" + text + "</section>\n";
}

std::string settings_html(const ReportInput& input) {
  std::vector<std::pair<std::string, std::string>> rows = input.settings;
  rows.emplace_back("processor", processor());
  rows.emplace_back("threads", std::to_string(kernels::num_threads()));
  rows.emplace_back("xtape", std::string(version()));
  rows.emplace_back("written", today());
  std::string text = "<h2>Settings</h2><div class='wide'><table class='figures settings'>\n";
  for (const auto& [name, value] : rows) {
    text += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(value));
  }
  return text + "</table></div>\n";
}

/// The outputs and the data of the samples that have a label; nothing if there are none.
std::optional<Judged> with_labels(Judged judged) {
  const std::vector<std::int64_t> labelled = labelled_samples(judged.data);
  if (std::ssize(labelled) == judged.data.size()) return judged;
  if (labelled.empty()) return std::nullopt;
  judged.data = judged.data.subset(labelled);
  judged.outputs = take(judged.outputs, Tensor::labels(labelled), 0).value();
  return judged;
}

/// The samples of the test with outputs and class names; nothing if the report has none. Error when they are not
/// consistent.
std::optional<Judged> judged_of(const ReportInput& input) {
  if (!input.data || !input.outputs.defined()) return std::nullopt;
  check(input.data->targets().size() == 1,
        "save_report: expected data of one target for the outputs, got {}; leave the outputs out for others",
        input.data->targets().size());
  const std::int64_t classes = input.data->classes();
  check(classes > 0,
        "save_report: expected data with classes for the outputs, got data without; leave the outputs out");
  check(input.outputs.rank() == 2 && input.outputs.dim(0) == input.data->size() && input.outputs.dim(1) >= classes &&
            is_floating(input.outputs.dtype()),
        "save_report: expected floating outputs ({}, {}) for the data, got {} {}", input.data->size(), classes,
        input.outputs.dtype(), input.outputs.shape());
  Judged judged{*input.data, input.outputs, input.class_names};
  for (std::int64_t i = 0; input.class_names.empty() && i < input.outputs.dim(1); ++i) {
    judged.names.push_back(std::to_string(i));
  }
  check(std::ssize(judged.names) == input.outputs.dim(1), "save_report: expected names of {} classes, got {}",
        input.outputs.dim(1), judged.names.size());
  return with_labels(std::move(judged));
}

}  // namespace

void save_report(const std::filesystem::path& path, const ReportInput& input) {
  const std::optional<Judged> judged = judged_of(input);
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'/>\n<meta name='viewport' "
      "content='width=device-width,initial-scale=1'/>\n{}<title>{}</title>\n{}</head><body>\n<h1>{}</h1>\n<p "
      "class='note'>{}</p>\n",
      input.running_until ? "<meta http-equiv='refresh' content='5'/>\n" : "", escaped(input.title), style,
      escaped(input.title), escaped(input.model));
  page += facts_html(input) + curves_html(input);
  if (judged) {
    page += classes_html(*judged);  // throws Errors of labels that do not fit
    page += mistakes_html(*judged);
  }
  page += model_html(input) + settings_html(input) + "</body></html>\n";
  write_atomically(
      path, [&](std::ostream& out) { out << page; }, "save_report");
}

}  // namespace xtape
