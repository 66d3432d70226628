// The images for the programs: SIGNS, (Fashion-)MNIST, CIFAR-10 or a folder of photographs, distinguished by the files
// in the folder.
#pragma once

#include <filesystem>
#include <string>
#include <xtape/xtape.hpp>

namespace xtape {

/// The text of --help for the data.
inline constexpr const char* data_help =
    "A folder with train_signs.h5 and test_signs.h5; with the IDX files of (Fashion-)MNIST, plain or .gz; with the "
    "binary files of CIFAR-10; or with photographs: train/CLASS/*.jpg and test/CLASS/*.jpg, or CLASS/*.jpg, of which a "
    "fifth is for tests";
/// The text of --help for --skip-unreadable.
inline constexpr const char* skip_unreadable_help =
    "Leave out photographs that can't be read, and say how many; without it they are an error";

/// Training and test images, and the kind of the data: "signs", "fashion-mnist", "mnist" (IDX files in any other than
/// the usual folder), "cifar-10" or "photographs".
struct DataSource {
  SplitData parts;
  std::string name;
};

/// Fashion-MNIST in the folder of Debian's package.
DataSource usual_fashion_mnist();

/// The data in the folder. Photographs are resized to the given size. They count as split if train/ and test/ both
/// contain class folders; then other files and folders are ignored. Error when the path is not a folder, the folder has
/// none of these kinds of data, it may be either classes or a split (with both names), or test photographs have classes
/// that the training photographs do not have.
DataSource load_data(const std::filesystem::path& folder, const ImageFolderOptions& photographs);

}  // namespace xtape
