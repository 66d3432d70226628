#include "framework/kernels/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "framework/kernels/memory_pool.hpp"
#include "tests/support/support.hpp"

using namespace xtape::kernels;

namespace {

/// Sets the number of threads for a scope.
struct Threads {
  explicit Threads(int count) : before(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before); }
  int before;
};

}  // namespace

TEST_CASE("parallel_for visits every index once, in pieces of the grain, with any number of threads") {
  for (const int threads : {1, 2, 4, 7}) {
    const Threads scope(threads);
    for (const std::int64_t count : {0, 1, 5, 64, 1000}) {
      std::vector<int> visits(static_cast<std::size_t>(count), 0);
      std::atomic<bool> aligned = true;
      parallel_for(count, 8, [&](std::int64_t begin, std::int64_t end) {
        if (begin % 8 != 0 || (end != count && end - begin != 8)) aligned = false;
        for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      CHECK(aligned);
      CHECK(std::ranges::all_of(visits, [](int n) { return n == 1; }));
    }
  }
}

TEST_CASE("an exception in a parallel body reaches the caller and the pool goes on working") {
  const Threads scope(3);
  for (int round = 0; round < 20; ++round) {
    CHECK_THROWS_AS(parallel_for(100, 1,
                                 [](std::int64_t begin, std::int64_t) {
                                   if (begin == 37) throw std::runtime_error("at 37");
                                 }),
                    std::runtime_error);
  }
  std::atomic<int> sum = 0;
  parallel_for(100, 1, [&](std::int64_t begin, std::int64_t) { sum += static_cast<int>(begin); });
  CHECK(sum == 4950);
}

TEST_CASE("a parallel_for inside another, and from several threads at once, does all its work") {
  const Threads scope(4);
  std::atomic<int> total = 0;
  const auto nested = [&] {
    parallel_for(
        10, 1, [&](std::int64_t, std::int64_t) { parallel_for(10, 1, [&](std::int64_t, std::int64_t) { ++total; }); });
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) nested();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(total == 3 * 50 * 100);
}

TEST_CASE("set_num_threads refuses numbers below 1") { CHECK_THROWS_AS(set_num_threads(0), std::invalid_argument); }

TEST_CASE("the memory pool hands out aligned blocks and reuses what was given back") {
  void* first = pool_allocate(1000);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
  pool_release(first, 1000);
  const std::size_t held = pool_usage().held;
  void* second = pool_allocate(1001);  // of the same size class
  CHECK(second == first);
  CHECK(pool_usage().held == held);
  pool_release(second, 1001);
}

TEST_CASE("the memory pool refuses sizes that cannot be and survives it") {
  CHECK_THROWS_AS(pool_allocate(std::size_t{1} << 63), std::bad_alloc);
  CHECK_THROWS_AS(PoolAllocator<double>().allocate(std::size_t{1} << 62), std::bad_alloc);
}
