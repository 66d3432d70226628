// Rounding of sizes when work and memory are divided into pieces.
#pragma once

#include <cstdint>

namespace xtape::kernels {

/// count / size, rounded up.
inline std::int64_t ceil_div(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

/// A stride for rows of `values` values, 16 to 31 values longer than a row: with a power of two as stride, consecutive
/// rows would map to the same few sets of a cache.
inline std::int64_t padded(std::int64_t values) { return ceil_div(values, 16) * 16 + 16; }

}  // namespace xtape::kernels
