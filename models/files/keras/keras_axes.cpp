#include "models/files/keras/keras_axes.hpp"

#include <algorithm>
#include <set>

#include "layers/shape/rearranging.hpp"
#include "models/files/keras/keras_values.hpp"

namespace xtape {
namespace {

/// Whether an activation function computes each element alone.
bool computes_elements(const Json& activation) {
  const Json name = activation.is_object() ? activation.value("config", Json()) : activation;
  static const std::set<std::string> along_axis{"softmax", "log_softmax", "sparsemax", "glu"};
  return !name.is_string() || !along_axis.contains(name.get<std::string>());
}

SymbolicTensor permuted(const SymbolicTensor& x, const std::vector<std::int64_t>& dims) {
  return Permute({.dims = dims})(x);
}

}  // namespace

void check_keras_axes(const std::string& type, const Json& config, int rank) {
  if (type != "RMSNormalization" || rank < 2 || !config.contains("axis")) return;
  const Json& axis = config.at("axis");
  std::set<std::int64_t> axes;
  for (const Json& one : axis.is_array() ? axis : Json::array({axis})) {
    if (!one.is_number_integer()) return;  // another Error
    axes.insert(one.get<std::int64_t>() + (one.get<std::int64_t>() < 0 ? rank : 0));
  }
  const bool last = axes.empty() || (*axes.rbegin() == rank - 1 && *axes.begin() == rank - std::ssize(axes));
  check(last, "axis: expected the last axes, got {}; Keras multiplies by the scale along the last axes", shown(axis));
}

KerasAxes axes_of_config(const std::string& type, Json& config, int rank) {
  static const std::set<std::string> elementwise{"Add",           "Average",   "ELU",     "GaussianDropout",
                                                 "GaussianNoise", "LeakyReLU", "Maximum", "Minimum",
                                                 "Multiply",      "ReLU",      "Subtract"};
  const Json activation = config.value("activation", Json());
  if (config.value("data_format", Json()) == "channels_first") {
    check(computes_elements(activation),
          "activation: expected a function of elements in a layer with data_format channels_first, got {}, which Keras "
          "computes along the last axis of an image; make it a separate layer in Keras",
          shown(activation));
    config["data_format"] = "channels_last";
    return KerasAxes::channels_first;
  }
  if (type == "BatchNormalization" && rank > 2) {
    const Json axis = config.value("axis", Json());
    if (axis != 1 && axis != Json::array({1})) return KerasAxes::as_they_are;
    config["axis"] = -1;
    return KerasAxes::channels_first;
  }
  if (type == "Activation" && computes_elements(activation)) return KerasAxes::of_elements;
  if (type == "Dropout" && config.value("noise_shape", Json()).is_null()) return KerasAxes::of_elements;
  return elementwise.contains(type) ? KerasAxes::of_elements : KerasAxes::as_they_are;
}

SymbolicTensor KerasConnections::with_channels_last(const SymbolicTensor& x) {
  if (const auto known = both_.find(key(x)); known != both_.end()) return known->second.last;
  const int rank = x.shape().rank();
  if (rank < 2) return x;
  std::vector<std::int64_t> dims;
  for (int i = 2; i <= rank; ++i) dims.push_back(i);
  dims.push_back(1);
  SymbolicTensor last = permuted(x, dims);
  both_.emplace(key(x), Both{x, last});
  return last;
}

std::vector<SymbolicTensor> KerasConnections::connect(Layer& layer, KerasAxes axes,
                                                      const std::vector<SymbolicTensor>& inputs) {
  const bool all_known = std::ranges::all_of(inputs, [&](const SymbolicTensor& x) { return both_.contains(key(x)); });
  if (axes == KerasAxes::as_they_are || (axes == KerasAxes::of_elements && (!all_known || inputs.empty()))) {
    return layer.connect(inputs);
  }
  std::vector<SymbolicTensor> last;
  for (const SymbolicTensor& x : inputs) last.push_back(with_channels_last(x));
  std::vector<SymbolicTensor> outputs = layer.connect(last);
  for (SymbolicTensor& y : outputs) {
    const int rank = y.shape().rank();
    if (rank < 2) continue;  // a flattened or pooled image
    std::vector<std::int64_t> dims{rank};
    for (int i = 1; i < rank; ++i) dims.push_back(i);
    const SymbolicTensor first = permuted(y, dims);
    both_.emplace(key(first), Both{first, y});
    y = first;
  }
  return outputs;
}

}  // namespace xtape
