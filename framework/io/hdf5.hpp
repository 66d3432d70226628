// HDF5 files: the format of the SIGNS data set and of Keras's weights.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/io/named_tensor.hpp"

namespace xtape {

/// Reads one data set of an HDF5 file by its path in the file, e.g. "train_set_x" or "model_weights/conv1/kernel:0".
/// Unsigned bytes and h5py's booleans (0 and 1) become uint8, other integers int64, floating numbers of up to 32 bits
/// float32, of 64 bits float64.
/// Error with path and name when the file is missing or no HDF5 file, has no such data set (the message lists those it
/// has), the data set is of another type, packed by a filter that HDF5 lacks here (the message names it), of more than
/// 8 axes, outside the file, or cut short, or an integer does not fit into int64. Memory is taken only when the file is
/// large enough to hold the elements.
Tensor load_hdf5(const std::filesystem::path& path, const std::string& name);

/// The names of all data sets in an HDF5 file, sorted. Error with the path as load_hdf5().
std::vector<std::string> hdf5_dataset_names(const std::filesystem::path& path);

/// Text that belongs to a group of an HDF5 file.
struct Hdf5Attribute {
  std::string group;                ///< path of the group, made when there is none; "/" is the file itself
  std::string name;                 ///< of the attribute
  std::vector<std::string> values;  ///< written as strings of fixed length; none as NumPy's empty array of float64
  bool array = true;                ///< false: one value that is no array
};

/// Writes tensors as data sets, and attributes, all or nothing (see write_atomically); "/" in a name makes groups. The
/// same content gives the same bytes. Error with path and name when a tensor is undefined, a name is empty or comes
/// twice, values of an attribute take more than 64,512 bytes, and when the file can't be written.
void save_hdf5(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
               const std::vector<Hdf5Attribute>& attributes = {});

/// As many bytes may the values of one attribute take: the limit that Keras sets for what lies in an object's header.
inline constexpr std::size_t hdf5_attribute_limit = 64512;

}  // namespace xtape
