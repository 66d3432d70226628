// What is measured: a network, its images, and what is done with them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace xtape::bench {

/// A train step is forward pass, loss, backward pass and Adam's update; an infer step is a forward pass in inference
/// mode; a gradcheck step is a check of all derivatives in float64 along random directions.
enum class Task { train, infer, gradcheck };

/// A network by the numbers that make it. Both sides build their own from this.
struct Workload {
  std::string name;
  std::string network;  ///< "resnet50" or "convnet"
  Task task = Task::train;
  std::int64_t image_size = 64;  ///< height and width of images with 3 channels
  std::int64_t classes = 6;
  std::int64_t batch = 32;
  bool global_pooling = false;  ///< of resnet50, before its last layer; otherwise 2x2
  bool exact = false;           ///< xtape computes every convolution by its definition
  bool recompute = false;       ///< xtape computes values again on the way back instead of keeping them

  bool trains() const { return task == Task::train; }
  /// Whether libtorch has the same: it has no gradient check of this kind.
  bool has_peer() const { return task != Task::gradcheck; }
};

/// The workloads of the table, in its order.
const std::vector<Workload>& workloads();

/// "ResNet-50, 64x64x3, 6 classes, batch 32: training step".
std::string description(const Workload& workload);

/// As the workers get it on their command line.
std::string to_text(const Workload& workload);
/// Error when the text is not what to_text gives.
Workload workload_from(std::string_view text);

}  // namespace xtape::bench
