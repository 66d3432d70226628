#include <algorithm>
#include <array>
#include <cmath>

#include "framework/ops/manipulation.hpp"
#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;
constexpr std::int64_t most = std::int64_t{1} << 30;

Extent2D pair_of(ImportNode& n, const char* name, std::int64_t otherwise) {
  const Integers given = n.integers(name).value_or(Integers{otherwise, otherwise});
  check(given.size() == 2, "{}: expected two numbers, got {}; only images of two axes are supported", name,
        given.size());
  check(std::ranges::all_of(given, [](std::int64_t i) { return i >= 1 && i <= most; }),
        "{}: expected numbers of 1 to 2^30, got ({})", name, fmt::join(given, ", "));
  return {given[0], given[1]};
}

/// A window of the file: size, strides, dilations and padding.
struct FileWindow {
  Extent2D size, strides, dilation;
  Padding padding;
};

/// The padding of one axis for SAME_UPPER or SAME_LOWER.
std::array<std::int64_t, 2> automatic_padding(Extent extent, std::int64_t size, std::int64_t stride,
                                              std::int64_t dilation, bool upper) {
  check(extent.known(), "auto_pad: expected known extents for SAME_LOWER, got an unknown one");
  const auto [less, more] = same_padding(extent.value(), size, stride, dilation);
  return upper ? std::array{less, more} : std::array{more, less};
}

FileWindow window_of(ImportNode& n, Extent2D size, const PartialShape& image) {
  FileWindow window{size, pair_of(n, "strides", 1), pair_of(n, "dilations", 1), Padding::valid};
  const std::string automatic = n.text("auto_pad", "NOTSET");
  const Integers pads = n.integers("pads").value_or(Integers{0, 0, 0, 0});
  check(pads.size() == 4 && std::ranges::all_of(pads, [](std::int64_t i) { return i >= 0 && i <= most; }),
        "pads: expected four numbers of 0 to 2^30, got ({})", fmt::join(pads, ", "));
  if (automatic == "NOTSET") {
    window.padding = Padding(pads[0], pads[2], pads[1], pads[3]);
  } else if (automatic == "SAME_UPPER") {
    window.padding = Padding::same;
  } else if (automatic == "SAME_LOWER") {
    const auto rows = automatic_padding(image[0], size.height, window.strides.height, window.dilation.height, false);
    const auto columns = automatic_padding(image[1], size.width, window.strides.width, window.dilation.width, false);
    window.padding = Padding(rows[0], rows[1], columns[0], columns[1]);
  } else {
    check(automatic == "VALID", "auto_pad: expected NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {:.60}", automatic);
  }
  return window;
}

void conv(ImportNode& n) {
  const Tensor weights = n.constant(1);
  check(weights.rank() == 4 && is_floating(weights.dtype()),
        "expected a kernel (filters, channels, height, width), got {}; only images of two axes are supported",
        weights.shape());
  const SymbolicTensor x = n.images(0, 3);
  const Extent2D size(weights.dim(2), weights.dim(3));
  if (n.has("kernel_shape")) {
    check(pair_of(n, "kernel_shape", 1) == size, "kernel_shape: expected {} x {}, got other numbers", size.height,
          size.width);
  }
  const FileWindow window = window_of(n, size, x.shape());
  const std::int64_t groups = n.integer("group", 1), filters = weights.dim(0);
  check(groups >= 1 && filters >= 1 && filters % groups == 0, "group: expected a divisor of {} filters, got {}",
        filters, groups);
  const bool use_bias = n.has_input(2);
  Values values;
  if (use_bias) values.emplace("bias", n.constant(2));
  if (groups > 1 && weights.dim(1) == 1 && x.shape()[2] == Extent(groups)) {
    const Tensor split = weights.reshaped({groups, filters / groups, weights.dim(2), weights.dim(3)});
    values.emplace("depthwise_kernel", transpose(Variable(split), {2, 3, 0, 1}).value());
    return n.set(n.layer<DepthwiseConv2DLayer>({.kernel_size = size,
                                                .strides = window.strides,
                                                .padding = window.padding,
                                                .depth_multiplier = filters / groups,
                                                .dilation_rate = window.dilation,
                                                .use_bias = use_bias},
                                               {x}, values),
                 true);
  }
  values.emplace("kernel", transpose(Variable(weights), {2, 3, 1, 0}).value());
  n.set(n.layer<Conv2DLayer>({.filters = filters,
                              .kernel_size = size,
                              .strides = window.strides,
                              .padding = window.padding,
                              .dilation_rate = window.dilation,
                              .groups = groups,
                              .use_bias = use_bias},
                             {x}, values),
        true);
}

/// Rows behind the image so that the last window is complete, for outputs that are rounded up.
std::int64_t rounded_up(Extent extent, std::int64_t before, std::int64_t behind, std::int64_t size,
                        std::int64_t stride) {
  check(extent.known(), "ceil_mode: expected known extents, got an unknown one");
  const std::int64_t padded = extent.value() + before + behind;
  check(padded >= size, "expected a window of at most {} pixels, got {}", padded, size);
  std::int64_t outputs = (padded - size + stride - 1) / stride + 1;
  if ((outputs - 1) * stride >= extent.value() + before) --outputs;  // the window would begin behind the image
  return std::max<std::int64_t>((outputs - 1) * stride + size - extent.value() - before, 0);
}

void pool(ImportNode& n) {
  const bool max = n.node.op_type() == "MaxPool";
  check(n.node.output_size() == 1 || n.node.output(1).empty(), "expected no indices, got an output for them");
  check(n.has("kernel_shape"), "expected the attribute kernel_shape, got none");
  SymbolicTensor x = n.images(0, 3);
  FileWindow window = window_of(n, pair_of(n, "kernel_shape", 1), x.shape());
  check(window.dilation == Extent2D(1), "dilations: expected 1, got other numbers");
  check(n.integer("storage_order", 0) == 0, "storage_order: expected 0, got another number");
  const bool padding_counts = n.integer("count_include_pad", 0) != 0;
  if (n.integer("ceil_mode", 0) != 0 && !window.padding.is_same()) {
    auto [top, bottom, left, right] = window.padding.amounts();
    const std::int64_t more_rows = rounded_up(x.shape()[0], top, bottom, window.size.height, window.strides.height);
    const std::int64_t more_columns = rounded_up(x.shape()[1], left, right, window.size.width, window.strides.width);
    check(!padding_counts || (more_rows <= bottom && more_columns <= right),
          "ceil_mode: expected windows that end in the padded image, got others with count_include_pad");
    window.padding = Padding(top, padding_counts ? bottom : more_rows, left, padding_counts ? right : more_columns);
  }
  if (padding_counts) {
    if (window.padding.is_same()) {
      const auto rows = automatic_padding(x.shape()[0], window.size.height, window.strides.height, 1, true);
      const auto columns = automatic_padding(x.shape()[1], window.size.width, window.strides.width, 1, true);
      window.padding = Padding(rows[0], rows[1], columns[0], columns[1]);
    }
    x = n.layer<ZeroPadding2DLayer>({.padding = window.padding}, {x});
    window.padding = Padding::valid;
  }
  const PoolingOptions<2> options{.pool_size = window.size, .strides = window.strides, .padding = window.padding};
  n.set(max ? n.layer<MaxPooling2DLayer>(options, {x}) : n.layer<AveragePooling2DLayer>(options, {x}), true);
}

template <class Definition>
void global_pool(ImportNode& n) {
  const SymbolicTensor y = n.layer<Definition>({}, {n.images(0, 3)});
  check(y.shape()[0].known(), "expected a known number of channels, got an unknown one");
  n.set(n.layer<ReshapeLayer>({.target_shape = Integers{1, 1, y.shape()[0].value()}}, {y}), true);
}

void batch_normalization(ImportNode& n) {
  const bool inference = n.graph.opset() < 7 ? n.integer("is_test", 0) != 0 : n.integer("training_mode", 0) == 0;
  if (n.graph.opset() < 7) n.ignore("consumed_inputs");
  check(inference && n.integer("spatial", 1) == 1 && n.node.output_size() == 1,
        "expected a normalization for inference, got one for training or without channels");
  const bool image = n.is_tensor(0) && n.input(0).tensor->shape().rank() > 1;
  const SymbolicTensor x = image ? n.images(0) : n.plain(0);
  const SymbolicTensor y = n.layer<BatchNormalizationLayer>(
      {.momentum = n.number("momentum", 0.9F), .epsilon = n.number("epsilon", 1e-5F)}, {x},
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
          "expected factors for {} groups, got {}", groups, gamma.size());
    gamma = repeat(Variable(gamma), channels.value() / groups, 0).value();
    beta = repeat(Variable(beta), channels.value() / groups, 0).value();
  }
  n.set(n.layer<GroupNormalizationLayer>({.groups = groups, .epsilon = n.number("epsilon", 1e-5F)}, {x},
                                         {{"gamma", gamma}, {"beta", beta}}),
        true);
}

/// The scales of Resize or Upsample of height and width: whole numbers, or the new size.
void resize(ImportNode& n) {
  const bool upsample = n.node.op_type() == "Upsample";
  const bool old = upsample || n.graph.opset() < 11;
  const std::string mode = n.text("mode", "nearest");
  const std::string coordinates = n.text("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
  const std::string rounding = n.text("nearest_mode", old ? "floor" : "round_prefer_floor");
  for (const char* name : {"cubic_coeff_a", "extrapolation_value", "exclude_outside"}) n.ignore(name);
  check(!n.has("axes") && n.integer("antialias", 0) == 0 && n.text("keep_aspect_ratio_policy", "stretch") == "stretch",
        "expected scales or sizes for all axes without antialias, got other options");
  const SymbolicTensor x = n.images(0, 3);
  std::vector<double> scales;
  const int at = old ? 1 : 2;
  std::optional<std::vector<Number>> sizes;
  if (n.has_input(at) && n.constant(at).size() > 0) {
    scales = n.constant(at).to_vector<double>();
  } else {
    check(!old && n.has_input(3), "expected scales or sizes, got neither");
    sizes = n.numbers(3);
    check(sizes && sizes->size() == 4, "expected four sizes, got {}",
          sizes ? std::to_string(sizes->size()) : "unknown ones");
  }
  check(sizes || (scales.size() == 4 && scales[0] == 1 && scales[1] == 1),
        "expected scales (1, 1, height, width), got ({})", fmt::join(scales, ", "));
  const bool nearest = mode == "nearest";
  check(nearest || mode == "linear" || mode == "bilinear", "mode: expected nearest or linear, got {:.60}", mode);
  std::array<Extent, 2> target{any, any};
  std::array<bool, 2> whole{false, false};  // whether the new extent is a multiple of the old one
  for (int i = 0; i < 2; ++i) {
    const Extent extent = x.shape()[i];
    const auto axis = static_cast<std::size_t>(i);
    if (sizes) {
      check((*sizes)[axis + 2].known(), "expected sizes that do not depend on the inputs, got others");
      target[axis] = Extent((*sizes)[axis + 2].value);
    } else {
      const double scale = scales[axis + 2];
      check(scale > 0 && scale < 65536, "expected scales of 0 to 65536, got {}", scale);
      whole[axis] = scale == std::floor(scale);
      if (extent.known()) {
        const double exact = static_cast<double>(extent.value()) * scale;
        check(std::abs(exact - std::round(exact)) < 1e-3,
              "expected scales that give whole extents, got {} for an extent of {}", scale, extent);
        target[axis] = Extent(static_cast<std::int64_t>(std::round(exact)));
      }
    }
    if (target[axis].known() && extent.known() && extent.value() > 0) {
      whole[axis] = target[axis].value() % extent.value() == 0;
    }
  }
  // The nearest pixel of a whole multiple is the same for these conventions.
  const bool repeats = nearest && whole[0] && whole[1] &&
                       ((coordinates == "asymmetric" && rounding == "floor") ||
                        ((coordinates == "half_pixel" || coordinates == "pytorch_half_pixel") &&
                         (rounding == "round_prefer_floor" || rounding == "round_prefer_ceil")));
  const bool align = coordinates == "align_corners";
  const bool more_than_one = target[0] != Extent(1) && target[1] != Extent(1);
  const bool linear =
      !nearest && (align || coordinates == "half_pixel" || (coordinates == "pytorch_half_pixel" && more_than_one));
  const bool nearest_up = nearest && coordinates == "half_pixel" && rounding == "round_prefer_ceil";
  check(repeats || linear || nearest_up,
        "expected nearest with whole factors, or linear with half_pixel or align_corners, got {} with {} and {}", mode,
        coordinates, rounding);
  const Interpolation interpolation = nearest ? Interpolation::nearest : Interpolation::bilinear;
  if (target[0].known() && target[1].known()) {
    return n.set(n.layer<ResizingLayer>({.height = target[0].value(),
                                         .width = target[1].value(),
                                         .interpolation = interpolation,
                                         .align_corners = align},
                                        {x}),
                 true);
  }
  check(whole[0] && whole[1] && !scales.empty(), "expected whole factors for images of unknown size, got others");
  const Extent2D factors(static_cast<std::int64_t>(scales[2]), static_cast<std::int64_t>(scales[3]));
  n.set(n.layer<UpSampling2DLayer>({.size = factors, .interpolation = interpolation, .align_corners = align}, {x}),
        true);
}

void depth_to_space(ImportNode& n) {
  const std::int64_t b = n.integer("blocksize", 0);
  const std::string mode = n.text("mode", "DCR");
  check(b >= 1 && b <= 1024 && (mode == "DCR" || mode == "CRD"),
        "expected a blocksize of 1 to 1024 and the mode DCR or CRD, got {} and {:.60}", b, mode);
  SymbolicTensor x = n.images(0, 3);
  if (mode == "CRD") {  // channel c b b + k of the file becomes channel k C + c
    check(x.shape()[2].known() && x.shape()[2].value() % (b * b) == 0, "expected channels that {} divides, got {}",
          b * b, to_string(x.shape()[2]));
    const std::int64_t channels = x.shape()[2].value() / (b * b);
    Integers order;
    for (std::int64_t k = 0; k < b * b; ++k) {
      for (std::int64_t c = 0; c < channels; ++c) order.push_back(c * b * b + k);
    }
    x = n.operation({.function = std::string("Gather"), .axes = {3}, .numbers = order}, {x});
  }
  n.set(n.layer<DepthToSpaceLayer>({.block_size = b}, {x}), true);
}

}  // namespace

void add_window_rows(ImportRows& rows) {
  rows["Conv"] = conv;
  rows["MaxPool"] = pool;
  rows["AveragePool"] = pool;
  rows["GlobalAveragePool"] = global_pool<GlobalAveragePooling2DLayer>;
  rows["GlobalMaxPool"] = global_pool<GlobalMaxPooling2DLayer>;
  rows["BatchNormalization"] = batch_normalization;
  rows["InstanceNormalization"] = group_normalization;
  rows["GroupNormalization"] = group_normalization;
  rows["Resize"] = resize;
  rows["Upsample"] = resize;
  rows["DepthToSpace"] = depth_to_space;
}

}  // namespace xtape::onnx
