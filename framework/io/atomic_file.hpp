// Atomic writing of files.
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string_view>

namespace xtape {

/// Writes a file atomically: afterwards `path` has either all of the new content or its old content. `write` receives a
/// binary stream. The bytes go to a temporary file in the same folder, which is renamed to `path` once they are on the
/// disk. Keeps the permissions of a file that it replaces, and follows symbolic links. Throws Error with path and
/// reason (no such folder, no permission, disk full, ...), also from the operators of the stream; exceptions of `write`
/// are propagated. In both cases the temporary file is removed. Messages begin with `function`, unless it is empty.
void write_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write,
                      std::string_view function = "");

/// Removes temporary files of write_atomically whose process no longer exists, because it was killed while writing.
/// Files that cannot be removed are skipped without an error.
void remove_leftovers(const std::filesystem::path& folder);

}  // namespace xtape
