// Metrics of elements, for what holds for all of them.
#pragma once

#include <vector>

#include "training/metrics/metric.hpp"

namespace xtape::test {

/// Metrics of outputs and targets of one shape, but categorical_hinge and r2.
inline std::vector<Metric> element_metrics() {
  return {metric::binary_accuracy(),
          metric::precision(),
          metric::recall(),
          metric::f1(),
          metric::intersection_over_union(),
          metric::auc(),
          metric::mean_squared_error(),
          metric::root_mean_squared_error(),
          metric::mean_absolute_error(),
          metric::mean_absolute_percentage_error(),
          metric::mean_squared_logarithmic_error(),
          metric::log_cosh(),
          metric::poisson(),
          metric::cosine_similarity(),
          metric::hinge(),
          metric::squared_hinge(),
          metric::kl_divergence()};
}

}  // namespace xtape::test
