// Image folders: a data set of image files, with one folder for each class.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "layers/graph/layer.hpp"
#include "training/data/dataset.hpp"

namespace xtape {

/// Options of load_image_folder().
struct ImageFolderOptions {
  /// Height in pixels to which every image is resized.
  Required<std::int64_t> height, width;  ///< width in pixels; the aspect ratio is not preserved
  std::int64_t channels = 3;             ///< 3: RGB; 1: grey
  bool skip_unreadable = false;          ///< leave out images that cannot be read, instead of throwing an Error
  /// Show progress on standard error if checking the images takes more than two seconds.
  bool show_progress = true;
};

/// An image file that cannot be read, or a broken link with the name of an image.
struct UnreadableImage {
  /// Path of the file.
  std::filesystem::path file;
  /// Why it cannot be read.
  std::string reason;
};

/// The content of an image folder.
struct ImageFolder {
  /// The images and labels.
  Dataset data;
  std::vector<std::filesystem::path> files;  ///< the file of each sample
  std::int64_t skipped;                      ///< number of entries that are not images
  std::vector<UnreadableImage> unreadable;   ///< images that were left out; empty unless skip_unreadable is set
};

/// Reads an image for a network: read_image(), to_grey() for one channel, and resize_image(). Error with the path when
/// the image cannot be read, or when the options are out of range.
Tensor load_image(const std::filesystem::path& path, const ImageFolderOptions& options);

/// Whether a file has the name of an image: it ends in .jpg, .jpeg or .png, in lower or upper case, and does not begin
/// with a dot.
bool is_image_name(const std::filesystem::path& path);

/// Reads a folder that has one folder for each class: folder/`CLASS/IMAGE`.jpg. The class names are the names of the
/// class folders, sorted by bytes. Samples are in the order of the classes, then sorted by name. Other files, hidden
/// files, and folders inside class folders are skipped and counted. All images are checked on all threads before this
/// function returns (see check_image). They are read and decoded again when a batch needs them, so a data set may be
/// larger than memory.
///
/// Error with the path when the folder cannot be read or has no class folders, when class folders have no images (with
/// their names), when the name of a class folder is not UTF-8 or has control characters, or when images cannot be read
/// (with the first ten), unless skip_unreadable is set.
ImageFolder load_image_folder(const std::filesystem::path& folder, const ImageFolderOptions& options);

}  // namespace xtape
