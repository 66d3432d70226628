// Functions for all tests: skipping with a reason, checking error messages, temporary folders.
#pragma once

#include <filesystem>
#include <string>

#include "framework/tensor/tensor.hpp"
#include "tests/support/catch.hpp"

namespace xtape::test {

/// Ends the test case as skipped and prints the reason; for tests whose tool is not installed. If the environment
/// variable XTAPE_STRICT_SKIPS is set, the test fails instead.
[[noreturn]] void skip(const std::string& reason);

/// Ends the test case as skipped for lack of data that the project does not contain. It is never a failure.
[[noreturn]] void skip_without_data(const std::string& reason);

/// The root folder of the source tree that the tests were built from.
std::filesystem::path source_root();

/// The folder of the SIGNS data set: $XTAPE_SIGNS, or datasets/signs in a folder beside the project. Skips when there
/// is none.
std::filesystem::path signs_folder();

/// A file of data that are not part of the project, such as "models/keras/vww_96.h5", in a folder beside the project.
/// Skips the test when there is none.
std::filesystem::path file_beside(const std::string& name);

/// A fresh empty folder, removed at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The message of the xtape::Error that `action` throws; fails the test when it throws none.
template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  FAIL("expected an xtape::Error, and nothing was thrown");
  return {};
}

/// A float64 tensor of these values.
inline Tensor f64(const Shape& shape, const std::vector<double>& values) {
  return Tensor::of(shape, values, DType::float64);
}

/// A float64 vector of these values.
inline Tensor f64(const std::vector<double>& values) { return f64({std::ssize(values)}, values); }

/// Largest absolute difference; infinite when the shapes differ.
double largest_difference(const Tensor& a, const Tensor& b);

}  // namespace xtape::test
