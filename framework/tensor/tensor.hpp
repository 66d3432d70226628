// Tensor: an array with shape, element type and shared storage; the value that everything above passes around.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "framework/tensor/dtype.hpp"
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
  /// From values in row-major order; Error unless there are shape.size() of them and they fit the type.
  static Tensor of(const Shape& shape, const std::vector<double>& values, DType dtype = DType::float32);
  /// A vector of int64, for class labels.
  static Tensor labels(const std::vector<std::int64_t>& values);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  std::int64_t dim(int axis) const { return shape_[axis]; }
  int rank() const { return shape_.rank(); }
  std::int64_t size() const { return shape_.size(); }
  DType dtype() const { return dtype_; }
  std::int64_t size_in_bytes() const;

  /// The elements in row-major order. Error unless T is the element type.
  template <class T>
  const T* data() const {
    require_type(dtype_of<T>);
    return static_cast<const T*>(data_);
  }
  /// For writing; copies the storage first when it is shared. Valid until the tensor is copied, given away or assigned.
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
  /// All elements in row-major order.
  std::vector<double> to_vector() const;

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
  void require_type(DType wanted) const;
  void make_unique();

  std::shared_ptr<Storage> storage_;
  void* data_ = nullptr;
  Shape shape_ = Shape::of_no_array();
  DType dtype_ = DType::float32;
};

/// Shape, type and elements, like NumPy's repr with long axes shortened.
std::string to_string(const Tensor& tensor);

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
