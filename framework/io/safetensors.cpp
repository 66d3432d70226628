#include "framework/io/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/io/atomic_file.hpp"
#include "framework/io/input_file.hpp"

namespace xtape {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian, and so are we");

constexpr std::int64_t longest_header = 100'000'000;  // the format's own limit
constexpr const char* metadata_name = "__metadata__";

const char* type_name(DType dtype) {
  switch (dtype) {
    case DType::float32: return "F32";
    case DType::float64: return "F64";
    case DType::int64: return "I64";
    case DType::uint8: return "U8";
  }
  return "?";
}

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
    check(name != metadata_name, "save_safetensors: expected names of tensors, got \"{}\" for {}, which is reserved",
          name, path.string());
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
  if (!metadata.empty()) entries.push_back(fmt::format("\"{}\":{}", metadata_name, Json(metadata).dump()));
  for (const NamedTensor& entry : tensors) {
    const std::int64_t begin = begins[&entry];
    const Json description = {{"dtype", type_name(entry.tensor.dtype())},
                              {"shape", std::vector(entry.tensor.shape().begin(), entry.tensor.shape().end())},
                              {"data_offsets", {begin, begin + entry.tensor.size_in_bytes()}}};
    entries.push_back(fmt::format("{}:{}", Json(entry.name).dump(), description.dump()));
  }
  std::string header = fmt::format("{{{}}}", fmt::join(entries, ","));
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

/// One tensor as the header describes it; offsets in bytes from the end of the header.
struct Entry {
  std::string name;
  DType dtype;
  Shape shape;
  std::int64_t begin, end;
};

/// Reads and checks the header of one file.
class HeaderReader {
 public:
  explicit HeaderReader(const std::filesystem::path& path)
      : path_(path.string()), file_("load_safetensors", path), json_(parsed(header_text())) {}

  std::map<std::string, std::string> metadata() const {
    std::map<std::string, std::string> result;
    if (!json_.contains(metadata_name)) return result;
    for (const auto& [key, value] : json_.at(metadata_name).items()) {
      check(value.is_string(), "load_safetensors: expected text in \"{}\", got {} for \"{}\" in {}", metadata_name,
            value.type_name(), key, path_);
      result[key] = value.get<std::string>();
    }
    return result;
  }

  /// All tensors, in the header's order.
  std::vector<Entry> entries() const {
    std::vector<Entry> result;
    for (const std::string& name : names_) {
      if (name != metadata_name) result.push_back(entry(name));
    }
    check_coverage(result);
    return result;
  }

  Tensor read(const Entry& entry) {
    Tensor tensor = Tensor::empty(entry.shape, entry.dtype);
    file_.read(data_begin_ + entry.begin, bytes_of(tensor), entry.end - entry.begin);
    return tensor;
  }

 private:
  std::string header_text() {
    check(file_.size() >= 8, "load_safetensors: expected the 8 bytes of the header's length, got {} bytes in {}",
          file_.size(), path_);
    std::uint64_t length = 0;
    file_.read(0, &length, 8);
    check(
        length <= static_cast<std::uint64_t>(std::min(file_.size() - 8, longest_header)),
        "load_safetensors: expected a header of at most {} bytes, got {} at offset 0 of {}; is it a safetensors file?",
        std::min(file_.size() - 8, longest_header), length, path_);
    std::string text(length, '\0');
    file_.read(8, text.data(), static_cast<std::int64_t>(length));
    data_begin_ = 8 + static_cast<std::int64_t>(length);
    return text;
  }

  /// The header as JSON; the parser's callback refuses what would be dangerous or lost once it is parsed: deep nesting,
  /// and names that come twice.
  Json parsed(const std::string& text) {
    std::array<std::set<std::string>, 2> seen;  // keys of the header, and of the entry being read
    const auto inspect = [&](int depth, Json::parse_event_t event, const Json& value) {
      const bool too_deep = (event == Json::parse_event_t::object_start && depth > 1) ||
                            (event == Json::parse_event_t::array_start && depth > 2);
      check(!too_deep, "load_safetensors: expected a header of objects of fields, got deeper nesting in {}", path_);
      if (event == Json::parse_event_t::object_start && depth == 1) seen[1].clear();
      if (event == Json::parse_event_t::key) {
        const auto key = value.get<std::string>();
        check(seen.at(static_cast<std::size_t>(depth - 1)).insert(key).second,
              "load_safetensors: expected different names, got \"{}\" twice in the header of {}", key, path_);
        if (depth == 1) names_.push_back(key);
      }
      return true;
    };
    try {
      Json header = Json::parse(text, inspect);
      check(header.is_object(), "load_safetensors: expected a JSON object as header, got {} in {}", header.type_name(),
            path_);
      check(!header.contains(metadata_name) || header[metadata_name].is_object(),
            "load_safetensors: expected \"{}\" to be a JSON object, got {} in {}", metadata_name,
            header.value(metadata_name, Json()).type_name(), path_);
      return header;
    } catch (const Json::exception& error) {
      fail("load_safetensors: expected a JSON header at offset 8 of {}, got: {:.200}", path_, error.what());
    }
  }

  Entry entry(const std::string& name) const {
    const Json& description = json_.at(name);
    check(description.is_object(), "load_safetensors: expected a JSON object for tensor \"{}\", got {} in {}", name,
          description.type_name(), path_);
    const auto offsets = integers(name, description, "data_offsets");
    check(
        offsets.size() == 2 && offsets[0] <= offsets[1] && offsets[1] <= data_size(),
        "load_safetensors: expected data_offsets [begin, end] within the {} bytes of data for tensor \"{}\", got [{}] "
        "in {}",
        data_size(), name, fmt::join(offsets, ", "), path_);
    Entry result{name, dtype(name, description), shape(name, description), offsets[0], offsets[1]};
    const std::int64_t bytes = result.end - result.begin;
    const std::int64_t width = element_size(result.dtype);
    check(bytes % width == 0 && bytes / width == result.shape.size(),
          "load_safetensors: expected {} elements of {} for tensor \"{}\" of shape {}, got {} bytes (offsets {} to {}) "
          "in {}",
          result.shape.size(), result.dtype, name, result.shape, bytes, result.begin, result.end, path_);
    return result;
  }

  DType dtype(const std::string& name, const Json& description) const {
    const std::string text = description.contains("dtype") ? description["dtype"].dump() : "nothing";
    for (const DType known : {DType::float32, DType::float64, DType::int64, DType::uint8}) {
      if (text == fmt::format("\"{}\"", type_name(known))) return known;
    }
    fail("load_safetensors: expected dtype F32, F64, I64 or U8 for tensor \"{}\", got {:.200} in {}", name, text,
         path_);
  }

  Shape shape(const std::string& name, const Json& description) const {
    try {
      return Shape(integers(name, description, "shape"));
    } catch (const Error& error) {
      fail("load_safetensors: expected the shape of tensor \"{}\", got: {} in {}", name, error.what(), path_);
    }
  }

  /// A field that holds a list of integers of 0 or more.
  std::vector<std::int64_t> integers(const std::string& name, const Json& description, const char* field) const {
    const Json list = description.value(field, Json());
    const auto valid = [](const Json& value) {
      return value.is_number_unsigned() && value.get<std::uint64_t>() <= std::uint64_t{1} << 62;
    };
    check(list.is_array() && std::ranges::all_of(list, valid),
          "load_safetensors: expected a list of integers from 0 to 2^62 as {} of tensor \"{}\", got {:.200} in {}",
          field, name, list.dump(), path_);
    return list.get<std::vector<std::int64_t>>();
  }

  /// Tensors must follow each other without gap or overlap up to the end of the file.
  void check_coverage(const std::vector<Entry>& entries) const {
    std::vector<const Entry*> order;
    order.reserve(entries.size());
    for (const Entry& entry : entries) order.push_back(&entry);
    std::ranges::sort(order, {}, [](const Entry* entry) { return std::pair(entry->begin, entry->end); });
    std::int64_t offset = 0;
    for (const Entry* entry : order) {
      check(entry->begin == offset,
            "load_safetensors: expected data without {}, got tensor \"{}\" at offset {} after {} in {}",
            entry->begin > offset ? "gaps" : "overlap", entry->name, entry->begin, offset, path_);
      offset = entry->end;
    }
    check(offset == data_size(), "load_safetensors: expected {} bytes of data, as the header says, got {} in {}",
          offset, data_size(), path_);
  }

  std::int64_t data_size() const { return file_.size() - data_begin_; }

  std::string path_;
  InputFile file_;
  std::int64_t data_begin_ = 0;
  std::vector<std::string> names_;  // in the header's order, which Json does not keep
  Json json_;
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
  HeaderReader header(path);
  SafetensorsFile result;
  result.metadata = header.metadata();
  for (const Entry& entry : header.entries()) result.tensors.push_back({entry.name, header.read(entry)});
  return result;
}

std::vector<StoredTensor> list_safetensors(const std::filesystem::path& path) {
  const auto header = std::make_shared<HeaderReader>(path);
  std::vector<StoredTensor> result;
  for (const Entry& entry : header->entries()) {
    result.push_back({entry.name, entry.dtype, entry.shape, [header, entry] { return header->read(entry); }});
  }
  return result;
}

std::map<std::string, std::string> safetensors_metadata(const std::filesystem::path& path) {
  const HeaderReader header(path);
  static_cast<void>(header.entries());  // all of it is checked
  return header.metadata();
}

}  // namespace xtape
