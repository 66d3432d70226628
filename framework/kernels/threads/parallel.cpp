#include "framework/kernels/threads/parallel.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "framework/error.hpp"
#include "framework/kernels/threads/cpu_quota.hpp"
#include "framework/kernels/threads/pause.hpp"
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
  std::cerr << fmt::format("xtape: expected XTAPE_NUM_THREADS to be a number from 1 to {}, got '{}'; using {}\n",
                           most_threads, given, cores);
  return cores;
}

/// One call of parallel_for. The pieces are divided into shares of adjacent pieces. Thread number i begins with share
/// number i, modulo their number, so that it finds in its cache what it wrote there in the job before. Then it helps
/// with the other shares.
class Job {
 public:
  Job(std::int64_t count, std::int64_t grain, RangeBody body, int threads)
      : count_(count),
        grain_(grain),
        pieces_((count + grain - 1) / grain),
        shares_(std::min<std::int64_t>({threads, pieces_, most_shares})),
        body_(body) {
    for (std::int64_t share = 0; share < shares_; ++share) next(share).store(first(share), std::memory_order_relaxed);
  }

  /// Runs pieces until none is left.
  void work(int thread) {
    for (std::int64_t i = 0; i < shares_; ++i) {
      const std::int64_t share = (thread + i) % shares_, end = first(share + 1);
      // a counter of which nothing is left is only read, because others may still need the one beside it
      while (next(share).load(std::memory_order_relaxed) < end) {
        const std::int64_t piece = next(share).fetch_add(1, std::memory_order_relaxed);
        if (piece < end) run(piece);
      }
    }
  }

  /// Throws what the first piece that failed has thrown.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  static constexpr std::int64_t most_shares = 32;
  struct alignas(64) Counter {
    std::atomic<std::int64_t> next;
  };

  std::int64_t first(std::int64_t share) const { return share * pieces_ / shares_; }
  std::atomic<std::int64_t>& next(std::int64_t share) { return counters_[static_cast<std::size_t>(share)].next; }

  void run(std::int64_t piece) {
    try {
      body_(piece * grain_, std::min(count_, (piece + 1) * grain_));
    } catch (...) {
      const std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
      for (std::int64_t share = 0; share < shares_; ++share) {
        next(share).store(first(share + 1), std::memory_order_relaxed);
      }
    }
  }

  std::int64_t count_, grain_, pieces_, shares_;
  RangeBody body_;
  std::array<Counter, most_shares> counters_;
  std::mutex error_mutex_{};
  std::exception_ptr error_{};
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
    if (!present()) return run_here(job, 0);
    const std::unique_lock owner(owner_, std::try_to_lock);
    if (!owner || workers_.empty()) return run_here(job, 0);
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      gate_.store(next_generation() | open, std::memory_order_release);
    }
    if (sleeping_.load() > 0) wake_.notify_all();
    run_here(job, 0);
    gate_.fetch_and(~open, std::memory_order_relaxed);  // threads that have not entered by now do not take part
    const auto busy = [&] { return (gate_.load(std::memory_order_acquire) & inside) > 0; };
    for (int spin = 0; spin < spins / 10 && busy(); ++spin) pause_briefly();
    while (busy()) std::this_thread::yield();
  }

 private:
  static constexpr int spins = 20000;
  // Bit fields of gate_: the number of threads inside the current job (low 16 bits), whether the job is open to more
  // (bit 16), and the number of the job (the bits above).
  static constexpr std::uint64_t open = 1 << 16, inside = open - 1, generation = ~(open | inside);
  std::uint64_t next_generation() const { return (gate_.load() & generation) + 2 * open; }

  static void run_here(Job& job, int thread) {
    const bool nested = inside_parallel;
    inside_parallel = true;
    job.work(thread);
    inside_parallel = nested;
  }

  /// Starts as many threads as the system allows.
  void start(int threads) {
    stopping_.store(false);
    try {
      for (int i = 1; i < threads; ++i) {
        workers_.emplace_back([this, i, seen = gate_.load() & generation] { serve(i, seen); });
      }
    } catch (const std::exception& error) {  // the system has no more threads or memory
      std::cerr << fmt::format("xtape: expected to start {} threads, got {}: {}\n", threads, workers_.size() + 1,
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

  void serve(int thread, std::uint64_t seen) {
    for (;;) {
      wait_for_change(seen);
      seen = gate_.load(std::memory_order_acquire) & generation;
      if (stopping_.load()) return;
      if (!enter(seen)) continue;
      run_here(*job_, thread);
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
      pause_briefly();
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
  if (count <= grain || inside_parallel) {
    for (std::int64_t begin = 0; begin < count; begin += grain) body(begin, std::min(count, begin + grain));
    return;
  }
  ThreadPool& threads = pool();
  Job job(count, grain, body, threads.size());
  threads.run(job);
  job.rethrow();
}

int num_threads() { return pool().size(); }
int usable_threads() { return inside_parallel ? 1 : num_threads(); }

void set_num_threads(int count) {
  check(count >= 1 && count <= most_threads, "set_num_threads: expected 1 to {} threads, got {}", most_threads, count);
  check(!inside_parallel,
        "set_num_threads: expected a call from outside of parallel_for, got one from inside; call it before");
  if (pool().present()) return pool().resize(count);
  const std::lock_guard lock(program_locks.threads);
  if (!current.load()->present()) current.store(new ThreadPool(count, current));
}

}  // namespace xtape::kernels
