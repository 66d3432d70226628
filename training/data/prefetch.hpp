// Prefetcher: makes values ahead of time on separate threads, so that a consumer that gets them in order need not wait.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace xtape {

/// The values make(0) ... make(count - 1). While the consumer uses value i, `threads` threads make the next `ahead`
/// values. The threads start with the first get(). Other orders of access are correct but slower. An exception in make
/// is thrown by get() for that value. The destructor requests make to stop and waits for it. A forked child has no
/// threads; there each value is made in get().
template <class T>
class Prefetcher {
 public:
  /// Called by several threads at once. After a stop request the value is not used, so make may return any value.
  using Make = std::function<T(std::int64_t index, const std::stop_token& stop)>;

  Prefetcher(std::int64_t count, std::int64_t ahead, int threads, Make make)
      : make_(std::move(make)), ahead_(std::make_unique<Ahead>(count, ahead, threads, make_)) {}
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;
  ~Prefetcher() {
    if (getpid() != process_) static_cast<void>(ahead_.release());  // a forked child has no threads to wait for
  }

  /// Value number `index`, in [0, count). Several threads may call it; the calls are serialized.
  T get(std::int64_t index) { return getpid() == process_ ? ahead_->get(index) : make_(index, {}); }

 private:
  class Ahead;

  const Make make_;
  const pid_t process_ = getpid();  // the process that has the threads
  std::unique_ptr<Ahead> ahead_;
};

/// The threads and the values that they have made.
template <class T>
class Prefetcher<T>::Ahead {
 public:
  Ahead(std::int64_t count, std::int64_t ahead, int threads, const Make& make)
      : count_(count), ahead_(ahead), threads_(threads), make_(make) {}
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;
  ~Ahead() {
    for (std::jthread& worker : workers_) worker.request_stop();  // request all before the first join
  }

  T get(std::int64_t index) {
    const std::lock_guard turn(consumer_);
    start();
    if (workers_.empty()) return make_(index, {});
    std::unique_lock lock(mutex_);
    want(index);
    ready_.wait(lock, [&] { return slots_.contains(index) && slots_.at(index).done; });
    Slot slot = std::move(slots_.at(index));
    want(index + 1);
    lock.unlock();
    if (slot.error) std::rethrow_exception(slot.error);
    return std::move(*slot.value);
  }

 private:
  struct Slot {
    bool done = false;
    std::optional<T> value = {};
    std::exception_ptr error = {};
  };

  /// Starts as many of the threads as the system permits.
  void start() {
    if (started_) return;
    started_ = true;
    try {
      for (int i = 0; i < threads_; ++i) {
        workers_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
      }
    } catch (const std::system_error&) {  // fewer threads, or the caller of get(), make the values
    }
  }

  /// Moves the window of values that are made or kept. The caller holds mutex_.
  void want(std::int64_t first) {
    first_ = first;
    std::erase_if(slots_, [&](const auto& slot) { return slot.first < first || slot.first >= end(); });
    work_.notify_all();
  }
  std::int64_t end() const { return std::min(count_, first_ + ahead_); }
  /// The first value of the window that no thread makes; end() when there is none.
  std::int64_t unclaimed() const {
    std::int64_t index = first_;
    while (index < end() && slots_.contains(index)) ++index;
    return index;
  }

  void serve(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (work_.wait(lock, stop, [&] { return unclaimed() < end(); })) {
      if (stop.stop_requested()) return;
      const std::int64_t index = unclaimed();
      slots_[index] = {};
      lock.unlock();
      Slot made = make(index, stop);
      lock.lock();
      const auto slot = slots_.find(index);  // removed if the window has moved
      if (slot != slots_.end()) slot->second = std::move(made);
      ready_.notify_all();
    }
  }

  Slot make(std::int64_t index, const std::stop_token& stop) const {
    try {
      return {.done = true, .value = make_(index, stop)};
    } catch (...) {
      return {.done = true, .error = std::current_exception()};
    }
  }

  const std::int64_t count_, ahead_;
  const int threads_;
  const Make& make_;
  std::mutex consumer_;  // held by the thread in get()
  std::mutex mutex_;     // protects all members below
  std::condition_variable_any work_, ready_;
  std::int64_t first_ = 0;
  std::map<std::int64_t, Slot> slots_;
  bool started_ = false;
  std::vector<std::jthread> workers_;  // last, so that they end before the members that they use are destroyed
};

}  // namespace xtape
