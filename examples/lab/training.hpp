// The training runs of the report, repeated on the SIGNS images. They depend on random numbers that the report does not
// fix, so their figures can only be similar.
#pragma once

#include "examples/lab/figures.hpp"
#include "training/data/dataset.hpp"

namespace xtape::lab {

/// Trains the ConvNet as the report does: Adam 0.009, batches of 64, 100 epochs. Shows the progress.
std::vector<Figure> train_convnet(const SplitData& signs, std::uint64_t seed);

/// Trains ResNet-50 as the report does: Adam, batches of 32, 2 epochs, Keras's defaults. Shows the progress. Then
/// evaluates the same weights with the moving averages from training, with those of a training at constant weights,
/// with both after bias correction, and with recalibrated statistics.
std::vector<Figure> train_resnet(const SplitData& signs, std::uint64_t seed);

/// An explanation of why the report's ResNet-50 has chance accuracy. `samples`: number of images in the training set.
std::string why_at_chance(std::int64_t samples);

}  // namespace xtape::lab
