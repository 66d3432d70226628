#include "models/files/torch_weights.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "models/files/axis_order.hpp"

namespace xtape {
namespace {

/// The shape (..., channels) of the feature map that a layer reads as a flat vector. xtape flattens in this order,
/// PyTorch channels first.
using FlatMap = std::optional<Shape>;

/// How a parameter of xtape is stored by PyTorch.
struct TorchParameter {
  std::string name;                                                          ///< such as "layer1.0.conv1.weight"
  std::function<Tensor(const Tensor&)> to_torch, from_torch;                 ///< conversions of the values
  std::function<std::optional<Shape>(const Shape& stored)> converted_shape;  ///< of from_torch(); nothing if it fails
};

/// A vector of values for each channel, or each element of a flattened feature map.
TorchParameter vector_parameter(std::string name, const FlatMap& map) {
  return {std::move(name), [map](const Tensor& x) { return map ? channels_first_rows(x, *map) : x; },
          [map](const Tensor& x) { return map ? channels_last_rows(x, *map) : x; },
          [](const Shape& stored) { return stored; }};
}

/// A kernel whose axes PyTorch has in the order `axes` of xtape's; `shape` is xtape's.
TorchParameter kernel_parameter(std::string name, std::vector<int> axes, const Shape& shape) {
  std::vector<int> inverse(axes.size());
  std::vector<std::int64_t> stored;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    inverse[static_cast<std::size_t>(axes[i])] = static_cast<int>(i);
    stored.push_back(shape[axes[i]]);
  }
  const Shape torch_shape(stored);
  return {std::move(name), [axes](const Tensor& x) { return permuted(x, axes); },
          [inverse](const Tensor& x) { return permuted(x, inverse); },
          [=](const Shape& given) { return given == torch_shape ? std::optional(shape) : std::nullopt; }};
}

/// The kernel of a convolution, transposed or not: (window..., in, out) and (window..., out, in) in xtape; (out, in,
/// window...) and (in, out, window...) in PyTorch.
TorchParameter convolution_kernel(std::string name, const Shape& shape) {
  const int rank = shape.rank();
  std::vector<int> axes{rank - 1, rank - 2};
  for (int i = 0; i < rank - 2; ++i) axes.push_back(i);
  return kernel_parameter(std::move(name), axes, shape);
}

/// The kernel of a depthwise convolution: (window..., channels, multiplier) in xtape, (channels * multiplier, 1,
/// window...) in PyTorch.
TorchParameter depthwise_kernel(std::string name, const Shape& shape) {
  const int rank = shape.rank();
  const std::int64_t channels = shape[-2], multiplier = shape[-1];
  std::vector<std::int64_t> stored{channels * multiplier, 1}, split{channels, multiplier};
  std::vector<int> to{rank - 2, rank - 1}, from;
  for (int i = 0; i < rank - 2; ++i) {
    stored.push_back(shape[i]);
    split.push_back(shape[i]);
    to.push_back(i);
    from.push_back(i + 2);
  }
  from.insert(from.end(), {0, 1});
  const Shape torch_shape(stored), split_shape(split);
  return {std::move(name), [=](const Tensor& x) { return permuted(x, to).reshaped(torch_shape); },
          [=](const Tensor& x) { return permuted(x.reshaped(split_shape), from); },
          [=](const Shape& given) { return given == torch_shape ? std::optional(shape) : std::nullopt; }};
}

/// The parameter of a layer; nothing if PyTorch has no equivalent. `prefix` is the path of the layer in PyTorch.
std::optional<TorchParameter> torch_parameter(const std::string& prefix, const std::string& type,
                                              const std::string& parameter, const Shape& shape, const FlatMap& map) {
  const auto name = [&](const char* last) { return prefix + "." + last; };
  static const std::map<std::string, const char*> vectors{{"bias", "bias"},
                                                          {"gamma", "weight"},
                                                          {"beta", "bias"},
                                                          {"moving_mean", "running_mean"},
                                                          {"moving_variance", "running_var"}};
  static const std::set<std::string> convolutions{"Conv1D",          "Conv2D",          "Conv3D",
                                                  "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"};
  if (parameter == "kernel" && convolutions.contains(type)) {
    TorchParameter kernel = convolution_kernel(name("weight"), shape);
    if (type != "Conv2D" || shape[0] != 1 || shape[1] != 1) return kernel;
    // A 1x1 convolution of one pixel is a linear layer, as in MobileNet V3.
    const auto convolution = kernel.from_torch;
    const auto convolution_shape = kernel.converted_shape;
    kernel.from_torch = [=](const Tensor& x) {
      return x.rank() == 2 ? permuted(x, {1, 0}).reshaped(shape) : convolution(x);
    };
    kernel.converted_shape = [=](const Shape& given) {
      return given == Shape{shape[3], shape[2]} ? std::optional(shape) : convolution_shape(given);
    };
    return kernel;
  }
  if (parameter == "depthwise_kernel" && (type == "DepthwiseConv1D" || type == "DepthwiseConv2D")) {
    return depthwise_kernel(name("weight"), shape);
  }
  if (parameter == "kernel" && type == "Dense") {
    TorchParameter kernel = kernel_parameter(name("weight"), {1, 0}, shape);
    if (!map) return kernel;
    kernel.to_torch = [map = *map](const Tensor& x) { return permuted(channels_first_rows(x, map), {1, 0}); };
    kernel.from_torch = [map = *map](const Tensor& x) { return channels_last_rows(permuted(x, {1, 0}), map); };
    return kernel;
  }
  if (parameter == "embeddings" && type == "Embedding") return kernel_parameter(name("weight"), {0, 1}, shape);
  if (const auto found = vectors.find(parameter); found != vectors.end() && shape.rank() == 1) {
    return vector_parameter(name(found->second), type == "BatchNormalization" ? map : std::nullopt);
  }
  return std::nullopt;
}

/// Whether PyTorch has the channels of a value in front. Sequences (length, channels) have them there behind
/// convolutions and poolings, but not behind dense layers and layers that rearrange elements; other layers that keep
/// the number of channels decide nothing.
bool has_channels_in_front(const std::vector<ModelNode>& nodes, NodeOutput value) {
  static const std::set<std::string> channels_last{"Dense", "Dot", "LayerNormalization", "Permute", "Reshape"};
  if (nodes[value.node].outputs[value.output].shape().rank() != 2) return true;
  while (!nodes[value.node].inputs.empty()) {
    const ModelNode& node = nodes[value.node];
    const std::string type = node.layer->type();
    if (type.find("Conv1D") != std::string::npos || type.find("Pooling1D") != std::string::npos) return true;
    value = node.inputs[0];
    const PartialShape& before = nodes[value.node].outputs[value.output].shape();
    if (before.rank() != 2 || before[1] != node.shape()[1] || channels_last.contains(type)) return false;
  }
  return false;
}

/// The feature map that the input of a node is the flattened form of, through layers that keep the order of a vector.
FlatMap flat_map(const std::vector<ModelNode>& nodes, std::size_t node) {
  for (std::size_t reader = node; nodes[reader].inputs.size() == 1;) {
    const NodeOutput input = nodes[reader].inputs[0];
    const ModelNode& source = nodes[input.node];
    if (source.outputs[input.output].shape().rank() != 1 || source.inputs.size() != 1) return std::nullopt;
    const PartialShape& before = nodes[source.inputs[0].node].outputs[source.inputs[0].output].shape();
    if (source.layer->type() == "Flatten" || source.layer->type() == "Reshape") {
      if (before.rank() < 2 || !before.known() || !has_channels_in_front(nodes, source.inputs[0])) return std::nullopt;
      const Shape map(before);
      return map.size() > map[-1] ? FlatMap(map) : std::nullopt;
    }
    if (before != source.shape() || source.layer->type() == "Dense") return std::nullopt;
    reader = input.node;
  }
  return std::nullopt;
}

/// A parameter of the model and how PyTorch stores it; nothing if it has no equivalent.
struct Converted {
  std::string path, type;
  Parameter parameter;
  std::optional<TorchParameter> torch;
};

void collect(const Model& model, const std::string& prefix, std::vector<Converted>& all) {
  const std::vector<ModelNode>& nodes = model.nodes();
  std::vector<const Layer*> seen;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::shared_ptr<Layer>& layer = nodes[i].layer;
    if (std::ranges::find(seen, layer.get()) != seen.end()) continue;
    seen.push_back(layer.get());
    if (const std::optional<Model> inner = Model::from_layer(layer)) {
      collect(*inner, prefix + layer->name() + "/", all);
      continue;
    }
    const FlatMap map = flat_map(nodes, i);
    for (const auto& [name, parameter] : layer->named_parameters()) {
      std::string module = prefix + layer->name();
      std::ranges::replace(module, '/', '.');
      all.push_back({fmt::format("{}{}/{}", prefix, layer->name(), name), layer->type(), parameter,
                     torch_parameter(module, layer->type(), name, parameter.shape(), map)});
    }
  }
}

std::vector<Converted> converted(const Model& model) {
  std::vector<Converted> all;
  collect(model, "", all);
  return all;
}

constexpr std::string_view count_name = "num_batches_tracked";

/// Removes the prefix that DistributedDataParallel, DataParallel and torch.compile put in front of all names, unless
/// the model has it.
void remove_wrappers(const std::map<std::string, Converted>& of_name, std::vector<StoredTensor>& tensors) {
  for (const std::string_view prefix : {"_orig_mod.", "module.", "_orig_mod."}) {
    const auto has_it = [&](const std::string& name) { return name.starts_with(prefix); };
    if (tensors.empty() || !std::ranges::all_of(tensors, has_it, &StoredTensor::name)) continue;
    if (std::ranges::any_of(of_name, [&](const auto& entry) { return has_it(entry.first); })) continue;
    for (StoredTensor& tensor : tensors) tensor.name.erase(0, prefix.size());
  }
}

}  // namespace

std::vector<StoredWeight> from_torch(const Model& model, std::vector<StoredTensor> tensors) {
  std::map<std::string, Converted> of_name;
  for (Converted& entry : converted(model)) {
    if (!entry.torch) continue;
    std::string name = entry.torch->name;
    of_name.emplace(std::move(name), std::move(entry));
  }
  remove_wrappers(of_name, tensors);
  std::vector<StoredWeight> weights;
  for (StoredTensor& tensor : tensors) {
    const auto found = of_name.find(tensor.name);
    if (found == of_name.end()) {
      const std::size_t dot = tensor.name.rfind('.');
      const bool counts = dot != std::string::npos && tensor.name.substr(dot + 1) == count_name;
      if (!counts) weights.push_back({tensor.name, std::move(tensor)});
      continue;
    }
    const TorchParameter& torch = *found->second.torch;
    if (const std::optional<Shape> shape = torch.converted_shape(tensor.shape)) {
      tensor.shape = *shape;
      tensor.read = [read = std::move(tensor.read), convert = torch.from_torch] { return convert(read()); };
    }
    weights.push_back({found->second.path, std::move(tensor)});
  }
  return weights;
}

std::vector<NamedTensor> to_torch(const Model& model) {
  std::vector<NamedTensor> tensors;
  for (const Converted& entry : converted(model)) {
    check(entry.torch.has_value(),
          "save_weights: expected parameters that PyTorch has too, got {} of a layer {}; leave out .format to save "
          "xtape's names",
          entry.path, entry.type);
    tensors.push_back({entry.torch->name, entry.torch->to_torch(entry.parameter.value())});
    if (entry.torch->name.ends_with(".running_var")) {
      const std::string module = entry.torch->name.substr(0, entry.torch->name.rfind('.') + 1);
      tensors.push_back({module + std::string(count_name), Tensor::scalar(0, DType::int64)});
    }
  }
  return tensors;
}

}  // namespace xtape
