// The number of members of a struct of options, so that a test of a table fails when a member has no row.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include "tests/support/catch.hpp"

namespace xtape::test {

/// Converts to the type of any member; never evaluated.
struct AnyValue {
  template <class T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};

template <class Aggregate, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { Aggregate{(static_cast<void>(I), AnyValue{})...}; };
}

/// Number of members of an aggregate without base classes and arrays: the most values that braces may hold.
template <class Aggregate, std::size_t most = 24>
constexpr std::size_t field_count() {
  if constexpr (takes<Aggregate>(std::make_index_sequence<most>())) {
    return most;
  } else {
    return field_count<Aggregate, most - 1>();
  }
}

/// Fails unless there is one row, with a `name`, for each member of Options.
template <class Options, class Rows>
void check_row_for_each_field(const Rows& rows) {
  std::set<std::string> names;
  for (const auto& row : rows) names.insert(row.name);
  CHECK(names.size() == field_count<Options>());
  CHECK(rows.size() == field_count<Options>());
}

}  // namespace xtape::test
