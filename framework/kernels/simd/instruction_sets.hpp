// The sets of micro-kernels, one for each instruction set. Each is instantiated in a separate file that is compiled
// for that instruction set. The files share only templates over the vector width, so the linker can never use a
// function that was compiled for one instruction set in the code for another.
#pragma once

#include "framework/kernels/simd/engine.hpp"

namespace xtape::kernels::simd {

template <class T>
Engine<T> portable_engine();
template <class T>
Engine<T> avx2_engine();
template <class T>
Engine<T> avx512_engine();

}  // namespace xtape::kernels::simd
