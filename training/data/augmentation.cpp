#include "training/data/augmentation.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <type_traits>
#include <vector>

#include "framework/tensor/random.hpp"
#include "framework/tensor/streams.hpp"
#include "framework/tensor/tensor_text.hpp"

namespace xtape {
namespace {

template <class T>
T converted(double value) {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    return static_cast<T>(std::clamp(value + 0.5, 0.0, 255.0));
  } else {
    return static_cast<T>(value);
  }
}

/// An image whose pixels outside of its borders are defined by `fill`.
template <class T>
class Picture {
 public:
  Picture(const Tensor& image, Fill fill)
      : pixels_(image.data<T>()), height_(image.dim(0)), width_(image.dim(1)), channels_(image.dim(2)), fill_(fill) {}

  /// Writes all channels of the pixel nearest to a position.
  void nearest(double y, double x, T* out) const {
    const T* const pixel =
        at(static_cast<std::int64_t>(std::floor(y + 0.5)), static_cast<std::int64_t>(std::floor(x + 0.5)));
    for (std::int64_t c = 0; c < channels_; ++c) out[c] = pixel ? pixel[c] : T{0};
  }

  /// Writes all channels at a position, interpolated between pixels.
  void sample(double y, double x, T* out) const {
    const double top = std::floor(y), left = std::floor(x), below = y - top, beside = x - left;
    const auto row = static_cast<std::int64_t>(top), column = static_cast<std::int64_t>(left);
    const T* corners[] = {at(row, column), at(row, column + 1), at(row + 1, column), at(row + 1, column + 1)};
    const double weights[] = {(1 - below) * (1 - beside), (1 - below) * beside, below * (1 - beside), below * beside};
    for (std::int64_t c = 0; c < channels_; ++c) {
      double sum = 0;
      for (int i = 0; i < 4; ++i) sum += corners[i] ? weights[i] * static_cast<double>(corners[i][c]) : 0.0;
      out[c] = converted<T>(sum);
    }
  }

 private:
  /// A pixel; null for a pixel of zeros.
  const T* at(std::int64_t row, std::int64_t column) const {
    if (fill_ == Fill::edge) {
      row = std::clamp<std::int64_t>(row, 0, height_ - 1);
      column = std::clamp<std::int64_t>(column, 0, width_ - 1);
    } else if (row < 0 || row >= height_ || column < 0 || column >= width_) {
      return nullptr;
    }
    return pixels_ + (row * width_ + column) * channels_;
  }

  const T* pixels_;
  std::int64_t height_, width_, channels_;
  Fill fill_;
};

/// Moves the pixels. The source of each new pixel is computed by the inverse of shift, rotation, zoom and flip.
template <class T>
Tensor moved(const Tensor& image, const Distortion& d, Fill fill, bool nearest) {
  const Picture<T> picture(image, fill);
  const double middle_y = static_cast<double>(image.dim(0) - 1) / 2,
               middle_x = static_cast<double>(image.dim(1) - 1) / 2;
  const double angle = d.degrees * std::numbers::pi / 180;
  const double cosine = std::cos(angle) / d.zoom, sine = std::sin(angle) / d.zoom;
  Tensor result = Tensor::empty(image.shape(), image.dtype());
  T* out = result.mutable_data<T>();
  for (std::int64_t row = 0; row < image.dim(0); ++row) {
    for (std::int64_t column = 0; column < image.dim(1); ++column, out += image.dim(2)) {
      const double y = static_cast<double>(row - d.down) - middle_y;
      const double x = static_cast<double>(column - d.right) - middle_x;
      const double from_x = x * cosine - y * sine;
      const double source_y = middle_y + x * sine + y * cosine, source_x = middle_x + (d.flip ? -from_x : from_x);
      if (nearest) {
        picture.nearest(source_y, source_x, out);
      } else {
        picture.sample(source_y, source_x, out);
      }
    }
  }
  return result;
}

template <class T>
Tensor recoloured(Tensor image, const Distortion& d) {
  T* pixels = image.mutable_data<T>();
  const double full = std::is_same_v<T, std::uint8_t> ? 255 : 1;
  const double mean = std::accumulate(pixels, pixels + image.size(), 0.0) / static_cast<double>(image.size());
  std::transform(pixels, pixels + image.size(), pixels, [&](T value) {
    return converted<T>(mean + d.contrast * (static_cast<double>(value) - mean) + d.brightness * full);
  });
  return image;
}

}  // namespace

std::string to_string(const Augmentation& a) {
  return fmt::format("flip {}, rotation {}, zoom {}, shift {}, brightness {}, contrast {}, fill {}", a.horizontal_flip,
                     a.rotation, a.zoom, a.shift, a.brightness, a.contrast, a.fill == Fill::edge ? "edge" : "zeros");
}

void check_augmentation(std::string_view function, const Augmentation& a, const Shape& image) {
  const auto in_range = [&](const char* name, double value, double most) {
    check(value >= 0 && value <= most, "{}: expected augmentation.{} in [0, {}], got {}", function, name, most, value);
  };
  in_range("rotation", a.rotation, 180);
  in_range("zoom", a.zoom, 100);
  in_range("shift", a.shift, 1);
  in_range("brightness", a.brightness, 1);
  in_range("contrast", a.contrast, 1);
  check(!a.any() || image.rank() == 3,
        "{}: expected images (height, width, channels) to augment, got examples of shape {}", function, image);
}

Distortion draw_distortion(const Augmentation& a, const Shape& image, std::uint64_t seed, std::uint64_t epoch,
                           std::int64_t index) {
  RandomStream random(seed, streams::of_augmentation(epoch, static_cast<std::uint64_t>(index)));
  const std::vector<double> u = random.uniform({7}, -1, 1, DType::float64).to_vector();
  return {.flip = a.horizontal_flip && u[0] < 0,
          .zoom = 1 + a.zoom * (u[1] + 1) / 2,
          .degrees = a.rotation * u[2],
          .down = std::llround(a.shift * u[3] * static_cast<double>(image[0])),
          .right = std::llround(a.shift * u[4] * static_cast<double>(image[1])),
          .brightness = a.brightness * u[5],
          .contrast = 1 + a.contrast * u[6]};
}

Tensor distorted(const Tensor& image, const Distortion& d, Fill fill, bool nearest) {
  check(image.defined() && image.rank() == 3 && image.size() > 0 && image.dtype() != DType::int64,
        "distorted: expected an image (height, width, channels) of uint8, float32 or float64, got {}",
        tensor_text(image));
  return with_type(image.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const bool moves = d.flip || d.zoom != 1 || d.degrees != 0 || d.down != 0 || d.right != 0;
    Tensor result = moves ? moved<T>(image, d, fill, nearest) : image;
    return d.brightness == 0 && d.contrast == 1 ? result : recoloured<T>(std::move(result), d);
  });
}

}  // namespace xtape
