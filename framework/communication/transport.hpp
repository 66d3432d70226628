// Transport: point-to-point messages between the ranks of a run. Collective operations are written once, on top of it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>

namespace xtape {

/// One message that is sent to or received from `peer`. The transport sets `done`; until then the bytes must stay.
struct Transfer {
  Transfer(bool sends_, int peer_, std::byte* bytes_, std::size_t count_)
      : sends(sends_), peer(peer_), bytes(bytes_), count(count_) {}

  bool sends;
  int peer;
  std::byte* bytes;
  std::size_t count;  ///< equal on both sides
  int tag = 0;
  int open_parts = 0;  ///< used by transports that split messages
  std::atomic<bool> done = false;
};

/// A wait that another thread can end. A ring without a waiter ends the next wait.
class Bell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    changed_.notify_all();
  }
  /// Waits for a ring, at most as long as `limit`.
  void wait(std::chrono::microseconds limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [&] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

/// Messages between ranks. All members but `wake` are called by one thread. Messages with one sender, receiver and tag
/// arrive in the order in which they were sent. Failures are std::runtime_error.
class Transport {
 public:
  /// The largest tag of a transfer. MPI guarantees tags up to 32767; notes need a separate one.
  static constexpr int max_tag = 32766;

  /// A short text from another rank.
  struct Note {
    int from;
    std::string text;
  };

  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  /// Forgets the transfers that are not done.
  virtual ~Transport() = default;

  /// The index of this rank, in [0, size).
  virtual int rank() const = 0;
  /// The number of ranks.
  virtual int size() const = 0;
  /// Starts a transfer, which stays where it is until it is done.
  virtual void start(Transfer& transfer) = 0;
  /// Sends a note, which needs no matching call and arrives even if the other rank expects something else.
  virtual void send_note(int to, const std::string& text) = 0;
  /// The next note that has arrived.
  virtual std::optional<Note> next_note() = 0;
  /// Moves transfers on, and returns whether one was done.
  virtual bool progress() = 0;
  /// Waits until something may have arrived or `wake` is called, at most as long as `limit`.
  virtual void wait(std::chrono::microseconds limit) = 0;
  /// Ends the wait of the other thread, or its next one.
  virtual void wake() = 0;
  /// Whether the ranks are processes, which `terminate` ends.
  virtual bool separate_processes() const = 0;
  /// Leaves the run in good order: called repeatedly, until it returns true. A process that cannot leave within `limit`
  /// is ended.
  virtual bool leave(std::chrono::milliseconds limit) = 0;
  /// Ends the processes of all ranks, this one included. Does nothing for threads.
  virtual void terminate() = 0;
};

}  // namespace xtape
