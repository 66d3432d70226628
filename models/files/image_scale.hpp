// ImageScale: the numbers in which a network expects the pixels of images.
#pragma once

#include <string>
#include <vector>

#include "models/graph/model.hpp"

namespace xtape {

/// The numbers in which a network expects the pixels of images. For pixels p from 0 to 1, as data sets give them, the
/// input of the network is factor p + shift.
struct ImageScale {
  std::string name = "0..1";         ///< the text that image_scale() makes it from
  std::vector<double> factor = {1};  ///< one number, or one for each channel
  std::vector<double> shift = {0};   ///< one number, or one for each channel
  bool blue_first = false;           ///< whether the channels are in the order blue, green, red
};

/// The scale with this name:
/// - "0..1", "0..255", "-1..1" and other LOW..HIGH: black is LOW, white is HIGH;
/// - "imagenet": (p - mean) / deviation with the mean (0.485, 0.456, 0.406) and the deviation (0.229, 0.224, 0.225) of
///   red, green and blue, as networks of torchvision expect it;
/// - "caffe": blue, green, red, from 0 to 255, minus the mean (103.939, 116.779, 123.68), as ResNet and VGG of
///   keras.applications expect it.
/// Error for other names, and unless LOW and HIGH are finite and different.
ImageScale image_scale(const std::string& name);

/// A model that takes pixels from 0 to 1 and gives them to `model` in its scale. It is `model` itself for "0..1".
/// Error unless the model has one input (height, width, channels), with three channels if the scale has.
Model with_image_scale(const Model& model, const ImageScale& scale);

}  // namespace xtape
