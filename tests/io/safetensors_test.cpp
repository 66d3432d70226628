#include "framework/io/safetensors.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "framework/kernels/memory/memory_pool.hpp"
#include "tests/io/files.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
using namespace std::string_literals;

namespace {

/// A file made by hand: length, header, data.
std::string file_of(const std::string& header, const std::string& data = "") {
  return little_endian(header.size()) + header + data;
}

/// The error for a file with these bytes. Checks that it names the file.
std::string error_for_bytes(const std::string& bytes) {
  const TemporaryFolder folder;
  write_bytes(folder / "weights.safetensors", bytes);
  const std::string error = error_of([&] { load_safetensors(folder / "weights.safetensors"); });
  CHECK_THAT(error, Contains((folder / "weights.safetensors").string()) && Contains("load_safetensors: expected"));
  return error;
}

std::string error_for_header(const std::string& header, const std::string& data = "") {
  return error_for_bytes(file_of(header, data));
}

/// A header with a single tensor, "w".
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"w":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

}  // namespace

TEST_CASE("load_safetensors reads a file written by hand") {
  const TemporaryFolder folder;
  const std::string header = R"({"b":{"dtype":"U8","shape":[3],"data_offsets":[16,19]},"__metadata__":{"format":"pt"},)"
                             R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
                             R"("n":{"dtype":"I64","shape":[],"data_offsets":[8,16]}} )";
  const std::string data = "\0\0\x80\x3f\0\0\x20\xc0"s + "\xfe\xff\xff\xff\xff\xff\xff\xff"s + "\x01\x02\xff"s;
  write_bytes(folder / "file", file_of(header, data));
  const SafetensorsFile file = load_safetensors(folder / "file");
  CHECK(file.metadata == std::map<std::string, std::string>{{"format", "pt"}});
  REQUIRE(file.tensors.size() == 3);
  CHECK(file.tensors[0].name == "b");
  CHECK(identical(file.tensors[0].tensor, Tensor::of({3}, {1, 2, 255}, DType::uint8)));
  CHECK(file.tensors[1].name == "a");
  CHECK(identical(file.tensors[1].tensor, Tensor::of({2, 1}, {1, -2.5})));
  CHECK(file.tensors[2].name == "n");
  CHECK(identical(file.tensors[2].tensor, Tensor::scalar(-2, DType::int64)));
}

TEST_CASE("float16 and bfloat16 become float32 exactly") {
  const TemporaryFolder folder;
  const std::string half = "\x00\x3c\x00\xc0\xff\x7b\x01\x00\xff\x03\x00\x04\x00\x80\x00\xfc\x55\x35"s;
  const std::string brain = "\x80\x3f\x49\xc0\x80\xff\x01\x00"s;
  write_bytes(folder / "file", file_of(R"({"h":{"dtype":"F16","shape":[9],"data_offsets":[0,18]},)"
                                       R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[18,26]}})",
                                       half + brain));
  const SafetensorsFile file = load_safetensors(folder / "file");
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(identical(file.tensors[0].tensor,
                  Tensor::of({9}, {1, -2, 65504, 0x1p-24, 1023 * 0x1p-24, 0x1p-14, -0.0, -infinity, 1365 * 0x1p-12})));
  CHECK(identical(file.tensors[1].tensor, Tensor::of({4}, {1, -3.140625, -infinity, 0x1p-133})));
  write_bytes(folder / "nan", file_of(one("\"F16\"", "[1]", "[0,2]"), "\x00\x7e"s));
  CHECK(std::isnan(load_safetensors(folder / "nan").tensors[0].tensor.at({0})));
  CHECK(list_safetensors(folder / "file")[0].type == "float16");
  CHECK(list_safetensors(folder / "file")[1].type == "bfloat16");
  CHECK(list_safetensors(folder / "file")[1].dtype == DType::float32);
}

TEST_CASE("tensors of types that are not read are listed, and only reading them is an error") {
  const TemporaryFolder folder;
  std::string header = R"({"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  const std::vector<std::string> codes{"I32", "BOOL", "F8_E4M3", "U16", "I8", "U64", "F4", "C64", "of_tomorrow"};
  for (std::size_t i = 0; i < codes.size(); ++i) {
    header += fmt::format(R"(,"{}":{{"dtype":"{}","shape":[3],"data_offsets":[{},{}]}})", codes[i], codes[i], 4 + 8 * i,
                          12 + 8 * i);
  }
  write_bytes(folder / "file", file_of(header + "}", "\0\0\x80\x3f"s + std::string(8 * codes.size(), 'x')));
  const std::vector<StoredTensor> list = list_safetensors(folder / "file");
  REQUIRE(list.size() == 1 + codes.size());
  CHECK(identical(list[0].read(), Tensor::of({1}, {1})));
  for (std::size_t i = 0; i < codes.size(); ++i) {
    CHECK(list[i + 1].type == codes[i]);
    CHECK_FALSE(list[i + 1].dtype.has_value());
    CHECK(list[i + 1].shape == Shape{3});
    CHECK_THAT(error_of([&] { list[i + 1].read(); }),
               Contains("F32, F64, F16, BF16, I64 or U8 for tensor \"" + codes[i]) && Contains("got " + codes[i]));
  }
  CHECK(safetensors_metadata(folder / "file").at("k") == "v");
  CHECK_THAT(
      error_of([&] { load_safetensors(folder / "file"); }),
      Contains("load_safetensors: expected dtype F32, F64, F16, BF16, I64 or U8 for tensor \"I32\", got I32 in ") &&
          Contains("list_safetensors() describes all tensors and reads those that are needed"));
}

TEST_CASE("a tensor of nine axes is listed, and only reading it is an error") {
  const TemporaryFolder folder;
  write_bytes(folder / "file", file_of(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                       R"("x":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[4,8]}})",
                                       "\0\0\x80\x3f\0\0\x80\x3f"s));
  const std::vector<StoredTensor> list = list_safetensors(folder / "file");
  REQUIRE(list.size() == 2);
  CHECK(identical(list[0].read(), Tensor::of({1}, {1})));
  CHECK(list[1].type == "float32 with 9 axes");
  CHECK_FALSE(list[1].dtype.has_value());
  CHECK_THAT(error_of([&] { list[1].read(); }),
             Contains("load_safetensors: expected at most 8 axes in tensor \"x\", got 9 in "));
}

TEST_CASE("threads read tensors of one file at the same time") {
  const TemporaryFolder folder;
  std::vector<NamedTensor> tensors;
  for (int i = 0; i < 8; ++i) tensors.push_back({fmt::format("t{}", i), Tensor::full({5000 + i}, i)});
  save_safetensors(folder / "file", tensors);
  const std::vector<StoredTensor> list = list_safetensors(folder / "file");
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int turn = 0; turn < 400; ++turn) {
          const auto i = static_cast<std::size_t>(turn + thread) % list.size();
          try {
            if (!identical(list[i].read(), tensors[i].tensor)) ++wrong;
          } catch (const Error&) {
            ++wrong;
          }
        }
      });
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("save_safetensors writes the bytes of the format") {
  const TemporaryFolder folder;
  save_safetensors(folder / "file", {{"u", Tensor::of({1}, {7}, DType::uint8)}, {"f", Tensor::of({2}, {1, -2.5})}},
                   {{"k", "v"}});
  const std::string header = R"({"__metadata__":{"k":"v"},"u":{"data_offsets":[8,9],"dtype":"U8","shape":[1]},)"
                             R"("f":{"data_offsets":[0,8],"dtype":"F32","shape":[2]}})";
  const std::string padding((8 - header.size() % 8) % 8, ' ');
  CHECK(read_bytes(folder / "file") == file_of(header + padding, "\0\0\x80\x3f\0\0\x20\xc0\x07"s));
}

TEST_CASE("tensors of all types, names and metadata are restored from a safetensors file") {
  const TemporaryFolder folder;
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<NamedTensor> tensors = {{"bytes", Tensor::of({5}, {0, 1, 2, 3, 255}, DType::uint8)},
                                            {"stage 1/conv:\"k\"\n\u00e9", Tensor::of({2, 2}, {1, 2, -0.0, infinity})},
                                            {"double", Tensor::of({1, 2}, {0.1, 1e300}, DType::float64)},
                                            {"labels", Tensor::labels({-1, std::int64_t{1} << 60})},
                                            {"scalar", Tensor::scalar(3)},
                                            {"empty", Tensor::zeros({0, 3})},
                                            {"", Tensor::ones({1})}};
  const std::map<std::string, std::string> metadata = {{"epoch", "3"}, {"note", "a \"quoted\"\nline"}};
  save_safetensors(folder / "file", tensors, metadata);
  const SafetensorsFile file = load_safetensors(folder / "file");
  CHECK(file.metadata == metadata);
  REQUIRE(file.tensors.size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    CHECK(file.tensors[i].name == tensors[i].name);
    CHECK(identical(file.tensors[i].tensor, tensors[i].tensor));
  }
  save_safetensors(folder / "none", {});
  CHECK(load_safetensors(folder / "none").tensors.empty());
  std::map<std::string, std::string> many;  // more fields than an entry of a tensor may have
  for (int i = 0; i < 1000; ++i) many[fmt::format("key {}", i)] = fmt::format("{}", i * i);
  save_safetensors(folder / "many", tensors, many);
  CHECK(safetensors_metadata(folder / "many") == many);
}

TEST_CASE("save_safetensors rejects names and tensors that it cannot write, and writes nothing") {
  const TemporaryFolder folder;
  const Tensor one_element = Tensor::ones({1});
  const auto error = [&](const std::vector<NamedTensor>& tensors, const std::map<std::string, std::string>& metadata) {
    return error_of([&] { save_safetensors(folder / "file", tensors, metadata); });
  };
  CHECK_THAT(error({{"w", Tensor()}}, {}),
             Contains("save_safetensors: expected arrays, got an undefined tensor \"w\" for "));
  CHECK_THAT(error({{"w", one_element}, {"w", one_element}}, {}),
             Contains("save_safetensors: expected different names, got \"w\" twice for "));
  CHECK_THAT(error({{"__metadata__", one_element}}, {}),
             Contains("save_safetensors: expected names of tensors, got \"__metadata__\" for ") &&
                 Contains("which is reserved"));
  CHECK_THAT(error({{"\xff", one_element}}, {}), Contains("UTF-8") && Contains((folder / "file").string()));
  CHECK_THAT(error({}, {{"k", "\xff"}}), Contains("UTF-8"));
  CHECK(entries_in(folder.path()) == 0);
  CHECK(error_of([&] {
          save_safetensors(folder / "none" / "file", {{"w", one_element}});
        }) == "save_safetensors: expected to write " + (folder / "none/file").string() + ", got no folder " +
                  (folder / "none").string() + "; make it first");
}

TEST_CASE("load_safetensors rejects missing and short files and other formats") {
  const TemporaryFolder folder;
  CHECK_THAT(error_of([&] { load_safetensors(folder / "none"); }),
             Contains("load_safetensors: expected a file that can be read, got ") &&
                 Contains("No such file or directory") && Contains("none"));
  CHECK_THAT(error_of([&] { load_safetensors(folder.path()); }),
             Contains("load_safetensors: expected a file, got ") && Contains("which is a folder"));
  CHECK_THAT(error_for_bytes(""), Contains("load_safetensors: expected a safetensors file, got an empty file: "));
  CHECK_THAT(error_for_bytes("1234567"),
             Contains("load_safetensors: expected the 8 bytes of the header's length, got 7 bytes in "));
  CHECK_THAT(error_for_bytes("\x89PNG\r\n\x1a\n and so on"),
             Contains("load_safetensors: expected a safetensors file, got one of another format: "));
  CHECK_THAT(
      error_for_bytes(std::string(8, '\xff') + "{}"),
      Contains("load_safetensors: expected a header of at most 2 bytes, got 18446744073709551615 at offset 0 of ") &&
          Contains("is it a safetensors file?"));
  CHECK_THAT(error_for_bytes(little_endian(3) + "{}"),
             Contains("load_safetensors: expected a header of at most 2 bytes, got 3 at offset 0 of ") &&
                 Contains("is it a safetensors file?"));
  CHECK_THAT(error_for_bytes(little_endian(0)), Contains("JSON"));
}

TEST_CASE("load_safetensors rejects a header above the limit of the format") {
  const TemporaryFolder folder;
  write_bytes(folder / "file", little_endian(100'000'001));
  std::filesystem::resize_file(folder / "file", 200'000'000);  // a sparse file
  CHECK_THAT(
      error_of([&] { load_safetensors(folder / "file"); }),
      Contains("load_safetensors: expected a header of at most 100000000 bytes, got 100000001 at offset 0 of ") &&
          Contains("is it a safetensors file?"));
}

TEST_CASE("load_safetensors rejects a header that is not valid JSON of the format") {
  CHECK_THAT(error_for_header("{\"w\":"), Contains("JSON header at offset 8") && Contains("parse error"));
  CHECK_THAT(error_for_header("{} {}"), Contains("parse error"));
  CHECK_THAT(error_for_header("{\"\xff\":{}}"), Contains("UTF-8"));
  CHECK_THAT(error_for_header("[]"), Contains("load_safetensors: expected a JSON object as header, got array in "));
  CHECK_THAT(error_for_header("{\"w\":3}"),
             Contains("load_safetensors: expected a JSON object for tensor \"w\", got number in "));
  CHECK_THAT(error_for_header("{\"__metadata__\":[]}"),
             Contains("load_safetensors: expected a JSON object for \"__metadata__\", got array in "));
  CHECK_THAT(error_for_header("{\"__metadata__\":{\"k\":1}}"),
             Contains("load_safetensors: expected text in \"__metadata__\", got number for \"k\" in "));
  CHECK_THAT(error_for_header("{\"__metadata__\":{\"k\":{}}}"),
             Contains("load_safetensors: expected a header of objects of fields, got deeper nesting in "));
  const std::string entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  CHECK_THAT(error_for_header("{\"w\":" + entry + ",\"w\":" + entry + "}", "x"),
             Contains("load_safetensors: expected different names, got \"w\" twice in the header of "));
  CHECK_THAT(error_for_header(R"({"w":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,1]}})", "x"),
             Contains("load_safetensors: expected different names, got \"dtype\" twice in the header of "));
}

TEST_CASE("a header nested a million levels deep is rejected and does not exhaust the stack") {
  CHECK_THAT(error_for_header(std::string(1'000'000, '[')),
             Contains("load_safetensors: expected a JSON object as header, got array in "));
  CHECK_THAT(error_for_header("{\"w\":" + std::string(1'000'000, '[')),
             Contains("load_safetensors: expected a JSON object for tensor \"w\", got array in "));
  CHECK_THAT(error_for_header("{\"w\":{\"shape\":" + std::string(1'000'000, '[')),
             Contains("load_safetensors: expected a header of objects of fields, got deeper nesting in "));
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  CHECK_THAT(error_for_header(objects),
             Contains("load_safetensors: expected a header of objects of fields, got deeper nesting in "));
}

TEST_CASE("load_safetensors checks type, shape and offsets of each tensor") {
  const std::string data(8, 'x');
  CHECK_THAT(
      error_for_header(one("\"F8_E5M2\"", "[8]", "[0,8]"), data),
      Contains("load_safetensors: expected dtype F32, F64, F16, BF16, I64 or U8 for tensor \"w\", got F8_E5M2 in ") &&
          Contains("list_safetensors() describes all tensors and reads those that are needed"));
  CHECK_THAT(error_for_header(one("\"\"", "[8]", "[0,8]"), data),
             Contains("load_safetensors: expected the name of a type as dtype of tensor \"w\", got \"\" in "));
  for (const char* const value : {"7", "-7", "0.5", "null", "true"}) {
    CHECK_THAT(error_for_header(one(value, "[4]", "[0,8]"), data),
               Contains(fmt::format(
                   "load_safetensors: expected the name of a type as dtype of tensor \"w\", got {} in ", value)));
  }
  CHECK_THAT(error_for_header(R"({"w":{"shape":[2],"data_offsets":[0,8]}})", data),
             Contains("load_safetensors: expected the name of a type as dtype of tensor \"w\", got nothing in "));
  CHECK_THAT(
      error_for_header(R"({"w":{"dtype":"F32","data_offsets":[0,8]}})", data),
      Contains("load_safetensors: expected a list of integers from 0 to 2^62 as shape of tensor \"w\", got null in "));
  CHECK_THAT(
      error_for_header(one("\"F32\"", "[-2]", "[0,8]"), data),
      Contains("load_safetensors: expected a list of integers from 0 to 2^62 as shape of tensor \"w\", got [-2] in "));
  CHECK_THAT(
      error_for_header(one("\"F32\"", "[2.0]", "[0,8]"), data),
      Contains("load_safetensors: expected a list of integers from 0 to 2^62 as shape of tensor \"w\", got [2.0] in "));
  CHECK_THAT(error_for_header(one("\"F32\"", "[9223372036854775808]", "[0,8]"), data),
             Contains("load_safetensors: expected a list of integers from 0 to 2^62 as shape of tensor \"w\", got "
                      "[9223372036854775808] in "));
  CHECK_THAT(error_for_header(one("\"F32\"", "[4611686018427387905]", "[0,8]"), data),
             Contains("load_safetensors: expected a list of integers from 0 to 2^62 as shape of tensor \"w\", got "
                      "[4611686018427387905] in "));
  CHECK_THAT(error_for_header(one("\"F32\"", "[4611686018427387904]", "[0,8]"), data), !Contains("a list of integers"));
  CHECK_THAT(error_for_header(one("\"F32\"", "[4294967296,4294967296]", "[0,8]"), data),
             Contains("load_safetensors: expected the shape of tensor \"w\", got: Shape: expected at most 2^62 "
                      "elements, got (4294967296, 4294967296) in "));
  CHECK_THAT(error_for_header(one("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), data),
             Contains("load_safetensors: expected at most 8 axes in tensor \"w\", got 9 in "));
  CHECK_THAT(error_for_header(one("\"F32\"", "[3]", "[0,8]"), data),
             Contains("load_safetensors: expected 3 elements of float32 for tensor \"w\" of shape (3,), got 8 bytes "
                      "(offsets 0 to 8) in "));
  CHECK_THAT(error_for_header(one("\"F32\"", "[1]", "[0,7]"), data),
             Contains("load_safetensors: expected 1 element of float32 for tensor \"w\" of shape (1,), got 7 bytes "
                      "(offsets 0 to 7) in "));
  CHECK_THAT(error_for_header(one("\"F32\"", "[2]", "[0]"), data),
             Contains("load_safetensors: expected data_offsets [begin, end] within the 8 bytes of data for tensor "
                      "\"w\", got [0] in "));
  CHECK_THAT(error_for_header(one("\"F32\"", "[2]", "[8,0]"), data),
             Contains("load_safetensors: expected data_offsets [begin, end] within the 8 bytes of data for tensor "
                      "\"w\", got [8, 0] in "));
  CHECK_THAT(error_for_header(one("\"F32\"", "[2]", "[4,12]"), data),
             Contains("load_safetensors: expected data_offsets [begin, end] within the 8 bytes of data for tensor "
                      "\"w\", got [4, 12] in "));
}

TEST_CASE("load_safetensors rejects gaps, overlaps, and missing or extra data") {
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}";
  };
  CHECK_THAT(error_for_header(two("[0,2]", "[1,3]"), "xyz"),
             Contains("load_safetensors: expected data without overlap, got tensor \"b\" at offset 1 after 2 in "));
  CHECK_THAT(error_for_header(two("[3,5]", "[0,2]"), "vwxyz"),
             Contains("load_safetensors: expected data without gaps, got tensor \"a\" at offset 3 after 2 in "));
  CHECK_THAT(error_for_header(two("[0,2]", "[2,4]"), "vwxyz"),
             Contains("load_safetensors: expected 4 bytes of data, as the header says, got 5 in "));
  CHECK_THAT(error_for_header(two("[0,2]", "[2,4]"), "vwx"),
             Contains("load_safetensors: expected data_offsets [begin, end] within the 3 bytes of data for tensor "
                      "\"b\", got [2, 4] in "));
}

TEST_CASE("load_safetensors allocates no memory for elements that are not in the file") {
  const std::size_t before = kernels::pool_usage().held;
  CHECK_THAT(error_for_header(one("\"F32\"", "[1099511627776]", "[0,4398046511104]"), "data"),
             Contains("load_safetensors: expected data_offsets [begin, end] within the 4 bytes of data for tensor "
                      "\"w\", got [0, 4398046511104] in "));
  CHECK(kernels::pool_usage().held == before);
}

TEST_CASE("time and memory for a header are proportional to its length") {
  const TemporaryFolder folder;
  std::string header = "{\"__metadata__\":{}";
  for (int i = 0; i < 100'000; ++i) {
    header += fmt::format(R"(,"t{}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})", i);
  }
  write_bytes(folder / "file", file_of(header + "}"));
  // with quadratic time this takes many minutes and exceeds the time limit of the test program
  CHECK(load_safetensors(folder / "file").tensors.size() == 100'000);

  std::string ones = "1";  // of as many axes as NumPy's arrays have at most
  for (int i = 1; i < 64; ++i) ones += ",1";
  CHECK_THAT(error_for_header(one("\"F32\"", "[" + ones + "]", "[0,4]"), "data"),
             Contains("load_safetensors: expected at most 8 axes in tensor \"w\", got 64 in "));
  CHECK_THAT(error_for_header(one("\"F32\"", "[" + ones + ",1]", "[0,4]"), "data"),
             Contains("load_safetensors: expected at most 64 numbers as shape of tensor \"w\", got more in "));
  std::string zeros = "0", fields = "\"f\":0";
  for (int i = 0; i < 1000; ++i) zeros += ",0", fields += fmt::format(",\"f{}\":0", i);
  CHECK_THAT(error_for_header(one("\"F32\"", "[" + zeros, "")),
             Contains("load_safetensors: expected at most 64 numbers as shape of tensor \"w\", got more in "));
  CHECK_THAT(
      error_for_header("{\"w\":{" + fields),
      Contains(
          "load_safetensors: expected dtype, shape and data_offsets for tensor \"w\", got more than 100 fields in "));
}
