// Communicator: collective operations over the ranks of a run, which are threads of one process or processes of MPI.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

class CollectiveOperation;
class ProgressThread;
struct MessageSchedule;

/// The format in which the elements of a float32 tensor travel between ranks. With 16 bits half as much is sent. Every
/// rank's elements are rounded to nearest even, summed in float32, and the sums are rounded once more; NaN and infinity
/// stay what they are. Values above 65504 become infinite in float16.
enum class Wire { full, bfloat16, float16 };

/// The name of the format: "full", "bfloat16" or "float16".
std::string_view to_string(Wire wire);

/// The elements rounded to the format, to nearest even. Error unless the tensor is float32.
Tensor rounded(const Tensor& x, Wire wire);

/// Options of a communicator.
struct CommunicatorOptions {
  /// How long an operation waits for another rank. The default is longer than what one rank commonly does alone while
  /// the others wait (an evaluation, a checkpoint to a slow disk), and short beside the time of a run.
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
};

/// An operation that has been started. It makes progress while the caller computes, and also if this object is
/// destroyed.
class PendingTensor {
 public:
  /// No operation.
  PendingTensor() = default;
  /// Whether wait() would return at once.
  bool ready() const;
  /// Waits for the result. Error if the operation has failed, and on a second call.
  Tensor wait();

 private:
  friend class Communicator;
  explicit PendingTensor(Tensor result) : result_(std::move(result)) {}
  explicit PendingTensor(std::shared_ptr<CollectiveOperation> operation) : operation_(std::move(operation)) {}

  Tensor result_;
  std::shared_ptr<CollectiveOperation> operation_;
};

/// Collective operations over the ranks of a run. All ranks must start the same operations in the same order, with
/// tensors of one shape and type where nothing else is said; otherwise all ranks get an Error that names a rank and
/// what differs. Every operation throws Error if a rank has failed or ended, or does not take part in time, and so do
/// all later ones, on all ranks.
///
/// Sums over ranks have a fixed order: adjacent pairs, level by level, (r0 + r1) + (r2 + r3), where an odd one is
/// carried up (see TreeSum). All ranks get the same bits, those of one process that adds in this order. For 2^k ranks
/// that is recursive halving with the nearest partner first, then recursive doubling (Thakur, Rabenseifner and Gropp,
/// Optimization of collective communication operations in MPICH, 2005). Otherwise, and with 16-bit formats, each rank
/// receives a segment from all others and sums it. Either way a rank sends about 2 (size - 1) / size times the tensor.
///
/// One thread at a time may use a communicator.
class Communicator {
 public:
  /// Used by thread_communicators and mpi_communicator.
  explicit Communicator(std::unique_ptr<ProgressThread> progress);
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  /// Leaves the run in good order after waiting for the operations that were started. If an exception is the reason,
  /// does the same as abort instead.
  ~Communicator();

  /// The index of this rank, in [0, size).
  int rank() const { return rank_; }
  /// The number of ranks.
  int size() const { return size_; }

  /// The elementwise sum over all ranks of tensors of one shape and type; int64 wraps around. Error for uint8, and for
  /// 16-bit formats unless x is float32.
  Tensor all_reduce(Tensor x, Wire wire = Wire::full) { return start_all_reduce(std::move(x), wire).wait(); }
  /// Starts all_reduce and returns at once. Any number of operations may be in flight.
  PendingTensor start_all_reduce(Tensor x, Wire wire = Wire::full);

  /// This rank's segment of the sum over all ranks: the elements [segment_begin(rank), segment_begin(rank + 1)) of
  /// x.size() in row-major order, as a tensor with one axis.
  Tensor reduce_scatter(Tensor x) { return start_reduce_scatter(std::move(x)).wait(); }
  /// Starts reduce_scatter and returns at once.
  PendingTensor start_reduce_scatter(Tensor x);
  /// Where the segment of a rank begins when `count` elements are divided among the ranks: count * rank / size.
  std::int64_t segment_begin(std::int64_t count, int rank) const;

  /// The tensors of all ranks, one after the other along the first axis. The extents of the first axis may differ.
  /// Joins the segments of reduce_scatter. Error for tensors of shape ().
  Tensor all_gather(const Tensor& x);
  /// The texts of all ranks.
  std::vector<std::string> all_gather(std::string_view text);

  /// The elements of rank `root` on all ranks. Error if there is no such rank.
  Tensor broadcast(Tensor x, int root = 0);

  /// Returns when all ranks have called it.
  void barrier();

  /// Error on all ranks unless all have the same text, for example a description of the model. The Error says which
  /// ranks have which text, from the first difference on.
  void check_same(std::string_view what, std::string_view text);

  /// Ends the run on all ranks: current and later operations throw Error with "rank 2: reason". Other ranks notice it
  /// within milliseconds if they wait for an operation. With MPI, a process that has not ended 10 seconds later is
  /// killed. Does nothing if the run has already failed.
  void abort(const std::string& reason);
  /// Why the run has failed, the message of the Error that operations throw; empty if it has not failed.
  std::string failure() const;
  /// Whether this rank was among the first to find the failure, and notified the others. Such a rank should print it:
  /// the others may hang.
  bool found_failure() const;

 private:
  PendingTensor start(MessageSchedule schedule);
  /// The numbers of all ranks.
  std::vector<std::int64_t> gather_counts(std::int64_t count, std::string description);

  std::unique_ptr<ProgressThread> progress_;
  int rank_, size_, exceptions_;
};

/// A communicator for each of `size` threads of this process. Each must be used and destroyed by its own thread. Error
/// unless size is at least 1 and the timeout is positive.
std::vector<std::shared_ptr<Communicator>> thread_communicators(int size, const CommunicatorOptions& options = {});

/// Calls body(communicator). If it throws, aborts the run with the exception's message on all ranks, and rethrows.
void run_rank(const std::shared_ptr<Communicator>& communicator,
              const std::function<void(const std::shared_ptr<Communicator>&)>& body);

/// Calls run_rank(communicator, body) on `size` threads at the same time, one for each rank, and waits for all. If a
/// rank throws, so do the others in their next operation, and the first exception becomes an Error with its rank: "rank
/// 2: message".
void run_on_threads(int size, const std::function<void(const std::shared_ptr<Communicator>&)>& body,
                    const CommunicatorOptions& options = {});

/// The communicator of this process among those that mpirun or srun has started; one rank if there was none. It uses
/// MPI_COMM_WORLD, initializes MPI unless the program has done so, and finalizes what it initialized. Error if xtape
/// was built without MPI or MPI is not installed, and on a second call.
std::shared_ptr<Communicator> mpi_communicator(const CommunicatorOptions& options = {});

}  // namespace xtape
