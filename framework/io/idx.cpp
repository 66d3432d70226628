#include "framework/io/idx.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "framework/amount.hpp"
#include "framework/io/input_file.hpp"

namespace xtape {
namespace {

/// Reads a file from the beginning and decompresses it if it is compressed by gzip.
class GzipReader {
 public:
  explicit GzipReader(const std::filesystem::path& path)
      : path_(path.string()), file_size_(input_file_size("load_idx", path)), file_(gzopen(path.c_str(), "rb")) {
    check(file_ != nullptr, "load_idx: expected a file that can be read, got {}: {}", path_, std::strerror(errno));
    gzbuffer(file_.get(), 1 << 17);
  }

  /// Reads target.size() bytes, fewer only at the end of the file, and returns their number. Error if the compressed
  /// data are corrupt.
  std::size_t read(std::span<std::uint8_t> target) {
    const int count = gzread(file_.get(), target.data(), static_cast<unsigned>(target.size()));
    int code = Z_OK;
    const char* reason = gzerror(file_.get(), &code);
    check(count >= 0 && code == Z_OK, "load_idx: expected a whole gzip file, got {}: {}; was the download cut short?",
          path_, code == Z_ERRNO ? std::strerror(errno) : reason);
    return static_cast<std::size_t>(count);
  }

  /// Whether the file is not compressed. Valid after the first call of read().
  bool plain() const { return gzdirect(file_.get()) == 1; }
  std::int64_t file_size() const { return file_size_; }
  const std::string& path() const { return path_; }

 private:
  struct Closer {
    void operator()(gzFile file) const { gzclose(file); }
  };
  std::string path_;
  std::int64_t file_size_;
  std::unique_ptr<gzFile_s, Closer> file_;
};

const char* type_name(std::uint8_t code) {
  switch (code) {
    case 0x09: return "signed byte";
    case 0x0B: return "int16";
    case 0x0C: return "int32";
    case 0x0D: return "float32";
    case 0x0E: return "float64";
    default: return "unknown";
  }
}

/// Checks the first four bytes and returns the number of axes.
std::size_t read_rank(GzipReader& file) {
  std::array<std::uint8_t, 4> magic{};
  const std::size_t count = file.read(magic);
  check(count == magic.size(), "load_idx: expected the 4 bytes that begin an IDX file, got {} in {}",
        amount(count, "byte"), file.path());
  check(magic[0] == 0 && magic[1] == 0,
        "load_idx: expected an IDX file, which begins with 00 00, got {:02x} {:02x} in {}", magic[0], magic[1],
        file.path());
  check(magic[2] == 0x08, "load_idx: expected elements of type 0x08 (unsigned byte), got 0x{:02x} ({}) in {}", magic[2],
        type_name(magic[2]), file.path());
  check(magic[3] >= 1 && magic[3] <= Shape::max_rank, "load_idx: expected 1 to {} axes, got {} in {}", Shape::max_rank,
        magic[3], file.path());
  return magic[3];
}

Shape read_shape(GzipReader& file) {
  const std::size_t rank = read_rank(file);
  std::vector<std::uint8_t> bytes(4 * rank);
  const std::size_t count = file.read(bytes);
  check(count == bytes.size(), "load_idx: expected {} bytes for the extents of {} axes, got {} in {}", bytes.size(),
        rank, count, file.path());
  std::vector<std::int64_t> extents(rank, 0);
  for (std::size_t i = 0; i < bytes.size(); ++i) extents[i / 4] = extents[i / 4] << 8 | bytes[i];
  try {
    return Shape(extents);
  } catch (const Error& error) {
    fail_as(error, "load_idx: expected valid extents, got: {} in {}", error.what(), file.path());
  }
}

/// Checks the number of elements before they are read. This is possible only for a file that is not compressed.
void check_plain_size(const GzipReader& file, const Shape& shape) {
  const std::int64_t elements = file.file_size() - 4 - std::int64_t{4} * shape.rank();
  check(elements == shape.size(), "load_idx: expected {} bytes of elements for shape {}, got {} in {}, which is {}",
        shape.size(), shape, elements, file.path(), elements < shape.size() ? "cut short" : "too long");
}

}  // namespace

Tensor load_idx(const std::filesystem::path& path) {
  GzipReader file(path);
  const Shape shape = read_shape(file);
  if (file.plain()) check_plain_size(file, shape);
  const auto size = static_cast<std::size_t>(shape.size());
  std::vector<std::uint8_t> elements;
  for (std::size_t last = 1; last > 0 && elements.size() < size;) {
    const std::size_t before = elements.size();
    elements.resize(before + std::min(size - before, std::size_t{1} << 20));
    last = file.read(std::span(elements).subspan(before));
    elements.resize(before + last);
  }
  check(elements.size() == size,
        "load_idx: expected {} bytes of elements for shape {}, got {} in {}, which is cut short", size, shape,
        elements.size(), path.string());
  std::array<std::uint8_t, 1> beyond{};  // reading past the end also makes zlib verify the checksum there
  check(file.read(beyond) == 0, "load_idx: expected {} bytes of elements for shape {}, got more in {}", size, shape,
        path.string());
  Tensor result = Tensor::empty(shape, DType::uint8);
  std::ranges::copy(elements, result.mutable_data<std::uint8_t>());
  return result;
}

}  // namespace xtape
