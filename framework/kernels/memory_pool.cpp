#include "framework/kernels/memory_pool.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <sys/mman.h>

#include "framework/error.hpp"
#include "framework/kernels/program_locks.hpp"

// NOLINTBEGIN(bugprone-reserved-identifier): the address sanitizer's own names, null in programs without it
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

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Stands before each block of a slab, in use or free, so that neighbours find one another.
struct alignas(cache_line) Header {
  std::array<std::byte, 16> guard;  // what an overrun of the block below would hit
  std::size_t size;                 // of the block, without the header
  Header* below;                    // null for the first one of a slab
  Header *next, *previous;          // free blocks of the same class
  bool free, last;                  // of its slab

  std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
  Header* above() { return last ? nullptr : reinterpret_cast<Header*>(data() + size); }
};
static_assert(sizeof(Header) == cache_line);

/// Lets the address sanitizer see blocks as long as they were asked for, though the pool's are longer and are kept when
/// they are given back: the first `usable` bytes may be touched.
void limit_access(Header* block, std::size_t usable) noexcept {
  if (!__asan_poison_memory_region) return;
  __asan_unpoison_memory_region(block->data(), usable);
  __asan_poison_memory_region(block->data() + usable, block->size - usable);
  __asan_poison_memory_region(block->guard.data(), block->guard.size());
}
void allow_access(Header* block) noexcept {
  if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(block, sizeof(Header));
}

/// Free blocks by size, eight classes an octave, after Masmano, Ripoll, Crespo and Real: TLSF, a new dynamic memory
/// allocator for real-time systems, 2004.
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

  /// A block of at least `size` bytes, or null: one of the first of its own class that is large enough, or else of the
  /// next class that has any.
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
    const auto octave = static_cast<std::size_t>(std::bit_width(lines)) - 4;  // 0 for 8 to 15 lines
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
    const std::lock_guard lock(program_locks.memory);
    Header* block = free_.find(size);
    if (!block) block = new_slab(size);
    free_.remove(block);
    cut(block, size);
    usage_.in_use += block->size;
    usage_.peak = std::max(usage_.peak, usage_.in_use);
    limit_access(block, bytes);
    return block->data();
  }

  /// Allocates nothing, so it can't fail.
  void release(void* data, std::size_t bytes) noexcept {
    if (!data) return;
    const std::lock_guard lock(program_locks.memory);
    Header* block = static_cast<Header*>(data) - 1;
    assert(!block->free && block->size >= bytes && "a block is given back once, with the size it was asked for");
    static_cast<void>(bytes);
    usage_.in_use -= block->size;
    if (Header* above = block->above(); above && above->free) merge(block, above);
    if (Header* below = block->below; below && below->free) block = merge(below, block);
    limit_access(block, 0);
    free_.add(block);
  }

  PoolUsage usage() {
    const std::lock_guard lock(program_locks.memory);
    return usage_;
  }

 private:
  /// A free block of a new slab, on huge pages where the system gives them.
  Header* new_slab(std::size_t size) {
    const std::size_t bytes = round_up(std::max(size + sizeof(Header), slab_bytes), huge_page);
    void* slab = std::aligned_alloc(huge_page, bytes);
    if (!slab) throw std::bad_alloc();
    madvise(slab, bytes, MADV_HUGEPAGE);                   // a wish: without it only speed is lost
    if (__lsan_ignore_object) __lsan_ignore_object(slab);  // kept, not lost
    usage_.held += bytes;
    auto* block = new (slab) Header{.guard = {},
                                    .size = bytes - sizeof(Header),
                                    .below = nullptr,
                                    .next = nullptr,
                                    .previous = nullptr,
                                    .free = false,
                                    .last = true};
    free_.add(block);
    return block;
  }

  /// Cuts a block in use down to `size` bytes; what is left becomes a free one, if it is worth it.
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
    limit_access(rest, 0);
    free_.add(rest);
  }

  /// One block of two neighbours, of which those that are free are taken out of the free ones.
  Header* merge(Header* block, Header* above) noexcept {
    if (block->free) free_.remove(block);
    if (above->free) free_.remove(above);
    block->size += sizeof(Header) + above->size;
    block->last = above->last;
    if (Header* next = block->above()) next->below = block;
    return block;
  }

  FreeBlocks free_;
  PoolUsage usage_{};
};

/// Ready before anything runs and never destroyed: tensors with static storage may be released after everything else.
constinit MemoryPool pool;
static_assert(std::is_trivially_destructible_v<MemoryPool>);

}  // namespace

void* pool_allocate(std::size_t bytes) { return pool.allocate(bytes); }
void* allocate_scratch(std::size_t bytes) {
  try {
    return pool_allocate(bytes);
  } catch (const std::bad_alloc&) {
    fail("kernels: expected {} bytes of memory to work in, got none from the system; use smaller arrays or batches",
         bytes);
  }
}
void pool_release(void* block, std::size_t bytes) noexcept { pool.release(block, bytes); }
PoolUsage pool_usage() { return pool.usage(); }

}  // namespace xtape::kernels
