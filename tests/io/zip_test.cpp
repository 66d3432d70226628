// Zip archives: what is written is read back, and damaged archives are refused. Offsets of the fields of headers are
// from PKWARE: .ZIP File Format Specification, sections 4.3.7 and 4.3.12.
#include "framework/io/zip.hpp"

#include <cstdint>
#include <fstream>
#include <sstream>

#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

std::string archive_of(const std::vector<ZipEntry>& entries) {
  std::ostringstream out;
  write_zip("test", out, entries);
  return out.str();
}

std::filesystem::path stored_as(const test::TemporaryFolder& folder, const std::string& bytes) {
  const std::filesystem::path path = folder / "archive.zip";
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

/// The position of a header: "\x03\x04" in front of an entry, "\x01\x02" in the central directory.
std::size_t header(const std::string& archive, const std::string& kind, int entry = 0) {
  std::size_t at = archive.find("PK" + kind);
  for (; entry > 0; --entry) at = archive.find("PK" + kind, at + 1);
  REQUIRE(at != std::string::npos);
  return at;
}

void set_number(std::string& archive, std::size_t at, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) archive[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i));
}

}  // namespace

TEST_CASE("zip archives are read as they were written") {
  const test::TemporaryFolder folder;
  const std::vector<ZipEntry> entries{{"folder/z", "hello"},
                                      {"empty", ""},
                                      {"b\xc3\xa4", std::string(70000, '\x7f') + '\0'},
                                      {"a", std::string("\0\1\2", 3)}};
  const std::string bytes = archive_of(entries);
  const ZipFile file("test", stored_as(folder, bytes));
  CHECK(file.names() == std::vector<std::string>{"folder/z", "empty", "b\xc3\xa4", "a"});
  for (const ZipEntry& entry : entries) {
    INFO(entry.name);
    CHECK(file.size(entry.name) == std::ssize(entry.bytes));
    CHECK(file.read(entry.name) == entry.bytes);
  }
  CHECK(bytes.find("hello") != std::string::npos);             // without compression
  CHECK(bytes.substr(10, 4) == std::string("\0\0\x21\0", 4));  // no time of writing: midnight of 1 January 1980
}

TEST_CASE("zip archives that are damaged are refused with the entry's name") {
  const test::TemporaryFolder folder;
  const std::string sound = archive_of({{"first", "hello"}, {"other", "world!"}});
  const std::string path = (folder / "archive.zip").string();
  const auto message = [&](const std::string& bytes, const auto& use) {
    stored_as(folder, bytes);
    return error_of([&] {
      const ZipFile file("test", path);
      use(file);
    });
  };
  const auto read_first = [](const ZipFile& file) { static_cast<void>(file.read("first")); };
  const auto list = [](const ZipFile& file) { static_cast<void>(file.names()); };

  CHECK(message("hello", list) == "test: expected a zip archive, got a file of another format: " + path);
  CHECK(message(sound.substr(0, sound.size() - 1), list) ==
        "test: expected an undamaged zip archive, got: Not a zip archive: " + path);
  CHECK(message(sound, [](const ZipFile& file) { static_cast<void>(file.read("third")); }) ==
        "test: " + path + ": expected an entry \"third\", got none");
  CHECK(message(sound, [](const ZipFile& file) { static_cast<void>(file.size("third")); }) ==
        "test: " + path + ": expected an entry \"third\", got none");

  std::string changed = sound;
  changed[sound.find("hello")] = 'j';
  CHECK(message(changed, read_first) ==
        "test: " + path + ": expected the checksum of the entry \"first\", got: CRC error");
  stored_as(folder, changed);
  CHECK(ZipFile("test", path).read("other") == "world!");

  std::string same_names = sound;
  for (std::size_t at = 0; (at = same_names.find("other", at)) != std::string::npos;)
    same_names.replace(at, 5, "first");
  CHECK(message(same_names, list) ==
        "test: " + path + ": expected entries with different names, got a name twice or none");

  std::string encrypted = sound;  // bit 0 of the flags
  encrypted[header(sound, "\x03\x04") + 6] |= 1;
  encrypted[header(sound, "\x01\x02") + 8] |= 1;
  CHECK_THAT(message(encrypted, read_first),
             Catch::StartsWith("test: " + path + ": expected to read the entry \"first\", got: "));

  std::string longer = sound;  // one byte more than are stored
  set_number(longer, header(sound, "\x01\x02") + 24, 6, 4);
  CHECK_THAT(message(longer, read_first),
             Catch::StartsWith("test: " + path + ": expected 6 undamaged bytes in the entry \"first\", got 5: "));
}

TEST_CASE("zip archives are refused whose entries can't be as large as they say") {
  const test::TemporaryFolder folder;
  std::string archive = archive_of({{"first", "hello"}, {"other", "world!"}});
  const std::uint64_t most = 1032 * (archive.size() + 4096 + 1) - 1;  // deflate packs 1032 bytes into one
  const std::size_t at = header(archive, "\x01\x02", 1) + 24;
  set_number(archive, at, most, 4);
  const auto path = stored_as(folder, archive);
  CHECK(ZipFile("test", path).size("other") == static_cast<std::int64_t>(most));
  set_number(archive, at, most + 1, 4);
  stored_as(folder, archive);
  for (const bool reads : {false, true}) {
    CHECK(error_of([&] {
            const ZipFile file("test", path);
            if (reads) static_cast<void>(file.read("other"));
            static_cast<void>(file.size("other"));
          }) ==
          fmt::format("test: {}: expected an entry \"other\" that fits into the file, got {} bytes in a file of {}",
                      path.string(), most + 1, archive.size()));
  }
}

TEST_CASE("zip archives have at most 100,000 entries") {
  const test::TemporaryFolder folder;
  std::vector<ZipEntry> entries;
  for (int i = 0; i < 100'000; ++i) entries.push_back({fmt::format("{}", i), ""});
  const auto path = stored_as(folder, archive_of(entries));
  const std::vector<std::string> names = ZipFile("test", path).names();
  REQUIRE(names.size() == entries.size());
  CHECK(names.back() == "99999");
  entries.push_back({"one more", ""});
  stored_as(folder, archive_of(entries));
  CHECK(error_of([&] { static_cast<void>(ZipFile("test", path).names()); }) ==
        "test: " + path.string() + ": expected at most 100,000 entries, got 100001");
}
