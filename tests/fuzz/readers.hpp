// Every reader of files that others may have made, as one table: the fuzz targets and the corpus test go through it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace xtape::fuzz {

/// A reader, and the name of its folder in tests/fuzz/corpus. read() may throw xtape::Error; anything else is a bug.
struct Reader {
  std::string name;
  std::function<void(const std::filesystem::path&)> read;
};

/// To add one: a line here, a folder with small files in corpus/, the name in meson.build.
const std::vector<Reader>& readers();

/// Makes corpus/checkpoint/begun, which is of no use any more once checkpoints hold something else.
void write_checkpoint(const std::filesystem::path& path);

}  // namespace xtape::fuzz
