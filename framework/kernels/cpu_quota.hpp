// How much of the processors the system grants to a process, as containers limit it.
#pragma once

#include <filesystem>
#include <optional>

namespace xtape::kernels {

/// The processors whose time this process may use, rounded up to whole ones: the smallest quota of its control group
/// and of all groups around it that this process can see; nothing when there is none. Reads cpu.max (version 2) and
/// cpu.cfs_quota_us (version 1), https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/cpu.html. All files
/// are looked for below `root`.
std::optional<int> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace xtape::kernels
