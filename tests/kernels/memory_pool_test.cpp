#include "framework/kernels/memory/memory_pool.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/support.hpp"

// NOLINTNEXTLINE(bugprone-reserved-identifier): of the address sanitizer, null in programs without it
extern "C" [[gnu::weak]] int __asan_address_is_poisoned(const volatile void* address);

using namespace xtape::kernels;

namespace {

/// Whether the address sanitizer forbids access to a byte.
bool forbidden(const unsigned char* byte) { return __asan_address_is_poisoned(byte) != 0; }

struct Block {
  unsigned char* data;
  std::size_t bytes;
  unsigned char fill;
};

/// Allocates and releases blocks of all sizes at random, each filled with a different number. Returns whether all
/// blocks kept their number and were aligned to cache lines.
bool exercise(unsigned seed, std::vector<Block>& blocks) {
  std::mt19937 random(seed);
  bool kept = true;
  const auto drop = [&](std::size_t i) {
    const Block block = blocks[i];
    kept = kept && std::all_of(block.data, block.data + block.bytes, [&](unsigned char c) { return c == block.fill; });
    pool_release(block.data, block.bytes);
    blocks[i] = blocks.back();
    blocks.pop_back();
  };
  for (int step = 0; step < 4000; ++step) {
    if (random() % 2 == 0 && !blocks.empty()) {
      drop(random() % blocks.size());
    } else {
      const std::size_t bytes = random() % (std::size_t{1} << (4 + random() % 14));
      auto* data = static_cast<unsigned char*>(pool_allocate(bytes));
      kept = kept && reinterpret_cast<std::uintptr_t>(data) % 64 == 0;
      blocks.push_back({data, bytes, static_cast<unsigned char>(random())});
      std::memset(data, blocks.back().fill, bytes);
    }
  }
  while (!blocks.empty()) drop(blocks.size() - 1);
  return kept;
}

}  // namespace

TEST_CASE("the address sanitizer forbids access to what was not requested or was released") {
  if (!__asan_address_is_poisoned) {
    SUCCEED("this program has no address sanitizer");
    return;
  }
  std::mt19937 random(1);
  std::vector<Block> blocks;
  const auto released = [](const Block& block) {
    pool_release(block.data, block.bytes);
    bool all = true;
    for (std::size_t i = 0; i < block.bytes; ++i) all = all && forbidden(block.data + i);
    return all;
  };
  for (int step = 0; step < 3000; ++step) {
    if (random() % 2 == 0 && !blocks.empty()) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      CHECK(released(blocks.back()));
      blocks.pop_back();
      continue;
    }
    const std::size_t bytes = 1 + random() % (std::size_t{1} << (3 + random() % 12));
    auto* data = static_cast<unsigned char*>(pool_allocate(bytes));
    blocks.push_back({data, bytes, 0});
    bool usable = true, guarded = true;
    for (std::size_t i = 0; i < bytes; ++i) usable = usable && !forbidden(data + i);
    for (std::size_t i = bytes; i < (bytes + 63) / 64 * 64 + 16; ++i) guarded = guarded && forbidden(data + i);
    CHECK(usable);
    CHECK(guarded);  // up to the next block, with its guard
  }
  for (const Block& block : blocks) CHECK(released(block));
  // the header between two neighbours that were joined
  std::vector<unsigned char*> small(300);
  for (unsigned char*& data : small) data = static_cast<unsigned char*>(pool_allocate(64));
  std::sort(small.begin(), small.end());
  for (unsigned char* data : small) pool_release(data, 64);
  int joined = 0;
  for (std::size_t i = 0; i + 1 < small.size(); ++i) {
    if (small[i + 1] - small[i] != 128) continue;
    ++joined;
    for (const unsigned char* byte = small[i] + 64; byte < small[i + 1]; ++byte) CHECK(forbidden(byte));
  }
  CHECK(joined > 100);
}

TEST_CASE("the pool's blocks do not overlap, are aligned to cache lines, and are freed, by several threads") {
  const std::size_t before = pool_usage().in_use;
  std::vector<char> kept(4);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kept.size(); ++i) {
    threads.emplace_back([&kept, i] {
      std::vector<Block> blocks;
      kept[i] = exercise(i, blocks);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(std::ranges::all_of(kept, [](char k) { return k; }));
  CHECK(pool_usage().in_use == before);
}

TEST_CASE("freed small blocks are merged for a large request") {
  constexpr std::size_t piece = 50000, count = 1000;
  std::vector<void*> pieces;
  for (std::size_t i = 0; i < count; ++i) pieces.push_back(pool_allocate(piece));
  const std::size_t held = pool_usage().held;
  for (std::size_t i = 0; i < count; i += 2) pool_release(pieces[i], piece);
  for (std::size_t i = 1; i < count; i += 2) pool_release(pieces[i], piece);
  void* large = pool_allocate(piece * count / 2);
  CHECK(pool_usage().held == held);
  pool_release(large, piece * count / 2);
}

TEST_CASE("the peak is the largest number of bytes in use") {
  const std::size_t bytes = pool_usage().peak + 1'000'000, before = pool_usage().in_use;
  void* block = pool_allocate(bytes);
  const PoolUsage with = pool_usage();
  CHECK(with.in_use >= before + bytes);
  CHECK(with.peak == with.in_use);
  pool_release(block, bytes);
  CHECK(pool_usage().in_use == before);
  CHECK(pool_usage().peak == with.peak);
}

TEST_CASE("a request that is too large throws and changes nothing") {
  const PoolUsage before = pool_usage();
  CHECK_THROWS_AS(pool_allocate(~std::size_t{0}), std::bad_alloc);
  CHECK(pool_usage().in_use == before.in_use);
}

TEST_CASE("the peak stays where it was when less is in use later") {
  constexpr std::size_t bytes = 3'000'000;
  void* const block = pool_allocate(bytes);
  pool_release(block, bytes);
  const std::size_t peak = pool_usage().peak;
  CHECK(peak >= bytes);
  void* const small = pool_allocate(100);
  CHECK(pool_usage().peak == peak);
  pool_release(small, 100);
  CHECK(pool_usage().peak == peak);
}

TEST_CASE("memory is obtained in pieces of 64 MiB, or as much as a larger request needs, in whole pages of 2 MiB") {
  constexpr std::size_t page = std::size_t{2} << 20, slab = std::size_t{64} << 20;
  std::vector<std::pair<void*, std::size_t>> blocks;
  const auto obtained_by = [&](std::size_t bytes) {
    const std::size_t before = pool_usage().held;
    blocks.emplace_back(pool_allocate(bytes), bytes);
    return pool_usage().held - before;
  };
  // requests that no free block can serve
  const std::size_t large = (pool_usage().held / page + 40) * page;
  CHECK(obtained_by(large) == large + page);  // the header in front of the block begins another page
  CHECK(obtained_by(large + page - 64) == large + page);
  std::size_t obtained = 0;
  while (obtained == 0) obtained = obtained_by(slab / 4);
  CHECK(obtained == slab);
  const std::size_t held = pool_usage().held;
  CHECK(obtained_by(slab / 4) == 0);  // the next part of the last piece
  CHECK(pool_usage().held == held);
  for (const auto& [block, bytes] : blocks) pool_release(block, bytes);
}

TEST_CASE("a block has as many cache lines as its bytes need, and at most four more") {
  const std::size_t before = pool_usage().in_use;
  for (const std::size_t bytes : {0, 1, 63, 64, 65, 511, 512, 513, 4095, 4096, 100'000, 1'234'567}) {
    CAPTURE(bytes);
    void* const block = pool_allocate(bytes);
    const std::size_t used = pool_usage().in_use - before, needed = std::max<std::size_t>(1, (bytes + 63) / 64) * 64;
    CHECK(used >= needed);
    CHECK(used < needed + 64 + 4 * 64);  // what is left is a block only with a header and four lines
    pool_release(block, bytes);
    CHECK(pool_usage().in_use == before);
  }
  pool_release(nullptr, 100);
  CHECK(pool_usage().in_use == before);
}

TEST_CASE("a workspace that the system cannot provide is an OutOfMemory error with its size") {
  const PoolUsage before = pool_usage();
  CHECK_THROWS_AS(Workspace<double>(std::int64_t{1} << 60), xtape::OutOfMemory);
  CHECK(
      xtape::test::error_of([] { Workspace<double>(std::int64_t{1} << 60); }) ==
      "kernels: expected 9223372036854775808 bytes of workspace, got no memory from the system; use smaller arrays or "
      "batches");
  CHECK(pool_usage().in_use == before.in_use);
  CHECK(pool_usage().held == before.held);
}

TEST_CASE("a freed block serves a request that fits, also of a smaller size class, and neighbours are joined") {
  constexpr std::size_t slab = std::size_t{64} << 20, nine = 9 << 20, less = nine - 600'000;
  std::vector<std::pair<void*, std::size_t>> taken;
  const auto take = [&](std::size_t bytes) {
    taken.emplace_back(pool_allocate(bytes), bytes);
    return taken.back().first;
  };
  // until no free block has so many bytes: all those that are left, and all of a new piece from the system
  for (const std::size_t held = pool_usage().held; pool_usage().held == held;) take(less);
  for (std::size_t rest = slab - 64 - (less + 64); rest > less; rest -= less + 64) take(less);
  std::array<void*, 7> blocks{};
  for (void*& block : blocks) block = pool_allocate(nine);  // neighbours, in a piece of their own
  const std::size_t held = pool_usage().held;
  for (const std::size_t bytes : {nine, nine - 64, nine - 300'000, less}) {
    CAPTURE(bytes);
    pool_release(blocks[3], nine);
    void* const again = pool_allocate(bytes);
    CHECK(again == blocks[3]);
    pool_release(again, bytes);
    CHECK(pool_allocate(nine) == blocks[3]);
  }
  for (const auto& order :
       std::vector<std::array<std::size_t, 3>>{{2, 3, 4}, {2, 4, 3}, {3, 2, 4}, {3, 4, 2}, {4, 2, 3}, {4, 3, 2}}) {
    for (const std::size_t i : order) pool_release(blocks[i], nine);
    void* const joined = pool_allocate(3 * nine + 128);
    CHECK(joined == blocks[2]);
    pool_release(joined, 3 * nine + 128);
    for (const std::size_t i : {2, 3, 4}) CHECK(pool_allocate(nine) == blocks[i]);
  }
  CHECK(pool_usage().held == held);
  for (void* const block : blocks) pool_release(block, nine);
  for (const auto& [block, bytes] : taken) pool_release(block, bytes);
}
