#include "training/adapt.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "layers/graph/input.hpp"
#include "layers/normalization/normalization.hpp"
#include "training/data/data_loader.hpp"
#include "training/moments.hpp"

namespace xtape {
namespace {

Moments moments_of(const double* values, std::int64_t count, std::int64_t step) {
  Moments result{.count = static_cast<double>(count)};
  // the mean of the differences from the first value is exactly 0 for a constant, whatever the rounding
  for (std::int64_t i = 0; i < count; ++i) result.mean += values[i * step] - values[0];
  result.mean = values[0] + result.mean / result.count;
  for (std::int64_t i = 0; i < count; ++i) {
    const double distance = values[i * step] - result.mean;
    result.squares += distance * distance;
  }
  return result;
}

std::vector<Moments> moments_of(const Dataset& data) {
  const std::int64_t channels = data.input_shape()[-1];
  std::vector<Moments> all(static_cast<std::size_t>(channels));
  const Epoch batches = DataLoader(data, {.shuffle = false, .dtype = DType::float64}).epoch(0);
  for (const Batch& batch : batches) {
    const auto* values = batch.input().data<double>();
    for (Moments& channel : all) channel.add(moments_of(values++, batch.input().size() / channels, channels));
  }
  return all;
}

/// The Normalization layers of the model, each once; see adapt() for the Errors.
std::vector<const Layer*> normalizations(const Model& model) {
  std::vector<const Layer*> found;
  const std::vector<ModelNode>& nodes = model.nodes();
  for (const ModelNode& node : nodes) {
    if (!dynamic_cast<const NormalizationLayer*>(node.layer.get())) continue;
    check(is_input(*nodes[node.inputs.front().node].layer),
          "adapt: expected layer {} to take the input of model {}, got the output of {}", node.layer->name(),
          model.name(), nodes[node.inputs.front().node].layer->name());
    if (std::ranges::find(found, node.layer.get()) == found.end()) found.push_back(node.layer.get());
  }
  check(!found.empty(), "adapt: expected a Normalization layer behind the input, got none in model {}", model.name());
  return found;
}

}  // namespace

void adapt(Model& model, const Dataset& data) {
  check(model.inputs().size() == 1 && data.input_shapes().size() == 1,
        "adapt: expected a model and data with one input, got {} of model {} and {} of the data", model.inputs().size(),
        model.name(), data.input_shapes().size());
  check(model.input_shape().matches(data.input_shape()), "adapt: expected samples {} for model {}, got {}",
        batch_shape_text(model.input_shape()), model.name(), data.input_shape().prepended(data.size()));
  const std::vector<const Layer*> layers = normalizations(model);
  std::vector<double> means, variances;
  for (const Moments& channel : moments_of(data)) {
    check(std::isfinite(channel.mean), "adapt: expected finite numbers in the data, got others in channel {}",
          means.size());
    means.push_back(channel.mean);
    variances.push_back(channel.squares / channel.count);
  }
  const Shape channels{std::ssize(means)};
  const double most = model.dtype() == DType::float32 ? static_cast<double>(std::numeric_limits<float>::max())
                                                      : std::numeric_limits<double>::max();
  check(std::ranges::max(variances) <= most,
        "adapt: expected a variance that {} can hold, got {}; divide the data by a constant", model.dtype(),
        std::ranges::max(variances));
  for (const Layer* layer : layers) {
    for (const auto& [name, parameter] : layer->named_parameters()) {
      parameter.set_value(Tensor::of(channels, name == "mean" ? means : variances, parameter.dtype()));
    }
  }
}

}  // namespace xtape
