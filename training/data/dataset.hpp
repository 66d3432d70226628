// Dataset: samples and their targets; functions that load well-known data sets.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The values that one output of a model is trained to predict, for all samples. They are classes if `classes` or
/// `class_names` are set, otherwise numbers.
struct Target {
  /// Classes: class numbers (n, ...) int64, one for each sample or one for each position, each in [0, classes); or
  /// distributions (n, ..., classes) floating (one-hot or soft), with entries of at least 0 and the sum 1. Numbers: (n,
  /// ...) floating, for regression, for several labels of a sample as zeros and ones, or for images such as masks.
  Tensor values;
  std::int64_t classes = 0;  ///< number of classes; 0: numbers, or the number of class_names
  /// The names of the classes; may be empty.
  std::vector<std::string> class_names = {};
  /// The class number of positions without a label. Loss and metrics have to ignore it too, which fit and evaluate
  /// check: loss::softmax_cross_entropy({.ignored_label = -1}). The default metric does.
  std::optional<std::int64_t> ignored_label = std::nullopt;
};

/// Samples that are made on request, such as those in files.
struct SampleSource {
  std::vector<Shape> shapes;  ///< shape of each input of one sample
  std::vector<DType> dtypes;  ///< uint8, floating or int64, one for each input
  /// Returns the inputs of sample number `index`. It is called by several threads at once. Its exceptions are thrown
  /// where a batch is requested.
  std::function<std::vector<Tensor>(std::int64_t index)> sample;
};

/// A SampleSource for samples that are one image.
struct ImageSource {
  Shape shape;  ///< shape of each image: (height, width, channels)
  /// Returns image number `index`, uint8. It is called by several threads at once.
  std::function<Tensor(std::int64_t index)> image;
};

/// Samples with any number of inputs, targets and weights, in memory or made on request. Copies share the data and are
/// cheap.
class Dataset {
 public:
  /// A data set for classification with one input and one target. input: (n, height, width, channels), or (n, ...) for
  /// other features; uint8 (0 to 255), floating, or int64 (tokens). labels: see Target. Error when there are no
  /// samples, a type is not one of these, the numbers of samples differ, or (with the first such position) a label is
  /// out of range or a row is not a distribution. Several labels of one sample are numbers: use the constructor without
  /// classes.
  Dataset(Tensor input, Tensor labels, std::int64_t classes);
  /// A data set for classification with names of the classes, one for each class.
  Dataset(Tensor input, Tensor labels, std::vector<std::string> class_names);
  /// A data set for classification with images that `source` makes, one for each label.
  Dataset(ImageSource source, Tensor labels, std::vector<std::string> class_names);
  /// A data set with one input and one target of numbers (n, ...) floating.
  Dataset(Tensor input, Tensor numbers);

  /// A data set with any number of inputs and targets, in the order of the model's inputs and outputs. Without targets
  /// it can be used for predictions.
  ///
  ///   Dataset({images, sizes}, {{kinds, 10}, {prices}})
  Dataset(std::vector<Tensor> inputs, std::vector<Target> targets);
  /// A data set with inputs that `source` makes. The targets, at least one, determine the number of samples.
  Dataset(SampleSource source, std::vector<Target> targets);

  /// All inputs. Error when they are not in memory.
  const std::vector<Tensor>& inputs() const;
  /// The only input, of all samples. Error when there are several or it is not in memory.
  const Tensor& input() const;
  /// Whether the inputs are in memory.
  bool in_memory() const { return source_ == nullptr; }
  /// The inputs of one sample. Error when there is no such sample, or the source returned another shape or type.
  std::vector<Tensor> sample(std::int64_t index) const;
  /// Shape of each input of one sample.
  const std::vector<Shape>& input_shapes() const { return shapes_; }
  /// Element type of each input.
  const std::vector<DType>& input_dtypes() const { return dtypes_; }
  /// Shape of the only input of one sample. Error when there are several.
  const Shape& input_shape() const;

  /// All targets.
  const std::vector<Target>& targets() const { return targets_; }
  /// The values of the only target. Error when there are several or none.
  const Tensor& target() const;
  /// Number of classes of the only target; 0 if it is numbers. Error when there are several targets or none.
  std::int64_t classes() const;
  /// Names of the classes of the only target; empty if they have none. Error when there are several targets or none.
  const std::vector<std::string>& class_names() const;

  /// The weights of the samples for target number `target`, (n) floating; undefined when all are 1. Losses and metrics
  /// use them.
  Tensor weight(std::size_t target = 0) const;
  /// The same samples with these weights for all targets. Error unless the weights are (n) floating, finite and at
  /// least 0.
  Dataset weighted(Tensor weights) const;
  /// The same samples with weights for each target; undefined weights are 1. Error unless there is one tensor for each
  /// target.
  Dataset weighted(std::vector<Tensor> weights) const;
  /// Number of samples, at least 1.
  std::int64_t size() const { return size_; }

  /// The samples [begin, end). Error unless 0 <= begin < end <= size().
  Dataset rows(std::int64_t begin, std::int64_t end) const;
  /// The samples with these indices, in this order. Error when an index is out of range or there are none.
  Dataset subset(const std::vector<std::int64_t>& indices) const;

 private:
  void check_inputs() const;
  void check_target(Target& target) const;
  const Target& only_target(const char* function) const;

  std::int64_t size_ = 0;
  std::vector<Shape> shapes_;
  std::vector<DType> dtypes_;
  std::vector<Tensor> inputs_;  // empty if there is a source
  std::vector<Target> targets_;
  std::vector<Tensor> weights_;  // none, or one for each target
  std::shared_ptr<const SampleSource> source_;
  std::vector<std::int64_t> sourced_;  // the number in the source of each sample
};

/// A data set in two parts.
struct SplitData {
  Dataset train;  ///< samples for training
  Dataset test;   ///< samples for evaluation
};

/// Splits the samples at random: round(fraction * n) of them are `test`, the others are `train`. The same seed selects
/// the same samples. Error unless both parts get at least one sample.
SplitData split(const Dataset& data, double fraction, std::uint64_t seed = 0);

/// The SIGNS data set: photographs of hands that show the numbers 0 to 5, (n, 64, 64, 3) uint8. Reads the files
/// train_signs.h5 (train_set_x, train_set_y, list_classes) and test_signs.h5 (test_set_x, test_set_y, list_classes) in
/// the folder. Labels may be stored as (n) or (1, n). The names of the classes are the values of list_classes. Error
/// with the path when a file is missing, or its content is inconsistent.
SplitData load_signs(const std::filesystem::path& folder);

/// Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, 2017): pictures of clothes in 10 classes, (n, 28, 28, 1) uint8. Reads
/// the files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and
/// t10k-labels-idx1-ubyte.gz, with or without .gz. Error with the path when a file is missing or damaged, or the files
/// are inconsistent.
SplitData load_fashion_mnist(const std::filesystem::path& folder = "/usr/share/datasets/fashion-mnist");

/// MNIST, handwritten digits (Y. LeCun, C. Cortes, C. Burges): files with the same names and shapes as those of
/// Fashion-MNIST; the classes are named "0" to "9". Errors as in load_fashion_mnist().
SplitData load_mnist(const std::filesystem::path& folder);

}  // namespace xtape
