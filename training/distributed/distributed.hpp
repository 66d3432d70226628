// Distributed: how a training run is divided over processes.
#pragma once

#include <cstdint>
#include <memory>

namespace xtape {

class Communicator;

/// How fit(), evaluate(), predict() and recalibrate_batch_norm() divide their work. Every batch is a batch of the whole
/// run. It is divided into `shards`, consecutive parts of its rows whose sizes differ by at most 1. Each rank computes
/// its shards one after the other; gradients, losses, metrics and moving averages are added over the shards in a fixed
/// tree. So the results depend on the number of shards and not on the number of ranks: the same bits on 1, 2, 4 or 8
/// ranks with 8 shards, and without any communicator. By default the whole batch is one shard.
///
///   const auto ranks = mpi_communicator();
///   fit(model, adam, data, {.batch_size = 256, .distributed = {.communicator = ranks, .shards = 8}});
struct Distributed {
  /// The ranks that compute together; none: this process alone. All ranks call the same function with the same model,
  /// data and options, which is checked.
  std::shared_ptr<Communicator> communicator = nullptr;
  /// Parts of each batch; 0: as many as there are ranks. Several ranks must have equally many, a power of two.
  std::int64_t shards = 0;
};

}  // namespace xtape
