// The parts of a file in which Keras keeps a whole model: .keras, or HDF5. Internal; training/ reads and writes the
// compiled state with it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/io/named_tensor.hpp"
#include "framework/io/temporary_file.hpp"
#include "models/files/keras/keras_graph.hpp"

namespace xtape {

/// An opened file. Error that names `function` and the path when it is not a file of a whole model.
class KerasFile {
 public:
  KerasFile(std::string function, const std::filesystem::path& path);

  /// Makes the model, with its weights. Error with the path.
  KerasGraph graph(const std::map<std::string, LayerFactory>& custom_layers) const;
  /// What Keras's compile() was called with: training_config of an HDF5 file, compile_config of an archive; null if
  /// the model was not compiled. The optimizer is `optimizer_config` or `optimizer`.
  Json compiled() const;
  /// The variables of the optimizer in the order of the file.
  std::vector<StoredTensor> optimizer_variables() const;

 private:
  void open_archive();
  void open_hdf5();
  std::string function_;
  std::filesystem::path path_;
  int version_ = 1;
  std::string config_, compiled_;                   // JSON; `compiled_` of HDF5 files alone
  std::shared_ptr<const TemporaryFile> extracted_;  // the weights of an archive
  std::filesystem::path weights_;
};

/// What save_keras_training() adds to a model.
struct KerasCompiled {
  Json config;                    ///< the arguments of compile() in Keras 3's form, with `optimizer`
  std::vector<Tensor> variables;  ///< the variables of the optimizer in Keras 3's order
};

/// Writes the file of save_keras_model(); a .keras archive with the compiled state if it is not null.
void write_keras_file(const std::string& function, const Model& model, const std::filesystem::path& path,
                      const KerasCompiled* compiled);

}  // namespace xtape
