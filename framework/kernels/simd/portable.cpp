// The micro-kernels with vectors of 16 bytes, which every processor has (SSE2, NEON) or the compiler emulates. The
// register tile takes 12 of 16 registers.
#include "framework/kernels/simd/make_engine.hpp"

namespace xtape::kernels::simd {

template <class T>
Engine<T> portable_engine() {
  return make_engine<T, 16, 6, 2>();
}

template Engine<float> portable_engine();
template Engine<double> portable_engine();

}  // namespace xtape::kernels::simd
