// Whether two sides compute the same, as far as float32 can tell.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace xtape::bench {

struct Agreement {
  nlohmann::json found;  ///< the differences, by what was compared
  std::string problem;   ///< empty when they are as small as they should be
};

/// Compares two digests (see Work::digest). Outputs by the norm of their difference, which may be 1e-3 of their norm:
/// some hundred layers' rounding; a wrong epsilon of the batch normalizations is seen. The loss likewise. Norms of the
/// gradients of single kernels may be 5 % apart: ReLUs that flip by rounding make that much at the first weights, while
/// a missing or doubled term makes more.
Agreement compare_digests(const nlohmann::json& ours, const nlohmann::json& theirs);

}  // namespace xtape::bench
