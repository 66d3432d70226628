#include "layers/images/resizing.hpp"

#include <algorithm>
#include <cmath>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "layers/images/image_size.hpp"

namespace xtape {
namespace {

constexpr std::int64_t most_pixels = std::int64_t{1} << 20;  // of sizes and factors, so that products fit

void check_size(const Layer& layer, std::int64_t height, std::int64_t width) {
  check(height >= 1 && width >= 1 && height <= most_pixels && width <= most_pixels,
        "{}: expected a size of 1 to {} pixels, got {} x {}", layer.title(), most_pixels, height, width);
}

}  // namespace

Variable center_crop(const Variable& images, std::int64_t height, std::int64_t width) {
  const std::int64_t old_height = images.dim(1), old_width = images.dim(2);
  const auto middle = [&](std::int64_t rows, std::int64_t columns) {
    const std::int64_t top = (old_height - rows) / 2, left = (old_width - columns) / 2;
    return images[{all(), {top, top + rows}, {left, left + columns}, all()}];
  };
  if (old_height >= height && old_width >= width) return middle(height, width);
  const std::int64_t rows = std::clamp<std::int64_t>(old_width * height / width, 1, old_height);
  const std::int64_t columns = std::clamp<std::int64_t>(old_height * width / height, 1, old_width);
  return resize2d(middle(rows, columns), height, width);
}

RescalingLayer::RescalingLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check(std::isfinite(options_.scale) && std::isfinite(options_.offset), "{}: expected finite numbers, got {} and {}",
        title(), options_.scale.value, options_.offset);
}

std::vector<Variable> RescalingLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable scaled = inputs.front() * static_cast<double>(options_.scale);
  return {options_.offset == 0 ? scaled : scaled + options_.offset};
}

ResizingLayer::ResizingLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_size(*this, options_.height, options_.width);
}

std::vector<TensorSpec> ResizingLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 3);
  return {{{options_.height.value, options_.width.value, x[2]}}};
}

std::vector<Variable> ResizingLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {resize2d(inputs.front(), options_.height, options_.width,
                   {.interpolation = options_.interpolation, .align_corners = options_.align_corners})};
}

CenterCropLayer::CenterCropLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_size(*this, options_.height, options_.width);
}

std::vector<TensorSpec> CenterCropLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 3);
  return {{{options_.height.value, options_.width.value, x[2]}}};
}

std::vector<Variable> CenterCropLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {center_crop(inputs.front(), options_.height, options_.width)};
}

template <int axes>
UpSamplingLayer<axes>::UpSamplingLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  const std::vector<std::int64_t> size = Axes<axes>::extents(options_.size);
  check(std::ranges::all_of(size, [](std::int64_t n) { return n >= 1 && n <= most_pixels; }),
        "{}: expected a size of 1 to {}, got {}", title(), most_pixels, fmt::join(size, " x "));
}

template <int axes>
std::vector<TensorSpec> UpSamplingLayer<axes>::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, axes + 1);
  std::vector<Extent> extents(x.begin(), x.end());
  for (std::size_t i = 0; const std::int64_t n : Axes<axes>::extents(options_.size)) {
    extents[i] = extents[i] * n;
    ++i;
  }
  return {{PartialShape(std::move(extents))}};
}

template <int axes>
std::vector<Variable> UpSamplingLayer<axes>::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  Variable x = inputs.front();
  for (int axis = 0; const std::int64_t n : Axes<axes>::extents(options_.size)) {
    ++axis;
    if (n > 1) x = repeat(x, n, axis);
  }
  return {x};
}

UpSampling2DLayer::UpSampling2DLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  const auto [height, width] = options_.size;
  check(height >= 1 && width >= 1 && height <= most_pixels && width <= most_pixels,
        "{}: expected factors of 1 to {}, got {} x {}", title(), most_pixels, height, width);
}

std::vector<TensorSpec> UpSampling2DLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 3);
  return {{{x[0] * options_.size.height, x[1] * options_.size.width, x[2]}}};
}

std::vector<Variable> UpSampling2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable& x = inputs.front();
  return {resize2d(x, x.dim(1) * options_.size.height, x.dim(2) * options_.size.width,
                   {.interpolation = options_.interpolation, .align_corners = options_.align_corners})};
}

DepthToSpaceLayer::DepthToSpaceLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check(options_.block_size >= 1 && options_.block_size <= most_pixels, "{}: expected a block_size of 1 to {}, got {}",
        title(), most_pixels, options_.block_size.value);
}

std::vector<TensorSpec> DepthToSpaceLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 3);
  const std::int64_t b = options_.block_size;
  if (!x[2].known() || x[2].value() % (b * b) != 0) {
    reject(fmt::format("channels that {} divides", b * b), inputs);
  }
  return {{{x[0] * b, x[1] * b, x[2].value() / (b * b)}}};
}

std::vector<Variable> DepthToSpaceLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {depth_to_space(inputs.front(), options_.block_size)};
}

template class LayerHandle<RescalingLayer>;
template class LayerHandle<ResizingLayer>;
template class LayerHandle<CenterCropLayer>;
template class UpSamplingLayer<1>;
template class UpSamplingLayer<3>;
template class LayerHandle<UpSampling1DLayer>;
template class LayerHandle<UpSampling3DLayer>;
template class LayerHandle<UpSampling2DLayer>;
template class LayerHandle<DepthToSpaceLayer>;

}  // namespace xtape
