// Products of a matrix given by pointers to its rows with one that is packed: all of gemm and convolution.
#pragma once

#include <cstdint>

#include "framework/kernels/engine.hpp"
#include "framework/kernels/function_ref.hpp"
#include "framework/kernels/memory_pool.hpp"

namespace xtape::kernels {

/// Part of the depth of a product, the axis that is summed over: `segments` whole segments from `segment` on, or of a
/// single one the `length` values from `start` on.
struct Slice {
  std::int64_t segment, segments, start, length;
  std::int64_t depth() const { return segments * length; }
};

/// B of a product, packed once and multiplied with many times.
template <class T>
class PackedMatrix {
 public:
  /// As in Product.
  PackedMatrix(std::int64_t columns, std::int64_t segments, std::int64_t length,
               FunctionRef<PackSource<T>(std::int64_t segment)> b);
  const T* data() const { return values_.data(); }
  /// The one that reads this form.
  const Engine<T>& engine() const { return engine_; }
  /// Whether it is in the form that a product of these sizes reads with the instruction set in use. Also
  /// where another thread has chosen another one since, a product with this matrix is right.
  bool fits(std::int64_t columns, std::int64_t segments, std::int64_t length) const {
    return &engine_ == &chosen_for(columns, segments * length) && columns == columns_ && segments == segments_ &&
           length == length_;
  }

 private:
  static const Engine<T>& chosen_for(std::int64_t columns, std::int64_t depth) {
    return engines_in_use<T>().best_for(columns, Engines<T>::many, depth);
  }

  const Engine<T>& engine_;
  std::int64_t columns_, segments_, length_;
  Workspace<T> values_;
};

/// C (rows, columns) = A B, or C += A B, where the depth is `segments` runs of `length`. The sums are taken slice by
/// slice in a fixed order, so they do not depend on how the work is spread over the threads.
template <class T>
struct Product {
  std::int64_t rows, columns, segments, length;
  /// Writes where rows [begin, end) of A have their runs of a slice: row by row, slice.segments pointers each.
  FunctionRef<void(std::int64_t begin, std::int64_t end, const Slice& slice, const T** out)> a;
  const T* zeros;  ///< at least `length` zeros, for runs on padding; may be null when there are none
  /// Segment s of B, a matrix (length, columns).
  FunctionRef<PackSource<T>(std::int64_t segment)> b;
  /// Writes where rows [begin, end) of C begin.
  FunctionRef<void(std::int64_t begin, std::int64_t end, T** out)> c;
  bool accumulate = false;
  /// B if it was packed before; b is then not asked.
  const PackedMatrix<T>* packed = nullptr;
};
template <class T>
void multiply(const Product<T>& product, const Engines<T>& engines);

/// C_s (rows, columns) = A_s^T B, or +=, for each segment s, with A_s (depth, rows) and B (depth, columns): the
/// gradients of weights. C_s follow one another in memory, rows `columns` apart.
template <class T>
struct TransposedProduct {
  std::int64_t rows, columns, segments, depth;
  /// Writes where rows [begin, end) of A_s begin.
  FunctionRef<void(std::int64_t segment, std::int64_t begin, std::int64_t end, const T** out)> a;
  const T* zeros;  ///< at least `rows` zeros, for rows of A_s on padding; may be null when there are none
  PackSource<T> b;
  T* c;
  std::int64_t c_stride;
  bool accumulate = false;
};
template <class T>
void multiply(const TransposedProduct<T>& product, const Engines<T>& engines);

}  // namespace xtape::kernels
