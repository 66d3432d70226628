#include "framework/kernels/threads/parallel.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <vector>

#include "framework/kernels/memory/memory_pool.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/sanitizers.hpp"
#include "tests/support/support.hpp"

using namespace xtape::kernels;
using xtape::test::error_of;

namespace {

std::atomic<std::int64_t> allocations = 0;

}  // namespace

// Replace the global operators, to count the calls. They are not inlined, so that gcc does not compare a call of one
// with the body of the other.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* block = std::malloc(bytes)) return block;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }

TEST_CASE("parallel_for visits every index once, in pieces of the grain, with any number of threads") {
  for (const int threads : {1, 2, 4, 7, 40}) {  // more threads than shares of the work
    const xtape::test::KernelSettings scope(threads);
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

TEST_CASE("an exception in a parallel body reaches the caller, and the pool can be used afterwards") {
  const xtape::test::KernelSettings scope(3);
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

TEST_CASE("after an error no further piece begins, and the numbers of threads are as before") {
  for (const int threads : {1, 3}) {
    const xtape::test::KernelSettings scope(threads);
    std::atomic<int> begun = 0;
    const auto fail_at_once = [&](std::int64_t, std::int64_t) {
      ++begun;
      throw std::runtime_error("failed");
    };
    CHECK_THROWS_WITH(parallel_for(1000, 1, fail_at_once), "failed");
    CHECK(begun <= threads);  // one for each thread
    CHECK(usable_threads() == threads);
    CHECK_THROWS_WITH(parallel_for(1, 1, [](std::int64_t, std::int64_t) { throw std::runtime_error("one"); }), "one");
    CHECK(usable_threads() == threads);
  }
}

TEST_CASE("inside of a body there is one thread, and calls from there are divided as others") {
  const xtape::test::KernelSettings scope(3);
  CHECK(usable_threads() == 3);
  std::atomic<bool> one = true;
  std::atomic<int> pieces = 0, wrong = 0;
  parallel_for(10, 1, [&](std::int64_t, std::int64_t) {
    if (usable_threads() != 1) one = false;
    std::int64_t next = 0;
    parallel_for(10, 4, [&](std::int64_t begin, std::int64_t end) {
      wrong += begin != next || end != std::min<std::int64_t>(10, begin + 4);
      next = end;
      ++pieces;
    });
    wrong += next != 10;
  });
  CHECK(one);
  CHECK(num_threads() == 3);
  CHECK(pieces == 30);
  CHECK(wrong == 0);
}

TEST_CASE("a grain below 1 counts as 1, and a number below 1 as none") {
  for (const int threads : {1, 3}) {
    const xtape::test::KernelSettings scope(threads);
    for (const std::int64_t grain : {0, -5, 1}) {
      std::atomic<int> pieces = 0, longer = 0;
      const auto count = [&](std::int64_t begin, std::int64_t end) {
        ++pieces;
        longer += end - begin != 1;
      };
      parallel_for(7, grain, count);
      CHECK(pieces == 7);
      CHECK(longer == 0);
      for (const std::int64_t none : {0, -1, -100}) parallel_for(none, grain, count);
      CHECK(pieces == 7);
    }
  }
}

TEST_CASE("each thread begins with its own share of the pieces, the same in each call") {
  const xtape::test::KernelSettings scope(2);
  for (int round = 0; round < 50; ++round) {
    const auto caller = std::this_thread::get_id();
    std::atomic<std::int64_t> first_of_caller = -1, first_of_worker = -1;
    std::atomic<int> begun = 0;
    parallel_for(16, 1, [&](std::int64_t piece, std::int64_t) {
      std::int64_t none = -1;
      auto& first = std::this_thread::get_id() == caller ? first_of_caller : first_of_worker;
      if (!first.compare_exchange_strong(none, piece)) return;
      ++begun;
      while (begun < 2) std::this_thread::yield();  // until the other thread has begun
    });
    CHECK(first_of_caller == 0);
    CHECK(first_of_worker == 8);
  }
}

TEST_CASE("nested and concurrent calls of parallel_for do all their work") {
  const xtape::test::KernelSettings scope(4);
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

TEST_CASE("set_num_threads rejects invalid numbers") {
  CHECK(error_of([] { set_num_threads(0); }) == "set_num_threads: expected 1 to 256 threads, got 0");
  CHECK(error_of([] { set_num_threads(4000); }) == "set_num_threads: expected 1 to 256 threads, got 4000");
  CHECK(error_of([] { set_num_threads(257); }) == "set_num_threads: expected 1 to 256 threads, got 257");
  const xtape::test::KernelSettings scope(256);  // no error; the system may permit fewer
  CHECK(num_threads() > 4);
}

TEST_CASE("set_num_threads inside a parallel body is an error, on every thread") {
  for (const int threads : {1, 3}) {
    const xtape::test::KernelSettings scope(threads);
    CHECK(error_of([] { parallel_for(100, 1, [](std::int64_t, std::int64_t) { set_num_threads(2); }); }) ==
          "set_num_threads: expected a call from outside of parallel_for, got one from inside; call it before");
    CHECK(num_threads() == threads);
  }
}

TEST_CASE("a forked child does all its work on one thread") {
  const xtape::test::KernelSettings scope(4);
  parallel_for(100, 1, [](std::int64_t, std::int64_t) {});
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // instead of hanging
    std::int64_t sum = 0;
    parallel_for(100, 1, [&](std::int64_t begin, std::int64_t) { sum += begin; });
    const bool one = num_threads() == 1;
    set_num_threads(1);
    std::_Exit(sum == 4950 && one && num_threads() == 1 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(num_threads() == 4);
}

TEST_CASE("a forked child exits normally") {
  const xtape::test::KernelSettings scope(4);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    std::freopen("/dev/null", "w", stdout);
    std::exit(0);  // runs the destructors of static objects, such as the pool
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

// Run by the test below, in separate processes.
TEST_CASE("prints the number of threads", "[.threads]") {
  std::atomic<int> visits = 0;
  parallel_for(1000, 1, [&](std::int64_t, std::int64_t) { ++visits; });
  std::printf("threads %d, visits %d\n", num_threads(), visits.load());
}

/// The output of this program when it is started with the command prefix `prefix`.
std::string threads_with(const std::string& prefix) {
  const xtape::test::TemporaryFolder folder;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command =
      fmt::format("{} '{}' '[.threads]' > '{}' 2>&1", prefix, program, (folder / "out").string());
  CHECK(std::system(command.c_str()) == 0);
  std::ifstream stream(folder / "out");
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST_CASE("XTAPE_NUM_THREADS sets the number of threads, and an invalid value is reported and ignored") {
  CHECK_THAT(threads_with("XTAPE_NUM_THREADS=3"), Catch::Contains("threads 3, visits 1000"));
  // without it there is a thread for each core that the process may use
  const std::string one_core = "unset XTAPE_NUM_THREADS; taskset -c $(taskset -cp $$ | grep -o '[0-9]*$')";
  CHECK_THAT(threads_with(one_core), Catch::Contains("threads 1, visits 1000"));
  CHECK_THAT(threads_with("XTAPE_NUM_THREADS=256"), !Catch::Contains("expected XTAPE_NUM_THREADS"));
  for (const std::string wrong : {"257", "0", "-1", "2x", "many"}) {
    const std::string text = threads_with("XTAPE_NUM_THREADS=" + wrong);
    CHECK_THAT(text, Catch::Contains("expected XTAPE_NUM_THREADS to be a number from 1 to 256, got '" + wrong + "'"));
    CHECK_THAT(text, Catch::Contains("visits 1000"));
    CHECK(text.find("XTAPE_NUM_THREADS") == text.rfind("XTAPE_NUM_THREADS"));
  }
}

TEST_CASE("if the system permits fewer threads the program uses those") {
  if (xtape::test::address_sanitizer() || xtape::test::thread_sanitizer()) {
    xtape::test::skip("the sanitizer's shadow memory is larger than the limit of the test");
  }
  const std::string text = threads_with("ulimit -v 1000000; OPENBLAS_NUM_THREADS=1 XTAPE_NUM_THREADS=256");
  const std::string message = "xtape: expected to start 256 threads, got ";
  REQUIRE_THAT(text, Catch::Contains(message));
  const int started = std::atoi(text.c_str() + text.find(message) + message.size());
  CHECK_THAT(text, Catch::Contains(fmt::format("threads {}, visits", started)));
  CHECK_THAT(text, Catch::Contains("visits 1000"));
}

TEST_CASE("the memory pool returns aligned blocks and reuses freed ones") {
  void* first = pool_allocate(1000);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
  pool_release(first, 1000);
  const std::size_t held = pool_usage().held;
  void* second = pool_allocate(1001);  // of the same size class
  CHECK(second == first);
  CHECK(pool_usage().held == held);
  pool_release(second, 1001);
}

TEST_CASE("the address sanitizer detects accesses outside of blocks and to freed blocks of the memory pool") {
  const bool watched = xtape::test::address_sanitizer();
  auto* block = static_cast<std::byte*>(pool_allocate(1001));
  CHECK_FALSE(xtape::test::forbidden(block));
  CHECK_FALSE(xtape::test::forbidden(block + 1000));
  CHECK(xtape::test::forbidden(block + 1001) == watched);
  pool_release(block, 1001);
  CHECK(xtape::test::forbidden(block) == watched);
  CHECK(xtape::test::forbidden(block + 1000) == watched);
}

TEST_CASE("the memory pool rejects impossible sizes and can be used afterwards") {
  CHECK_THROWS_AS(pool_allocate(std::size_t{1} << 63), std::bad_alloc);
  CHECK_THROWS_AS(PoolAllocator<double>().allocate(std::size_t{1} << 62), std::bad_alloc);
}

TEST_CASE("freeing memory allocates nothing, so it cannot fail") {
  constexpr std::size_t bytes = 12345;
  std::vector<void*> blocks;
  for (int i = 0; i < 200; ++i) blocks.push_back(pool_allocate(bytes));
  const std::int64_t before = allocations;
  for (void* block : blocks) pool_release(block, bytes);
  CHECK(allocations == before);
  const std::size_t held = pool_usage().held;
  std::vector<void*> again;
  for (int i = 0; i < 200; ++i) again.push_back(pool_allocate(bytes));
  CHECK(pool_usage().held == held);
  std::ranges::sort(blocks);
  std::ranges::sort(again);
  CHECK(blocks == again);
  for (void* block : again) pool_release(block, bytes);
}
