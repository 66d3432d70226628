// The IDX format, in which MNIST and Fashion-MNIST are published.
#pragma once

#include <filesystem>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Reads an IDX file (Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits), as it is or compressed
/// by gzip: two zero bytes, the element type, the number of axes, the extents as big-endian 32-bit numbers, the
/// elements. Gives a uint8 tensor of the file's shape, e.g. (60000, 28, 28). Error with the path when it is missing, no
/// IDX file, not of unsigned bytes, of no or more than 8 axes, shorter or longer than its extents say, or its
/// compression corrupt. Memory is taken only as elements arrive, whatever the extents say.
Tensor load_idx(const std::filesystem::path& path);

}  // namespace xtape
