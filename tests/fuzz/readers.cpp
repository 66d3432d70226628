#include "tests/fuzz/readers.hpp"

#include "framework/io/hdf5.hpp"
#include "framework/io/idx.hpp"
#include "framework/io/safetensors.hpp"
#include "layers/layers.hpp"
#include "models/weights.hpp"

namespace xtape::fuzz {
namespace {

/// Every data set, so that one that is refused does not hide the others.
void read_hdf5(const std::filesystem::path& path) {
  for (const std::string& name : hdf5_dataset_names(path)) {
    try {
      load_hdf5(path, name);
    } catch (const Error&) {
      continue;
    }
  }
}

/// Into the network whose weights the corpus holds.
void read_keras(const std::filesystem::path& path) {
  static const Model model = [] {
    const SymbolicTensor input = Input({2});
    const auto x = BatchNormalization({.name = "norm"})(Dense({.units = 4, .name = "hidden"})(input));
    return Model(input, Dense({.units = 3, .name = "logits"})(x));
  }();
  load_weights(model, path, {.strict = false});
}

}  // namespace

const std::vector<Reader>& readers() {
  static const std::vector<Reader> all{
      {"hdf5", read_hdf5},
      {"idx", [](const std::filesystem::path& path) { load_idx(path); }},
      {"keras", read_keras},
      {"safetensors", [](const std::filesystem::path& path) { load_safetensors(path); }},
  };
  return all;
}

}  // namespace xtape::fuzz
