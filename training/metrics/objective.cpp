#include "training/metrics/objective.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "framework/amount.hpp"

namespace xtape {

namespace {

/// Error unless the loss ignores the label that the data ignores: its mean must not count such a position.
void check_ignored(std::string_view function, const Loss& loss, std::optional<std::int64_t> ignored) {
  if (!ignored) return;
  bool ignores = false;
  try {
    ignores = loss.count(Tensor::labels({*ignored})) == 0;
  } catch (const Error&) {  // it is no label for this loss
  }
  check(ignores,
        "{}: expected a loss that ignores the label {}, as Target::ignored_label of the data says, got {}; give the "
        "loss the same label, loss::softmax_cross_entropy({{.ignored_label = {}}}), or a custom one a "
        "LossOptions::count that is 0 for it",
        function, *ignored, to_string(loss), *ignored);
}

/// Error when the metric counts positions that have no label.
void check_ignored(std::string_view function, const Metric& metric, const Target& target) {
  if (!target.ignored_label || is_floating(target.values.dtype())) return;
  const std::int64_t ignored = *target.ignored_label;
  check(!metric.counts(ignored),
        "{}: expected a metric that ignores the label {}, as Target::ignored_label of the data says, got {}; give the "
        "metric the option .ignored_label = {}",
        function, ignored, to_string(metric), ignored);
}

}  // namespace

Objective::Objective(std::string_view function, const Model& model, const std::vector<Target>& targets,
                     const Losses& losses, const Metrics& metrics) {
  const std::size_t count = model.output_nodes().size();
  check(losses.all().size() == count, "{}: expected {} for model {}, one for each output, got {}", function,
        amount(count, "loss", "losses"), model.name(), losses.all().size());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [loss, weight] = losses.all()[i];
    check(std::isfinite(weight) && weight >= 0, "{}: expected a finite weight of at least 0 for the loss {}, got {}",
          function, loss.name(), weight);
    names.push_back(output_name(model, i));
    if (i < targets.size()) check_ignored(function, loss, targets[i].ignored_label);
    outputs_.push_back({.name = count == 1 ? "" : names.back(), .loss = loss, .weight = weight});
    if (metrics.empty() && i < targets.size() && targets[i].classes > 0) {
      outputs_.back().metrics.push_back(metric::accuracy({.ignored_label = targets[i].ignored_label}));
    }
  }
  check(std::ranges::any_of(outputs_, [](const OutputObjective& output) { return output.weight > 0; }),
        "{}: expected a loss with a weight above 0, got only weights of 0", function);
  for (const auto& [metric, output] : metrics) {
    const auto found = std::ranges::find(names, output);
    const bool one = output.empty() && count == 1;
    check(one || found != names.end(),
          "{}: expected the metric {} to name the output that it measures, one of {}, got \"{}\"", function,
          metric.name(), fmt::join(names, ", "), output);
    const std::size_t i = one ? 0 : static_cast<std::size_t>(found - names.begin());
    if (i < targets.size()) check_ignored(function, metric, targets[i]);
    outputs_[i].metrics.push_back(metric);
  }
  std::set<std::string> taken;
  for (const std::string& name : names) {
    check(taken.insert(name).second,
          "{}: expected outputs of different names, got {} twice; the name is that of the layer that makes the output: "
          "put another layer behind one, such as Activation(linear, {{.name = \"other\"}})",
          function, name);
  }
  taken.clear();
  for (const Measure& measure : measures()) {
    check(measure.name != "learning_rate" && measure.name != "seconds" && !measure.name.starts_with("val_"),
          "{}: expected figures of other names than learning_rate, seconds and val_..., which fit uses, got {}; rename "
          "the metric or the output layer",
          function, measure.name);
    check(taken.insert(measure.name).second,
          "{}: expected figures of different names, got {} twice; give a metric another name with Metric::renamed() "
          "(loss is the name of what is minimized)",
          function, measure.name);
  }
}

std::vector<Objective::Measure> Objective::measures() const {
  std::vector<Measure> all{{"loss", false}};
  for (const OutputObjective& output : outputs_) {
    if (!output.name.empty()) all.push_back({output.name + "_loss", false});
  }
  for (const OutputObjective& output : outputs_) {
    for (const Metric& metric : output.metrics) {
      all.push_back(
          {output.name.empty() ? metric.name() : output.name + "_" + metric.name(), metric.larger_is_better()});
    }
  }
  return all;
}

std::string losses_text(const Objective& objective) {
  std::vector<std::string> all;
  for (const OutputObjective& output : objective.outputs()) {
    all.push_back(to_string(output.loss) + (output.weight == 1 ? "" : fmt::format(" times {}", output.weight)));
  }
  return all.size() == 1 ? all.front() : fmt::format("[{}]", fmt::join(all, ", "));
}

std::string metrics_text(const Objective& objective) {
  std::vector<std::string> all;
  for (const OutputObjective& output : objective.outputs()) {
    for (const Metric& metric : output.metrics) {
      all.push_back((output.name.empty() ? "" : output.name + " ") + to_string(metric));
    }
  }
  return fmt::format("[{}]", fmt::join(all, ", "));
}

}  // namespace xtape
