// Vectors of numbers as the compiler has them, of a width that the instruction set decides.
#pragma once

#include <cstdint>
#include <utility>

namespace xtape::kernels::simd {

template <class T, int bytes>
struct VectorOf {
  using type [[gnu::vector_size(bytes)]] = T;
};
template <class T, int bytes>
using Vector = typename VectorOf<T, bytes>::type;

/// From and to any address.
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

/// All lanes x.
template <class V, class T>
[[gnu::always_inline]] inline V broadcast(T x) {
  return x - V{};  // x - 0 is x, also for -0
}

template <class V>
inline constexpr int lanes_of = sizeof(V) / sizeof(V{}[0]);

/// Calls f(V{}, i) for pieces [i, i + lanes of V) of [0, count): vectors of `bytes` bytes as long as they fit, then of
/// half as many, down to single numbers.
template <class T, int bytes, class F>
[[gnu::always_inline]] inline void for_each_vector(std::int64_t count, const F& f, std::int64_t i = 0) {
  constexpr std::int64_t lanes = bytes / sizeof(T);
  for (; i + lanes <= count; i += lanes) f(Vector<T, bytes>{}, i);
  if constexpr (lanes > 1) for_each_vector<T, bytes / 2>(count, f, i);
}

namespace detail {

/// The lower (half = 0) or upper (half = 1) halves of a and b, lane by lane in turn.
template <int half, class V, int... i>
[[gnu::always_inline]] inline V zip(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int lanes = sizeof...(i);
  return __builtin_shufflevector(a, b, (half * lanes / 2 + i / 2 + i % 2 * lanes)...);
}

}  // namespace detail

/// Turns a square of as many vectors as they have lanes: rows become columns. Zipping row i with row i + lanes / 2
/// moves every element one bit of its address on; after log2(lanes) rounds row and column have changed places.
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
