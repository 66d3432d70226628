// Median and range.
#pragma once

#include <algorithm>
#include <vector>

namespace xtape::bench {

/// The median; for an even number of values the mean of the middle two, for none 0.
inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// The smallest and the largest value; 0 if there are none.
struct Spread {
  double lowest = 0, highest = 0;
};
inline Spread spread(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto [low, high] = std::ranges::minmax(values);
  return {low, high};
}

}  // namespace xtape::bench
