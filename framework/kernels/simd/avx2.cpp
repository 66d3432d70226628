// The micro-kernels for AVX2 and FMA. The register tile takes 12 of 16 registers: enough independent sums to hide the
// latency of the two multiply-add units.
#include "framework/kernels/simd/make_engine.hpp"

namespace xtape::kernels::simd {

template <class T>
Engine<T> avx2_engine() {
  return make_engine<T, 32, 6, 2>();
}

template Engine<float> avx2_engine();
template Engine<double> avx2_engine();

}  // namespace xtape::kernels::simd
