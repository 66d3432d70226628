// Forks while other threads of the process work: the child has one thread and must not wait for the others.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <numeric>
#include <sys/wait.h>
#include <thread>
#include <vector>

#include "framework/kernels/gemm/gemm.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/sanitizers.hpp"
#include "tests/support/support.hpp"

using namespace xtape::kernels;

namespace {

constexpr unsigned deadline = 120;  // seconds after which a signal ends a child that hangs

/// Whether a forked child completes the work and exits.
bool child_does(const std::function<bool()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(deadline);
    std::_Exit(work() ? 0 : 1);
  }
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/// Whether a product of matrices of ones is correct. It allocates from the pool and runs in parallel.
bool multiplies() {
  constexpr std::int64_t n = 200;
  const Workspace<float> a(n * n), b(n * n), c(n * n);
  std::fill_n(a.data(), n * n, 1.F);
  std::fill_n(b.data(), n * n, 1.F);
  gemm<float>(n, n, n, {a.data(), n, false}, {b.data(), n, false}, c.data(), n, false);
  return std::all_of(c.data(), c.data() + n * n, [](float value) { return value == n; });
}

/// Threads that repeat some work until the end of the scope.
class Busy {
 public:
  Busy(int threads, const std::function<void()>& work) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, work] {
        while (!done_) work();
      });
    }
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() {
    done_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> done_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("a child forked while other threads allocate can allocate, free and multiply") {
  const xtape::test::KernelSettings scope(2);
  const Busy busy(3, [] {
    void* block = pool_allocate(1000);
    pool_release(block, 1000);
  });
  int good = 0;
  for (int i = 0; i < 200; ++i) good += child_does([] { return multiplies() && multiplies(); });
  CHECK(good == 200);
  CHECK(multiplies());
}

TEST_CASE("a child forked during a parallel product can multiply") {
  const xtape::test::KernelSettings scope(3);
  const Busy busy(2, [] { multiplies(); });
  int good = 0;
  for (int i = 0; i < 50; ++i) good += child_does(multiplies);
  CHECK(good == 50);
}

TEST_CASE("a forked child may fork again") {
  const xtape::test::KernelSettings scope(2);
  CHECK(multiplies());
  CHECK(child_does([] { return multiplies() && child_does(multiplies); }));
}

TEST_CASE("a forked child may start threads") {
  if (xtape::test::thread_sanitizer()) xtape::test::skip("the thread sanitizer allows no threads after a fork");
  const xtape::test::KernelSettings scope(2);
  CHECK(multiplies());
  CHECK(child_does([] {
    const bool alone = num_threads() == 1;
    set_num_threads(3);
    return alone && num_threads() == 3 && multiplies() && child_does([] { return num_threads() == 1 && multiplies(); });
  }));
  CHECK(num_threads() == 2);
}
