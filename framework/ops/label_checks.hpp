// Checks of labels and targets, shared by losses, metrics and training.
#pragma once

#include <string_view>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Checks that every row of the floating labels (n, k) is a distribution: no entry is below 0, and the sum differs from
/// 1 by at most 1e-3. Error with the name `function` and the first row that is not a distribution.
void check_distributions(std::string_view function, const Tensor& labels);

/// Checks that every target is in [0, 1]. Error with the name `function` and the first target that is not.
void check_probabilities(std::string_view function, const Tensor& targets);

/// Checks that the targets are -1 and 1, or 0 and 1. Error with the name `function` for another number, or for -1
/// beside 0.
void check_signs(std::string_view function, const Tensor& targets);

/// Whether the labels are n integers, but in another shape than (n), such as (n, 1).
bool is_column(const Tensor& labels, std::int64_t n);

}  // namespace xtape
