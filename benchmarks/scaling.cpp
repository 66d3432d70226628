#include "benchmarks/scaling.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "benchmarks/report.hpp"
#include "benchmarks/statistics.hpp"

namespace xtape::bench {
namespace {

/// The powers of two below `last`, and `last`.
std::vector<std::int64_t> doubling(std::int64_t last) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 1; i < last; i *= 2) values.push_back(i);
  values.push_back(last);
  return values;
}

const Workload resnet50_step{.name = "resnet50-train", .network = "resnet50"};

double seconds_per_image(const SideResult& side, const Workload& workload) {
  return median(side.seconds) / static_cast<double>(workload.batch);
}

/// Table cells: time per step, time per image, memory.
std::string cells(const SideResult& side, const Workload& workload) {
  return fmt::format(" {} | {} | {} |", duration(median(side.seconds)), duration(seconds_per_image(side, workload)),
                     megabytes(side.peak_bytes));
}

std::string row(std::int64_t x, const Measurement& m) {
  const std::string peer =
      m.peer ? fmt::format("{} {:.2f} |", cells(*m.peer, m.workload), median(m.ratios)) : " - | - | - | - |";
  return fmt::format("| {} |{}{}\n", x, cells(m.ours, m.workload), peer);
}

}  // namespace

std::vector<Series> measure_scaling(int threads, bool quick, const MeasurementOptions& options) {
  Workload step = resnet50_step, sized = resnet50_step;
  step.batch = quick ? 4 : 32;
  sized.batch = quick ? 2 : 8;
  sized.global_pooling = true;  // works for every image size
  Series by_threads{fmt::format("Threads (64x64, batch {})", step.batch), "threads", doubling(threads), {}};
  Series by_batch{
      fmt::format("Batch (64x64, {} threads)", threads), "images in a batch", doubling(quick ? 2 : 128), {}};
  Series by_size{fmt::format("Image size (batch {}, {} threads)", sized.batch, threads),
                 "height and width in pixels",
                 {32, 64, 96, 128, 160, 192, 224},
                 {}};
  if (quick) by_size.x.resize(2);
  for (const std::int64_t n : by_threads.x) {
    by_threads.measurements.push_back(measure(step, static_cast<int>(n), options));
  }
  for (const std::int64_t batch : by_batch.x) {
    step.batch = batch;
    by_batch.measurements.push_back(measure(step, threads, options));
  }
  for (const std::int64_t size : by_size.x) {
    sized.image_size = size;
    by_size.measurements.push_back(measure(sized, threads, options));
  }
  return {by_threads, by_batch, by_size};
}

std::string scaling_tables(const std::vector<Series>& all) {
  std::string text;
  for (const Series& series : all) {
    text += fmt::format(
        "### {}\n\n| {} | xtape, per step | per image | memory | libtorch, per step | per image | memory | xtape / "
        "libtorch |\n|---|---|---|---|---|---|---|---|\n",
        series.title, series.x_label);
    for (std::size_t i = 0; i < series.x.size(); ++i) text += row(series.x[i], series.measurements[i]);
    text += "\n";
  }
  return text;
}

nlohmann::json to_json(const std::vector<Series>& all) {
  nlohmann::json list = nlohmann::json::array();
  for (const Series& series : all) {
    nlohmann::json measurements = nlohmann::json::array();
    for (const Measurement& m : series.measurements) measurements.push_back(to_json(m));
    list.push_back({{"title", series.title}, {"x", series.x}, {"measurements", measurements}});
  }
  return list;
}

std::vector<Panel> panels(const std::vector<Series>& all) {
  std::vector<Panel> found;
  for (const Series& series : all) {
    Panel panel{series.title, series.x_label, {}, {{"xtape", {}}}};
    const bool has_peer =
        std::ranges::any_of(series.measurements, [](const Measurement& m) { return m.peer.has_value(); });
    if (has_peer) panel.lines.push_back({"libtorch", {}});
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      const Measurement& m = series.measurements[i];
      panel.x.push_back(std::to_string(series.x[i]));
      panel.lines[0].values.push_back(1e3 * seconds_per_image(m.ours, m.workload));
      if (has_peer) panel.lines[1].values.push_back(m.peer ? 1e3 * seconds_per_image(*m.peer, m.workload) : NAN);
    }
    found.push_back(std::move(panel));
  }
  return found;
}

}  // namespace xtape::bench
