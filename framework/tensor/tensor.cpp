#include "framework/tensor/tensor.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>
#include <ostream>
#include <utility>
#include <variant>
#include <xtensor/xstorage.hpp>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/tensor/array_text.hpp"
#include "framework/tensor/size_text.hpp"
#include "framework/tensor/strided.hpp"

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
    // Allocates at least one element, so that a tensor without elements is defined, too.
    const auto n = static_cast<std::size_t>(std::max<std::int64_t>(shape.size(), 1));
    try {
      result.storage_ = std::make_shared<Storage>(Buffer<decltype(zero)>(n));
    } catch (const std::bad_alloc&) {
      throw OutOfMemory(fmt::format("Tensor: expected memory for {} of {} ({}), got none from the system", shape, dtype,
                                    bytes_text(static_cast<double>(n) * sizeof zero)));
    }
  });
  result.data_ = result.storage_->data();
  return result;
}

namespace {

/// Converts a value to T. A fraction is truncated if T is an integer type. Error if T is an integer type and the value
/// is NaN or out of its range.
template <class T, class Source>
T converted(Source value) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, Source>) {
    const auto v = static_cast<double>(value);
    const double most = std::ldexp(1.0, std::numeric_limits<T>::digits);  // the largest value plus 1
    constexpr auto least = static_cast<double>(std::numeric_limits<T>::min());
    check((v > least - 1 || v == least) && v < most,  // for int64, least - 1 is rounded to least
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

Tensor Tensor::for_values(const Shape& shape, std::size_t count, DType dtype) {
  check(static_cast<std::int64_t>(count) == shape.size(), "Tensor::of: expected {} values for shape {}, got {}",
        shape.size(), shape, count);
  return empty(shape, dtype);
}

Tensor Tensor::of(const Shape& shape, const std::vector<double>& values, DType dtype) {
  Tensor result = for_values(shape, values.size(), dtype);
  with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    std::ranges::transform(values, result.mutable_data<T>(), [](double value) { return converted<T>(value); });
  });
  return result;
}

namespace {

/// The numbers f(0), f(1), ..., converted to the type.
template <class F>
Tensor generated(std::int64_t count, DType dtype, F f) {
  Tensor numbers = Tensor::empty({count}, DType::float64);
  auto* values = numbers.mutable_data<double>();
  for (std::int64_t i = 0; i < count; ++i) values[i] = f(i);
  return dtype == DType::float64 ? numbers : Tensor::of({count}, numbers.to_vector(), dtype);
}

}  // namespace

Tensor Tensor::arange(double begin, double end, double step, DType dtype) {
  check(std::isfinite(begin) && std::isfinite(end) && std::isfinite(step) && step != 0,
        "Tensor::arange: expected finite numbers and a step other than 0, got ({}, {}, {})", begin, end, step);
  const double count = std::max(0.0, std::ceil((end - begin) / step));
  check(count < 0x1p62, "Tensor::arange: expected less than 2^62 numbers, got {}", count);
  return generated(static_cast<std::int64_t>(count), dtype,
                   [=](std::int64_t i) { return begin + static_cast<double>(i) * step; });
}

Tensor Tensor::linspace(double begin, double end, std::int64_t count, DType dtype) {
  check(count >= 0, "Tensor::linspace: expected a count of 0 or more, got {}", count);
  const auto last = static_cast<double>(std::max<std::int64_t>(count - 1, 1));
  return generated(count, dtype, [=](std::int64_t i) { return std::lerp(begin, end, static_cast<double>(i) / last); });
}

Tensor Tensor::eye(std::int64_t n, DType dtype) {
  check(n >= 0, "Tensor::eye: expected 0 rows or more, got {}", n);
  Tensor result = zeros({n, n}, dtype);
  with_type(dtype, [&](auto zero) {
    auto* const values = result.mutable_data<decltype(zero)>();
    for (std::int64_t i = 0; i < n; ++i) values[i * n + i] = 1;
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

Tensor Tensor::operator[](std::span<const Index> indices) const {
  check(defined(), "index: expected an array, got an undefined tensor (was it moved from, or never assigned?)");
  return gather(*this, indexed_view(shape_, indices));
}

void Tensor::assign(std::initializer_list<Index> indices, const Tensor& values) {
  check(defined() && values.defined(), "Tensor::assign: expected two arrays, got shapes {} and {}", shape_,
        values.shape());
  check(values.dtype() == dtype_, "Tensor::assign: expected values of {}, got {}; convert with .to()", dtype_,
        values.dtype());
  const StridedView view = indexed_view(shape_, std::span(indices.begin(), indices.size()));
  scatter(gather(values, StridedView::repeated("Tensor::assign", values.shape(), view.shape)), view, *this);
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
  std::atomic_thread_fence(std::memory_order_acquire);  // reads by the last other owner happen before later writes
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

std::string to_string(const Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  const std::string elements =
      with_type(tensor.dtype(), [&](auto zero) { return array_text(tensor.data<decltype(zero)>(), tensor.shape()); });
  return fmt::format("{} {} {}", elements, tensor.dtype(), tensor.shape());
}

std::ostream& operator<<(std::ostream& stream, const Tensor& tensor) { return stream << to_string(tensor); }

}  // namespace xtape
