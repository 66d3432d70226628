#include "models/graph/names_near.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace xtape {
namespace {

/// The smallest number of characters to insert, delete or replace (Levenshtein, 1966).
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);  // distances of the prefix of a from each prefix of b
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string names_near(const std::string& wanted, std::vector<std::string> names) {
  constexpr std::size_t few = 20, most_like = 5;
  if (names.size() > few) {
    std::ranges::stable_sort(names, {}, [&](const std::string& name) { return edit_distance(wanted, name); });
    const std::size_t left = names.size() - most_like;
    names.resize(most_like);
    names.push_back(fmt::format("and {} more", left));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace xtape
