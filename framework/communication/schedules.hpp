// The collective operations as schedules of transfers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "framework/communication/communicator.hpp"
#include "framework/communication/operation.hpp"

namespace xtape {

/// A rank among `size` ranks.
struct Place {
  int rank, size;
};

/// The ranks with which every operation compares descriptions: the neighbours in a hypercube if size is a power of 2,
/// else all others. Every rank is connected with every other through these pairs, so that no difference is overlooked.
std::vector<int> neighbours(Place place);

/// The elementwise sum over all ranks.
MessageSchedule all_reduce_schedule(Place place, Tensor x, Wire wire);
/// This rank's segment of the elementwise sum.
MessageSchedule reduce_scatter_schedule(Place place, Tensor x);
/// The rows of all ranks: rank r has rows[r]. Only `description` is compared, which should name shape and type.
MessageSchedule all_gather_schedule(Place place, const Tensor& x, std::span<const std::int64_t> rows,
                                    std::string description);
/// The elements of rank `root`.
MessageSchedule broadcast_schedule(Place place, Tensor x, int root);

/// The begin of segment `index` when `count` elements are divided into `parts`.
inline std::int64_t segment_begin(std::int64_t count, int index, int parts) {
  return count / parts * index + count % parts * index / parts;
}

}  // namespace xtape
