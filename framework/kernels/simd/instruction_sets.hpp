// The engines, one file of code each, compiled for its instruction set. What these files share are templates over the
// vector's width, so that no function compiled for one processor is ever linked into the code for another.
#pragma once

#include "framework/kernels/engine.hpp"

namespace xtape::kernels::simd {

template <class T>
Engine<T> portable_engine();
template <class T>
Engine<T> avx2_engine();
template <class T>
Engine<T> avx512_engine();

}  // namespace xtape::kernels::simd
