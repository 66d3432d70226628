#include "training/report/profile.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/rounding.hpp"
#include "framework/tensor/size_text.hpp"
#include "models/graph/multiply_adds.hpp"

namespace xtape {
namespace {

constexpr int warm_up = 2;
constexpr double megabyte = 1e6;

/// The value with one decimal; with two significant digits if it is below 0.1.
std::string figure(double value) {
  return value != 0 && std::abs(value) < 0.1 ? fmt::format("{:.2g}", value) : fmt::format("{:.1f}", value);
}

/// Multiply-adds of both passes for a batch, by the name of the layer. All layers have an entry.
std::map<std::string, double> work_of_layers(const Model& model, std::int64_t batch) {
  std::map<std::string, double> work;
  for (const auto& layer : model.all_layers()) work[layer->name()] = 0;
  const std::vector<MultiplyAdds> of_nodes = multiply_adds_of_nodes(model);
  for (std::size_t i = 0; i < of_nodes.size(); ++i) {
    work[model.nodes()[i].layer->name()] += static_cast<double>(batch) * (of_nodes[i].forward + of_nodes[i].backward);
  }
  return work;
}

std::string row_text(const StepProfile::Row& row, double total, std::size_t width) {
  const double seconds = row.forward + row.backward;
  const std::string speed =
      row.multiply_adds > 0 && seconds > 0 ? fmt::format("{:.1f}", 2e-9 * row.multiply_adds / seconds) : "";
  return fmt::format("{:<{}} {:>9.3f} {:>9.3f} {:>6.1f} {:>8} {:>8}\n", row.name, width, 1e3 * row.forward,
                     1e3 * row.backward, total > 0 ? 100 * seconds / total : 0, speed,
                     figure(static_cast<double>(row.kept) / megabyte));
}

}  // namespace

StepProfile profile(Model& model, Optimizer& optimizer, const Dataset& data, const ProfileOptions& options) {
  check(options.steps >= 1, "profile: expected at least 1 step, got {}", options.steps);
  check(options.batch_size >= 1 && options.batch_size <= data.size(),
        "profile: expected a batch_size in [1, {}], the number of samples, got {}", data.size(), options.batch_size);
  const auto train = [&](int steps, Profiler* profiler) {
    const std::int64_t batches = std::min<std::int64_t>(steps, data.size() / options.batch_size);
    const auto epochs = static_cast<int>(kernels::ceil_div(steps, batches));
    fit(model, optimizer, data.rows(0, batches * options.batch_size),
        {.epochs = epochs,
         .batch_size = options.batch_size,
         .loss = options.loss,
         .profiler = profiler,
         .show_progress = false});
    return static_cast<double>(epochs * batches);
  };
  train(warm_up, nullptr);
  StepProfile result;
  for (const Parameter& parameter : model.parameters()) result.parameter_bytes += parameter.value().size_in_bytes();
  result.between_steps = static_cast<std::int64_t>(kernels::pool_usage().in_use);
  Profiler profiler;
  const double steps = train(options.steps, &profiler);
  profiler.stop();
  result.peak = static_cast<std::int64_t>(kernels::pool_usage().peak);
  const std::map<std::string, double> work = work_of_layers(model, options.batch_size);
  for (const Profiler::Activity& activity : profiler.activities()) {
    const std::string layer = activity.name.substr(0, activity.name.find(" + "));
    const auto known = work.find(layer);
    const bool rest = known == work.end();
    const StepProfile::Row row{.name = activity.name,
                               .forward = activity.forward / steps,
                               .backward = activity.backward / steps,
                               .multiply_adds = rest ? 0 : known->second,
                               .kept = rest ? 0 : std::llround(static_cast<double>(activity.kept) / steps)};
    (rest ? result.rest : result.layers).push_back(row);
    result.seconds += row.forward + row.backward;
  }
  return result;
}

std::string table(const StepProfile& profile) {
  std::size_t width = std::string("all layers").size();
  for (const auto& row : profile.layers) width = std::max(width, row.name.size());
  std::string text = fmt::format("{:<{}} {:>9} {:>9} {:>6} {:>8} {:>8}\n", "layer", width, "ms fwd", "ms bwd", "%",
                                 "GFLOP/s", "MB kept");
  const std::string rule = std::string(text.size() - 1, '-') + "\n";
  text += rule;
  StepProfile::Row all{.name = "all layers"};
  for (const auto& row : profile.layers) {
    text += row_text(row, profile.seconds, width);
    all.forward += row.forward;
    all.backward += row.backward;
    all.multiply_adds += row.multiply_adds;
    all.kept += row.kept;
  }
  text += rule + row_text(all, profile.seconds, width);
  for (const auto& row : profile.rest) text += row_text(row, profile.seconds, width);
  const auto size = [](std::int64_t bytes) { return bytes_text(static_cast<double>(bytes)); };
  return text + rule +
         fmt::format("a step: {} ms; memory: parameters {}, in use between steps {}, at most {}\n",
                     figure(1e3 * profile.seconds), size(profile.parameter_bytes), size(profile.between_steps),
                     size(profile.peak));
}

}  // namespace xtape
