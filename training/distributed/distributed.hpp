// Distributed: how a training run is divided over processes.
#pragma once

#include <cstdint>
#include <memory>

#include "framework/communication/communicator.hpp"

namespace xtape {

/// How fit(), evaluate(), predict() and recalibrate_batch_norm() divide their work. Every batch is a batch of the whole
/// run. It is divided into `shards`, consecutive parts of its rows whose sizes differ by at most 1. Each rank computes
/// its shards one after the other; gradients, losses, metrics and moving averages are added over the shards in a fixed
/// tree. So the results depend on the number of shards and not on the number of ranks: the same bits on 1, 2, 4 or 8
/// ranks with 8 shards, and without any communicator. By default each rank has one shard.
///
///   const auto ranks = mpi_communicator();
///   fit(model, adam, data, {.batch_size = 256, .distributed = {.communicator = ranks, .shards = 8}});
struct Distributed {
  /// The ranks that compute together; none: this process alone. All ranks call the same function with the same model,
  /// data and options, which is checked.
  std::shared_ptr<Communicator> communicator = nullptr;
  /// Parts of each batch; 0: as many as there are ranks. Several ranks must have equally many, a power of two.
  std::int64_t shards = 0;
  /// Gradients travel between ranks in buckets of about this size, while the backward pass continues: a bucket that is
  /// larger hides less of its time behind the backward pass, many small ones pay the latency of each.
  std::int64_t bucket_bytes = std::int64_t{4} << 20;
  /// The format in which the gradients of a float32 model travel. With 16 bits the numbers depend on the number of
  /// ranks. What rounding takes from a gradient is added to the next one of its rank (error feedback: Seide et al.,
  /// 1-bit stochastic gradient descent, Interspeech 2014); it is 0 again when a run begins or resumes.
  Wire wire = Wire::full;
  /// Each rank keeps the optimizer's state of a part of the parameters only; the numbers are the same. A checkpoint has
  /// all of it, and the optimizer when fit() has returned. After an Error the optimizer has only its part and is
  /// refused, and a step may have changed some parameters only: resume from a checkpoint with a new optimizer.
  bool shard_optimizer = false;
};

}  // namespace xtape
