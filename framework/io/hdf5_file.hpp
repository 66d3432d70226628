// Hdf5File: an HDF5 file open for reading, its groups, attributes and data sets.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/io/named_tensor.hpp"

namespace xtape {

/// A handle: copies are the same open file. HDF5 1.10 writes over memory when a file is damaged in the right places, so
/// a process of its own has it open and answers: a fault there is an Error here. Links that lead into other files are
/// not followed. Every function throws Error with the path when HDF5 can't make sense of the file.
class Hdf5File {
 public:
  /// Opens it; Error naming `function` and the path when it is missing, no HDF5 file, or there can't be another
  /// process.
  Hdf5File(std::string_view function, const std::filesystem::path& path);

  /// Whether there is a group or a data set at this path ("model_weights/conv1").
  bool contains(const std::string& object) const;
  /// Paths of all data sets, sorted. Error when there are more than 100,000 groups and data sets, or groups lie more
  /// than 64 deep, as in a file whose groups contain themselves.
  std::vector<std::string> dataset_names() const;
  /// One data set, described, not read. What is no array that a tensor can hold has no dtype, whatever it is: its
  /// read() throws the Error of load_hdf5(), as it does when the file can't hold the elements. It keeps the file open.
  StoredTensor dataset(const std::string& name) const;
  /// The strings of an attribute, of fixed or variable length, without what pads them; nothing when the object has no
  /// such attribute. An array of no elements counts as strings whatever its type, for so NumPy writes an empty list.
  std::optional<std::vector<std::string>> strings(const std::string& object, const std::string& attribute) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace xtape
