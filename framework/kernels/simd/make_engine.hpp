// For the files of the instruction sets.
#pragma once

#include "framework/kernels/simd/instruction_sets.hpp"
#include "framework/kernels/simd/products.hpp"

namespace xtape::kernels::simd {

template <class T, int bytes, int tile_rows, int vectors>
Engine<T> make_engine() {
  using P = Products<T, bytes, tile_rows, vectors>;
  return {tile_rows, P::tile_columns, P::multiply_rows, P::add_outer_products, P::pack};
}

}  // namespace xtape::kernels::simd
