// Shards: which parts of each batch this process computes, and what the ranks exchange.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "training/data/data_loader.hpp"
#include "training/distributed/distributed.hpp"

namespace xtape {

/// An Error that all ranks throw at the same point, after they have exchanged its reason. The run need not end: the
/// ranks may catch it and do something else together.
class AgreedError : public Error {
 public:
  using Error::Error;
};

/// The shards of a run and the ranks that compute them: rank r of n has the shards from r * shards / n on. Without a
/// communicator this process is the one rank. All ranks call the functions that exchange something in the same order.
class Shards {
 public:
  /// One shard on this process alone.
  Shards() = default;
  /// Error naming `function` unless each rank gets as many shards as the others, a power of two.
  Shards(std::string_view function, const Distributed& distributed);

  /// The communicator; null without one.
  const std::shared_ptr<Communicator>& communicator() const { return communicator_; }
  /// The number of this rank, from 0 on.
  int rank() const { return rank_; }
  /// The number of ranks.
  int ranks() const { return ranks_; }
  /// Whether this process writes files and shows progress.
  bool writes() const { return rank_ == 0; }
  /// The number of all shards.
  std::int64_t count() const { return count_; }
  /// The number of this rank's shards.
  std::int64_t per_rank() const { return count_ / ranks_; }
  /// The first of this rank's shards.
  std::int64_t first() const { return rank_ * per_rank(); }

  /// Options of a loader that makes this rank's part of each batch.
  DataLoaderOptions part_of(DataLoaderOptions options) const;
  /// Divides this rank's part of a batch of so many rows into batches of its shards, of which some may be empty.
  std::vector<Batch> split(const Batch& part, std::int64_t rows) const;

  /// The numbers of every rank, in the order of the ranks. They may have different lengths.
  std::vector<std::vector<double>> gather(const std::vector<double>& own) const;
  /// The numbers of every rank, one after the other.
  std::vector<double> concatenated(const std::vector<double>& own) const;
  /// The texts of every rank, in the order of the ranks.
  std::vector<std::string> gather(const std::string& own) const;
  /// The tensors (n, ...) of every rank, joined along the first axis. They have this type and are alike but for n;
  /// where n is 0 they may be undefined.
  Tensor gather_rows(Tensor own, DType dtype) const;
  /// Replaces the numbers by their sums over all ranks, in the order of OrderedSum.
  void add_up(std::span<double> numbers) const;

  /// AgreedError naming `function`, the names of all values that differ and the ranks, unless all ranks have the same.
  /// `function` is compared too.
  void check_same(std::string_view function, const std::map<std::string, std::string>& own) const;

 private:
  std::shared_ptr<Communicator> communicator_;
  int rank_ = 0, ranks_ = 1;
  std::int64_t count_ = 1;
};

/// Calls f, which is a rank's part of what all ranks do together. If it throws, the other ranks get an Error with this
/// rank and the reason, wherever they wait for it. Not for an AgreedError, which they throw too.
void guarded(const Distributed& distributed, const std::function<void()>& f);

/// Calls `checks`, which throws Error if this rank's arguments are wrong. If it does on any rank, all ranks get an
/// AgreedError, with the number of the rank unless all have the same message.
void check_agreed(const Distributed& distributed, const std::function<void()>& checks);

}  // namespace xtape
