#include "training/data_loader.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "framework/kernels/parallel.hpp"
#include "framework/tensor/random.hpp"
#include "framework/tensor/streams.hpp"

namespace xtape {
namespace {

/// Rows of `source` in the given order, converted to `dtype`; uint8 is divided by 255.
Tensor gathered_values(const Tensor& source, std::span<const std::int64_t> indices, DType dtype) {
  Tensor result = Tensor::empty(source.shape().replaced(0, static_cast<std::int64_t>(indices.size())), dtype);
  const std::int64_t row = source.size() / source.dim(0);
  const std::int64_t grain = std::max<std::int64_t>(1, 32768 / std::max<std::int64_t>(1, row));
  with_type(source.dtype(), [&](auto source_zero) {
    with_floating("DataLoader", dtype, [&](auto target_zero) {
      using Source = decltype(source_zero);
      using Target = decltype(target_zero);
      constexpr Target scale = dtype_of<Source> == DType::uint8 ? 255 : 1;
      const Source* in = source.data<Source>();
      Target* out = result.mutable_data<Target>();
      kernels::parallel_for(std::ssize(indices), grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const Source* first = in + indices[static_cast<std::size_t>(i)] * row;
          std::transform(first, first + row, out + i * row,
                         [](Source value) { return static_cast<Target>(value) / scale; });
        }
      });
    });
  });
  return result;
}

/// Class numbers stay what they are, targets are converted.
Tensor gathered_labels(const Tensor& source, std::span<const std::int64_t> indices, DType dtype) {
  if (is_floating(source.dtype())) return gathered_values(source, indices, dtype);
  Tensor result = Tensor::empty({std::ssize(indices)}, DType::int64);
  const std::int64_t* labels = source.data<std::int64_t>();
  std::ranges::transform(indices, result.mutable_data<std::int64_t>(), [&](std::int64_t i) { return labels[i]; });
  return result;
}

std::int64_t batch_count(const Dataset& data, const DataLoaderOptions& options) {
  return (data.size() - 1) / options.batch_size + 1;
}

}  // namespace

Epoch::Epoch(const Dataset& data, const DataLoaderOptions& options, std::uint64_t number)
    : data_(data), options_(options), order_(static_cast<std::size_t>(data.size())) {
  if (options.shuffle) {
    order_ = RandomStream(options.seed, streams::epochs + number).permutation(data.size());
  } else {
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
  }
}

std::int64_t Epoch::size() const { return batch_count(data_, options_); }

Batch Epoch::operator[](std::int64_t index) const {
  check(index >= 0 && index < size(), "Epoch: expected a batch in [0, {}), got {}", size(), index);
  const std::int64_t begin = index * options_.batch_size;
  const std::int64_t count = std::min(options_.batch_size, data_.size() - begin);
  const auto indices = std::span(order_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
  return {gathered_values(data_.images(), indices, options_.dtype),
          gathered_labels(data_.labels(), indices, options_.dtype),
          data_.weights().defined() ? gathered_values(data_.weights(), indices, options_.dtype) : Tensor()};
}

Epoch::Iterator Epoch::begin() const { return {*this, 0}; }
Epoch::Iterator Epoch::end() const { return {*this, size()}; }

DataLoader::DataLoader(Dataset data, const DataLoaderOptions& options) : data_(std::move(data)), options_(options) {
  check(options.batch_size >= 1, "DataLoader: expected a batch_size of at least 1, got {}", options.batch_size);
  check(is_floating(options.dtype), "DataLoader: expected dtype float32 or float64, got {}", options.dtype);
}

std::int64_t DataLoader::batches() const { return batch_count(data_, options_); }

Epoch DataLoader::epoch(std::int64_t number) const {
  check(number >= 0, "DataLoader::epoch: expected a number of 0 or more, got {}", number);
  return Epoch(data_, options_, static_cast<std::uint64_t>(number));
}

}  // namespace xtape
