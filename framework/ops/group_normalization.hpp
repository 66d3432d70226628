// Normalization of each sample by its own statistics: layer, group, instance and RMS normalization.
#pragma once

#include <optional>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// y = gamma (x - m) / sqrt(v + epsilon) + beta, with mean m and biased variance v over the last `axes` axes of x.
/// gamma and beta, each optional, have the shape of these axes. Statistics are computed in float64 from deviations, so
/// x may have a large common offset; a row of equal elements gives exactly beta, up to the rounding of its mean. Saves
/// x, gamma and the statistics. gradients() differentiates the formula in ops, in the type of x. Error if shapes or
/// types differ, x has no elements, or epsilon is not finite and at least 0. (Ba, Kiros and Hinton: Layer
/// normalization, 2016.)
Variable layer_norm(const Variable& x, const std::optional<Variable>& gamma, const std::optional<Variable>& beta,
                    double epsilon, int axes = 1);

/// y = gamma x / sqrt(mean of x^2 + epsilon), with the mean over the last `axes` axes. Otherwise as layer_norm. (Zhang
/// and Sennrich: Root mean square layer normalization, 2019.)
Variable rms_norm(const Variable& x, const std::optional<Variable>& gamma, double epsilon, int axes = 1);

/// x (n, ..., channels): the channels form `groups` groups of equal size in their order, and each group of each sample
/// is normalized by its mean and variance over all positions. gamma and beta, each optional, have shape (channels).
/// With groups = channels it is instance normalization. Otherwise as layer_norm; Error too unless `groups` divides the
/// channels. (Wu and He: Group normalization, ECCV 2018.)
Variable group_norm(const Variable& x, const std::optional<Variable>& gamma, const std::optional<Variable>& beta,
                    std::int64_t groups, double epsilon);

}  // namespace xtape
