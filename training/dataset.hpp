// Dataset: images and what is to be learned of them, and where the known ones come from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Images that are not held in memory but made when they are asked for, as those that lie in files.
struct ImageSource {
  Shape shape;  ///< of each: (height, width, channels)
  /// Image number `index`, uint8. Called by several threads at once; its exceptions come out where a batch is asked
  /// for.
  std::function<Tensor(std::int64_t index)> image;
};

/// Labelled examples, in memory or made when they are asked for. Copies share what they hold and are cheap.
class Dataset {
 public:
  /// For classification. images: (n, height, width, channels), or (n, ...) of any other features; uint8 (0 to 255) or
  /// floating. labels: (n) int64, each in [0, classes), or (n, classes) floating, a distribution a row (one-hot or
  /// soft): entries of at least 0 with the sum 1. Error when there are no images, types differ from these, n is not the
  /// same, or a label is out of range or a row is no distribution (naming the first such). Several labels for one
  /// example are targets, below.
  Dataset(Tensor images, Tensor labels, std::int64_t classes);
  /// The same with the names of the classes, which are as many as these.
  Dataset(Tensor images, Tensor labels, std::vector<std::string> class_names);
  /// The same with images that `source` makes, as many as there are labels.
  Dataset(ImageSource source, Tensor labels, std::vector<std::string> class_names);
  /// For everything else. images: the same. targets: (n, ...) floating, what the loss compares the outputs with:
  /// numbers for a regression, zeros and ones for several labels at a time. Has no classes. Error as above.
  Dataset(Tensor images, Tensor targets);

  /// All images. Error when they are not in memory.
  const Tensor& images() const;
  bool in_memory() const { return images_.defined(); }
  /// One image, in memory or made now; in the data set's type. Error when there is no such image or what the source
  /// made has another shape.
  Tensor image(std::int64_t index) const;
  /// Shape of one image; and the type of all.
  Shape image_shape() const;
  DType dtype() const { return in_memory() ? images_.dtype() : DType::uint8; }

  /// Labels or targets.
  const Tensor& labels() const { return labels_; }
  /// Number of classes; 0 when the examples have none, and so no accuracy.
  std::int64_t classes() const { return classes_; }
  /// Their names, by class number; empty when they are not known.
  const std::vector<std::string>& class_names() const { return class_names_; }
  /// How much each example counts in the loss, (n) floating; undefined when all count 1.
  const Tensor& weights() const { return weights_; }
  /// The same examples with these weights. Error unless they are (n) floating numbers, finite and at least 0.
  Dataset weighted(Tensor weights) const;
  /// Number of examples, at least 1.
  std::int64_t size() const { return labels_.dim(0); }

  /// Examples [begin, end). Error unless 0 <= begin < end <= size().
  Dataset rows(std::int64_t begin, std::int64_t end) const;
  /// The examples with these indices, in this order. Error when one is out of range or there are none.
  Dataset subset(const std::vector<std::int64_t>& indices) const;

 private:
  void check_images() const;
  void check_classes() const;
  void check_labels() const;

  Tensor images_, labels_, weights_;
  std::shared_ptr<const ImageSource> source_;  // when images_ is undefined
  std::vector<std::int64_t> sourced_;          // which image of the source is example i
  std::int64_t classes_ = 0;
  std::vector<std::string> class_names_;
};

/// What a network learns from and what it is judged by.
struct SplitData {
  Dataset train, test;
};

/// A random part of the examples as `test`, the others as `train`: round(fraction * n) examples, the same ones for the
/// same seed. Error unless both parts get at least one.
SplitData split(const Dataset& data, double fraction, std::uint64_t seed = 0);

/// The SIGNS data set: photographs of hands that show the numbers 0 to 5, (n, 64, 64, 3) uint8. Reads train_signs.h5
/// (train_set_x, train_set_y, list_classes) and test_signs.h5 (test_set_x, test_set_y, list_classes) of the folder;
/// labels may lie there as (n) or (1, n); the classes are named after list_classes. Error with the path when a file is
/// missing or disagrees with itself.
SplitData load_signs(const std::filesystem::path& folder);

/// Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, 2017): pictures of clothes in 10 classes, (n, 28, 28, 1) uint8. Reads
/// train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz and the same of t10k, or the same names without .gz.
/// Error with the path when one is missing, damaged or disagrees with the others.
SplitData load_fashion_mnist(const std::filesystem::path& folder = "/usr/share/datasets/fashion-mnist");

/// MNIST, the handwritten digits (Y. LeCun, C. Cortes, C. Burges): files of the same names and shapes, where the
/// classes are named "0" to "9". Errors as above.
SplitData load_mnist(const std::filesystem::path& folder);

}  // namespace xtape
