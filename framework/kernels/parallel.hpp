// Work spread over the cores, in pieces fixed by the problem so that results do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "framework/kernels/function_ref.hpp"

namespace xtape::kernels {

using RangeBody = FunctionRef<void(std::int64_t begin, std::int64_t end)>;

/// Calls body(begin, end) for consecutive pieces of [0, count), each `grain` long (the last one may be shorter), on
/// all threads. Pieces depend on count and grain alone, so a body that writes only what its piece owns gives
/// bit-identical results for any number of threads. A call from inside a body, or while another thread of the program
/// holds the pool, runs on the calling thread, and so does every call in a forked child, which has no other until it
/// calls set_num_threads. The first exception a body throws is rethrown here.
void parallel_for(std::int64_t count, std::int64_t grain, RangeBody body);

/// Pieces to cut a large piece of work into where its size leaves the choice: a few threads then finish together.
inline constexpr std::int64_t wanted_tasks = 16;

/// Number of threads that parallel_for uses: the cores this process may run on, or as many as a CPU quota of its
/// container (cgroup) allows, rounded up, if these are fewer; or XTAPE_NUM_THREADS (1 to 256; anything else is reported
/// on standard error and ignored). Fewer when the system gives no more. A child that was forked after the first use
/// of xtape has 1.
int num_threads();

/// Sets the number of threads, in a forked child too; if the system gives fewer, says so on standard error and
/// num_threads() tells how many there are. Error unless 1 to 256, and inside of a body that runs in parallel.
void set_num_threads(int count);

}  // namespace xtape::kernels
