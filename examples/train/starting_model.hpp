// Training that starts from the network in a file of any format.
#pragma once

#include <optional>
#include <string>
#include <xtape/xtape.hpp>

namespace xtape {

/// A network from a file, for images.
struct StartingModel {
  Model model;
  std::string scale;  ///< of the pixels that it expects, see image_scale()
  Shape image;        ///< (height, width, channels)
};

/// Loads the network of a file. `scale` replaces that of the file unless it is empty; `size` is the height and width
/// for a network that takes images of any size. Error for models that do not compute classes from one image.
StartingModel load_starting_model(const std::string& path, const std::string& scale, std::optional<std::int64_t> size);

/// The network with one output for each class of the data: itself, or with a new last dense layer, whose initial
/// weights the seed determines. Then a line says so. Error when the last layers are not a dense layer and activations.
Model with_classes(const StartingModel& start, const Dataset& data, std::uint64_t seed);

/// The cross-entropy of what the model ends in: logits, or the probabilities of a softmax.
Loss loss_of(const Model& model);

}  // namespace xtape
