#include "framework/io/resize.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "framework/io/image.hpp"
#include "framework/kernels/memory/memory_pool.hpp"

namespace xtape {
namespace {

constexpr double lobes = 3;

double lanczos(double t) {
  if (t == 0) return 1;
  if (std::abs(t) >= lobes) return 0;
  const double u = std::numbers::pi * t;
  return lobes * std::sin(u) * std::sin(u / lobes) / (u * u);
}

/// The old pixels that contribute to a new pixel along one axis, and their weights.
struct Taps {
  std::int64_t first;
  std::vector<float> weights;
};

std::vector<Taps> taps_for(std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to), spread = std::max(scale, 1.0);
  std::vector<Taps> all;
  for (std::int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto begin = std::max<std::int64_t>(std::llround(std::floor(center - lobes * spread)), 0);
    const auto end = std::min<std::int64_t>(std::llround(std::ceil(center + lobes * spread)), from);
    std::vector<double> weights;
    double sum = 0;
    for (std::int64_t j = begin; j < end; ++j) {
      weights.push_back(lanczos((static_cast<double>(j) + 0.5 - center) / spread));
      sum += weights.back();
    }
    Taps taps{begin, {}};
    for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
    all.push_back(std::move(taps));
  }
  return all;
}

/// Computes one new row of `width` values as the weighted mean of old rows.
void blend_rows(const std::uint8_t* image, std::int64_t width, const Taps& taps, float* row) {
  std::fill_n(row, width, 0.0F);
  const std::uint8_t* old = image + taps.first * width;
  for (const float weight : taps.weights) {
    for (std::int64_t i = 0; i < width; ++i) row[i] += weight * static_cast<float>(old[i]);
    old += width;
  }
}

/// Computes one new pixel as the weighted mean of pixels of a row. The result is clamped, because the negative lobes of
/// the filter can lead out of [0, 255].
void blend_pixels(const float* row, std::int64_t channels, const Taps& taps, std::uint8_t* pixel) {
  for (std::int64_t c = 0; c < channels; ++c) {
    float sum = 0.5F;
    const float* old = row + taps.first * channels + c;
    for (const float weight : taps.weights) {
      sum += weight * *old;
      old += channels;
    }
    pixel[c] = static_cast<std::uint8_t>(std::clamp(sum, 0.0F, 255.0F));
  }
}

}  // namespace

Tensor resize_image(const Tensor& image, std::int64_t new_height, std::int64_t new_width) {
  check(image.defined(), "resize_image: expected an image (height, width, channels) of uint8, got an undefined tensor");
  check(image.dtype() == DType::uint8 && image.rank() == 3 && image.size() > 0,
        "resize_image: expected an image (height, width, channels) of uint8, got {} {}", image.dtype(), image.shape());
  constexpr std::int64_t longest = 1 << 16;
  check(new_height > 0 && new_width > 0 && new_height <= longest && new_width <= longest &&
            new_height * new_width <= max_image_pixels,
        "resize_image: expected sides of 1 to {} and at most {} pixels, got {} x {}", longest, max_image_pixels,
        new_height, new_width);
  const std::int64_t height = image.dim(0), width = image.dim(1), channels = image.dim(2);
  if (height == new_height && width == new_width) return image;
  const std::vector<Taps> rows = taps_for(height, new_height), columns = taps_for(width, new_width);
  const auto* in = image.data<std::uint8_t>();
  Tensor result = Tensor::empty({new_height, new_width, channels}, DType::uint8);
  auto* out = result.mutable_data<std::uint8_t>();
  const kernels::Workspace<float> row(width * channels);
  for (const Taps& taps : rows) {
    blend_rows(in, width * channels, taps, row.data());
    for (const Taps& across : columns) {
      blend_pixels(row.data(), channels, across, out);
      out += channels;
    }
  }
  return result;
}

}  // namespace xtape
