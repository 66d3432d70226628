#include "benchmarks/workload.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "framework/error.hpp"

namespace xtape::bench {

const std::vector<Workload>& workloads() {
  const Workload large{.name = "resnet50-224-train",
                       .network = "resnet50",
                       .image_size = 224,
                       .classes = 1000,
                       .batch = 16,
                       .global_pooling = true};
  Workload recomputing = large;
  recomputing.name = "resnet50-224-train-recompute";
  recomputing.recompute = true;
  static const std::vector<Workload> all{
      {.name = "resnet50-64-train", .network = "resnet50"},
      {.name = "resnet50-64-train-exact", .network = "resnet50", .exact = true},
      large,
      recomputing,
      {.name = "convnet-64-train", .network = "convnet", .batch = 64},
      {.name = "resnet50-64-infer-32", .network = "resnet50", .task = Task::infer},
      {.name = "resnet50-64-infer-1", .network = "resnet50", .task = Task::infer, .batch = 1},
      {.name = "mobilenet-v2-96-train", .network = "mobilenet_v2", .image_size = 96, .batch = 32},
      {.name = "mobilenet-v2-224-train", .network = "mobilenet_v2", .image_size = 224, .classes = 1000, .batch = 8},
      {.name = "mobilenet-v2-224-infer-16",
       .network = "mobilenet_v2",
       .task = Task::infer,
       .image_size = 224,
       .classes = 1000,
       .batch = 16},
      {.name = "mobilenet-v2-224-infer-1",
       .network = "mobilenet_v2",
       .task = Task::infer,
       .image_size = 224,
       .classes = 1000,
       .batch = 1},
      {.name = "unet-64-train", .network = "unet", .classes = 2, .batch = 4},
      {.name = "unet-128-infer-1", .network = "unet", .task = Task::infer, .image_size = 128, .classes = 2, .batch = 1},
      {.name = "gradcheck-resnet50", .network = "resnet50", .task = Task::gradcheck, .batch = 2},
  };
  return all;
}

std::string description(const Workload& w) {
  static const std::map<std::string, std::string> names{
      {"resnet50", "ResNet-50"}, {"convnet", "ConvNet"}, {"mobilenet_v2", "MobileNet V2"}, {"unet", "U-Net"}};
  const char* what = w.task == Task::train   ? "training step with Adam"
                     : w.task == Task::infer ? "inference"
                                             : "gradient check in float64, one direction";
  return fmt::format("{}, {}x{}x3, {} classes, batch {}: {}{}{}", names.at(w.network), w.image_size, w.image_size,
                     w.classes, w.batch, what, w.exact ? ", exact convolutions" : "",
                     w.recompute ? ", recomputing" : "");
}

std::string to_text(const Workload& w) {
  return nlohmann::json{
      {"name", w.name},          {"network", w.network}, {"task", static_cast<int>(w.task)},   {"size", w.image_size},
      {"classes", w.classes},    {"batch", w.batch},     {"global_pooling", w.global_pooling}, {"exact", w.exact},
      {"recompute", w.recompute}}
      .dump();
}

Workload workload_from(std::string_view text) try {
  const auto json = nlohmann::json::parse(text);
  return {.name = json.at("name"),
          .network = json.at("network"),
          .task = static_cast<Task>(json.at("task").get<int>()),
          .image_size = json.at("size"),
          .classes = json.at("classes"),
          .batch = json.at("batch"),
          .global_pooling = json.at("global_pooling"),
          .exact = json.at("exact"),
          .recompute = json.at("recompute")};
} catch (const nlohmann::json::exception& error) {
  fail("benchmark worker: expected a workload as the driver writes it, got '{}' ({}); start it with ./run bench", text,
       error.what());
}

}  // namespace xtape::bench
