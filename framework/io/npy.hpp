// NumPy's .npy and .npz files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/io/named_tensor.hpp"

namespace xtape {

/// Reads an array that numpy.save() has written (format versions 1 to 3; numpy/lib/format.py). Unsigned bytes and
/// booleans become uint8, other integers int64, floating-point numbers of 16 or 32 bits float32 and of 64 bits float64,
/// in either byte order; an array in Fortran order is transposed into rows. Throws Error with the path if the file is
/// missing, is not such a file, holds other elements (objects, texts, complex numbers, records), has more than 8 axes,
/// or is not exactly as long as its shape says, and if an integer does not fit into int64. Memory is allocated only if
/// the file is large enough to hold the elements. A pickle is never read.
Tensor load_npy(const std::filesystem::path& path);

/// Writes an array as numpy.save() does, atomically (see write_atomically): format version 1, rows first. Throws Error
/// with the path if the tensor is undefined or the file cannot be written.
void save_npy(const std::filesystem::path& path, const Tensor& tensor);

/// Reads one array of an archive that numpy.savez() or numpy.savez_compressed() has written, by its name without
/// ".npy". Throws Error as load_npy(), also if the archive has no such array; the message lists those that it has.
Tensor load_npz(const std::filesystem::path& path, const std::string& name);

/// Reads all arrays of such an archive, in its order.
std::vector<NamedTensor> load_npz(const std::filesystem::path& path);

/// Writes arrays as numpy.savez() does, atomically. The same arrays give the same bytes. Throws Error with the path if
/// a tensor is undefined, a name is empty or occurs twice, or the file cannot be written.
void save_npz(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors);

}  // namespace xtape
