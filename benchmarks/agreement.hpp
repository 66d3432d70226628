// Comparison of what the two workers compute, within the accuracy of float32.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace xtape::bench {

struct Agreement {
  nlohmann::json found;  ///< the relative differences, by the name of the compared quantity
  std::string problem;   ///< the first difference that exceeds its tolerance; empty if none does
};

/// Compares two digests (see Work::digest).
///   outputs    The norm of the difference may be 1e-3 of the norm. This allows for the rounding of some hundred layers
///              but detects a wrong epsilon in batch normalization.
///   loss       The same tolerance.
///   gradients  The norms for each kernel may differ by 5 %. ReLUs that change sign by rounding cause that much in the
///              first layers; a missing or doubled term causes more.
Agreement compare_digests(const nlohmann::json& ours, const nlohmann::json& theirs);

}  // namespace xtape::bench
