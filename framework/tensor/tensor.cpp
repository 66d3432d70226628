#include "framework/tensor/tensor.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>
#include <utility>
#include <variant>
#include <xtensor/xstorage.hpp>

#include "framework/kernels/memory_pool.hpp"
#include "framework/tensor/size_text.hpp"

namespace xtape {

template <class T>
using Buffer = xt::uvector<T, kernels::PoolAllocator<T>>;

class Storage {
 public:
  template <class T>
  explicit Storage(Buffer<T> buffer) : buffer_(std::move(buffer)) {}
  void* data() {
    return std::visit([](auto& buffer) { return static_cast<void*>(buffer.data()); }, buffer_);
  }

 private:
  std::variant<Buffer<float>, Buffer<double>, Buffer<std::int64_t>, Buffer<std::uint8_t>> buffer_;
};

Tensor Tensor::empty(const Shape& shape, DType dtype) {
  Tensor result;
  result.shape_ = shape;
  result.dtype_ = dtype;
  with_type(dtype, [&](auto zero) {
    // one element at least, so that an empty tensor is still defined
    const auto n = static_cast<std::size_t>(std::max<std::int64_t>(shape.size(), 1));
    try {
      result.storage_ = std::make_shared<Storage>(Buffer<decltype(zero)>(n));
    } catch (const std::bad_alloc&) {
      fail("Tensor: expected memory for {} of {} ({}), got none from the system", shape, dtype,
           bytes_text(static_cast<double>(n) * sizeof zero));
    }
  });
  result.data_ = result.storage_->data();
  return result;
}

namespace {

/// The value as a T; Error when T is an integer type that cannot hold it, NaN included.
template <class T, class Source>
T converted(Source value) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, Source>) {
    const auto v = static_cast<double>(value);
    const double most = std::ldexp(1.0, std::numeric_limits<T>::digits);  // one more than the largest
    check(v > static_cast<double>(std::numeric_limits<T>::min()) - 1 && v < most,
          "Tensor: expected values that fit {}, got {}", dtype_of<T>, value);
  }
  return static_cast<T>(value);
}

}  // namespace

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor result = empty(shape, dtype);
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    std::fill_n(result.mutable_data<T>(), result.size(), converted<T>(value));
  });
  return result;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) { return full(shape, 0, dtype); }
Tensor Tensor::ones(const Shape& shape, DType dtype) { return full(shape, 1, dtype); }
Tensor Tensor::scalar(double value, DType dtype) { return full({}, value, dtype); }

Tensor Tensor::of(const Shape& shape, const std::vector<double>& values, DType dtype) {
  check(static_cast<std::int64_t>(values.size()) == shape.size(), "Tensor::of: expected {} values for shape {}, got {}",
        shape.size(), shape, values.size());
  Tensor result = empty(shape, dtype);
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    std::ranges::transform(values, result.mutable_data<T>(), [](double value) { return converted<T>(value); });
  });
  return result;
}

Tensor Tensor::labels(const std::vector<std::int64_t>& values) {
  Tensor result = empty({static_cast<std::int64_t>(values.size())}, DType::int64);
  std::ranges::copy(values, result.mutable_data<std::int64_t>());
  return result;
}

std::int64_t Tensor::size_in_bytes() const {
  return with_type(dtype_, [&](auto zero) { return size() * static_cast<std::int64_t>(sizeof zero); });
}

double Tensor::item() const {
  check(defined() && size() == 1, "Tensor::item: expected one element, got shape {}", shape_);
  return with_type(dtype_, [&](auto zero) { return static_cast<double>(*data<decltype(zero)>()); });
}

double Tensor::at(std::initializer_list<std::int64_t> index) const {
  check(defined(), "Tensor::at: expected an array, got an undefined tensor (was it moved from, or never assigned?)");
  check(static_cast<int>(index.size()) == rank(), "Tensor::at: expected {} indices for shape {}, got {}", rank(),
        shape_, index.size());
  std::int64_t offset = 0;
  int axis = 0;
  for (const std::int64_t i : index) {
    check(i >= 0 && i < dim(axis), "Tensor::at: expected an index in [0, {}) for axis {} of {}, got {}", dim(axis),
          axis, shape_, i);
    offset = offset * dim(axis++) + i;
  }
  return with_type(dtype_, [&](auto zero) { return static_cast<double>(data<decltype(zero)>()[offset]); });
}

std::vector<double> Tensor::to_vector() const {
  return with_type(dtype_, [&](auto zero) {
    const auto* values = data<decltype(zero)>();
    return std::vector<double>(values, values + size());
  });
}

Tensor Tensor::reshaped(const Shape& shape) const {
  check(defined(), "reshape: expected an array, got an undefined tensor (was it moved from, or never assigned?)");
  check(shape.size() == size(), "reshape: expected as many elements as {} has ({}), got shape {}", shape_, size(),
        shape);
  Tensor result = *this;
  result.shape_ = shape;
  return result;
}

Tensor Tensor::reshaped(std::initializer_list<std::int64_t> extents) const {
  std::vector<std::int64_t> wanted(extents);
  check(defined(), "reshape: expected an array, got an undefined tensor (was it moved from, or never assigned?)");
  check(std::ranges::count(wanted, -1) <= 1 && std::ranges::all_of(wanted, [](auto n) { return n >= -1; }),
        "reshape: expected extents of 0 or more, one of which may be -1, got ({})", fmt::join(extents, ", "));
  const auto open = std::ranges::find(wanted, -1);
  if (open != wanted.end()) {
    *open = 1;
    const std::int64_t rest = Shape(wanted).size();
    check(rest > 0 && size() % rest == 0, "reshape: expected extents that divide the {} elements of {}, got ({})",
          size(), shape_, fmt::join(extents, ", "));
    *open = size() / rest;
  }
  return reshaped(Shape(wanted));
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_ && defined()) return *this;
  Tensor result = empty(shape_, dtype);
  with_type(dtype_, [&](auto source_zero) {
    with_type(dtype, [&](auto target_zero) {
      using Source = decltype(source_zero);
      using Target = decltype(target_zero);
      const Source* source = data<Source>();
      std::transform(source, source + size(), result.mutable_data<Target>(),
                     [](Source value) { return converted<Target>(value); });
    });
  });
  return result;
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  check(rank() >= 1, "Tensor::rows: expected a tensor with at least one axis, got shape {}", shape_);
  check(0 <= begin && begin <= end && end <= dim(0),
        "Tensor::rows: expected 0 <= begin <= end <= {}, the first extent of {}, got [{}, {})", dim(0), shape_, begin,
        end);
  Tensor result = empty(shape_.replaced(0, end - begin), dtype_);
  with_type(dtype_, [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t row = dim(0) == 0 ? 0 : size() / dim(0);
    std::copy(data<T>() + begin * row, data<T>() + end * row, result.mutable_data<T>());
  });
  return result;
}

void Tensor::require_type(DType wanted) const {
  check(defined(), "Tensor: expected an array, got an undefined tensor (was it moved from, or never assigned?)");
  check(dtype_ == wanted, "Tensor: expected elements of {}, got {} of shape {}; convert with .to()", wanted, dtype_,
        shape_);
}

bool Tensor::sole_owner() const {
  if (storage_.use_count() != 1) return false;
  std::atomic_thread_fence(std::memory_order_acquire);  // what the last other owner read lies before what comes now
  return true;
}

Tensor Tensor::replaced() { return sole_owner() ? std::exchange(*this, Tensor()) : empty(shape_, dtype_); }

void Tensor::make_unique() {
  if (sole_owner()) return;
  Tensor copy = empty(shape_, dtype_);
  std::memcpy(copy.data_, data_, static_cast<std::size_t>(size_in_bytes()));
  *this = std::move(copy);
}

bool identical(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined() || a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  if (!a.defined()) return true;
  return with_type(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return std::memcmp(a.data<T>(), b.data<T>(), static_cast<std::size_t>(a.size_in_bytes())) == 0;
  });
}

namespace {

/// Elements of one axis and those inside it, at most six an axis: the first three and the last three.
std::string elements_text(const std::vector<double>& values, const Shape& shape, int axis, std::size_t offset,
                          int digits) {
  if (axis == shape.rank()) return fmt::format("{:.{}g}", values[offset], digits);
  std::size_t stride = 1;
  for (int i = axis + 1; i < shape.rank(); ++i) stride *= static_cast<std::size_t>(shape[i]);
  std::string text = "[";
  const std::int64_t extent = shape[axis];
  for (std::int64_t i = 0; i < extent; ++i) {
    if (i > 0) text += axis == shape.rank() - 1 ? ", " : ",\n" + std::string(static_cast<std::size_t>(axis) + 1, ' ');
    if (extent > 6 && i == 3) {
      text += axis == shape.rank() - 1 ? "..., " : "...,\n" + std::string(static_cast<std::size_t>(axis) + 1, ' ');
      i = extent - 3;
    }
    text += elements_text(values, shape, axis + 1, offset + static_cast<std::size_t>(i) * stride, digits);
  }
  return text + "]";
}

}  // namespace

std::string to_string(const Tensor& tensor) {
  if (!tensor.defined()) return "Tensor(undefined)";
  return fmt::format("Tensor{} {}\n{}", tensor.shape(), tensor.dtype(),
                     elements_text(tensor.to_vector(), tensor.shape(), 0, 0, is_floating(tensor.dtype()) ? 6 : 19));
}

}  // namespace xtape
