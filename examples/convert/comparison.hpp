// The checks of convert: the same outputs for the same random inputs, in xtape and in other software.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>
#include <xtape/xtape.hpp>

namespace xtape {

/// Two random samples for each input: pixels in this scale for images, otherwise numbers from -1 to 1; zeros and ones
/// for int64. Unknown extents become `size`.
std::vector<Tensor> random_inputs(const Model& model, const std::optional<ImageScale>& scale, std::int64_t size,
                                  std::uint64_t seed);

/// The outputs in inference.
std::vector<Tensor> outputs_of(const Model& model, const std::vector<Tensor>& inputs);

/// How far outputs are apart.
struct Difference {
  double largest = 0;   ///< the largest difference of two numbers
  double relative = 0;  ///< divided by the largest number of that output
};

/// Compares outputs. Error when their number or shapes differ or a number is not finite.
Difference difference(const std::vector<Tensor>& ours, const std::vector<Tensor>& theirs);

/// What other software said to a file.
struct ForeignResult {
  std::string runtime;          ///< its name and version, such as "onnxruntime 1.23.0"
  std::vector<Tensor> outputs;  ///< empty if it was not run
  std::string reason;           ///< why it was not run
};

/// Runs a file of Keras or ONNX with the software that it comes from: `python` runs keras, tf_keras or onnxruntime,
/// if they are installed. Error when the software rejects the file.
ForeignResult foreign_outputs(const std::string& python, const std::filesystem::path& path, ModelFormat format,
                              const std::vector<Tensor>& inputs);

}  // namespace xtape
