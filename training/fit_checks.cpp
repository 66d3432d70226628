#include "training/fit_checks.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

#include "framework/ops/label_checks.hpp"
#include "layers/softmax.hpp"
#include "training/broadcast_check.hpp"

namespace xtape {

void check_images(std::string_view function, const Model& model, const Shape& images) {
  const std::size_t inputs = model.input_nodes().size(), outputs = model.output_nodes().size();
  check(inputs == 1 && outputs == 1,
        "{}: expected a model of one input and one output, got model {} of {} and {}; call it with Model::call() in a "
        "loop",
        function, model.name(), inputs, outputs);
  check(images.rank() > 0 && model.input_shape().matches(images.without(0)),
        "{}: expected images {} for model {}, got {}", function, batch_shape_text(model.input_shape()), model.name(),
        images);
}

void check_data(std::string_view function, const Model& model, const Dataset& data) {
  check_images(function, model, data.image_shape().prepended(data.size()));
  if (data.classes() == 0) return;  // only the loss knows which targets it takes
  const Shape output = model.output_shape();
  check(output.rank() == 1 && output[0] >= data.classes(),
        "{}: expected a model with an output for each of the {} classes of the data, got output shape {}", function,
        data.classes(), batch_shape_text(output));
  check(
      output[0] > 1,
      "{}: expected a model with at least 2 outputs for data with classes, got output shape {}; for one yes-no answer "
      "a sample give floating targets (n, 1) without classes, and sigmoid_cross_entropy as the loss",
      function, batch_shape_text(output));
  check(!is_floating(data.labels().dtype()) || output[0] == data.classes(),
        "{}: expected a model with {} outputs for labels that are distributions of {} classes, got output shape {}",
        function, data.classes(), data.classes(), batch_shape_text(output));
}

namespace {

using PlainLoss = Variable (*)(const Variable&, const Tensor&, const Tensor&);

bool is(const LossFunction& loss, PlainLoss known) {
  return loss.target<PlainLoss>() && *loss.target<PlainLoss>() == known;
}

bool takes_classes(const LossFunction& loss) {
  return is(loss, softmax_cross_entropy) || loss.target<SmoothedCrossEntropy>();
}

/// Whether it compares each output with a target of its own.
bool is_elementwise(const LossFunction& loss) {
  return is(loss, sigmoid_cross_entropy) || is(loss, binary_cross_entropy) || is(loss, mean_squared_error);
}

/// The layer that Model::output_activation() is of.
const Layer& last_activation(const Model& model) {
  std::size_t node = model.output_nodes().front().node;
  const std::vector<ModelNode>& nodes = model.nodes();
  while (nodes[node].layer->keeps_activation() && !nodes[node].inputs.empty()) {
    node = nodes[node].inputs.front().node;
  }
  return *nodes[node].layer;
}

/// Error for a softmax of which every result is 1: nothing before it would be trained.
void check_softmax_layers(std::string_view function, const Model& model) {
  for (const ModelNode& node : model.nodes()) {
    if (const std::optional<Model> inner = Model::from_layer(node.layer)) {
      check_softmax_layers(function, *inner);
    } else if (node.layer->output_activation() == "softmax" && node.shape().rank() > 0) {
      const auto* layer = dynamic_cast<const SoftmaxLayer*>(node.layer.get());
      const int axis = layer ? layer->axis() : -1;
      check(node.shape()[axis > 0 ? axis - 1 : axis] != 1,
            "{}: expected a softmax over at least 2 numbers, got layer {} with output shape {}, which always gives 1; "
            "use a sigmoid",
            function, node.layer->name(), batch_shape_text(node.shape()));
    }
  }
}

/// Whether a sample has a weight above 0.
bool any_counts(const Dataset& data, const std::vector<double>& class_weights) {
  std::vector<double> weights(static_cast<std::size_t>(data.size()), 1);
  if (data.weights().defined()) weights = data.weights().to_vector();
  if (!class_weights.empty()) {
    const Tensor classes = classes_of_labels(data.labels());
    const auto* label = classes.data<std::int64_t>();
    for (double& weight : weights) weight *= class_weights[static_cast<std::size_t>(*label++)];
  }
  return std::ranges::any_of(weights, [](double weight) { return weight > 0; });
}

}  // namespace

void check_loss(std::string_view function, const Model& model, const LossFunction& loss) {
  check(static_cast<bool>(loss), "{}: expected a loss function, got an empty one", function);
  const std::string ending = model.output_activation();
  const PartialShape& output = model.output_shape();
  const bool makes_probabilities = ending == "softmax" || ending == "sigmoid";
  check(!makes_probabilities || !(takes_classes(loss) || is(loss, sigmoid_cross_entropy)),
        "{}: expected a model that gives logits, as {} takes them, got one that ends in layer {} with {}; leave it out",
        function, takes_classes(loss) ? "softmax_cross_entropy" : "sigmoid_cross_entropy",
        last_activation(model).name(), ending);
  check_softmax_layers(function, model);
  check(!takes_classes(loss) || output.rank() != 1 || output[0] != 1,
        "{}: expected a model of at least 2 outputs for softmax_cross_entropy, got output shape {}, for which the loss "
        "is always 0; use sigmoid_cross_entropy with floating targets (n, 1)",
        function, batch_shape_text(output));
}

namespace {

/// Targets without classes under a loss of classes, as a regression has them that names no loss.
void check_rows(std::string_view function, const Tensor& targets) try {
  check_distributions(function, targets);
} catch (const Error& error) {
  fail(
      "{}; softmax_cross_entropy, the default loss, is for classes: name another one for other targets, such as "
      "{{.loss = mean_squared_error}}",
      error.what());
}

}  // namespace

void check_targets(std::string_view function, const Model& model, const Dataset& data, const LossFunction& loss,
                   std::int64_t batch_size, const std::vector<double>& class_weights) {
  check(any_counts(data, class_weights),
        "{}: expected weights of which some are above 0, got only samples of weight 0, for which the loss is always 0",
        function);
  check(loss.takes_weights() || (!data.weights().defined() && class_weights.empty()),
        "{}: expected a loss(outputs, labels, weights) for data with weights, got one of two arguments", function);
  const bool numbers = !is_floating(data.labels().dtype());
  check(!numbers || !is_elementwise(loss),
        "{}: expected softmax_cross_entropy for labels that are class numbers, got {}; for this loss give one-hot "
        "targets, floating (n, {})",
        function, to_string(loss), data.classes());
  if (!takes_classes(loss) && !is_elementwise(loss)) {
    check_broadcasts(function, model, data, loss, batch_size, class_weights);
    return;
  }
  if (data.classes() > 0) return;  // Dataset has seen to the labels
  const std::int64_t batch = std::min(batch_size, data.size());
  const Shape outputs = model.output_shape().prepended(batch), targets = data.labels().shape().replaced(0, batch);
  check(!broadcast_apart(outputs, targets),
        "{}: expected targets {} like the outputs of model {}, got {}, which would be compared with the outputs of "
        "other samples; reshape them",
        function, batch_shape_text(model.output_shape()), model.name(), data.labels().shape());
  if (takes_classes(loss) && data.labels().rank() == 2) check_rows(function, data.labels());
}

void check_outputs(std::string_view function, const LossFunction& loss, const Tensor& outputs) {
  if (!is(loss, binary_cross_entropy)) return;
  constexpr double rounding = 1e-3;
  with_floating(function, outputs.dtype(), [&](auto zero) {
    const std::span all(outputs.data<decltype(zero)>(), static_cast<std::size_t>(outputs.size()));
    const auto wrong = std::ranges::find_if(all, [](auto p) { return p < -rounding || p > 1 + rounding; });
    if (wrong != all.end()) {
      fail(
          "{}: expected a model that gives probabilities, as binary_cross_entropy takes them, got the output {}; end "
          "it in a sigmoid, or use sigmoid_cross_entropy",
          function, *wrong);
    }
  });
}

namespace {

void check_class_weights(const Dataset& train, const std::vector<double>& weights) {
  if (weights.empty()) return;
  check(train.classes() > 0,
        "fit: expected no class_weights for data without classes, got {}; give each sample its weight with "
        "Dataset::weighted",
        weights.size());
  check(std::ssize(weights) == train.classes(), "fit: expected a class weight for each of the {} classes, got {}",
        train.classes(), weights.size());
  for (const double weight : weights) {
    check(std::isfinite(weight) && weight >= 0, "fit: expected finite class weights of at least 0, got {}", weight);
  }
}

/// Whether something will be trained, and whether it is what the user thinks.
void check_trained(const Model& model, const Optimizer& optimizer, bool partial_optimizer) {
  const std::vector<Parameter> all = model.parameters();
  std::vector<Parameter> trainable = all;
  std::erase_if(trainable, [](const Parameter& parameter) { return !parameter.trainable(); });
  const auto is_its = [&optimizer](const Parameter& parameter) { return optimizer.has(parameter); };
  check(std::ranges::any_of(all, is_its),
        "fit: expected an optimizer of the parameters of model {}, got one of other parameters; make it with {}",
        model.name(), "model.parameters()");
  check(!trainable.empty(),
        "fit: expected a model with a layer to train, got {} with all of its layers frozen; call set_trainable(true)",
        model.name());
  check(std::ranges::any_of(trainable, is_its),
        "fit: expected an optimizer of parameters of model {} that are not frozen, got one that has only frozen ones; "
        "make it with model.parameters()",
        model.name());
  const auto left = std::ranges::find_if_not(trainable, is_its);
  if (partial_optimizer || left == trainable.end()) return;
  fail(
      "fit: expected an optimizer of all trainable parameters of model {}, got one without {} of them, such as {}; "
      "make "
      "it with model.parameters(), freeze the others, or set partial_optimizer to leave them as they are",
      model.name(), std::ranges::count_if(trainable, std::not_fn(is_its)), left->name());
}

}  // namespace

void check_fit(const Model& model, const Optimizer& optimizer, const Dataset& train, const FitOptions& options) {
  check(options.epochs >= 1, "fit: expected at least 1 epoch, got {}", options.epochs);
  check(
      !options.initial_epoch || (*options.initial_epoch >= 0 && *options.initial_epoch < options.epochs),
      "fit: expected an initial_epoch of at least 0 and below epochs, which is the number of the last one, got {} and "
      "{}",
      options.initial_epoch.value_or(0), options.epochs);
  check(options.batch_size >= 1, "fit: expected a batch_size of at least 1, got {}", options.batch_size);
  check_data("fit", model, train);
  if (options.validation) check_data("fit, validation", model, *options.validation);
  check_loss("fit", model, options.loss);
  check_class_weights(train, options.class_weights);
  check_targets("fit", model, train, options.loss, options.batch_size, options.class_weights);
  if (options.validation) {
    check_targets("fit, validation", model, *options.validation, options.loss, options.batch_size);
  }
  check(std::ranges::none_of(options.callbacks, [](const auto& callback) { return callback == nullptr; }),
        "fit: expected callbacks, got a null pointer");
  check_trained(model, optimizer, options.partial_optimizer);
}

}  // namespace xtape
