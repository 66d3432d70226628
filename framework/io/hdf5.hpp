// HDF5 files: the format of the SIGNS data set and of Keras weights.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/io/named_tensor.hpp"

namespace xtape {

/// Reads a data set of an HDF5 file by its path in the file, such as "train_set_x" or "model_weights/conv1/kernel:0".
/// Unsigned bytes and the booleans of h5py (0 and 1) become uint8, other integers int64, floating-point numbers of up
/// to 32 bits float32 and of 64 bits float64. Throws Error with path and name if the file is missing or not an HDF5
/// file; if it has no such data set (the message lists the existing ones); if the data set has another type, more than
/// 8 axes, or a filter that this HDF5 library lacks (the message names it); if its elements are in another file or
/// incomplete; or if an integer does not fit into int64. Memory is allocated only if the file is large enough to hold
/// the elements.
Tensor load_hdf5(const std::filesystem::path& path, const std::string& name);

/// The paths of all data sets in an HDF5 file, sorted. Throws Error with the path if the file cannot be read or has
/// more than 100,000 objects.
std::vector<std::string> hdf5_dataset_names(const std::filesystem::path& path);

/// An attribute of a group in an HDF5 file: one or more texts.
struct Hdf5Attribute {
  std::string group;                ///< path of the group, which is created if it does not exist; "/" is the root
  std::string name;                 ///< name of the attribute
  std::vector<std::string> values;  ///< written as strings of fixed length; if empty, as an empty array of float64
  bool array = true;                ///< false: a single value, written as a scalar, of variable length if it is long
};

/// Writes tensors as data sets, and attributes, to a file, atomically (see write_atomically). A "/" in a name creates
/// groups. The same content gives the same bytes. Throws Error with path and name if a tensor is undefined, a name is
/// empty or occurs twice, the values of an attribute array take more than 64,512 bytes, or the file cannot be written.
void save_hdf5(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
               const std::vector<Hdf5Attribute>& attributes = {});

/// The largest size in bytes of the values of an attribute: the limit that Keras uses, because attributes are stored in
/// the object header.
inline constexpr std::size_t hdf5_attribute_limit = 64512;

}  // namespace xtape
