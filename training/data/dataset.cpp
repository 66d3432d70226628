#include "training/data/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "framework/amount.hpp"
#include "framework/io/hdf5.hpp"
#include "framework/io/idx.hpp"
#include "framework/io/utf8.hpp"
#include "framework/ops/label_checks.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/tensor/random.hpp"
#include "framework/tensor/streams.hpp"
#include "framework/tensor/tensor_text.hpp"

namespace xtape {
namespace {

/// The samples with these indices.
Tensor gathered(const Tensor& source, const std::vector<std::int64_t>& indices) {
  return take(source, Tensor::labels(indices), 0);
}

/// Makes a data set. Errors get the path of the file as a part of the message.
Dataset checked(const std::filesystem::path& path, const Tensor& images, const Tensor& labels,
                const std::vector<std::string>& class_names) {
  try {
    return Dataset(images, labels, class_names);
  } catch (const Error& error) {
    fail_as(error, "{}, in {}", error.what(), path.string());
  }
}

/// How to convert the labels to class numbers, for messages.
std::string class_number_hint(const Tensor& labels, std::int64_t classes) {
  if (labels.shape() == Shape{labels.dim(0), classes}) return "convert one-hot rows with .to(DType::float32)";
  if (labels.size() == labels.dim(0) && labels.rank() > 1) return "convert with .reshaped({n}).to(DType::int64)";
  return "convert with .to(DType::int64)";
}

/// Error unless the labels of a target with classes are class numbers or distributions.
void check_labels(const Target& target) {
  const Tensor& labels = target.values;
  const std::int64_t classes = target.classes;
  if (is_floating(labels.dtype())) {
    check(labels.rank() >= 2 && labels.dim(-1) == classes,
          "Dataset: expected labels of int64 (n, ...) or of distributions (n, ..., {}), got {} {}; {}", classes,
          labels.dtype(), labels.shape(),
          labels.size() == labels.dim(0) ? "convert class numbers to int64 (n) with .reshaped({n}).to(DType::int64)"
                                         : "a distribution has a number for each class");
    return check_distributions("Dataset", labels.reshaped({-1, classes}));
  }
  check(labels.dtype() == DType::int64, "Dataset: expected labels of int64 (n, ...), got {} {}; {}", labels.dtype(),
        labels.shape(), class_number_hint(labels, classes));
  const std::span all(labels.data<std::int64_t>(), static_cast<std::size_t>(labels.size()));
  const auto wrong = std::ranges::find_if(
      all, [&](std::int64_t label) { return (label < 0 || label >= classes) && label != target.ignored_label; });
  if (wrong == all.end()) return;
  fail("Dataset: expected labels in [0, {}){}, got {} at index {}{}", classes,
       target.ignored_label ? fmt::format(" or {}", *target.ignored_label) : "", *wrong, wrong - all.begin(),
       *wrong < 0 && !target.ignored_label ? "; say which label is to be ignored with Target::ignored_label" : "");
}

Dataset load_signs_part(const std::filesystem::path& folder, const std::string& part) {
  const std::filesystem::path path = folder / (part + "_signs.h5");
  const Tensor images = load_hdf5(path, part + "_set_x");
  const Tensor labels = load_hdf5(path, part + "_set_y");
  const Tensor classes = load_hdf5(path, "list_classes");
  check(images.rank() == 4 && images.dtype() == DType::uint8,
        "load_signs: expected images (n, height, width, channels) of uint8 as {}_set_x, got {} of {} in {}", part,
        images.shape(), images.dtype(), path.string());
  check(labels.rank() == 1 || (labels.rank() == 2 && labels.dim(0) == 1),
        "load_signs: expected labels (n) or (1, n) as {}_set_y, got {} in {}", part, labels.shape(), path.string());
  check(!is_floating(labels.dtype()), "load_signs: expected integers as {}_set_y, got {} in {}", part, labels.dtype(),
        path.string());
  std::vector<std::string> names;
  for (const double name : classes.to_vector()) names.push_back(fmt::format("{}", name));
  return checked(path, images, labels.reshaped({labels.size()}).to(DType::int64), names);
}

/// The path of the file `name` in the folder, compressed or not.
std::filesystem::path find_idx(std::string_view function, const std::filesystem::path& folder,
                               const std::string& name) {
  std::filesystem::path compressed = folder / (name + ".gz"), plain = folder / name;
  std::error_code ignored;  // a file that cannot be accessed counts as missing
  if (std::filesystem::exists(compressed, ignored)) return compressed;
  check(std::filesystem::exists(plain, ignored),
        "{}: expected the file {} (or without .gz), got none; name the folder that holds it{}", function,
        compressed.string(),
        function == "load_fashion_mnist" ? ", or install Debian's package dataset-fashion-mnist" : "");
  return plain;
}

Dataset load_mnist_part(std::string_view function, const std::filesystem::path& folder, const std::string& part,
                        const std::vector<std::string>& class_names) {
  const std::filesystem::path images_path = find_idx(function, folder, part + "-images-idx3-ubyte");
  const std::filesystem::path labels_path = find_idx(function, folder, part + "-labels-idx1-ubyte");
  const Tensor images = load_idx(images_path);
  const Tensor labels = load_idx(labels_path);
  check(images.rank() == 3, "{}: expected images (n, height, width), got {} in {}", function, images.shape(),
        images_path.string());
  const Shape with_channel{images.dim(0), images.dim(1), images.dim(2), 1};
  return checked(labels_path, images.reshaped(with_channel), labels.to(DType::int64), class_names);
}

SplitData load_mnist_files(std::string_view function, const std::filesystem::path& folder,
                           const std::vector<std::string>& class_names) {
  return {load_mnist_part(function, folder, "train", class_names),
          load_mnist_part(function, folder, "t10k", class_names)};
}

}  // namespace

Dataset::Dataset(std::vector<Tensor> inputs, std::vector<Target> targets)
    : inputs_(std::move(inputs)), targets_(std::move(targets)) {
  check(!inputs_.empty(), "Dataset: expected at least one input, got none");
  for (const Tensor& input : inputs_) {
    check(input.defined(), "Dataset: expected inputs and targets, got an undefined tensor");
    check(input.rank() >= 2, "Dataset: expected inputs (n, ...) of at least two axes, got {}{}", input.shape(),
          input.rank() == 1 ? "; for one number a sample reshape them to (n, 1)" : "");
    check(input.size() > 0, "Dataset: expected at least one sample with elements, got inputs {}", input.shape());
    check(input.dim(0) == inputs_.front().dim(0), "Dataset: expected as many samples in each input, got {} and {}",
          inputs_.front().shape(), input.shape());
    shapes_.push_back(input.shape().without(0));
    dtypes_.push_back(input.dtype());
  }
  size_ = inputs_.front().dim(0);
  for (Target& target : targets_) check_target(target);
}

Dataset::Dataset(SampleSource source, std::vector<Target> targets)
    : shapes_(source.shapes),
      dtypes_(source.dtypes),
      targets_(std::move(targets)),
      source_(std::make_shared<const SampleSource>(std::move(source))) {
  check(source_->sample && !shapes_.empty() && shapes_.size() == dtypes_.size(),
        "Dataset: expected a source with a function, and a shape and a type for each input, got {}, {} and {}",
        source_->sample ? "a function" : "an empty function", shapes_.size(), dtypes_.size());
  for (const Shape& shape : shapes_) {
    check(shape.size() > 0, "Dataset: expected a source of samples with elements, got shape {}", shape);
  }
  check(!targets_.empty() && targets_.front().values.defined() && targets_.front().values.rank() >= 1 &&
            targets_.front().values.dim(0) > 0,
        "Dataset: expected labels (n) of at least one sample, got {}",
        targets_.empty() ? "none" : shape_text(targets_.front().values));
  size_ = targets_.front().values.dim(0);
  for (Target& target : targets_) check_target(target);
  sourced_.resize(static_cast<std::size_t>(size_));
  std::iota(sourced_.begin(), sourced_.end(), std::int64_t{0});
}

namespace {

/// A target of classes. Error when `classes` is below 1: without classes the labels would be numbers.
Target target_of(Tensor labels, std::int64_t classes, std::vector<std::string> names = {}) {
  check(classes >= 1, "Dataset: expected at least 1 class, got {}; leave it out for targets without classes", classes);
  return {.values = std::move(labels), .classes = classes, .class_names = std::move(names)};
}

SampleSource source_of(ImageSource images) {
  check(images.image && images.shape.rank() == 3 && images.shape.size() > 0,
        "Dataset: expected a source of images (height, width, channels), got {} of shape {}",
        images.image ? "one" : "an empty function", images.shape);
  return {{images.shape}, {DType::uint8}, [image = std::move(images.image)](std::int64_t index) {
            return std::vector<Tensor>{image(index)};
          }};
}

}  // namespace

Dataset::Dataset(Tensor input, Tensor labels, std::int64_t classes)
    : Dataset(std::vector<Tensor>{std::move(input)}, std::vector<Target>{target_of(std::move(labels), classes)}) {}

Dataset::Dataset(Tensor input, Tensor labels, std::vector<std::string> class_names)
    : Dataset(std::vector<Tensor>{std::move(input)},
              std::vector<Target>{target_of(std::move(labels), std::ssize(class_names), class_names)}) {}

Dataset::Dataset(ImageSource source, Tensor labels, std::vector<std::string> class_names)
    : Dataset(source_of(std::move(source)),
              std::vector<Target>{target_of(std::move(labels), std::ssize(class_names), class_names)}) {}

Dataset::Dataset(Tensor input, Tensor numbers)
    : Dataset(std::vector<Tensor>{std::move(input)}, std::vector<Target>{{.values = std::move(numbers)}}) {}

void Dataset::check_target(Target& target) const {
  const Tensor& values = target.values;
  check(values.defined(), "Dataset: expected inputs and targets, got an undefined tensor");
  check(values.rank() >= 1 && values.dim(0) == size_,
        "Dataset: expected inputs (n, ...) and targets (n, ...) of as many samples, got {} and {}",
        shapes_.front().prepended(in_memory() ? inputs_.front().dim(0) : size_), values.shape());
  if (target.classes == 0) target.classes = std::ssize(target.class_names);
  check(target.class_names.empty() || std::ssize(target.class_names) == target.classes,
        "Dataset: expected a name for each of the {} classes, got {}", target.classes, target.class_names.size());
  check(target.classes >= 0, "Dataset: expected at least 1 class, got {}", target.classes);
  if (target.classes == 0) {
    check(is_floating(values.dtype()), "Dataset: expected targets of float32 or float64, got {} {}; {}", values.dtype(),
          values.shape(), "with labels say how many classes there are");
    return;
  }
  try {
    check_class_names(target.class_names);  // a model with other names could be trained but not saved
  } catch (const Error& error) {
    fail_as(error, "Dataset: {}", error.what());
  }
  check_labels(target);
}

Dataset Dataset::weighted(Tensor weights) const {
  check(weights.defined(), "Dataset::weighted: expected floating weights ({},), got an undefined tensor", size());
  return weighted(std::vector<Tensor>(std::max<std::size_t>(1, targets_.size()), weights));
}

Dataset Dataset::weighted(std::vector<Tensor> weights) const {
  check(weights.size() == std::max<std::size_t>(1, targets_.size()),
        "Dataset::weighted: expected {} of weights{}, got {}",
        amount(std::max<std::size_t>(1, targets_.size()), "tensor"), targets_.size() > 1 ? ", one for each target" : "",
        weights.size());
  for (const Tensor& some : weights) {
    if (!some.defined()) continue;
    check(is_floating(some.dtype()) && some.shape() == Shape{size()},
          "Dataset::weighted: expected floating weights ({},), got {}", size(), tensor_text(some));
    for (const double weight : some.to_vector()) {
      check(std::isfinite(weight) && weight >= 0, "Dataset::weighted: expected finite weights of at least 0, got {}",
            weight);
    }
  }
  Dataset result = *this;
  result.weights_ = std::move(weights);
  return result;
}

Tensor Dataset::weight(std::size_t target) const { return weights_.empty() ? Tensor() : weights_.at(target); }

const std::vector<Tensor>& Dataset::inputs() const {
  check(in_memory(),
        "Dataset::inputs: expected samples in memory, got {} that are read when a batch needs them; take them one "
        "by one with sample(), or in batches with a DataLoader",
        size());
  return inputs_;
}

const Tensor& Dataset::input() const {
  check(shapes_.size() == 1, "Dataset::input: expected data of one input, got {}; use inputs()", shapes_.size());
  return inputs().front();
}

const Shape& Dataset::input_shape() const {
  check(shapes_.size() == 1, "Dataset::input_shape: expected data of one input, got {}; use input_shapes()",
        shapes_.size());
  return shapes_.front();
}

const Target& Dataset::only_target(const char* function) const {
  check(targets_.size() == 1, "Dataset::{}: expected data of one target, got {}; use targets()", function,
        targets_.size());
  return targets_.front();
}

const Tensor& Dataset::target() const { return only_target("target").values; }
std::int64_t Dataset::classes() const { return only_target("classes").classes; }
const std::vector<std::string>& Dataset::class_names() const { return only_target("class_names").class_names; }

std::vector<Tensor> Dataset::sample(std::int64_t index) const {
  check(index >= 0 && index < size(), "Dataset::sample: expected an index in [0, {}), got {}", size(), index);
  std::vector<Tensor> made;
  if (in_memory()) {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      made.push_back(inputs_[i].rows(index, index + 1).reshaped(shapes_[i]));
    }
    return made;
  }
  made = source_->sample(sourced_[static_cast<std::size_t>(index)]);
  check(made.size() == shapes_.size(), "Dataset::sample: expected a source that makes {}, got {} for sample {}",
        amount(shapes_.size(), "input"), made.size(), index);
  for (std::size_t i = 0; i < made.size(); ++i) {
    check(made[i].defined() && made[i].shape() == shapes_[i] && made[i].dtype() == dtypes_[i],
          "Dataset::sample: expected a source that makes {} {}, got {} for sample {}", dtypes_[i], shapes_[i],
          tensor_text(made[i]), index);
  }
  return made;
}

Dataset Dataset::rows(std::int64_t begin, std::int64_t end) const {
  check(0 <= begin && begin < end && end <= size(),
        "Dataset::rows: expected 0 <= begin < end <= {}, the number of samples, got [{}, {})", size(), begin, end);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(end - begin));
  std::iota(indices.begin(), indices.end(), begin);
  return subset(indices);
}

Dataset Dataset::subset(const std::vector<std::int64_t>& indices) const {
  check(!indices.empty(), "Dataset::subset: expected at least one index, got none");
  for (const std::int64_t i : indices) {
    check(i >= 0 && i < size(), "Dataset::subset: expected indices in [0, {}), got {}", size(), i);
  }
  Dataset result = *this;
  result.size_ = std::ssize(indices);
  for (Tensor& input : result.inputs_) input = gathered(input, indices);
  for (Target& target : result.targets_) target.values = gathered(target.values, indices);
  for (Tensor& weights : result.weights_) {
    if (weights.defined()) weights = gathered(weights, indices);
  }
  if (!in_memory()) {
    result.sourced_.resize(indices.size());
    std::ranges::transform(indices, result.sourced_.begin(),
                           [&](std::int64_t i) { return sourced_[static_cast<std::size_t>(i)]; });
  }
  return result;
}

SplitData split(const Dataset& data, double fraction, std::uint64_t seed) {
  check(fraction > 0 && fraction < 1, "split: expected a fraction between 0 and 1, got {}", fraction);
  const std::int64_t test = std::llround(fraction * static_cast<double>(data.size()));
  check(test > 0 && test < data.size(),
        "split: expected at least one sample in each part, got {} of {} for the fraction {}; use more samples or a {} "
        "fraction",
        test, amount(data.size(), "sample"), fraction, test == 0 ? "larger" : "smaller");
  const auto order = RandomStream(seed, streams::splits).permutation(data.size());
  const auto middle = order.end() - test;
  return {data.subset({order.begin(), middle}), data.subset({middle, order.end()})};
}

SplitData load_signs(const std::filesystem::path& folder) {
  return {load_signs_part(folder, "train"), load_signs_part(folder, "test")};
}

SplitData load_fashion_mnist(const std::filesystem::path& folder) {
  return load_mnist_files(
      "load_fashion_mnist", folder,
      {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"});
}

SplitData load_mnist(const std::filesystem::path& folder) {
  return load_mnist_files("load_mnist", folder, {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
}

}  // namespace xtape
