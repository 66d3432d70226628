// Files of NumPy, made byte by byte from the description of the format (numpy/lib/format.py).
#include "framework/io/npy.hpp"

#include <bit>
#include <limits>

#include "framework/io/zip.hpp"
#include "tests/io/files.hpp"
#include "tests/io/python.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using test::error_of;

namespace {

/// A file of format version 1 with this header and these elements.
std::string npy(const std::string& header, const std::string& elements, char version = 1) {
  std::string padded = header;
  while ((padded.size() + (version == 1 ? 11 : 13)) % 64 != 0) padded += ' ';
  padded += '\n';
  return std::string("\x93NUMPY") + version + std::string(1, '\0') +
         test::little_endian(padded.size(), version == 1 ? 2 : 4) + padded + elements;
}

std::string header(const std::string& type, const std::string& shape, const std::string& fortran = "False") {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", type, fortran, shape);
}

template <class T>
std::string bytes_of(std::initializer_list<T> values, bool big = false) {
  std::string bytes;
  for (const T value : values) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bytes += big ? test::big_endian(bits, sizeof(T)) : test::little_endian(bits, sizeof(T));
  }
  return bytes;
}

Tensor read_bytes(const std::string& bytes) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "a.npy", bytes);
  return load_npy(folder / "a.npy");
}

void check_read(const std::string& bytes, DType dtype, const Shape& shape, const std::vector<double>& values) {
  const Tensor tensor = read_bytes(bytes);
  CHECK(tensor.dtype() == dtype);
  CHECK(tensor.shape() == shape);
  CHECK(tensor.to_vector() == values);
}

}  // namespace

TEST_CASE("arrays of NumPy are read with their type and shape") {
  check_read(npy(header("<f4", "(2, 2)"), bytes_of<float>({1.5F, -2, 3, 0.25F})), DType::float32, {2, 2},
             {1.5, -2, 3, 0.25});
  check_read(npy(header("<f8", "(3,)"), bytes_of<double>({0.1, 1e300, -0.0})), DType::float64, {3}, {0.1, 1e300, -0.0});
  check_read(npy(header("<f2", "(3,)"), bytes_of<std::uint16_t>({0x3C00, 0xC000, 0x0001})), DType::float32, {3},
             {1, -2, std::ldexp(1.0, -24)});
  check_read(npy(header("|u1", "(2,)"), "\x01\xFF"), DType::uint8, {2}, {1, 255});
  check_read(npy(header("|b1", "(3,)"), std::string("\x01\x00\x02", 3)), DType::uint8, {3}, {1, 0, 1});
  check_read(npy(header("|i1", "(2,)"), "\x01\xFF"), DType::int64, {2}, {1, -1});
  check_read(npy(header("<i2", "(1,)"), bytes_of<std::int16_t>({-300})), DType::int64, {1}, {-300});
  check_read(npy(header("<i4", "()"), bytes_of<std::int32_t>({-7})), DType::int64, {}, {-7});
  check_read(npy(header("<i8", "(1, 1)"), bytes_of<std::int64_t>({1LL << 40})), DType::int64, {1, 1},
             {1099511627776.0});
  check_read(npy(header("<u2", "(1,)"), bytes_of<std::uint16_t>({65535})), DType::int64, {1}, {65535});
  check_read(npy(header("<u4", "(1,)"), bytes_of<std::uint32_t>({4000000000U})), DType::int64, {1}, {4e9});
  check_read(npy(header("<u8", "(1,)"), bytes_of<std::uint64_t>({5})), DType::int64, {1}, {5});
  check_read(npy(header("<f4", "(0, 3)"), ""), DType::float32, {0, 3}, {});
  check_read(npy("{\"shape\":(2L,),'descr':'=f4','fortran_order':False}", bytes_of<float>({1, 2}), 2), DType::float32,
             {2}, {1, 2});
  check_read(npy(header("<f4", "(1,)"), bytes_of<float>({9}), 3), DType::float32, {1}, {9});
}

TEST_CASE("arrays in the other byte order and in Fortran order are converted") {
  check_read(npy(header(">f4", "(2,)"), bytes_of<float>({1.5F, -2}, true)), DType::float32, {2}, {1.5, -2});
  check_read(npy(header(">f8", "(1,)"), bytes_of<double>({0.1}, true)), DType::float64, {1}, {0.1});
  check_read(npy(header(">i8", "(1,)"), bytes_of<std::int64_t>({-3}, true)), DType::int64, {1}, {-3});
  check_read(npy(header(">u2", "(1,)"), bytes_of<std::uint16_t>({258}, true)), DType::int64, {1}, {258});
  check_read(npy(header(">f2", "(1,)"), bytes_of<std::uint16_t>({0x3C00}, true)), DType::float32, {1}, {1});
  // a[i, j] = 10 i + j with two rows and three columns is stored column by column
  check_read(npy(header("<f4", "(2, 3)", "True"), bytes_of<float>({0, 10, 1, 11, 2, 12})), DType::float32, {2, 3},
             {0, 1, 2, 10, 11, 12});
  std::vector<double> rows;  // a[i, j, k] = 100 i + 10 j + k
  std::string columns;
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int k = 0; k < 4; ++k) rows.push_back(100 * i + 10 * j + k);
    }
  }
  for (int k = 0; k < 4; ++k) {
    for (int j = 0; j < 3; ++j) {
      for (int i = 0; i < 2; ++i) columns += bytes_of<std::int16_t>({static_cast<std::int16_t>(100 * i + 10 * j + k)});
    }
  }
  check_read(npy(header("<i2", "(2, 3, 4)", "True"), columns), DType::int64, {2, 3, 4}, rows);
}

TEST_CASE("an array without elements is read at once, whatever its other extents are") {
  for (const char* order : {"True", "False"}) {
    const std::string text =
        fmt::format("{{'descr': '<f4', 'fortran_order': {}, 'shape': (1099511627776, 1048576, 0)}}", order);
    CHECK(read_bytes(npy(text, "")).shape() == Shape{std::int64_t{1} << 40, 1 << 20, 0});
  }
}

TEST_CASE("large arrays are converted piece by piece") {
  std::string bytes;
  constexpr int count = 200'000;
  for (int i = 0; i < count; ++i) bytes += test::big_endian(static_cast<std::uint64_t>(i), 4);
  const Tensor tensor = read_bytes(npy(header(">i4", "(200000,)"), bytes));
  for (const int i : {0, 65535, 65536, 131072, count - 1}) CHECK(tensor.data<std::int64_t>()[i] == i);
}

TEST_CASE("damaged and other arrays of NumPy are errors") {
  const auto refused = [](const std::string& bytes, const std::string& message) {
    INFO(message);
    CHECK_THAT(error_of([&] { read_bytes(bytes); }), Catch::Contains("load_npy: ") && Catch::Contains(message));
  };
  const std::string one = bytes_of<float>({1});
  refused("", "an empty file");
  refused("PK\x03\x04 and more", "a zip archive");
  refused("not an array at all", "expected a .npy file, which begins with \\x93NUMPY, got another format");
  refused(npy(header("<f4", "(1,)"), one, 4), "expected format version 1, 2 or 3, got 4");
  refused(npy(header("<f4", "(1,)"), one + "x"), "expected 1 element of 4 bytes for shape (1,), got 5 bytes");
  refused(npy(header("<f4", "(2,)"), one), "expected 2 elements of 4 bytes for shape (2,), got 4 bytes");
  refused(npy(header("<f4", "(1000000000, 1000000000)"), one), "for shape (1000000000, 1000000000)");
  refused(npy(header("<f4", "(9223372036854775807, 9223372036854775807)"), one), "expected");
  refused(npy(header("<f4", "(99999999999999999999,)"), one),
          "expected extents of at least 0, got \"99999999999999999999,)");
  refused(npy(header("<f4", "(-1,)"), one), "expected extents of at least 0, got \"-1,)");
  refused(npy(header("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), one), "expected at most 8 axes, got more");
  refused(npy(header("|O", "(1,)"), one),
          "expected numbers or booleans, got the element type \"|O\", Python objects, which only a pickle can hold");
  refused(npy(header("<c8", "(1,)"), one + one), "expected numbers or booleans, got the element type \"<c8\"");
  refused(npy(header("<U4", "(1,)"), one), "element type \"<U4\"");
  refused(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", one),
          "expected a text in quotes, got \"[('a', '<f4')], 'fortran_order': False, \"; arrays of records are not "
          "read");
  refused(npy("{'descr': '<f4', 'fortran_order': False}", one), "expected descr, fortran_order and shape, got fewer");
  refused(npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", one),
          "expected each field once, got one twice");
  refused(npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", one),
          "expected \"False\" in the header, got \"0, 'shape': (1,)}");
  refused(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", one),
          "expected the end of the header, got \"x");
  refused(npy("{xdescrx: '<f4', 'fortran_order': False, 'shape': (1,)}", one),
          "expected a text in quotes, got \"xdescrx: '<f4'");
  refused(npy(std::string(100'001, ' '), one, 2), "expected a header of at most 100000 bytes, got 100020");
  refused(npy("{'descr': '<f4", one), "expected a text in quotes, got \"'<f4");
  refused(npy("{'descr': '<f4', 'order': 'C'}", one), "expected descr, fortran_order and shape, got \"order\"");
  refused(std::string("\x93NUMPY\x01", 7), "expected a .npy file, got 7 bytes");
  refused(std::string("\x93NUMPY\x02\x00\xFF\xFF", 10), "expected a header, got 10 bytes");
  refused(std::string("\x93NUMPY\x01\x00\xFF\xFF{", 11), "a header of at most 1 byte, got 65535");
  refused(npy(header("<u8", "(1,)"), bytes_of<std::uint64_t>({~0ULL})), "up to 2^63 - 1");
  CHECK_THAT(
      error_of([] { load_npy("/nowhere/a.npy"); }),
      Catch::Contains("load_npy: expected a file that can be read, got /nowhere/a.npy: No such file or directory"));
}

TEST_CASE("arrays are saved for NumPy and read again") {
  const test::TemporaryFolder folder;
  const std::vector<NamedTensor> arrays{{"singles", Tensor::of({2, 2}, {1.5, -2, 3, 4})},
                                        {"doubles", Tensor::of({3}, {0.1, 0.2, 0.3}, DType::float64)},
                                        {"labels", Tensor::labels({7, -1})},
                                        {"bytes", Tensor::of({1, 2}, {0, 255}, DType::uint8)},
                                        {"scalar", Tensor::scalar(4)},
                                        {"none", Tensor::zeros({0, 2})}};
  for (const auto& [name, tensor] : arrays) {
    INFO(name);
    save_npy(folder / "a.npy", tensor);
    CHECK(identical(load_npy(folder / "a.npy"), tensor));
  }
  save_npy(folder / "a.npy", arrays[0].tensor);
  CHECK(test::read_bytes(folder / "a.npy") ==
        npy(header("<f4", "(2, 2)"), bytes_of<float>({1.5F, -2, 3, 4})));  // what numpy.save() writes
  save_npz(folder / "a.npz", arrays);
  const std::vector<NamedTensor> read = load_npz(folder / "a.npz");
  REQUIRE(read.size() == arrays.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    CHECK(read[i].name == arrays[i].name);
    CHECK(identical(read[i].tensor, arrays[i].tensor));
  }
  CHECK(identical(load_npz(folder / "a.npz", "labels"), arrays[2].tensor));
  const std::string bytes = test::read_bytes(folder / "a.npz");
  save_npz(folder / "b.npz", arrays);
  CHECK(test::read_bytes(folder / "b.npz") == bytes);
  CHECK_THAT(error_of([&] { load_npz(folder / "a.npz", "x"); }),
             Catch::Contains("load_npz: ") &&
                 Catch::Contains("expected an array \"x\", got singles, doubles, labels, bytes, scalar, none") &&
                 Catch::Contains("a.npz: expected an array \"x\", got singles, doubles"));
  CHECK_THAT(error_of([&] { load_npz(folder / "a.npy"); }),
             Catch::Contains("load_npz: expected a zip archive, got a file of another format: "));
  CHECK_THAT(error_of([&] {
               save_npz(folder / "c.npz", {{"a", Tensor::zeros({1})}, {"a", Tensor::zeros({1})}});
             }),
             Catch::Contains("save_npz: expected arrays with different names, got \"a\" twice or empty for "));
  CHECK_THAT(error_of([&] {
               save_npz(folder / "c.npz", {{"a", Tensor()}});
             }),
             Catch::Contains("save_npz: expected arrays, got an undefined tensor \"a\" for "));
  CHECK_THAT(error_of([&] { save_npy(folder / "c.npy", Tensor()); }),
             Catch::Contains("save_npy: expected an array, got an undefined tensor for "));
  CHECK_FALSE(std::filesystem::exists(folder / "c.npz"));
}

TEST_CASE("NumPy reads what xtape wrote, and xtape reads what NumPy wrote") {
  const std::string python = test::python_with("numpy");
  const test::TemporaryFolder folder;
  save_npz(folder / "ours.npz", {{"a", Tensor::of({2, 3}, {1, 2, 3, 4, 5, 6})}, {"b", Tensor::labels({5})}});
  test::write_bytes(folder / "script.py", R"(
import numpy as np, sys
z = np.load(sys.argv[1])
assert z["a"].dtype == np.float32 and (z["a"] == [[1, 2, 3], [4, 5, 6]]).all() and z["b"].dtype == np.int64
a = np.arange(24, dtype=">i4").reshape(2, 3, 4)
np.savez(sys.argv[2], plain=a, fortran=np.asfortranarray(a), half=a.astype("f2"), truth=a > 11)
np.savez_compressed(sys.argv[3], plain=a, fortran=np.asfortranarray(a), half=a.astype("f2"), truth=a > 11)
)");
  test::output_of(fmt::format("{} '{}' '{}' '{}' '{}'", python, (folder / "script.py").string(),
                              (folder / "ours.npz").string(), (folder / "plain.npz").string(),
                              (folder / "packed.npz").string()));
  for (const char* name : {"plain.npz", "packed.npz"}) {
    const std::vector<NamedTensor> arrays = load_npz(folder / name);
    REQUIRE(arrays.size() == 4);
    std::vector<double> numbers(24);
    for (std::size_t i = 0; i < 24; ++i) numbers[i] = static_cast<double>(i);
    for (std::size_t i = 0; i < 3; ++i) {
      INFO(arrays[i].name);
      CHECK(arrays[i].tensor.shape() == Shape{2, 3, 4});
      CHECK(arrays[i].tensor.to_vector() == numbers);
    }
    CHECK(arrays[3].tensor.dtype() == DType::uint8);
    CHECK(arrays[3].tensor.to_vector()[12] == 1);
  }
}
