// Running programs from outside, and small data sets for them.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/wait.h>
#include <vector>

#include "framework/io/image.hpp"
#include "tests/support/background_program.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

struct Run {
  int status;
  std::string text;  ///< standard output and standard error
};

/// Runs programs in the folder $XTAPE_EXAMPLES. The current folder is temporary. Skips the test without the variable.
class Programs {
 public:
  Programs() {
    const char* where = std::getenv("XTAPE_EXAMPLES");
    if (!where) skip("XTAPE_EXAMPLES, the folder of the example programs, is not set (meson sets it)");
    programs_ = where;
  }
  Run operator()(const std::string& command, const std::string& output = "") const {
    const std::filesystem::path log = folder_ / "log";
    const std::string redirected =
        output.empty() ? fmt::format("> '{}' 2>&1", log.string()) : fmt::format("> {} 2> '{}'", output, log.string());
    const int status = std::system(
        fmt::format("cd '{}' && {}/{} {}", folder_.path().string(), programs_, command, redirected).c_str());
    std::ifstream stream(log);
    return {WEXITSTATUS(status), {std::istreambuf_iterator<char>(stream), {}}};
  }
  const std::filesystem::path& folder() const { return folder_.path(); }
  const std::string& programs() const { return programs_; }

 private:
  std::string programs_;
  TemporaryFolder folder_;
};

/// "train OPTIONS" in the background, after its first epoch: 60 epochs on the data of write_other_data(). It prints at
/// least 80 bytes for each epoch, so that it cannot end before the test reads more.
class BackgroundTraining : public BackgroundProgram {
 public:
  BackgroundTraining(const Programs& run, const std::string& options)
      : BackgroundProgram(
            {"/bin/sh", "-c", fmt::format("exec {}/train --data . --epochs 60 {}", run.programs(), options)},
            run.folder()) {
    read_until("\nepoch  1/60");
  }
};

inline void check_refused(const Run& run, const std::string& message) {
  INFO(run.text);
  CHECK(run.status == 2);
  CHECK_THAT(run.text, Catch::Contains(message));
}

inline void write_bytes(const std::filesystem::path& path, const std::vector<int>& extents, std::int64_t count) {
  std::ofstream out(path, std::ios::binary);
  out.write("\0\0\x08", 3).put(static_cast<char>(extents.size()));
  for (const int extent : extents)
    out.write("\0\0", 2).put(static_cast<char>(extent / 256)).put(static_cast<char>(extent));
  for (std::int64_t i = 0; i < count; ++i) out.put(static_cast<char>(i % 10));
}

/// Writes a small data set in IDX files that is not Fashion-MNIST.
inline void write_other_data(const std::filesystem::path& folder) {
  for (const std::string part : {"train", "t10k"}) {
    write_bytes(folder / (part + "-images-idx3-ubyte"), {320, 28, 28}, 320 * 28 * 28);
    write_bytes(folder / (part + "-labels-idx1-ubyte"), {320}, 320);
  }
}

/// Writes `count` images (20, 20, 3) of one grey value, 0 to 255, as folder/0.png, folder/1.png, ...
inline void write_grey_images(const std::filesystem::path& folder, int value, int count = 1) {
  std::filesystem::create_directories(folder);
  for (int i = 0; i < count; ++i) {
    write_png(folder / fmt::format("{}.png", i), Tensor::full({20, 20, 3}, value, DType::uint8));
  }
}

/// The number after `words` in the text; -1 if the text does not contain them.
inline double number_after(const std::string& text, const std::string& words) {
  const std::size_t at = text.find(words);
  return at == std::string::npos ? -1 : std::stod(text.substr(at + words.size()));
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace xtape::test
