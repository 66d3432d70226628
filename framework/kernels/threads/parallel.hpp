// parallel_for: a loop on the thread pool. Its division into pieces depends on the problem alone, so results do not
// depend on the number of threads.
#pragma once

#include <cstdint>

#include "framework/kernels/threads/function_ref.hpp"

namespace xtape::kernels {

/// The body of a parallel loop. It processes the elements in [begin, end).
using RangeBody = FunctionRef<void(std::int64_t begin, std::int64_t end)>;

/// Calls body(begin, end) for consecutive pieces of [0, count) on all threads of the pool. Each piece has `grain`
/// elements; the last one may have fewer. The pieces depend on count and grain alone, so a body that writes only the
/// elements of its piece gives bit-identical results for any number of threads. Each thread begins with its own share
/// of adjacent pieces, because it finds in its cache what it computed in an earlier loop of as many pieces, and then
/// helps the others. There are at most 32 shares. A call runs entirely on the calling thread if it comes from inside a
/// body, if another thread of the program is using the pool, or in a forked child that has not called set_num_threads.
/// Rethrows the first exception that a body throws.
void parallel_for(std::int64_t count, std::int64_t grain, RangeBody body);

/// The number of pieces to aim for when the size of the work leaves the choice: enough that a few threads finish at
/// about the same time.
inline constexpr std::int64_t wanted_tasks = 16;

/// The number of threads that parallel_for uses. By default it is the number of cores that this process may run on, or
/// the CPU quota of its container (cgroup), rounded up, if that is smaller. The environment variable XTAPE_NUM_THREADS
/// (1 to 256) overrides this; any other value is reported on standard error and ignored. The number is smaller if the
/// system refuses to start so many threads. It is 1 in a child that was forked after the first use of xtape.
int num_threads();

/// The number of threads of a call of parallel_for from here: 1 inside a body of a loop of several pieces.
int usable_threads();

/// Sets the number of threads, also in a forked child. If the system starts fewer, this is reported on standard error,
/// and num_threads() returns the actual number. Error unless count is 1 to 256, or if called from inside a body of
/// parallel_for.
void set_num_threads(int count);

}  // namespace xtape::kernels
