// Engine::measure, for sizes on both sides of the constants by which simd/sizes.hpp divides its work: the lanes of a
// vector, and 4 to 64 rows at a time (most_rows) with 2048 values (values_at_once).
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/simd/instruction_set.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

template <class T>
kernels::SizeBits<T> size_of(T x) {
  return std::bit_cast<kernels::SizeBits<T>>(std::abs(x));
}

template <class T>
void check_measure(const kernels::Engine<T>& engine, std::int64_t rows, std::int64_t columns) {
  using B = kernels::SizeBits<T>;
  CAPTURE(rows, columns);
  const auto n = static_cast<std::size_t>(rows * columns), width = static_cast<std::size_t>(columns);
  std::vector<T> x(n + 1);
  const Tensor random = RandomStream(static_cast<std::uint64_t>(rows), 7).normal({rows * columns + 1}, 0, 1);
  constexpr T infinity = std::numeric_limits<T>::infinity(), least = std::numeric_limits<T>::denorm_min();
  const std::vector<T> special{0, -T{0}, infinity, -infinity, std::numeric_limits<T>::quiet_NaN(), least, -least};
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = i % 5 == 0 ? special[i / 5 % special.size()] : static_cast<T>(random.data<float>()[i]);
  }
  std::vector<B> most(width, 3), exponents(width, 5), nonzero(width, 7),
      of_rows(static_cast<std::size_t>(rows) + 1, -1);
  std::vector<B> wanted_most = most, wanted_exponents = exponents, wanted_nonzero = nonzero, wanted_rows = of_rows;
  const T* first = x.data() + 1;  // not aligned
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
    wanted_rows[i] = 0;
    for (std::size_t j = 0; j < width; ++j) {
      const T value = first[i * width + j];
      const B size = size_of(value);
      wanted_rows[i] = std::max(wanted_rows[i], size);
      wanted_most[j] = std::max(wanted_most[j], size);
      wanted_exponents[j] += size >> (std::numeric_limits<T>::digits - 1);
      wanted_nonzero[j] += value == 0 ? 0 : 1;
    }
  }
  engine.measure(first, rows, {columns, most.data(), exponents.data(), nonzero.data()}, of_rows.data());
  CHECK(most == wanted_most);
  CHECK(exponents == wanted_exponents);
  CHECK(nonzero == wanted_nonzero);
  CHECK(of_rows == wanted_rows);
}

template <class T>
void check_all() {
  const test::KernelSettings scope;
  for (const auto set : kernels::available_instruction_sets()) {
    kernels::set_instruction_set(set);
    INFO(kernels::to_string(set));
    for (const kernels::Engine<T>* engine : {kernels::engines_in_use<T>().narrow, kernels::engines_in_use<T>().wide}) {
      for (const std::int64_t columns : {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 48, 100, 511, 512, 700}) {
        for (const std::int64_t rows : {0, 1, 3, 4, 5, 8, 9}) check_measure(*engine, rows, columns);
      }
      for (const std::int64_t rows : {63, 64, 65, 128, 130}) check_measure(*engine, rows, 17);
      for (const std::int64_t rows : {20, 21, 42}) check_measure(*engine, rows, 100);
    }
  }
}

}  // namespace

TEST_CASE("sizes of rows and columns equal their definition in every instruction set") {
  check_all<float>();
  check_all<double>();
}
