#include "framework/ops/label_checks.hpp"

#include <cmath>
#include <span>

namespace xtape {

void check_distributions(std::string_view function, const Tensor& labels) {
  const std::int64_t rows = labels.dim(0), classes = labels.dim(1);
  with_floating(function, labels.dtype(), [&](auto zero) {
    const auto* entry = labels.data<decltype(zero)>();
    for (std::int64_t i = 0; i < rows; ++i) {
      double sum = 0;
      for (std::int64_t k = 0; k < classes; ++k, ++entry) {
        check(*entry >= 0, "{}: expected a distribution a row, with entries of at least 0, got {} in row {}", function,
              *entry, i);
        sum += static_cast<double>(*entry);
      }
      check(std::abs(sum - 1) <= 1e-3,
            "{}: expected a distribution a row, with the sum 1, got the sum {:.6g} in row {}; divide each row by its "
            "sum, or for several labels at a time use targets without classes and sigmoid_cross_entropy",
            function, sum, i);
    }
  });
}

void check_probabilities(std::string_view function, const Tensor& targets) {
  with_type(targets.dtype(), [&](auto zero) {
    const auto* target = targets.data<decltype(zero)>();
    for (std::int64_t i = 0; i < targets.size(); ++i) {
      const auto value = static_cast<double>(target[i]);
      check(value >= 0 && value <= 1, "{}: expected targets in [0, 1], got {} at element {}", function, value, i);
    }
  });
}

void check_signs(std::string_view function, const Tensor& targets) {
  bool negative = false, zero = false;
  with_type(targets.dtype(), [&](auto type) {
    for (const auto value : std::span(targets.data<decltype(type)>(), static_cast<std::size_t>(targets.size()))) {
      const auto target = static_cast<double>(value);
      check(target == -1 || target == 0 || target == 1, "{}: expected targets that are -1 or 1, or 0 or 1, got {}",
            function, target);
      negative = negative || target == -1;
      zero = zero || target == 0;
    }
  });
  check(!negative || !zero, "{}: expected targets that are -1 or 1, or 0 or 1, got both -1 and 0", function);
}

bool is_column(const Tensor& labels, std::int64_t n) {
  return labels.defined() && !is_floating(labels.dtype()) && labels.size() == n && labels.rank() != 1;
}

}  // namespace xtape
