// What every test needs: skipping aloud, checking an error's message, a folder that is gone afterwards.
#pragma once

#include <filesystem>
#include <string>

#include "framework/tensor/tensor.hpp"
#include "tests/support/catch.hpp"

namespace xtape::test {

/// Ends the test case as skipped, with the reason printed; for tests whose data or tool is not on the machine.
[[noreturn]] void skip(const std::string& reason);

/// Where the SIGNS data set lies: $XTAPE_SIGNS, or ../shared/datasets/signs beside the project. Skips when it is not
/// there.
std::filesystem::path signs_folder();

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

/// float64 of these values.
inline Tensor f64(const Shape& shape, const std::vector<double>& values) {
  return Tensor::of(shape, values, DType::float64);
}

/// Largest absolute difference; infinite when the shapes differ.
double largest_difference(const Tensor& a, const Tensor& b);

}  // namespace xtape::test
