#include "examples/train/starting_model.hpp"

#include "examples/program.hpp"
#include "framework/amount.hpp"

namespace xtape {

StartingModel load_starting_model(const std::string& path, const std::string& scale, std::optional<std::int64_t> size) {
  const LoadedModel loaded = load_any_model(path);
  const Model& model = loaded.model;
  check(model.inputs().size() == 1 && model.output_nodes().size() == 1 && model.input_shape().rank() == 3 &&
            model.output_shape().rank() == 1,
        "train: expected a model that gives classes for images after --from, got {} for {} in {}",
        batch_shape_text(model.output_shape()), batch_shape_text(model.input_shape()), path);
  const Shape image = image_shape("train", model, path, size);
  const std::string known = scale.empty() ? loaded.image_scale : scale;
  return {model, known.empty() ? "0..1" : image_scale(known).name, image};
}

Model with_classes(const StartingModel& start, const Dataset& data, std::uint64_t seed) {
  const Model& model = start.model;
  check(data.input_shape() == start.image, "train: expected images {} for the network, got {}", start.image,
        data.input_shape());
  if (model.output_shape()[0] == data.classes()) return model;
  const std::vector<ModelNode>& nodes = model.nodes();
  std::size_t last = model.output_nodes()[0].node;
  while (nodes[last].layer->type() == "Activation" || nodes[last].layer->type() == "Softmax") {
    last = nodes[last].inputs[0].node;
  }
  const Layer& replaced = *nodes[last].layer;
  check(replaced.type() == "Dense",
        "train: expected data of {} classes, or a network that ends in a dense layer, which could be replaced, got {} "
        "classes and {} as the last layer",
        model.output_shape()[0], data.classes(), replaced.title());
  const NodeOutput before = nodes[last].inputs[0];
  const std::string name = replaced.name() + "_new";
  fmt::print("the last layer {} ({}) is replaced by {} ({})\n", replaced.name(),
             amount(model.output_shape()[0], "output"), name, amount(data.classes(), "output"));
  return Model(model.inputs(),
               {Dense({.units = data.classes(), .name = name})(nodes[before.node].outputs[before.output])},
               {.name = model.name(), .seed = seed});
}

Loss loss_of(const Model& model) {
  if (model.output_activation() != "softmax") return loss::softmax_cross_entropy();
  // softmax(log p) is p, so this is the cross-entropy of the probabilities p
  return {"softmax_cross_entropy of logarithms",
          [](const Variable& p, const Tensor& labels) { return softmax_cross_entropy(log(clip(p, 1e-7, 1)), labels); },
          {.outputs = LossOutputs::probabilities, .targets = LossTargets::classes}};
}

}  // namespace xtape
