// Augmentation: random changes of training images, so that a network sees different images in each epoch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The values of pixels that come from outside of the image: the nearest edge pixel, or 0.
enum class Fill { edge, zeros };

/// The largest changes of images. The change of each image is drawn at random, uniformly distributed.
struct Augmentation {
  bool horizontal_flip = false;  ///< mirror half of the images, left to right
  double rotation = 0;           ///< largest rotation to either side, in degrees; 0 to 180
  double zoom = 0;               ///< largest enlargement: by a factor of 1 to 1 + zoom; 0 to 100
  double shift = 0;              ///< largest shift as a share of height and width, rounded to pixels; 0 to 1
  double brightness = 0;         ///< largest change of brightness, as a share of the full range; 0 to 1
  double contrast = 0;           ///< differences from the mean are multiplied by 1 - contrast to 1 + contrast; 0 to 1
  /// The values of pixels from outside of the image. For targets with classes `zeros` gives their ignored label,
  /// because 0 would be a class. Targets with classes and without an ignored label, and those of whole numbers without
  /// 0, get the value of the edge.
  Fill fill = Fill::edge;

  /// Whether the changes move pixels.
  bool moves() const { return horizontal_flip || rotation > 0 || zoom > 0 || shift > 0; }
  /// Whether there are any changes.
  bool any() const { return moves() || brightness > 0 || contrast > 0; }
};

/// All amounts as text, for messages and files.
std::string to_string(const Augmentation& augmentation);

/// Error, beginning with `function`, unless every amount is in its range and, if there are changes, `image` is the
/// shape of an image: (height, width, channels).
void check_augmentation(std::string_view function, const Augmentation& augmentation, const Shape& image);

/// The change of one image. The image is mirrored, enlarged about its centre, rotated, and shifted; then contrast and
/// brightness are changed.
struct Distortion {
  /// Whether left and right are exchanged.
  bool flip = false;
  /// The factor of the enlargement.
  double zoom = 1;
  /// The counter-clockwise rotation, in degrees.
  double degrees = 0;
  std::int64_t down = 0;   ///< shift, in pixels
  std::int64_t right = 0;  ///< shift, in pixels
  double brightness = 0;   ///< added to all values, as a share of the full range
  double contrast = 1;     ///< factor of the differences from the mean
};

/// Draws the change of sample `index` of a data set in epoch `epoch`. It depends on these numbers and the seed only.
Distortion draw_distortion(const Augmentation& augmentation, const Shape& image, std::uint64_t seed,
                           std::uint64_t epoch, std::int64_t index);

/// The changed image. Each new pixel is interpolated linearly between the four nearest old pixels; then each value
/// becomes mean + contrast (value - mean) + brightness, with the mean over all pixels and channels. image: (height,
/// width, channels), uint8 with the full range 255, where results are rounded and clipped, or floating with the full
/// range 1. With `nearest` each new pixel is the nearest old pixel: for masks, whose values must not be mixed.
Tensor distorted(const Tensor& image, const Distortion& distortion, Fill fill, bool nearest = false);

}  // namespace xtape
