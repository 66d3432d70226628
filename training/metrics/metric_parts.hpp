// Functions that several metrics use. Internal to training/metrics.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// part / whole; 0 when the whole is 0.
inline double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

namespace metric {

/// Error with the name of the metric unless `fits` is true: whether `total` has the shape of its sums.
void check_sums(std::string_view name, const Tensor& total, bool fits);

/// Error with the name of the metric unless outputs and targets are floating (n, ...), of equal shapes, with at least
/// one element.
void check_numbers(std::string_view name, const Tensor& outputs, const Tensor& targets);

/// The weight of each of `positions` positions, of which each sample has the same number; 1 if `weights` is undefined.
/// Error with the name of the metric unless the weights are floating (samples).
std::vector<double> weights_of_positions(std::string_view name, const Tensor& weights, std::int64_t samples,
                                         std::int64_t positions);

}  // namespace metric
}  // namespace xtape
