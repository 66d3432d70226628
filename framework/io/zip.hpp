// Zip archives: the container of Keras's .keras, PyTorch's .pt and NumPy's .npz files.
#pragma once

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace xtape {

/// An entry of a zip archive.
struct ZipEntry {
  std::string name;   ///< its path in the archive
  std::string bytes;  ///< its content
};

/// A zip archive that is open for reading. Any number of threads may read at once.
class ZipFile {
 public:
  /// Opens an archive. Error with `function` and the path when the file is missing or not a zip archive, and in a build
  /// without libzip.
  ZipFile(std::string_view function, const std::filesystem::path& path);
  ZipFile(const ZipFile&) = delete;
  ZipFile& operator=(const ZipFile&) = delete;
  ~ZipFile();
  /// The names of the entries, in the order of the archive. Error when a name occurs twice, or there are more than
  /// 100,000 entries.
  std::vector<std::string> names() const;
  /// The size of an entry in bytes. Error when there is none, or the file is too small to hold it.
  std::int64_t size(const std::string& name) const;
  /// The content of an entry. Error when there is none, or it is damaged or encrypted. Memory is allocated only if the
  /// file is large enough to hold the entry.
  std::string read(const std::string& name) const;

 private:
  struct Archive;
  std::unique_ptr<Archive> archive_;
};

/// Writes a zip archive without compression. The same entries give the same bytes. Error with `function` in a build
/// without libzip.
void write_zip(std::string_view function, std::ostream& out, const std::vector<ZipEntry>& entries);

}  // namespace xtape
