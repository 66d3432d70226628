// Reader: an HDF5 file that is open for reading, in the helper process of an Hdf5File. Internal to
// framework/io/helpers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/io/helpers/hdf5_dataset.hpp"

namespace xtape::hdf5 {

/// The implementation of Hdf5File, with the same functions.
class Reader {
 public:
  /// Opens the file, which has `size` bytes. Error that names `function` and the path if HDF5 cannot open it.
  Reader(std::string_view function, std::string path, std::int64_t size);
  bool contains(const std::string& object) const;
  std::vector<std::string> dataset_names() const;
  Dataset dataset(const std::string& name) const { return {path_, size_, file_, name}; }
  std::optional<std::vector<std::string>> strings(const std::string& object, const std::string& attribute) const;

 private:
  std::string path_;
  std::int64_t size_;
  Handle file_;
};

}  // namespace xtape::hdf5
