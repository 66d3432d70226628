#include "training/image_folder.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include "framework/io/extension.hpp"
#include "framework/io/image.hpp"
#include "framework/io/resize.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;

void check_options(const ImageFolderOptions& options) {
  check(options.height >= 1 && options.width >= 1 && options.height <= 65536 && options.width <= 65536,
        "load_image_folder: expected a height and a width of 1 to 65536, got {} and {}", options.height.value,
        options.width.value);
  check(options.channels == 3 || options.channels == 1, "load_image_folder: expected 3 or 1 channels, got {}",
        options.channels);
}

/// What can't be followed, such as a link to itself, is neither.
bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}
bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

/// What is in a folder, sorted by name.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  try {
    for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  } catch (const fs::filesystem_error& error) {
    fail("load_image_folder: expected a folder that can be read, got {}: {}", folder.string(), error.code().message());
  }
  std::ranges::sort(entries, {}, [](const fs::path& path) { return path.filename().string(); });
  return entries;
}

}  // namespace

bool is_image_name(const fs::path& path) {
  const std::string extension = lower_case_extension(path);
  return !hidden(path) && (extension == ".jpg" || extension == ".jpeg" || extension == ".png");
}

Tensor load_image(const fs::path& path, const ImageFolderOptions& options) {
  check_options(options);
  Tensor image = read_image(path);
  if (options.channels == 1) image = to_grey(image);
  return resize_image(image, options.height, options.width);
}

namespace {

/// Error unless each class has an image; it says where the images are, if they are elsewhere.
void check_classes(const fs::path& folder, const std::vector<std::string>& names,
                   const std::vector<std::string>& empty) {
  const std::vector<fs::path> entries = entries_of(folder);
  const auto flat = std::ranges::count_if(entries, [](const fs::path& p) { return is_image_name(p) && is_file(p); });
  check(empty.size() < names.size(),
        "load_image_folder: expected folders with JPEG or PNG files, one for each class, in {}, got {} folders and no "
        "image in them{}",
        folder.string(), names.size(),
        flat > 0
            ? fmt::format("; {} images lie in {} itself; put them into a folder for each class", flat, folder.string())
            : "");
  check(empty.empty(),
        "load_image_folder: expected JPEG or PNG files in the folder of each class, got none in {} in {}; remove what "
        "is no class",
        fmt::join(empty, ", "), folder.string());
}

}  // namespace

ImageFolder load_image_folder(const fs::path& folder, const ImageFolderOptions& options) {
  check_options(options);
  const auto files = std::make_shared<std::vector<fs::path>>();
  std::vector<std::string> names, empty;
  std::vector<std::int64_t> labels;
  std::int64_t skipped = 0;
  for (const fs::path& entry : entries_of(folder)) {
    if (hidden(entry) || !is_folder(entry)) {
      ++skipped;
      continue;
    }
    const auto before = files->size();
    for (const fs::path& file : entries_of(entry)) {
      if (!is_image_name(file) || !is_file(file)) {
        ++skipped;
        continue;
      }
      files->push_back(file);
      labels.push_back(std::ssize(names));
    }
    names.push_back(entry.filename().string());
    if (files->size() == before) empty.push_back(names.back());
  }
  check_classes(folder, names, empty);
  ImageSource source{{options.height, options.width, options.channels}, [files, options](std::int64_t index) {
                       return load_image((*files)[static_cast<std::size_t>(index)], options);
                     }};
  return {Dataset(std::move(source), Tensor::labels(labels), std::move(names)), *files, skipped};
}

}  // namespace xtape
