// The memory pool. It reuses memory and never returns it to the system, because the first access to a new page costs as
// much time as a computation on that page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>

namespace xtape::kernels {

/// Returns an uninitialized block of at least `bytes` bytes, aligned to 64 bytes, on 2 MiB pages where the system
/// provides them. Throws std::bad_alloc. Thread-safe.
void* pool_allocate(std::size_t bytes);

/// Returns a block to the pool. `bytes` is the size that was requested. Thread-safe; null is ignored.
void pool_release(void* block, std::size_t bytes) noexcept;

/// The same as pool_allocate for scratch memory, but throws OutOfMemory with the size instead of std::bad_alloc.
void* allocate_scratch(std::size_t bytes);

/// Memory use of the pool, in bytes.
struct PoolUsage {
  std::size_t in_use;  ///< allocated now
  std::size_t peak;    ///< the largest value of in_use so far
  std::size_t held;    ///< obtained from the system: in use or free
};
PoolUsage pool_usage();

/// The pool as a standard allocator, for the containers of xtensor.
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

/// Workspace of a kernel: n uninitialized values of T, returned to the pool at the end of the scope. Error if the
/// system has too little memory.
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
