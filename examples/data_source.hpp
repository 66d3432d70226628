// Where the programs find their images: SIGNS, (Fashion-)MNIST or a folder of photographs, told apart by what is there.
#pragma once

#include <filesystem>
#include <string>
#include <xtape/xtape.hpp>

namespace xtape {

/// For --help.
inline constexpr const char* data_help =
    "A folder with train_signs.h5 and test_signs.h5; with the IDX files of (Fashion-)MNIST, plain or .gz; or with "
    "photographs: train/CLASS/*.jpg and test/CLASS/*.jpg, or CLASS/*.jpg, of which a fifth is for tests";
/// For --help of --skip-unreadable.
inline constexpr const char* skip_unreadable_help =
    "Leave out photographs that can't be read, and say how many; without it they are an error";

/// Training and test images, and what they are: "signs", "fashion-mnist", "mnist" (IDX files of anything but the usual
/// folder) or "photographs".
struct DataSource {
  SplitData parts;
  std::string name;
};

/// Fashion-MNIST where Debian puts it.
DataSource usual_fashion_mnist();

/// Whatever lies in the folder. Photographs are read in the given size. They are split already where train/ and test/
/// both hold class folders; other files and folders beside these are left out. Error when it is no folder, holds none
/// of these, may be read as classes and as a split (naming both), or there are test photographs of classes that the
/// training photographs lack.
DataSource load_data(const std::filesystem::path& folder, const ImageFolderOptions& photographs);

}  // namespace xtape
