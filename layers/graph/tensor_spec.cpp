#include "layers/graph/tensor_spec.hpp"

namespace xtape {
namespace {

std::string extents_text(const PartialShape& shape) {
  std::vector<std::string> texts;
  for (const Extent extent : shape) texts.push_back(to_string(extent));
  return fmt::format("{}", fmt::join(texts, ", "));
}

template <class F>
Extent computed(Extent a, Extent b, const F& f) {
  if (!a.known() || !b.known()) return any;
  std::int64_t result = 0;
  check(!f(a.value(), b.value(), &result), "Extent: expected extents below 2^63, got {} and {}", a, b);
  return result;
}

}  // namespace

void Extent::reject(std::int64_t extent) { fail("Extent: expected 0 or more, got {}", extent); }

std::int64_t Extent::value() const {
  check(known(), "Extent: expected a known extent, got None; give Input this extent");
  return extent_;
}

std::string to_string(Extent extent) { return extent.known() ? std::to_string(extent.value()) : "None"; }

Extent operator+(Extent a, Extent b) {
  return computed(a, b, [](auto x, auto y, auto* result) { return __builtin_add_overflow(x, y, result); });
}
Extent operator-(Extent a, Extent b) {
  return computed(a, b, [](auto x, auto y, auto* result) { return __builtin_sub_overflow(x, y, result); });
}
Extent operator*(Extent a, Extent b) {
  return computed(a, b, [](auto x, auto y, auto* result) { return __builtin_mul_overflow(x, y, result); });
}
Extent operator/(Extent a, Extent b) {
  check(b != 0, "Extent: expected a divisor above 0, got 0");
  return computed(a, b, [](auto x, auto y, auto* result) {
    *result = x / y;
    return false;
  });
}

PartialShape::PartialShape(std::vector<Extent> extents) : extents_(std::move(extents)) {
  std::vector<std::int64_t> all_known;
  for (const Extent extent : extents_) all_known.push_back(extent.known() ? extent.value() : 1);
  static_cast<void>(Shape(all_known));  // throws the errors of Shape
}

PartialShape::PartialShape(const Shape& shape) : extents_(shape.begin(), shape.end()) {}

Extent PartialShape::size() const {
  Extent size = 1;
  for (const Extent extent : extents_) {
    if (extent == 0) return 0;
    size = size * extent;
  }
  return size;
}

std::size_t PartialShape::place(int axis) const {
  const int normalized = axis < 0 ? axis + rank() : axis;
  check(normalized >= 0 && normalized < rank(), "PartialShape: expected an axis in [{}, {}), got {} for shape {}",
        -rank(), rank(), axis, *this);
  return static_cast<std::size_t>(normalized);
}

Extent PartialShape::operator[](int axis) const { return extents_[place(axis)]; }

bool PartialShape::known() const { return std::ranges::all_of(extents_, &Extent::known); }

PartialShape::operator Shape() const {
  check(known(), "PartialShape: expected a shape of which all extents are known, got {}", *this);
  std::vector<std::int64_t> extents;
  for (const Extent extent : extents_) extents.push_back(extent.value());
  return Shape(extents);
}

bool PartialShape::matches(const PartialShape& shape) const {
  return std::ranges::equal(extents_, shape.extents_,
                            [](Extent own, Extent its) { return !own.known() || own == its; });
}

PartialShape PartialShape::prepended(Extent extent) const {
  std::vector<Extent> extents{extent};
  extents.insert(extents.end(), begin(), end());
  return PartialShape(std::move(extents));
}

PartialShape PartialShape::replaced(int axis, Extent extent) const {
  std::vector<Extent> extents = extents_;
  extents[place(axis)] = extent;
  return PartialShape(std::move(extents));
}

PartialShape PartialShape::without(int axis) const {
  std::vector<Extent> extents = extents_;
  extents.erase(extents.begin() + static_cast<std::ptrdiff_t>(place(axis)));
  return PartialShape(std::move(extents));
}

std::string to_string(const PartialShape& shape) {
  return fmt::format("({}{})", extents_text(shape), shape.rank() == 1 ? "," : "");
}

std::string batch_shape_text(const PartialShape& sample) {
  return fmt::format("(None{}{})", sample.rank() > 0 ? ", " : "", extents_text(sample));
}

std::string to_string(const TensorSpec& spec) {
  const std::string type = spec.dtype == DType::float32 ? "" : fmt::format("{} ", spec.dtype);
  return type + batch_shape_text(spec.shape);
}

std::string to_string(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> texts;
  for (const TensorSpec& spec : specs) texts.push_back(to_string(spec));
  return texts.empty() ? "no input" : fmt::format("{}", fmt::join(texts, " and "));
}

}  // namespace xtape
