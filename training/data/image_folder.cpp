#include "training/data/image_folder.hpp"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "framework/amount.hpp"
#include "framework/io/extension.hpp"
#include "framework/io/image.hpp"
#include "framework/io/resize.hpp"
#include "framework/io/utf8.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "training/data/check_progress.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;

void check_options(std::string_view function, const ImageFolderOptions& options) {
  check(options.height >= 1 && options.width >= 1 && options.height <= 65536 && options.width <= 65536,
        "{}: expected a height and a width of 1 to 65536, got {} and {}", function, options.height.value,
        options.width.value);
  check(options.channels == 3 || options.channels == 1, "{}: expected 3 or 1 channels, got {}", function,
        options.channels);
}

/// A path that cannot be resolved, such as a link to itself, is neither a folder nor a file.
bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}
bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_broken_link(const fs::path& path) {
  std::error_code ignored;
  return fs::is_symlink(path, ignored) && !fs::exists(path, ignored);
}

bool hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

/// The entries of a folder, sorted by name.
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
  check_options("load_image", options);
  Tensor image = read_image(path);
  if (options.channels == 1) image = to_grey(image);
  return resize_image(image, options.height, options.width);
}

namespace {

/// Error unless each class has an image. The message says if the images are in `folder` itself.
void check_classes(const fs::path& folder, const std::vector<std::string>& names,
                   const std::vector<std::int64_t>& labels) {
  std::vector<std::string> empty;
  std::vector<bool> met(names.size(), false);
  for (const std::int64_t label : labels) met[static_cast<std::size_t>(label)] = true;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!met[i]) empty.push_back(names[i]);
  }
  const std::vector<fs::path> entries = entries_of(folder);
  const auto flat = std::ranges::count_if(entries, [](const fs::path& p) { return is_image_name(p) && is_file(p); });
  check(empty.size() < names.size(),
        "load_image_folder: expected folders with JPEG or PNG files, one for each class, in {}, got {} and no "
        "image in them{}",
        folder.string(), amount(names.size(), "folder"),
        flat > 0 ? fmt::format("; {} in {} itself; put {} into a folder for each class",
                               flat == 1 ? "1 image lies" : fmt::format("{} images lie", flat), folder.string(),
                               flat == 1 ? "it" : "them")
                 : "");
  check(empty.empty(),
        "load_image_folder: expected JPEG or PNG files that can be read in the folder of each class, got none in {} in "
        "{}; remove what is no class",
        fmt::join(empty, ", "), folder.string());
}

ProgressOutput standard_error() {
  return {.stream = &std::cerr, .columns = [] { return isatty(STDERR_FILENO) == 1 ? 80 : 0; }};
}

/// For each file, why it cannot be read; empty if it can.
std::vector<std::string> faults_of(const std::vector<fs::path>& files, bool show_progress) {
  constexpr std::size_t between_updates = 256;
  constexpr std::int64_t at_once = 4;
  std::vector<std::string> faults(files.size());
  std::optional<CheckProgress> progress;
  if (show_progress) progress.emplace(files.size(), standard_error());
  for (std::size_t begin = 0; begin < files.size(); begin += between_updates) {
    const std::size_t count = std::min(between_updates, files.size() - begin);
    kernels::parallel_for(static_cast<std::int64_t>(count), at_once, [&](std::int64_t first, std::int64_t last) {
      for (std::size_t i = begin + static_cast<std::size_t>(first); i < begin + static_cast<std::size_t>(last); ++i) {
        try {
          check_image(files[i]);
        } catch (const OutOfMemory&) {
          throw;
        } catch (const Error& error) {
          faults[i] = error.what();
        }
      }
    });
    if (progress) progress->update(begin + count);
  }
  return faults;
}

/// Removes images that cannot be read, and their labels, from the lists. Returns them.
std::vector<UnreadableImage> remove_unreadable(std::vector<fs::path>& files, std::vector<std::int64_t>& labels,
                                               bool show_progress) {
  const std::vector<std::string> faults = faults_of(files, show_progress);
  std::vector<UnreadableImage> unreadable;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < faults.size(); ++i) {
    if (faults[i].empty()) {
      std::swap(files[kept], files[i]);
      labels[kept++] = labels[i];
    } else {
      unreadable.push_back({std::move(files[i]), faults[i]});
    }
  }
  files.resize(kept);
  labels.resize(kept);
  return unreadable;
}

[[noreturn]] void fail_for(const std::vector<UnreadableImage>& unreadable, std::size_t all, const fs::path& folder) {
  constexpr std::size_t most = 10;
  std::string text;
  for (const UnreadableImage& image : std::span(unreadable).first(std::min(most, unreadable.size()))) {
    text += "\n  " + image.reason;
  }
  if (unreadable.size() > most) text += fmt::format("\n  and {} more", unreadable.size() - most);
  fail(
      "load_image_folder: expected images that can be read in {}, got {} of {} that can't; remove them or set "
      "skip_unreadable (programs: --skip-unreadable):{}",
      folder.string(), unreadable.size(), all, text);
}

std::string class_name_of(const fs::path& folder) {
  std::string name = folder.filename().string();
  try {
    check_name(name);
  } catch (const Error& error) {
    fail_as(
        error,
        "load_image_folder: expected a class folder whose name can be kept in a model's file, got \"{}\" in {}: {}; "
        "rename it",
        printable(name), folder.parent_path().string(), error.what());
  }
  return name;
}

}  // namespace

ImageFolder load_image_folder(const fs::path& folder, const ImageFolderOptions& options) {
  check_options("load_image_folder", options);
  const auto files = std::make_shared<std::vector<fs::path>>();
  std::vector<std::string> names;
  std::vector<std::int64_t> labels;
  std::int64_t skipped = 0;
  for (const fs::path& entry : entries_of(folder)) {
    if (hidden(entry) || !is_folder(entry)) {
      ++skipped;
      continue;
    }
    for (const fs::path& file : entries_of(entry)) {
      if (!is_image_name(file) || !(is_file(file) || is_broken_link(file))) {
        ++skipped;
        continue;
      }
      files->push_back(file);
      labels.push_back(std::ssize(names));
    }
    names.push_back(class_name_of(entry));
  }
  check_classes(folder, names, labels);
  const std::size_t all = files->size();
  std::vector<UnreadableImage> unreadable = remove_unreadable(*files, labels, options.show_progress);
  if (!unreadable.empty()) {
    if (!options.skip_unreadable) fail_for(unreadable, all, folder);
    check_classes(folder, names, labels);
  }
  ImageSource source{{options.height, options.width, options.channels}, [files, options](std::int64_t index) {
                       return load_image((*files)[static_cast<std::size_t>(index)], options);
                     }};
  return {Dataset(std::move(source), Tensor::labels(labels), std::move(names)), *files, skipped, std::move(unreadable)};
}

}  // namespace xtape
