// The events in TensorBoard's files, as serialized messages (event.proto). Internal to training/.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "models/graph/model.hpp"

namespace xtape::events {

/// When an event happened.
struct Moment {
  double wall_time;       ///< seconds since 1970
  std::int64_t step = 0;  ///< the position on the horizontal axis
};

/// A step at the current time.
inline Moment now(std::int64_t step) {
  return {std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(), step};
}

/// The first event of a file.
std::string version(const Moment& moment);
/// A number, as tf.summary.scalar writes it.
std::string scalar(const Moment& moment, const std::string& tag, double value);
/// The distribution of the finite elements of a tensor in 30 buckets of equal width, as tf.summary.histogram writes it.
std::string histogram(const Moment& moment, const std::string& tag, const Tensor& values);
/// Images (n, height, width, 1 or 3), floating in [0, 1] or uint8, as tf.summary.image writes them. Values beyond are
/// clipped. Error for other tensors.
std::string images(const Moment& moment, const std::string& tag, const Tensor& images);
/// The layer graph of a model: one node for each call of a layer, with the shapes of its outputs. Models inside it are
/// groups of nodes.
std::string graph(const Moment& moment, const Model& model);

}  // namespace xtape::events
