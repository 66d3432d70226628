// The workloads of the benchmark: a network, the size of its input, and a task.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace xtape::bench {

/// What a step does. train: forward pass, loss, backward pass and Adam's update. infer: a forward pass in inference
/// mode. gradcheck: a check of all derivatives in float64 along random directions.
enum class Task { train, infer, gradcheck };

/// The description of a workload, from which both sides build their network.
struct Workload {
  std::string name;
  std::string network;  ///< "resnet50", "convnet", "mobilenet_v2" or "unet"
  Task task = Task::train;
  std::int64_t image_size = 64;  ///< height and width of images with 3 channels
  std::int64_t classes = 6;      ///< outputs for each image; for each pixel of unet
  std::int64_t batch = 32;
  bool global_pooling = false;  ///< average pooling before the last layer of resnet50: global, or with 2x2 windows
  bool exact = false;           ///< xtape computes every convolution by its definition
  bool recompute = false;       ///< xtape recomputes activations in the backward pass (gradient checkpointing)

  bool trains() const { return task == Task::train; }
  /// Whether libtorch can run the workload. It has no gradient check of this kind.
  bool has_peer() const { return task != Task::gradcheck; }
};

/// The workloads of the table, in the order of its rows.
const std::vector<Workload>& workloads();

/// A description such as "ResNet-50, 64x64x3, 6 classes, batch 32: training step with Adam".
std::string description(const Workload& workload);

/// The workload as JSON, for the command line of a worker.
std::string to_text(const Workload& workload);
/// Parses the result of to_text. Error if the text has another form.
Workload workload_from(std::string_view text);

}  // namespace xtape::bench
