// Weights files in Keras's layouts, which keras_files.py makes with h5py.
#pragma once

#include <map>

#include "models/files/weights.hpp"
#include "tests/io/python.hpp"

namespace xtape::test {

/// The command that runs keras_files.py. Skips the test where there is no h5py.
std::string script();

/// A file written by h5py, and the result of load_weights() for it.
class KerasFile {
 public:
  KerasFile(const std::string& layout, const std::string& variant) {
    output_of(fmt::format("{} write {} '{}' '{}'", script(), layout, path().string(), variant));
  }
  std::filesystem::path path() const { return folder_ / "weights.of.any.name"; }
  LoadReport load(const Model& model, const LoadWeightsOptions& options = {}) const {
    return load_weights(model, path(), options);
  }

 private:
  TemporaryFolder folder_;
};

/// The values of weight number `number` in keras_files.py.
inline Tensor numbered(const Shape& shape, std::int64_t number) {
  std::vector<double> values(static_cast<std::size_t>(shape.size()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(number) + (i % 2 ? 0.5 : 0);
  return Tensor::of(shape, values, DType::float32);
}

/// Whether the model's parameters hold the weights 0, 1, 2, ... of keras_files.py in the order of these paths.
inline void check_numbered(const Model& model, const std::vector<std::string>& paths) {
  std::map<std::string, Parameter> parameters;
  for (const auto& [path, parameter] : model.named_parameters()) parameters.emplace(path, parameter);
  REQUIRE(parameters.size() == paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    INFO(paths[i]);
    const Parameter& parameter = parameters.at(paths[i]);
    CHECK(identical(parameter.value(), numbered(parameter.shape(), static_cast<std::int64_t>(i))));
  }
}

}  // namespace xtape::test
