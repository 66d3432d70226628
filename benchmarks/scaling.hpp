// How the time of ResNet-50's training step grows with threads, batch and image size.
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
  std::vector<Measurement> measurements;  ///< one for each x
};

/// Threads 1, 2, 4, ... `threads` at batch 32 and 64x64; batch 1, 2, 4, ... 128 at 64x64; images of 32x32 to 224x224 at
/// batch 8. `quick`: two points of each, small ones.
std::vector<Series> measure_scaling(int threads, bool quick, const MeasurementOptions& options);

/// Tables of step time, cost per image and memory.
std::string scaling_tables(const std::vector<Series>& all);
nlohmann::json to_json(const std::vector<Series>& all);
/// A panel for each: milliseconds per image.
std::vector<Panel> panels(const std::vector<Series>& all);

}  // namespace xtape::bench
