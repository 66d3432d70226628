// Where a computation stops being finite: the first NaN or infinity, with the op and what went into it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// Whether no element is NaN or infinite; true for integers.
bool all_finite(const Tensor& tensor);

/// "(2, 3): min -1, mean 0.5, max 2, 1 of 6 not finite", over the finite elements.
std::string summary_of_values(const Tensor& tensor);

/// Throws Error naming step, layer and op, with the inputs' summaries, unless the value is finite. `what` is "value",
/// or "derivative" on the way back.
void require_finite(std::int64_t step, std::string_view layer, std::string_view op, std::string_view what,
                    const Tensor& value, const std::vector<Variable>& inputs);

}  // namespace xtape
