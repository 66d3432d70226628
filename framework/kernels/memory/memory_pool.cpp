#include "framework/kernels/memory/memory_pool.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <sys/mman.h>

#include "framework/error.hpp"
#include "framework/kernels/threads/pause.hpp"
#include "framework/kernels/threads/program_locks.hpp"

// NOLINTBEGIN(bugprone-reserved-identifier): functions of the sanitizers, null in programs without them
extern "C" {
[[gnu::weak]] void __asan_poison_memory_region(const volatile void* begin, std::size_t bytes);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* begin, std::size_t bytes);
[[gnu::weak]] void __lsan_ignore_object(const void* block);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace xtape::kernels {
namespace {

constexpr std::size_t cache_line = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t slab_bytes = std::size_t{64} << 20;

/// Locks the mutex. Tries for one to three microseconds before the thread sleeps, because the lock is usually held for
/// less, and waking a thread takes longer than a small task.
std::unique_lock<std::mutex> locked(std::mutex& mutex) {
  for (int attempt = 0; attempt < 64; ++attempt) {
    if (mutex.try_lock()) return {mutex, std::adopt_lock};
    pause_briefly();
  }
  return std::unique_lock(mutex);
}

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// The header in front of each block of a slab, in use or free. It links a block with its neighbours.
struct alignas(cache_line) Header {
  std::array<std::byte, 16> guard;  // poisoned, so that an overrun of the block below is detected
  std::size_t size;                 // bytes in the block, without the header
  Header* below;                    // block below this one; null for the first block of a slab
  Header *next, *previous;          // neighbours in the list of free blocks of this size class
  bool free, last;                  // whether the block is free, and whether it is the last one of its slab

  std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
  Header* above() { return last ? nullptr : reinterpret_cast<Header*>(data() + size); }
};
static_assert(sizeof(Header) == cache_line);

// For the address sanitizer: free blocks may not be accessed, except for their headers. It marks every byte, so a large
// free block is marked once, when it comes from the system, and not whenever a small one is taken from it or returned.

void forbid_access(void* begin, std::size_t bytes) noexcept {
  if (__asan_poison_memory_region) __asan_poison_memory_region(begin, bytes);
}
/// Only the first `usable` bytes of a block may be accessed: as many as were requested, or 0 after the block was
/// released. The block itself may be longer and stays in the pool.
void limit_access(Header* block, std::size_t usable) noexcept {
  if (!__asan_poison_memory_region) return;
  __asan_unpoison_memory_region(block->data(), usable);
  forbid_access(block->data() + usable, block->size - usable);
  forbid_access(block->guard.data(), block->guard.size());
}
void allow_access(Header* block) noexcept {
  if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(block, sizeof(Header));
}

/// The free blocks in segregated lists, eight size classes per power of two. Masmano, Ripoll, Crespo and Real: TLSF: a
/// New Dynamic Memory Allocator for Real-Time Systems, 2004.
class FreeBlocks {
 public:
  void add(Header* block) noexcept {
    const std::size_t c = class_of(block->size);
    block->free = true;
    block->previous = nullptr;
    block->next = first_[c];
    if (block->next) block->next->previous = block;
    first_[c] = block;
    occupied_[c / 64] |= std::uint64_t{1} << c % 64;
  }

  void remove(Header* block) noexcept {
    const std::size_t c = class_of(block->size);
    block->free = false;
    if (block->next) block->next->previous = block->previous;
    (block->previous ? block->previous->next : first_[c]) = block->next;
    if (!first_[c]) occupied_[c / 64] &= ~(std::uint64_t{1} << c % 64);
  }

  /// Returns a block of at least `size` bytes: the first of up to 16 blocks of its own class that is large enough, else
  /// a block of the next class that is not empty. Null if there is none.
  Header* find(std::size_t size) const noexcept {
    const std::size_t c = class_of(size);
    int looked_at = 0;
    for (Header* block = first_[c]; block && looked_at < 16; block = block->next, ++looked_at) {
      if (block->size >= size) return block;
    }
    for (std::size_t next = c + 1; next < classes;) {
      const std::uint64_t rest = occupied_[next / 64] >> next % 64;
      if (rest != 0) return first_[next + static_cast<std::size_t>(std::countr_zero(rest))];
      next = (next / 64 + 1) * 64;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t classes = 512;

  static std::size_t class_of(std::size_t size) noexcept {
    const std::size_t lines = size / cache_line;
    if (lines < 8) return lines;
    const auto octave = static_cast<std::size_t>(std::bit_width(lines)) - 4;  // 0 for 8 to 15 cache lines
    return 8 * octave + (lines >> octave);
  }

  std::array<Header*, classes> first_{};
  std::array<std::uint64_t, classes / 64> occupied_{};
};

class MemoryPool {
 public:
  void* allocate(std::size_t bytes) {
    if (bytes > std::numeric_limits<std::size_t>::max() / 4) throw std::bad_alloc();
    const std::size_t size = round_up(std::max(bytes, std::size_t{1}), cache_line);
    const auto lock = locked(program_locks.memory);
    Header* block = free_.find(size);
    if (!block) block = new_slab(size);
    free_.remove(block);
    cut(block, size);
    usage_.in_use += block->size;
    usage_.peak = std::max(usage_.peak, usage_.in_use);
    limit_access(block, bytes);
    return block->data();
  }

  /// Cannot fail, because it allocates nothing.
  void release(void* data, std::size_t bytes) noexcept {
    if (!data) return;
    const auto lock = locked(program_locks.memory);
    Header* block = static_cast<Header*>(data) - 1;
    assert(!block->free && block->size >= bytes && "a block is released once, with the size that was requested");
    static_cast<void>(bytes);
    usage_.in_use -= block->size;
    limit_access(block, 0);
    if (Header* above = block->above(); above && above->free) merge(block, above);
    if (Header* below = block->below; below && below->free) block = merge(below, block);
    free_.add(block);
  }

  PoolUsage usage() {
    const auto lock = locked(program_locks.memory);
    return usage_;
  }

 private:
  /// Obtains a slab from the system, on huge pages where it provides them, and adds it as one free block.
  Header* new_slab(std::size_t size) {
    const std::size_t bytes = round_up(std::max(size + sizeof(Header), slab_bytes), huge_page);
    void* slab = std::aligned_alloc(huge_page, bytes);
    if (!slab) throw std::bad_alloc();
    madvise(slab, bytes, MADV_HUGEPAGE);                   // optional: a failure costs only speed
    if (__lsan_ignore_object) __lsan_ignore_object(slab);  // kept on purpose, not leaked
    usage_.held += bytes;
    auto* block = new (slab) Header{.guard = {},
                                    .size = bytes - sizeof(Header),
                                    .below = nullptr,
                                    .next = nullptr,
                                    .previous = nullptr,
                                    .free = false,
                                    .last = true};
    limit_access(block, 0);
    free_.add(block);
    return block;
  }

  /// Shortens a block in use to `size` bytes. The remainder becomes a free block if it is large enough.
  void cut(Header* block, std::size_t size) {
    constexpr std::size_t least = 4 * cache_line;
    if (block->size < size + sizeof(Header) + least) return;
    auto* rest = reinterpret_cast<Header*>(block->data() + size);
    allow_access(rest);
    new (rest) Header{.guard = {},
                      .size = block->size - size - sizeof(Header),
                      .below = block,
                      .next = nullptr,
                      .previous = nullptr,
                      .free = false,
                      .last = block->last};
    if (Header* above = rest->above()) above->below = rest;
    block->size = size;
    block->last = false;
    forbid_access(rest->guard.data(), rest->guard.size());
    free_.add(rest);
  }

  /// Joins two neighbouring blocks into one, after removing those that are free from the free lists.
  Header* merge(Header* block, Header* above) noexcept {
    if (block->free) free_.remove(block);
    if (above->free) free_.remove(above);
    block->size += sizeof(Header) + above->size;
    block->last = above->last;
    forbid_access(above, sizeof(Header));
    if (Header* next = block->above()) next->below = block;
    return block;
  }

  FreeBlocks free_;
  PoolUsage usage_{};
};

/// Constant-initialized and never destroyed, because tensors with static storage may be released at any time.
constinit MemoryPool pool;
static_assert(std::is_trivially_destructible_v<MemoryPool>);

}  // namespace

void* pool_allocate(std::size_t bytes) { return pool.allocate(bytes); }
void* allocate_scratch(std::size_t bytes) {
  try {
    return pool_allocate(bytes);
  } catch (const std::bad_alloc&) {
    throw OutOfMemory(fmt::format(
        "kernels: expected {} bytes of workspace, got no memory from the system; use smaller arrays or batches",
        bytes));
  }
}
void pool_release(void* block, std::size_t bytes) noexcept { pool.release(block, bytes); }
PoolUsage pool_usage() { return pool.usage(); }

}  // namespace xtape::kernels
