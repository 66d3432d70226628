// Prefetcher: values made ahead of time by separate threads, so that whoever asks for them in order never waits.
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

/// The values make(0) ... make(count - 1). While value i is in use, the next `ahead` ones are being made, each by one
/// of `threads` threads, which start when the first value is asked for. Asking in another order is slower and gives the
/// same. An exception in make comes out of get() for that value. The destructor asks make to stop and waits for it. A
/// forked child has none of the threads: it makes each value when it is asked for.
template <class T>
class Prefetcher {
 public:
  /// Called by several threads at once. Once `stop` is requested nobody wants the value, and anything may be returned.
  using Make = std::function<T(std::int64_t index, const std::stop_token& stop)>;

  Prefetcher(std::int64_t count, std::int64_t ahead, int threads, Make make)
      : make_(std::move(make)), ahead_(std::make_unique<Ahead>(count, ahead, threads, make_)) {}
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;
  ~Prefetcher() {
    if (getpid() != process_) static_cast<void>(ahead_.release());  // to destroy it is to wait for its threads
  }

  /// Value number `index`, in [0, count). Several threads may ask; they take turns.
  T get(std::int64_t index) { return getpid() == process_ ? ahead_->get(index) : make_(index, {}); }

 private:
  class Ahead;

  const Make make_;
  const pid_t process_ = getpid();  // that has the threads
  std::unique_ptr<Ahead> ahead_;
};

/// The threads, and what they have made.
template <class T>
class Prefetcher<T>::Ahead {
 public:
  Ahead(std::int64_t count, std::int64_t ahead, int threads, const Make& make)
      : count_(count), ahead_(ahead), threads_(threads), make_(make) {}
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;
  ~Ahead() {
    for (std::jthread& worker : workers_) worker.request_stop();  // all, before the first is waited for
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

  /// As many threads as the system gives.
  void start() {
    if (started_) return;
    started_ = true;
    try {
      for (int i = 0; i < threads_; ++i) {
        workers_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
      }
    } catch (const std::system_error&) {  // values are then made by fewer, or by who asks for them
    }
  }

  /// Moves the window of values that are made or kept. The caller holds mutex_.
  void want(std::int64_t first) {
    first_ = first;
    std::erase_if(slots_, [&](const auto& slot) { return slot.first < first || slot.first >= end(); });
    work_.notify_all();
  }
  std::int64_t end() const { return std::min(count_, first_ + ahead_); }
  /// The first value of the window that nobody makes; end() when there is none.
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
      const auto slot = slots_.find(index);  // gone when the window has moved on
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
  std::mutex consumer_;  // held by the thread that is in get()
  std::mutex mutex_;     // of all below
  std::condition_variable_any work_, ready_;
  std::int64_t first_ = 0;
  std::map<std::int64_t, Slot> slots_;
  bool started_ = false;
  std::vector<std::jthread> workers_;  // last, so that they end before what they use
};

}  // namespace xtape
