// The allocation of the random streams of a seed. Everything that draws random numbers has a separate range of streams,
// so users of one seed never draw the same numbers.
#pragma once

#include <cstdint>

namespace xtape::streams {

/// The first stream for initial values of parameters. Each layer has 1024 streams, in the order of the layers. If
/// another parameter of the model already uses a stream, because it comes from a nested model with the same seed,
/// `another_round` is added until a stream is free; see Layer::initialize().
inline constexpr std::uint64_t parameters = 0;
inline constexpr std::uint64_t another_round = std::uint64_t{1} << 40;

/// The first stream for dropout; see of_dropout.
inline constexpr std::uint64_t dropout = std::uint64_t{1} << 62;

/// The first stream for the order of a data set's examples: epoch e uses stream epochs + e.
inline constexpr std::uint64_t epochs = std::uint64_t{1} << 63;

/// The stream for the order in which split() divides a data set.
inline constexpr std::uint64_t splits = epochs + (std::uint64_t{1} << 62);

/// The first stream for augmentation of training images; see of_augmentation.
inline constexpr std::uint64_t augmentation = splits + (std::uint64_t{1} << 61);

/// The stream for the augmentation of example `index` in epoch `epoch`, both counted from 0. The ranges suffice for
/// 2^40 examples and 2^21 epochs.
constexpr std::uint64_t of_augmentation(std::uint64_t epoch, std::uint64_t index) {
  return augmentation + (epoch << 40) + index;
}

/// The numbers of training steps, and of dropout calls in a step, that the range of dropout streams suffices for.
inline constexpr std::int64_t most_steps = std::int64_t{1} << 42;
inline constexpr std::uint64_t most_calls = std::uint64_t{1} << 20;
/// The stream for dropout call number `call` in the forward pass of step `step`, both counted from 0.
constexpr std::uint64_t of_dropout(std::uint64_t step, std::uint64_t call) { return dropout + (step << 20) + call; }

}  // namespace xtape::streams
