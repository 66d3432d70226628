#include <algorithm>

#include "layers/layers.hpp"
#include "models/files/onnx/export_graph.hpp"

namespace xtape::onnx {
namespace {

ExportValue rescaled(const ExportCall& call) {
  const auto& o = call.options<RescalingLayer>();
  std::string y = call.graph.op("Mul", {call.x().name, call.graph.number(o.scale)});
  if (o.offset != 0) y = call.graph.op("Add", {y, call.graph.number(o.offset)});
  return call.as_input(y);
}

/// The convention of pixels and corners of resize2d.
Attributes resize_attributes(Interpolation interpolation, bool align_corners) {
  const bool nearest = interpolation == Interpolation::nearest;
  Attributes attributes{
      {"mode", std::string(nearest ? "nearest" : "linear")},
      {"coordinate_transformation_mode", std::string(align_corners ? "align_corners" : "half_pixel")}};
  if (nearest) attributes.push_back({"nearest_mode", std::string("round_prefer_ceil")});
  return attributes;
}

/// Images (n, channels, height, width) in another size.
std::string to_size(ExportGraph& g, const std::string& x, std::int64_t height, std::int64_t width,
                    const Attributes& attributes) {
  const std::string kept = g.op("Shape", {x}, {{"start", std::int64_t{0}}, {"end", std::int64_t{2}}});
  const std::string sizes = g.op("Concat", {kept, g.integers({height, width})}, {{"axis", std::int64_t{0}}});
  return g.op("Resize", {x, "", "", sizes}, attributes);
}

ExportValue resized(const ExportCall& call) {
  const auto& o = call.options<ResizingLayer>();
  return call.made_images(
      to_size(call.graph, call.images(), o.height, o.width, resize_attributes(o.interpolation, o.align_corners)));
}

/// Images, sequences or volumes enlarged by whole factors.
ExportValue upsampled(const ExportCall& call, const std::vector<std::int64_t>& factors, const Attributes& attributes) {
  std::vector<double> scales{1, 1};
  scales.insert(scales.end(), factors.begin(), factors.end());
  const std::string name =
      call.graph.constant(fmt::format("scales_{}", fmt::join(factors, "_")), Tensor::of({std::ssize(scales)}, scales));
  return call.made_images(call.graph.op("Resize", {call.images(), "", name}, attributes));
}

ExportValue upsampled2d(const ExportCall& call) {
  const auto& o = call.options<UpSampling2DLayer>();
  return upsampled(call, {o.size.height, o.size.width}, resize_attributes(o.interpolation, o.align_corners));
}

template <int axes>
ExportValue repeated_elements(const ExportCall& call) {
  return upsampled(call, Axes<axes>::extents(call.options<UpSamplingLayer<axes>>().size),
                   resize_attributes(Interpolation::nearest, false));
}

/// The middle of images, as center_crop() computes it. `height` and `width` are those of the result.
ExportValue cropped(const ExportCall& call, std::int64_t height, std::int64_t width) {
  const PartialShape& x = call.x().shape;
  check(x[0].known() && x[1].known(), "expected a known height and width, got images {}", x);
  const std::int64_t old_height = x[0].value(), old_width = x[1].value();
  const bool fits = old_height >= height && old_width >= width;
  const std::int64_t rows = fits ? height : std::clamp<std::int64_t>(old_width * height / width, 1, old_height);
  const std::int64_t columns = fits ? width : std::clamp<std::int64_t>(old_height * width / height, 1, old_width);
  const std::int64_t top = (old_height - rows) / 2, left = (old_width - columns) / 2;
  ExportGraph& g = call.graph;
  const std::string middle = g.op(
      "Slice", {call.images(), g.integers({top, left}), g.integers({top + rows, left + columns}), g.integers({2, 3})});
  if (fits) return call.made_images(middle);
  return call.made_images(to_size(g, middle, height, width, resize_attributes(Interpolation::bilinear, false)));
}

template <class Definition>
ExportValue crop_layer(const ExportCall& call) {
  const auto& o = call.options<Definition>();
  return cropped(call, o.height, o.width);
}

ExportValue depth_to_space_layer(const ExportCall& call) {
  return call.made_images(
      call.graph.op("DepthToSpace", {call.images()},
                    {{"blocksize", call.options<DepthToSpaceLayer>().block_size.value}, {"mode", std::string("DCR")}}));
}

}  // namespace

void add_image_rows(ExportRows& rows) {
  rows["Rescaling"] = rescaled;
  rows["Resizing"] = resized;
  rows["UpSampling1D"] = repeated_elements<1>;
  rows["UpSampling2D"] = upsampled2d;
  rows["UpSampling3D"] = repeated_elements<3>;
  rows["CenterCrop"] = crop_layer<CenterCropLayer>;
  rows["RandomCrop"] = crop_layer<RandomCropLayer>;
  rows["DepthToSpace"] = depth_to_space_layer;
}

}  // namespace xtape::onnx
