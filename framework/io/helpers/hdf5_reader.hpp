// Reader: an HDF5 file open for reading, in the process that answers for an Hdf5File. Internal to
// framework/io/helpers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/io/helpers/hdf5_dataset.hpp"

namespace xtape::hdf5 {

/// Its functions are those of Hdf5File.
class Reader {
 public:
  /// `size` of the file in bytes. Error naming `function` and the path when HDF5 can't open it.
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
