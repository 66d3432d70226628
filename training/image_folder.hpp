// Image folders: a data set of photographs on the disk, a folder for each class.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "layers/layer.hpp"
#include "training/dataset.hpp"

namespace xtape {

struct ImageFolderOptions {
  Required<std::int64_t> height, width;  ///< to which every image is resized, whatever its proportions
  std::int64_t channels = 3;             ///< 3: RGB; 1: grey values
};

/// What a folder holds.
struct ImageFolder {
  Dataset data;
  std::vector<std::filesystem::path> files;  ///< of each example
  std::int64_t skipped;                      ///< entries that are no images
};

/// An image as a network takes it: read_image, to_grey where there is one channel, resize_image. Error as these, with
/// the path, and when channels is neither 3 nor 1.
Tensor load_image(const std::filesystem::path& path, const ImageFolderOptions& options);

/// Files whose names end in .jpg, .jpeg or .png, in any case, are images; those that begin with a dot are not.
bool is_image_name(const std::filesystem::path& path);

/// The images of a folder with a folder for each class: folder/<class>/<image>.jpg. The names of the class folders,
/// sorted by their bytes, are the class names; examples come class by class, sorted by name. Other files, hidden ones
/// and folders inside of class folders are skipped and counted. Files are read and decoded when a batch asks for them
/// (see load_image for the errors that come out there), so that a data set may be larger than memory. Error with the
/// path when the folder can't be read, holds no class folder, or one without an image (naming all of these).
ImageFolder load_image_folder(const std::filesystem::path& folder, const ImageFolderOptions& options);

}  // namespace xtape
