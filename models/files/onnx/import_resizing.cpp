#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>

#include "framework/io/utf8.hpp"
#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;
constexpr std::int64_t most_elements = std::int64_t{1} << 24;

/// How Resize computes the elements of an axis.
struct Method {
  std::string mode, coordinates, rounding;
  double cubic;          ///< the coefficient a of cubic interpolation
  bool exclude_outside;  ///< whether only elements that exist are used, instead of copies of the last one
  bool antialias;
  double outside;  ///< the value of elements outside of the region
};

/// The new extent of an axis.
struct Resized {
  Extent from, to;
  double scale;               ///< new elements for each old one
  double start = 0, end = 1;  ///< the region of tf_crop_and_resize

  bool changes() const { return scale != 1 || from != to || start != 0 || end != 1; }
};

/// The position in the old axis of element i of the new one.
double position(const Method& method, const Resized& axis, std::int64_t i) {
  const std::string& mode = method.coordinates;
  const double in = static_cast<double>(axis.from.value()), x = static_cast<double>(i), width = axis.scale * in;
  if (mode == "asymmetric") return x / axis.scale;
  if (mode == "align_corners") return width == 1 ? 0 : x * (in - 1) / (width - 1);
  if (mode == "tf_half_pixel_for_nn") return (x + 0.5) / axis.scale;
  if (mode == "tf_crop_and_resize") {
    const double region = (axis.end - axis.start) * (in - 1);
    return axis.start * (in - 1) + (width == 1 ? region / 2 : x * region / (width - 1));
  }
  if (mode == "pytorch_half_pixel" && axis.to == Extent(1)) return method.mode == "nearest" ? 0 : -0.5;
  const double half = (x + 0.5) / axis.scale - 0.5;
  if (mode == "half_pixel_symmetric") return in / 2 * (1 - static_cast<double>(axis.to.value()) / width) + half;
  check(mode == "half_pixel" || mode == "pytorch_half_pixel",
        "coordinate_transformation_mode: expected one of ONNX's, got {:.60}", visible(mode));
  return half;
}

std::int64_t nearest(const std::string& rounding, double x) {
  if (rounding == "floor") return static_cast<std::int64_t>(std::floor(x));
  if (rounding == "ceil") return static_cast<std::int64_t>(std::ceil(x));
  if (rounding == "round_prefer_ceil") return static_cast<std::int64_t>(std::floor(x + 0.5));
  check(rounding == "round_prefer_floor", "nearest_mode: expected one of ONNX's, got {:.60}", visible(rounding));
  return static_cast<std::int64_t>(std::ceil(x - 0.5));
}

/// The weight of an element at the distance x.
double weight(const Method& method, double x) {
  x = std::abs(x);
  if (method.mode != "cubic") return std::max(1 - x, 0.0);
  const double a = method.cubic;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// The matrix (new, old) that computes an axis.
Tensor matrix_of(const Method& method, const Resized& axis) {
  const std::int64_t in = axis.from.value(), out = axis.to.value();
  std::vector<float> matrix(static_cast<std::size_t>(in * out));
  for (std::int64_t i = 0; i < out; ++i) {
    const double x = position(method, axis, i);
    const auto at = [&](std::int64_t j) -> float& {
      return matrix[static_cast<std::size_t>(i * in + std::clamp<std::int64_t>(j, 0, in - 1))];
    };
    if (method.coordinates == "tf_crop_and_resize" && (x < 0 || x > static_cast<double>(in - 1))) {
      check(method.outside == 0, "extrapolation_value: expected 0 for regions beyond the input, got {}",
            method.outside);
      continue;
    }
    if (method.mode == "nearest") {
      at(nearest(method.rounding, x)) = 1;
      continue;
    }
    const double scale = method.antialias ? std::min(axis.scale, 1.0) : 1;
    const double support = (method.mode == "cubic" ? 2 : 1) / scale;
    const auto first = static_cast<std::int64_t>(std::ceil(x - support));
    const auto last = static_cast<std::int64_t>(std::floor(x + support));
    double total = 0;
    const auto is_used = [&](std::int64_t j) { return !method.exclude_outside || (j >= 0 && j < in); };
    const auto weight_of = [&](std::int64_t j) { return weight(method, (static_cast<double>(j) - x) * scale); };
    for (std::int64_t j = first; j <= last; ++j) total += is_used(j) ? weight_of(j) : 0;
    for (std::int64_t j = first; j <= last && total != 0; ++j) {
      if (is_used(j)) at(j) += static_cast<float>(weight_of(j) / total);
    }
  }
  return Tensor::of({out, in}, matrix);
}

/// Multiplies one axis of samples, counted from 1, by the matrix.
SymbolicTensor resized_axis(ImportNode& n, const SymbolicTensor& x, int axis, const Method& method,
                            const Resized& resized) {
  check(x.shape().known() && resized.to.known(), "expected known extents for {} with {}, got samples {}", method.mode,
        method.coordinates, x.shape());
  const Shape shape(x.shape());
  check(shape.size() > 0 && resized.to.value() >= 1 && resized.to.value() <= most_elements / resized.from.value(),
        "expected extents whose product is at most 2^24, got {} and {}", resized.from, resized.to);
  Integers before, behind, target(shape.begin(), shape.end());
  for (int i = 0; i < shape.rank(); ++i) {
    if (i + 1 != axis) (i + 1 < axis ? before : behind).push_back(shape[i]);
  }
  const auto product = [](const Integers& extents) {
    return std::accumulate(extents.begin(), extents.end(), std::int64_t{1}, std::multiplies<>());
  };
  Integers merged{resized.from.value(), product(behind)};
  if (!before.empty()) merged.insert(merged.begin(), product(before));
  SymbolicTensor y = x;
  if (target != merged) y = n.layer<ReshapeLayer>({.target_shape = merged}, {y});
  y = n.operation({.function = std::string("MatMul"),
                   .value_first = true,
                   .constant_shape = {{resized.to.value(), resized.from.value()}},
                   .trainable = false},
                  {y}, {{"constant", matrix_of(method, resized)}});
  target[static_cast<std::size_t>(axis) - 1] = resized.to.value();
  merged[merged.size() - 2] = resized.to.value();
  return target == merged ? y : n.layer<ReshapeLayer>({.target_shape = target}, {y});
}

/// Whether a resizing has the scale of its extents.
bool is_exact(const Resized& axis) {
  return !axis.from.known() ||
         std::abs(static_cast<double>(axis.from.value()) * axis.scale - static_cast<double>(axis.to.value())) < 1e-3;
}

bool is_multiple(const Resized& axis) { return axis.scale >= 1 && axis.scale == std::floor(axis.scale); }

/// Whether a resizing repeats the elements of these axes. The nearest element of a whole multiple is the same for these
/// conventions.
bool repeats(const Method& method, std::span<const Resized> axes) {
  const bool half = method.coordinates == "half_pixel" || method.coordinates == "pytorch_half_pixel";
  return method.mode == "nearest" && std::ranges::all_of(axes, is_multiple) && std::ranges::all_of(axes, is_exact) &&
         ((method.coordinates == "asymmetric" && method.rounding == "floor") ||
          (half && method.rounding.starts_with("round_prefer_")));
}

/// The layer of xtape that resizes height and width of images by the method; nothing if there is none.
std::optional<SymbolicTensor> resized_images(ImportNode& n, const SymbolicTensor& x, const Method& method,
                                             const Resized& height, const Resized& width) {
  const std::string &mode = method.mode, &coordinates = method.coordinates, &rounding = method.rounding;
  const bool half = coordinates == "half_pixel";
  const bool align = coordinates == "align_corners";
  const bool more_than_one = height.to != Extent(1) && width.to != Extent(1);
  const bool linear = mode == "linear" && !method.antialias && !method.exclude_outside &&
                      (align || half || (coordinates == "pytorch_half_pixel" && more_than_one));
  const bool nearest_up = mode == "nearest" && half && rounding == "round_prefer_ceil";
  const bool repeated = repeats(method, std::array{height, width});
  if (!(repeated || linear || nearest_up) || !is_exact(height) || !is_exact(width)) return std::nullopt;
  const Interpolation interpolation = mode == "nearest" ? Interpolation::nearest : Interpolation::bilinear;
  if (height.to.known() && width.to.known()) {
    return n.layer<ResizingLayer>({.height = height.to.value(),
                                   .width = width.to.value(),
                                   .interpolation = interpolation,
                                   .align_corners = align},
                                  {x});
  }
  if (!is_multiple(height) || !is_multiple(width)) return std::nullopt;
  const Extent2D size(static_cast<std::int64_t>(height.scale), static_cast<std::int64_t>(width.scale));
  return n.layer<UpSampling2DLayer>({.size = size, .interpolation = interpolation, .align_corners = align}, {x});
}

Method method_of(ImportNode& n, bool old) {
  Method method{.mode = n.text("mode", "nearest"),
                .coordinates = n.text("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel"),
                .rounding = n.text("nearest_mode", old ? "floor" : "round_prefer_floor"),
                .cubic = n.number("cubic_coeff_a", -0.75),
                .exclude_outside = n.integer("exclude_outside", 0) != 0,
                .antialias = n.integer("antialias", 0) != 0,
                .outside = n.number("extrapolation_value", 0)};
  if (method.mode == "bilinear") method.mode = "linear";
  check(method.mode == "nearest" || method.mode == "linear" || method.mode == "cubic",
        "mode: expected nearest, linear or cubic, got {:.60}", visible(method.mode));
  return method;
}

/// The extents of the axes that the node names, from its scales or its sizes.
std::vector<Resized> extents_of(ImportNode& n, const Integers& file_axes, const std::vector<Extent>& old,
                                bool upsample) {
  const bool early = n.graph.opset() < 11;
  const int at = early || upsample ? 1 : 2;
  std::vector<double> scales = n.reals("scales").value_or(std::vector<double>{});
  if (n.has_input(at)) scales = n.constant(at).to_vector<double>();
  const std::string policy = n.text("keep_aspect_ratio_policy", "stretch");
  std::vector<Resized> axes;
  if (!scales.empty()) {
    check(scales.size() == old.size(), "scales: expected {} numbers, got {}", old.size(), scales.size());
    for (std::size_t i = 0; i < old.size(); ++i) {
      check(scales[i] > 0 && scales[i] < 65536, "scales: expected numbers of 0 to 65536, got {}", scales[i]);
      Extent to = scales[i] == 1 ? old[i] : any;
      if (old[i].known()) {
        to = Extent(static_cast<std::int64_t>(static_cast<float>(old[i].value()) * static_cast<float>(scales[i])));
      }
      axes.push_back({old[i], to, scales[i]});
    }
    return axes;
  }
  const auto sizes = early || upsample || !n.has_input(3) ? std::nullopt : n.numbers(3);
  check(sizes && sizes->size() == old.size(), "expected a scale or a size for each axis, {} in all, got {}", old.size(),
        sizes ? sizes->size() : 0);
  const auto ratio = [&](std::size_t i) {
    return static_cast<double>((*sizes)[i].value) / static_cast<double>(std::max<std::int64_t>(old[i].value(), 1));
  };
  std::optional<double> common;
  for (std::size_t i = 0; policy != "stretch" && i < old.size(); ++i) {
    check(policy == "not_larger" || policy == "not_smaller",
          "keep_aspect_ratio_policy: expected stretch, not_larger or not_smaller, got {:.60}", visible(policy));
    check(old[i].known() && (*sizes)[i].known(),
          "keep_aspect_ratio_policy: expected known extents, got an unknown one on axis {}", i);
    const double scale = ratio(i);
    common = !common ? scale : policy == "not_larger" ? std::min(*common, scale) : std::max(*common, scale);
  }
  for (std::size_t i = 0; i < old.size(); ++i) {
    const Number& size = (*sizes)[i];
    if (!size.known()) {  // the batch, or an unknown extent that does not change
      const bool same = size.of == n.node.input(0) && size.value == file_axes[i] - n.graph.lead();
      check(same || size.kind == Number::Kind::batch,
            "expected sizes that do not depend on the inputs, got one that depends on {}",
            size.of.empty() ? "several" : size.of);
      axes.push_back({old[i], old[i], 1});
    } else if (!old[i].known()) {
      axes.push_back({old[i], Extent(size.value), -1});
    } else if (common) {
      const auto to = static_cast<std::int64_t>(std::floor(*common * static_cast<double>(old[i].value()) + 0.5));
      axes.push_back({old[i], Extent(to), *common});
    } else {
      axes.push_back({old[i], Extent(size.value), ratio(i)});
    }
  }
  return axes;
}

void resize(ImportNode& n) {
  const bool upsample = n.node.op_type() == "Upsample";
  const Method method = method_of(n, upsample || n.graph.opset() < 11);
  check(n.is_tensor(0), "expected a value that depends on the inputs of the model, got a constant");
  const int rank = n.rank(0), lead = n.graph.lead();
  std::vector<Extent> extents = n.extents(0);
  if (lead == 1) extents.insert(extents.begin(), n.graph.batch() ? Extent(*n.graph.batch()) : any);
  Integers axes(static_cast<std::size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  axes = n.integers("axes").value_or(axes);
  std::vector<Extent> old;
  for (std::int64_t& axis : axes) {
    axis = axis < 0 ? axis + rank : axis;
    check(axis >= 0 && axis < rank, "axes: expected axes below {}, got ({})", rank, fmt::join(axes, ", "));
    old.push_back(extents[static_cast<std::size_t>(axis)]);
  }
  const std::vector<Resized> given = extents_of(n, axes, old, upsample);
  std::vector<Resized> resized;  // of all axes
  for (const Extent extent : extents) resized.push_back({extent, extent, 1});
  const bool crops = method.coordinates == "tf_crop_and_resize";
  const std::vector<double> regions = crops ? n.constant(1).to_vector<double>() : std::vector<double>();
  check(!crops || regions.size() == 2 * axes.size(), "roi: expected {} numbers, got {}", 2 * axes.size(),
        regions.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Resized& axis = resized[static_cast<std::size_t>(axes[i])] = given[i];
    if (crops) axis.start = regions[i], axis.end = regions[axes.size() + i];
  }
  check(lead == 0 || (resized[0].scale == 1 && resized[0].from == resized[0].to) ||
            (!resized[0].from.known() && resized[0].to == Extent(1)),
        "expected a batch that does not change, got other sizes");
  const bool image = lead == 1 && rank >= 3;
  SymbolicTensor x = image ? n.images(0) : n.plain(0);
  if (image && !resized[1].changes() && !crops) {
    const auto spatial = std::span(resized).subspan(2);
    const auto factor = [&](std::size_t i) { return static_cast<std::int64_t>(spatial[i].scale); };
    if (rank == 4) {
      if (const auto y = resized_images(n, x, method, spatial[0], spatial[1])) return n.set(*y, true);
    } else if (rank == 3 && repeats(method, spatial)) {
      return n.set(n.layer<UpSamplingLayer<1>>({.size = factor(0)}, {x}), true);
    } else if (rank == 5 && repeats(method, spatial)) {
      return n.set(n.layer<UpSamplingLayer<3>>({.size = {factor(0), factor(1), factor(2)}}, {x}), true);
    }
  }
  for (int i = lead; i < rank; ++i) {
    const Resized& axis = resized[static_cast<std::size_t>(i)];
    if (axis.changes()) x = resized_axis(n, x, static_cast<int>(n.axis_of(i, rank, image)), method, axis);
  }
  n.set(x, image);
}

void depth_to_space(ImportNode& n) {
  const std::int64_t b = n.integer("blocksize", 0);
  const std::string mode = n.text("mode", "DCR");
  check(b >= 1 && b <= 1024 && (mode == "DCR" || mode == "CRD"),
        "expected a blocksize of 1 to 1024 and the mode DCR or CRD, got {} and {:.60}", b, visible(mode));
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

/// Moves blocks of b x b pixels into channels.
void space_to_depth(ImportNode& n) {
  const std::int64_t b = n.integer("blocksize", 0);
  const SymbolicTensor x = n.images(0, 3);
  check(b >= 1 && b <= 1024 && x.shape().known(), "expected a blocksize of 1 to 1024 and known extents, got {} for {}",
        b, x.shape());
  const Shape shape(x.shape());
  check(shape.size() > 0 && shape[0] % b == 0 && shape[1] % b == 0, "expected extents that {} divides, got {}", b,
        shape);
  const std::int64_t rows = shape[0] / b, columns = shape[1] / b;
  const SymbolicTensor blocks =
      n.layer<PermuteLayer>({.dims = Integers{1, 3, 2, 4, 5}},
                            {n.layer<ReshapeLayer>({.target_shape = Integers{rows, b, columns, b, shape[2]}}, {x})});
  n.set(n.layer<ReshapeLayer>({.target_shape = Integers{rows, columns, b * b * shape[2]}}, {blocks}), true);
}

}  // namespace

void add_resizing_rows(ImportRows& rows) {
  rows["Resize"] = resize;
  rows["Upsample"] = resize;
  rows["DepthToSpace"] = depth_to_space;
  rows["SpaceToDepth"] = space_to_depth;
}

}  // namespace xtape::onnx
