// CollectiveOperation: one collective operation on one rank, as rounds of transfers with computations between them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "framework/communication/transport.hpp"
#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Transfers that run at the same time, and what is computed when all of them are done.
struct Round {
  std::list<Transfer> transfers;
  std::function<void()> then;
};

/// What an operation consists of: a schedule of rounds, as in Hoefler, Lumsdaine and Rehm, Implementation and
/// performance analysis of non-blocking collective operations for MPI (2007).
struct MessageSchedule {
  std::string description;  ///< must be equal on all ranks: operation, element type, shape
  std::list<Round> rounds;
  std::function<Tensor()> result;
};

/// A schedule in execution. The caller waits; the thread of a ProgressThread does the rest.
class CollectiveOperation {
 public:
  explicit CollectiveOperation(MessageSchedule schedule) : schedule_(std::move(schedule)) {}

  const std::string& description() const { return schedule_.description; }
  std::list<Round>& rounds() { return schedule_.rounds; }

  /// Whether the operation has ended.
  bool ended() const;
  /// Waits for the end. Returns the result once. Throws Error if the operation has failed.
  Tensor wait();
  /// The end of the operation with its result.
  void finish();
  /// The end of the operation with an Error.
  void fail(const std::string& reason);

 private:
  MessageSchedule schedule_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::string failure_;
  Tensor result_;
};

}  // namespace xtape
