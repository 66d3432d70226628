// Memory that is reused, never returned: the first touch of a fresh page costs as much as computing on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>

namespace xtape::kernels {

/// A block of at least `bytes` bytes, aligned to 64 bytes and not initialized; large ones lie on 2 MiB pages where the
/// system gives them. Throws std::bad_alloc. Safe from several threads.
void* pool_allocate(std::size_t bytes);

/// Gives a block back for reuse; `bytes` as it was asked for.
void pool_release(void* block, std::size_t bytes) noexcept;

/// pool_allocate for scratch memory: Error with the size instead of std::bad_alloc.
void* allocate_scratch(std::size_t bytes);

/// What the pool holds, in bytes.
struct PoolUsage {
  std::size_t in_use;  ///< handed out now
  std::size_t peak;    ///< the most that was handed out at one time
  std::size_t held;    ///< taken from the system, in use or waiting to be reused
};
PoolUsage pool_usage();

/// The pool as a standard allocator, so that xtensor's containers live in it.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor): allocators convert
  T* allocate(std::size_t n) {
    if (n > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(pool_allocate(n * sizeof(T)));
  }
  void deallocate(T* p, std::size_t n) noexcept { pool_release(p, n * sizeof(T)); }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};

/// Scratch memory of a kernel: n values of T, not initialized, given back at the end of the scope. Error when the
/// system has no memory for it.
template <class T>
class Workspace {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit Workspace(std::int64_t n)
      : bytes_(static_cast<std::size_t>(n) * sizeof(T)), data_(static_cast<T*>(allocate_scratch(bytes_))) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { pool_release(data_, bytes_); }
  T* data() const { return data_; }
  T& operator[](std::int64_t i) const { return data_[i]; }

 private:
  std::size_t bytes_;
  T* data_;
};

}  // namespace xtape::kernels
