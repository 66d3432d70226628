// The IDX format, in which MNIST and Fashion-MNIST are published.
#pragma once

#include <filesystem>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Reads an IDX file of unsigned bytes, compressed by gzip or not, as a uint8 tensor of the file's shape, such as
/// (60000, 28, 28). The format is two zero bytes, the element type, the number of axes, the extents as big-endian
/// 32-bit numbers, and the elements (Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits). Throws
/// Error with the path if the file is missing, is not an IDX file, does not hold unsigned bytes, has no axes or more
/// than 8, has fewer or more elements than its extents say, or if the compressed data are corrupt. Memory is allocated
/// only as elements are read, whatever the extents say.
Tensor load_idx(const std::filesystem::path& path);

}  // namespace xtape
