#include "layers/images/random_images.hpp"

#include <cmath>
#include <numbers>
#include <vector>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/reductions.hpp"
#include "layers/images/image_size.hpp"

namespace xtape {
namespace {

void check_range(const Layer& layer, const char* option, const FactorRange& range, double low, double high) {
  check(std::isfinite(range.low) && std::isfinite(range.high) && range.low <= range.high && range.low >= low &&
            range.high <= high,
        "{}: expected a {} from a smaller to a larger number in [{}, {}], got {} and {}", layer.title(), option, low,
        high, range.low, range.high);
}

void check_values(const Layer& layer, double low, double high) {
  check(std::isfinite(low) && std::isfinite(high) && low < high,
        "{}: expected finite value_low < value_high, got {} and {}", layer.title(), low, high);
}

/// `count` numbers for each of n images, uniform in [0, 1).
class Draws {
 public:
  Draws(ForwardPass& pass, std::int64_t n, std::int64_t count)
      : values_(pass.random_stream().uniform({n, count}, 0, 1, DType::float64)) {}
  double operator()(std::int64_t image, std::int64_t which) const { return values_.at({image, which}); }
  double within(const FactorRange& range, std::int64_t image, std::int64_t which) const {
    return range.low + (range.high - range.low) * (*this)(image, which);
  }

 private:
  Tensor values_;
};

/// Where a pixel of the new image comes from: relative to the middle, row = a i + b j + down, column = d i + e j +
/// right.
struct Motion {
  double a = 1, b = 0, d = 0, e = 1, down = 0, right = 0;
};

/// The images, image i with pixels from where motion(i) says.
template <class F>
Variable moved(const Variable& x, const AffineOptions& options, F motion) {
  const double middle_y = static_cast<double>(x.dim(1) - 1) / 2, middle_x = static_cast<double>(x.dim(2) - 1) / 2;
  std::vector<double> transforms;
  for (std::int64_t i = 0; i < x.dim(0); ++i) {
    const Motion m = motion(i);
    transforms.insert(transforms.end(), {m.a, m.b, middle_y - m.a * middle_y - m.b * middle_x + m.down, m.d, m.e,
                                         middle_x - m.d * middle_y - m.e * middle_x + m.right});
  }
  return affine_transform(x, Tensor::of({x.dim(0), 6}, transforms, DType::float64), options);
}

template <class Options>
AffineOptions affine(const Options& options) {
  return {.interpolation = options.interpolation, .fill_mode = options.fill_mode, .fill_value = options.fill_value};
}

/// One number for each image, in the shape that broadcasts to images.
Tensor per_image(const Variable& x, const std::vector<double>& values) {
  return Tensor::of({x.dim(0), 1, 1, 1}, values, x.dtype());
}

}  // namespace

std::vector<TensorSpec> RandomFlipLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  return {{only_input(inputs, 3)}};
}

std::vector<Variable> RandomFlipLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  if (!pass.training()) return {x};
  const Draws draws(pass, x.dim(0), 2);
  const bool sideways = options_.mode != FlipMode::vertical, upside_down = options_.mode != FlipMode::horizontal;
  return {moved(x, {.interpolation = Interpolation::nearest}, [&](std::int64_t i) {
    return Motion{.a = upside_down && draws(i, 0) < 0.5 ? -1.0 : 1.0, .e = sideways && draws(i, 1) < 0.5 ? -1.0 : 1.0};
  })};
}

RandomTranslationLayer::RandomTranslationLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_range(*this, "height_factor", options_.height_factor, -1, 1);
  check_range(*this, "width_factor", options_.width_factor, -1, 1);
}

std::vector<TensorSpec> RandomTranslationLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  return {{only_input(inputs, 3)}};
}

std::vector<Variable> RandomTranslationLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  if (!pass.training()) return {x};
  const Draws draws(pass, x.dim(0), 2);
  return {moved(x, affine(options_), [&](std::int64_t i) {
    return Motion{.down = -draws.within(options_.height_factor, i, 0) * static_cast<double>(x.dim(1)),
                  .right = -draws.within(options_.width_factor, i, 1) * static_cast<double>(x.dim(2))};
  })};
}

RandomRotationLayer::RandomRotationLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_range(*this, "factor", options_.factor, -1e6, 1e6);
}

std::vector<TensorSpec> RandomRotationLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  return {{only_input(inputs, 3)}};
}

std::vector<Variable> RandomRotationLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  if (!pass.training()) return {x};
  const Draws draws(pass, x.dim(0), 1);
  return {moved(x, affine(options_), [&](std::int64_t i) {
    const double angle = 2 * std::numbers::pi * draws.within(options_.factor, i, 0);
    const double c = std::cos(angle), s = std::sin(angle);
    return Motion{.a = c, .b = s, .d = -s, .e = c};
  })};
}

RandomZoomLayer::RandomZoomLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  constexpr double least = -1 + 1e-9;  // at -1 the new image shows one pixel
  check_range(*this, "height_factor", options_.height_factor, least, 1e6);
  if (options_.width_factor) check_range(*this, "width_factor", *options_.width_factor, least, 1e6);
}

std::vector<TensorSpec> RandomZoomLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  return {{only_input(inputs, 3)}};
}

std::vector<Variable> RandomZoomLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  if (!pass.training()) return {x};
  const Draws draws(pass, x.dim(0), 2);
  return {moved(x, affine(options_), [&](std::int64_t i) {
    const double height = 1 + draws.within(options_.height_factor, i, 0);
    return Motion{.a = height, .e = options_.width_factor ? 1 + draws.within(*options_.width_factor, i, 1) : height};
  })};
}

RandomCropLayer::RandomCropLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  constexpr std::int64_t most = std::int64_t{1} << 20;
  check(options_.height >= 1 && options_.width >= 1 && options_.height <= most && options_.width <= most,
        "{}: expected a size of 1 to {} pixels, got {} x {}", title(), most, options_.height.value,
        options_.width.value);
}

std::vector<TensorSpec> RandomCropLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  return {{{options_.height.value, options_.width.value, only_input(inputs, 3)[2]}}};
}

std::vector<Variable> RandomCropLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  const std::int64_t height = options_.height, width = options_.width;
  if (!pass.training() || x.dim(1) < height || x.dim(2) < width) return {center_crop(x, height, width)};
  const Draws draws(pass, x.dim(0), 2);
  std::vector<double> transforms;
  for (std::int64_t i = 0; i < x.dim(0); ++i) {
    const double top = std::floor(draws(i, 0) * static_cast<double>(x.dim(1) - height + 1));
    const double left = std::floor(draws(i, 1) * static_cast<double>(x.dim(2) - width + 1));
    transforms.insert(transforms.end(), {1, 0, top, 0, 1, left});
  }
  return {affine_transform(x, Tensor::of({x.dim(0), 6}, transforms, DType::float64),
                           {.height = height, .width = width, .interpolation = Interpolation::nearest})};
}

RandomContrastLayer::RandomContrastLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_range(*this, "factor", options_.factor, -1, 1e6);
  check_values(*this, options_.value_low, options_.value_high);
}

std::vector<TensorSpec> RandomContrastLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  return {{only_input(inputs, 3)}};
}

std::vector<Variable> RandomContrastLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  if (!pass.training()) return {x};
  const Draws draws(pass, x.dim(0), 1);
  std::vector<double> factors;
  for (std::int64_t i = 0; i < x.dim(0); ++i) factors.push_back(1 + draws.within(options_.factor, i, 0));
  const Variable middle = mean(x, {1, 2}, true);
  return {clip(middle + (x - middle) * per_image(x, factors), options_.value_low, options_.value_high)};
}

RandomBrightnessLayer::RandomBrightnessLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_range(*this, "factor", options_.factor, -1, 1);
  check_values(*this, options_.value_low, options_.value_high);
}

std::vector<TensorSpec> RandomBrightnessLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  return {{only_input(inputs, 3)}};
}

std::vector<Variable> RandomBrightnessLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  if (!pass.training()) return {x};
  const Draws draws(pass, x.dim(0), 1);
  const double range = options_.value_high - options_.value_low;
  std::vector<double> added;
  for (std::int64_t i = 0; i < x.dim(0); ++i) added.push_back(range * draws.within(options_.factor, i, 0));
  return {clip(x + per_image(x, added), options_.value_low, options_.value_high)};
}

template class LayerHandle<RandomFlipLayer>;
template class LayerHandle<RandomTranslationLayer>;
template class LayerHandle<RandomRotationLayer>;
template class LayerHandle<RandomZoomLayer>;
template class LayerHandle<RandomCropLayer>;
template class LayerHandle<RandomContrastLayer>;
template class LayerHandle<RandomBrightnessLayer>;

}  // namespace xtape
