// Functions of predict and evaluate: loading classifiers, and converting their outputs to logits.
#pragma once

#include <optional>
#include <string>
#include <vector>
#include <xtape/xtape.hpp>

#include "framework/io/utf8.hpp"

namespace xtape {

/// A network that computes logits or softmax probabilities of classes from an image.
struct Classifier {
  Model model;                           ///< the model of the file
  Model on_pixels;                       ///< the same for pixels from 0 to 1
  std::vector<std::string> class_names;  ///< as the file says; may be empty
  Shape image;                           ///< (height, width, channels)
};

/// Which file, and what it may not say.
struct ClassifierOptions {
  std::string path;                                       ///< of the model, in any format
  std::string scale = "";                                 ///< of --scale; "" for that of the file
  std::optional<std::int64_t> image_size = std::nullopt;  ///< height and width if the model takes images of any size
};

/// Loads a classifier from a file of any format. Error with `program` for other models, including those that end in a
/// sigmoid or tanh, and if the size of the images is neither fixed nor given.
Classifier load_classifier(const std::string& program, const ClassifierOptions& options);

/// The text of --help for --image-size.
inline constexpr const char* image_size_help = "Height and width of the images, for networks that take any size";

/// The logits (n, classes) for the model's outputs (n, classes): the outputs themselves, or the logarithms of the
/// outputs of a softmax, where 0 counts as the smallest normal number. Error with `program` and `images`, the name of
/// the data, when an output is not finite.
Tensor logits_of(const std::string& program, const Model& model, const Tensor& outputs, const std::string& images);

}  // namespace xtape
