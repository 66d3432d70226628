// DataLoader: a data set in batches, in a new order each epoch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "training/dataset.hpp"

namespace xtape {

/// What one training step sees. images: (b, ...) floating, labels: (b) int64 or (b, ...) floating, as in the data set.
struct Batch {
  Tensor images;
  Tensor labels;
  Tensor weights = {};  ///< (b) floating; undefined when the data set has none
  /// Number of examples.
  std::int64_t size() const { return images.dim(0); }
};

struct DataLoaderOptions {
  std::int64_t batch_size = 32;
  bool shuffle = true;           ///< a new order each epoch; otherwise always the order of the data set
  std::uint64_t seed = 0;        ///< of the orders
  DType dtype = DType::float32;  ///< of images and floating labels; bytes become 0 to 1
};

/// The batches of one pass over a data set, made one by one as they are asked for. Stands on its own: it may outlive
/// the loader it came from.
///
///   for (const Batch& batch : loader.epoch(3)) ...
class Epoch {
 public:
  class Iterator;

  /// Number of batches.
  std::int64_t size() const;
  /// Batch number `index`; the last may be shorter than the others. Error when there is no such batch.
  Batch operator[](std::int64_t index) const;
  Iterator begin() const;
  Iterator end() const;

 private:
  friend class DataLoader;
  Epoch(const Dataset& data, const DataLoaderOptions& options, std::uint64_t number);

  Dataset data_;
  DataLoaderOptions options_;
  std::vector<std::int64_t> order_;
};

/// Steps through the batches of an Epoch, which must outlive it. Each dereferencing makes the batch anew.
class Epoch::Iterator {
 public:
  using difference_type = std::ptrdiff_t;
  using value_type = Batch;

  Iterator() = default;
  Iterator(const Epoch& epoch, std::int64_t index) : epoch_(&epoch), index_(index) {}
  Batch operator*() const { return (*epoch_)[index_]; }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  Iterator operator++(int) { return {*epoch_, index_++}; }
  friend bool operator==(const Iterator&, const Iterator&) = default;

 private:
  const Epoch* epoch_ = nullptr;
  std::int64_t index_ = 0;
};

/// Serves a data set in shuffled batches ready for a network. The order of an epoch depends on the seed and the epoch's
/// number alone, not on what was read before, so training that is interrupted goes on with the same batches.
class DataLoader {
 public:
  /// Error when batch_size is below 1 or dtype is not floating.
  explicit DataLoader(Dataset data, const DataLoaderOptions& options = {});

  /// Batches per epoch; the last one holds what remains.
  std::int64_t batches() const;
  /// The batches of epoch `number`, counted from 0. Error when it is negative.
  Epoch epoch(std::int64_t number) const;
  const Dataset& data() const { return data_; }
  const DataLoaderOptions& options() const { return options_; }

 private:
  Dataset data_;
  DataLoaderOptions options_;
};

}  // namespace xtape
