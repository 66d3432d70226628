// The options of a sliding window, and the resulting geometry for a given image.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/kernels/convolution/window.hpp"
#include "framework/tensor/shape.hpp"

namespace xtape {

/// The padding around an image: none (Padding::valid), computed from the window (Padding::same), or a given amount on
/// each side.
class Padding {
 public:
  /// No padding.
  static const Padding valid;
  /// Padding that makes the output ceil(input / stride) long. As in TensorFlow, half of it lies before the image, and
  /// an odd pixel behind it.
  static const Padding same;
  /// Padding of the given number of pixels on each side.
  constexpr Padding(std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right)
      : amounts_{top, bottom, left, right} {}

  /// Whether this is Padding::same.
  constexpr bool is_same() const { return same_; }
  /// The amounts at the top, bottom, left and right in pixels; zeros for Padding::valid and Padding::same.
  constexpr const std::array<std::int64_t, 4>& amounts() const { return amounts_; }

 private:
  explicit constexpr Padding(bool is_same) : same_(is_same) {}
  std::array<std::int64_t, 4> amounts_{};
  bool same_ = false;
};
inline constexpr Padding Padding::valid{false};
inline constexpr Padding Padding::same{true};

/// A height and a width. A single number is used for both.
struct Extent2D {
  std::int64_t height;  ///< vertical extent
  std::int64_t width;   ///< horizontal extent
  /// Uses one number for height and width.
  constexpr Extent2D(std::int64_t both) : height(both), width(both) {}  // NOLINT(google-explicit-constructor)
  /// Height h and width w.
  constexpr Extent2D(std::int64_t h, std::int64_t w) : height(h), width(w) {}
  /// Whether heights and widths are equal.
  friend constexpr bool operator==(Extent2D, Extent2D) = default;
};

/// Options of a sliding window.
struct WindowOptions {
  Extent2D size;                     ///< number of taps, at least 1
  Extent2D strides = 1;              ///< distance of neighbouring windows in pixels, at least 1
  Padding padding = Padding::valid;  ///< padding around the image
  Extent2D dilation = 1;             ///< distance of neighbouring taps in pixels, at least 1
};

/// The padding before and behind an axis of the given extent with Padding::same: the output is ceil(extent / stride)
/// long.
std::array<std::int64_t, 2> same_padding(std::int64_t extent, std::int64_t size, std::int64_t stride,
                                         std::int64_t dilation);

/// Internal: one axis of an input, and the window on it.
struct WindowAxis {
  std::int64_t extent;                  ///< of the input
  std::int64_t size, stride, dilation;  ///< of the window
  std::int64_t before = 0, after = 0;   ///< padding
};
/// Internal: a window on an input of 1 to 3 axes, for checks whose messages are in terms of this input.
struct WindowedInput {
  std::vector<WindowAxis> axes;
  std::int64_t channels;
  bool fits;               ///< whether the window always fits, as with Padding::same, which has no amounts
  Shape shape;             ///< of the input
  std::string_view shown;  ///< what messages print instead of the shape, unless it is empty
  /// The shape as messages print it.
  std::string text() const { return shown.empty() ? to_string(shape) : std::string(shown); }
};
/// Internal: the amounts of padding, as messages print them: "1, 1, 2, 2".
std::string padding_text(const std::vector<WindowAxis>& axes);
/// Internal: the window on images (n, height, width, channels).
WindowedInput windowed_input(const Shape& images, const WindowOptions& options, std::string_view shown);
/// Internal: the Errors of place_window.
void check_window(std::string_view function, const WindowedInput& input);

/// The geometry of the window on images (n, height, width, channels). Error with the name `function` for another rank,
/// for sizes, strides or dilations below 1, negative padding, or a window larger than the padded image. Messages print
/// `shown` instead of the shape of the images if it is not empty.
kernels::Window place_window(std::string_view function, const Shape& images, const WindowOptions& options,
                             std::string_view shown = "");

}  // namespace xtape
