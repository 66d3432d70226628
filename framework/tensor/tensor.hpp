// Tensor: an array with shape, element type and shared storage; the value that everything above passes around.
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

/// A dense row-major array. Copies share storage and are cheap; writing through one copy leaves the others as they are
/// (copy on write). Storage is an xtensor container in the memory pool, 64-byte aligned; see xarray.hpp for views.
class Tensor {
 public:
  /// No array at all: defined() is false, the shape is that of no array, whoever reads elements throws Error.
  Tensor() = default;

  static Tensor zeros(const Shape& shape, DType dtype = DType::float32);
  static Tensor ones(const Shape& shape, DType dtype = DType::float32);
  static Tensor full(const Shape& shape, double value, DType dtype = DType::float32);
  static Tensor scalar(double value, DType dtype = DType::float32);
  /// Not initialized: for kernels that write every element. Error when the system has no memory for it.
  static Tensor empty(const Shape& shape, DType dtype);
  /// From numbers in row-major order, converted to the type. Error unless there are shape.size() of them and they fit
  /// it.
  static Tensor of(const Shape& shape, const std::vector<double>& values, DType dtype = DType::float32);
  /// From an array in memory that keeps its element type: std::span, std::array, std::vector of all types but double,
  /// whose numbers are converted as above. Error unless there are shape.size() of them.
  template <std::ranges::contiguous_range Values>
  requires(has_dtype<std::ranges::range_value_t<Values>>) static Tensor of(const Shape& shape, const Values& values) {
    using T = std::ranges::range_value_t<Values>;
    Tensor result = for_values(shape, std::ranges::size(values), dtype_of<T>);
    std::ranges::copy(values, result.mutable_data<T>());
    return result;
  }
  /// begin, begin + step, ... before end: ceil((end - begin) / step) numbers, none when that is negative (NumPy's
  /// arange). Error unless they are finite, step is not 0 and they fit the type.
  static Tensor arange(double begin, double end, double step = 1, DType dtype = DType::float32);
  /// `count` numbers at equal distances, the first of which is begin, the last end (NumPy's linspace). Error when count
  /// is negative.
  static Tensor linspace(double begin, double end, std::int64_t count, DType dtype = DType::float32);
  /// The identity matrix (n, n). Error when n is negative.
  static Tensor eye(std::int64_t n, DType dtype = DType::float32);
  /// A vector of int64, for class labels.
  static Tensor labels(const std::vector<std::int64_t>& values);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  std::int64_t dim(int axis) const { return shape_[axis]; }
  int rank() const { return shape_.rank(); }
  std::int64_t size() const { return shape_.size(); }
  DType dtype() const { return dtype_; }
  std::int64_t size_in_bytes() const;

  /// The elements in row-major order, valid as long as a tensor holds them. Error unless T is the element type.
  template <class T>
  const T* data() const {
    require_type(dtype_of<T>);
    return static_cast<const T*>(data_);
  }
  /// The same for writing; takes a copy of its own first when the storage is shared. Valid until the tensor is copied,
  /// given away or assigned to: from then on others may read the elements.
  template <class T>
  T* mutable_data() {
    require_type(dtype_of<T>);
    make_unique();
    return static_cast<T*>(data_);
  }

  /// The value of a one-element tensor; Error for any other.
  double item() const;
  /// One element by its index, e.g. at({2, 0, 1}). Error when out of range.
  double at(std::initializer_list<std::int64_t> index) const;
  /// All elements in row-major order, converted to T. Error when one does not fit it.
  template <class T = double>
  std::vector<T> to_vector() const {
    const Tensor converted = to(dtype_of<T>);
    return {converted.data<T>(), converted.data<T>() + size()};
  }

  /// What the indices choose, as NumPy's x[...], as a copy: x[2], x[-1], x[{all(), 0}], x[{{1, 4}, ellipsis(),
  /// newaxis()}]. Error when an index does not fit; see Index.
  Tensor operator[](std::int64_t index) const { return (*this)[{Index(index)}]; }
  Tensor operator[](std::initializer_list<Index> indices) const {
    return (*this)[std::span(indices.begin(), indices.size())];
  }
  Tensor operator[](std::span<const Index> indices) const;
  /// Writes the values, broadcast to the shape of x[indices], into the elements that the indices choose: NumPy's
  /// x[...] = values. Error when they do not broadcast to it or are of another type.
  void assign(std::initializer_list<Index> indices, const Tensor& values);
  void assign(std::initializer_list<Index> indices, double value) { assign(indices, scalar(value, dtype())); }

  /// The same elements under another shape; one extent may be -1 and is computed. Shares storage.
  Tensor reshaped(std::initializer_list<std::int64_t> extents) const;
  Tensor reshaped(const Shape& shape) const;
  /// Converted to another element type; itself when it has it already. Error when a value does not fit an integer type.
  Tensor to(DType dtype) const;
  /// Elements [begin, end) along the first axis, as a copy.
  Tensor rows(std::int64_t begin, std::int64_t end) const;
  /// Whether both are the same storage, so that writing to one would first copy.
  bool shares_storage_with(const Tensor& other) const { return storage_ == other.storage_; }
  /// Whether nobody else holds the storage, so that writing would not first copy.
  bool sole_owner() const;
  /// An uninitialized tensor like this one; in this one's storage, which then is no longer this one's, if nobody else
  /// holds it. For results that take the place of what they are computed from.
  Tensor replaced();

 private:
  /// Not initialized; Error unless `count` values fill the shape.
  static Tensor for_values(const Shape& shape, std::size_t count, DType dtype);
  void require_type(DType wanted) const;
  void make_unique();

  std::shared_ptr<Storage> storage_;
  void* data_ = nullptr;
  Shape shape_ = Shape::of_no_array();
  DType dtype_ = DType::float32;
};

/// The elements as NumPy prints them (see array_text), type and shape: "[1.  2.5] float32 (2,)".
std::string to_string(const Tensor& tensor);
std::ostream& operator<<(std::ostream& stream, const Tensor& tensor);

/// Whether shapes, types and all bits of the elements agree.
bool identical(const Tensor& a, const Tensor& b);

}  // namespace xtape

template <>
struct fmt::formatter<xtape::Tensor> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const xtape::Tensor& tensor, Context& context) const {
    return fmt::formatter<std::string>::format(xtape::to_string(tensor), context);
  }
};
