#include "framework/kernels/threads/parallel.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "framework/error.hpp"
#include "framework/kernels/threads/cpu_quota.hpp"
#include "framework/kernels/threads/program_locks.hpp"
#include "framework/parse_number.hpp"

namespace xtape::kernels {
namespace {

constexpr int most_threads = 256;

/// The cores that the process may run on, or its CPU quota if that is smaller.
int available_cores() {
  cpu_set_t set;
  const bool known = sched_getaffinity(0, sizeof set, &set) == 0;
  const int cores = known ? CPU_COUNT(&set) : static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(std::min(cores, cpu_quota().value_or(cores)), 1, most_threads);
}

/// The value of XTAPE_NUM_THREADS, or the number of available cores if it is not set or, after a message, not valid.
int default_threads() {
  const int cores = available_cores();
  const char* text = std::getenv("XTAPE_NUM_THREADS");
  if (!text) return cores;
  const std::string_view given(text);
  const auto wanted = parse_number<int>(given);
  if (wanted && *wanted >= 1 && *wanted <= most_threads) return *wanted;
  fmt::print(stderr, "xtape: expected XTAPE_NUM_THREADS to be a number from 1 to {}, got '{}'; using {}\n",
             most_threads, given, cores);
  return cores;
}

/// One call of parallel_for. Threads take pieces from a shared counter until none is left.
struct Job {
  std::int64_t count, grain, pieces;
  RangeBody body;
  std::atomic<std::int64_t> next{0};
  std::mutex error_mutex{};
  std::exception_ptr error{};

  void work() {
    for (std::int64_t piece = 0; (piece = next.fetch_add(1, std::memory_order_relaxed)) < pieces;) {
      try {
        body(piece * grain, std::min(count, (piece + 1) * grain));
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next.store(pieces, std::memory_order_relaxed);
      }
    }
  }
};

thread_local bool inside_parallel = false;

/// A pool of threads that wait for jobs. They spin for some microseconds before they sleep: in a training step the next
/// job follows soon, and waking a sleeping thread takes ten times as long as running a small job. A forked child has a
/// copy of the object but not its threads; it runs jobs on the calling thread and touches no lock of the object.
class ThreadPool {
 public:
  /// `before_fork`: in a forked child, the pool of the parent process, which this one replaces.
  explicit ThreadPool(int threads, const ThreadPool* before_fork = nullptr) : before_fork_(before_fork) {
    start(threads);
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() { stop(); }

  /// Whether the threads belong to this process.
  bool present() const { return getpid() == process_; }
  int size() const { return present() ? size_.load(std::memory_order_relaxed) : 1; }

  void resize(int threads) {
    const std::lock_guard lock(owner_);
    if (threads == size()) return;
    stop();
    start(threads);
  }

  void run(Job& job) {
    if (!present()) return run_here(job);
    const std::unique_lock owner(owner_, std::try_to_lock);
    if (!owner || workers_.empty()) return run_here(job);
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      gate_.store(next_generation() | open, std::memory_order_release);
    }
    if (sleeping_.load() > 0) wake_.notify_all();
    run_here(job);
    gate_.fetch_and(~open, std::memory_order_relaxed);  // threads that have not entered by now do not take part
    while ((gate_.load(std::memory_order_acquire) & inside) > 0) std::this_thread::yield();
  }

 private:
  static constexpr int spins = 20000;
  // Bit fields of gate_: the number of threads inside the current job (low 16 bits), whether the job is open to more
  // (bit 16), and the number of the job (the bits above).
  static constexpr std::uint64_t open = 1 << 16, inside = open - 1, generation = ~(open | inside);
  std::uint64_t next_generation() const { return (gate_.load() & generation) + 2 * open; }

  static void run_here(Job& job) {
    const bool nested = inside_parallel;
    inside_parallel = true;
    job.work();
    inside_parallel = nested;
  }

  /// Starts as many threads as the system allows.
  void start(int threads) {
    stopping_.store(false);
    try {
      for (int i = 1; i < threads; ++i) {
        workers_.emplace_back([this, seen = gate_.load() & generation] { serve(seen); });
      }
    } catch (const std::exception& error) {  // the system has no more threads or memory
      fmt::print(stderr, "xtape: expected to start {} threads, got {}: {}\n", threads, workers_.size() + 1,
                 error.what());
    }
    size_.store(static_cast<int>(workers_.size()) + 1);
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_.store(true);
      gate_.store(next_generation(), std::memory_order_release);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
  }

  void serve(std::uint64_t seen) {
    for (;;) {
      wait_for_change(seen);
      seen = gate_.load(std::memory_order_acquire) & generation;
      if (stopping_.load()) return;
      if (!enter(seen)) continue;
      run_here(*job_);
      gate_.fetch_sub(1, std::memory_order_release);
    }
  }

  /// Enters the job if it is still open. run() then waits until this thread has left it.
  bool enter(std::uint64_t job) {
    std::uint64_t gate = gate_.load(std::memory_order_relaxed);
    while ((gate & ~inside) == (job | open)) {
      if (gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire)) return true;
    }
    return false;
  }

  bool changed(std::uint64_t seen) const { return (gate_.load(std::memory_order_acquire) & generation) != seen; }

  void wait_for_change(std::uint64_t seen) {
    for (int spin = 0; spin < spins; ++spin) {
      if (changed(seen)) return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    std::unique_lock lock(mutex_);
    ++sleeping_;
    wake_.wait(lock, [&] { return changed(seen); });
    --sleeping_;
  }

  std::mutex owner_;  // held by the thread that called run(), as long as its job runs
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<std::uint64_t> gate_{0};
  std::atomic<int> sleeping_{0}, size_{1};
  std::atomic<bool> stopping_{false};
  Job* job_ = nullptr;
  std::vector<std::thread> workers_;
  const pid_t process_ = getpid();                  // the process that the threads belong to
  [[maybe_unused]] const ThreadPool* before_fork_;  // keeps it reachable for leak checkers
};

constinit std::atomic<ThreadPool*> current = nullptr;  // created at the first use

/// Stops the threads when the program exits. A forked child leaves the object as it is, because joining threads that do
/// not exist, or destroying the condition variable they wait on, would block forever.
struct AtExit {
  AtExit() = default;
  AtExit(const AtExit&) = delete;
  AtExit& operator=(const AtExit&) = delete;
  ~AtExit() {
    if (current && current.load()->present()) delete current.exchange(nullptr);
  }
};
const AtExit at_exit;

ThreadPool& pool() {
  if (ThreadPool* known = current.load(std::memory_order_acquire)) return *known;
  const std::lock_guard lock(program_locks.threads);
  if (!current) current.store(new ThreadPool(default_threads()));
  return *current;
}

}  // namespace

void parallel_for(std::int64_t count, std::int64_t grain, RangeBody body) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t pieces = (count + grain - 1) / grain;
  Job job{count, grain, pieces, body};
  if (pieces == 1 || inside_parallel) {
    job.work();
  } else {
    pool().run(job);
  }
  if (job.error) std::rethrow_exception(job.error);
}

int num_threads() { return pool().size(); }

void set_num_threads(int count) {
  check(count >= 1 && count <= most_threads, "set_num_threads: expected 1 to {} threads, got {}", most_threads, count);
  check(!inside_parallel,
        "set_num_threads: expected a call from outside of parallel_for, got one from inside; call it before");
  if (pool().present()) return pool().resize(count);
  const std::lock_guard lock(program_locks.threads);
  if (!current.load()->present()) current.store(new ThreadPool(count, current));
}

}  // namespace xtape::kernels
