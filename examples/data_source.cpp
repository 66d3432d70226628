#include "examples/data_source.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <iostream>
#include <map>
#include <span>

#include "framework/amount.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;

const fs::path usual = "/usr/share/datasets/fashion-mnist";

/// The images of a folder. Prints to standard error which files were left out.
Dataset photographs_in(const fs::path& folder, const ImageFolderOptions& options) {
  ImageFolder found = load_image_folder(folder, options);
  if (found.skipped > 0)
    std::cerr << fmt::format("{}: {}\n", folder.string(),
                             amount(found.skipped, "entry that is no image", "entries that are no images"));
  if (const auto count = found.unreadable.size(); count > 0) {
    std::cerr << fmt::format("{}: left out {} of {}, which can't be read\n", folder.string(), count,
                             amount(count + found.files.size(), "image"));
    for (const UnreadableImage& image : std::span(found.unreadable).first(std::min<std::size_t>(count, 10))) {
      std::cerr << fmt::format("  {}\n", image.reason);
    }
  }
  return found.data;
}

/// The test images with the class numbers of the training images. Error when the test images have a class that the
/// training images do not have.
Dataset numbered_as(const Dataset& train, const Dataset& test, const fs::path& folder) {
  const std::vector<std::string>& names = train.class_names();
  std::vector<std::int64_t> numbers, labels;
  std::map<std::string, std::int64_t> number_of;
  for (const std::string& name : names) number_of.emplace(name, std::ssize(number_of));
  for (const std::string& name : test.class_names()) {
    const auto found = number_of.find(name);
    check(found != number_of.end(),
          "load_data: expected in test of {} no other classes than in train, which are {}, got also {}",
          folder.string(), fmt::join(names, ", "), name);
    numbers.push_back(found->second);
  }
  for (const double label : test.target().to_vector()) labels.push_back(numbers[static_cast<std::size_t>(label)]);
  return {ImageSource{test.input_shape(), [test](std::int64_t index) { return test.sample(index).front(); }},
          Tensor::labels(labels), names};
}

/// Whether an entry of the folder satisfies `wanted`. A folder that cannot be read counts as empty; load_image_folder()
/// reports it.
template <class Wanted>
bool holds(const fs::path& folder, Wanted wanted) {
  std::error_code ignored;
  return std::any_of(fs::directory_iterator(folder, ignored), fs::directory_iterator(), wanted);
}
bool is_image(const fs::directory_entry& entry) {
  std::error_code ignored;
  return is_image_name(entry.path()) && entry.is_regular_file(ignored);
}
bool is_shown_folder(const fs::directory_entry& entry) {
  std::error_code ignored;
  return entry.is_directory(ignored) && !entry.path().filename().string().starts_with('.');
}
bool is_class(const fs::directory_entry& entry) { return is_shown_folder(entry) && holds(entry.path(), is_image); }

/// Whether a folder has a common name of a part of a data set.
bool has_name_of_part(const fs::path& folder) {
  constexpr std::array<std::string_view, 8> parts{"train", "training", "test",       "testing",
                                                  "val",   "valid",    "validation", "dev"};
  std::string name = folder.filename().string();
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::find(parts, name) != parts.end();
}

/// Whether the photographs are already split: "train" and "test" both contain class folders, besides any other files.
/// Otherwise the class folders are in the folder itself; one of them may be named "train". Error when names and
/// contents are ambiguous.
bool is_split(const fs::path& folder) {
  const auto holds_classes = [](const fs::path& path) { return holds(path, is_class); };
  if (holds_classes(folder / "train") && holds_classes(folder / "test")) return true;
  std::vector<std::string> with_classes, with_images;
  bool other_classes = false;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!is_shown_folder(entry)) continue;
    const bool part = has_name_of_part(entry.path());
    if (part && holds(entry.path(), is_class)) with_classes.push_back(entry.path().filename().string() + "/");
    if (!holds(entry.path(), is_image)) continue;
    if (part) with_images.push_back(entry.path().filename().string() + "/");
    other_classes = other_classes || !part;
  }
  const auto refuse = [&](std::vector<std::string>& names, std::string_view what) {
    std::ranges::sort(names);
    fail(
        "load_data: expected a folder of images for each class, or train/ and test/ (in small letters) with such "
        "folders in both, got {} with {} in {}; rename or move what does not fit",
        fmt::join(names, " and "), what, folder.string());
  };
  if (!with_classes.empty()) refuse(with_classes, "folders of images");
  if (with_images.size() > 1 && !other_classes) refuse(with_images, "images, which may be classes or parts,");
  return false;
}

SplitData load_photographs(const fs::path& folder, const ImageFolderOptions& options) {
  if (!is_split(folder)) {
    const Dataset all = photographs_in(folder, options);
    check(all.size() >= 3, "load_data: expected at least 3 photographs, of which a fifth is for tests, got {} in {}",
          all.size(), folder.string());
    return split(all, 0.2);
  }
  const Dataset train = photographs_in(folder / "train", options);
  return {train, numbered_as(train, photographs_in(folder / "test", options), folder)};
}

bool has_idx_files(const fs::path& folder) {
  return fs::exists(folder / "train-images-idx3-ubyte") || fs::exists(folder / "train-images-idx3-ubyte.gz");
}

/// Whether the folder has folders or images. If the images are not in class folders, load_image_folder() reports it.
bool has_photographs(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() || is_image_name(entry.path())) return true;
  }
  return false;
}

}  // namespace

DataSource usual_fashion_mnist() { return {load_fashion_mnist(usual), "fashion-mnist"}; }

DataSource load_data(const fs::path& folder, const ImageFolderOptions& photographs) {
  check(fs::is_directory(folder), "load_data: expected a folder, got {}", folder.string());
  if (fs::exists(folder / "train_signs.h5")) return {load_signs(folder), "signs"};
  std::error_code none;
  if (fs::equivalent(folder, usual, none)) return usual_fashion_mnist();
  if (fs::exists(folder / "data_batch_1.bin")) return {load_cifar10(folder), "cifar-10"};
  if (has_idx_files(folder)) return {load_mnist(folder), "mnist"};
  check(has_photographs(folder),
        "load_data: expected train_signs.h5, train-images-idx3-ubyte, data_batch_1.bin or folders of photographs, got "
        "none of them in {}",
        folder.string());
  return {load_photographs(folder, photographs), "photographs"};
}

}  // namespace xtape
