#include "models/files/onnx/import_tensor.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "framework/io/input_file.hpp"
#include "framework/parse_number.hpp"

namespace fs = std::filesystem;

namespace xtape::onnx {
namespace {

using Proto = xtape_onnx::TensorProto;

float from_half(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const float size = exponent == 0    ? std::ldexp(static_cast<float>(fraction), -24)
                     : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                      : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

float from_bfloat(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

/// The extents, whose product is at most 2^40. Error otherwise.
Shape shape_of(const Proto& proto) {
  std::vector<std::int64_t> extents(proto.dims().begin(), proto.dims().end());
  check(extents.size() <= Shape::max_rank, "expected at most {} axes, got {}", Shape::max_rank, extents.size());
  constexpr std::int64_t most = std::int64_t{1} << 40;
  std::int64_t size = 1;
  for (const std::int64_t extent : extents) {
    check(extent >= 0 && extent <= most / size, "expected a shape of at most 2^40 elements, got ({})",
          fmt::join(extents, ", "));
    size *= std::max<std::int64_t>(extent, 1);
  }
  return Shape(extents);
}

/// The bytes of an element in raw data.
std::int64_t element_bytes(int type) {
  switch (type) {
    case Proto::DOUBLE:
    case Proto::INT64:
    case Proto::UINT64: return 8;
    case Proto::FLOAT:
    case Proto::INT32:
    case Proto::UINT32: return 4;
    case Proto::FLOAT16:
    case Proto::BFLOAT16:
    case Proto::INT16:
    case Proto::UINT16: return 2;
    default: return 1;
  }
}

template <class Stored, class T, class Convert>
void convert_raw(const std::string& raw, T* out, Convert convert) {
  for (std::size_t i = 0; i < raw.size() / sizeof(Stored); ++i) {
    Stored value;
    std::memcpy(&value, raw.data() + i * sizeof(Stored), sizeof(Stored));
    out[i] = convert(value);
  }
}

template <class T>
void read_raw(int type, const std::string& raw, T* out) {
  const auto same = [](auto value) { return static_cast<T>(value); };
  switch (type) {
    case Proto::FLOAT: return convert_raw<float>(raw, out, same);
    case Proto::DOUBLE: return convert_raw<double>(raw, out, same);
    case Proto::FLOAT16:
      return convert_raw<std::uint16_t>(raw, out, [](auto v) { return static_cast<T>(from_half(v)); });
    case Proto::BFLOAT16:
      return convert_raw<std::uint16_t>(raw, out, [](auto v) { return static_cast<T>(from_bfloat(v)); });
    case Proto::INT64: return convert_raw<std::int64_t>(raw, out, same);
    case Proto::UINT64: return convert_raw<std::uint64_t>(raw, out, same);
    case Proto::INT32: return convert_raw<std::int32_t>(raw, out, same);
    case Proto::UINT32: return convert_raw<std::uint32_t>(raw, out, same);
    case Proto::INT16: return convert_raw<std::int16_t>(raw, out, same);
    case Proto::UINT16: return convert_raw<std::uint16_t>(raw, out, same);
    case Proto::INT8: return convert_raw<std::int8_t>(raw, out, same);
    default: return convert_raw<std::uint8_t>(raw, out, same);
  }
}

template <class T, class Values, class Convert>
void read_values(const Values& values, const Shape& shape, Tensor& tensor, Convert convert) {
  check(values.size() == shape.size(), "expected {} values for the shape {}, got {}", shape.size(), shape,
        values.size());
  tensor = Tensor::empty(shape, dtype_of<T>);
  T* out = tensor.mutable_data<T>();
  for (int i = 0; i < values.size(); ++i) out[i] = static_cast<T>(convert(values[i]));
}

Tensor typed_values(const Proto& proto, const Shape& shape) {
  Tensor tensor;
  const auto same = [](auto value) { return value; };
  const auto half = [](auto value) { return from_half(static_cast<std::uint16_t>(value)); };
  const auto bfloat = [](auto value) { return from_bfloat(static_cast<std::uint16_t>(value)); };
  switch (proto.data_type()) {
    case Proto::FLOAT: read_values<float>(proto.float_data(), shape, tensor, same); break;
    case Proto::DOUBLE: read_values<float>(proto.double_data(), shape, tensor, same); break;
    case Proto::FLOAT16: read_values<float>(proto.int32_data(), shape, tensor, half); break;
    case Proto::BFLOAT16: read_values<float>(proto.int32_data(), shape, tensor, bfloat); break;
    case Proto::INT64: read_values<std::int64_t>(proto.int64_data(), shape, tensor, same); break;
    case Proto::UINT32:
    case Proto::UINT64: read_values<std::int64_t>(proto.uint64_data(), shape, tensor, same); break;
    default: read_values<std::int64_t>(proto.int32_data(), shape, tensor, same); break;
  }
  return tensor;
}

std::int64_t number_of(const std::string& text) {
  const auto number = parse_number<std::int64_t>(text);
  check(number && *number >= 0, "external data: expected a number of bytes, got \"{:.60}\"", text);
  return *number;
}

/// The bytes of a tensor whose data are in another file, which must be in the folder of the model or below.
std::string external_bytes(const Proto& proto, const fs::path& folder, std::int64_t expected) {
  std::string location;
  std::int64_t offset = 0, length = expected;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = number_of(entry.value());
    if (entry.key() == "length") length = number_of(entry.value());
  }
  std::error_code error;
  const fs::path base = fs::canonical(folder.empty() ? fs::path(".") : folder, error);
  const fs::path file = error ? fs::path() : fs::weakly_canonical(base / location, error);
  const fs::path relative = error ? fs::path() : file.lexically_relative(base);
  check(!location.empty() && !error && !relative.empty() && *relative.begin() != ".." && relative != ".",
        "external data: expected a file in the folder of the model, got \"{:.200}\"", location);
  check(length == expected, "external data: expected {} bytes, got a length of {}", expected, length);
  const InputFile input("load_onnx", file);
  check(offset <= input.size() && expected <= input.size() - offset,
        "external data: expected {} bytes at {} in {}, got a file of {} bytes", expected, offset, file.string(),
        input.size());
  std::string bytes(static_cast<std::size_t>(expected), '\0');
  input.read(offset, bytes.data(), expected);
  return bytes;
}

}  // namespace

DType dtype_of_elements(int type) {
  switch (type) {
    case Proto::FLOAT:
    case Proto::DOUBLE:
    case Proto::FLOAT16:
    case Proto::BFLOAT16: return DType::float32;
    case Proto::INT64:
    case Proto::UINT64:
    case Proto::INT32:
    case Proto::UINT32:
    case Proto::INT16:
    case Proto::UINT16:
    case Proto::INT8:
    case Proto::UINT8:
    case Proto::BOOL: return DType::int64;
    default: fail("expected elements that are numbers, got type {} of ONNX", type);
  }
}

Tensor tensor_of(const Proto& proto, const fs::path& folder) {
  const Shape shape = shape_of(proto);
  const DType dtype = dtype_of_elements(proto.data_type());
  const bool external = proto.data_location() == Proto::EXTERNAL;
  if (!external && !proto.has_raw_data()) return typed_values(proto, shape);
  const std::int64_t bytes = shape.size() * element_bytes(proto.data_type());
  const std::string read = external ? external_bytes(proto, folder, bytes) : std::string();
  const std::string& raw = external ? read : proto.raw_data();
  check(std::ssize(raw) == bytes, "expected {} bytes for the shape {}, got {}", bytes, shape, raw.size());
  Tensor tensor = Tensor::empty(shape, dtype);
  if (dtype == DType::int64) {
    read_raw(proto.data_type(), raw, tensor.mutable_data<std::int64_t>());
  } else {
    read_raw(proto.data_type(), raw, tensor.mutable_data<float>());
  }
  return tensor;
}

xtape_onnx::ModelProto read_file(std::string_view function, const fs::path& path) {
  const InputFile input(function, path);
  check(input.size() < (std::int64_t{1} << 31), "{}: {}: expected a file below 2 GiB, got {} bytes", function,
        path.string(), input.size());
  std::string bytes(static_cast<std::size_t>(input.size()), '\0');
  input.read(0, bytes.data(), input.size());
  xtape_onnx::ModelProto file;
  check(file.ParseFromString(bytes) && file.has_graph(), "{}: {}: expected an undamaged ONNX model, got other data",
        function, path.string());
  return file;
}

}  // namespace xtape::onnx
