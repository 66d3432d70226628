// What the user says about a sliding window, and the geometry that follows for a given image.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "framework/kernels/window.hpp"
#include "framework/tensor/shape.hpp"

namespace xtape {

/// What lies around the image. Padding::valid: nothing. Padding::same: as much as makes the output ceil(input / stride)
/// long, half of it before the image and the odd one behind, as TensorFlow does. Or an amount for each side.
class Padding {
 public:
  static const Padding valid;
  static const Padding same;
  constexpr Padding(std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right)
      : amounts_{top, bottom, left, right} {}

  constexpr bool is_same() const { return same_; }
  /// Top, bottom, left, right; zeros for valid.
  constexpr const std::array<std::int64_t, 4>& amounts() const { return amounts_; }

 private:
  explicit constexpr Padding(bool is_same) : same_(is_same) {}
  std::array<std::int64_t, 4> amounts_{};
  bool same_ = false;
};
inline constexpr Padding Padding::valid{false};
inline constexpr Padding Padding::same{true};

/// Height and width of something; made from one number it is square.
struct Extent2D {
  std::int64_t height, width;
  constexpr Extent2D(std::int64_t both) : height(both), width(both) {}  // NOLINT(google-explicit-constructor)
  constexpr Extent2D(std::int64_t h, std::int64_t w) : height(h), width(w) {}
  friend constexpr bool operator==(Extent2D, Extent2D) = default;
};

struct WindowOptions {
  Extent2D size;
  Extent2D strides = 1;
  Padding padding = Padding::valid;
  Extent2D dilation = 1;
};

/// Where the window lies on images (n, height, width, channels). Error naming `function` for another rank, for sizes,
/// strides or dilations below 1, negative padding, or a window larger than the padded image. Messages show the images
/// as `shown` when given.
kernels::Window place_window(std::string_view function, const Shape& images, const WindowOptions& options,
                             std::string_view shown = "");

}  // namespace xtape
