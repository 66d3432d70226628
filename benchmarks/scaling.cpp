#include "benchmarks/scaling.hpp"

#include <cmath>
#include <fmt/format.h>

#include "benchmarks/report.hpp"
#include "benchmarks/statistics.hpp"

namespace xtape::bench {
namespace {

/// 1, 2, 4, ... and last itself.
std::vector<std::int64_t> doubling(std::int64_t last) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 1; i < last; i *= 2) values.push_back(i);
  values.push_back(last);
  return values;
}

const Workload resnet50_step{.name = "resnet50-train", .network = "resnet50"};

double milliseconds_an_image(const SideResult& side, const Workload& workload) {
  return median(side.seconds) * 1e3 / static_cast<double>(workload.batch);
}

std::string row(std::int64_t x, const Measurement& m) {
  std::string text = fmt::format("| {} | {} | {:.3g} ms | {} |", x, duration(median(m.ours.seconds)),
                                 milliseconds_an_image(m.ours, m.workload), megabytes(m.ours.peak_bytes));
  if (!m.peer) return text + " - | - | - | - |\n";
  return text + fmt::format(" {} | {:.3g} ms | {} | {:.2f} |\n", duration(median(m.peer->seconds)),
                            milliseconds_an_image(*m.peer, m.workload), megabytes(m.peer->peak_bytes),
                            median(m.ratios));
}

}  // namespace

std::vector<Series> measure_scaling(int threads, bool quick, const MeasurementOptions& options) {
  Series by_threads{"Threads (64x64, batch 32)", "threads", doubling(threads), {}};
  Series by_batch{fmt::format("Batch (64x64, {} threads)", threads), "images in a batch", doubling(128), {}};
  Series by_size{fmt::format("Image size (batch 8, {} threads)", threads),
                 "height and width in pixels",
                 {32, 64, 96, 128, 160, 192, 224},
                 {}};
  if (quick) by_batch.x = {1, 2}, by_size.x = {32, 64};
  for (const std::int64_t n : by_threads.x) {
    Workload workload = resnet50_step;
    if (quick) workload.batch = 4;
    by_threads.measurements.push_back(measure(workload, static_cast<int>(n), options));
  }
  for (const std::int64_t batch : by_batch.x) {
    Workload workload = resnet50_step;
    workload.batch = batch;
    by_batch.measurements.push_back(measure(workload, threads, options));
  }
  for (const std::int64_t size : by_size.x) {
    Workload workload = resnet50_step;
    workload.batch = quick ? 2 : 8;
    workload.image_size = size;
    workload.global_pooling = true;
    by_size.measurements.push_back(measure(workload, threads, options));
  }
  return {by_threads, by_batch, by_size};
}

std::string scaling_tables(const std::vector<Series>& all) {
  std::string text;
  for (const Series& series : all) {
    text += fmt::format(
        "### {}\n\n| {} | xtape, a step | an image | memory | libtorch, a step | an image | memory | xtape / libtorch "
        "|\n|---|---|---|---|---|---|---|---|\n",
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
      panel.lines[0].values.push_back(milliseconds_an_image(m.ours, m.workload));
      if (has_peer) panel.lines[1].values.push_back(m.peer ? milliseconds_an_image(*m.peer, m.workload) : NAN);
    }
    found.push_back(std::move(panel));
  }
  return found;
}

}  // namespace xtape::bench
