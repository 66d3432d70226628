// RunningMeans: the means over samples of what batches came to.
#pragma once

#include <cstdint>
#include <optional>

#include "training/data_loader.hpp"
#include "training/metrics.hpp"

namespace xtape {

/// Sums over the samples so far, and their means; an accuracy only where there are classes.
struct RunningMeans {
  bool classes = false;
  double loss_sum = 0, accuracy_sum = 0;
  std::int64_t samples = 0;

  void add(double batch_loss, const Tensor& outputs, const Batch& batch) {
    const auto count = static_cast<double>(batch.size());
    loss_sum += batch_loss * count;
    if (classes) accuracy_sum += xtape::accuracy(outputs, batch.labels) * count;
    samples += batch.size();
  }
  double loss() const { return loss_sum / static_cast<double>(samples); }
  std::optional<double> accuracy() const {
    if (!classes) return std::nullopt;
    return accuracy_sum / static_cast<double>(samples);
  }
};

}  // namespace xtape
