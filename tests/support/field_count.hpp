// How many members a struct of options has, so that a table with a row for each fails when one is added.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include "tests/support/catch.hpp"

namespace xtape::test {

/// Converts to whatever a member is made of; never evaluated.
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

/// Fails unless the rows, each with a `name`, are as many as the members of Options, one for each.
template <class Options, class Rows>
void check_row_for_each_field(const Rows& rows) {
  std::set<std::string> names;
  for (const auto& row : rows) names.insert(row.name);
  CHECK(names.size() == field_count<Options>());
  CHECK(rows.size() == field_count<Options>());
}

}  // namespace xtape::test
