// Scaling of the training step of ResNet-50 with threads, batch and image size.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "benchmarks/figure.hpp"
#include "benchmarks/measurement.hpp"

namespace xtape::bench {

/// Measurements along one axis.
struct Series {
  std::string title, x_label;
  std::vector<std::int64_t> x;
  std::vector<Measurement> measurements;  ///< one per x
};

/// Measures three series: 1, 2, 4, ... `threads` threads for batch 32 at 64x64; batch 1, 2, 4, ... 128 at 64x64; image
/// sizes from 32x32 to 224x224 for batch 8. With `quick`, the batches are smaller and the last two series have two
/// points.
std::vector<Series> measure_scaling(int threads, bool quick, const MeasurementOptions& options);

/// Tables in Markdown with time per step, time per image and memory.
std::string scaling_tables(const std::vector<Series>& all);
nlohmann::json to_json(const std::vector<Series>& all);
/// One panel per series, with milliseconds per image.
std::vector<Panel> panels(const std::vector<Series>& all);

}  // namespace xtape::bench
