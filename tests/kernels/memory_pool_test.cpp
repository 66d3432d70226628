#include "framework/kernels/memory/memory_pool.hpp"

#include <algorithm>
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
