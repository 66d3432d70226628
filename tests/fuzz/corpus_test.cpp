// The files from which fuzzing starts, and thousands of slightly changed copies, without a fuzzer.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/fuzz/readers.hpp"
#include "tests/io/files.hpp"
#include "tests/support/support.hpp"

namespace fs = std::filesystem;

namespace {

using namespace xtape;
using test::read_bytes;

/// Number of changed files for each reader.
int changes() {
  const char* wanted = std::getenv("XTAPE_FILE_CHANGES");
  return wanted ? std::stoi(wanted) : 300;
}

const fs::path corpus = xtape::test::source_root() / "tests/fuzz/corpus";

std::vector<fs::path> files_of(const std::string& reader) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(corpus / reader)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

/// The bytes with one to four changes: a flipped bit, a number that is too large, a copied piece, or an earlier end.
std::string changed(std::string bytes, std::mt19937& random) {
  const auto below = [&random](std::size_t limit) { return random() % std::max<std::size_t>(limit, 1); };
  constexpr std::array<std::uint64_t, 8> numbers{0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, ~0ULL, 1ULL << 40};
  for (std::size_t count = 1 + below(4); count > 0 && !bytes.empty(); --count) {
    const std::size_t at = below(bytes.size());
    switch (below(4)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8))); break;
      case 1: {
        const std::string number = test::little_endian(numbers[below(8)], 1 << below(4));
        bytes.replace(at, std::min(number.size(), bytes.size() - at), number);
        break;
      }
      case 2: bytes.replace(at, below(16), bytes.substr(below(bytes.size()), below(16))); break;
      default: bytes.resize(at + below(2) * (bytes.size() - at)); break;
    }
  }
  return bytes;
}

/// Reads a file with these bytes. Returns true if that succeeds, false for an Error.
bool reads(const fuzz::Reader& reader, const fs::path& path, const std::string& bytes) {
  test::write_bytes(path, bytes);
  try {
    reader.read(path);
    return true;
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("expected") != std::string::npos);
    return false;
  }
}

}  // namespace

TEST_CASE("every reader has files in the corpus and reads them") {
  const test::TemporaryFolder folder;
  for (const fuzz::Reader& reader : fuzz::readers()) {
    REQUIRE(fs::exists(corpus / reader.name));
    for (const fs::path& file : files_of(reader.name)) {
      INFO(file << "; if it is a checkpoint, the case below writes it anew");
      CHECK(reads(reader, folder / "file", read_bytes(file)));
    }
  }
  CHECK(test::entries_in(corpus) == static_cast<std::ptrdiff_t>(fuzz::readers().size()));
}

// Run it by its name: test_fuzz "write the checkpoint of the corpus anew".
TEST_CASE("write the checkpoint of the corpus anew", "[.]") { fuzz::write_checkpoint(corpus / "checkpoint" / "begun"); }

TEST_CASE("slightly changed files cause only errors") {
  const test::TemporaryFolder folder;
  for (const fuzz::Reader& reader : fuzz::readers()) {
    std::mt19937 random(1);
    const std::vector<fs::path> files = files_of(reader.name);
    int read = 0;
    for (int i = 0; i < changes(); ++i) {
      const std::string bytes = changed(read_bytes(files[static_cast<std::size_t>(i) % files.size()]), random);
      INFO(reader.name << ", change " << i);
      REQUIRE_NOTHROW(read += reads(reader, folder / "file", bytes));
    }
    INFO(reader.name << ": " << read << " of " << changes() << " could be read");
    CHECK(read > 0);
    CHECK(read < changes());
  }
}
