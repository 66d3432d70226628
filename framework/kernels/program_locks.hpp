// The locks of the whole program, and what becomes of them when the process forks.
#pragma once

#include <mutex>

namespace xtape::kernels {

/// What several threads share for as long as the program runs, in the order in which one thread may take the locks.
/// fork() takes all of them first and frees them afterwards in both processes: a child never finds one held by a thread
/// that it does not have, and what they guard is whole. A lock that lives in an object has no such protection.
struct ProgramLocks {
  std::mutex threads;  ///< the making of the threads of parallel_for
  std::mutex caches;   ///< of what is computed from weights; held for bookkeeping alone
  std::mutex memory;   ///< the memory pool
};
extern ProgramLocks program_locks;

}  // namespace xtape::kernels
