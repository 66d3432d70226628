// What labels and targets have to be, checked for all who take some.
#pragma once

#include <string_view>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Error naming `function` and the first such row unless every row of the floating labels (n, k) is a distribution: no
/// entry below 0 and a sum within 1e-3 of 1.
void check_distributions(std::string_view function, const Tensor& labels);

/// Error naming `function` and the first such element unless every target is in [0, 1].
void check_probabilities(std::string_view function, const Tensor& targets);

/// Whether these are integers for n samples in another shape than (n), such as (n, 1).
bool is_column(const Tensor& labels, std::int64_t n);

}  // namespace xtape
