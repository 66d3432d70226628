// What the program xtape-hdf5 and those who ask it agree on.
#pragma once

#include <string_view>

namespace xtape::hdf5 {

/// Stands for the number of a DType where elements are of a type that is not read.
inline constexpr std::string_view not_read = "100";

}  // namespace xtape::hdf5
