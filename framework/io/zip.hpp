// Zip archives: the container of Keras's .keras files and NumPy's .npz files.
#pragma once

#include <filesystem>
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

/// Reads the named entries of a zip archive, in this order. Error with `function` and the path when the file is missing
/// or not a zip archive, when it lacks an entry, when an entry is damaged or encrypted, and in a build without libzip.
/// Memory is allocated only if the file is large enough to hold the entry.
std::vector<ZipEntry> read_zip(std::string_view function, const std::filesystem::path& path,
                               const std::vector<std::string>& names);

/// The names of the entries of a zip archive, in its order. Error with `function` and the path when the file is missing
/// or not a zip archive, when a name occurs twice or there are more than 100,000 entries.
std::vector<std::string> zip_entry_names(std::string_view function, const std::filesystem::path& path);

/// Writes a zip archive without compression. The same entries give the same bytes. Error with `function` in a build
/// without libzip.
void write_zip(std::string_view function, std::ostream& out, const std::vector<ZipEntry>& entries);

}  // namespace xtape
