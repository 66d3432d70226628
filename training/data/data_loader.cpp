#include "training/data/data_loader.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "framework/amount.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "framework/tensor/random.hpp"
#include "framework/tensor/streams.hpp"
#include "training/data/prefetch.hpp"

namespace xtape {
namespace {

/// Converts `size` elements of a tensor, from `offset` on. uint8 is divided by 255 if the result is floating.
template <class Target>
void convert(const Tensor& source, std::int64_t offset, std::int64_t size, Target* out) {
  with_type(source.dtype(), [&](auto zero) {
    using Source = decltype(zero);
    constexpr Target scale = dtype_of<Source> == DType::uint8 ? 255 : 1;
    const Source* first = source.data<Source>() + offset;
    std::transform(first, first + size, out, [](Source value) { return static_cast<Target>(value) / scale; });
  });
}

/// The element type in a batch of values that are stored as `stored`.
DType type_in_batch(DType stored, DType dtype) { return stored == DType::int64 ? stored : dtype; }

/// The rows with these indices, converted to the element type of a batch.
Tensor gathered(const Tensor& source, std::span<const std::int64_t> indices, DType dtype) {
  const std::int64_t row = source.size() / source.dim(0);
  const DType type = type_in_batch(source.dtype(), dtype);
  Tensor result = Tensor::empty(source.shape().replaced(0, std::ssize(indices)), type);
  with_type(type, [&](auto zero) {
    auto* out = result.mutable_data<decltype(zero)>();
    for (const std::int64_t i : indices) convert(source, i * row, row, std::exchange(out, out + row));
  });
  return result;
}

bool is_image(const Shape& sample) { return sample.rank() == 3; }

/// Shape of one sample of the first input that is an image; of the first input when none is.
const Shape& image_shape(const Dataset& data) {
  const auto found = std::ranges::find_if(data.input_shapes(), is_image);
  return found == data.input_shapes().end() ? data.input_shapes().front() : *found;
}

/// Whether the targets are the images `input` themselves, with equal values or divided by 255.
bool are_images(const Tensor& targets, const Tensor& input) {
  if (targets.size() != input.size()) return false;
  return with_type(input.dtype(), [&](auto image_zero) {
    using Pixel = decltype(image_zero);
    const std::span pixels(input.data<Pixel>(), static_cast<std::size_t>(targets.size()));
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

/// How the target follows the images. Error when its values belong to positions of the images, which augmentation
/// moves, and it cannot follow them.
TargetMotion motion_of(const Target& target, const Dataset& data, const Augmentation& augmentation) {
  if (!augmentation.moves()) return TargetMotion::none;
  const Shape& image = image_shape(data);
  const Tensor& values = target.values;
  const std::int64_t pixels = image[0] * image[1];
  std::int64_t numbers = values.size() / data.size();  // of one sample
  if (target.classes > 0) {
    if (is_floating(values.dtype())) numbers /= target.classes;
    if (numbers == 1) return TargetMotion::none;  // one label for the whole sample
  }
  const bool has_places = values.rank() >= 3;
  check(has_places || pixels == 1 || numbers % pixels != 0,
        "DataLoader: expected targets (n, {}, {}, ...) that can be moved with the images, got {}, {}; reshape them, or "
        "leave out flip, rotation, zoom and shift",
        image[0], image[1], values.shape(),
        numbers == image.size() ? "as many numbers as an image has"
                                : amount(numbers / pixels, "number") + " for each pixel of an image");
  if (!has_places) return TargetMotion::none;
  check(values.dim(1) == image[0] && values.dim(2) == image[1],
        "DataLoader: expected targets (n, {}, {}, ...) that can be moved with the images, got {}; leave out flip, "
        "rotation, zoom and shift",
        image[0], image[1], values.shape());
  if (target.classes > 0) {
    const bool ignored = target.ignored_label && !is_floating(values.dtype());
    return ignored ? TargetMotion::nearest : TargetMotion::nearest_inside;
  }
  if (data.in_memory() && std::ranges::any_of(data.inputs(), [&](const Tensor& input) {
        return is_image(input.shape().without(0)) && are_images(values, input);
      })) {
    return TargetMotion::interpolated;
  }
  return with_floating("DataLoader", values.dtype(), [&](auto zero) {
    const std::span all(values.data<decltype(zero)>(), static_cast<std::size_t>(values.size()));
    const bool whole = std::ranges::all_of(all, [](auto value) { return value == std::floor(value); });
    if (!whole) return TargetMotion::interpolated;
    return std::ranges::find(all, 0) != all.end() ? TargetMotion::nearest : TargetMotion::nearest_inside;
  });
}

const Tensor& only(const char* what, const std::vector<Tensor>& all) {
  check(all.size() == 1, "Batch::{}: expected one, got {}; use {}s", what, all.size(), what);
  return all.front();
}

}  // namespace

std::int64_t batches_of(std::int64_t samples, const DataLoaderOptions& options) {
  return options.drop_last ? samples / options.batch_size : (samples - 1) / options.batch_size + 1;
}

const Tensor& Batch::input() const { return only("input", inputs); }
const Tensor& Batch::target() const { return only("target", targets); }

/// The data and options from which the batches of an epoch are made. It is constant, so several threads may make
/// batches.
struct Epoch::Plan {
  Dataset data;
  DataLoaderOptions options;
  std::vector<TargetMotion> motions;
  std::uint64_t number;
  std::vector<std::int64_t> order;

  std::int64_t batches() const { return batches_of(data.size(), options); }

  std::span<const std::int64_t> samples(std::int64_t batch) const {
    const std::int64_t first = batch * options.batch_size, size = std::min(data.size() - first, options.batch_size);
    const std::int64_t begin = begin_of_part(size, options.part, options.parts);
    const std::int64_t end = begin_of_part(size, options.part + 1, options.parts);
    return std::span(order).subspan(static_cast<std::size_t>(first + begin), static_cast<std::size_t>(end - begin));
  }

  /// Whether making a sample takes more than a copy.
  bool slow() const { return !data.in_memory() || options.augmentation.any(); }

  /// Copies the values of one sample to row `row` of a batch.
  static void write_row(const Tensor& values, Tensor& batch, std::int64_t row) {
    with_type(batch.dtype(), [&](auto zero) {
      // no other thread refers to the batch yet, so mutable_data() does not copy
      convert(values, 0, values.size(), batch.mutable_data<decltype(zero)>() + row * values.size());
    });
  }

  /// Writes the inputs of one sample, and those of its targets that augmentation moves, to row `row` of the batch.
  void write_sample(std::int64_t index, Batch& batch, std::int64_t row) const {
    std::vector<Tensor> inputs = data.sample(index);
    const Augmentation& augmentation = options.augmentation;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (augmentation.any() && is_image(inputs[i].shape())) {
        const Distortion distortion = draw_distortion(augmentation, inputs[i].shape(), options.seed, number, index);
        inputs[i] = distorted(inputs[i], distortion, augmentation.fill);
      }
      write_row(inputs[i], batch.inputs[i], row);
    }
    for (std::size_t i = 0; i < motions.size(); ++i) {
      if (motions[i] != TargetMotion::none) write_row(moved_target(i, index), batch.targets[i], row);
    }
  }

  /// The target, moved like the image of its sample; its values are not changed.
  Tensor moved_target(std::size_t which, std::int64_t index) const {
    const Shape& image = image_shape(data);
    Distortion distortion = draw_distortion(options.augmentation, image, options.seed, number, index);
    distortion.brightness = 0;
    distortion.contrast = 1;
    const Target& target = data.targets()[which];
    const Tensor old = target.values.rows(index, index + 1).reshaped({image[0], image[1], -1});
    const bool interpolated = motions[which] == TargetMotion::interpolated;
    const Fill fill = motions[which] == TargetMotion::nearest_inside ? Fill::edge : options.augmentation.fill;
    if (is_floating(old.dtype())) return distorted(old, distortion, fill, !interpolated);
    // the ignored label, which may be any integer, counts as 0, and a class as its number plus 1
    const std::int64_t ignored = target.ignored_label.value_or(-1);
    std::vector<std::int64_t> labels = old.to_vector<std::int64_t>();
    std::vector<double> numbers;
    for (const std::int64_t label : labels) numbers.push_back(label == ignored ? 0 : static_cast<double>(label) + 1);
    const Tensor moved = distorted(Tensor::of(old.shape(), numbers, DType::float64), distortion, fill, true);
    std::ranges::transform(moved.to_vector(), labels.begin(),
                           [ignored](double v) { return v == 0 ? ignored : static_cast<std::int64_t>(v) - 1; });
    return Tensor::of(old.shape(), labels);
  }

  /// Makes a batch. spread(count, grain, body) calls body(begin, end) for parts of [0, count): in a loop, or on several
  /// threads.
  template <class Spread>
  Batch make(std::int64_t index, const Spread& spread) const {
    const std::span<const std::int64_t> indices = samples(index);
    Batch batch;
    for (const Target& target : data.targets()) {
      batch.targets.push_back(gathered(target.values, indices, options.dtype));
    }
    for (std::size_t i = 0; i < data.targets().size(); ++i) {
      const Tensor weights = data.weight(i);
      if (!weights.defined() && batch.weights.empty()) continue;
      batch.weights.resize(data.targets().size());
      if (weights.defined()) batch.weights[i] = gathered(weights, indices, options.dtype);
    }
    for (std::size_t i = 0; i < data.input_shapes().size(); ++i) {
      const Shape shape = data.input_shapes()[i].prepended(std::ssize(indices));
      batch.inputs.push_back(Tensor::empty(shape, type_in_batch(data.input_dtypes()[i], options.dtype)));
    }
    if (slow()) {
      spread(std::ssize(indices), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) write_sample(indices[static_cast<std::size_t>(i)], batch, i);
      });
      return batch;
    }
    for (std::size_t input = 0; input < batch.inputs.size(); ++input) {
      const std::int64_t size = data.input_shapes()[input].size();
      with_type(batch.inputs[input].dtype(), [&](auto zero) {
        auto* const out = batch.inputs[input].mutable_data<decltype(zero)>();
        const std::int64_t grain = std::max<std::int64_t>(1, 32768 / size);
        spread(std::ssize(indices), grain, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) {
            convert(data.inputs()[input], indices[static_cast<std::size_t>(i)] * size, size, out + i * size);
          }
        });
      });
    }
    return batch;
  }

  /// Makes a batch on all threads.
  Batch make_now(std::int64_t index) const { return make(index, kernels::parallel_for); }

  /// Makes a batch on the calling thread, because the network uses the others. Stops early when the batch is no longer
  /// needed.
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
  check(!options.drop_last || options.batch_size <= data_.size(),
        "DataLoader: expected a batch_size of at most {}, the number of samples, with drop_last, got {}", data_.size(),
        options.batch_size);
  check(options.parts >= 1 && options.parts <= most_parts && options.part >= 0 && options.part < options.parts,
        "DataLoader: expected a part in [0, parts) and parts from 1 to {}, got {} and {}", most_parts, options.part,
        options.parts);
  check_augmentation("DataLoader", options.augmentation, image_shape(data_));
  for (const Target& target : data_.targets()) motions_.push_back(motion_of(target, data_, options.augmentation));
}

std::int64_t DataLoader::batches() const { return batches_of(data_.size(), options_); }

std::int64_t DataLoader::samples_of(std::int64_t index) const {
  return std::min(options_.batch_size, data_.size() - index * options_.batch_size);
}

std::int64_t DataLoader::samples() const { return std::min(data_.size(), batches() * options_.batch_size); }

Epoch DataLoader::epoch(std::int64_t number) const {
  check(number >= 0, "DataLoader::epoch: expected a number of 0 or more, got {}", number);
  Epoch::Plan plan{data_, options_, motions_, static_cast<std::uint64_t>(number),
                   std::vector<std::int64_t>(static_cast<std::size_t>(data_.size()))};
  if (options_.shuffle) {
    plan.order = RandomStream(options_.seed, streams::epochs + plan.number).permutation(data_.size());
  } else {
    std::iota(plan.order.begin(), plan.order.end(), std::int64_t{0});
  }
  return Epoch(std::move(plan));
}

}  // namespace xtape
