// The function that libFuzzer calls: it passes the bytes to the reader that the variable XTAPE_READER names.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "framework/error.hpp"
#include "tests/fuzz/readers.hpp"

namespace {

const xtape::fuzz::Reader& chosen_reader() {
  const char* name = std::getenv("XTAPE_READER");
  const auto reader =
      std::ranges::find(xtape::fuzz::readers(), std::string(name ? name : ""), &xtape::fuzz::Reader::name);
  if (reader == xtape::fuzz::readers().end()) {
    fmt::print(stderr, "XTAPE_READER is not the name of a reader\n");
    std::exit(2);
  }
  return *reader;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const xtape::fuzz::Reader& reader = chosen_reader();
  static const auto path = std::filesystem::temp_directory_path() / fmt::format("xtape-fuzz-{}", getpid());
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  try {
    reader.read(path);
  } catch (const xtape::Error&) {  // the only permitted exception
  }
  return 0;
}
