// All readers of files from others, as one table for the fuzz targets and the corpus test.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace xtape::fuzz {

/// A reader, and the name of its folder in tests/fuzz/corpus. read() may throw xtape::Error; any other exception is a
/// bug.
struct Reader {
  std::string name;
  std::function<void(const std::filesystem::path&)> read;
};

/// All readers. To add one: a line here, and a folder with small files in corpus/.
const std::vector<Reader>& readers();

/// Writes corpus/checkpoint/begun. It has to be written again when the content of checkpoints changes.
void write_checkpoint(const std::filesystem::path& path);

}  // namespace xtape::fuzz
