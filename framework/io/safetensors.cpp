#include "framework/io/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/amount.hpp"
#include "framework/io/atomic_file.hpp"
#include "framework/io/file_format.hpp"
#include "framework/io/half.hpp"
#include "framework/io/input_file.hpp"
#include "framework/io/safetensors_header.hpp"

namespace xtape {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr std::int64_t longest_header = 100'000'000;  // the limit of the format

const void* bytes_of(const Tensor& tensor) {
  return with_type(tensor.dtype(), [&](auto zero) -> const void* { return tensor.data<decltype(zero)>(); });
}

void* bytes_of(Tensor& tensor) {
  return with_type(tensor.dtype(), [&](auto zero) -> void* { return tensor.mutable_data<decltype(zero)>(); });
}

/// The order of the tensors' data in the file: wide elements first, which aligns all arrays without gaps. The format
/// forbids gaps.
std::vector<const NamedTensor*> data_order(const std::vector<NamedTensor>& tensors) {
  std::vector<const NamedTensor*> order;
  order.reserve(tensors.size());
  for (const NamedTensor& entry : tensors) order.push_back(&entry);
  std::ranges::stable_sort(order, std::greater(),
                           [](const NamedTensor* entry) { return safetensors_type(entry->tensor.dtype()).width; });
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

/// The JSON header, padded with spaces to a multiple of 8 bytes. Tensors are listed in the given order; their data are
/// in data_order().
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
    const Json description = {{"dtype", safetensors_type(entry.tensor.dtype()).code},
                              {"shape", std::vector(entry.tensor.shape().begin(), entry.tensor.shape().end())},
                              {"data_offsets", {begin, begin + entry.tensor.size_in_bytes()}}};
    entries.push_back(fmt::format("{}:{}", Json(entry.name).dump(), description.dump()));
  }
  std::string header = fmt::format("{{{}}}", fmt::join(entries, ","));
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

/// A file that is open for reading, and its header.
class OpenSafetensors {
 public:
  explicit OpenSafetensors(const std::filesystem::path& path)
      : path_(path.string()), file_("load_safetensors", path), header_(read_header(path_)) {}

  const SafetensorsHeader& header() const { return header_; }

  Tensor read(const SafetensorsEntry& entry) const {
    check(entry.type != nullptr,
          "load_safetensors: expected dtype {} for tensor \"{}\", got {:.200} in {}; list_safetensors() describes all "
          "tensors and reads those that are needed",
          safetensors_types_read, entry.name, entry.code, path_);
    check(entry.is_read(), "load_safetensors: expected at most {} axes in tensor \"{}\", got {} in {}", Shape::max_rank,
          entry.name, entry.axes, path_);
    Tensor tensor = Tensor::empty(entry.shape, entry.type->dtype);
    const std::int64_t begin = data_begin_ + entry.begin, size = entry.end - entry.begin;
    if (size == tensor.size_in_bytes()) {
      file_.read(begin, bytes_of(tensor), size);
    } else {  // F16 or BF16
      std::vector<std::uint16_t> narrow(static_cast<std::size_t>(entry.shape.size()));
      file_.read(begin, narrow.data(), size);
      std::ranges::transform(narrow, tensor.mutable_data<float>(), entry.code == "F16" ? from_half : from_brain);
    }
    return tensor;
  }

 private:
  SafetensorsHeader read_header(const std::string& path) {
    check_safetensors("load_safetensors", file_, path);
    check(file_.size() >= 8, "load_safetensors: expected the 8 bytes of the header's length, got {} in {}",
          amount(file_.size(), "byte"), path);
    std::uint64_t length = 0;
    file_.read(0, &length, 8);
    check(length <= static_cast<std::uint64_t>(file_.size() - 8) || may_be_safetensors(file_),
          "load_safetensors: expected a safetensors file, got one of another format: {}", path);
    check(
        length <= static_cast<std::uint64_t>(std::min(file_.size() - 8, longest_header)),
        "load_safetensors: expected a header of at most {} bytes, got {} at offset 0 of {}; is it a safetensors file?",
        std::min(file_.size() - 8, longest_header), length, path);
    std::string text(length, '\0');
    file_.read(8, text.data(), static_cast<std::int64_t>(length));
    data_begin_ = 8 + static_cast<std::int64_t>(length);
    return read_safetensors_header(text, file_.size() - data_begin_, path);
  }

  std::string path_;
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
  const auto write = [&](std::ostream& out) {
    const std::uint64_t length = header.size();
    out.write(reinterpret_cast<const char*>(&length), 8);
    out << header;
    for (const NamedTensor* entry : data_order(tensors)) {
      out.write(static_cast<const char*>(bytes_of(entry->tensor)), entry->tensor.size_in_bytes());
    }
  };
  write_atomically(path, write, "save_safetensors");
}

SafetensorsFile load_safetensors(const std::filesystem::path& path) {
  OpenSafetensors source(path);
  SafetensorsFile result{{}, source.header().metadata};
  for (const SafetensorsEntry& entry : source.header().entries) {
    result.tensors.push_back({entry.name, source.read(entry)});
  }
  return result;
}

std::vector<StoredTensor> list_safetensors(const std::filesystem::path& path) {
  const auto source = std::make_shared<OpenSafetensors>(path);
  std::vector<StoredTensor> result;
  for (const SafetensorsEntry& entry : source->header().entries) {
    const std::string axes = entry.axes <= Shape::max_rank ? "" : fmt::format(" with {} axes", entry.axes);
    result.push_back({entry.name, entry.is_read() ? std::optional(entry.type->dtype) : std::nullopt,
                      (entry.type ? std::string(entry.type->name) : entry.code.substr(0, 200)) + axes, entry.shape,
                      [source, entry] { return source->read(entry); }});
  }
  return result;
}

std::map<std::string, std::string> safetensors_metadata(const std::filesystem::path& path) {
  return OpenSafetensors(path).header().metadata;
}

}  // namespace xtape
