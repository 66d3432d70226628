// The progress thread over transports that fail, and at its end.
#include "framework/communication/progress.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include "framework/communication/schedules.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using Catch::Contains;
using std::chrono::milliseconds;

namespace {

/// The first of two ranks, whose partner starts nothing. Tests override what fails.
class LonelyTransport : public Transport {
 public:
  int rank() const override { return 0; }
  int size() const override { return 2; }
  void start(Transfer& /*transfer*/) override {}
  void send_note(int /*to*/, const std::string& /*text*/) override {}
  std::optional<Note> next_note() override { return std::nullopt; }
  bool progress() override { return false; }
  void wait(std::chrono::microseconds limit) override { bell_.wait(limit); }
  void wake() override { bell_.ring(); }
  bool separate_processes() const override { return false; }
  bool leave(std::chrono::milliseconds) override { return true; }
  void terminate() override {}

 private:
  Bell bell_;
};

/// Can't send any notes but signs of life. Starts nothing before the test has submitted all operations.
class MuteTransport : public LonelyTransport {
 public:
  explicit MuteTransport(std::atomic<bool>& all_submitted) : all_submitted_(all_submitted) {}

 protected:
  void start(Transfer& /*transfer*/) override {
    while (!all_submitted_) std::this_thread::yield();
  }

 private:
  void send_note(int /*to*/, const std::string& text) override {
    if (text.front() != 'L') throw std::runtime_error("MPI_Isend: broken");
  }

  std::atomic<bool>& all_submitted_;
};

/// Fails while all operations that the test starts are in one batch; can't send notes either.
class BrokenTransport final : public MuteTransport {
 public:
  using MuteTransport::MuteTransport;

 private:
  void start(Transfer& transfer) override {
    MuteTransport::start(transfer);
    if (++started_ > 2) throw std::runtime_error("MPI_Irecv: broken");
  }

  int started_ = 0;
};

/// The partner shows signs of life for some time, at each look, and then ends.
class BusyPartnerTransport final : public LonelyTransport {
 public:
  BusyPartnerTransport(milliseconds busy, std::atomic<bool>& failure_sent)
      : end_(std::chrono::steady_clock::now() + busy), failure_sent_(failure_sent) {}

 private:
  void send_note(int /*to*/, const std::string& text) override {
    if (text.front() == 'F') failure_sent_ = true;
  }
  std::optional<Note> next_note() override {
    if (std::exchange(looked_, !looked_)) return std::nullopt;
    return Note{1, std::chrono::steady_clock::now() < end_ ? "L" : "E0"};
  }
  bool separate_processes() const override { return !failure_sent_; }  // or a failed test would wait for 10 seconds

  std::chrono::steady_clock::time_point end_;
  std::atomic<bool>& failure_sent_;
  bool looked_ = false;
};

std::shared_ptr<CollectiveOperation> start_sum(ProgressThread& thread) {
  return thread.start(all_reduce_schedule({0, 2}, Tensor::zeros({8}), Wire::full));
}

}  // namespace

TEST_CASE("what prevents a connection is thrown, and a rank that does not connect in time is an Error") {
  const auto connected = [](const auto& connect, milliseconds timeout = std::chrono::minutes(10)) {
    return test::error_of([&] { ProgressThread(connect, timeout); });
  };
  CHECK(connected([]() -> std::unique_ptr<Transport> { throw Error("the network is down"); }) == "the network is down");
  CHECK(connected([]() -> std::unique_ptr<Transport> { throw std::runtime_error("out of sockets"); }) ==
        "out of sockets");
  const auto over = std::make_shared<std::promise<void>>();
  const auto waiting = std::make_shared<std::future<void>>(over->get_future());
  const auto late = [waiting]() -> std::unique_ptr<Transport> {
    waiting->wait();
    throw Error("too late");
  };
  CHECK(connected(late, milliseconds(100)) ==
        "communicator: expected all ranks to connect within 0.1 s, got fewer; a process has not started or has ended");
  over->set_value();
}

TEST_CASE("all operations end with the failure if the other ranks can't be notified") {
  std::atomic<bool> all_submitted = false;
  ProgressThread thread([&] { return std::make_unique<MuteTransport>(all_submitted); }, milliseconds(1500));
  std::vector<std::shared_ptr<CollectiveOperation>> operations;
  for (int i = 0; i < 5; ++i) operations.push_back(start_sum(thread));
  all_submitted = true;
  for (const auto& operation : operations) {
    CHECK_THAT(test::error_of([&] { operation->wait(); }), Contains("expected the start of rank 1 within 1.5 s"));
  }
  CHECK(thread.found_failure());
}

TEST_CASE("all operations end with the failure if a transfer can't start") {
  std::atomic<bool> all_submitted = false;
  ProgressThread thread([&] { return std::make_unique<BrokenTransport>(all_submitted); }, std::chrono::minutes(10));
  std::vector<std::shared_ptr<CollectiveOperation>> operations;
  for (int i = 0; i < 20; ++i) operations.push_back(start_sum(thread));
  all_submitted = true;
  for (const auto& operation : operations) {
    CHECK(test::error_of([&] { operation->wait(); }) == "rank 0: MPI_Irecv: broken");
  }
}

TEST_CASE("a rank that leaves waits for one that shows signs of life") {
  std::atomic<bool> failure_sent = false;
  {
    // the clock counts a pause of the thread as 1 s at most, which is less than the timeout
    const ProgressThread thread(
        [&] { return std::make_unique<BusyPartnerTransport>(milliseconds(4000), failure_sent); }, milliseconds(1500));
  }
  CHECK_FALSE(failure_sent);
}
