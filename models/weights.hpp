// A model's weights in a file: safetensors, or HDF5 as Keras writes and reads it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "models/model.hpp"

namespace xtape {

/// How load_weights() finds the tensor for a parameter: by its path ("conv1/kernel"), or the first for the first.
enum class Match { name, order };

struct LoadWeightsOptions {
  Match match = Match::name;
  /// Whether everything in the model and in the file must match. If not, what matches is loaded, the rest stays.
  bool strict = true;
};

/// What load_weights() found.
struct LoadReport {
  /// A parameter of the model, and what the file has for it.
  struct Pair {
    std::string parameter, stored;  ///< its path in the model, its name in the file
    Shape shape, stored_shape;
    DType dtype;              ///< that the model computes in
    std::string stored_type;  ///< of the file's elements, "float16"
  };
  std::vector<Pair> matched, mismatched;  ///< matched: the shapes agree and the file has floating numbers
  std::vector<std::string> missing;       ///< parameters for which the file has nothing
  std::vector<std::string> unexpected;    ///< tensors of the file that no parameter asks for

  /// Whether every parameter and every tensor matched.
  bool complete() const { return mismatched.empty() && missing.empty() && unexpected.empty(); }
  /// "320 of 320 parameters matched, 320 of them converted from float64", then what did not match, by name.
  std::string text() const;
};

/// Writes every parameter, moving averages included, all or nothing. The name decides how, in small or capital letters:
/// "x.weights.h5" in Keras 3's layout, any other ".h5" or ".hdf5" in that of Keras 2, which Keras 3 reads too,
/// ".safetensors" or no extension as a safetensors file under the parameters' paths ("conv1/kernel"), whose metadata
/// holds "format" = "xtape" and the model's name. Error with the path for other extensions, and when the file can't be
/// written.
void save_weights(const Model& model, const std::filesystem::path& path);

/// Reads weights from a safetensors file or from HDF5 files that Keras wrote: by model.save("m.h5"),
/// model.save_weights("w.h5") or, as Keras 3, ("w.weights.h5"); what it is, the file's content says, not its name.
/// Values are converted to the type the model computes in, which the report tells. Tensors of types that xtape does not
/// have fit no parameter; they are listed as mismatched or unexpected.
/// Error with the path when the file can't be read, is none of these, has two tensors for one parameter, or knows no
/// order and Match::order is asked for; and, unless `strict` is false, when the model and the file don't match, with a
/// list of what is missing, unexpected or of another shape. After an Error the model is as it was.
LoadReport load_weights(const Model& model, const std::filesystem::path& path, const LoadWeightsOptions& options = {});

}  // namespace xtape
