#include "framework/io/hdf5.hpp"

#include <algorithm>
#include <charconv>

#include "framework/io/atomic_file.hpp"
#include "framework/io/hdf5_file.hpp"
#include "framework/io/helper_process.hpp"

namespace xtape {
namespace {

/// A list for messages: "a", "b", "c" and 17 more.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  const auto shown = static_cast<std::ptrdiff_t>(std::min(names.size(), most));
  const std::string more = names.size() > most ? fmt::format(" and {} more", names.size() - most) : "";
  return names.empty() ? "none"
                       : fmt::format("\"{}\"{}", fmt::join(names.begin(), names.begin() + shown, "\", \""), more);
}

/// A helper process that creates an HDF5 file in its memory.
class Hdf5Maker {
 public:
  Hdf5Maker(const std::filesystem::path& path, std::int64_t bytes) : path_(path.string()) {
    ask({"create", path_, std::to_string(bytes)});
  }

  void write(const NamedTensor& entry) {
    const auto& [name, tensor] = entry;
    check(tensor.defined(), "save_hdf5: expected arrays, got an undefined tensor \"{}\" for {}", name, path_);
    std::vector<std::string> question{"dataset", name, std::to_string(static_cast<int>(tensor.dtype()))};
    for (const std::int64_t extent : tensor.shape()) question.push_back(std::to_string(extent));
    with_type(tensor.dtype(), [&, &values = tensor](auto zero) {
      ask(question, values.template data<decltype(zero)>(), static_cast<std::size_t>(values.size_in_bytes()));
    });
  }

  void write(const Hdf5Attribute& attribute) {
    const auto& [owner, name, values, array] = attribute;
    std::size_t width = 1;
    for (const std::string& value : values) width = std::max(width, value.size());
    check((array ? width * values.size() <= hdf5_attribute_limit : values.size() == 1),
          "save_hdf5: expected at most {} bytes in attribute \"{}\" of \"{}\", got {} values of {} for {}",
          hdf5_attribute_limit, name, owner, values.size(), width, path_);
    std::vector<std::string> question{"attribute", owner, name, array ? "array" : "scalar"};
    question.insert(question.end(), values.begin(), values.end());
    ask(question);
  }

  /// Finishes the file and copies its bytes to `out`.
  void copy_to(std::ostream& out) {
    const std::string answer = ask({"finish"}).at(0);
    std::size_t left = 0;
    std::from_chars(answer.data(), answer.data() + answer.size(), left);
    std::vector<char> piece(std::size_t{1} << 20);
    for (std::size_t count = 0; left > 0; left -= count) {
      count = std::min(left, piece.size());
      if (!helper_.receive_bytes(piece.data(), count)) fault();
      out.write(piece.data(), static_cast<std::streamsize>(count));
    }
  }

 private:
  HelperProcess::Texts ask(const HelperProcess::Texts& question, const void* bytes = nullptr, std::size_t count = 0) {
    auto answer = helper_.ask(question, bytes, count);
    if (!answer) fault();
    return std::move(*answer);
  }

  [[noreturn]] void fault() {
    fail("save_hdf5: expected the HDF5 library to create {}, got a crash: {}", path_, helper_.end());
  }

  std::string path_;
  HelperProcess helper_{"save_hdf5", hdf5_helper};
};

}  // namespace

Tensor load_hdf5(const std::filesystem::path& path, const std::string& name) {
  const Hdf5File file("load_hdf5", path);
  if (!file.contains(name)) {
    fail("load_hdf5: expected a data set \"{}\" in {}, got none of this name; the file has {}", name, path.string(),
         listed(file.dataset_names()));
  }
  return file.dataset(name).read();
}

std::vector<std::string> hdf5_dataset_names(const std::filesystem::path& path) {
  return Hdf5File("hdf5_dataset_names", path).dataset_names();
}

void save_hdf5(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
               const std::vector<Hdf5Attribute>& attributes) {
  std::int64_t bytes = 0;
  for (const NamedTensor& entry : tensors) bytes += entry.tensor.defined() ? entry.tensor.size_in_bytes() : 0;
  Hdf5Maker maker(path, bytes);
  for (const NamedTensor& entry : tensors) maker.write(entry);
  for (const Hdf5Attribute& attribute : attributes) maker.write(attribute);
  write_atomically(
      path, [&](std::ostream& out) { maker.copy_to(out); }, "save_hdf5");
}

}  // namespace xtape
