// Images at other places and in other sizes: affine transforms, resizing, and pixel shuffle.
#pragma once

#include <cstdint>

#include "framework/autograd/variable.hpp"
#include "framework/kernels/resampling/resample.hpp"

namespace xtape {

/// How the value between pixels is computed: that of the nearest pixel, or interpolated linearly between four.
enum class Interpolation { nearest, bilinear };

/// Options of affine_transform.
struct AffineOptions {
  std::int64_t height = 0;                                ///< height of the new images; 0: that of x
  std::int64_t width = 0;                                 ///< width of the new images; 0: that of x
  Interpolation interpolation = Interpolation::bilinear;  ///< how values between pixels are computed
  FillMode fill_mode = FillMode::constant;                ///< what is outside of the images
  double fill_value = 0;                                  ///< the value outside with FillMode::constant
};

/// New images (n, height, width, channels) whose pixel (i, j) is x (n, old height, old width, channels) at the row a i
/// + b j + c and the column d i + e j + f. transforms (n, 6), or (1, 6) for all images, in float64, has these numbers.
/// dx is the transpose; saves only the transforms, which are constants. Error for other shapes or types, empty images,
/// and sizes that are not at least 1.
Variable affine_transform(const Variable& x, const Tensor& transforms, const AffineOptions& options = {});

/// Options of resize2d.
struct ResizeOptions {
  Interpolation interpolation = Interpolation::bilinear;  ///< how values between pixels are computed
  /// The corner convention. By default the edges of the images coincide: pixel i lies at (i + 1/2) old / new - 1/2, as
  /// in TensorFlow and Keras. With align_corners the centers of the corner pixels do: i (old - 1) / (new - 1).
  bool align_corners = false;
};

/// The images x (n, height, width, channels) in another size. Beyond the outer pixels the image continues with their
/// values. There is no filter against aliasing. dx is the transpose. Error unless x are images and the size is at least
/// 1.
Variable resize2d(const Variable& x, std::int64_t height, std::int64_t width, const ResizeOptions& options = {});

/// Pixel shuffle (Shi et al., Real-time single image super-resolution, CVPR 2016): from (n, h, w, b b c) to (n, b h, b
/// w, c), where channel (i b + j) c + k of a pixel becomes channel k of the pixel (i, j) of its block, as in
/// TensorFlow. Error unless b >= 1 and b^2 divides the channels.
Variable depth_to_space(const Variable& x, std::int64_t block_size);

/// The inverse of depth_to_space, from (n, b h, b w, c) to (n, h, w, b b c). Error unless b divides height and width.
Variable space_to_depth(const Variable& x, std::int64_t block_size);

}  // namespace xtape
