// The micro-kernels for AVX-512. The register tile takes 16 of 32 registers. It has no more than 8 rows because more
// rows a power of two apart would map to one set of the first-level cache.
#include "framework/kernels/simd/make_engine.hpp"

namespace xtape::kernels::simd {

template <class T>
Engine<T> avx512_engine() {
  return make_engine<T, 64, 8, 2>();
}

template Engine<float> avx512_engine();
template Engine<double> avx512_engine();

}  // namespace xtape::kernels::simd
