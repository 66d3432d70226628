// What the metrics of xtape have in common. Internal to training/metrics.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// part / whole; 0 when the whole is 0.
inline double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

namespace metric {

/// Error naming the metric unless `total` has the shape of its sums, as `fits` says.
void check_sums(std::string_view name, const Tensor& total, bool fits);

/// Error naming the metric unless outputs and targets are floating (n, ...) of one shape with at least one element.
void check_numbers(std::string_view name, const Tensor& outputs, const Tensor& targets);

/// The weight of each of `positions` positions, which belong to samples in equal numbers; 1 where `weights` is
/// undefined. Error naming the metric unless the weights are floating (samples).
std::vector<double> weights_of_positions(std::string_view name, const Tensor& weights, std::int64_t samples,
                                         std::int64_t positions);

}  // namespace metric
}  // namespace xtape
