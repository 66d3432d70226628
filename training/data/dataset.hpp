// Dataset: samples with what is to be learned of them, and where the known ones come from.
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

/// What one output of a model is to learn, for all samples: of classes when `classes` or `class_names` say so, else
/// numbers.
struct Target {
  /// Classes: class numbers (n, ...) int64, one per sample or one at each position, each in [0, classes); or
  /// distributions (n, ..., classes) floating (one-hot or soft): entries of at least 0 with the sum 1. Numbers: (n,
  /// ...) floating, for a regression, zeros and ones for several labels at a time, or images such as masks.
  Tensor values;
  std::int64_t classes = 0;  ///< 0: numbers; or as many as there are names
  /// Names of the classes; none when they have no names.
  std::vector<std::string> class_names = {};
  /// A class number that says that the position has no label; the loss and the metrics leave it out.
  std::optional<std::int64_t> ignored_label = std::nullopt;
};

/// Samples that are not held in memory but made when they are asked for, as those that lie in files.
struct SampleSource {
  std::vector<Shape> shapes;  ///< of each input of one sample
  std::vector<DType> dtypes;  ///< uint8, floating or int64, one for each input
  /// The inputs of sample number `index`. Called by several threads at once; its exceptions come out where a batch is
  /// asked for.
  std::function<std::vector<Tensor>(std::int64_t index)> sample;
};

/// The short form for one image per sample.
struct ImageSource {
  Shape shape;  ///< of each: (height, width, channels)
  /// Image number `index`, uint8; otherwise as SampleSource::sample.
  std::function<Tensor(std::int64_t index)> image;
};

/// Samples, in memory or made when they are asked for: any number of inputs, of targets, and of weights. Copies share
/// what they hold and are cheap.
class Dataset {
 public:
  /// The short forms, for one input and one target. For classification. input: (n, height, width, channels), or (n,
  /// ...) of any other features; uint8 (0 to 255), floating, or int64 (tokens). labels: see Target. Error when there
  /// are no samples, types differ from these, n is not the same, or a label is out of range or a row is no distribution
  /// (naming the first such). Several labels for one sample are numbers, below.
  Dataset(Tensor input, Tensor labels, std::int64_t classes);
  /// The same with the names of the classes, which are as many as these.
  Dataset(Tensor input, Tensor labels, std::vector<std::string> class_names);
  /// The same with images that `source` makes, as many as there are labels.
  Dataset(ImageSource source, Tensor labels, std::vector<std::string> class_names);
  /// For everything else: numbers to be learned, (n, ...) floating.
  Dataset(Tensor input, Tensor numbers);

  /// Several inputs and targets, in the order of the model's inputs and outputs; without targets, for predictions.
  ///
  ///   Dataset({images, sizes}, {{kinds, 10}, {prices}})
  Dataset(std::vector<Tensor> inputs, std::vector<Target> targets);
  /// The same with inputs that `source` makes, as many as there are targets of each kind, of which there is at least
  /// one.
  Dataset(SampleSource source, std::vector<Target> targets);

  /// All inputs. Error when they are not in memory.
  const std::vector<Tensor>& inputs() const;
  /// The one input of all samples. Error also when there are several.
  const Tensor& input() const;
  /// Whether inputs are held in memory.
  bool in_memory() const { return source_ == nullptr; }
  /// The inputs of one sample, in memory or made now, in the data set's types. Error when there is no such sample or
  /// what the source made has another shape or type.
  std::vector<Tensor> sample(std::int64_t index) const;
  /// Shape of each input of one sample; and its type.
  const std::vector<Shape>& input_shapes() const { return shapes_; }
  /// Element type of each input.
  const std::vector<DType>& input_dtypes() const { return dtypes_; }
  /// Of the one input. Error when there are several.
  const Shape& input_shape() const;

  /// All targets.
  const std::vector<Target>& targets() const { return targets_; }
  /// The values of the one target. Error when there are several or none.
  const Tensor& target() const;
  /// Of the one target: its number of classes, 0 when it is numbers; and their names, empty when they are not known.
  /// Error when there are several.
  std::int64_t classes() const;
  /// Names of the classes of the one target.
  const std::vector<std::string>& class_names() const;

  /// How much each sample counts in the loss and the metrics of target number `target`, (n) floating; undefined when
  /// all count 1.
  Tensor weight(std::size_t target = 0) const;
  /// The same samples with these weights, for all targets. Error unless they are (n) floating numbers, finite and at
  /// least 0.
  Dataset weighted(Tensor weights) const;
  /// The same with weights for each target, undefined where all count 1. Error unless there is one for each.
  Dataset weighted(std::vector<Tensor> weights) const;
  /// Number of samples, at least 1.
  std::int64_t size() const { return size_; }

  /// Samples [begin, end). Error unless 0 <= begin < end <= size().
  Dataset rows(std::int64_t begin, std::int64_t end) const;
  /// The samples with these indices, in this order. Error when one is out of range or there are none.
  Dataset subset(const std::vector<std::int64_t>& indices) const;

 private:
  void check_inputs() const;
  void check_target(Target& target) const;
  const Target& only_target(const char* function) const;

  std::int64_t size_ = 0;
  std::vector<Shape> shapes_;
  std::vector<DType> dtypes_;
  std::vector<Tensor> inputs_;  // when there is no source
  std::vector<Target> targets_;
  std::vector<Tensor> weights_;  // none, or one for each target
  std::shared_ptr<const SampleSource> source_;
  std::vector<std::int64_t> sourced_;  // which sample of the source is sample i
};

/// What a network learns from and what it is judged by.
struct SplitData {
  Dataset train;  ///< to learn from
  Dataset test;   ///< to evaluate with
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
