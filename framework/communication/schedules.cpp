#include "framework/communication/schedules.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <numeric>

#include "framework/communication/element_sums.hpp"
#include "framework/communication/wire_format.hpp"

namespace xtape {
namespace {

bool is_power_of_two(int size) { return std::has_single_bit(static_cast<unsigned>(size)); }

/// The bits of `index` in the opposite order, for `size` = 2^bits.
int reversed_bits(int index, int size) {
  int reversed = 0;
  for (int bit = 1; bit < size; bit *= 2) reversed = 2 * reversed + (index & bit ? 1 : 0);
  return reversed;
}

/// Which rank has which block of a buffer.
enum class Order {
  by_rank,
  /// Rank r has the block at the position whose bits are those of r in the opposite order. Recursive halving that
  /// begins with the nearest partner ends there.
  by_halving
};

/// A buffer of elements that is divided into one block for each rank.
class Blocks {
 public:
  /// counts[r] is the number of elements in the block of rank r.
  Blocks(Place place, Order order, std::span<const std::int64_t> counts) : place_(place), order_(order) {
    std::int64_t begin = 0;
    for (int position = 0; position < place.size; ++position) {
      begins_.push_back(begin);
      begin += counts[static_cast<std::size_t>(rank_at(position))];
    }
    begins_.push_back(begin);
  }

  int rank() const { return place_.rank; }
  int size() const { return place_.size; }
  int rank_at(int position) const { return position_of(position); }  // both orders are their own inverse
  int position_of(int rank) const { return order_ == Order::by_halving ? reversed_bits(rank, place_.size) : rank; }
  /// The first element of the block at a position.
  std::int64_t begin(int position) const { return begins_[static_cast<std::size_t>(position)]; }
  /// The number of elements in the blocks at the positions [low, high).
  std::int64_t count(int low, int high) const { return begin(high) - begin(low); }
  std::int64_t own_begin() const { return begin(position_of(rank())); }
  std::int64_t own_count() const { return count(position_of(rank()), position_of(rank()) + 1); }
  std::int64_t count() const { return begins_.back(); }

 private:
  Place place_;
  Order order_;
  std::vector<std::int64_t> begins_;
};

/// Blocks of nearly equal size. For sums the order must be the one of recursive halving if that is used.
Blocks equal_blocks(Place place, std::int64_t count) {
  std::vector<std::int64_t> counts;
  for (int r = 0; r < place.size; ++r) {
    counts.push_back(segment_begin(count, r + 1, place.size) - segment_begin(count, r, place.size));
  }
  return {place, is_power_of_two(place.size) ? Order::by_halving : Order::by_rank, counts};
}

/// Adds a transfer of `count` elements.
template <class T>
void add_transfer(Round& round, bool sends, int peer, T* elements, std::int64_t count) {
  round.transfers.emplace_back(sends, peer, reinterpret_cast<std::byte*>(elements),
                               static_cast<std::size_t>(count) * sizeof(T));
}

/// Recursive halving, for 2^k ranks: the own block of `work` becomes the sum over all ranks; the others are used up.
/// Returns the scratch memory that it needs, which must live until the rounds have run.
template <class T>
Tensor add_halving(std::list<Round>& rounds, const Blocks& blocks, T* work) {
  int low = 0, high = blocks.size();
  Tensor scratch;
  for (int bit = 1; bit < blocks.size(); bit *= 2) {
    const int partner = blocks.rank() ^ bit, middle = (low + high) / 2;
    const bool first = blocks.rank() < partner;  // keeps the first half
    if (!scratch.defined()) {
      scratch = Tensor::empty({std::max(blocks.count(low, middle), blocks.count(middle, high))}, dtype_of<T>);
    }
    T* received = scratch.mutable_data<T>();
    T* kept = work + blocks.begin(first ? low : middle);
    const std::int64_t count = first ? blocks.count(low, middle) : blocks.count(middle, high);
    Round& round = rounds.emplace_back();
    add_transfer(round, true, partner, work + blocks.begin(first ? middle : low), blocks.count(low, high) - count);
    add_transfer(round, false, partner, received, count);
    round.then = [=] { add_elements(kept, first ? kept : received, first ? received : kept, count); };
    (first ? high : low) = middle;
  }
  return scratch;
}

/// One round in which every rank sends to every other one the block that is theirs; the own block of all ranks is
/// received into `received`, in the order of the ranks, where that of this rank is left out.
template <class T>
Round& add_exchange(std::list<Round>& rounds, const Blocks& blocks, T* work, T* received) {
  Round& round = rounds.emplace_back();
  for (int step = 1; step < blocks.size(); ++step) {  // not all ranks send to the same one first
    const int to = (blocks.rank() + step) % blocks.size(),
              from = (blocks.rank() + blocks.size() - step) % blocks.size();
    const int position = blocks.position_of(to);
    add_transfer(round, true, to, work + blocks.begin(position), blocks.count(position, position + 1));
    add_transfer(round, false, from, received + from * blocks.own_count(), blocks.own_count());
  }
  return round;
}

/// Direct exchange, for any number of ranks: the own block of `work` becomes the sum over all ranks. Returns the
/// scratch memory that it needs.
template <class T>
Tensor add_direct_sum(std::list<Round>& rounds, const Blocks& blocks, T* work) {
  Tensor scratch = Tensor::empty({blocks.size() * blocks.own_count()}, dtype_of<T>);
  T* received = scratch.mutable_data<T>();
  add_exchange(rounds, blocks, work, received).then = [blocks, work, received] {
    std::vector<T*> terms;
    for (int r = 0; r < blocks.size(); ++r) terms.push_back(received + r * blocks.own_count());
    T* own = terms[static_cast<std::size_t>(blocks.rank())];
    std::copy_n(work + blocks.own_begin(), blocks.own_count(), own);
    add_in_tree<T>(terms, blocks.own_count());
    std::copy_n(terms[0], blocks.own_count(), work + blocks.own_begin());
  };
  return scratch;
}

template <class T>
Tensor add_sum(std::list<Round>& rounds, const Blocks& blocks, T* work) {
  return is_power_of_two(blocks.size()) ? add_halving(rounds, blocks, work) : add_direct_sum(rounds, blocks, work);
}

/// All ranks receive the blocks of all: recursive doubling for 2^k ranks, else a direct exchange.
template <class T>
void add_gather(std::list<Round>& rounds, const Blocks& blocks, T* work) {
  const int own = blocks.position_of(blocks.rank());
  if (is_power_of_two(blocks.size())) {
    for (int length = 1; length < blocks.size(); length *= 2) {
      const int partner = blocks.rank_at(own ^ length), low = own & -length, other = low ^ length;
      Round& round = rounds.emplace_back();
      add_transfer(round, true, partner, work + blocks.begin(low), blocks.count(low, low + length));
      add_transfer(round, false, partner, work + blocks.begin(other), blocks.count(other, other + length));
    }
    return;
  }
  Round& round = rounds.emplace_back();
  for (int step = 1; step < blocks.size(); ++step) {
    const int to = (blocks.rank() + step) % blocks.size(),
              from = (blocks.rank() + blocks.size() - step) % blocks.size();
    const int position = blocks.position_of(from);
    add_transfer(round, true, to, work + blocks.own_begin(), blocks.own_count());
    add_transfer(round, false, from, work + blocks.begin(position), blocks.count(position, position + 1));
  }
}

/// Memory of the pool for 16-bit numbers, which no element type has.
Tensor memory_for_halves(std::size_t count) {
  return Tensor::empty({static_cast<std::int64_t>(2 * count)}, DType::uint8);
}
std::span<std::uint16_t> halves_in(Tensor& memory) {
  return {reinterpret_cast<std::uint16_t*>(memory.mutable_data<std::uint8_t>()),
          static_cast<std::size_t>(memory.size()) / 2};
}

/// all_reduce with 16 bits for each element: a direct exchange, because sums of ranks then aren't rounded again and
/// again on their way.
MessageSchedule narrow_all_reduce(Place place, Tensor x, Wire wire, std::string description) {
  const Blocks blocks = equal_blocks(place, x.size());
  const auto own_count = static_cast<std::size_t>(blocks.own_count()), ranks = static_cast<std::size_t>(place.size);
  const std::span<float> values(x.mutable_data<float>(), static_cast<std::size_t>(x.size()));
  Tensor half_memory = memory_for_halves(values.size()), received_memory = memory_for_halves(ranks * own_count);
  Tensor term_memory = Tensor::empty({static_cast<std::int64_t>(ranks * own_count)}, DType::float32);
  const std::span<std::uint16_t> halves = halves_in(half_memory), received = halves_in(received_memory);
  const std::span<float> terms(term_memory.mutable_data<float>(), received.size());
  to_wire(wire, values, halves);

  MessageSchedule schedule{std::move(description), {}, {}};
  const std::span<std::uint16_t> own = halves.subspan(static_cast<std::size_t>(blocks.own_begin()), own_count);
  add_exchange(schedule.rounds, blocks, halves.data(), received.data()).then =
      [=, rank = static_cast<std::size_t>(place.rank)] {
        std::ranges::copy(own, received.subspan(rank * own_count).begin());
        from_wire(wire, received, terms);
        std::vector<float*> blocks_of_ranks;
        for (std::size_t r = 0; r < ranks; ++r) blocks_of_ranks.push_back(terms.data() + r * own_count);
        add_in_tree<float>(blocks_of_ranks, static_cast<std::int64_t>(own_count));
        to_wire(wire, terms.first(own_count), own);
      };
  add_gather(schedule.rounds, blocks, halves.data());
  schedule.result = [=, x = std::move(x), kept = std::vector{half_memory, received_memory, term_memory}]() mutable {
    from_wire(wire, halves, values);
    return std::move(x);
  };
  return schedule;
}

}  // namespace

std::vector<int> neighbours(Place place) {
  std::vector<int> ranks;
  if (is_power_of_two(place.size)) {
    for (int bit = 1; bit < place.size; bit *= 2) ranks.push_back(place.rank ^ bit);
  } else {
    for (int step = 1; step < place.size; ++step) ranks.push_back((place.rank + step) % place.size);
  }
  return ranks;
}

MessageSchedule all_reduce_schedule(Place place, Tensor x, Wire wire) {
  std::string description = fmt::format("all_reduce of {} {}", x.dtype(), x.shape());
  if (wire != Wire::full) {
    return narrow_all_reduce(place, std::move(x), wire, fmt::format("{} as {}", description, to_string(wire)));
  }
  MessageSchedule schedule{std::move(description), {}, {}};
  with_summable("all_reduce", x.dtype(), [&]<class T>(T) {
    const Blocks blocks = equal_blocks(place, x.size());
    T* work = x.mutable_data<T>();
    Tensor scratch = add_sum(schedule.rounds, blocks, work);
    add_gather(schedule.rounds, blocks, work);
    schedule.result = [x = std::move(x), scratch = std::move(scratch)]() mutable { return std::move(x); };
  });
  return schedule;
}

MessageSchedule reduce_scatter_schedule(Place place, Tensor x) {
  MessageSchedule schedule{fmt::format("reduce_scatter of {} {}", x.dtype(), x.shape()), {}, {}};
  with_summable("reduce_scatter", x.dtype(), [&]<class T>(T) {
    const Blocks blocks = equal_blocks(place, x.size());
    Tensor ordered = Tensor::empty({x.size()}, x.dtype());
    T* work = ordered.mutable_data<T>();
    for (int r = 0; r < place.size; ++r) {
      const std::int64_t begin = segment_begin(x.size(), r, place.size);
      std::copy(x.data<T>() + begin, x.data<T>() + segment_begin(x.size(), r + 1, place.size),
                work + blocks.begin(blocks.position_of(r)));
    }
    Tensor scratch = add_sum(schedule.rounds, blocks, work);
    schedule.result = [blocks, ordered = std::move(ordered), scratch = std::move(scratch)] {
      return ordered.rows(blocks.own_begin(), blocks.own_begin() + blocks.own_count());
    };
  });
  return schedule;
}

MessageSchedule all_gather_schedule(Place place, const Tensor& x, std::span<const std::int64_t> rows,
                                    std::string description) {
  MessageSchedule schedule{std::move(description), {}, {}};
  const Shape row = x.shape().without(0);
  std::vector<std::int64_t> counts;
  for (const std::int64_t n : rows) counts.push_back(n * row.size());
  const Blocks blocks(place, Order::by_rank, counts);
  with_type(x.dtype(), [&]<class T>(T) {
    Tensor all = Tensor::empty(row.prepended(std::accumulate(rows.begin(), rows.end(), std::int64_t{0})), x.dtype());
    T* work = all.mutable_data<T>();
    std::copy_n(x.data<T>(), x.size(), work + blocks.own_begin());
    add_gather(schedule.rounds, blocks, work);
    schedule.result = [all = std::move(all)]() mutable { return std::move(all); };
  });
  return schedule;
}

MessageSchedule broadcast_schedule(Place place, Tensor x, int root) {
  MessageSchedule schedule{fmt::format("broadcast of {} {} from rank {}", x.dtype(), x.shape(), root), {}, {}};
  // A binomial tree. Ranks are counted from the root so that for 2^k ranks it has only edges of the hypercube.
  const bool power = is_power_of_two(place.size);
  const auto relative = [&](int rank) { return power ? rank ^ root : (rank + place.size - root) % place.size; };
  const auto absolute = [&](int rank) { return power ? rank ^ root : (rank + root) % place.size; };
  const int own = relative(place.rank);
  with_type(x.dtype(), [&]<class T>(T) {
    T* work = x.mutable_data<T>();
    int bit = 1;  // the lowest bit of this rank, or beyond the highest for the root
    while (bit < place.size && (own & bit) == 0) bit *= 2;
    if (own != 0) add_transfer(schedule.rounds.emplace_back(), false, absolute(own - bit), work, x.size());
    Round& round = schedule.rounds.emplace_back();
    for (bit /= 2; bit > 0; bit /= 2) {
      if (own + bit < place.size) add_transfer(round, true, absolute(own + bit), work, x.size());
    }
    schedule.result = [x = std::move(x)]() mutable { return std::move(x); };
  });
  return schedule;
}

}  // namespace xtape
