// Which random streams of a seed are whose, so that nothing that shares the seed draws another's numbers.
#pragma once

#include <cstdint>

namespace xtape::streams {

/// Initial values of parameters: this one and up, 1024 for each layer in the order of the layers. Where another
/// parameter of the model has the stream, because it comes from a model of the same seed, `another_round` is added
/// until it is free; see Layer::initialize().
inline constexpr std::uint64_t parameters = 0;
inline constexpr std::uint64_t another_round = std::uint64_t{1} << 40;

/// Dropout calls: this one and up; see of_dropout.
inline constexpr std::uint64_t dropout = std::uint64_t{1} << 62;

/// Orders of a data set's examples: epoch number e has stream epochs + e.
inline constexpr std::uint64_t epochs = std::uint64_t{1} << 63;

/// The order by which split() parts a data set.
inline constexpr std::uint64_t splits = epochs + (std::uint64_t{1} << 62);

/// Changes of training images: this one and up; see of_augmentation.
inline constexpr std::uint64_t augmentation = splits + (std::uint64_t{1} << 61);

/// Example number `index` of a data set in epoch `epoch`, both counted from 0: 2^40 examples and 2^21 epochs.
constexpr std::uint64_t of_augmentation(std::uint64_t epoch, std::uint64_t index) {
  return augmentation + (epoch << 40) + index;
}

/// Call number `call` in the forward pass of step `step`, both counted from 0.
inline constexpr std::int64_t most_steps = std::int64_t{1} << 42;
inline constexpr std::uint64_t most_calls = std::uint64_t{1} << 20;
constexpr std::uint64_t of_dropout(std::uint64_t step, std::uint64_t call) { return dropout + (step << 20) + call; }

}  // namespace xtape::streams
