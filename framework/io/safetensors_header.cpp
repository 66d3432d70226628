#include "framework/io/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/amount.hpp"

namespace xtape {
namespace {

using Json = nlohmann::json;

/// The types that are written come first, because safetensors_type() finds the first one with a DType.
constexpr std::array<SafetensorsType, 6> safetensors_types{{{"F32", "float32", DType::float32, 4},
                                                            {"F64", "float64", DType::float64, 8},
                                                            {"I64", "int64", DType::int64, 8},
                                                            {"U8", "uint8", DType::uint8, 1},
                                                            {"F16", "float16", DType::float32, 2},
                                                            {"BF16", "bfloat16", DType::float32, 2}}};

/// Converts the JSON fields of an array to a SafetensorsEntry.
class EntryReader {
 public:
  EntryReader(std::int64_t data_size, const std::string& path) : data_size_(data_size), path_(path) {}

  SafetensorsEntry entry(const std::string& name, const Json& fields) const {
    const auto offsets = integers(name, fields, "data_offsets");
    check(
        offsets.size() == 2 && offsets[0] <= offsets[1] && offsets[1] <= data_size_,
        "load_safetensors: expected data_offsets [begin, end] within the {} bytes of data for tensor \"{}\", got [{}] "
        "in {}",
        data_size_, name, fmt::join(offsets, ", "), path_);
    const std::string type_code = code(name, fields);
    const auto* type = std::ranges::find(safetensors_types, type_code, &SafetensorsType::code);
    const auto extents = integers(name, fields, "shape");
    SafetensorsEntry result{
        name,       type_code, type == safetensors_types.end() ? nullptr : type, shape(name, extents), extents.size(),
        offsets[0], offsets[1]};
    if (!result.is_read()) return result;
    const std::int64_t bytes = result.end - result.begin;
    const std::int64_t width = result.type->width;
    check(bytes % width == 0 && bytes / width == result.shape.size(),
          "load_safetensors: expected {} of {} for tensor \"{}\" of shape {}, got {} (offsets {} to {}) "
          "in {}",
          amount(result.shape.size(), "element"), result.type->name, name, result.shape, amount(bytes, "byte"),
          result.begin, result.end, path_);
    return result;
  }

 private:
  std::string code(const std::string& name, const Json& fields) const {
    const Json value = fields.value("dtype", Json());
    if (!value.is_string() || value.get<std::string>().empty()) {
      fail("load_safetensors: expected the name of a type as dtype of tensor \"{}\", got {:.200} in {}", name,
           fields.contains("dtype") ? value.dump() : "nothing", path_);
    }
    return value.get<std::string>();
  }

  Shape shape(const std::string& name, const std::vector<std::int64_t>& extents) const {
    if (extents.size() > Shape::max_rank) return {};
    try {
      return Shape(extents);
    } catch (const Error& error) {
      fail_as(error, "load_safetensors: expected the shape of tensor \"{}\", got: {} in {}", name, error.what(), path_);
    }
  }

  /// The value of a field that must be a list of integers of 0 or more.
  std::vector<std::int64_t> integers(const std::string& name, const Json& fields, const char* field) const {
    const Json list = fields.value(field, Json());
    const auto valid = [](const Json& value) {
      return value.is_number_unsigned() && value.get<std::uint64_t>() <= std::uint64_t{1} << 62;
    };
    if (!list.is_array() || !std::ranges::all_of(list, valid)) {
      fail("load_safetensors: expected a list of integers from 0 to 2^62 as {} of tensor \"{}\", got {:.200} in {}",
           field, name, list.dump(), path_);
    }
    return list.get<std::vector<std::int64_t>>();
  }

  std::int64_t data_size_;
  const std::string& path_;
};

/// The handler of a SAX parser for the header. It never holds more than one entry as JSON. It refuses deep nesting and
/// long lists, which would exhaust the memory, and duplicate names, which a JSON object would lose.
class HeaderEvents final : public nlohmann::json_sax<Json> {
 public:
  HeaderEvents(std::int64_t data_size, const std::string& path) : reader_(data_size, path), path_(path) {}

  SafetensorsHeader result() { return std::move(result_); }

  bool null() override { return value(nullptr); }
  bool boolean(bool given) override { return value(given); }
  bool number_integer(number_integer_t given) override { return value(given); }
  bool number_unsigned(number_unsigned_t given) override { return value(given); }
  bool number_float(number_float_t given, const string_t&) override { return value(given); }
  bool string(string_t& given) override { return value(std::move(given)); }
  bool binary(binary_t&) override { return false; }  // does not occur in JSON

  bool start_object(std::size_t) override {
    check_nesting(level_ <= in_header);
    ++level_;
    return true;
  }

  bool key(string_t& given) override {
    std::set<std::string>& names = level_ == in_header ? names_ : field_names_;
    check(names.insert(given).second,
          "load_safetensors: expected different names, got \"{}\" twice in the header of {}", given, path_);
    check(field_names_.size() <= most_fields || in_metadata(),
          "load_safetensors: expected dtype, shape and data_offsets for tensor \"{}\", got more than {} fields in {}",
          name_, most_fields, path_);
    (level_ == in_header ? name_ : field_) = std::move(given);
    return true;
  }

  bool end_object() override {
    if (level_-- != in_entry) return true;
    if (!in_metadata()) result_.entries.push_back(reader_.entry(name_, fields_));
    fields_ = Json::object();
    field_names_.clear();
    return true;
  }

  bool start_array(std::size_t) override {
    check_nesting(level_ <= in_entry);
    value(Json::array());
    level_ = in_list;
    return true;
  }

  bool end_array() override {
    level_ = in_entry;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    fail("load_safetensors: expected a JSON header at offset 8 of {}, got: {:.200}", path_, error.what());
  }

 private:
  enum Level { outside, in_header, in_entry, in_list };
  static constexpr std::size_t most_fields = 100, most_numbers = 64;  // NumPy's arrays have at most 64 axes

  bool in_metadata() const { return name_ == safetensors_metadata_name; }

  void check_nesting(bool flat) const {
    check(flat, "load_safetensors: expected a header of objects of fields, got deeper nesting in {}", path_);
  }

  bool value(Json given) {
    check(level_ != outside, "load_safetensors: expected a JSON object as header, got {} in {}", given.type_name(),
          path_);
    if (level_ == in_header) {
      fail("load_safetensors: expected a JSON object for {}\"{}\", got {} in {}", in_metadata() ? "" : "tensor ", name_,
           given.type_name(), path_);
    }
    if (in_metadata()) {
      check(given.is_string(), "load_safetensors: expected text in \"{}\", got {} for \"{}\" in {}", name_,
            given.type_name(), field_, path_);
      result_.metadata[field_] = given.get<std::string>();
    } else if (level_ == in_entry) {
      fields_[field_] = std::move(given);
    } else {
      Json& list = fields_[field_];
      check(list.size() < most_numbers,
            "load_safetensors: expected at most {} numbers as {} of tensor \"{}\", got more in {}", most_numbers,
            field_, name_, path_);
      list.push_back(std::move(given));
    }
    return true;
  }

  EntryReader reader_;
  const std::string& path_;
  SafetensorsHeader result_;
  int level_ = outside;
  std::string name_, field_;  // the last keys in the header and in an entry
  Json fields_ = Json::object();
  std::set<std::string> names_, field_names_;  // the keys so far in the header and in the current entry
};

/// Checks that the arrays cover the data without gap or overlap.
void check_coverage(const std::vector<SafetensorsEntry>& entries, std::int64_t data_size, const std::string& path) {
  std::vector<const SafetensorsEntry*> order;
  order.reserve(entries.size());
  for (const SafetensorsEntry& entry : entries) order.push_back(&entry);
  std::ranges::sort(order, {}, [](const SafetensorsEntry* entry) { return std::pair(entry->begin, entry->end); });
  std::int64_t offset = 0;
  for (const SafetensorsEntry* entry : order) {
    check(entry->begin == offset,
          "load_safetensors: expected data without {}, got tensor \"{}\" at offset {} after {} in {}",
          entry->begin > offset ? "gaps" : "overlap", entry->name, entry->begin, offset, path);
    offset = entry->end;
  }
  check(offset == data_size, "load_safetensors: expected {} bytes of data, as the header says, got {} in {}", offset,
        data_size, path);
}

}  // namespace

const SafetensorsType& safetensors_type(DType dtype) {
  return *std::ranges::find(safetensors_types, dtype, &SafetensorsType::dtype);
}

SafetensorsHeader read_safetensors_header(const std::string& text, std::int64_t data_size, const std::string& path) {
  HeaderEvents events(data_size, path);
  Json::sax_parse(text, &events);
  SafetensorsHeader header = events.result();
  check_coverage(header.entries, data_size, path);
  return header;
}

}  // namespace xtape
