// The report's training runs, replayed on the SIGNS images. They depend on random numbers that the report does not fix,
// so their figures can only be of its kind.
#pragma once

#include "examples/lab/figures.hpp"
#include "training/data/dataset.hpp"

namespace xtape::lab {

/// Trains the ConvNet as the report does: Adam 0.009, batches of 64, 100 epochs. Shows the progress.
std::vector<Figure> train_convnet(const SplitData& signs, std::uint64_t seed);

/// Trains ResNet-50 as the report does: Adam, batches of 32, 2 epochs, Keras's defaults. Shows the progress. Then tests
/// the same weights with batch normalization's moving averages as training left them; with those it would have had with
/// the weights at rest; with both when what is left of their start is divided out; and with statistics measured anew.
std::vector<Figure> train_resnet(const SplitData& signs, std::uint64_t seed);

/// Why the report's ResNet-50 tests at chance, in a few sentences. `samples`: images in our training set.
std::string why_at_chance(std::int64_t samples);

}  // namespace xtape::lab
