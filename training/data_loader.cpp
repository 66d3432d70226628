#include "training/data_loader.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "framework/kernels/parallel.hpp"
#include "framework/tensor/random.hpp"
#include "framework/tensor/streams.hpp"
#include "training/prefetch.hpp"

namespace xtape {
namespace {

/// `size` elements of a tensor from `offset` on, converted; uint8 is divided by 255.
template <class Target>
void convert(const Tensor& source, std::int64_t offset, std::int64_t size, Target* out) {
  with_type(source.dtype(), [&](auto zero) {
    using Source = decltype(zero);
    constexpr Target scale = dtype_of<Source> == DType::uint8 ? 255 : 1;
    const Source* first = source.data<Source>() + offset;
    std::transform(first, first + size, out, [](Source value) { return static_cast<Target>(value) / scale; });
  });
}

/// Class numbers stay what they are, targets and weights are converted.
Tensor gathered_labels(const Tensor& source, std::span<const std::int64_t> indices, DType dtype) {
  const std::int64_t row = source.size() / source.dim(0);
  const DType type = is_floating(source.dtype()) ? dtype : DType::int64;
  Tensor result = Tensor::empty(source.shape().replaced(0, std::ssize(indices)), type);
  with_type(type, [&](auto zero) {
    auto* out = result.mutable_data<decltype(zero)>();
    for (const std::int64_t i : indices) convert(source, i * row, row, std::exchange(out, out + row));
  });
  return result;
}

/// Whether the targets are the images themselves, in the numbers that are stored or in those that a network sees.
bool are_images(const Tensor& targets, const Dataset& data) {
  if (!data.in_memory() || targets.size() != data.images().size()) return false;
  return with_type(data.images().dtype(), [&](auto image_zero) {
    using Pixel = decltype(image_zero);
    const std::span pixels(data.images().data<Pixel>(), static_cast<std::size_t>(targets.size()));
    return with_floating("DataLoader", targets.dtype(), [&](auto target_zero) {
      using Target = decltype(target_zero);
      const Target* const target = targets.data<Target>();
      const auto equal_over = [&](Target scale) {
        return std::equal(pixels.begin(), pixels.end(), target,
                          [scale](Pixel p, Target t) { return static_cast<Target>(p) / scale == t; });
      };
      return equal_over(1) || (dtype_of<Pixel> == DType::uint8 && equal_over(255));
    });
  });
}

/// Error naming what is wrong when targets belong to places in the images, which augmentation moves, and can't follow.
TargetMotion motion_of_targets(const Dataset& data, const Augmentation& augmentation) {
  const Tensor& targets = data.labels();
  if (!augmentation.moves() || data.classes() > 0) return TargetMotion::none;
  const Shape image = data.image_shape();
  const std::int64_t pixels = image[0] * image[1], numbers = targets.size() / data.size();
  const bool has_places = targets.rank() >= 3;
  check(has_places || pixels == 1 || numbers % pixels != 0,
        "DataLoader: expected targets (n, {}, {}, ...) that can be moved with the images, got {}, {}; reshape them, or "
        "leave out flip, rotation, zoom and shift",
        image[0], image[1], targets.shape(),
        numbers == image.size() ? "as many numbers as an image has"
                                : fmt::format("{} numbers for each pixel of an image", numbers / pixels));
  if (!has_places) return TargetMotion::none;
  check(targets.dim(1) == image[0] && targets.dim(2) == image[1],
        "DataLoader: expected targets (n, {}, {}, ...) that can be moved with the images, got {}; leave out flip, "
        "rotation, zoom and shift",
        image[0], image[1], targets.shape());
  if (are_images(targets, data)) return TargetMotion::interpolated;
  return with_floating("DataLoader", targets.dtype(), [&](auto zero) {
    const std::span all(targets.data<decltype(zero)>(), static_cast<std::size_t>(targets.size()));
    const bool whole = std::ranges::all_of(all, [](auto value) { return value == std::floor(value); });
    return whole ? TargetMotion::nearest : TargetMotion::interpolated;
  });
}

}  // namespace

/// What an epoch's batches are made from; never changes, so that several threads may make some.
struct Epoch::Plan {
  Dataset data;
  DataLoaderOptions options;
  TargetMotion targets;
  std::uint64_t number;
  std::vector<std::int64_t> order;

  std::int64_t batches() const { return (data.size() - 1) / options.batch_size + 1; }

  std::span<const std::int64_t> examples(std::int64_t batch) const {
    const std::int64_t begin = batch * options.batch_size, end = std::min(data.size(), begin + options.batch_size);
    return std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  }

  /// Whether an image costs more than to gather it.
  bool slow() const { return !data.in_memory() || options.augmentation.any(); }

  /// Writes one example's image, and its target when that moves, where they belong in their batch.
  template <class T>
  void write_example(std::int64_t index, T* image_out, T* target_out) const {
    const std::int64_t size = data.image_shape().size();
    if (!slow()) return convert(data.images(), index * size, size, image_out);
    Tensor image = data.image(index);
    if (options.augmentation.any()) {
      Distortion distortion = draw_distortion(options.augmentation, image.shape(), options.seed, number, index);
      if (targets != TargetMotion::none) write_target(index, distortion, target_out);
      image = distorted(image, distortion, options.augmentation.fill);
    }
    convert(image, 0, size, image_out);
  }

  /// The target goes where the image goes; its values keep their colours.
  template <class T>
  void write_target(std::int64_t index, Distortion distortion, T* out) const {
    distortion.brightness = 0;
    distortion.contrast = 1;
    const Shape image = data.image_shape();
    const Tensor target = data.labels().rows(index, index + 1);
    const Tensor moved = distorted(target.reshaped({image[0], image[1], -1}), distortion, options.augmentation.fill,
                                   targets == TargetMotion::nearest);
    convert(moved, 0, moved.size(), out);
  }

  /// `spread` calls a body for all of [0, count), in pieces of a grain: a loop, or several threads.
  template <class Spread>
  Batch make(std::int64_t index, const Spread& spread) const {
    const std::span<const std::int64_t> indices = examples(index);
    const std::int64_t size = data.image_shape().size();
    const std::int64_t grain = slow() ? 1 : std::max<std::int64_t>(1, 32768 / size);
    Batch batch{Tensor::empty(data.image_shape().prepended(std::ssize(indices)), options.dtype),
                gathered_labels(data.labels(), indices, options.dtype),
                data.weights().defined() ? gathered_labels(data.weights(), indices, options.dtype) : Tensor()};
    with_floating("DataLoader", options.dtype, [&](auto zero) {
      using T = decltype(zero);
      T* const images = batch.images.mutable_data<T>();
      T* const moved = targets == TargetMotion::none ? nullptr : batch.labels.mutable_data<T>();
      const std::int64_t target_size = batch.labels.size() / batch.size();
      spread(std::ssize(indices), grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          write_example(indices[static_cast<std::size_t>(i)], images + i * size,
                        moved ? moved + i * target_size : nullptr);
        }
      });
    });
    return batch;
  }

  /// On all threads.
  Batch make_now(std::int64_t index) const { return make(index, kernels::parallel_for); }

  /// On the calling thread: the others have the network to compute. Gives up when nobody wants the batch any more.
  Batch make_ahead(std::int64_t index, const std::stop_token& stop) const {
    return make(index, [&](std::int64_t count, std::int64_t /*grain*/, const auto& body) {
      for (std::int64_t i = 0; i < count && !stop.stop_requested(); ++i) body(i, i + 1);
    });
  }
};

Epoch::Epoch(Plan plan) : plan_(std::make_shared<const Plan>(std::move(plan))) {
  const std::int64_t prefetch = plan_->options.prefetch;
  if (prefetch == 0 || !plan_->slow()) return;
  const int threads = std::min(static_cast<int>(prefetch), kernels::num_threads());
  ahead_ = std::make_shared<Prefetcher<Batch>>(
      plan_->batches(), prefetch, threads,
      [plan = plan_](std::int64_t index, const std::stop_token& stop) { return plan->make_ahead(index, stop); });
}

std::int64_t Epoch::size() const { return plan_->batches(); }

Batch Epoch::operator[](std::int64_t index) const {
  check(index >= 0 && index < size(), "Epoch: expected a batch in [0, {}), got {}", size(), index);
  return ahead_ ? ahead_->get(index) : plan_->make_now(index);
}

Epoch::Iterator Epoch::begin() const { return {*this, 0}; }
Epoch::Iterator Epoch::end() const { return {*this, size()}; }

DataLoader::DataLoader(Dataset data, const DataLoaderOptions& options) : data_(std::move(data)), options_(options) {
  check(options.batch_size >= 1, "DataLoader: expected a batch_size of at least 1, got {}", options.batch_size);
  check(is_floating(options.dtype), "DataLoader: expected dtype float32 or float64, got {}", options.dtype);
  check(options.prefetch >= 0 && options.prefetch <= 64, "DataLoader: expected prefetch in [0, 64], got {}",
        options.prefetch);
  check_augmentation("DataLoader", options.augmentation, data_.image_shape());
  targets_ = motion_of_targets(data_, options.augmentation);
}

std::int64_t DataLoader::batches() const { return (data_.size() - 1) / options_.batch_size + 1; }

Epoch DataLoader::epoch(std::int64_t number) const {
  check(number >= 0, "DataLoader::epoch: expected a number of 0 or more, got {}", number);
  Epoch::Plan plan{data_, options_, targets_, static_cast<std::uint64_t>(number),
                   std::vector<std::int64_t>(static_cast<std::size_t>(data_.size()))};
  if (options_.shuffle) {
    plan.order = RandomStream(options_.seed, streams::epochs + plan.number).permutation(data_.size());
  } else {
    std::iota(plan.order.begin(), plan.order.end(), std::int64_t{0});
  }
  return Epoch(std::move(plan));
}

}  // namespace xtape
