// DataLoader: a data set in batches, in a new order each epoch.
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
class Prefetcher;  // not included: users need not compile what threads take

/// Samples for one step, in the order of the model's inputs and outputs. inputs: (b, ...) floating, or int64 as in the
/// data set; targets: (b, ...) int64 or floating, as there; weights: none, or for each target (b) floating or
/// undefined.
struct Batch {
  std::vector<Tensor> inputs;        ///< one for each input of the model
  std::vector<Tensor> targets;       ///< one for each output of the model
  std::vector<Tensor> weights = {};  ///< none, or one for each target

  /// Number of samples.
  std::int64_t size() const { return inputs.front().dim(0); }
  /// The one input, the one target. Error when there are several.
  const Tensor& input() const;
  /// The one target. Error when there are several.
  const Tensor& target() const;
  /// The weights for a target; undefined when all are 1.
  Tensor weight(std::size_t target = 0) const { return weights.empty() ? Tensor() : weights.at(target); }
};

/// Options of a DataLoader.
struct DataLoaderOptions {
  /// Samples for each batch.
  std::int64_t batch_size = 32;
  bool shuffle = true;           ///< a new order each epoch; otherwise always the order of the data set
  bool drop_last = false;        ///< leave out the last batch when it is smaller than the others
  std::uint64_t seed = 0;        ///< of the orders and of augmentation
  DType dtype = DType::float32;  ///< of floating inputs, targets and weights, and of bytes, which become 0 to 1
  /// Of the inputs that are images (height, width, channels), all of a sample in the same way; by the seed, the epoch
  /// and the sample's index in the data set. Targets (n, height, width, ...) of the first image's height and width are
  /// moved with them, without changes of colour: by the nearest pixel when they are classes, or when all of them are
  /// whole numbers, as in masks, and are not the images themselves, else linearly as images are. Other targets stay as
  /// they are.
  Augmentation augmentation = {};
  /// Batches that separate threads decode and augment while one is in use, 0 to 64; each holds memory for itself.
  /// Samples in memory that are not augmented are gathered when they are asked for, on all threads: nothing is faster.
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

/// Number of batches of so many samples, at least 1, in one pass.
std::int64_t batches_of(std::int64_t samples, const DataLoaderOptions& options);

/// How a target follows the images that augmentation moves.
enum class TargetMotion { none, interpolated, nearest };

/// The batches of one pass over a data set. Stands on its own: it may outlive the loader it came from. Batches are the
/// same bits on any number of threads, ahead of time or not.
///
///   for (const Batch& batch : loader.epoch(3)) ...
class Epoch {
 public:
  class Iterator;

  /// Number of batches.
  std::int64_t size() const;
  /// Batch number `index`; the last may be shorter than the others. Error when there is no such batch, and for images
  /// that can't be read. Those that follow are prepared from now on.
  Batch operator[](std::int64_t index) const;
  /// Iterator at the first batch.
  Iterator begin() const;
  /// Iterator behind the last batch.
  Iterator end() const;

 private:
  friend class DataLoader;
  struct Plan;
  explicit Epoch(Plan plan);

  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<Prefetcher<Batch>> ahead_;  // null when batches are made as they are asked for
};

/// Steps through the batches of an Epoch, which must outlive it. Each dereferencing makes the batch anew.
class Epoch::Iterator {
 public:
  /// For iterator concepts.
  using difference_type = std::ptrdiff_t;
  /// For iterator concepts.
  using value_type = Batch;

  Iterator() = default;
  /// At batch number `index`.
  Iterator(const Epoch& epoch, std::int64_t index) : epoch_(&epoch), index_(index) {}
  /// Makes the batch.
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

/// Serves a data set in shuffled batches ready for a network. The order of an epoch depends on the seed and the epoch's
/// number alone, not on what was read before, so training that is interrupted resumes with the same batches.
class DataLoader {
 public:
  /// Error when batch_size is below 1 or, with drop_last, above the number of samples, dtype is not floating, prefetch
  /// or part out of range, or augmentation (see there), or when augmentation moves pixels and targets are images of
  /// another size or flattened images or masks: (n, m) with m a multiple of height * width.
  explicit DataLoader(Dataset data, const DataLoaderOptions& options = {});

  /// Batches per epoch; the last one holds what remains, unless that is dropped.
  std::int64_t batches() const;
  /// Samples of batch number `index` of any epoch, in all parts.
  std::int64_t samples_of(std::int64_t index) const;
  /// Number of samples of an epoch, in all parts.
  std::int64_t samples() const;
  /// The batches of epoch `number`, counted from 0. Error when it is negative.
  Epoch epoch(std::int64_t number) const;
  /// The data set.
  const Dataset& data() const { return data_; }
  /// The options given.
  const DataLoaderOptions& options() const { return options_; }

 private:
  Dataset data_;
  DataLoaderOptions options_;
  std::vector<TargetMotion> motions_;  // of the targets
};

}  // namespace xtape
