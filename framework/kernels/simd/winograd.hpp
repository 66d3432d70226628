// The transforms of Winograd's F(4x4, 3x3), after Lavin and Gray: Fast algorithms for convolutional neural networks,
// 2016, section 4.3. Each transform applies a small matrix to the columns and then to the rows of a patch. Each lane of
// a vector holds one channel.
#pragma once

#include <cstdint>

#include "framework/kernels/simd/vector.hpp"

namespace xtape::kernels::simd {

/// The matrix BT, which transforms 6 input pixels.
struct InputTransform {
  static constexpr int in = 6, out = 6;
  template <class V>
  [[gnu::always_inline]] static void apply(const V (&d)[6], V (&o)[6]) {
    const V a = d[4] - 4 * d[2], b = d[3] - 4 * d[1];
    const V e = d[4] - d[2], f = 2 * (d[3] - d[1]);
    o[0] = 4 * d[0] - 5 * d[2] + d[4];
    o[1] = a + b;
    o[2] = a - b;
    o[3] = e + f;
    o[4] = e - f;
    o[5] = 4 * d[1] - 5 * d[3] + d[5];
  }
};

/// The matrix G, which transforms 3 weights.
struct WeightTransform {
  static constexpr int in = 3, out = 6;
  template <class V>
  [[gnu::always_inline]] static void apply(const V (&g)[3], V (&o)[6]) {
    const V a = (g[0] + g[2]) / 6, b = g[1] / 6;
    const V e = g[0] / 24 + g[2] / 6, f = g[1] / 12;
    o[0] = g[0] / 4;
    o[1] = -(a + b);
    o[2] = b - a;
    o[3] = e + f;
    o[4] = e - f;
    o[5] = g[2];
  }
};

/// The matrix AT, which transforms 6 products to 4 output pixels.
struct OutputTransform {
  static constexpr int in = 6, out = 4;
  template <class V>
  [[gnu::always_inline]] static void apply(const V (&t)[6], V (&y)[4]) {
    const V a = t[1] + t[2], b = t[1] - t[2], e = t[3] + t[4], f = t[3] - t[4];
    y[0] = t[0] + a + e;
    y[1] = b + 2 * f;
    y[2] = a + 4 * e;
    y[3] = b + 8 * f + t[5];
  }
};

/// The matrix A, the transpose of OutputTransform, which transforms the gradients of 4 output pixels.
struct OutputGradientTransform {
  static constexpr int in = 4, out = 6;
  template <class V>
  [[gnu::always_inline]] static void apply(const V (&y)[4], V (&o)[6]) {
    const V a = y[0] + y[2], b = y[1] + y[3];
    const V e = y[0] + 4 * y[2], f = 2 * y[1] + 8 * y[3];
    o[0] = y[0];
    o[1] = a + b;
    o[2] = a - b;
    o[3] = e + f;
    o[4] = e - f;
    o[5] = y[3];
  }
};

/// The matrix GT, the transpose of WeightTransform, which gives the gradients of 3 weights.
struct WeightGradientTransform {
  static constexpr int in = 6, out = 3;
  template <class V>
  [[gnu::always_inline]] static void apply(const V (&u)[6], V (&g)[3]) {
    const V a = u[1] + u[2], b = u[2] - u[1], e = u[3] + u[4], f = u[3] - u[4];
    g[0] = u[0] / 4 - a / 6 + e / 24;
    g[1] = b / 6 + f / 12;
    g[2] = (e - a) / 6 + u[5];
  }
};

/// Computes F M FT of a patch M, for one vector of channels from `c` on.
template <class F, class V, class T>
[[gnu::always_inline]] inline void transform_patch(const T* const* in, T* const* out, std::int64_t c) {
  V half[F::out][F::in];
#pragma GCC unroll 6
  for (int j = 0; j < F::in; ++j) {
    V column[F::in], result[F::out];
#pragma GCC unroll 6
    for (int i = 0; i < F::in; ++i) column[i] = load<V>(in[i * F::in + j] + c);
    F::apply(column, result);
#pragma GCC unroll 6
    for (int i = 0; i < F::out; ++i) half[i][j] = result[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < F::out; ++i) {
    V result[F::out];
    F::apply(half[i], result);
#pragma GCC unroll 6
    for (int j = 0; j < F::out; ++j) store(out[i * F::out + j] + c, result[j]);
  }
}

/// Transforms a patch whose pixels are arrays of `count` channels. in[i * F::in + j] points to the pixel in row i and
/// column j of the patch, and out[i * F::out + j] to that of the result.
template <class F, class V, class T>
void transform(const T* const* in, T* const* out, std::int64_t count) {
  for_each_vector<T, sizeof(V)>(count,
                                [&](auto vector, std::int64_t c) { transform_patch<F, decltype(vector)>(in, out, c); });
}

}  // namespace xtape::kernels::simd
