#include "training/data/prefetch.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <sys/wait.h>

#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using namespace std::chrono_literals;

namespace {

using PrefetchedNumbers = Prefetcher<std::int64_t>;

/// Waits until the condition is true, at most ten seconds. Returns whether it became true.
template <class Condition>
bool soon(const Condition& condition) {
  for (int i = 0; i < 10'000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
  return condition();
}

}  // namespace

TEST_CASE("values may be requested in any order, with any number of threads") {
  for (const int threads : {1, 2, 5}) {
    for (const std::int64_t ahead : {1, 3, 100}) {
      PrefetchedNumbers numbers(20, ahead, threads, [](std::int64_t i, const auto&) { return i * i; });
      for (std::int64_t i = 0; i < 20; ++i) REQUIRE(numbers.get(i) == i * i);
      for (const std::int64_t i : {7, 7, 19, 0, 3, 2, 18, 4}) REQUIRE(numbers.get(i) == i * i);
    }
  }
}

TEST_CASE("while one value is used the next ones are made, and no others") {
  std::atomic<std::int64_t> made = 0;
  PrefetchedNumbers numbers(10, 3, 2, [&](std::int64_t i, const auto&) {
    ++made;
    return i;
  });
  CHECK(made == 0);  // nothing is made before the first get()
  CHECK(numbers.get(0) == 0);
  CHECK(soon([&] { return made == 4; }));
  std::this_thread::sleep_for(20ms);
  CHECK(made == 4);
  CHECK(numbers.get(1) == 1);
  CHECK(soon([&] { return made == 5; }));
}

TEST_CASE("values are made in parallel") {
  std::atomic<int> together = 0;
  PrefetchedNumbers numbers(2, 2, 2, [&](std::int64_t i, const auto&) {
    ++together;
    return soon([&] { return together == 2; }) ? i : -1;
  });
  CHECK(numbers.get(0) == 0);
  CHECK(numbers.get(1) == 1);
}

TEST_CASE("an exception is thrown for the value to which it belongs, at each request") {
  PrefetchedNumbers numbers(5, 2, 2, [](std::int64_t i, const auto&) {
    check(i != 2, "number {} is damaged", i);
    return i;
  });
  CHECK(numbers.get(0) == 0);
  CHECK(numbers.get(1) == 1);
  CHECK(error_of([&] { numbers.get(2); }) == "number 2 is damaged");
  CHECK(numbers.get(3) == 3);
  CHECK(error_of([&] { numbers.get(2); }) == "number 2 is damaged");
  CHECK(numbers.get(4) == 4);
}

TEST_CASE("a prefetcher may be destroyed at any time, and requests its threads to stop") {
  for (int delay = 0; delay < 40; ++delay) {
    PrefetchedNumbers numbers(1000, 4, 3, [](std::int64_t i, const auto&) { return i; });
    for (int i = 0; i < delay % 5; ++i) numbers.get(i);
    std::this_thread::sleep_for(std::chrono::microseconds(25 * delay));
  }
  std::atomic<bool> started = false, told = false;
  {
    PrefetchedNumbers numbers(10, 2, 1, [&](std::int64_t i, const std::stop_token& stop) {
      if (i == 0) return i;
      started = true;
      told = soon([&] { return stop.stop_requested(); });
      return i;
    });
    numbers.get(0);
    CHECK(soon([&] { return started.load(); }));
  }
  CHECK(told);
}

TEST_CASE("several threads may use one prefetcher") {
  PrefetchedNumbers numbers(100, 2, 2, [](std::int64_t i, const auto&) { return 3 * i; });
  std::atomic<int> right = 0;
  const auto ask = [&](std::int64_t first) {
    for (std::int64_t i = first; i < 100; i += 2) right += numbers.get(i) == 3 * i ? 1 : 0;
  };
  std::thread other(ask, 1);
  ask(0);
  other.join();
  CHECK(right == 100);
}

TEST_CASE("a forked child gets the remaining values, and destroys its copy without waiting for threads") {
  auto numbers = std::make_unique<PrefetchedNumbers>(100, 4, 2, [](std::int64_t i, const auto&) { return 3 * i; });
  CHECK(numbers->get(0) == 0);
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(120);  // instead of hanging
      bool right = true;
      for (std::int64_t i = 1; i < 100; ++i) right = right && numbers->get(i) == 3 * i;
      numbers.reset();
      std::_Exit(right ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  CHECK(numbers->get(1) == 3);
}
