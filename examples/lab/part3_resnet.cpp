#include "examples/lab/part3_resnet.hpp"

#include <algorithm>

namespace xtape::lab {
namespace {

/// The row `name` of the summary: output shape, then the number of parameters.
Figure row(const Model& model, const std::string& name, std::vector<double> report) {
  const auto node = std::ranges::find(model.nodes(), name, [](const ModelNode& n) { return n.layer->name(); });
  std::vector<double> ours;
  if (node != model.nodes().end()) {
    double count = 0;
    for (const auto& [path, parameter] : node->layer->named_parameters()) {
      count += static_cast<double>(parameter.shape().size());
    }
    ours = extents(node->shape());
    ours.push_back(count);
  }
  return {"shape and parameters", name, std::move(report), std::move(ours), Printed::integer};
}

Figure total(const std::string& which, double report, std::int64_t ours) {
  return {"parameters", which, {report}, {static_cast<double>(ours)}, Printed::integer};
}

}  // namespace

std::vector<Figure> resnet_figures(const Model& model) {
  const std::string summary = model.summary();
  double columns = 0;
  for (const char* title : {"Layer (type)", "Output Shape", "Param #", "Connected to"}) {
    if (summary.find(title) != std::string::npos) ++columns;
  }
  return {{"summary", "columns with its titles", {4}, {columns}, Printed::integer},
          row(model, "input_1", {64, 64, 3, 0}),
          row(model, "zero_padding2d_1", {70, 70, 3, 0}),
          row(model, "conv1", {32, 32, 64, 9472}),
          row(model, "bn_conv1", {32, 32, 64, 256}),
          total("all", 23'600'006, model.parameter_count()),
          total("trainable", 23'546'886, model.trainable_count()),
          total("not trainable", 53'120, model.parameter_count() - model.trainable_count())};
}

}  // namespace xtape::lab
