// CIFAR-10 and CIFAR-100 in their binary format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "training/data/dataset.hpp"

namespace xtape {

/// Images and labels of one file of CIFAR's binary format.
struct CifarImages {
  Tensor images;  ///< (n, 32, 32, 3) uint8
  Tensor labels;  ///< (n) int64
};

/// Reads one file of CIFAR's binary format: records of `label_bytes` labels, of which the last one counts, and 3072
/// bytes, the red, green and blue plane of an image of 32x32 pixels in rows. Error with the path unless the file
/// consists of one or more whole records.
CifarImages read_cifar(const std::filesystem::path& path, std::int64_t label_bytes = 1);

/// CIFAR-10 (A. Krizhevsky: Learning multiple layers of features from tiny images, 2009): photographs in 10 classes,
/// (n, 32, 32, 3) uint8. Reads data_batch_1.bin to data_batch_5.bin and test_batch.bin in the folder (the binary
/// version of the data set). Error with the path when a file is missing, has a part of a record, or a label above 9.
SplitData load_cifar10(const std::filesystem::path& folder);

/// CIFAR-100: as CIFAR-10 with 100 classes, the fine labels. Reads train.bin, test.bin and fine_label_names.txt in the
/// folder. Error with the path as for load_cifar10(), and unless the file of names has 100 lines.
SplitData load_cifar100(const std::filesystem::path& folder);

}  // namespace xtape
