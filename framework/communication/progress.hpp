// ProgressThread: the thread that runs the operations of one rank while the caller computes.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "framework/communication/operation.hpp"
#include "framework/communication/transport.hpp"

namespace xtape {

/// Runs operations on a separate thread, which alone uses the transport. It compares the descriptions of operations
/// between ranks, limits the time of waiting, and spreads the news of a failure.
///
/// Before a rank exchanges data with another one in an operation, both have sent each other the operation's
/// description. So no data is received into a buffer of another size.
class ProgressThread {
 public:
  /// Starts the thread, on which `connect` makes the transport. Rethrows what connect throws.
  ProgressThread(const std::function<std::unique_ptr<Transport>()>& connect, std::chrono::milliseconds timeout);
  ProgressThread(const ProgressThread&) = delete;
  ProgressThread& operator=(const ProgressThread&) = delete;
  /// Runs the operations to their end and leaves the run. After a failure it waits up to 5 seconds for the end of the
  /// other ranks instead, if these are processes.
  ~ProgressThread();

  int rank() const;
  int size() const;
  std::shared_ptr<CollectiveOperation> start(MessageSchedule schedule);
  /// Ends the run with a reason. Returns when the other ranks are being notified.
  void abort(const std::string& reason);
  /// Why the run has failed; empty if it has not.
  std::string failure() const;
  /// Whether this rank has found the failure and notified the others.
  bool found_failure() const;

 private:
  class State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace xtape
