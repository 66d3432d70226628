// The locks of the whole program, and their state after fork().
#pragma once

#include <mutex>

namespace xtape::kernels {

/// The locks for data with static lifetime, in the order in which a thread may acquire them. fork() acquires all of
/// them first and releases them afterwards in both processes. So a child never finds a lock held by a thread that it
/// does not have, and the guarded data are consistent. A lock that is a member of an object has no such protection.
struct ProgramLocks {
  std::mutex threads;  ///< the creation of the thread pool
  std::mutex caches;   ///< caches of data computed from weights; held for bookkeeping only
  std::mutex memory;   ///< the memory pool
};
extern ProgramLocks program_locks;

}  // namespace xtape::kernels
