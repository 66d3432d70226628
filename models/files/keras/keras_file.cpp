#include "models/files/keras/keras_file.hpp"

#include <algorithm>
#include <charconv>

#include "framework/io/atomic_file.hpp"
#include "framework/io/extension.hpp"
#include "framework/io/file_format.hpp"
#include "framework/io/hdf5_file.hpp"
#include "framework/io/with_place.hpp"
#include "framework/io/zip.hpp"
#include "framework/parse_number.hpp"
#include "models/files/keras/keras_padding.hpp"

namespace xtape {
namespace {

constexpr const char* written_version = "3.0.0";
constexpr const char* no_number = "expected variables of the optimizer named 0, 1, 2, ..., got {}";

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

std::string bytes_of(const std::string& function, const std::filesystem::path& path) {
  const InputFile file(function, path);
  std::string bytes(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, bytes.data(), file.size());
  return bytes;
}

/// The text of an attribute that has one; "" without the attribute.
std::string text_of(const Hdf5File& file, const std::string& object, const std::string& attribute) {
  const auto texts = file.contains(object) ? file.strings(object, attribute) : std::nullopt;
  return texts && !texts->empty() ? texts->front() : "";
}

/// Gives the models in a Sequential the names of the groups of their weights. Keras before 2.2.3 stores the layers of a
/// Sequential as a list without a name; the file lists the groups in the order of the layers, with or without inputs.
void add_model_names(Json& model, const std::vector<std::string>& groups) {
  if (!model.is_object() || !model.contains("config") || !model.at("config").is_array()) return;
  std::vector<Json*> all, computing;
  for (Json& layer : model.at("config")) {
    if (!layer.is_object()) return;  // an Error of the reader
    all.push_back(&layer);
    if (layer.value("class_name", Json()) != "InputLayer") computing.push_back(&layer);
  }
  const std::vector<Json*>& layers = all.size() == groups.size() ? all : computing;
  if (layers.size() != groups.size()) return;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    Json& layer = *layers[i];
    if (!layer.contains("name") && layer.contains("config") && layer.at("config").is_array()) layer["name"] = groups[i];
  }
}

/// Adds the values of parameters that are among the options of the layers.
void add_given(const std::vector<KerasNode>& nodes, const std::string& prefix, StoredWeights& stored) {
  for (const KerasNode& node : nodes) {
    const std::string path = prefix + node.layer->name() + "/";
    for (const auto& [name, numbers] : node.given) {
      Tensor values = Tensor::of({static_cast<std::int64_t>(numbers.size())}, numbers, DType::float64);
      stored.weights.push_back({path + name,
                                {fmt::format("the option {} of {}", name, node.name), values.dtype(),
                                 std::string(to_string(values.dtype())), values.shape(), [values] { return values; }}});
    }
    add_given(node.inner, path, stored);
  }
}

}  // namespace

KerasFile::KerasFile(std::string function, const std::filesystem::path& path)
    : function_(std::move(function)), path_(path) {
  const InputFile opened(function_, path);
  const bool archive = is_zip(opened);
  check(archive || is_hdf5(opened),
        "{}: expected a .keras archive or an HDF5 file of Keras, got a file of another format: {}", function_,
        path.string());
  archive ? open_archive() : open_hdf5();
}

void KerasFile::open_archive() {
  const ZipFile archive(function_, path_);
  const std::string about = archive.read("metadata.json");
  with_place(function_, path_.string(), [&] {
    const Json metadata = parse_json(about);
    const Json text = metadata.is_object() ? metadata.value("keras_version", Json()) : Json();
    check(text.is_string(), "expected keras_version in metadata.json, got none");
    version_ = major_version(text.get<std::string>());
  });
  config_ = archive.read("config.json");
  extracted_ = std::make_shared<TemporaryFile>(function_);  // HDF5 reads files by their names
  weights_ = extracted_->path();
  const std::string bytes = archive.read("model.weights.h5");
  write_atomically(
      weights_, [&](std::ostream& out) { out << bytes; }, function_);
}

void KerasFile::open_hdf5() {
  const Hdf5File file(function_, path_);
  config_ = text_of(file, "/", "model_config");
  check(!config_.empty(),
        "{}: expected an attribute model_config, which model.save() of Keras writes, got none in {}; weights alone are "
        "read by load_weights()",
        function_, path_.string());
  compiled_ = text_of(file, "/", "training_config");
  const std::string version = text_of(file, "/", "keras_version");
  version_ = major_version(version.empty() ? text_of(file, "model_weights", "keras_version") : version);
  weights_ = path_;
}

KerasGraph KerasFile::graph(const std::map<std::string, LayerFactory>& custom_layers) const {
  return with_place(function_, path_.string(), [&] {
    const Hdf5File file(function_, weights_);
    const std::int64_t most = elements_in(file, InputFile(function_, weights_).size());
    Json config = parse_json(config_);
    if (!extracted_ && file.contains("model_weights")) {
      add_model_names(config, keras_strings(file, "model_weights", "layer_names").value_or(std::vector<std::string>{}));
    }
    KerasGraph graph = graph_from_keras(config, {version_, custom_layers, most});
    StoredWeights stored = read_keras_weights(graph.model, graph.nodes, weights_);
    add_given(graph.nodes.layers, "", stored);
    load_stored_weights(graph.model, stored, path_, {});
    return graph;
  });
}

Json KerasFile::compiled() const {
  if (!extracted_) return compiled_.empty() ? Json() : parse_json(compiled_);
  const Json config = parse_json(config_);
  return config.is_object() ? config.value("compile_config", Json()) : Json();
}

std::vector<StoredTensor> KerasFile::optimizer_variables() const {
  const Hdf5File file(function_, weights_);
  std::vector<StoredTensor> variables;
  if (!extracted_) {
    if (!file.contains("optimizer_weights")) return {};
    for (const std::string& name :
         keras_strings(file, "optimizer_weights", "weight_names").value_or(std::vector<std::string>{})) {
      variables.push_back(file.dataset("optimizer_weights/" + name));
    }
    return variables;
  }
  const std::string group = "optimizer/vars/";
  std::map<std::size_t, std::string> names;  // "10" follows "9"
  for (const std::string& name : file.dataset_names()) {
    if (!name.starts_with(group)) continue;
    const auto number = parse_number<std::size_t>(name.substr(group.size()));
    check(number && names.emplace(*number, name).second, no_number, name);
  }
  for (const auto& [number, name] : names) {
    check(number == variables.size(), no_number, name);
    variables.push_back(file.dataset(name));
  }
  return variables;
}

void write_keras_file(const std::string& function, const Model& model, const std::filesystem::path& path,
                      const KerasCompiled* compiled) {
  const bool archive = has_extension(path, {".keras"});
  check(archive || compiled == nullptr,
        "{}: expected a name that ends in .keras, got {}; Keras 3 does not restore an optimizer from HDF5", function,
        path_text(path));
  check(archive || has_extension(path, {".h5", ".hdf5"}),
        "{}: expected a name that ends in .keras, .h5 or .hdf5, got {}", function, path_text(path));
  check(!has_extension(path, {".weights.h5"}),
        "{}: expected the name of a model, got {}, which Keras reads as weights alone; save_weights() writes them",
        function, path.string());
  Json config;
  std::string text;
  const Model written = with_place(function, path.string(), [&] {
    Model padded = with_padding_layers(model);
    config = graph_to_keras(padded);
    if (compiled) config["compile_config"] = compiled->config;
    text = config.dump();
    return padded;
  });
  std::vector<NamedTensor> tensors;
  std::vector<Hdf5Attribute> attributes;
  if (archive) {
    for (std::size_t i = 0; compiled && i < compiled->variables.size(); ++i) {
      tensors.push_back({fmt::format("optimizer/vars/{}", i), compiled->variables[i]});
    }
    const TemporaryFile weights(function);
    write_keras3_weights(written, weights.path(), tensors);
    const Json metadata{{"keras_version", written_version}, {"date_saved", "1980-01-01@00:00:00"}};
    const std::vector<ZipEntry> entries{{"metadata.json", metadata.dump()},
                                        {"config.json", text},
                                        {"model.weights.h5", bytes_of(function, weights.path())}};
    write_atomically(
        path, [&](std::ostream& out) { write_zip(function, out, entries); }, function);
    return;
  }
  attributes.push_back({"/", "model_config", {text}, false});
  add_keras_weights(written, "model_weights/", tensors, attributes);
  for (const char* group : {"/", "model_weights"}) {
    attributes.push_back({group, "backend", {"tensorflow"}, false});
    attributes.push_back({group, "keras_version", {written_version}, false});
  }
  save_hdf5(path, tensors, attributes);
}

}  // namespace xtape
