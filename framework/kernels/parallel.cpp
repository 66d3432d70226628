#include "framework/kernels/parallel.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace xtape::kernels {
namespace {

int default_threads() {
  if (const char* text = std::getenv("XTAPE_NUM_THREADS")) {
    if (const int wanted = std::atoi(text); wanted >= 1) return wanted;
  }
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return std::max(1, CPU_COUNT(&cores));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// One parallel_for: threads take pieces from a shared counter until none is left.
struct Job {
  std::int64_t count, grain, pieces;
  RangeBody body;
  std::atomic<std::int64_t> next{0};
  std::mutex error_mutex{};
  std::exception_ptr error{};

  void work() {
    for (std::int64_t piece; (piece = next.fetch_add(1, std::memory_order_relaxed)) < pieces;) {
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

/// Threads that wait for a job: they spin for some microseconds, because in a training step the next job is never far
/// and waking a sleeping thread costs ten times more than running a small one.
class ThreadPool {
 public:
  ThreadPool() { start(default_threads()); }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() { stop(); }

  int size() const { return size_.load(std::memory_order_relaxed); }

  void resize(int threads) {
    const std::lock_guard lock(owner_);
    if (threads == size()) return;
    stop();
    start(threads);
  }

  void run(Job& job) {
    const std::unique_lock owner(owner_, std::try_to_lock);
    if (!owner || workers_.empty()) return run_here(job);
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
      generation_.fetch_add(1, std::memory_order_release);
    }
    if (sleeping_.load() > 0) wake_.notify_all();
    run_here(job);
    while (busy_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  }

 private:
  static constexpr int spins = 20000;

  static void run_here(Job& job) {
    const bool nested = inside_parallel;
    inside_parallel = true;
    job.work();
    inside_parallel = nested;
  }

  void start(int threads) {
    stopping_.store(false);
    size_.store(threads);
    for (int i = 1; i < threads; ++i) {
      workers_.emplace_back([this, seen = generation_.load()]() mutable { serve(seen); });
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_.store(true);
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
  }

  void serve(std::uint64_t seen) {
    for (;;) {
      wait_for_change(seen);
      ++seen;
      if (stopping_.load()) return;
      run_here(*job_);
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }

  void wait_for_change(std::uint64_t seen) {
    for (int spin = 0; spin < spins; ++spin) {
      if (generation_.load(std::memory_order_acquire) != seen) return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    std::unique_lock lock(mutex_);
    ++sleeping_;
    wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
    --sleeping_;
  }

  std::mutex owner_;  // held by the thread whose job is running
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> busy_{0}, sleeping_{0}, size_{1};
  std::atomic<bool> stopping_{false};
  Job* job_ = nullptr;
  std::vector<std::thread> workers_;
};

ThreadPool& pool() {
  static ThreadPool threads;
  return threads;
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
  if (count < 1) throw std::invalid_argument("set_num_threads: expected at least 1, got " + std::to_string(count));
  pool().resize(count);
}

}  // namespace xtape::kernels
