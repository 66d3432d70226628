// Image folders: a data set of photographs on the disk, a folder for each class.
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
  /// Height of the images in pixels.
  Required<std::int64_t> height, width;  ///< to which every image is resized, whatever its proportions
  std::int64_t channels = 3;             ///< 3: RGB; 1: grey values
  bool skip_unreadable = false;          ///< leave out images that can't be read, instead of throwing an Error
  /// Whether standard error shows how far the images are checked, when that takes more than two seconds.
  bool show_progress = true;
};

/// A file, or a link to none, that has the name of an image, and why it can't be read.
struct UnreadableImage {
  /// Path of the file.
  std::filesystem::path file;
  /// Why it cannot be read.
  std::string reason;
};

/// What a folder holds.
struct ImageFolder {
  /// The images and labels.
  Dataset data;
  std::vector<std::filesystem::path> files;  ///< of each example
  std::int64_t skipped;                      ///< entries that are no images
  std::vector<UnreadableImage> unreadable;   ///< images that were left out; none unless skip_unreadable is set
};

/// An image as a network takes it: read_image, to_grey where there is one channel, resize_image. Error as these, with
/// the path, and when channels is neither 3 nor 1.
Tensor load_image(const std::filesystem::path& path, const ImageFolderOptions& options);

/// Files whose names end in .jpg, .jpeg or .png, in any case, are images; those that begin with a dot are not.
bool is_image_name(const std::filesystem::path& path);

/// The images of a folder with a folder for each class: folder/`CLASS/IMAGE`.jpg. The names of the class folders,
/// sorted by their bytes, are the class names; examples come class by class, sorted by name. Other files, hidden ones
/// and folders inside of class folders are skipped and counted. All images are checked before this returns (see
/// check_image), on all threads. They are read and decoded again when a batch asks for them, so that a data set may be
/// larger than memory. Error with the path when the folder can't be read, holds no class folder, one without an image
/// (naming all of these), or one whose name is not UTF-8 or has control characters; and when images can't be read
/// (naming the first ten), unless skip_unreadable is set: then they are left out.
ImageFolder load_image_folder(const std::filesystem::path& folder, const ImageFolderOptions& options);

}  // namespace xtape
