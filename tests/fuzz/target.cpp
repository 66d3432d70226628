// What libFuzzer calls: one reader (XTAPE_READER), fed with bytes.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sanitizer/common_interface_defs.h>

#include "framework/error.hpp"
#include "tests/fuzz/readers.hpp"

/// What a child process dies of is HDF5's affair and handled: libFuzzer should not take it for its own death.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  return pthread_atfork(nullptr, nullptr, [] { __sanitizer_set_death_callback(nullptr); });
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace xtape;
  static const auto reader = std::ranges::find(fuzz::readers(), XTAPE_READER, &fuzz::Reader::name);
  static const auto path = std::filesystem::temp_directory_path() / fmt::format("xtape-fuzz-{}", getpid());
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  try {
    reader->read(path);
  } catch (const Error&) {  // the only thing that may come out
  }
  return 0;
}
