// The Errors of reading options of layers from a file.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "layers/layers.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

/// The Error of reading an option of a layer's file.
template <class T>
std::string read_error(const ConfigValue& value, T result = {}) {
  return error_of([&] { from_config(value, result); });
}

inline LayerConfig named(const std::string& name, std::vector<ConfigField> others = {}) {
  others.insert(others.begin(), {"name", name});
  return {std::move(others)};
}

}  // namespace xtape::test
