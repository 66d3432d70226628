// The CPU quota of a container: how much processor time the system grants to this process.
#pragma once

#include <filesystem>
#include <optional>

namespace xtape::kernels {

/// The number of processors whose time this process may use, rounded up: the smallest quota of its control group and of
/// all enclosing groups that are visible to the process. Returns nullopt if there is no quota. Reads cpu.max (cgroup
/// version 2, https://docs.kernel.org/admin-guide/cgroup-v2.html) and cpu.cfs_quota_us (version 1,
/// https://docs.kernel.org/scheduler/sched-bwc.html). All paths are relative to `root`, so that tests can supply files.
std::optional<int> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace xtape::kernels
