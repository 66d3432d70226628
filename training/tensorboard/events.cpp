#include "training/tensorboard/events.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <event.pb.h>
#include <limits>

#include "framework/io/image.hpp"
#include "framework/io/utf8.hpp"
#include "framework/io/with_place.hpp"

namespace xtape::events {
namespace {

using xtape_tensorboard::Event;
using xtape_tensorboard::TensorProto;

constexpr std::size_t buckets = 30;  // TensorBoard's default

Event event_at(const Moment& moment) {
  Event event;
  event.set_wall_time(moment.wall_time);
  event.set_step(moment.step);
  return event;
}

/// An event with one value, which the plugin of this name shows.
std::string summary(const Moment& moment, const std::string& tag, const char* plugin, TensorProto tensor) {
  check(!tag.empty(), "EventFile: expected a tag, got an empty one");
  with_place("EventFile", "tag", [&] { check_name(tag); });
  Event event = event_at(moment);
  auto* const value = event.mutable_summary()->add_value();
  value->set_tag(tag);
  value->mutable_metadata()->mutable_plugin_data()->set_plugin_name(plugin);
  *value->mutable_tensor() = std::move(tensor);
  return event.SerializeAsString();
}

TensorProto tensor_of(xtape_tensorboard::DataType dtype, std::initializer_list<std::size_t> shape) {
  TensorProto tensor;
  tensor.set_dtype(dtype);
  tensor.mutable_tensor_shape();
  for (const std::size_t extent : shape) {
    tensor.mutable_tensor_shape()->add_dim()->set_size(static_cast<std::int64_t>(extent));
  }
  return tensor;
}

/// The bytes of numbers in the order of the machine, which is little-endian wherever xtape runs.
template <class Values>
std::string bytes_of(const Values& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])};
}

struct Bucket {
  double left, right, count;
};

/// Buckets of equal width from the smallest to the largest value. If all values are equal, they are in the last one.
std::array<Bucket, buckets> distribution(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  std::array<Bucket, buckets> result{};
  if (values.empty()) return result;
  const auto [low, high] = std::ranges::minmax(values);
  constexpr double half = 0.5;  // differences of halves do not overflow
  const double first = half * low, width = (half * high - first) / buckets;
  for (std::size_t i = 0; i < buckets; ++i) {
    result[i].left = (first + static_cast<double>(i) * width) / half;
    result[i].right = i + 1 < buckets ? (first + static_cast<double>(i + 1) * width) / half : high;
  }
  for (const double value : values) {
    const double at = width > 0 ? std::floor((half * value - first) / width) : double{buckets};
    ++result[std::min(static_cast<std::size_t>(at), buckets - 1)].count;
  }
  return result;
}

/// One image (height, width, channels) of a batch, as uint8.
Tensor pixels(const Tensor& images, std::int64_t i) {
  Tensor image = images[i];
  if (image.dtype() == DType::uint8) return image;
  Tensor result = Tensor::empty(image.shape(), DType::uint8);
  with_floating("EventFile", image.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::transform(image.data<T>(), image.data<T>() + image.size(), result.mutable_data<std::uint8_t>(), [](T value) {
      const double clipped = value > 0 ? std::min<double>(value, 1) : 0;  // NaN: 0
      return static_cast<std::uint8_t>(std::lround(255 * clipped));
    });
  });
  return result;
}

}  // namespace

std::string version(const Moment& moment) {
  Event event = event_at(moment);
  event.set_file_version("brain.Event:2");
  return event.SerializeAsString();
}

std::string scalar(const Moment& moment, const std::string& tag, double value) {
  TensorProto tensor = tensor_of(xtape_tensorboard::DT_FLOAT, {});
  tensor.set_tensor_content(bytes_of(std::array{static_cast<float>(value)}));
  return summary(moment, tag, "scalars", std::move(tensor));
}

std::string histogram(const Moment& moment, const std::string& tag, const Tensor& values) {
  TensorProto tensor = tensor_of(xtape_tensorboard::DT_DOUBLE, {buckets, 3});
  tensor.set_tensor_content(bytes_of(distribution(values.to_vector())));
  return summary(moment, tag, "histograms", std::move(tensor));
}

std::string images(const Moment& moment, const std::string& tag, const Tensor& images) {
  check(images.rank() == 4 && images.dim(0) > 0 && (images.dim(3) == 1 || images.dim(3) == 3) &&
            (is_floating(images.dtype()) || images.dtype() == DType::uint8),
        "EventFile: expected images (n, height, width, 1 or 3), floating or uint8, for {}, got {} {}", tag,
        images.dtype(), images.shape());
  TensorProto tensor = tensor_of(xtape_tensorboard::DT_STRING, {2 + static_cast<std::size_t>(images.dim(0))});
  tensor.add_string_val(std::to_string(images.dim(2)));
  tensor.add_string_val(std::to_string(images.dim(1)));
  for (std::int64_t i = 0; i < images.dim(0); ++i) tensor.add_string_val(encode_png(pixels(images, i)));
  return summary(moment, tag, "images", std::move(tensor));
}

}  // namespace xtape::events
