#include <algorithm>

#include "framework/ops/manipulation.hpp"
#include "models/files/axis_order.hpp"
#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;

/// Factors of each element (channels, extents) of samples, which opsets below 9 allow.
SymbolicTensor normalized_elements(ImportNode& n, const SymbolicTensor& x, const BatchNormalizationLayer::Options& o) {
  check(x.shape().known(), "spatial: expected known extents, got samples {}", x.shape());
  const Shape image(x.shape());
  Integers extents(image.begin(), image.end());
  const auto elements = [&](int i) {
    const Tensor given = n.constant(i);
    check(given.size() == image.size(), "expected {} numbers as input {}, got {}", image.size(), i + 1, given.size());
    return channels_last_rows(given.reshaped({image.size()}), image);
  };
  const SymbolicTensor y = n.layer<BatchNormalizationLayer>(
      o, {n.layer<FlattenLayer>({}, {x})},
      {{"gamma", elements(1)}, {"beta", elements(2)}, {"moving_mean", elements(3)}, {"moving_variance", elements(4)}});
  return n.layer<ReshapeLayer>({.target_shape = extents}, {y});
}

void batch_normalization(ImportNode& n) {
  const bool inference = n.graph.opset() < 7 ? n.integer("is_test", 0) != 0 : n.integer("training_mode", 0) == 0;
  if (n.graph.opset() < 7) n.ignore("consumed_inputs");
  bool read = false;  // the statistics of the batch
  for (int i = 1; i < n.node.output_size(); ++i) read = read || n.is_read(i);
  check(inference && !read, "expected a normalization for inference, got one for training");
  const bool image = n.is_tensor(0) && n.input(0).tensor->shape().rank() > 1;
  const SymbolicTensor x = image ? n.images(0) : n.plain(0);
  const BatchNormalizationLayer::Options options{.momentum = n.number("momentum", 0.9F),
                                                 .epsilon = n.number("epsilon", 1e-5F)};
  if (n.integer("spatial", 1) == 0 && image) return n.set(normalized_elements(n, x, options), true);
  const SymbolicTensor y = n.layer<BatchNormalizationLayer>(options, {x},
                                                            {{"gamma", n.constant(1)},
                                                             {"beta", n.constant(2)},
                                                             {"moving_mean", n.constant(3)},
                                                             {"moving_variance", n.constant(4)}});
  n.set(y, image);
}

void group_normalization(ImportNode& n) {
  const SymbolicTensor x = n.images(0);
  const Extent channels = x.shape()[-1];
  const bool instance = n.node.op_type() == "InstanceNormalization";
  const std::int64_t groups = instance ? -1 : n.integer("num_groups", 0);
  n.ignore("stash_type");
  Tensor gamma = n.constant(1), beta = n.constant(2);
  if (!instance && n.graph.opset() < 21) {  // a factor for each group
    check(groups >= 1 && channels.known() && gamma.size() == groups && beta.size() == groups &&
              channels.value() % groups == 0,
          "expected factors for {} groups, which divide the channels, got {} and {} for {} channels", groups,
          gamma.size(), beta.size(), channels);
    gamma = repeat(Variable(gamma), channels.value() / groups, 0).value();
    beta = repeat(Variable(beta), channels.value() / groups, 0).value();
  }
  n.set(n.layer<GroupNormalizationLayer>({.groups = groups, .epsilon = n.number("epsilon", 1e-5F)}, {x},
                                         {{"gamma", gamma}, {"beta", beta}}),
        true);
}

void layer_normalization(ImportNode& n) {
  n.ignore("stash_type");
  n.allow_moved_batch();
  const SymbolicTensor x = n.plain(0);
  const int rank = n.rank(0);
  std::int64_t first = n.integer("axis", -1);
  check(first >= -rank && first < rank, "axis: expected an axis below {}, got {}", rank, first);
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = first < 0 ? first + rank : first; axis < rank; ++axis) {
    axes.push_back(n.axis_of(axis, rank, false));
  }
  Values values{{"gamma", n.constant(1)}};
  const bool center = n.has_input(2);
  if (center) values.emplace("beta", n.constant(2));
  const double epsilon = n.number("epsilon", 1e-5F);
  n.set(n.layer<LayerNormalizationLayer>({.axis = axes, .epsilon = epsilon, .center = center}, {x}, values), false, 0,
        n.batch());
  if (n.node.output_size() == 1) return;
  const auto mean_of = [&](const SymbolicTensor& of) {
    return n.operation({.function = std::string("ReduceMean"), .axes = axes, .keep_dims = true}, {of});
  };
  const SymbolicTensor mean = mean_of(x);
  n.set(mean, false, 1, n.batch());
  if (n.node.output_size() == 2) return;
  const SymbolicTensor deviation = n.operation({.function = std::string("Sub")}, {x, mean});
  const SymbolicTensor variance = mean_of(n.layer<MultiplyLayer>({}, {deviation, deviation}));
  const SymbolicTensor shifted = n.layer<RescalingLayer>({.scale = 1.0, .offset = epsilon}, {variance});
  n.set(n.operation({.function = std::string("Pow"), .value = -0.5}, {shifted}), false, 2, n.batch());
}

void normalize(ImportNode& n) {
  check(n.integer("p", 2) == 2, "p: expected 2, got another number");
  const ImportValue& x = n.input(0);
  const std::int64_t axis = n.axis_of(n.integer("axis", -1), n.rank(0), x.channels_last);
  n.set(n.layer<UnitNormalizationLayer>({.axis = {axis}}, {x.flat_of ? n.plain(0) : *x.tensor}), x.channels_last);
}

/// x / (bias + alpha / size * the sum of the squares of `size` neighbouring channels)^beta.
void local_response_normalization(ImportNode& n) {
  const SymbolicTensor x = n.images(0);
  const Extent channels = x.shape()[-1];
  const std::int64_t size = n.integer("size", 0);
  check(channels.known() && channels.value() >= 1 && channels.value() <= 4096,
        "expected a known number of at most 4096 channels, got {}", channels);
  check(size >= 1 && size <= 4096, "size: expected 1 to 4096, got {}", size);
  const std::int64_t c = channels.value();
  std::vector<float> neighbours(static_cast<std::size_t>(c * c));
  for (std::int64_t to = 0; to < c; ++to) {
    for (std::int64_t from = std::max<std::int64_t>(to - (size - 1) / 2, 0); from <= std::min(to + size / 2, c - 1);
         ++from) {
      neighbours[static_cast<std::size_t>(from * c + to)] = 1;
    }
  }
  const SymbolicTensor squares = n.layer<MultiplyLayer>({}, {x, x});
  const SymbolicTensor sums =
      n.operation({.function = std::string("MatMul"), .constant_shape = {{c, c}}, .trainable = false}, {squares},
                  {{"constant", Tensor::of({c, c}, neighbours)}});
  const double scale = n.number("alpha", 1e-4F) / static_cast<double>(size);
  const SymbolicTensor base = n.layer<RescalingLayer>({.scale = scale, .offset = n.number("bias", 1)}, {sums});
  const SymbolicTensor factor = n.operation({.function = std::string("Pow"), .value = -n.number("beta", 0.75)}, {base});
  n.set(n.layer<MultiplyLayer>({}, {x, factor}), true);
}

}  // namespace

void add_normalization_rows(ImportRows& rows) {
  rows["BatchNormalization"] = batch_normalization;
  rows["InstanceNormalization"] = group_normalization;
  rows["GroupNormalization"] = group_normalization;
  rows["LayerNormalization"] = layer_normalization;
  rows["LpNormalization"] = normalize;
  rows["LRN"] = local_response_normalization;
}

}  // namespace xtape::onnx
