// Errors that say where they happened.
#pragma once

#include <string>
#include <string_view>

#include "framework/error.hpp"

namespace xtape {

/// Calls `work` and returns its result. An Error gets the function and the place, such as the path of a file, in front
/// of its message: "function: place: expected ...".
template <class Work>
auto with_place(std::string_view function, const std::string& place, Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    fail("{}: {}: {}", function, place, error.what());
  }
}

}  // namespace xtape
