#include "training/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "framework/io/hdf5.hpp"
#include "framework/io/idx.hpp"
#include "framework/io/utf8.hpp"
#include "framework/ops/label_checks.hpp"
#include "framework/tensor/random.hpp"
#include "framework/tensor/streams.hpp"
#include "framework/tensor/tensor_text.hpp"

namespace xtape {
namespace {

Tensor gathered(const Tensor& source, const std::vector<std::int64_t>& indices) {
  Tensor result = Tensor::empty(source.shape().replaced(0, static_cast<std::int64_t>(indices.size())), source.dtype());
  with_type(source.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t row = source.size() / source.dim(0);
    T* out = result.mutable_data<T>();
    for (const std::int64_t i : indices) out = std::copy_n(source.data<T>() + i * row, row, out);
  });
  return result;
}

/// The same with the file's name before the message, so that a user knows which data are wrong.
Dataset checked(const std::filesystem::path& path, const Tensor& images, const Tensor& labels,
                const std::vector<std::string>& class_names) {
  try {
    return Dataset(images, labels, class_names);
  } catch (const Error& error) {
    fail("{}, in {}", error.what(), path.string());
  }
}

/// How to make class numbers (n) of labels that are none.
std::string class_number_hint(const Tensor& labels, std::int64_t classes) {
  const bool one_each = labels.size() == labels.dim(0);
  if (labels.dtype() == DType::int64 && one_each) return "reshape them with .reshaped({n})";
  if (one_each)
    return labels.rank() == 1 ? "convert with .to(DType::int64)" : "convert with .reshaped({n}).to(DType::int64)";
  if (labels.shape() == Shape{labels.dim(0), classes}) return "convert one-hot rows with .to(DType::float32)";
  return "give one class number for each example";
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

/// The file `name` of the folder, compressed or not.
std::filesystem::path find_idx(std::string_view function, const std::filesystem::path& folder,
                               const std::string& name) {
  std::filesystem::path compressed = folder / (name + ".gz"), plain = folder / name;
  std::error_code ignored;  // what can't be looked at is not there
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

Dataset::Dataset(Tensor images, Tensor labels, std::int64_t classes)
    : images_(std::move(images)), labels_(std::move(labels)), classes_(classes) {
  check_images();
  check_classes();
}

Dataset::Dataset(Tensor images, Tensor labels, std::vector<std::string> class_names)
    : images_(std::move(images)),
      labels_(std::move(labels)),
      classes_(std::ssize(class_names)),
      class_names_(std::move(class_names)) {
  check_images();
  check_classes();
}

Dataset::Dataset(ImageSource source, Tensor labels, std::vector<std::string> class_names)
    : labels_(std::move(labels)),
      source_(std::make_shared<const ImageSource>(std::move(source))),
      classes_(std::ssize(class_names)),
      class_names_(std::move(class_names)) {
  check(source_->image && source_->shape.rank() == 3 && source_->shape.size() > 0,
        "Dataset: expected a source of images (height, width, channels), got {} of shape {}",
        source_->image ? "one" : "an empty function", source_->shape);
  check(labels_.defined() && labels_.rank() >= 1 && labels_.dim(0) > 0,
        "Dataset: expected labels (n) of at least one image, got {}", shape_text(labels_));
  sourced_.resize(static_cast<std::size_t>(size()));
  std::iota(sourced_.begin(), sourced_.end(), std::int64_t{0});
  check_classes();
}

Dataset::Dataset(Tensor images, Tensor targets) : images_(std::move(images)), labels_(std::move(targets)) {
  check_images();
  check(is_floating(labels_.dtype()), "Dataset: expected targets of float32 or float64, got {} {}; {}", labels_.dtype(),
        labels_.shape(), "with labels say how many classes there are");
}

void Dataset::check_images() const {
  check(images_.defined() && labels_.defined(), "Dataset: expected images and labels, got an undefined tensor");
  check(images_.rank() >= 2 && labels_.rank() >= 1 && images_.dim(0) == labels_.dim(0),
        "Dataset: expected images (n, ...) and labels (n) or targets (n, ...), got {} and {}", images_.shape(),
        labels_.shape());
  check(images_.size() > 0, "Dataset: expected at least one image with elements, got {}", images_.shape());
  check(images_.dtype() == DType::uint8 || is_floating(images_.dtype()),
        "Dataset: expected images of uint8, float32 or float64, got {} of shape {}", images_.dtype(), images_.shape());
}

void Dataset::check_classes() const {
  try {
    check_class_names(class_names_);  // a model with others could be trained, but not saved
  } catch (const Error& error) {
    fail("Dataset: {}", error.what());
  }
  check(classes_ >= 1, "Dataset: expected at least 1 class, got {}; leave it out for targets without classes",
        classes_);
  check_labels();
}

void Dataset::check_labels() const {
  if (is_floating(labels_.dtype())) {
    check(labels_.rank() == 2 && labels_.dim(1) == classes_,
          "Dataset: expected labels of int64 (n) or of a distribution a row (n, {}), got {} {}; {}", classes_,
          labels_.dtype(), labels_.shape(),
          labels_.size() == size() ? "convert class numbers to int64 (n) with .reshaped({n}).to(DType::int64)"
                                   : "a distribution has a number for each class");
    return check_distributions("Dataset", labels_);
  }
  check(labels_.dtype() == DType::int64 && labels_.rank() == 1, "Dataset: expected labels of int64 (n), got {} {}; {}",
        labels_.dtype(), labels_.shape(), class_number_hint(labels_, classes_));
  const std::span all(labels_.data<std::int64_t>(), static_cast<std::size_t>(labels_.size()));
  const auto wrong = std::ranges::find_if(all, [&](std::int64_t label) { return label < 0 || label >= classes_; });
  if (wrong != all.end()) {
    fail("Dataset: expected labels in [0, {}), got {} at index {}", classes_, *wrong, wrong - all.begin());
  }
}

Dataset Dataset::weighted(Tensor weights) const {
  check(weights.defined() && is_floating(weights.dtype()) && weights.shape() == Shape{size()},
        "Dataset::weighted: expected floating weights ({},), got {}", size(), tensor_text(weights));
  for (const double weight : weights.to_vector()) {
    check(std::isfinite(weight) && weight >= 0, "Dataset::weighted: expected finite weights of at least 0, got {}",
          weight);
  }
  Dataset result = *this;
  result.weights_ = std::move(weights);
  return result;
}

const Tensor& Dataset::images() const {
  check(in_memory(),
        "Dataset::images: expected images in memory, got {} that are read when a batch asks for them; take them one by "
        "one with image(), or in batches with a DataLoader",
        size());
  return images_;
}

Shape Dataset::image_shape() const { return in_memory() ? images_.shape().without(0) : source_->shape; }

Tensor Dataset::image(std::int64_t index) const {
  check(index >= 0 && index < size(), "Dataset::image: expected an index in [0, {}), got {}", size(), index);
  if (in_memory()) return images_.rows(index, index + 1).reshaped(image_shape());
  Tensor made = source_->image(sourced_[static_cast<std::size_t>(index)]);
  check(made.defined() && made.shape() == source_->shape && made.dtype() == DType::uint8,
        "Dataset::image: expected a source that makes images {} of uint8, got {} for image {}", source_->shape,
        made.defined() ? fmt::format("{} of {}", made.shape(), made.dtype()) : "an undefined tensor", index);
  return made;
}

Dataset Dataset::rows(std::int64_t begin, std::int64_t end) const {
  check(0 <= begin && begin < end && end <= size(),
        "Dataset::rows: expected 0 <= begin < end <= {}, the number of examples, got [{}, {})", size(), begin, end);
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
  result.labels_ = gathered(labels_, indices);
  if (weights_.defined()) result.weights_ = gathered(weights_, indices);
  if (in_memory()) {
    result.images_ = gathered(images_, indices);
  } else {
    result.sourced_.resize(indices.size());
    std::ranges::transform(indices, result.sourced_.begin(),
                           [&](std::int64_t i) { return sourced_[static_cast<std::size_t>(i)]; });
  }
  return result;
}

SplitData split(const Dataset& data, double fraction, std::uint64_t seed) {
  check(fraction > 0 && fraction < 1, "split: expected a fraction between 0 and 1, got {}", fraction);
  const std::int64_t test = std::llround(fraction * static_cast<double>(data.size()));
  check(test > 0 && test < data.size(), "split: expected at least one example in each part, got {} of {}", test,
        data.size());
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
