// Augmentation: training images that are changed by chance, so that a network sees no image twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// What takes the place of pixels that come in from outside of the image.
enum class Fill { edge, zeros };

/// How far images may be changed; each image by amounts of its own, uniformly distributed.
struct Augmentation {
  bool horizontal_flip = false;  ///< left and right change places in half of the images
  double rotation = 0;           ///< turned by up to so many degrees to either side, 0 to 180
  double zoom = 0;               ///< enlarged by a factor of 1 to 1 + zoom; with shift: a random crop, resized
  double shift = 0;       ///< moved by up to this share of the height and of the width, in whole pixels, 0 to 1: a crop
                          ///< of the padded image
  double brightness = 0;  ///< up to this share of the full range added or taken away, 0 to 1
  double contrast = 0;    ///< distances from the image's mean times 1 - contrast to 1 + contrast, 0 to 1
  /// For pixels from outside of the image.
  Fill fill = Fill::edge;

  /// Whether pixels change their places.
  bool moves() const { return horizontal_flip || rotation > 0 || zoom > 0 || shift > 0; }
  /// Whether anything is changed.
  bool any() const { return moves() || brightness > 0 || contrast > 0; }
};

/// All amounts, as messages and files show them.
std::string to_string(const Augmentation& augmentation);

/// Error naming `function` unless every amount is in its range and an image of this shape can be changed: one
/// (height, width, channels).
void check_augmentation(std::string_view function, const Augmentation& augmentation, const Shape& image);

/// One change. The image is flipped, enlarged about its middle, turned counter-clockwise, and moved down and to the
/// right; colours come last.
struct Distortion {
  /// Whether left and right are exchanged.
  bool flip = false;
  /// Factor of the enlargement.
  double zoom = 1;
  /// Rotation, counter-clockwise.
  double degrees = 0;
  std::int64_t down = 0;   ///< pixels
  std::int64_t right = 0;  ///< pixels
  double brightness = 0;   ///< share of the full range
  double contrast = 1;     ///< factor
};

/// The change for example `index` of a data set in epoch `epoch`: random numbers of a stream of its own, so that it
/// depends on these and the seed alone.
Distortion draw_distortion(const Augmentation& augmentation, const Shape& image, std::uint64_t seed,
                           std::uint64_t epoch, std::int64_t index);

/// The changed image: each new pixel is interpolated linearly between the four old ones around the place it comes from,
/// and then mean + contrast (value - mean) + brightness, with the mean over all pixels and channels. image: (height,
/// width, channels) uint8, where the full range is 255 and results are rounded and cut off, or floating, where it is 1.
/// With `nearest` a new pixel is the old one nearest to its place, for masks, whose values must not be mixed.
Tensor distorted(const Tensor& image, const Distortion& distortion, Fill fill, bool nearest = false);

}  // namespace xtape
