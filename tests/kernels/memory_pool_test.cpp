#include "framework/kernels/memory/memory_pool.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/support.hpp"

using namespace xtape::kernels;

namespace {

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

TEST_CASE("a request that is too large throws and changes nothing") {
  const PoolUsage before = pool_usage();
  CHECK_THROWS_AS(pool_allocate(~std::size_t{0}), std::bad_alloc);
  CHECK(pool_usage().in_use == before.in_use);
}
