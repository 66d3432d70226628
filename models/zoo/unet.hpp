// U-Net: segmentation of images of any size.
#pragma once

#include <vector>

#include "models/graph/model.hpp"

namespace xtape {

/// Options of unet().
struct UNetOptions {
  PartialShape input = {any, any, 3};  ///< shape of one image: height, width, channels
  std::int64_t classes = 2;            ///< number of outputs for each pixel
  /// Channels of the levels, from the full resolution down. Each level has half the height and width of the one before.
  std::vector<std::int64_t> filters = {64, 128, 256, 512, 1024};
  bool batch_normalization = true;  ///< after each 3x3 convolution; the paper has none
  double momentum = 0.9;            ///< of the batch normalizations
  double dropout = 0;               ///< rate of a dropout at the lowest level; the paper has one, without a number
  std::uint64_t seed = 0;           ///< seed of the initial values
};

/// U-Net (Ronneberger, Fischer, Brox: U-Net: convolutional networks for biomedical image segmentation, MICCAI 2015,
/// section 2), from images (n, height, width, channels) to logits (n, height, width, classes). Two 3x3 convolutions
/// with ReLU at each level; max pooling on the way down; on the way up the feature map is enlarged twofold, a 2x2
/// convolution halves its channels, and it is concatenated with the feature map of the same level. In contrast to the
/// paper, `same` padding keeps the size. Height and width are multiples of 2^(levels - 1); Error otherwise, and unless
/// there are at least two levels.
Model unet(const UNetOptions& options = {});

}  // namespace xtape
