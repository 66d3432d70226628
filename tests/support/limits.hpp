// Whole messages of Errors, and numbers on both sides of the limits of a check.
#pragma once

#include <cmath>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/support.hpp"

namespace xtape::test {

/// Calls `use` with numbers that are accepted, and with numbers for which it throws the Error `message`, the number,
/// and `rest`.
template <class Number>
void check_limits(const std::string& message, const std::function<void(Number)>& use,
                  std::initializer_list<Number> accepted, std::initializer_list<Number> refused,
                  const std::string& rest = "") {
  for (const Number number : accepted) {
    INFO(message << number);
    CHECK_NOTHROW(use(number));
  }
  for (const Number number : refused)
    CHECK(error_of([&] { use(number); }) == fmt::format("{}{}{}", message, number, rest));
}
inline void integer_limits(const std::string& message, const std::function<void(std::int64_t)>& use,
                           std::initializer_list<std::int64_t> accepted, std::initializer_list<std::int64_t> refused,
                           const std::string& rest = "") {
  check_limits<std::int64_t>(message, use, accepted, refused, rest);
}
/// NaN is refused too.
inline void number_limits(const std::string& message, const std::function<void(double)>& use,
                          std::initializer_list<double> accepted, std::initializer_list<double> refused,
                          const std::string& rest = "") {
  check_limits<double>(message, use, accepted, refused, rest);
  check_limits<double>(message, use, {}, {std::numeric_limits<double>::quiet_NaN()}, rest);
}

/// A call and the whole message of the Error that it throws.
struct Refused {
  std::string message;
  std::function<void()> action;
};
inline void check_messages(const std::vector<Refused>& rows) {
  for (const Refused& row : rows) CHECK(error_of(row.action) == row.message);
}

inline constexpr double infinite = std::numeric_limits<double>::infinity();
inline constexpr double above_zero = std::numeric_limits<double>::denorm_min(), below_zero = -above_zero;
inline constexpr double greatest_finite = std::numeric_limits<double>::max();

}  // namespace xtape::test
