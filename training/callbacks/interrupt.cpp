#include "training/callbacks/interrupt.hpp"

#include <atomic>
#include <initializer_list>

namespace xtape {
namespace {

constexpr std::array<int, 2> signals{SIGINT, SIGTERM};

// a signal handler can use static variables only
std::atomic<int> noted = 0;
std::atomic<bool> installed = false;
static_assert(std::atomic<int>::is_always_lock_free);

/// Calls only functions that POSIX allows in a signal handler.
extern "C" void note_signal(int number) {
  if (noted.exchange(number) == 0) return;
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  sigaction(number, &plain, nullptr);
  raise(number);  // delivered when this handler returns
}

}  // namespace

StopOnInterruptCallback::StopOnInterruptCallback() {
  check(!installed.exchange(true), "StopOnInterrupt: expected one at a time, got a second one");
  noted = 0;
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    sigaction(signals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) sigaction(signals[i], &action, nullptr);
  }
}

StopOnInterruptCallback::~StopOnInterruptCallback() {
  for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before_[i], nullptr);
  installed = false;
}

int interrupt_signal() { return noted; }

void StopOnInterruptCallback::stop_if_asked(TrainingState& run) {
  if (noted != 0) run.stop(noted == SIGINT ? "interrupted (SIGINT)" : "terminated (SIGTERM)");
}

}  // namespace xtape
