#include "models/files/keras_weights.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "framework/io/hdf5.hpp"
#include "framework/io/hdf5_file.hpp"

namespace xtape {
namespace {

/// Whether a tensor without a parameter is the count of a Normalization, by its name or its position.
bool is_count(const StoredTensor& tensor, std::string_view ending) {
  const bool integer = tensor.dtype && !is_floating(*tensor.dtype);
  return integer && tensor.shape.rank() == 0 && tensor.name.ends_with(ending);
}

/// Whether a tensor of SpectralNormalization is its vector, in lists of weights.
bool is_vector_u(const std::string& name) { return name.ends_with("/vector_u") || name.ends_with("/vector_u:0"); }

/// Whether a data set of layout (c) belongs to a SpectralNormalization itself: a copy of the kernel, and the vector.
bool of_normalization(const std::string& name) {
  const std::size_t end = name.rfind("/vars/");
  if (end == std::string::npos || end == 0) return false;
  const std::size_t begin = name.rfind('/', end - 1) + 1;  // 0 if there is none
  return name.compare(begin, 22, "spectral_normalization") == 0;
}

/// The weights of a layer without Keras's count.
NamedParameters without_count(const KerasNode& node) {
  NamedParameters weights = keras_weights(node);
  std::erase_if(weights, [](const auto& weight) { return is_keras_count(weight.second); });
  return weights;
}

/// A layer of a file, and the prefix of the paths of its weights.
struct Listed {
  const KerasNode* node;
  std::string prefix;
};

/// Adds layers by their names. Layers inside models are added after those outside: Keras 1 lists them alone.
void add_listed(const std::vector<KerasNode>& nodes, const std::string& prefix, std::map<std::string, Listed>& listed) {
  for (const KerasNode& node : nodes) listed.emplace(node.name, Listed{&node, prefix});
  for (const KerasNode& node : nodes) add_listed(node.inner, prefix + node.layer->name() + "/", listed);
}

/// Matches the weights of a layer by position, unless their names lead to different parameters. Files of whole models
/// list their layers, so that the order of the weights is known.
void match_by_position(std::vector<StoredWeight>& weights, const Listed& layer, const std::set<std::string>& paths) {
  std::set<std::string> known;
  for (const StoredWeight& weight : weights) {
    if (paths.contains(weight.path)) known.insert(weight.path);
  }
  const NamedParameters own = without_count(*layer.node);
  if (known.size() == weights.size() || own.size() != weights.size()) return;
  for (std::size_t i = 0; i < own.size(); ++i) weights[i].path = layer.prefix + own[i].first;
}

/// Removes the second axis of a kernel for sequences from Keras 1: (window, 1, channels, filters).
void remove_axis_of_keras1(StoredTensor& tensor, const Shape& kernel) {
  if (tensor.shape.rank() != 4 || kernel.rank() != 3 || tensor.shape != Shape{kernel[0], 1, kernel[1], kernel[2]})
    return;
  tensor.shape = kernel;
  tensor.read = [read = std::move(tensor.read), kernel] { return read().reshaped(kernel); };
}

/// Reads layouts (a) and (b): the attribute layer_names, and weight_names in the group of each layer. `root` ends in
/// "/".
StoredWeights read_layers(const Model& model, const KerasNodes& nodes, const Hdf5File& file, const std::string& root,
                          const std::string& path) {
  const auto backend = file.strings(root, "backend");
  check(!backend || *backend != std::vector<std::string>{"theano"},
        "load_weights: expected weights written with TensorFlow, got {} of Keras's Theano backend, whose kernels are "
        "flipped; save them anew with TensorFlow",
        path);
  StoredWeights result;
  std::set<std::string> paths;
  std::map<std::string, Shape> shapes;
  for (const auto& [parameter_path, parameter] : model.named_parameters()) {
    paths.insert(parameter_path);
    shapes.emplace(parameter_path, parameter.shape());
  }
  const auto layers = keras_strings(file, root, "layer_names");
  std::map<std::string, Listed> listed;
  if (nodes.of_file) add_listed(nodes.layers, "", listed);
  for (const std::string& layer : *layers) {
    std::vector<StoredWeight> of_layer;
    const std::string group = root + layer;
    check(file.contains(group), "load_weights: expected a group \"{}\" for a layer that {} lists, got none", group,
          path);
    const auto weights = keras_strings(file, group, "weight_names");
    check(weights.has_value(), "load_weights: expected an attribute weight_names of \"{}\" in {}, got none", group,
          path);
    for (const std::string& weight : *weights) {
      StoredTensor tensor = file.dataset(fmt::format("{}/{}", group, weight));
      tensor.name.erase(0, 1);
      const auto node = listed.find(layer);
      if (node != listed.end() && node->second.node->normalized && is_vector_u(tensor.name)) continue;
      const std::string parameter = keras_weight_path(paths, layer, weight);
      if (!paths.contains(parameter) && (is_count(tensor, "count") || is_count(tensor, "count:0"))) continue;
      of_layer.push_back({parameter, std::move(tensor)});
    }
    if (const auto node = listed.find(layer); node != listed.end()) match_by_position(of_layer, node->second, paths);
    for (StoredWeight& weight : of_layer) {
      if (const auto kernel = shapes.find(weight.path); kernel != shapes.end()) {
        remove_axis_of_keras1(weight.tensor, kernel->second);
      }
    }
    std::ranges::move(of_layer, std::back_inserter(result.weights));
  }
  for (const KerasNode& node : nodes.layers) std::ranges::move(without_count(node), std::back_inserter(result.order));
  return result;
}

constexpr std::string_view early_list = "_layer_checkpoint_dependencies";

/// Whether a data set of layout (c) is the state of a random number generator, such as that of a dropout.
bool is_seed(const std::string& name) { return name.find("/seed_generator/") != std::string::npos; }

constexpr std::string_view sequential = "sequential", functional = "functional";

/// Where the names of the models begin that a path in layout (c) leads through, behind "list/".
std::vector<std::size_t> models_in(const std::string& name, const std::string& list) {
  std::vector<std::size_t> begins;
  for (std::size_t at = 0; (at = name.find(list + "/", at)) != std::string::npos;) {
    at += list.size() + 1;
    const std::string_view rest = std::string_view(name).substr(at);
    if (rest.starts_with(sequential) || rest.starts_with(functional)) begins.push_back(at);
  }
  return begins;
}

/// The lists of layers, such as "layers/functional/layers/", that hold models of both kinds with weights.
std::set<std::string> mixed_lists(const std::vector<std::string>& names, const std::string& list) {
  std::map<std::string, std::set<char>> kinds;
  for (const std::string& name : names) {
    if (is_seed(name)) continue;
    for (const std::size_t begin : models_in(name, list)) kinds[name.substr(0, begin)].insert(name[begin]);
  }
  std::set<std::string> mixed;
  for (const auto& [place, of_place] : kinds) {
    if (of_place.size() > 1) mixed.insert(place);
  }
  return mixed;
}

/// The path of a weight in layout (c) as in keras3_parameters(). A Sequential of Keras is a Model in xtape, whose group
/// has another name. Nothing for a weight in a list with models of both kinds: the order of all of them is unknown.
std::string as_functional(const std::string& name, const std::string& list, const std::set<std::string>& mixed) {
  static_assert(sequential.size() == functional.size());
  std::string path = name;
  for (const std::size_t begin : models_in(name, list)) {
    if (mixed.contains(name.substr(0, begin))) return "";
    path.replace(begin, sequential.size(), functional);
  }
  return path;
}

/// Error when the number of a layer is odd in the early layout, where a layer with weights counts as two.
void check_early_number(const std::string& name, const std::string& path) {
  for (std::size_t at = 0; (at = name.find(early_list, at)) != std::string::npos;) {
    at += early_list.size() + 1;
    const std::string layer = name.substr(at, name.find('/', at) - at);
    const std::string number = layer.substr(layer.find_last_not_of("0123456789") + 1);
    const bool odd = !number.empty() && (number.back() - '0') % 2 == 1 && layer.ends_with("_" + number);
    check(!odd,
          "load_weights: expected the layers of each class to be numbered 0, 2, 4, ..., as tf.keras 2.12 and 2.13 do, "
          "got \"{}\" in {}; save the weights anew, as .h5 without .weights",
          name, path);
  }
}

/// Reads layout (c): layers/conv2d_1/vars/0. Early versions of it have another list and other numbers.
StoredWeights read_numbered_layers(const Model& model, const KerasNodes& nodes, const Hdf5File& file,
                                   const std::string& list, const std::string& path) {
  const bool early = list == early_list;
  std::map<std::string, std::string> paths;
  const NamedParameters named = model.named_parameters();
  std::set<std::string> counts;
  for (const auto& [name, parameter] : early ? early_keras_parameters(nodes.layers) : keras3_parameters(nodes.layers)) {
    if (is_keras_count(parameter)) {
      counts.insert(name);
      continue;
    }
    const auto same = [&wanted = parameter](const auto& entry) { return entry.second == wanted; };
    paths[name] = std::ranges::find_if(named, same)->first;
  }
  StoredWeights result;
  const std::vector<std::string> names = file.dataset_names();
  const std::set<std::string> mixed = mixed_lists(names, list);
  for (const std::string& name : names) {
    if (!name.starts_with(list + "/") || is_seed(name)) continue;
    const std::string place = nodes.of_file ? name : as_functional(name, list, mixed);
    if (counts.contains(place)) continue;
    const auto known = paths.find(place);
    if (nodes.of_file && known == paths.end() && of_normalization(name)) continue;
    if (early && known == paths.end()) check_early_number(name, path);
    result.weights.push_back({known == paths.end() ? name : known->second, file.dataset(name)});
  }
  return result;
}

/// Writes an attribute of many strings, split as Keras does.
void add_strings(std::vector<Hdf5Attribute>& attributes, const std::string& group, const std::string& name,
                 const std::vector<std::string>& values) {
  std::size_t width = 1;
  for (const std::string& value : values) width = std::max(width, value.size());
  const std::size_t most = std::max<std::size_t>(hdf5_attribute_limit / width, 1);
  if (values.size() <= most) {
    attributes.push_back({group, name, values});
    return;
  }
  for (std::size_t begin = 0, part = 0; begin < values.size(); begin += most, ++part) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(most, values.size() - begin));
    attributes.push_back({group, fmt::format("{}{}", name, part), {first, last}});
  }
}

}  // namespace

std::optional<std::vector<std::string>> keras_strings(const Hdf5File& file, const std::string& object,
                                                      const std::string& name) {
  if (auto whole = file.strings(object, name)) return whole;
  std::optional<std::vector<std::string>> all;
  for (int part = 0;; ++part) {
    const auto more = file.strings(object, fmt::format("{}{}", name, part));
    if (!more) return all;
    if (!all) all.emplace();
    all->insert(all->end(), more->begin(), more->end());
  }
}

StoredWeights read_keras_weights(const Model& model, const KerasNodes& nodes, const std::filesystem::path& path) {
  const Hdf5File file("load_weights", path);
  for (const std::string root : {"/", "/model_weights/"}) {
    if (file.contains(root) && keras_strings(file, root, "layer_names"))
      return read_layers(model, nodes, file, root, path.string());
  }
  for (const std::string list : {"layers", "_layer_checkpoint_dependencies"}) {
    if (file.contains(list)) return read_numbered_layers(model, nodes, file, list, path.string());
  }
  fail(
      "load_weights: expected weights written by Keras, got an HDF5 file with neither layer_names, model_weights nor "
      "layers: {}",
      path.string());
}

void write_keras_weights(const Model& model, const std::filesystem::path& path) {
  std::vector<NamedTensor> tensors;
  std::vector<Hdf5Attribute> attributes;
  add_keras_weights(model, "", tensors, attributes);
  attributes.push_back({"/", "keras_version", {"2.15.0"}, false});
  attributes.push_back({"/", "backend", {"tensorflow"}, false});
  save_hdf5(path, tensors, attributes);
}

void add_keras_weights(const Model& model, const std::string& root, std::vector<NamedTensor>& tensors,
                       std::vector<Hdf5Attribute>& attributes) {
  std::vector<std::string> layers;
  for (const KerasNode& node : keras_nodes(model)) {
    layers.push_back(node.name);
    std::vector<std::string> names;
    const std::string group = root + node.name;
    for (const auto& [name, parameter] : keras_weights(node)) {
      names.push_back(name + ":0");
      tensors.push_back({group + "/" + names.back(), parameter.value()});
    }
    add_strings(attributes, group, "weight_names", names);
  }
  add_strings(attributes, root.empty() ? "/" : root.substr(0, root.size() - 1), "layer_names", layers);
}

void write_keras3_weights(const Model& model, const std::filesystem::path& path, std::vector<NamedTensor> tensors) {
  const std::vector<KerasNode> nodes = keras_nodes(model);
  for (const auto& [name, parameter] : keras3_parameters(nodes)) tensors.push_back({name, parameter.value()});
  std::vector<Hdf5Attribute> attributes;
  for (const auto& [group, name] : keras3_groups(nodes, model.name())) {
    attributes.push_back({group, "name", {name}, false});
  }
  save_hdf5(path, tensors, attributes);
}

}  // namespace xtape
