// Losses of outputs that are numbers, beyond those of losses.hpp: weights, errors and precision are as described there.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// Options of huber.
struct HuberOptions {
  double delta = 1;  ///< the error beyond which the loss grows linearly, above 0
};

/// The mean over all elements of e^2 / 2 for |e| <= delta, else delta |e| - delta^2 / 2, with e = x - t. Error unless
/// both have the same shape and delta is finite and above 0. (Huber: Robust estimation of a location parameter, 1964.)
Variable huber(const Variable& outputs, const Tensor& targets, const Tensor& weights = {},
               const HuberOptions& options = {});

/// The mean over all elements of 100 |x - t| / max(|t|, 1e-7). Error unless both have the same shape.
Variable mean_absolute_percentage_error(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

/// The mean over all elements of (log(1 + max(x, 1e-7)) - log(1 + max(t, 1e-7)))^2. Error unless both have the same
/// shape.
Variable mean_squared_logarithmic_error(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

/// The mean over all elements of log(cosh(x - t)), with all digits also for small differences. Error unless both have
/// the same shape.
Variable log_cosh(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

/// The mean over all elements of x - t log(x + 1e-7), for counts t and expected counts x. Error unless both have the
/// same shape.
Variable poisson(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

/// The mean over all positions of minus the cosine of the angle between the vectors along the last axis, in [-1, 1]. A
/// vector whose norm is below 1e-7 is divided by 1e-7 instead of the norm. Error unless both have the same shape (n,
/// ..., k).
Variable cosine_similarity(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

}  // namespace xtape
