// Matrix products C = A B where A is read through pointers and B is packed: the core of gemm and of convolution.
//
// The pointers are the indirection buffer of Dukhan: The Indirect Convolution Algorithm, 2019. A row of A is divided
// into segments, each a contiguous run of values anywhere in memory. A matrix has one segment per row; a convolution
// has one per tap of its kernel (see gather.hpp).
#pragma once

#include <cstdint>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/threads/function_ref.hpp"

namespace xtape::kernels {

/// A part of the depth of a product, that is, of the axis that is summed over. It is either `segments` whole segments
/// from `segment` on, or `length` values of one segment from `start` on.
struct Slice {
  std::int64_t segment, segments, start, length;
  std::int64_t depth() const { return segments * length; }
};

/// The right operand B of a product, packed once for many products.
template <class T>
class PackedMatrix {
 public:
  /// The arguments are those of Product. Packs on all threads, for the instruction set in use.
  PackedMatrix(std::int64_t columns, std::int64_t segments, std::int64_t length,
               FunctionRef<PackSource<T>(std::int64_t segment)> b);
  const T* data() const { return values_.data(); }
  /// The micro-kernels that read this layout.
  const Engine<T>& engine() const { return engine_; }
  /// Whether this is the layout that a product of these sizes reads with the instruction set in use. A product with
  /// this matrix is correct even if another thread changes the instruction set after the call.
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

/// A function of finished parts of a result, which is called while they are in the cache: columns [first, first +
/// columns) of `count` rows; rows[i] is the address of the first of these columns. Every element is in one part.
template <class T>
using PartFunction = FunctionRef<void(T* const* rows, std::int64_t count, std::int64_t first, std::int64_t columns)>;

/// C (rows, columns) = A B, or C += A B if `accumulate`, with a depth of `segments` runs of `length` values. The sums
/// are accumulated slice by slice in a fixed order, so they do not depend on the number of threads.
template <class T>
struct Product {
  std::int64_t rows, columns, segments, length;
  /// Writes the indirection buffer for rows [begin, end) of A and one slice: row by row, slice.segments pointers each.
  FunctionRef<void(std::int64_t begin, std::int64_t end, const Slice& slice, const T** out)> a;
  const T* zeros;  ///< at least `length` zeros, the target of pointers to padding; may be null if there is none
  /// Returns a segment of B, a matrix (length, columns).
  FunctionRef<PackSource<T>(std::int64_t segment)> b;
  /// Writes pointers to the beginnings of rows [begin, end) of C.
  FunctionRef<void(std::int64_t begin, std::int64_t end, T** out)> c;
  bool accumulate = false;
  /// Unless it is null, the packed B; `b` is then not called.
  const PackedMatrix<T>* packed = nullptr;
  /// Unless it is null, called for the parts of C.
  const PartFunction<T>* finish = nullptr;
};
template <class T>
void multiply(const Product<T>& product, const Engines<T>& engines);

/// C_s (rows, columns) = A_s^T B, or += if `accumulate`, for each segment s, with A_s (depth, rows) and B (depth,
/// columns): the gradient of weights. The C_s are consecutive in memory; their rows are `c_stride` apart.
template <class T>
struct TransposedProduct {
  std::int64_t rows, columns, segments, depth;
  /// Writes pointers to the beginnings of rows [begin, end) of A_s.
  FunctionRef<void(std::int64_t segment, std::int64_t begin, std::int64_t end, const T** out)> a;
  const T* zeros;  ///< at least `rows` zeros, the target of pointers to padding; may be null if there is none
  PackSource<T> b;
  T* c;
  std::int64_t c_stride;
  bool accumulate = false;
};
template <class T>
void multiply(const TransposedProduct<T>& product, const Engines<T>& engines);

}  // namespace xtape::kernels
