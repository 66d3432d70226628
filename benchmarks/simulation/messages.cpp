#include "benchmarks/simulation/messages.hpp"

#include <algorithm>

#include "framework/communication/schedules.hpp"

namespace xtape::bench {
namespace {

/// The sizes and partners of a schedule, without its memory. Descriptions are exchanged with the same ranks as in
/// ProgressThread: the neighbours and all partners.
MessageList without_memory(Place place, const MessageSchedule& schedule) {
  MessageList list{neighbours(place), {}};
  for (const Round& round : schedule.rounds) {
    MessageRound& sizes = list.rounds.emplace_back();
    for (const Transfer& transfer : round.transfers) {
      const auto bytes = static_cast<std::int64_t>(transfer.count);
      sizes.messages.push_back({transfer.sends, transfer.peer, bytes});
      if (round.then && !transfer.sends) sizes.added_bytes += bytes;
      list.compared_with.push_back(transfer.peer);
    }
  }
  std::ranges::sort(list.compared_with);
  list.compared_with.erase(std::unique(list.compared_with.begin(), list.compared_with.end()), list.compared_with.end());
  return list;
}

}  // namespace

MessageList all_reduce_messages(int rank, int ranks, std::int64_t elements, bool narrow) {
  Tensor x = narrow ? Tensor::zeros({elements}, DType::float32) : Tensor::empty({elements}, DType::float32);
  const Place place{rank, ranks};
  return without_memory(place, all_reduce_schedule(place, std::move(x), narrow ? Wire::bfloat16 : Wire::full));
}

MessageList all_gather_messages(int rank, int ranks, std::int64_t bytes) {
  const std::vector<std::int64_t> rows(static_cast<std::size_t>(ranks), bytes);
  const Place place{rank, ranks};
  return without_memory(place, all_gather_schedule(place, Tensor::zeros({bytes}, DType::uint8), rows, ""));
}

}  // namespace xtape::bench
