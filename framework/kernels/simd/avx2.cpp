// AVX2 and FMA: 12 of 16 registers hold the tile, so that each of the two multiply-add units has enough
// independent sums to fill its latency
#include "framework/kernels/simd/make_engine.hpp"

namespace xtape::kernels::simd {

template <class T>
Engine<T> avx2_engine() {
  return make_engine<T, 32, 6, 2>();
}

template Engine<float> avx2_engine();
template Engine<double> avx2_engine();

}  // namespace xtape::kernels::simd
