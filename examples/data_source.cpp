#include "examples/data_source.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;

const fs::path usual = "/usr/share/datasets/fashion-mnist";

/// What was not taken for an image is said, so that nobody wonders where it is.
Dataset photographs_in(const fs::path& folder, const ImageFolderOptions& options) {
  ImageFolder found = load_image_folder(folder, options);
  if (found.skipped > 0) fmt::print(stderr, "{}: {} entries that are no images\n", folder.string(), found.skipped);
  return found.data;
}

SplitData load_photographs(const fs::path& folder, const ImageFolderOptions& options) {
  if (!fs::is_directory(folder / "train")) return split(photographs_in(folder, options), 0.2);
  SplitData parts{photographs_in(folder / "train", options), photographs_in(folder / "test", options)};
  check(parts.train.class_names() == parts.test.class_names(),
        "load_data: expected the same classes in train and test of {}, got {} and {}", folder.string(),
        fmt::join(parts.train.class_names(), ", "), fmt::join(parts.test.class_names(), ", "));
  return parts;
}

bool has_idx_files(const fs::path& folder) {
  return fs::exists(folder / "train-images-idx3-ubyte") || fs::exists(folder / "train-images-idx3-ubyte.gz");
}

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
  if (has_idx_files(folder)) return {load_mnist(folder), "mnist"};
  check(has_photographs(folder),
        "load_data: expected train_signs.h5, train-images-idx3-ubyte or folders of photographs, got none of them in {}",
        folder.string());
  return {load_photographs(folder, photographs), "photographs"};
}

}  // namespace xtape
