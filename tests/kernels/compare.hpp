// Comparison of the result of a kernel with its reference.
#pragma once

#include <fmt/format.h>
#include <set>
#include <string>
#include <vector>

#include "framework/kernels/threads/parallel.hpp"
#include "framework/tensor/random.hpp"
#include "tests/reference/exact.hpp"

namespace xtape::test {

/// Memory for a kernel. It is not aligned, is filled with NaN, and has guard values around it to detect writes outside.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::int64_t size, T fill = std::numeric_limits<T>::quiet_NaN())
      : memory_(static_cast<std::size_t>(size + 2 * margin), guard) {
    std::fill_n(data(), size, fill);
  }
  explicit Guarded(const Tensor& values) : Guarded(values.size()) {
    std::copy_n(values.data<T>(), values.size(), data());
  }
  T* data() { return memory_.data() + margin; }
  const T* data() const { return memory_.data() + margin; }
  std::int64_t size() const { return static_cast<std::int64_t>(memory_.size()) - 2 * margin; }
  bool intact() const {
    const auto untouched = [](T value) { return value == guard; };
    return std::all_of(memory_.begin(), memory_.begin() + margin, untouched) &&
           std::all_of(memory_.end() - margin, memory_.end(), untouched);
  }
  friend bool operator==(const Guarded& a, const Guarded& b) { return a.memory_ == b.memory_; }

 private:
  static constexpr std::int64_t margin = 13;
  static constexpr T guard = 12345;
  std::vector<T> memory_;
};

/// Random normal numbers of type T.
template <class T>
Guarded<T> drawn(RandomStream& random, std::int64_t size, double mean = 0) {
  return Guarded<T>(random.normal({size}, mean, 1, dtype_of<T>));
}

/// The indices of the elements to compare: all if there are at most `all_up_to`; otherwise the corners, `count` random
/// elements, and as many random elements of the faces, where an index is the first or the last along an axis.
inline std::vector<std::int64_t> sampled(const Shape& shape, std::int64_t all_up_to = 2000, std::int64_t count = 300) {
  std::vector<std::int64_t> chosen;
  if (shape.size() <= all_up_to) {
    for (std::int64_t i = 0; i < shape.size(); ++i) chosen.push_back(i);
    return chosen;
  }
  const auto strides = contiguous_strides(shape);
  std::set<std::int64_t> unique;
  for (int corner = 0; corner < 1 << shape.rank(); ++corner) {
    std::int64_t index = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (corner >> axis & 1) index += (shape[axis] - 1) * strides[static_cast<std::size_t>(axis)];
    }
    unique.insert(index);
  }
  const Tensor draws = RandomStream(17, 0).uniform({2 * count}, 0, 1, DType::float64);
  for (std::int64_t i = 0; i < 2 * count; ++i) {
    auto index = static_cast<std::int64_t>(draws.data<double>()[i] * static_cast<double>(shape.size()));
    index = std::min(index, shape.size() - 1);
    if (i < count) {  // onto a face of each axis in turn, at its begin or its end
      const auto axis = static_cast<int>(i) % shape.rank();
      const std::int64_t stride = strides[static_cast<std::size_t>(axis)];
      index -= index / stride % shape[axis] * stride;
      if (i / shape.rank() % 2 == 1) index += (shape[axis] - 1) * stride;
    }
    unique.insert(index);
  }
  return {unique.begin(), unique.end()};
}

/// A description of the worst wrong element of an array; empty if there is none. `exact` returns the reference::Exact
/// of an element, `tolerance` its largest permitted error.
template <class T, class Element, class Tolerance>
std::string disagreement(const T* got, const std::vector<std::int64_t>& elements, Element exact, Tolerance tolerance) {
  std::int64_t wrong = 0;
  double worst = -1;
  std::string text;
  for (const std::int64_t i : elements) {
    const reference::Exact wanted = exact(i);
    const double off = std::abs(static_cast<double>(static_cast<long double>(got[i]) - wanted.value));
    const double most = tolerance(wanted);
    if (off <= most) continue;
    ++wrong;
    const double badness = std::isfinite(off) ? off / std::max(most, 1e-300) : HUGE_VAL;
    if (badness <= worst) continue;
    worst = badness;
    text = fmt::format("element {}: expected {:.17g} +- {:.2g}, got {:.17g}, off by {:.2g}", i,
                       static_cast<double>(wanted.value), most, static_cast<double>(got[i]), off);
  }
  return wrong == 0 ? "" : fmt::format("{} of {} wrong; {}", wrong, elements.size(), text);
}

template <class T, class Element>
std::string disagreement(const Guarded<T>& got, const std::vector<std::int64_t>& elements, Element exact,
                         double (*tolerance)(const reference::Exact&) = reference::allowed<T>) {
  if (!got.intact()) return "written outside of the array";
  return disagreement<T>(got.data(), elements, exact, tolerance);
}

}  // namespace xtape::test
