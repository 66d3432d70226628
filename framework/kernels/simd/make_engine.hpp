// make_engine: instantiates all micro-kernels for one vector width. Included by the file of each instruction set.
#pragma once

#include "framework/kernels/simd/depthwise.hpp"
#include "framework/kernels/simd/instruction_sets.hpp"
#include "framework/kernels/simd/products.hpp"
#include "framework/kernels/simd/sizes.hpp"
#include "framework/kernels/simd/strips.hpp"
#include "framework/kernels/simd/winograd.hpp"

namespace xtape::kernels::simd {

/// The micro-kernels for vectors of `bytes` bytes and register tiles of `tile_rows` rows by `vectors` vectors.
template <class T, int bytes, int tile_rows, int vectors>
Engine<T> make_engine() {
  using P = Products<T, bytes, tile_rows, vectors>;
  using S = Strips<T, bytes, tile_rows, vectors>;
  using V = Vector<T, bytes>;
  return {.tile_rows = tile_rows,
          .tile_columns = P::tile_columns,
          .vector_columns = P::lanes,
          .multiply_rows = P::multiply_rows,
          .add_outer_products = P::add_outer_products,
          .multiply_strips = S::multiply,
          .add_strip_products = S::add_products,
          .multiply_depthwise = multiply_depthwise<T, bytes>,
          .add_depthwise_products = add_depthwise_products<T, bytes>,
          .pack = P::pack,
          .winograd_input = transform<InputTransform, V, T>,
          .winograd_weights = transform<WeightTransform, V, T>,
          .winograd_output = transform<OutputTransform, V, T>,
          .winograd_output_gradient = transform<OutputGradientTransform, V, T>,
          .winograd_weight_gradient = transform<WeightGradientTransform, V, T>,
          .measure = measure<T, bytes>};
}

}  // namespace xtape::kernels::simd
