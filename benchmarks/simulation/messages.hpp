// The messages of collective operations, taken from the schedules that xtape executes.
#pragma once

#include <cstdint>
#include <vector>

namespace xtape::bench {

/// One message that is sent to or received from a rank.
struct Message {
  bool sends;
  int peer;
  std::int64_t bytes;
};

/// Messages that run at the same time, and the bytes that are added up when all of them are done.
struct MessageRound {
  std::vector<Message> messages;
  std::int64_t added_bytes = 0;
};

/// An operation on one rank.
struct MessageList {
  std::vector<int> compared_with;  ///< the ranks with which its description is exchanged
  std::vector<MessageRound> rounds;
};

/// The size of a description in bytes.
constexpr std::int64_t description_bytes = 256;

/// The sum of `elements` float32 over all ranks; `narrow`: as bfloat16.
MessageList all_reduce_messages(int rank, int ranks, std::int64_t elements, bool narrow);
/// Joins `bytes` from each rank.
MessageList all_gather_messages(int rank, int ranks, std::int64_t bytes);

}  // namespace xtape::bench
