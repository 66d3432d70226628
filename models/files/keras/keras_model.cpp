#include "models/files/keras/keras_model.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "framework/io/atomic_file.hpp"
#include "framework/io/extension.hpp"
#include "framework/io/file_format.hpp"
#include "framework/io/hdf5_file.hpp"
#include "framework/io/temporary_file.hpp"
#include "framework/io/zip.hpp"
#include "models/files/keras/keras_graph.hpp"

namespace xtape {
namespace {

constexpr const char* loading = "load_keras_model";
constexpr const char* saving = "save_keras_model";
constexpr const char* written_version = "3.0.0";

/// The major version: 2 for "2.13.1" and "2.1.6-tf". Early files have none.
int major_version(const std::string& text) {
  int version = 1;
  std::from_chars(text.data(), text.data() + text.size(), version);
  return version;
}

/// The number of elements of all arrays in a file, as far as the file is large enough to hold them.
std::int64_t elements_in(const Hdf5File& file, std::int64_t bytes) {
  constexpr std::int64_t largest_factor = 1032;  // of deflate
  const std::int64_t most = std::min(bytes, std::int64_t{1} << 50) * largest_factor;
  std::int64_t all = 0;
  for (const std::string& name : file.dataset_names()) {
    all += std::min(file.dataset(name).shape.size(), most);
    if (all >= most) return most;
  }
  return all;
}

/// Makes the model of a config with the weights of an HDF5 file. `path` is that of the whole model, for messages.
Model model_of(const std::string& config, int version, const std::filesystem::path& weights,
               const std::filesystem::path& path, const LoadKerasModelOptions& options) {
  try {
    const std::int64_t most = elements_in(Hdf5File(loading, weights), InputFile(loading, weights).size());
    const KerasGraph graph = graph_from_keras(parse_json(config), {version, options.custom_layers, most});
    load_stored_weights(graph.model, read_keras_weights(graph.model, graph.nodes, weights), path, {});
    return graph.model;
  } catch (const Error& error) {
    fail("{}: {}: {}", loading, path.string(), error.what());
  }
}

Model load_archive(const std::filesystem::path& path, const LoadKerasModelOptions& options) {
  const auto entries = read_zip(loading, path, {"metadata.json", "config.json", "model.weights.h5"});
  const auto version = [&] {
    try {
      const Json metadata = parse_json(entries[0].bytes);
      const Json text = metadata.is_object() ? metadata.value("keras_version", Json()) : Json();
      check(text.is_string(), "expected keras_version in metadata.json, got none");
      return major_version(text.get<std::string>());
    } catch (const Error& error) {
      fail("{}: {}: {}", loading, path.string(), error.what());
    }
  }();
  const TemporaryFile weights(loading);  // HDF5 reads files by their names
  write_atomically(weights.path(), [&](std::ostream& out) { out << entries[2].bytes; });
  return model_of(entries[1].bytes, version, weights.path(), path, options);
}

Model load_hdf5_model(const std::filesystem::path& path, const LoadKerasModelOptions& options) {
  const Hdf5File file(loading, path);
  const auto config = file.strings("/", "model_config");
  check(config && config->size() == 1,
        "{}: expected an attribute model_config, which model.save() of Keras writes, got none in {}; weights alone are "
        "read by load_weights()",
        loading, path.string());
  auto version = file.strings("/", "keras_version");
  if (!version && file.contains("model_weights")) version = file.strings("model_weights", "keras_version");
  return model_of(config->front(), major_version(version && !version->empty() ? version->front() : ""), path, path,
                  options);
}

std::string bytes_of(const std::filesystem::path& path) {
  const InputFile file(saving, path);
  std::string bytes(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, bytes.data(), file.size());
  return bytes;
}

}  // namespace

Model load_keras_model(const std::filesystem::path& path, const LoadKerasModelOptions& options) {
  const InputFile opened(loading, path);
  if (is_zip(opened)) return load_archive(path, options);
  check(is_hdf5(opened), "{}: expected a .keras archive or an HDF5 file of Keras, got a file of another format: {}",
        loading, path.string());
  return load_hdf5_model(path, options);
}

void save_keras_model(const Model& model, const std::filesystem::path& path) {
  const bool archive = has_extension(path, {".keras"});
  check(archive || has_extension(path, {".h5", ".hdf5"}),
        "{}: expected a name that ends in .keras, .h5 or .hdf5, got {}", saving, path.string());
  check(!has_extension(path, {".weights.h5"}),
        "{}: expected the name of a model, got {}, which Keras reads as weights alone; save_weights() writes them",
        saving, path.string());
  std::string config;
  try {
    config = graph_to_keras(model).dump();
  } catch (const Error& error) {
    fail("{}: {}: {}", saving, path.string(), error.what());
  }
  if (archive) {
    const TemporaryFile weights(saving);
    write_keras3_weights(model, weights.path());
    const Json metadata{{"keras_version", written_version}, {"date_saved", "1980-01-01@00:00:00"}};
    const std::vector<ZipEntry> entries{
        {"metadata.json", metadata.dump()}, {"config.json", config}, {"model.weights.h5", bytes_of(weights.path())}};
    write_atomically(path, [&](std::ostream& out) { write_zip(saving, out, entries); });
    return;
  }
  std::vector<NamedTensor> tensors;
  std::vector<Hdf5Attribute> attributes{{"/", "model_config", {config}, false}};
  add_keras_weights(model, "model_weights/", tensors, attributes);
  for (const char* group : {"/", "model_weights"}) {
    attributes.push_back({group, "backend", {"tensorflow"}, false});
    attributes.push_back({group, "keras_version", {written_version}, false});
  }
  save_hdf5(path, tensors, attributes);
}

}  // namespace xtape
