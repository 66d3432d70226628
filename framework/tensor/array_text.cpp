#include "framework/tensor/array_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>

namespace xtape {
namespace {

constexpr std::int64_t most_elements = 1000, edge = 3;
constexpr std::size_t most_digits = 8, line_width = 75;

/// A number in three parts, such as "-12", ".5" and "e+02" for "-12.5e+02". `whole` contains the whole text of
/// integers, infinities and NaN.
struct Number {
  std::string whole, fraction, exponent;
};

template <class T>
std::string digits_of(T value, std::chars_format format, std::optional<int> precision = std::nullopt) {
  std::array<char, 512> text;  // the largest double has 309 digits
  char* const end = text.data() + text.size();
  const auto result = precision ? std::to_chars(text.data(), end, value, format, *precision)
                                : std::to_chars(text.data(), end, value, format);
  return {text.data(), result.ptr};
}

/// Formats a value with the fewest digits that identify it, but at most most_digits digits behind the point, without
/// trailing zeros.
template <class T>
Number number_of(T value, bool scientific) {
  if (!std::isfinite(value)) return {std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf", "", ""};
  const auto format = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  const auto split = [](std::string text) {
    Number number;
    const std::size_t exponent = std::min(text.find('e'), text.size());
    number.exponent = text.substr(exponent);
    text.resize(exponent);
    const std::size_t point = std::min(text.find('.'), text.size());
    number.whole = text.substr(0, point);
    number.fraction = point == text.size() ? "." : text.substr(point);
    return number;
  };
  Number number = split(digits_of(value, format));
  if (number.fraction.size() > most_digits + 1) {
    number = split(digits_of(value, format, static_cast<int>(most_digits)));
    number.fraction.erase(number.fraction.find_last_not_of('0') + 1);
  }
  return number;
}

Number number_of(std::int64_t value, bool /*scientific*/) { return {std::to_string(value), "", ""}; }
Number number_of(std::uint8_t value, bool /*scientific*/) { return {std::to_string(value), "", ""}; }

/// Writes an array. Two loops over the elements that are shown determine their common format; then they are written.
template <class T>
class Writer {
 public:
  Writer(const T* values, const Shape& shape) : values_(values), shape_(shape) {
    for (int axis = shape.rank(); axis-- > 0;) {
      sizes_[static_cast<std::size_t>(axis)] = size_;
      size_ *= shape[axis];
    }
    visit(0, 0, [this](const T& value) { measure(value); });
    if constexpr (std::is_floating_point_v<T>) {
      scientific_ = largest_ >= 1e8 || smallest_ < 1e-4 || largest_ / smallest_ > 1000;
    }
    visit(0, 0, [this](const T& value) { widen(number_of(value, scientific_)); });
  }

  std::string text() {
    if (size_ == 0) return "[]";
    write(0, 0);
    return std::move(text_);
  }

 private:
  std::int64_t inner(int axis) const { return sizes_[static_cast<std::size_t>(axis)]; }

  /// Calls f(i) for the positions i that are shown along an axis. Before each one except the first, calls between(gap),
  /// where gap is true if positions are omitted there.
  template <class F, class Between>
  void along(int axis, F f, Between between) const {
    const std::int64_t extent = shape_[axis];
    const bool shortened = size_ > most_elements && extent > 2 * edge;
    for (std::int64_t i = 0; i < extent; ++i) {
      if (i > 0) between(shortened && i == edge);
      if (shortened && i == edge) i = extent - edge;
      f(i);
    }
  }

  template <class F>
  void visit(int axis, std::int64_t offset, F f) const {
    if (axis == shape_.rank()) return f(values_[offset]);
    along(
        axis, [&](std::int64_t i) { visit(axis + 1, offset + i * inner(axis), f); }, [](bool) {});
  }

  void measure(const T& value) {
    const double size = std::abs(static_cast<double>(value));
    if (!std::isfinite(size) || size == 0) return;
    largest_ = std::max(largest_, size);
    smallest_ = std::min(smallest_, size);
  }

  void widen(const Number& number) {
    if (number.fraction.empty()) {
      widest_ = std::max(widest_, number.whole.size());
      return;
    }
    whole_ = std::max(whole_, number.whole.size());
    fraction_ = std::max(fraction_, number.fraction.size());
    exponent_ = std::max(exponent_, number.exponent.size());
  }

  std::size_t width() const { return std::max(widest_, whole_ + fraction_ + exponent_); }

  std::string element(const T& value) const {
    Number number = number_of(value, scientific_);
    if (!number.fraction.empty()) number.fraction.resize(fraction_, scientific_ ? '0' : ' ');
    const std::string text = number.whole + number.fraction + number.exponent;
    return std::string(width() - text.size(), ' ') + text;
  }

  void write(int axis, std::int64_t offset) {
    if (axis == shape_.rank()) {
      text_ += element(values_[offset]);
      return;
    }
    const bool last = axis == shape_.rank() - 1;
    const std::string indent(static_cast<std::size_t>(axis) + 1, ' ');
    text_ += '[';
    std::size_t line = text_.rfind('\n') + 1;  // start of the line; 0 in the first one, because npos + 1 is 0
    const std::size_t room = line_width - static_cast<std::size_t>(axis);  // for numbers before all closing brackets
    const auto begin = [&](std::size_t wanted) {
      if (text_.size() - line + 1 + wanted < room) {
        text_ += ' ';
      } else {
        text_ += '\n' + indent;
        line = text_.size() - indent.size();
      }
    };
    bool first = true;
    along(
        axis,
        [&](std::int64_t i) {
          if (last && !first) begin(width());
          first = false;
          write(axis + 1, offset + i * inner(axis));
        },
        [&](bool gap) {
          if (last) {
            if (gap) begin(3), text_ += "...";
            return;
          }
          const std::string rows(static_cast<std::size_t>(shape_.rank() - axis - 1), '\n');
          text_ += rows + indent;
          if (gap) text_ += "..." + rows + indent;
        });
    text_ += ']';
  }

  const T* values_;
  const Shape& shape_;
  std::array<std::int64_t, Shape::max_rank> sizes_{};  // strides of the axes, in elements
  std::int64_t size_ = 1;
  double largest_ = 0, smallest_ = std::numeric_limits<double>::infinity();
  bool scientific_ = false;
  std::size_t whole_ = 0, fraction_ = 0, exponent_ = 0, widest_ = 0;
  std::string text_;
};

}  // namespace

template <class T>
std::string array_text(const T* values, const Shape& shape) {
  return Writer<T>(values, shape).text();
}

template std::string array_text(const float* values, const Shape& shape);
template std::string array_text(const double* values, const Shape& shape);
template std::string array_text(const std::int64_t* values, const Shape& shape);
template std::string array_text(const std::uint8_t* values, const Shape& shape);

}  // namespace xtape
