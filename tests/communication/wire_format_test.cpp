// The 16-bit formats: all 65,536 values, and rounding against the definition in float64.
#include "framework/communication/wire_format.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

/// The value of a 16-bit number with this many bits of mantissa, from its definition.
double value_of(std::uint16_t half, int mantissa_bits) {
  const int exponent_bits = 15 - mantissa_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = half >> mantissa_bits & ((1 << exponent_bits) - 1), mantissa = half & ((1 << mantissa_bits) - 1);
  const double sign = half & 0x8000 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

struct Format {
  Wire wire;
  int mantissa_bits;
  std::uint16_t (*to)(float);
  float (*from)(std::uint16_t);
};

const Format formats[] = {{Wire::bfloat16, 7, to_bfloat16, from_bfloat16},
                          {Wire::float16, 10, to_float16, from_float16}};

}  // namespace

TEST_CASE("every 16-bit number converts to its value and back") {
  for (const Format& f : formats) {
    for (int i = 0; i < 65536; ++i) {
      const auto half = static_cast<std::uint16_t>(i);
      const float value = f.from(half);
      if (!same(value, value_of(half, f.mantissa_bits))) FAIL(to_string(f.wire) << " " << i << " gives " << value);
      if (std::isnan(value) ? !std::isnan(f.from(f.to(value))) : f.to(value) != half) FAIL(i << " does not come back");
    }
  }
}

TEST_CASE("numbers between two 16-bit numbers go to the nearer one, and to the even one from the middle") {
  for (const Format& f : formats) {
    const int infinity = ((1 << (15 - f.mantissa_bits)) - 1) << f.mantissa_bits;
    for (int i = 0; i < infinity; ++i) {
      const double low = value_of(static_cast<std::uint16_t>(i), f.mantissa_bits);
      // The largest finite number and the number that would follow it, from which on values become infinite.
      const double high = i + 1 < infinity ? value_of(static_cast<std::uint16_t>(i + 1), f.mantissa_bits)
                                           : 2 * low - value_of(static_cast<std::uint16_t>(i - 1), f.mantissa_bits);
      const auto middle = static_cast<float>((low + high) / 2);
      if (middle != (low + high) / 2) continue;  // float32 has none: the smallest bfloat16 numbers
      const int even = i % 2 == 0 ? i : i + 1;
      const bool right = f.to(middle) == even && f.to(-middle) == (even | 0x8000) &&
                         f.to(std::nextafter(middle, 0.0f)) == i &&
                         f.to(std::nextafter(middle, std::numeric_limits<float>::infinity())) == i + 1;
      if (!right) FAIL(to_string(f.wire) << " between " << i << " and the next one, " << middle);
    }
  }
}

TEST_CASE("NaN and infinity stay, zeros keep their sign") {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  // Its mantissa has only bits that 16-bit formats don't have; cut off it would be infinity.
  const auto small_nan = std::bit_cast<float>(std::uint32_t{0x7f800001});
  const Tensor x = Tensor::of({8}, std::vector<float>{infinity, -infinity, nan, -nan, small_nan, 0.0f, -0.0f, 1e30f});
  for (const Format& f : formats) {
    const std::vector<float> y = rounded(x, f.wire).to_vector<float>();
    CHECK(y[0] == infinity);
    CHECK(y[1] == -infinity);
    for (const std::size_t i : {2, 3, 4}) CHECK(std::isnan(y[i]));
    CHECK((y[5] == 0 && !std::signbit(y[5])));
    CHECK((y[6] == 0 && std::signbit(y[6])));
    CHECK((f.wire == Wire::float16 ? y[7] == infinity : std::abs(y[7] / 1e30f - 1) < 1.0f / 256));
  }
  CHECK(identical(rounded(x, Wire::full), x));
  CHECK(test::error_of([] { rounded(Tensor::zeros({2}, DType::float64), Wire::float16); }) ==
        "rounded: expected a float32 tensor, got float64");
}
