#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/ranges.h>
#include <limits>

#include "framework/io/utf8.hpp"
#include "framework/ops/manipulation.hpp"
#include "layers/convolution/axes.hpp"
#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;
using Amounts = std::vector<std::array<std::int64_t, 2>>;  // before and behind each axis
constexpr std::int64_t most_in_attribute = std::int64_t{1} << 30;

/// An attribute with a number for each of some axes.
Integers numbers_of(ImportNode& n, const char* name, std::size_t axes, std::int64_t otherwise, std::int64_t least) {
  Integers given = n.integers(name).value_or(Integers(axes, otherwise));
  check(given.size() == axes, "{}: expected {} numbers, got {}", name, axes, given.size());
  check(std::ranges::all_of(given, [&](std::int64_t i) { return i >= least && i <= most_in_attribute; }),
        "{}: expected numbers of {} to 2^30, got ({})", name, least, fmt::join(given, ", "));
  return given;
}

/// The axes of windows: 1, 2 or 3. Calls the function with their number as a type.
template <class Function>
void with_axes(int axes, Function function) {
  check(axes >= 1 && axes <= 3, "expected windows with 1, 2 or 3 axes, got {}", axes);
  if (axes == 1) return function(std::integral_constant<int, 1>());
  if (axes == 2) return function(std::integral_constant<int, 2>());
  function(std::integral_constant<int, 3>());
}

template <int axes>
AxesSize<axes> size_of(const Integers& n) {
  if constexpr (axes == 1) return n[0];
  if constexpr (axes == 2) return {n[0], n[1]};
  if constexpr (axes == 3) return {n[0], n[1], n[2]};
}

template <int axes>
AxesPadding<axes> padding_of(const Amounts& n) {
  if constexpr (axes == 1) return {n[0][0], n[0][1]};
  if constexpr (axes == 2) return {n[0][0], n[0][1], n[1][0], n[1][1]};
  if constexpr (axes == 3) return {n[0][0], n[0][1], n[1][0], n[1][1], n[2][0], n[2][1]};
}

/// A window of the file: a number for each axis.
struct FileWindow {
  Integers size, strides, dilation;
  Amounts amounts;
  bool same = false;  ///< SAME_UPPER for an unknown extent: the amounts are not known

  template <int axes>
  AxesPadding<axes> padding() const {
    return same ? AxesPadding<axes>::same : padding_of<axes>(amounts);
  }
  std::int64_t reach(std::size_t axis) const { return (size[axis] - 1) * dilation[axis] + 1; }
};

/// The attribute pads of `axes` axes.
Amounts pads_of(ImportNode& n, std::size_t axes) {
  const Integers pads = numbers_of(n, "pads", 2 * axes, 0, 0);
  Amounts amounts;
  for (std::size_t i = 0; i < axes; ++i) amounts.push_back({pads[i], pads[axes + i]});
  return amounts;
}

std::string automatic_padding(ImportNode& n) {
  std::string mode = n.text("auto_pad", "NOTSET");
  check(mode == "NOTSET" || mode == "VALID" || mode == "SAME_UPPER" || mode == "SAME_LOWER",
        "auto_pad: expected NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {:.60}", visible(mode));
  return mode;
}

FileWindow window_of(ImportNode& n, const Integers& size, const PartialShape& image) {
  const std::size_t axes = size.size();
  FileWindow window{size, numbers_of(n, "strides", axes, 1, 1), numbers_of(n, "dilations", axes, 1, 1),
                    pads_of(n, axes)};
  const std::string mode = automatic_padding(n);
  if (mode == "VALID") window.amounts = Amounts(axes, {0, 0});
  if (!mode.starts_with("SAME")) return window;
  window.same = mode == "SAME_UPPER" && !image.known();
  for (std::size_t i = 0; i < axes && !window.same; ++i) {
    const Extent extent = image[static_cast<int>(i)];
    check(extent.known(), "auto_pad: expected known extents for SAME_LOWER, got an unknown one");
    const auto [less, more] = same_padding(extent.value(), size[i], window.strides[i], window.dilation[i]);
    window.amounts[i] = mode == "SAME_UPPER" ? std::array{less, more} : std::array{more, less};
  }
  return window;
}

/// The kernel (out, in, extents) of the file.
Tensor kernel_of(ImportNode& n) {
  Tensor weights = n.constant(1);
  check(weights.rank() >= 3 && weights.rank() <= 5 && is_floating(weights.dtype()) && weights.size() > 0,
        "expected a kernel for windows with 1, 2 or 3 axes, got {} {}", weights.dtype(), weights.shape());
  if (const auto given = n.integers("kernel_shape")) {
    const Integers size(weights.shape().begin() + 2, weights.shape().end());
    check(*given == size, "kernel_shape: expected ({}), got ({})", fmt::join(size, ", "), fmt::join(*given, ", "));
  }
  return weights;
}

/// The kernel of the file with the extents in front of the two other axes, in this order.
Tensor extents_first(const Tensor& weights, int next, int last) {
  std::vector<int> order;
  for (int axis = 2; axis < weights.rank(); ++axis) order.push_back(axis);
  order.push_back(next);
  order.push_back(last);
  return transpose(Variable(weights), order).value();
}

template <int axes>
void conv(ImportNode& n, const Tensor& weights) {
  const SymbolicTensor x = n.images(0, axes + 1);
  const FileWindow window = window_of(n, Integers(weights.shape().begin() + 2, weights.shape().end()), x.shape());
  const std::int64_t groups = n.integer("group", 1), filters = weights.dim(0);
  check(groups >= 1 && filters % groups == 0, "group: expected a divisor of {} filters, got {}", filters, groups);
  const bool use_bias = n.has_input(2);
  Values values;
  if (use_bias) values.emplace("bias", n.constant(2));
  const auto layer_options = [&](auto options) {
    options.kernel_size = size_of<axes>(window.size);
    options.strides = size_of<axes>(window.strides);
    options.padding = window.padding<axes>();
    options.dilation_rate = size_of<axes>(window.dilation);
    options.use_bias = use_bias;
    return options;
  };
  if constexpr (axes < 3) {
    if (groups > 1 && weights.dim(1) == 1 && x.shape()[-1] == Extent(groups)) {
      Integers extents = window.size;
      extents.push_back(groups);
      extents.push_back(filters / groups);
      values.emplace("depthwise_kernel", extents_first(weights, 1, 0).reshaped(Shape(extents)));
      typename DepthwiseConvLayer<axes>::Options options;
      options.depth_multiplier = filters / groups;
      return n.set(n.layer<DepthwiseConvLayer<axes>>(layer_options(std::move(options)), {x}, values), true);
    }
  }
  values.emplace("kernel", extents_first(weights, 1, 0));
  n.set(n.layer<ConvLayer<axes>>(layer_options(typename ConvLayer<axes>::Options{.filters = filters, .groups = groups}),
                                 {x}, values),
        true);
}

void conv_row(ImportNode& n) {
  const Tensor weights = kernel_of(n);
  with_axes(weights.rank() - 2, [&](auto axes) { conv<axes.value>(n, weights); });
}

/// Removes elements at the ends of the first axes of samples.
template <int axes>
SymbolicTensor cropped(ImportNode& n, const SymbolicTensor& x, const Amounts& amounts) {
  if (std::ranges::all_of(amounts, [](const auto& amount) { return amount[0] == 0 && amount[1] == 0; })) return x;
  if constexpr (axes == 1) return n.layer<Cropping1DLayer>({.cropping = {amounts[0][0], amounts[0][1]}}, {x});
  if constexpr (axes == 2) return n.layer<Cropping2DLayer>({.cropping = padding_of<2>(amounts)}, {x});
  SymbolicTensor y = x;
  for (std::size_t i = 0; i < axes; ++i) {
    y = n.slice(y, static_cast<std::int64_t>(i) + 1, amounts[i][0], ImportNode::from_end(amounts[i][1]));
  }
  return y;
}

/// A transposed convolution: what it adds behind the smallest output, and what it cuts off.
struct TransposedWindow {
  FileWindow window;
  Integers added;
};

/// ONNX's output has stride (in - 1) + output_padding + dilation (size - 1) + 1 - pads elements.
TransposedWindow transposed_window(ImportNode& n, const Integers& size, const PartialShape& image) {
  const std::size_t axes = size.size();
  FileWindow window{size, numbers_of(n, "strides", axes, 1, 1), numbers_of(n, "dilations", axes, 1, 1),
                    pads_of(n, axes)};
  Integers added = numbers_of(n, "output_padding", axes, 0, 0);
  const std::string mode = automatic_padding(n);
  auto wanted = n.integers("output_shape");
  if (wanted && wanted->size() == axes + 2) wanted->erase(wanted->begin(), wanted->begin() + 2);
  check(!wanted || wanted->size() == axes, "output_shape: expected {} numbers, got {}", axes,
        wanted ? wanted->size() : 0);
  if (mode == "VALID") window.amounts = Amounts(axes, {0, 0});
  if (!wanted && !mode.starts_with("SAME")) return {window, added};
  for (std::size_t i = 0; i < axes; ++i) {
    const Extent extent = image[static_cast<int>(i)];
    check(extent.known() && extent.value() >= 1 && extent.value() <= most_in_attribute,
          "expected known extents for output_shape and auto_pad, got {}", extent);
    const std::int64_t in = extent.value(), out = wanted ? (*wanted)[i] : in * window.strides[i];
    const std::int64_t whole = window.strides[i] * (in - 1) + added[i] + window.reach(i);
    check(out >= 1 && out <= whole + most_in_attribute, "output_shape: expected extents of at least 1, got {}", out);
    const std::int64_t cut = std::max<std::int64_t>(whole - out, 0), less = cut / 2;
    added[i] += std::max<std::int64_t>(out - whole, 0);
    window.amounts[i] = mode == "SAME_UPPER" ? std::array{less, cut - less} : std::array{cut - less, less};
  }
  return {window, added};
}

/// Whether Keras's same padding gives the same elements.
bool is_same(const TransposedWindow& transposed, const PartialShape& image) {
  const FileWindow& window = transposed.window;
  for (std::size_t i = 0; i < window.size.size(); ++i) {
    const Extent extent = image[static_cast<int>(i)];
    if (!extent.known() || extent.value() > most_in_attribute) return false;
    const std::int64_t out = extent.value() * window.strides[i];
    const std::int64_t whole = window.strides[i] * (extent.value() - 1) + window.reach(i);
    const auto expected = same_padding(out, window.size[i], window.strides[i], window.dilation[i]);
    const std::int64_t more = out + expected[0] + expected[1] - whole;
    if (window.amounts[i] != expected || transposed.added[i] != more) return false;
  }
  return true;
}

template <int axes>
void conv_transpose(ImportNode& n, const Tensor& weights) {
  const SymbolicTensor x = n.images(0, axes + 1);
  const Integers size(weights.shape().begin() + 2, weights.shape().end());
  TransposedWindow transposed = transposed_window(n, size, x.shape());
  const std::int64_t groups = n.integer("group", 1), channels = weights.dim(0);
  check(groups >= 1 && channels % groups == 0 && x.shape()[-1] == Extent(channels),
        "expected an input of {} channels, which the groups divide, got {} channels and {} groups", channels,
        x.shape()[-1], groups);
  const std::int64_t filters = weights.dim(1), part = channels / groups;
  check(!n.has_input(2) || n.constant(2).size() == groups * filters, "expected a bias of {} numbers, got {}",
        groups * filters, n.has_input(2) ? n.constant(2).size() : 0);
  const bool same = is_same(transposed, x.shape());
  Integers output_padding(axes, 0);
  Amounts cut(axes, {0, 0});
  for (std::size_t i = 0; i < axes; ++i) {
    const std::int64_t more = transposed.added[i] - transposed.window.amounts[i][1];
    output_padding[i] = std::max<std::int64_t>(more, 0);
    cut[i] = {transposed.window.amounts[i][0], std::max<std::int64_t>(-more, 0)};
    check(same || output_padding[i] < transposed.window.strides[i],
          "output_padding: expected less than the stride {}, got {}", transposed.window.strides[i], output_padding[i]);
  }
  const auto convolved = [&](const SymbolicTensor& input, std::int64_t group) {
    Values values{{"kernel", extents_first(weights.rows(group * part, (group + 1) * part), 1, 0)}};
    if (n.has_input(2)) {
      values.emplace("bias", n.constant(2).reshaped({groups * filters}).rows(group * filters, (group + 1) * filters));
    }
    typename ConvTransposeLayer<axes>::Options options{.filters = filters};
    options.kernel_size = size_of<axes>(size);
    options.strides = size_of<axes>(transposed.window.strides);
    options.dilation_rate = size_of<axes>(transposed.window.dilation);
    options.use_bias = n.has_input(2);
    if (same) {
      options.padding = AxesPadding<axes>::same;
    } else {
      options.output_padding = size_of<axes>(output_padding);
    }
    return n.layer<ConvTransposeLayer<axes>>(std::move(options), {input}, values);
  };
  std::vector<SymbolicTensor> parts;
  for (std::int64_t group = 0; group < groups; ++group) {
    parts.push_back(convolved(groups == 1 ? x : n.slice(x, axes + 1, group * part, (group + 1) * part), group));
  }
  const SymbolicTensor y = groups == 1 ? parts[0] : n.layer<ConcatenateLayer>({.axis = -1}, parts);
  n.set(same ? y : cropped<axes>(n, y, cut), true);
}

void conv_transpose_row(ImportNode& n) {
  const Tensor weights = kernel_of(n);
  with_axes(weights.rank() - 2, [&](auto axes) { conv_transpose<axes.value>(n, weights); });
}

/// Elements behind an axis so that the last window is complete, for outputs that are rounded up.
std::int64_t rounded_up(Extent extent, const FileWindow& window, std::size_t axis) {
  const auto [before, behind] = window.amounts[axis];
  const std::int64_t reach = window.reach(axis), stride = window.strides[axis];
  // No window begins behind the elements.
  if (!extent.known() && behind + stride <= reach) return behind + stride - 1;
  check(extent.known(), "ceil_mode: expected known extents for strides above the window, got an unknown one");
  const std::int64_t padded = extent.value() + before + behind;
  check(padded >= reach, "expected a window of at most {} elements, got {}", padded, reach);
  std::int64_t outputs = (padded - reach + stride - 1) / stride + 1;
  if ((outputs - 1) * stride >= extent.value() + before) --outputs;  // the window would begin behind the elements
  return std::max<std::int64_t>((outputs - 1) * stride + reach - extent.value() - before, 0);
}

/// Adds elements around the first axes of samples.
template <int axes>
SymbolicTensor padded(ImportNode& n, const SymbolicTensor& x, const Amounts& amounts, double value) {
  if (value == 0) {
    if constexpr (axes == 1) return n.layer<ZeroPadding1DLayer>({.padding = {amounts[0][0], amounts[0][1]}}, {x});
    if constexpr (axes == 2) return n.layer<ZeroPadding2DLayer>({.padding = padding_of<2>(amounts)}, {x});
  }
  Integers numbers(std::size_t{2} * (axes + 1), 0);
  for (std::size_t i = 0; i < axes; ++i) {
    numbers[i] = amounts[i][0];
    numbers[axes + 1 + i] = amounts[i][1];
  }
  return n.operation({.function = std::string("Pad"), .numbers = numbers, .value = value}, {x});
}

/// The maximum of dilated windows: that of slices, axis by axis.
template <int axes>
SymbolicTensor dilated_max_pool(ImportNode& n, SymbolicTensor x, const FileWindow& window) {
  check(!window.same, "dilations: expected known extents for SAME_UPPER, got an unknown one");
  x = padded<axes>(n, x, window.amounts, std::numeric_limits<float>::lowest());
  for (std::size_t i = 0; i < axes; ++i) {
    check(window.size[i] <= 256, "dilations: expected windows of at most 256 elements, got {}", window.size[i]);
    std::vector<SymbolicTensor> slices;
    for (std::int64_t tap = 0; tap < window.size[i]; ++tap) {
      const std::int64_t left = (window.size[i] - 1 - tap) * window.dilation[i];
      slices.push_back(n.slice(x, static_cast<std::int64_t>(i) + 1, tap * window.dilation[i],
                               ImportNode::from_end(left), window.strides[i]));
    }
    x = slices.size() == 1 ? slices[0] : n.layer<MaximumLayer>({}, slices);
  }
  return x;
}

template <int axes>
void pool(ImportNode& n, const Integers& size) {
  const bool max = n.node.op_type() == "MaxPool";
  SymbolicTensor x = n.images(0, axes + 1);
  FileWindow window = window_of(n, size, x.shape());
  const bool dilated = std::ranges::any_of(window.dilation, [](std::int64_t rate) { return rate != 1; });
  check(max || !dilated, "dilations: expected 1 for means, got {}", fmt::join(window.dilation, " "));
  const bool padding_counts = n.integer("count_include_pad", 0) != 0;
  if (n.integer("ceil_mode", 0) != 0 && n.text("auto_pad", "NOTSET") == "NOTSET") {
    for (std::size_t i = 0; i < axes; ++i) {
      const std::int64_t behind = rounded_up(x.shape()[static_cast<int>(i)], window, i);
      check(!padding_counts || (x.shape()[static_cast<int>(i)].known() && behind <= window.amounts[i][1]),
            "ceil_mode: expected windows that end in the padded image with count_include_pad, got one that needs {} "
            "more elements on axis {}",
            behind, i);
      if (!padding_counts) window.amounts[i][1] = behind;
    }
  }
  if (max && dilated) return n.set(dilated_max_pool<axes>(n, x, window), true);
  if (padding_counts) {
    check(!window.same, "count_include_pad: expected known extents for SAME_UPPER, got an unknown one");
    x = padded<axes>(n, x, window.amounts, 0);
    window.amounts = Amounts(axes, {0, 0});
  }
  const PoolingOptions<axes> options{.pool_size = size_of<axes>(window.size),
                                     .strides = size_of<axes>(window.strides),
                                     .padding = window.padding<axes>()};
  n.set(max ? n.layer<MaxPoolingLayer<axes>>(options, {x}) : n.layer<AveragePoolingLayer<axes>>(options, {x}), true);
}

void pool_row(ImportNode& n) {
  check(!n.is_read(1), "expected no indices, got an output for them that is read");
  n.ignore("storage_order");  // of the indices
  check(n.has("kernel_shape"), "expected the attribute kernel_shape, got none");
  const std::size_t axes = n.integers("kernel_shape")->size();
  const Integers size = numbers_of(n, "kernel_shape", axes, 1, 1);
  with_axes(static_cast<int>(axes), [&](auto count) { pool<count.value>(n, size); });
}

template <template <int> class Definition>
void global_pool(ImportNode& n) {
  const SymbolicTensor x = n.images(0);
  with_axes(x.shape().rank() - 1,
            [&](auto axes) { n.set(n.layer<Definition<axes.value>>({.keepdims = true}, {x}), true); });
}

}  // namespace

void add_window_rows(ImportRows& rows) {
  rows["Conv"] = conv_row;
  rows["ConvTranspose"] = conv_transpose_row;
  rows["MaxPool"] = pool_row;
  rows["AveragePool"] = pool_row;
  rows["GlobalAveragePool"] = global_pool<GlobalAveragePoolingLayer>;
  rows["GlobalMaxPool"] = global_pool<GlobalMaxPoolingLayer>;
}

}  // namespace xtape::onnx
