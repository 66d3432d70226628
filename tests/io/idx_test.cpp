#include "framework/io/idx.hpp"

#include <zlib.h>

#include "framework/kernels/memory/memory_pool.hpp"
#include "tests/io/files.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
using namespace std::string_literals;

namespace {

const std::string two_by_three = "\0\0\x08\x02\0\0\0\x02\0\0\0\x03"s + "\x01\x02\x03\x04\x05\xff"s;

std::string compressed(const std::string& bytes) {
  const TemporaryFolder folder;
  const gzFile file = gzopen((folder / "file").c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  return read_bytes(folder / "file");
}

/// The error for a file of these bytes; checks that it names the file.
std::string error_for(const std::string& bytes) {
  const TemporaryFolder folder;
  write_bytes(folder / "data.idx", bytes);
  const std::string error = error_of([&] { load_idx(folder / "data.idx"); });
  CHECK_THAT(error, Contains((folder / "data.idx").string()) && Contains("load_idx: expected"));
  return error;
}

}  // namespace

TEST_CASE("load_idx reads uncompressed and compressed files") {
  const TemporaryFolder folder;
  write_bytes(folder / "plain", two_by_three);
  write_bytes(folder / "packed.gz", compressed(two_by_three));
  const Tensor expected = Tensor::of({2, 3}, {1, 2, 3, 4, 5, 255}, DType::uint8);
  CHECK(identical(load_idx(folder / "plain"), expected));
  CHECK(identical(load_idx(folder / "packed.gz"), expected));
}

TEST_CASE("load_idx reads files larger than its pieces, and empty ones") {
  const TemporaryFolder folder;
  std::string elements;
  for (int i = 0; i < 3'000'000; ++i) elements += static_cast<char>(i * 7 % 251);
  write_bytes(folder / "large.gz", compressed("\0\0\x08\x01"s + big_endian(3'000'000) + elements));
  const Tensor large = load_idx(folder / "large.gz");
  CHECK(large.shape() == Shape{3'000'000});
  CHECK(std::equal(elements.begin(), elements.end(), large.data<std::uint8_t>(),
                   [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }));
  write_bytes(folder / "empty", "\0\0\x08\x02"s + big_endian(0) + big_endian(28));
  CHECK(load_idx(folder / "empty").shape() == Shape{0, 28});
}

TEST_CASE("load_idx reads as many axes as a shape can have, and no more") {
  const TemporaryFolder folder;
  for (int rank = 1; rank <= Shape::max_rank; ++rank) {
    INFO(rank);
    std::string bytes = "\0\0\x08"s + static_cast<char>(rank), extents;
    for (int axis = 1; axis < rank; ++axis) extents += big_endian(1);
    write_bytes(folder / "file", bytes + extents + big_endian(3) + "\x05\x06\x07");
    const Tensor x = load_idx(folder / "file");
    CHECK(x.rank() == rank);
    CHECK(x.to_vector() == std::vector<double>{5, 6, 7});
  }
  std::string one_more = "\0\0\x08"s + static_cast<char>(Shape::max_rank + 1);
  for (int axis = 0; axis <= Shape::max_rank; ++axis) one_more += big_endian(1);
  CHECK_THAT(error_for(one_more + "\x05"), Contains("load_idx: expected 1 to 8 axes, got 9 in "));
}

TEST_CASE("load_idx rejects files that are not IDX files of unsigned bytes") {
  CHECK_THAT(error_for(""), Contains("load_idx: expected the 4 bytes that begin an IDX file, got 0 bytes in "));
  CHECK_THAT(error_for("\0\0\x08"s),
             Contains("load_idx: expected the 4 bytes that begin an IDX file, got 3 bytes in "));
  CHECK_THAT(error_for("PK\x08\x01 and so on"),
             Contains("load_idx: expected an IDX file, which begins with 00 00, got 50 4b in "));
  CHECK_THAT(error_for("\x01\0\x08\x01"s + big_endian(1) + "a"), Contains("begins with 00 00, got 01 00 in "));
  CHECK_THAT(error_for("\0\x01\x08\x01"s + big_endian(1) + "a"), Contains("begins with 00 00, got 00 01 in "));
  for (const auto& [code, name] : {std::pair{'\x07', "0x07 (unknown)"},
                                   {'\x09', "0x09 (signed byte)"},
                                   {'\x0A', "0x0a (unknown)"},
                                   {'\x0B', "0x0b (int16)"},
                                   {'\x0C', "0x0c (int32)"},
                                   {'\x0D', "0x0d (float32)"},
                                   {'\x0E', "0x0e (float64)"},
                                   {'\x0F', "0x0f (unknown)"}}) {
    CHECK_THAT(error_for("\0\0"s + code + "\x01" + big_endian(1) + "abcdefgh"),
               Contains(fmt::format("load_idx: expected elements of type 0x08 (unsigned byte), got {} in ", name)));
  }
  CHECK_THAT(error_for("\0\0\x08\0"s), Contains("load_idx: expected 1 to 8 axes, got 0 in "));
  CHECK_THAT(error_for("\0\0\x08\x09"s), Contains("load_idx: expected 1 to 8 axes, got 9 in "));
  CHECK_THAT(error_for("\0\0\x08\x03"s + big_endian(1)),
             Contains("load_idx: expected 12 bytes for the extents of 3 axes, got 4 in "));
  CHECK_THAT(error_for("\0\0\x08\x03"s + std::string(12, '\xff')),
             Contains("load_idx: expected valid extents, got: Shape: expected at most 2^62 elements, got (4294967295, "
                      "4294967295, 4294967295) in "));
}

TEST_CASE("load_idx rejects files that are shorter or longer than their extents") {
  CHECK_THAT(
      error_for(two_by_three.substr(0, 16)),
      Contains("load_idx: expected 6 bytes of elements for shape (2, 3), got 4 in ") && Contains("which is cut short"));
  CHECK_THAT(
      error_for(two_by_three + "x"),
      Contains("load_idx: expected 6 bytes of elements for shape (2, 3), got 7 in ") && Contains("which is too long"));
  CHECK_THAT(
      error_for(compressed(two_by_three.substr(0, 16))),
      Contains("load_idx: expected 6 bytes of elements for shape (2, 3), got 4 in ") && Contains("which is cut short"));
  CHECK_THAT(error_for(compressed(two_by_three + "x")),
             Contains("load_idx: expected 6 bytes of elements for shape (2, 3), got more in "));
}

TEST_CASE("load_idx allocates no memory for elements that are not in the file") {
  const std::string promise = "\0\0\x08\x02"s + big_endian(0x40000000) + big_endian(0x1000);  // 4 TiB
  const std::size_t before = kernels::pool_usage().held;
  CHECK_THAT(error_for(promise),
             Contains("load_idx: expected 4398046511104 bytes of elements for shape (1073741824, 4096), got 0 in ") &&
                 Contains("which is cut short"));
  CHECK_THAT(error_for(compressed(promise + "some")),
             Contains("load_idx: expected 4398046511104 bytes of elements for shape (1073741824, 4096), got 4 in ") &&
                 Contains("which is cut short"));
  CHECK(kernels::pool_usage().held == before);
}

TEST_CASE("load_idx rejects corrupt compression") {
  const std::string whole = compressed(two_by_three);
  CHECK_THAT(error_for(whole.substr(0, whole.size() - 9)),
             Contains("load_idx: expected a whole gzip file, got ") &&
                 Contains("unexpected end of file; was the download cut short?"));
  CHECK_THAT(error_for(whole.substr(0, whole.size() - 4)),
             Contains("load_idx: expected a whole gzip file, got ") &&
                 Contains("unexpected end of file; was the download cut short?"));
  std::string wrong_checksum = whole;
  wrong_checksum[whole.size() - 6] ^= 1;
  CHECK_THAT(error_for(wrong_checksum), Contains("incorrect data check"));
}

TEST_CASE("load_idx names missing files and folders") {
  const TemporaryFolder folder;
  CHECK_THAT(error_of([&] { load_idx(folder / "none"); }),
             Contains((folder / "none").string()) && Contains("load_idx: expected a file that can be read, got ") &&
                 Contains("No such file or directory"));
  CHECK_THAT(error_of([&] { load_idx(folder.path()); }), Contains(folder.path().string()) &&
                                                             Contains("load_idx: expected a file, got ") &&
                                                             Contains("which is a folder"));
  CHECK(error_of([&] { load_idx("/dev/zero"); }) ==
        "load_idx: expected a file, got /dev/zero, which is a device or a pipe");
}
