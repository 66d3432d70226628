// Sliding windows on sequences (1-D) and volumes (3-D), and their description by windows on images.
#pragma once

#include <array>
#include <vector>

#include "framework/ops/window.hpp"

namespace xtape {

/// The padding of a sequence: none (Padding1D::valid), computed from the window (Padding1D::same, Padding1D::causal),
/// or a given amount at each end.
class Padding1D {
 public:
  /// No padding.
  static const Padding1D valid;
  /// Padding that makes the output ceil(input / stride) long, as Padding::same does.
  static const Padding1D same;
  /// Padding at the begin only, as long as the window reaches: no output depends on later elements of the sequence.
  static const Padding1D causal;
  /// Padding of the given number of elements at each end.
  constexpr Padding1D(std::int64_t before, std::int64_t after) : before_(before), after_(after) {}

  /// Whether this is Padding1D::same.
  constexpr bool is_same() const { return kind_ == Kind::same; }
  /// Whether this is Padding1D::causal.
  constexpr bool is_causal() const { return kind_ == Kind::causal; }
  /// The amount before the sequence; 0 for Padding1D::valid, same and causal.
  constexpr std::int64_t before() const { return before_; }
  /// The amount after the sequence; 0 for Padding1D::valid, same and causal.
  constexpr std::int64_t after() const { return after_; }

 private:
  enum class Kind { amounts, same, causal };
  explicit constexpr Padding1D(Kind kind) : kind_(kind) {}
  std::int64_t before_ = 0, after_ = 0;
  Kind kind_ = Kind::amounts;
};
inline constexpr Padding1D Padding1D::valid{Padding1D::Kind::amounts};
inline constexpr Padding1D Padding1D::same{Padding1D::Kind::same};
inline constexpr Padding1D Padding1D::causal{Padding1D::Kind::causal};

/// The padding of a volume: that of its depth, and that of its height and width.
class Padding3D {
 public:
  /// No padding.
  static const Padding3D valid;
  /// Padding that makes the output ceil(input / stride) long on each axis, as Padding::same does.
  static const Padding3D same;
  /// Padding of the given number of elements on each side.
  constexpr Padding3D(std::int64_t front, std::int64_t back, std::int64_t top, std::int64_t bottom, std::int64_t left,
                      std::int64_t right)
      : depth_(front, back, 0, 0), plane_(top, bottom, left, right) {}

  /// Whether this is Padding3D::same.
  constexpr bool is_same() const { return plane_.is_same(); }
  /// The padding along the depth, as that of the rows of an image.
  constexpr const Padding& depth() const { return depth_; }
  /// The padding of height and width.
  constexpr const Padding& plane() const { return plane_; }

 private:
  explicit constexpr Padding3D(const Padding& all) : depth_(all), plane_(all) {}
  Padding depth_, plane_;
};
inline constexpr Padding3D Padding3D::valid{Padding::valid};
inline constexpr Padding3D Padding3D::same{Padding::same};

/// The amounts of a padding before and after one axis.
using AxisAmounts = std::array<std::int64_t, 2>;
/// The amounts for each axis; zeros for a padding that is computed from the window.
std::vector<AxisAmounts> amounts_of(const Padding1D& padding);
/// The amounts for height and width.
std::vector<AxisAmounts> amounts_of(const Padding& padding);
/// The amounts for depth, height and width.
std::vector<AxisAmounts> amounts_of(const Padding3D& padding);

/// A depth, a height and a width. A single number is used for all.
struct Extent3D {
  std::int64_t depth;   ///< extent along the depth
  std::int64_t height;  ///< vertical extent
  std::int64_t width;   ///< horizontal extent
  /// Uses one number for depth, height and width.
  constexpr Extent3D(std::int64_t all) : depth(all), height(all), width(all) {}  // NOLINT(google-explicit-constructor)
  /// Depth d, height h and width w.
  constexpr Extent3D(std::int64_t d, std::int64_t h, std::int64_t w) : depth(d), height(h), width(w) {}
  /// Whether all extents are equal.
  friend constexpr bool operator==(Extent3D, Extent3D) = default;
};

/// Options of a sliding window on sequences.
struct WindowOptions1D {
  std::int64_t size;                     ///< number of taps, at least 1
  std::int64_t strides = 1;              ///< distance of neighbouring windows, at least 1
  Padding1D padding = Padding1D::valid;  ///< padding of the sequence
  std::int64_t dilation = 1;             ///< distance of neighbouring taps, at least 1
};

/// Options of a sliding window on volumes.
struct WindowOptions3D {
  Extent3D size;                         ///< number of taps, at least 1
  Extent3D strides = 1;                  ///< distance of neighbouring windows, at least 1
  Padding3D padding = Padding3D::valid;  ///< padding around the volume
  Extent3D dilation = 1;                 ///< distance of neighbouring taps, at least 1
};

/// The same window on images of height 1, whose width is the length of the sequence.
WindowOptions image_window(const WindowOptions1D& options);

/// A window on volumes as two windows on images: along the depth, and on slices. Computing one after the other is the
/// same as computing the window on volumes.
struct DepthAndPlane {
  WindowOptions depth;  ///< on images whose height is the depth of the volumes; its width is 1
  WindowOptions plane;  ///< on slices
};
/// Divides a window on volumes into its two parts.
DepthAndPlane depth_and_plane(const WindowOptions3D& options);

/// Internal: the window on sequences (n, length, channels).
WindowedInput windowed_input(const Shape& x, const WindowOptions1D& options, std::string_view shown);
/// Internal: the window on volumes (n, depth, height, width, channels).
WindowedInput windowed_input(const Shape& x, const WindowOptions3D& options, std::string_view shown);

/// The length of the output of the window on sequences (n, length, channels). Error as in place_window.
std::vector<std::int64_t> window_extents(std::string_view function, const Shape& x, const WindowOptions1D& options,
                                         std::string_view shown = "");
/// Height and width of the output of the window on images (n, height, width, channels). Error as in place_window.
std::vector<std::int64_t> window_extents(std::string_view function, const Shape& x, const WindowOptions& options,
                                         std::string_view shown = "");
/// Depth, height and width of the output of the window on volumes (n, depth, height, width, channels). Error as in
/// place_window.
std::vector<std::int64_t> window_extents(std::string_view function, const Shape& x, const WindowOptions3D& options,
                                         std::string_view shown = "");

/// Internal: (n, 1, length, channels) for sequences (n, length, channels). Error with the name `function` for another
/// rank.
Shape sequence_images(std::string_view function, const Shape& x, std::string_view shown = "");
/// Internal: (n depth, height, width, channels) for volumes (n, depth, height, width, channels), the slices. Error with
/// the name `function` for another rank.
Shape volume_slices(std::string_view function, const Shape& x, std::string_view shown = "");
/// Internal: (n, depth, height width, channels) for volumes (n, depth, height, width, channels).
Shape volume_columns(const Shape& x);

}  // namespace xtape
