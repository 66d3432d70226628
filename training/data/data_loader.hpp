// DataLoader: batches of a data set, in a new order in each epoch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

#include "training/data/augmentation.hpp"
#include "training/data/dataset.hpp"

namespace xtape {

template <class T>
class Prefetcher;  // not included, so that programs compile faster

/// The samples of one batch, in the order of the model's inputs and outputs. Inputs: (b, ...), floating, or int64 as in
/// the data set. Targets: (b, ...), int64 or floating as in the data set. Weights: none, or for each target (b)
/// floating or undefined.
struct Batch {
  std::vector<Tensor> inputs;        ///< one for each input of the model
  std::vector<Tensor> targets;       ///< one for each output of the model
  std::vector<Tensor> weights = {};  ///< none, or one for each target

  /// Number of samples.
  std::int64_t size() const { return inputs.front().dim(0); }
  /// The only input. Error when there are several.
  const Tensor& input() const;
  /// The only target. Error when there are several.
  const Tensor& target() const;
  /// The weights for a target; undefined when all are 1.
  Tensor weight(std::size_t target = 0) const { return weights.empty() ? Tensor() : weights.at(target); }
};

/// Options of a DataLoader.
struct DataLoaderOptions {
  /// Number of samples in each batch.
  std::int64_t batch_size = 32;
  bool shuffle = true;           ///< a new order in each epoch; otherwise the order of the data set
  bool drop_last = false;        ///< leave out the last batch if it is smaller than the others
  std::uint64_t seed = 0;        ///< seed of the orders and of augmentation
  DType dtype = DType::float32;  ///< of floating and uint8 inputs (uint8 is divided by 255), targets and weights
  /// Augmentation of the inputs that are images (height, width, channels). All images of a sample are changed in the
  /// same way; the change depends on the seed, the epoch and the index of the sample in the data set. Targets (n,
  /// height, width, ...) with the height and width of the first image are moved with the images; their values are not
  /// changed. Classes are moved by the nearest pixel, and so are numbers that are all whole, as in masks, unless they
  /// are the input images themselves. Other numbers are interpolated linearly. Other targets are unchanged.
  Augmentation augmentation = {};
  /// Number of batches, 0 to 64, that separate threads prepare (decode, augment) while the current one is used. Each
  /// needs memory. Samples that are in memory and not augmented are not prefetched: they are copied on all threads on
  /// request, which is as fast.
  std::int64_t prefetch = 2;
  /// Of each batch this part alone is made, one of `parts` consecutive ones whose sizes differ by at most 1; see
  /// begin_of_part(). A part of a batch of fewer samples than parts may be empty.
  std::int64_t part = 0;
  std::int64_t parts = 1;  ///< into which each batch is divided; at least 1
};

/// The largest number of parts.
inline constexpr std::int64_t most_parts = 1 << 16;

/// The first of `count` samples that is in part number `part` of `parts`, which ends where the next one begins.
constexpr std::int64_t begin_of_part(std::int64_t count, std::int64_t part, std::int64_t parts) {
  return count * part / parts;
}

/// Number of batches in one traversal of `samples` samples, at least 1.
std::int64_t batches_of(std::int64_t samples, const DataLoaderOptions& options);

/// How a target follows the images that augmentation moves: not at all, by linear interpolation, or by the nearest
/// pixel.
enum class TargetMotion { none, interpolated, nearest, nearest_inside };

/// The batches of one traversal of a data set, which uses every sample once. It is one epoch of fit(), unless
/// FitOptions::steps_per_epoch divides the sequence of traversals otherwise. An Epoch may outlive its loader. Batches
/// have the same bits for any number of threads, with and without prefetching.
///
///   for (const Batch& batch : loader.epoch(3)) ...
class Epoch {
 public:
  class Iterator;

  /// Number of batches.
  std::int64_t size() const;
  /// Batch number `index`; the last one may be smaller than the others. The batches after it are prefetched. Error when
  /// there is no such batch, or an image cannot be read.
  Batch operator[](std::int64_t index) const;
  /// Iterator to the first batch.
  Iterator begin() const;
  /// Iterator behind the last batch.
  Iterator end() const;

 private:
  friend class DataLoader;
  struct Plan;
  explicit Epoch(Plan plan);

  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<Prefetcher<Batch>> ahead_;  // null without prefetching
};

/// Iterates over the batches of an Epoch, which must outlive it. Each dereferencing makes the batch again.
class Epoch::Iterator {
 public:
  /// Required of iterators.
  using difference_type = std::ptrdiff_t;
  /// Required of iterators.
  using value_type = Batch;

  Iterator() = default;
  /// An iterator to batch number `index`.
  Iterator(const Epoch& epoch, std::int64_t index) : epoch_(&epoch), index_(index) {}
  /// Makes the current batch.
  Batch operator*() const { return (*epoch_)[index_]; }
  /// Moves to the next batch.
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  /// Moves to the next batch.
  Iterator operator++(int) { return {*epoch_, index_++}; }
  friend bool operator==(const Iterator&, const Iterator&) = default;

 private:
  const Epoch* epoch_ = nullptr;
  std::int64_t index_ = 0;
};

/// Makes shuffled batches of a data set for a network. The order of an epoch depends on the seed and the number of the
/// epoch only, so training that is interrupted resumes with the same batches.
class DataLoader {
 public:
  /// Error when batch_size is below 1 or, with drop_last, above the number of samples; dtype is not floating; prefetch,
  /// part or an amount of augmentation is out of range; or augmentation moves pixels and a target is an image of
  /// another size, or flattened images or masks: (n, m) with m a multiple of height * width.
  explicit DataLoader(Dataset data, const DataLoaderOptions& options = {});

  /// Number of batches in each epoch, including a smaller last one unless drop_last is set.
  std::int64_t batches() const;
  /// Number of samples in batch number `index` of any epoch, in all parts.
  std::int64_t samples_of(std::int64_t index) const;
  /// Number of samples in an epoch, in all parts.
  std::int64_t samples() const;
  /// The batches of epoch `number`, counted from 0. Error when it is negative.
  Epoch epoch(std::int64_t number) const;
  /// The data set.
  const Dataset& data() const { return data_; }
  /// The options of the loader.
  const DataLoaderOptions& options() const { return options_; }

 private:
  Dataset data_;
  DataLoaderOptions options_;
  std::vector<TargetMotion> motions_;  // one for each target
};

}  // namespace xtape
