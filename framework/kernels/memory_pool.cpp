#include "framework/kernels/memory_pool.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sys/mman.h>
#include <unordered_map>

// NOLINTBEGIN(bugprone-reserved-identifier): the address sanitizer's own names, null in programs without it.
extern "C" {
[[gnu::weak]] void __asan_poison_memory_region(const volatile void* begin, std::size_t bytes);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* begin, std::size_t bytes);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace xtape::kernels {
namespace {

constexpr std::size_t cache_line = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Sizes are rounded up to eight steps an octave, so that a block serves requests of nearly its size.
std::size_t size_class(std::size_t bytes) {
  bytes = std::max(bytes, cache_line);
  const std::size_t step = std::max(cache_line, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

void* allocate_from_system(std::size_t bytes) {
  const std::size_t alignment = bytes >= huge_page ? huge_page : cache_line;
  void* block = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!block) throw std::bad_alloc();
  if (bytes >= huge_page) madvise(block, bytes, MADV_HUGEPAGE);  // a wish: without it only speed is lost
  return block;
}

/// Lets the address sanitizer see blocks as long as they were asked for, though the pool's are longer and are kept when
/// they are given back: of a block of `size` bytes the first `usable` may be touched.
void limit_access(void* block, std::size_t usable, std::size_t size) noexcept {
  if (!__asan_poison_memory_region) return;
  __asan_unpoison_memory_region(block, usable);
  __asan_poison_memory_region(static_cast<std::byte*>(block) + usable, size - usable);
}

class MemoryPool {
 public:
  void* allocate(std::size_t bytes) {
    if (bytes > std::numeric_limits<std::size_t>::max() / 4) throw std::bad_alloc();
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    void*& first = waiting_[size];
    void* block = first;
    if (block) {
      limit_access(block, sizeof first, size);
      std::memcpy(&first, block, sizeof first);
    } else {
      block = allocate_from_system(size);
      usage_.held += size;
    }
    usage_.in_use += size;
    usage_.peak = std::max(usage_.peak, usage_.in_use);
    limit_access(block, bytes, size);
    return block;
  }

  /// Allocates nothing, so it can't fail: the block itself holds the address of the next one that waits.
  void release(void* block, std::size_t bytes) noexcept {
    if (!block) return;
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    const auto waiting = waiting_.find(size);
    assert(waiting != waiting_.end() && "a block is given back with the size it was asked for");
    limit_access(block, sizeof waiting->second, size);
    std::memcpy(block, &waiting->second, sizeof waiting->second);
    limit_access(block, 0, size);
    waiting->second = block;
    usage_.in_use -= size;
  }

  PoolUsage usage() {
    const std::lock_guard lock(mutex_);
    return usage_;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::size_t, void*> waiting_;  // the first block of each size that waits for reuse
  PoolUsage usage_{};
};

/// Never destroyed: tensors with static storage may be released after everything else.
MemoryPool& pool() {
  static auto* memory = new MemoryPool;  // NOLINT(cppcoreguidelines-owning-memory)
  return *memory;
}

}  // namespace

void* pool_allocate(std::size_t bytes) { return pool().allocate(bytes); }
void pool_release(void* block, std::size_t bytes) noexcept { pool().release(block, bytes); }
PoolUsage pool_usage() { return pool().usage(); }

}  // namespace xtape::kernels
