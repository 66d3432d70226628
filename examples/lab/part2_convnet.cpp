#include "examples/lab/part2_convnet.hpp"

#include <algorithm>

namespace xtape::lab {
namespace {

Tensor parameter_value(const Model& model, const std::string& path) {
  for (const auto& [name, parameter] : model.named_parameters()) {
    if (name == path) return parameter.value();
  }
  fail("lab: the model {} has no parameter {}", model.name(), path);
}

}  // namespace

Model lab_conv_net() {
  return conv_net(ConvNetOptions{.kernel_initializer = glorot_uniform().with_stream(0), .seed = 1});
}

std::vector<Figure> convnet_figures() {
  const Model model = lab_conv_net();
  const Tensor w1 = parameter_value(model, "conv2d_1/kernel");
  const Tensor w2 = parameter_value(model, "conv2d_2/kernel");
  const auto flatten = std::ranges::find(model.nodes(), "Flatten", [](const ModelNode& n) { return n.layer->type(); });
  check(flatten != model.nodes().end(), "lab: the model {} has no Flatten layer", model.name());
  return {{"the network", "shape of W1", {4, 4, 3, 8}, extents(w1.shape()), Printed::integer},
          {"the network", "shape of W2", {2, 2, 8, 16}, extents(w2.shape()), Printed::integer},
          {"the network", "flatten, units", {64}, extents(flatten->shape()), Printed::integer},
          {"the network", "dense, units", {6}, extents(model.output_shape()), Printed::integer},
          {"initial weights",
           "W1[1,1,1]",
           {0.00131723, 0.1417614, -0.04434952, 0.09197326, 0.14984085, -0.03514394, -0.06847463, 0.05245192},
           elements(w1, {1, 1, 1})},
          {"initial weights",
           "W2[1,1,1]",
           {-0.08566415, 0.17750949, 0.11974221, 0.16773748, -0.0830943, -0.08058, -0.00577033, -0.14643836, 0.24162132,
            -0.05857408, -0.19055021, 0.1345228, -0.22779644, -0.1601823, -0.16117483, -0.10286498},
           elements(w2, {1, 1, 1})}};
}

}  // namespace xtape::lab
