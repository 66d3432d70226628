// Files that are there whole or not at all.
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>

namespace xtape {

/// Writes a file through `write`, which gets a binary stream, so that `path` holds either all of the new content or
/// still what it held before: the bytes go to a temporary file in the same folder, which takes the place of `path` once
/// they are on the disk. Keeps the permissions of a file it replaces and follows a symbolic link. Error with path and
/// reason (no such folder, no permission, disk full, ...), thrown out of the stream's operators as well; exceptions of
/// `write` pass through. Either way the temporary file is removed.
void write_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write);

/// Removes what processes that were killed in the midst of write_atomically have left in the folder: temporary files of
/// processes that are no more. What can't be read or removed stays.
void remove_leftovers(const std::filesystem::path& folder);

}  // namespace xtape
