// Files made byte by byte, for tests of readers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace xtape::test {

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The low `count` bytes of a number, the lowest first.
inline std::string little_endian(std::uint64_t value, int count = 8) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

/// The low `count` bytes of a number, the highest first.
inline std::string big_endian(std::uint64_t value, int count = 4) {
  const std::string bytes = little_endian(value, count);
  return {bytes.rbegin(), bytes.rend()};
}

/// The number of files and folders in a folder.
inline std::ptrdiff_t entries_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

}  // namespace xtape::test
