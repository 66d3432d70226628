#include "framework/ops/error_function.hpp"

#include <cmath>
#include <numbers>

#include "framework/ops/elementwise_function.hpp"

namespace xtape {

Variable erf(const Variable& x) {
  const auto slope = [](double v) { return 2 * std::numbers::inv_sqrtpi * std::exp(-v * v); };
  return record_elementwise("erf", x, element_function([](auto v) { return std::erf(v); }, slope),
                            [slope](double v) { return -2 * v * slope(v); });
}

}  // namespace xtape
