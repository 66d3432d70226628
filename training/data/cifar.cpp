#include "training/data/cifar.hpp"

#include <fstream>

#include "framework/io/input_file.hpp"
#include "framework/ops/manipulation.hpp"

namespace xtape {
namespace {

constexpr std::int64_t side = 32, plane = side * side, channels = 3;

/// The images of several files as one data set. Error with the path for a label that has no name.
Dataset joined(const std::vector<std::filesystem::path>& paths, std::int64_t label_bytes,
               const std::vector<std::string>& class_names) {
  std::vector<Variable> images, labels;
  for (const std::filesystem::path& path : paths) {
    const CifarImages part = read_cifar(path, label_bytes);
    for (const std::int64_t label : part.labels.to_vector<std::int64_t>()) {
      check(label < std::ssize(class_names), "read_cifar: expected labels below {}, got {} in {}", class_names.size(),
            label, path.string());
    }
    images.emplace_back(part.images);
    labels.emplace_back(part.labels);
  }
  if (paths.size() == 1) return {images[0].value(), labels[0].value(), class_names};
  return {concatenate(images, 0).value(), concatenate(labels, 0).value(), class_names};
}

}  // namespace

CifarImages read_cifar(const std::filesystem::path& path, std::int64_t label_bytes) {
  check(label_bytes >= 1 && label_bytes <= 2, "read_cifar: expected 1 or 2 bytes of labels, got {}", label_bytes);
  const InputFile file("read_cifar", path);
  const std::int64_t record = label_bytes + channels * plane, count = file.size() / record;
  check(count > 0 && file.size() % record == 0,
        "read_cifar: expected one or more records of {} bytes, got {} bytes in {}; it is no file of CIFAR's binary "
        "version, or was cut short",
        record, file.size(), path.string());
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(file.size()));
  file.read(0, bytes.data(), file.size());
  CifarImages result{Tensor::empty({count, side, side, channels}, DType::uint8), Tensor::empty({count}, DType::int64)};
  auto* pixels = result.images.mutable_data<std::uint8_t>();
  auto* labels = result.labels.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint8_t* from = bytes.data() + i * record;
    labels[i] = from[label_bytes - 1];
    from += label_bytes;
    for (std::int64_t p = 0; p < plane; ++p) {
      for (std::int64_t c = 0; c < channels; ++c) *pixels++ = from[c * plane + p];
    }
  }
  return result;
}

SplitData load_cifar10(const std::filesystem::path& folder) {
  const std::vector<std::string> names{"airplane", "automobile", "bird",  "cat",  "deer",
                                       "dog",      "frog",       "horse", "ship", "truck"};
  std::vector<std::filesystem::path> batches;
  for (int i = 1; i <= 5; ++i) batches.push_back(folder / fmt::format("data_batch_{}.bin", i));
  return {joined(batches, 1, names), joined({folder / "test_batch.bin"}, 1, names)};
}

SplitData load_cifar100(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "fine_label_names.txt";
  input_file_size("load_cifar100", path);
  std::ifstream file(path);
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line) && names.size() <= 100;) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  check(names.size() == 100, "load_cifar100: expected the names of 100 classes, got {} in {}",
        names.size() > 100 ? "more" : std::to_string(names.size()), path.string());
  return {joined({folder / "train.bin"}, 2, names), joined({folder / "test.bin"}, 2, names)};
}

}  // namespace xtape
