// Ranks that fail, disagree, end or hang: all ranks end with a message that names rank and reason.
#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "framework/communication/communicator.hpp"
#include "tests/communication/enough_time.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using Catch::Contains;
using Ranks = std::shared_ptr<Communicator>;

namespace {

/// What each rank's thread threw, or "".
std::vector<std::string> errors_of(int size, const std::function<void(const Ranks&)>& body,
                                   const CommunicatorOptions& options = {}) {
  std::vector<std::string> errors(static_cast<std::size_t>(size));
  CHECK_THROWS_AS(run_on_threads(
                      size,
                      [&](const Ranks& ranks) {
                        try {
                          body(ranks);
                        } catch (const std::exception& error) {
                          errors[static_cast<std::size_t>(ranks->rank())] = error.what();
                          throw;
                        }
                      },
                      options),
                  Error);
  return errors;
}

/// The message that all ranks have got. It may be that of another rank, "rank 2: ...", which was faster.
std::string error_of_all(int size, const std::function<void(const Ranks&)>& body) {
  const std::vector<std::string> errors = errors_of(size, body);
  const std::string shortest = std::ranges::min(errors, {}, &std::string::size);
  for (const std::string& error : errors) CHECK(error.ends_with(shortest));
  return shortest;
}

}  // namespace

TEST_CASE("a rank that throws ends the operations of all") {
  for (const int size : {2, 3, 4, 8}) {
    const auto body = [&](const Ranks& ranks) {
      ranks->barrier();
      if (ranks->rank() == 1) throw std::runtime_error("the disk is full");
      const PendingTensor nobody_waits = ranks->start_all_reduce(Tensor::zeros({100}));
      ranks->all_reduce(Tensor::zeros({1000}));
    };
    CHECK(test::error_of([&] { run_on_threads(size, body); }) == "rank 1: the disk is full");
    const std::vector<std::string> errors = errors_of(size, body);
    for (int r = 0; r < size; ++r) {
      CHECK(errors[static_cast<std::size_t>(r)] == (r == 1 ? "the disk is full" : "rank 1: the disk is full"));
    }
  }
}

TEST_CASE("after a failure every operation throws the same message") {
  const auto ranks = thread_communicators(3);
  CHECK(ranks[0]->failure().empty());
  ranks[2]->abort("reason");
  ranks[2]->abort("another reason");
  CHECK(test::error_of([&] { ranks[2]->barrier(); }) == "rank 2: reason");
  CHECK(test::error_of([&] { ranks[0]->barrier(); }) == "rank 2: reason");
  CHECK(test::error_of([&] { ranks[1]->all_reduce(Tensor::zeros({4})); }) == "rank 2: reason");
  CHECK(test::error_of([&] { ranks[1]->all_gather("text"); }) == "rank 2: reason");
  for (const auto& rank : ranks) {
    CHECK(rank->failure() == "rank 2: reason");
    CHECK(rank->found_failure() == (rank->rank() == 2));
  }
}

TEST_CASE("an exception that destroys a communicator ends the run") {
  auto ranks = thread_communicators(2);
  try {
    const Ranks own = std::move(ranks[1]);
    throw std::runtime_error("of the program");
  } catch (const std::runtime_error&) {
  }
  CHECK(test::error_of([&] { ranks[0]->barrier(); }) == "rank 1: ended by an exception");
}

TEST_CASE("ranks that disagree get both descriptions") {
  for (const int size : {2, 3, 4, 7, 8}) {
    for (const int other : {0, size - 1}) {
      // The messages of all ranks: each names a pair of ranks that differ.
      const auto fails = [&](auto&& usual, auto&& unusual) {
        return errors_of(size, [&](const Ranks& r) {
          r->rank() == other ? unusual(*r) : usual(*r);
          r->barrier();  // a broadcast to ranks that agree may be over before the others differ
        });
      };
      using C = Communicator;
      const std::string named = fmt::format(" on rank {}", other);
      const auto check_all = [&](const std::vector<std::string>& errors, const std::string& description) {
        for (const std::string& error : errors) {
          CHECK_THAT(error,
                     Contains("operation 0: expected the same on all ranks, got ") && Contains(description + named));
        }
      };
      const auto shapes = fails(
          [](C& c) {
            c.all_reduce(Tensor::zeros({2, 3}));
          },
          [](C& c) {
            c.all_reduce(Tensor::zeros({3, 2}));
          });
      check_all(shapes, "all_reduce of float32 (3, 2)");
      for (const std::string& error : shapes) CHECK_THAT(error, Contains("all_reduce of float32 (2, 3) on rank"));
      check_all(fails([](C& c) { c.all_reduce(Tensor::zeros({2})); },
                      [](C& c) { c.all_reduce(Tensor::zeros({2}, DType::float64)); }),
                "all_reduce of float64 (2,)");
      check_all(fails([](C& c) { c.all_reduce(Tensor::zeros({2})); }, [](C& c) { c.barrier(); }), "barrier");
      check_all(
          fails([](C& c) { c.broadcast(Tensor::zeros({2}), 0); }, [](C& c) { c.broadcast(Tensor::zeros({2}), 1); }),
          "broadcast of float32 (2,) from rank 1");
      check_all(fails([](C& c) { c.all_reduce(Tensor::zeros({2})); },
                      [](C& c) { c.all_reduce(Tensor::zeros({2}), Wire::float16); }),
                "all_reduce of float32 (2,) as float16");
      check_all(fails(
                    [](C& c) {
                      c.all_gather(Tensor::zeros({2, 3}));
                    },
                    [](C& c) {
                      c.all_gather(Tensor::zeros({2, 4}));
                    }),
                "all_gather of float32 rows (4,)");
      check_all(
          fails([](C& c) { c.reduce_scatter(Tensor::zeros({2})); }, [](C& c) { c.all_reduce(Tensor::zeros({2})); }),
          "all_reduce of float32 (2,)");
    }
  }
}

TEST_CASE("a rank that ends while others still work is named") {
  for (const int size : {2, 3, 4, 8}) {
    std::vector<std::string> errors(static_cast<std::size_t>(size));
    const std::string first = test::error_of([&] {
      run_on_threads(size, [&](const Ranks& ranks) {
        ranks->barrier();
        if (ranks->rank() != 1) ranks->all_reduce(Tensor::zeros({5}));
      });
    });
    CHECK_THAT(first, Contains("all_reduce of float32 (5,), operation 1: rank ") &&
                          Contains(" expected rank 1 to take part, which has ended after 1 operations"));
  }
}

TEST_CASE("a rank that does not come in time is named") {
  for (const int size : {2, 3, 4, 8}) {
    const auto first_error = [&](std::chrono::milliseconds timeout) {
      std::mutex mutex;
      std::condition_variable changed;
      int failed = 0;
      return test::error_of([&] {
        run_on_threads(size,
                       [&](const Ranks& ranks) {
                         if (ranks->rank() == 1) {  // hangs until all others have failed
                           std::unique_lock lock(mutex);
                           changed.wait(lock, [&] { return failed == size - 1; });
                           return;
                         }
                         try {
                           ranks->all_reduce(Tensor::zeros({5}));
                         } catch (const Error&) {
                           const std::lock_guard lock(mutex);
                           ++failed;
                           changed.notify_all();
                           throw;
                         }
                       },
                       {.timeout = timeout});
      });
    };
    const std::string late = " expected the start of rank 1 within ";
    const std::string error = test::with_enough_time(std::chrono::milliseconds(100), late, first_error);
    CHECK_THAT(error, Contains("all_reduce of float32 (5,), operation 0: rank ") && Contains(late) &&
                          Contains(" s, got nothing; "));
  }
}

TEST_CASE("check_same names the ranks and the difference") {
  const std::string common = std::string(500, 'x') + "\nepochs 5\nbatch ";
  for (const int size : {1, 2, 5}) {
    run_on_threads(size, [&](const Ranks& ranks) { ranks->check_same("options", common); });
  }
  CHECK(error_of_all(4,
                     [&](const Ranks& ranks) {
                       ranks->check_same("options", common + (ranks->rank() == 2 ? "32\nseed 1" : "64\nseed 1"));
                     }) ==
        "check_same: expected the same options on all ranks, got ...'batch 32'... on rank 2, ...'batch 64'... on ranks "
        "0, 1, 3");
  CHECK(error_of_all(2, [](const Ranks& ranks) { ranks->check_same("names", ranks->rank() == 0 ? "" : "a"); }) ==
        "check_same: expected the same names on all ranks, got '' on rank 0, 'a' on rank 1");
}

TEST_CASE("check_same shows the 40 bytes before a difference within a long line, and some of many texts") {
  const std::string line = "0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ";
  for (const std::size_t before : {39U, 40U, 41U, 56U}) {
    const std::string common = line.substr(0, before);
    const std::string shown = before > 40 ? "...'" + common.substr(before - 40) : "'" + common;
    CHECK(error_of_all(
              2, [&](const Ranks& ranks) { ranks->check_same("line", common + (ranks->rank() == 0 ? "x" : "y")); }) ==
          fmt::format("check_same: expected the same line on all ranks, got {}x' on rank 0, {}y' on rank 1", shown,
                      shown));
  }
  constexpr int size = 16;
  const auto text = [](int rank) { return static_cast<char>('a' + rank) + std::string(99, '-'); };
  std::string list;
  for (int r = 0; r < size && list.size() <= 1000; ++r) {
    list += fmt::format("{}'{}' on rank {}", r == 0 ? "" : ", ", text(r), r);
  }
  CHECK(error_of_all(size, [&](const Ranks& ranks) { ranks->check_same("texts", text(ranks->rank())); }) ==
        "check_same: expected the same texts on all ranks, got " + list);
}

TEST_CASE("a rank that throws something that is no exception of the library ends the run with a message") {
  const auto run = [](const std::function<void()>& fail) {
    return test::error_of([&] {
      run_on_threads(2, [&](const Ranks& ranks) {
        if (ranks->rank() == 1) fail();
        ranks->barrier();
      });
    });
  };
  CHECK(run([] { throw 42; }) == "rank 1: an exception that is no std::exception");
  CHECK(run([] { throw std::out_of_range("too far"); }) == "rank 1: too far");
}

TEST_CASE("arguments are checked before anything is sent") {
  for (const int size : {1, 2}) {
    const auto all = thread_communicators(size);
    Communicator& ranks = *all[0];
    CHECK(test::error_of([&] { ranks.all_reduce(Tensor()); }) == "all_reduce: expected a tensor, got an undefined one");
    CHECK(test::error_of([&] { ranks.all_reduce(Tensor::zeros({1}, DType::uint8)); }) ==
          "all_reduce: expected float32, float64 or int64, got uint8; convert with .to(...)");
    CHECK(test::error_of([&] { ranks.all_reduce(Tensor::zeros({1}, DType::int64), Wire::bfloat16); }) ==
          "all_reduce: expected float32 to be sent as bfloat16, got int64");
    CHECK(test::error_of([&] { ranks.all_gather(Tensor::scalar(1)); }) ==
          "all_gather: expected at least one axis, got a scalar; give it one with .reshaped({1})");
    CHECK(test::error_of([&] { ranks.broadcast(Tensor::scalar(1), size); }) ==
          fmt::format("broadcast: expected a rank in [0, {}), got {}", size, size));
    for (const auto& [count, rank] : {std::pair(-1, 0), std::pair(4, -1), std::pair(4, size + 1)}) {
      CHECK(test::error_of([&, &c = count, &r = rank] { static_cast<void>(ranks.segment_begin(c, r)); }) ==
            fmt::format("segment_begin: expected a count >= 0 and a rank in [0, {}], got {}, {}", size, count, rank));
    }
    PendingTensor none;
    CHECK_FALSE(none.ready());
    CHECK(test::error_of([&] { none.wait(); }) ==
          "PendingTensor: expected an operation to wait for, got none; its result is returned once");
  }
  CHECK(test::error_of([] { thread_communicators(0); }) == "thread_communicators: expected 1 to 1024 ranks, got 0");
  CHECK(test::error_of([] { thread_communicators(1, {.timeout = std::chrono::milliseconds(0)}); }) ==
        "thread_communicators: expected a timeout above 0, got 0 ms");
}
