// Tensors in ONNX files: every element type, as typed values, as raw bytes, and in other files.
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "models/files/onnx/import_tensor.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Stored = xtape_onnx::TensorProto;
using Doubles = std::vector<double>;

/// The values as bytes, each in the given type.
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

Stored stored(int type, std::int64_t count) {
  Stored proto;
  proto.set_data_type(type);
  proto.add_dims(count);
  return proto;
}

struct StoredRow {
  int type;
  std::string raw;                                          // the elements as bytes
  std::function<void(Stored& proto, std::size_t i)> typed;  // adds element i as a typed value
  Doubles expected;
  DType dtype = DType::int64;
};

/// NaN is compared as NaN.
void check_elements(const Tensor& tensor, const Doubles& expected, DType dtype) {
  CHECK(tensor.dtype() == dtype);
  const Doubles found = tensor.to_vector<double>();
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO(i);
    CHECK((found[i] == expected[i] || (std::isnan(found[i]) && std::isnan(expected[i]))));
    CHECK(std::signbit(found[i]) == std::signbit(expected[i]));
  }
}

}  // namespace

TEST_CASE("stored tensors of every element type have the values of the type, typed or as bytes") {
  using U16 = std::vector<std::uint16_t>;
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  // 1, -2, the largest and the smallest number, the smallest normal one, infinities, zeros, NaN
  const U16 halves{0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00, 0xfc00, 0x0000, 0x8000, 0x7e00, 0x7c01};
  const Doubles of_halves{1, -2, 65504, std::ldexp(1, -24), std::ldexp(1, -14), inf, -inf, 0, -0.0, nan, nan};
  const U16 brains{0x3f80, 0xc000, 0x7f80, 0xff80, 0x3fc0, 0x0080, 0x8000, 0x7fc0};
  const Doubles of_brains{1, -2, inf, -inf, 1.5, std::ldexp(1, -126), -0.0, nan};
  const Doubles reals{0.5, -3, 1e6};
  const auto in_int32 = [](const auto& values) {
    return [=](Stored& proto, std::size_t i) { proto.add_int32_data(values[i]); };
  };
  const auto in_uint64 = [](const auto& values) {
    return [=](Stored& proto, std::size_t i) { proto.add_uint64_data(values[i]); };
  };
  const std::vector<std::int64_t> int64s{-(std::int64_t{1} << 40), 0, std::int64_t{1} << 40};
  const std::vector<std::uint64_t> uint64s{0, std::uint64_t{1} << 40};
  const std::vector<std::int32_t> int32s{-70000, 0, 70000};
  const std::vector<std::uint32_t> uint32s{0, 4000000000};
  const std::vector<std::int16_t> int16s{-30000, 30000};
  const std::vector<std::uint16_t> uint16s{0, 60000};
  const std::vector<std::int8_t> int8s{-128, 127};
  const std::vector<std::uint8_t> uint8s{0, 255}, truths{0, 1};
  const auto row = [&](int type, const auto& values, const auto& add) {
    return StoredRow{type, bytes_of(values), add, Doubles(values.begin(), values.end())};
  };
  const std::vector<StoredRow> rows{
      row(Stored::INT64, int64s, [=](Stored& proto, std::size_t i) { proto.add_int64_data(int64s[i]); }),
      row(Stored::UINT64, uint64s, in_uint64(uint64s)),
      row(Stored::INT32, int32s, in_int32(int32s)),
      row(Stored::UINT32, uint32s, in_uint64(uint32s)),
      row(Stored::INT16, int16s, in_int32(int16s)),
      row(Stored::UINT16, uint16s, in_int32(uint16s)),
      row(Stored::INT8, int8s, in_int32(int8s)),
      row(Stored::UINT8, uint8s, in_int32(uint8s)),
      row(Stored::BOOL, truths, in_int32(truths)),
      {Stored::FLOAT, bytes_of(std::vector<float>(reals.begin(), reals.end())),
       [=](Stored& proto, std::size_t i) { proto.add_float_data(static_cast<float>(reals[i])); }, reals,
       DType::float32},
      {Stored::DOUBLE, bytes_of(reals), [=](Stored& proto, std::size_t i) { proto.add_double_data(reals[i]); }, reals,
       DType::float32},
      {Stored::FLOAT16, bytes_of(halves), in_int32(halves), of_halves, DType::float32},
      {Stored::BFLOAT16, bytes_of(brains), in_int32(brains), of_brains, DType::float32},
  };
  for (const StoredRow& each : rows) {
    INFO("type " << each.type);
    const std::int64_t count = std::ssize(each.expected);
    Stored typed = stored(each.type, count), raw = typed;
    for (std::size_t i = 0; i < each.expected.size(); ++i) each.typed(typed, i);
    check_elements(onnx::tensor_of(typed, ""), each.expected, each.dtype);
    raw.set_raw_data(each.raw);
    check_elements(onnx::tensor_of(raw, ""), each.expected, each.dtype);
    raw.set_raw_data(each.raw + "x");
    CHECK(error_of([&] { onnx::tensor_of(raw, ""); }) ==
          fmt::format("expected {} bytes for the shape ({},), got {}", each.raw.size(), count, each.raw.size() + 1));
  }
}

TEST_CASE("the elements of a tensor in another file begin at the offset and have the length of the tensor") {
  const TemporaryFolder folder;
  const std::vector<float> numbers{1, 2, 3, 4, 5};
  std::ofstream(folder / "data", std::ios::binary) << "ab" << bytes_of(numbers);
  const auto read = [&](const std::vector<std::pair<std::string, std::string>>& entries) {
    Stored proto = stored(Stored::FLOAT, 3);
    proto.set_data_location(Stored::EXTERNAL);
    for (const auto& [key, value] : entries) {
      auto& entry = *proto.add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    }
    return onnx::tensor_of(proto, folder.path()).to_vector<double>();
  };
  const std::pair<std::string, std::string> place{"location", "data"};
  CHECK(read({place, {"offset", "2"}}) == Doubles{1, 2, 3});
  CHECK(read({place, {"offset", "6"}, {"length", "12"}, {"checksum", "none"}}) == Doubles{2, 3, 4});
  CHECK(read({{"length", "12"}, {"offset", "10"}, place}) == Doubles{3, 4, 5});
  const auto error = [&](const std::vector<std::pair<std::string, std::string>>& entries) {
    return error_of([&] { read(entries); });
  };
  const std::string data = (std::filesystem::canonical(folder.path()) / "data").string();
  CHECK(error({place, {"offset", "11"}}) ==
        "external data: expected 12 bytes at 11 in " + data + ", got a file of 22 bytes");
  for (const char* offset : {"23", "9223372036854775807"}) {
    CHECK(error({place, {"offset", offset}}) ==
          fmt::format("external data: expected 12 bytes at {} in {}, got a file of 22 bytes", offset, data));
  }
  for (const char* length : {"11", "13", "0"}) {
    CHECK(error({place, {"length", length}}) ==
          fmt::format("external data: expected 12 bytes, got a length of {}", length));
  }
  for (const char* number : {"-1", "", "two", "1.5", "9223372036854775808"}) {
    for (const char* key : {"offset", "length"}) {
      CHECK(error({place, {key, number}}) ==
            fmt::format("external data: expected a number of bytes, got \"{}\"", number));
    }
  }
}
