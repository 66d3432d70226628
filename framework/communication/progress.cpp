#include "framework/communication/progress.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <exception>
#include <iostream>
#include <thread>
#include <utility>
#include <vector>

#include "framework/communication/running_clock.hpp"
#include "framework/communication/schedules.hpp"
#include "framework/error.hpp"

namespace xtape {
namespace {

using Duration = RunningClock::Duration;
using std::chrono::seconds;

/// How long processes may run after a failure before they are killed, and how long the first ones wait for the end of
/// the others, whose messages would be lost if mpirun killed them because of the first one's end.
constexpr seconds life_after_failure{10}, wait_after_failure{5};
/// How long processes that have all ended their work wait for each other in MPI_Finalize, at most.
constexpr seconds longest_leave{60};

double seconds_of(std::chrono::milliseconds time) { return static_cast<double>(time.count()) / 1000; }

// Notes between ranks: the reason of a failure, the end of a rank and the number of its operations, or a sign of life.
constexpr char failure_note = 'F', end_note = 'E', life_note = 'L';

}  // namespace

class ProgressThread::State {
 public:
  explicit State(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  /// The thread's function.
  void run(const std::function<std::unique_ptr<Transport>()>& connect);
  /// Waits until the thread has connected. Returns false if that takes too long.
  bool wait_for_connection();
  void abort(const std::string& reason);
  std::shared_ptr<CollectiveOperation> start(MessageSchedule schedule);
  std::string failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  bool found_failure() const {
    const std::lock_guard lock(mutex_);
    return found_failure_;
  }
  /// Requests that the thread leaves and waits until it has left. Returns whether the thread has also ended.
  bool leave();

  int rank() const { return place_.rank; }
  int size() const { return place_.size; }

 private:
  /// The description of an operation as ranks exchange it. It always fits: an element type and 8 extents.
  using Description = std::array<char, 256>;

  /// The exchange of descriptions with one rank.
  struct Greeting {
    Greeting(int peer, Description& own)
        : sent(true, peer, reinterpret_cast<std::byte*>(own.data()), own.size()),
          received(false, peer, reinterpret_cast<std::byte*>(other.data()), other.size()) {}

    Description other{};
    Transfer sent, received;
    bool agreed = false;
  };

  /// An operation in execution.
  struct Running {
    std::shared_ptr<CollectiveOperation> operation;
    std::int64_t number;
    Description own{};
    std::list<Greeting> greetings;
    std::list<Round>::iterator round;
    bool posted = false;
    Duration last_progress{0};
  };

  void loop();
  bool take_submitted();
  void begin(Running& running);
  void tell_all(const std::string& note);
  void read_notes();
  void show_life();
  std::string silent_ranks();
  bool advance(Running& running, bool& moved);
  void check_deadline(const Running& running);
  void check_departed(const Running& running);
  void fail(const std::string& text, bool notify);
  void leave_in_order();
  void leave_after_failure();
  void terminate();
  bool failed() const { return failed_at_.has_value(); }
  /// Whether all other ranks have ended.
  bool all_departed() const {
    return std::ranges::count_if(departed_, [](const auto& count) { return count.has_value(); }) + 1 >= place_.size;
  }
  template <class Found>
  static void for_each_missing(const Running& running, Found&& found);

  const std::chrono::milliseconds timeout_;
  Place place_{0, 1};

  // Shared by the caller and the thread.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<CollectiveOperation>> submitted_;
  std::string abort_reason_, failure_;
  std::exception_ptr connection_error_;
  bool connected_ = false, closing_ = false, left_ = false, may_end_ = false, found_failure_ = false;

  // Of the thread alone. The transport is destroyed before the transfers that it refers to.
  std::list<Running> running_;
  std::int64_t started_ = 0;
  std::vector<std::optional<std::int64_t>> departed_;  // the number of operations of ranks that have ended
  std::vector<Duration> heard_;                        // when a note of each rank has come
  Duration shown_life_{0};
  std::optional<Duration> failed_at_;
  RunningClock clock_;
  std::unique_ptr<Transport> transport_;
};

void ProgressThread::State::run(const std::function<std::unique_ptr<Transport>()>& connect) {
  try {
    transport_ = connect();
    place_ = {transport_->rank(), transport_->size()};
    departed_.resize(static_cast<std::size_t>(place_.size));
    heard_.resize(departed_.size(), clock_.now());
  } catch (...) {
    const std::lock_guard lock(mutex_);  // the caller may run out of time just now
    connection_error_ = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    connected_ = true;
    changed_.notify_all();
  }
  if (!connection_error_) loop();
}

bool ProgressThread::State::wait_for_connection() {
  std::unique_lock lock(mutex_);
  const bool in_time = changed_.wait_for(lock, timeout_, [&] { return connected_; });
  if (connection_error_) std::rethrow_exception(connection_error_);
  return in_time;
}

std::shared_ptr<CollectiveOperation> ProgressThread::State::start(MessageSchedule schedule) {
  auto operation = std::make_shared<CollectiveOperation>(std::move(schedule));
  const std::lock_guard lock(mutex_);
  if (!failure_.empty()) throw Error(failure_);
  submitted_.push_back(operation);
  transport_->wake();
  return operation;
}

void ProgressThread::State::abort(const std::string& reason) {
  std::unique_lock lock(mutex_);
  if (abort_reason_.empty()) abort_reason_ = reason.empty() ? "aborted" : reason;
  transport_->wake();
  changed_.wait(lock, [&] { return !failure_.empty(); });
}

bool ProgressThread::State::leave() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  transport_->wake();
  changed_.wait(lock, [&] { return left_; });
  return may_end_;
}

void ProgressThread::State::loop() {
  const auto leaving = [&] {
    const std::lock_guard lock(mutex_);
    return closing_ && (failed() || (submitted_.empty() && running_.empty() && abort_reason_.empty()));
  };
  while (!leaving()) {
    try {
      bool moved = take_submitted();
      moved |= transport_->progress();
      read_notes();
      if (!failed()) {
        for (auto running = running_.begin(); running != running_.end() && !failed();) {
          const bool finished = advance(*running, moved);
          running = finished ? running_.erase(running) : std::next(running);
        }
      }
      if (moved) continue;
      for (const Running& running : running_) {
        check_departed(running);
        check_deadline(running);
      }
      if (failed() && clock_.now() - *failed_at_ > life_after_failure) terminate();
      show_life();
      transport_->wait(std::min<Duration>(std::chrono::milliseconds(running_.empty() ? 1000 : 100), timeout_ / 8));
    } catch (const std::exception& error) {
      fail(fmt::format("rank {}: {}", place_.rank, error.what()), true);
    }
  }
  if (!failed()) leave_in_order();
  if (failed()) leave_after_failure();
  const std::lock_guard lock(mutex_);
  may_end_ = left_ = true;
  changed_.notify_all();
}

/// Starts what the caller has submitted. All of it is in running_ before the first transfer starts, so that an
/// exception ends all of it.
bool ProgressThread::State::take_submitted() {
  std::size_t taken = 0;
  std::string reason;
  {
    const std::lock_guard lock(mutex_);
    for (; !submitted_.empty(); submitted_.pop_front(), ++taken) {
      Running& running = running_.emplace_back();
      running.operation = submitted_.front();
      running.number = started_++;
    }
    reason = std::exchange(abort_reason_, "");
  }
  std::for_each(std::prev(running_.end(), static_cast<std::ptrdiff_t>(taken)), running_.end(),
                [this](Running& running) { begin(running); });
  if (!reason.empty()) fail(fmt::format("rank {}: {}", place_.rank, reason), true);
  return taken > 0 || !reason.empty();
}

/// Starts to exchange the description of an operation.
void ProgressThread::State::begin(Running& running) {
  CollectiveOperation& operation = *running.operation;
  running.round = operation.rounds().begin();
  running.last_progress = clock_.now();
  operation.description().copy(running.own.data(), running.own.size() - 1);
  const int tag = static_cast<int>(running.number % (Transport::max_tag + 1));
  std::vector<int> peers = neighbours(place_);
  for (Round& round : operation.rounds()) {
    for (Transfer& transfer : round.transfers) {
      transfer.tag = tag;
      if (std::ranges::find(peers, transfer.peer) == peers.end()) peers.push_back(transfer.peer);
    }
  }
  for (const int peer : peers) {
    Greeting& greeting = running.greetings.emplace_back(peer, running.own);
    greeting.received.tag = greeting.sent.tag = tag;
    transport_->start(greeting.received);
    transport_->start(greeting.sent);
  }
}

/// Sends all other ranks a note. If one can't be sent, the others are, and the exception is thrown afterwards.
void ProgressThread::State::tell_all(const std::string& note) {
  std::exception_ptr first_error;
  for (int rank = 0; rank < place_.size; ++rank) {
    if (rank == place_.rank) continue;
    try {
      transport_->send_note(rank, note);
    } catch (const std::exception&) {
      if (!first_error) first_error = std::current_exception();
    }
  }
  if (first_error) std::rethrow_exception(first_error);
}

void ProgressThread::State::read_notes() {
  while (const std::optional<Transport::Note> note = transport_->next_note()) {
    const std::string content = note->text.substr(1);
    heard_[static_cast<std::size_t>(note->from)] = clock_.now();
    if (note->text.front() == failure_note) {
      fail(content, false);
    } else if (note->text.front() == end_note) {
      std::int64_t& count = departed_[static_cast<std::size_t>(note->from)].emplace(0);
      std::from_chars(content.data(), content.data() + content.size(), count);
    }
  }
}

/// Sends all ranks a sign of life from time to time, also while the caller computes.
void ProgressThread::State::show_life() {
  if (failed() || clock_.now() - shown_life_ < timeout_ / 8) return;
  shown_life_ = clock_.now();
  tell_all(std::string(1, life_note));
}

/// The reason to report for a wait that was too long: ranks without signs of life, which other ranks may wait for too.
std::string ProgressThread::State::silent_ranks() {
  std::vector<int> silent;
  for (int rank = 0; rank < place_.size; ++rank) {
    const auto r = static_cast<std::size_t>(rank);
    if (rank != place_.rank && !departed_[r] && clock_.now() - heard_[r] > timeout_ / 2) silent.push_back(rank);
  }
  if (silent.empty()) return "all processes run, so it hangs or is much slower";
  return fmt::format("no sign of life of rank {}, which is stopped or cut off", fmt::join(silent, ", "));
}

/// Runs the operation as far as it can be run now, and sets `moved` if anything has happened. Returns whether it has
/// finished.
bool ProgressThread::State::advance(Running& running, bool& moved) {
  bool advanced = false;
  for (Greeting& greeting : running.greetings) {
    if (greeting.agreed || !greeting.received.done) continue;
    if (greeting.other != running.own) {
      greeting.other.back() = '\0';
      fail(fmt::format("operation {}: expected the same on all ranks, got {} on rank {} and {} on rank {}; all ranks "
                       "must start the same operations in the same order",
                       running.number, running.own.data(), place_.rank, greeting.other.data(), greeting.received.peer),
           true);
      return false;
    }
    advanced = greeting.agreed = true;
  }
  const auto agreed_with = [&](int peer) {
    return std::ranges::any_of(running.greetings,
                               [&](const Greeting& g) { return g.received.peer == peer && g.agreed; });
  };
  std::list<Round>& rounds = running.operation->rounds();
  for (; running.round != rounds.end(); ++running.round, running.posted = false, advanced = true) {
    std::list<Transfer>& transfers = running.round->transfers;
    if (!running.posted) {
      if (!std::ranges::all_of(transfers, [&](const Transfer& t) { return agreed_with(t.peer); })) break;
      for (Transfer& transfer : transfers) transport_->start(transfer);
      advanced = running.posted = true;
    }
    if (!std::ranges::all_of(transfers, [](const Transfer& t) { return t.done.load(); })) break;
    if (running.round->then) running.round->then();
  }
  const bool finished = running.round == rounds.end() && std::ranges::all_of(running.greetings, [](const Greeting& g) {
                          return g.agreed && g.sent.done;
                        });
  if (finished) running.operation->finish();
  if (advanced) running.last_progress = clock_.now();
  moved |= advanced || finished;
  return finished;
}

/// Calls found(rank, whether it has started the operation) for the ranks that this operation waits for, those first
/// that have not started it.
template <class Found>
void ProgressThread::State::for_each_missing(const Running& running, Found&& found) {
  for (const Greeting& greeting : running.greetings) {
    if (!greeting.agreed) found(greeting.received.peer, false);
  }
  if (!running.posted) return;
  for (const Transfer& transfer : running.round->transfers) {
    if (!transfer.done) found(transfer.peer, true);
  }
}

/// Fails if a rank that has ended will never start this operation.
void ProgressThread::State::check_departed(const Running& running) {
  if (failed()) return;
  for_each_missing(running, [&](int rank, bool) {
    const auto& count = departed_[static_cast<std::size_t>(rank)];
    if (count && *count <= running.number) {
      fail(fmt::format("{}, operation {}: rank {} expected rank {} to take part, which has ended after {} operations",
                       running.operation->description(), running.number, place_.rank, rank, *count),
           true);
    }
  });
}

/// Fails if the operation has waited for too long. A rank that has started the operation probably waits itself; it gets
/// a quarter more, so that the message names the rank which others wait for.
void ProgressThread::State::check_deadline(const Running& running) {
  if (failed()) return;
  const Duration waited = clock_.now() - running.last_progress;
  if (waited <= timeout_) return;
  for_each_missing(running, [&](int rank, bool started) {
    if (waited <= (started ? timeout_ * 5 / 4 : timeout_)) return;
    fail(fmt::format("{}, operation {}: rank {} expected {} of rank {} within {:g} s, got nothing; {}",
                     running.operation->description(), running.number, place_.rank, started ? "the data" : "the start",
                     rank, seconds_of(timeout_), silent_ranks()),
         true);
  });
}

/// Ends all operations with this message, unless the run has already failed. `notify`: this rank has found the failure
/// and notifies the others, as far as they can be reached.
void ProgressThread::State::fail(const std::string& text, bool notify) {
  if (failed()) return;
  const std::string message = text.substr(0, 2000);  // short messages are sent at once, whatever the other rank does
  failed_at_ = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    failure_ = message;
    found_failure_ = notify;
    for (const auto& operation : submitted_) operation->fail(message);
    submitted_.clear();
    changed_.notify_all();
  }
  for (const Running& running : running_) running.operation->fail(message);  // they stay: others may write into them
  if (!notify) return;
  try {
    tell_all(failure_note + message);
  } catch (const std::exception&) {  // the others notice that this rank is silent
  }
}

/// Notifies all ranks that this one has ended, and waits until the transport may be left. A rank that shows signs of
/// life may work for itself as long as it likes.
void ProgressThread::State::leave_in_order() {
  const Duration begin = clock_.now();
  try {
    tell_all(fmt::format("{}{}", end_note, started_));
    while (!failed()) {
      transport_->progress();
      read_notes();
      // Threads end independently; processes first read what others have sent.
      if ((!transport_->separate_processes() || all_departed()) && !failed() &&
          transport_->leave(std::min<std::chrono::milliseconds>(timeout_, longest_leave))) {
        return;
      }
      for (int rank = 0; rank < place_.size; ++rank) {
        const auto r = static_cast<std::size_t>(rank);
        if (rank == place_.rank || departed_[r] || clock_.now() - std::max(begin, heard_[r]) <= timeout_) continue;
        fail(fmt::format("rank {}: expected rank {} to end or to send a sign of life within {:g} s, got nothing; it is "
                         "stopped or cut off",
                         place_.rank, rank, seconds_of(timeout_)),
             true);
      }
      transport_->wait(std::chrono::milliseconds(100));
    }
  } catch (const std::exception& error) {
    fail(fmt::format("rank {}: {}", place_.rank, error.what()), true);
  }
}

/// Waits for the end of the other ranks, lets the caller go, and ends the process when its time is over.
void ProgressThread::State::leave_after_failure() {
  if (!transport_->separate_processes()) return;
  const Duration begin = clock_.now();
  try {
    tell_all(fmt::format("{}{}", end_note, started_));
  } catch (const std::exception&) {  // the run has failed already
  }
  try {
    while (!all_departed() && clock_.now() - begin < wait_after_failure) {
      transport_->progress();
      read_notes();
      transport_->wait(std::chrono::milliseconds(10));
    }
  } catch (const std::exception&) {  // the run has failed already
  }
  {
    const std::lock_guard lock(mutex_);
    left_ = true;
    changed_.notify_all();
  }
  std::this_thread::sleep_for(life_after_failure);
  terminate();
}

/// Ends the processes of all ranks, if they are processes, with a message.
void ProgressThread::State::terminate() {
  if (!transport_->separate_processes()) return;
  std::cerr << fmt::format("{}\nrank {}: this process has not ended within {} s after the failure and is killed\n",
                           failure(), place_.rank, life_after_failure.count());
  transport_->terminate();
}

ProgressThread::ProgressThread(const std::function<std::unique_ptr<Transport>()>& connect,
                               std::chrono::milliseconds timeout)
    : state_(std::make_shared<State>(timeout)), thread_([state = state_, connect] { state->run(connect); }) {
  bool connected = false;
  try {
    connected = state_->wait_for_connection();
  } catch (const std::exception& error) {
    thread_.join();
    throw Error(error.what());
  }
  if (connected) return;
  thread_.detach();
  fail("communicator: expected all ranks to connect within {:g} s, got fewer; a process has not started or has ended",
       seconds_of(timeout));
}

ProgressThread::~ProgressThread() {
  if (state_->leave()) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

int ProgressThread::rank() const { return state_->rank(); }
int ProgressThread::size() const { return state_->size(); }
std::shared_ptr<CollectiveOperation> ProgressThread::start(MessageSchedule schedule) {
  return state_->start(std::move(schedule));
}
void ProgressThread::abort(const std::string& reason) { state_->abort(reason); }
std::string ProgressThread::failure() const { return state_->failure(); }
bool ProgressThread::found_failure() const { return state_->found_failure(); }

}  // namespace xtape
