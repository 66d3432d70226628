// Sizes of the pieces that work and memory are cut into.
#pragma once

#include <cstdint>

namespace xtape::kernels {

/// How many pieces of `size` hold `count`.
inline std::int64_t ceil_div(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

/// A row of so many values with a few more, so that rows a power of two apart do not crowd few sets of the caches.
inline std::int64_t padded(std::int64_t values) { return ceil_div(values, 16) * 16 + 16; }

}  // namespace xtape::kernels
