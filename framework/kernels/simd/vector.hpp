// SIMD vectors: the vector types of the compiler, with loads, stores and transposition.
#pragma once

#include <cstdint>
#include <utility>

namespace xtape::kernels::simd {

template <class T, int bytes>
struct VectorOf {
  using type [[gnu::vector_size(bytes)]] = T;
};
/// A vector of `bytes` bytes with elements of T.
template <class T, int bytes>
using Vector = typename VectorOf<T, bytes>::type;

/// Loads from an address without alignment; store is the reverse.
template <class V, class T>
[[gnu::always_inline]] inline V load(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
[[gnu::always_inline]] inline void store(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

/// A vector with x in all lanes.
template <class V, class T>
[[gnu::always_inline]] inline V broadcast(T x) {
  return x - V{};  // x - 0 equals x, also for -0
}

template <class V>
inline constexpr int lanes_of = sizeof(V) / sizeof(V{}[0]);

/// Divides [i, count) into vectors and calls f(V{}, start) for each: vectors of `bytes` bytes as long as they fit, then
/// of half the size, and so on down to single elements.
template <class T, int bytes, class F>
[[gnu::always_inline]] inline void for_each_vector(std::int64_t count, const F& f, std::int64_t i = 0) {
  constexpr std::int64_t lanes = bytes / sizeof(T);
  for (; i + lanes <= count; i += lanes) f(Vector<T, bytes>{}, i);
  if constexpr (lanes > 1) for_each_vector<T, bytes / 2>(count, f, i);
}

namespace detail {

/// Interleaves the lower (half = 0) or upper (half = 1) halves of a and b.
template <int half, class V, int... i>
[[gnu::always_inline]] inline V zip(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int lanes = sizeof...(i);
  return __builtin_shufflevector(a, b, (half * lanes / 2 + i / 2 + i % 2 * lanes)...);
}

}  // namespace detail

/// Transposes a square of elements: as many vectors as a vector has lanes. Interleaving row i with row i + lanes / 2
/// rotates the bits of every element's index by one; after log2(lanes) rounds row and column are exchanged.
template <class V>
[[gnu::always_inline]] inline void transpose(V (&rows)[lanes_of<V>]) {
  constexpr int lanes = lanes_of<V>;
  constexpr auto order = std::make_integer_sequence<int, lanes>{};
#pragma GCC unroll 4
  for (int round = 1; round < lanes; round *= 2) {
    V zipped[lanes];
#pragma GCC unroll 16
    for (int i = 0; i < lanes / 2; ++i) {
      zipped[2 * i] = detail::zip<0>(rows[i], rows[i + lanes / 2], order);
      zipped[2 * i + 1] = detail::zip<1>(rows[i], rows[i + lanes / 2], order);
    }
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) rows[i] = zipped[i];
  }
}

}  // namespace xtape::kernels::simd
