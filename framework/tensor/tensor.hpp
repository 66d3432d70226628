// Tensor: an array with shape, element type and shared storage.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "framework/tensor/dtype.hpp"
#include "framework/tensor/index.hpp"
#include "framework/tensor/shape.hpp"

namespace xtape {

class Storage;

/// A dense row-major array. Copies share storage and are cheap; writing through one copy does not change the others
/// (copy on write). Storage is an xtensor container in the memory pool, 64-byte aligned; see xarray.hpp for views.
class Tensor {
 public:
  /// An undefined tensor: defined() is false, and functions that read elements throw Error.
  Tensor() = default;

  /// A tensor of zeros.
  static Tensor zeros(const Shape& shape, DType dtype = DType::float32);
  /// A tensor of ones.
  static Tensor ones(const Shape& shape, DType dtype = DType::float32);
  /// A tensor whose elements all have this value, converted to the type. A fraction is truncated for integer types.
  /// Error if the type is an integer type and the value is NaN or out of its range.
  static Tensor full(const Shape& shape, double value, DType dtype = DType::float32);
  /// A tensor of shape () with this value, converted to the type. Error as in full().
  static Tensor scalar(double value, DType dtype = DType::float32);
  /// An uninitialized tensor, for kernels that write every element. OutOfMemory if the system has not enough memory.
  static Tensor empty(const Shape& shape, DType dtype);
  /// A tensor with the given numbers in row-major order, converted to the type. Error unless there are shape.size()
  /// numbers, and as in full().
  static Tensor of(const Shape& shape, const std::vector<double>& values, DType dtype = DType::float32);
  /// A tensor with the elements of an array in memory (std::span, std::array, std::vector), whose element type it
  /// keeps. A std::vector of double uses the overload above instead, which converts. Error unless there are
  /// shape.size() elements.
  template <std::ranges::contiguous_range Values>
  requires(has_dtype<std::ranges::range_value_t<Values>>) static Tensor of(const Shape& shape, const Values& values) {
    using T = std::ranges::range_value_t<Values>;
    Tensor result = for_values(shape, std::ranges::size(values), dtype_of<T>);
    std::ranges::copy(values, result.mutable_data<T>());
    return result;
  }
  /// The numbers begin, begin + step, ... before end (NumPy's arange): ceil((end - begin) / step) numbers, or none if
  /// that is negative. Error unless the arguments are finite and step is not 0, and as in full().
  static Tensor arange(double begin, double end, double step = 1, DType dtype = DType::float32);
  /// `count` equally spaced numbers from begin to end, both included (NumPy's linspace). Error if count is negative,
  /// and as in full().
  static Tensor linspace(double begin, double end, std::int64_t count, DType dtype = DType::float32);
  /// The identity matrix (n, n). Error if n is negative.
  static Tensor eye(std::int64_t n, DType dtype = DType::float32);
  /// An int64 tensor (values.size()), for class labels.
  static Tensor labels(const std::vector<std::int64_t>& values);

  /// Whether this is an array, not an undefined tensor.
  bool defined() const { return storage_ != nullptr; }
  /// The extents of the axes; Shape::of_no_array() for an undefined tensor.
  const Shape& shape() const { return shape_; }
  /// The extent of an axis. Negative axes count from the end. Error if the axis does not exist.
  std::int64_t dim(int axis) const { return shape_[axis]; }
  /// The number of axes.
  int rank() const { return shape_.rank(); }
  /// The number of elements.
  std::int64_t size() const { return shape_.size(); }
  /// The element type.
  DType dtype() const { return dtype_; }
  /// The size of the elements in bytes.
  std::int64_t size_in_bytes() const;

  /// The elements in row-major order. The pointer is valid as long as a tensor uses the storage. Error unless T is the
  /// element type.
  template <class T>
  const T* data() const {
    require_type(dtype_of<T>);
    return static_cast<const T*>(data_);
  }
  /// The elements in row-major order, for writing. Copies the elements first if the storage is shared. The pointer is
  /// valid until the tensor is copied, moved from or assigned to: from then on other tensors may share the elements.
  /// Error unless T is the element type.
  template <class T>
  T* mutable_data() {
    require_type(dtype_of<T>);
    make_unique();
    return static_cast<T*>(data_);
  }

  /// The value of a tensor of one element. Error for other tensors.
  double item() const;
  /// The element at an index, for example at({2, 0, 1}). Error if the index is out of range.
  double at(std::initializer_list<std::int64_t> index) const;
  /// All elements in row-major order, converted to T. Error if T is an integer type and an element is NaN or out of its
  /// range.
  template <class T = double>
  std::vector<T> to_vector() const {
    const Tensor converted = to(dtype_of<T>);
    return {converted.data<T>(), converted.data<T>() + size()};
  }

  /// A copy of the entry at `index` along the first axis, as x[{index}]. Error if the index is out of range.
  Tensor operator[](std::int64_t index) const { return (*this)[{Index(index)}]; }
  /// A copy of the elements that the indices select, as in NumPy: x[{all(), 0}], x[{{1, 4}, ellipsis(), newaxis()}];
  /// see Index. Error if an index does not fit.
  Tensor operator[](std::initializer_list<Index> indices) const {
    return (*this)[std::span(indices.begin(), indices.size())];
  }
  /// A copy of the elements that the indices select, for a list of indices that is made at run time.
  Tensor operator[](std::span<const Index> indices) const;
  /// Writes the values, broadcast to the shape of x[indices], into the elements that the indices select (NumPy's
  /// x[...] = values). Error if the values do not broadcast to this shape or have another type.
  void assign(std::initializer_list<Index> indices, const Tensor& values);
  /// Writes one value into all elements that the indices select.
  void assign(std::initializer_list<Index> indices, double value) { assign(indices, scalar(value, dtype())); }

  /// The same elements in another shape. One extent may be -1; it is computed from the others. Shares storage. Error if
  /// the number of elements differs.
  Tensor reshaped(std::initializer_list<std::int64_t> extents) const;
  /// The same elements in the given shape. Shares storage. Error if the number of elements differs.
  Tensor reshaped(const Shape& shape) const;
  /// The elements converted to another type; the tensor itself if it already has this type. Error if the type is an
  /// integer type and a value is NaN or out of its range.
  Tensor to(DType dtype) const;
  /// A copy of the entries [begin, end) along the first axis.
  Tensor rows(std::int64_t begin, std::int64_t end) const;
  /// Whether both tensors use the same storage, so that writing to one of them would first copy it.
  bool shares_storage_with(const Tensor& other) const { return storage_ == other.storage_; }
  /// Whether no other tensor uses the storage, so that writing would not copy it.
  bool sole_owner() const;
  /// An uninitialized tensor of the same shape and type, for results that may overwrite their operand. If no other
  /// tensor uses the storage of this tensor, the result takes it, and this tensor no longer has it.
  Tensor replaced();

 private:
  /// An uninitialized tensor. Error unless `count` values fill the shape.
  static Tensor for_values(const Shape& shape, std::size_t count, DType dtype);
  void require_type(DType wanted) const;
  void make_unique();

  std::shared_ptr<Storage> storage_;
  void* data_ = nullptr;
  Shape shape_ = Shape::of_no_array();
  DType dtype_ = DType::float32;
};

/// The elements as NumPy prints them (see array_text), followed by type and shape: "[1.  2.5] float32 (2,)".
std::string to_string(const Tensor& tensor);
/// Writes to_string(tensor) to a stream.
std::ostream& operator<<(std::ostream& stream, const Tensor& tensor);

/// Whether shapes, types and all bits of the elements are equal.
bool identical(const Tensor& a, const Tensor& b);

}  // namespace xtape

template <>
struct fmt::formatter<xtape::Tensor> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const xtape::Tensor& tensor, Context& context) const {
    return fmt::formatter<std::string>::format(xtape::to_string(tensor), context);
  }
};
