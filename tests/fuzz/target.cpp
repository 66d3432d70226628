// The function that libFuzzer calls: it passes the bytes to one reader (XTAPE_READER).
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>

#include "framework/error.hpp"
#include "tests/fuzz/readers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace xtape;
  static const auto reader = std::ranges::find(fuzz::readers(), XTAPE_READER, &fuzz::Reader::name);
  static const auto path = std::filesystem::temp_directory_path() / fmt::format("xtape-fuzz-{}", getpid());
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  try {
    reader->read(path);
  } catch (const Error&) {  // the only permitted exception
  }
  return 0;
}
