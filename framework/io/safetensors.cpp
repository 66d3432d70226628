#include "framework/io/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/io/atomic_file.hpp"
#include "framework/io/input_file.hpp"
#include "framework/io/safetensors_header.hpp"

namespace xtape {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian, and so are we");

constexpr std::int64_t longest_header = 100'000'000;  // the format's own limit

std::int64_t element_size(DType dtype) {
  return with_type(dtype, [](auto zero) { return static_cast<std::int64_t>(sizeof zero); });
}

const void* bytes_of(const Tensor& tensor) {
  return with_type(tensor.dtype(), [&](auto zero) -> const void* { return tensor.data<decltype(zero)>(); });
}

void* bytes_of(Tensor& tensor) {
  return with_type(tensor.dtype(), [&](auto zero) -> void* { return tensor.mutable_data<decltype(zero)>(); });
}

/// Tensors in the order of their data: wide elements first, so that each is aligned without gaps, which are forbidden.
std::vector<const NamedTensor*> data_order(const std::vector<NamedTensor>& tensors) {
  std::vector<const NamedTensor*> order;
  order.reserve(tensors.size());
  for (const NamedTensor& entry : tensors) order.push_back(&entry);
  std::ranges::stable_sort(order, std::greater(),
                           [](const NamedTensor* entry) { return element_size(entry->tensor.dtype()); });
  return order;
}

void check_names(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    check(tensor.defined(), "save_safetensors: expected arrays, got an undefined tensor \"{}\" for {}", name,
          path.string());
    check(name != safetensors_metadata_name,
          "save_safetensors: expected names of tensors, got \"{}\" for {}, which is reserved", name, path.string());
    check(names.insert(name).second, "save_safetensors: expected different names, got \"{}\" twice for {}", name,
          path.string());
  }
}

/// The JSON header, padded by spaces to a multiple of 8 bytes; tensors in the order given, offsets in data_order().
std::string header_of(const std::vector<NamedTensor>& tensors, const std::map<std::string, std::string>& metadata) {
  std::map<const NamedTensor*, std::int64_t> begins;
  std::int64_t offset = 0;
  for (const NamedTensor* entry : data_order(tensors)) {
    begins[entry] = offset;
    offset += entry->tensor.size_in_bytes();
  }
  std::vector<std::string> entries;
  if (!metadata.empty()) entries.push_back(fmt::format("\"{}\":{}", safetensors_metadata_name, Json(metadata).dump()));
  for (const NamedTensor& entry : tensors) {
    const std::int64_t begin = begins[&entry];
    const Json description = {{"dtype", safetensors_type(entry.tensor.dtype())},
                              {"shape", std::vector(entry.tensor.shape().begin(), entry.tensor.shape().end())},
                              {"data_offsets", {begin, begin + entry.tensor.size_in_bytes()}}};
    entries.push_back(fmt::format("{}:{}", Json(entry.name).dump(), description.dump()));
  }
  std::string header = fmt::format("{{{}}}", fmt::join(entries, ","));
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

/// A file open for reading, and what its header says.
class Source {
 public:
  explicit Source(const std::filesystem::path& path)
      : file_("load_safetensors", path), header_(read_header(path.string())) {}

  const SafetensorsHeader& header() const { return header_; }

  Tensor read(const SafetensorsEntry& entry) {
    Tensor tensor = Tensor::empty(entry.shape, entry.dtype);
    file_.read(data_begin_ + entry.begin, bytes_of(tensor), entry.end - entry.begin);
    return tensor;
  }

 private:
  SafetensorsHeader read_header(const std::string& path) {
    check(file_.size() >= 8, "load_safetensors: expected the 8 bytes of the header's length, got {} bytes in {}",
          file_.size(), path);
    std::uint64_t length = 0;
    file_.read(0, &length, 8);
    check(
        length <= static_cast<std::uint64_t>(std::min(file_.size() - 8, longest_header)),
        "load_safetensors: expected a header of at most {} bytes, got {} at offset 0 of {}; is it a safetensors file?",
        std::min(file_.size() - 8, longest_header), length, path);
    std::string text(length, '\0');
    file_.read(8, text.data(), static_cast<std::int64_t>(length));
    data_begin_ = 8 + static_cast<std::int64_t>(length);
    return read_safetensors_header(text, file_.size() - data_begin_, path);
  }

  InputFile file_;
  std::int64_t data_begin_ = 0;
  SafetensorsHeader header_;
};

}  // namespace

void save_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  check_names(path, tensors);
  std::string header;
  try {
    header = header_of(tensors, metadata);
  } catch (const Json::exception& error) {
    fail("save_safetensors: expected names and metadata in UTF-8 for {}, got: {:.200}", path.string(), error.what());
  }
  write_atomically(path, [&](std::ostream& out) {
    const std::uint64_t length = header.size();
    out.write(reinterpret_cast<const char*>(&length), 8);
    out << header;
    for (const NamedTensor* entry : data_order(tensors)) {
      out.write(static_cast<const char*>(bytes_of(entry->tensor)), entry->tensor.size_in_bytes());
    }
  });
}

SafetensorsFile load_safetensors(const std::filesystem::path& path) {
  Source source(path);
  SafetensorsFile result{{}, source.header().metadata};
  for (const SafetensorsEntry& entry : source.header().entries) {
    result.tensors.push_back({entry.name, source.read(entry)});
  }
  return result;
}

std::vector<StoredTensor> list_safetensors(const std::filesystem::path& path) {
  const auto source = std::make_shared<Source>(path);
  std::vector<StoredTensor> result;
  for (const SafetensorsEntry& entry : source->header().entries) {
    result.push_back({entry.name, entry.dtype, entry.shape, [source, entry] { return source->read(entry); }});
  }
  return result;
}

std::map<std::string, std::string> safetensors_metadata(const std::filesystem::path& path) {
  return Source(path).header().metadata;
}

}  // namespace xtape
