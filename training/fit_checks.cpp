#include "training/fit_checks.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

#include "framework/amount.hpp"
#include "framework/ops/label_checks.hpp"
#include "layers/core/softmax.hpp"
#include "layers/normalization/batch_normalization.hpp"
#include "layers/normalization/sample_normalization.hpp"
#include "training/data/batch_weights.hpp"
#include "training/metrics/metrics.hpp"

namespace xtape {
namespace {

const PartialShape& input_shape(const Model& model, std::size_t index) {
  return model.nodes()[model.input_nodes()[index]].shape();
}
const PartialShape& output_shape(const Model& model, std::size_t index) {
  const NodeOutput output = model.output_nodes()[index];
  return model.nodes()[output.node].outputs[output.output].shape();
}

/// " for output price" if the model has several outputs; otherwise empty.
std::string of_output(const Model& model, std::size_t index) {
  return model.output_nodes().size() == 1 ? "" : " for output " + output_name(model, index);
}

}  // namespace

std::string input_text(const Model& model, std::size_t index) {
  const std::vector<std::size_t>& inputs = model.input_nodes();
  return fmt::format("inputs {} for {}model {}", batch_shape_text(input_shape(model, index)),
                     inputs.size() == 1 ? "" : model.nodes()[inputs[index]].layer->name() + " of ", model.name());
}

void check_inputs(std::string_view function, const Model& model, const Dataset& data) {
  const std::size_t inputs = model.input_nodes().size();
  check(data.input_shapes().size() == inputs, "{}: expected {} input{} for model {}, got {}", function, inputs,
        inputs == 1 ? "" : "s", model.name(), data.input_shapes().size());
  for (std::size_t i = 0; i < inputs; ++i) {
    check(input_shape(model, i).matches(data.input_shapes()[i]), "{}: expected {}, got {}", function,
          input_text(model, i), data.input_shapes()[i].prepended(data.size()));
  }
}

void check_data(std::string_view function, const Model& model, const Dataset& data) {
  check_inputs(function, model, data);
  const std::size_t outputs = model.output_nodes().size();
  check(data.targets().size() == outputs, "{}: expected {} for model {}, one for each output, got {}", function,
        amount(outputs, "target"), model.name(), data.targets().size());
  for (std::size_t i = 0; i < outputs; ++i) {
    const Target& target = data.targets()[i];
    if (target.classes == 0) continue;  // only the loss knows which targets without classes it accepts
    const PartialShape& output = output_shape(model, i);
    const Extent outputs_of_sample = output.rank() >= 1 ? output[-1] : Extent(0);
    const std::string which = of_output(model, i);
    check(!outputs_of_sample.known() || outputs_of_sample.value() >= target.classes,
          "{}: expected a model with an output for each of the {} classes of the data{}, got output shape {}", function,
          target.classes, which, batch_shape_text(output));
    check(outputs_of_sample != Extent(1),
          "{}: expected a model with at least 2 outputs for data with classes{}, got output shape {}; for one yes-no "
          "answer a sample give floating targets (n, 1) without classes, and sigmoid_cross_entropy as the loss",
          function, which, batch_shape_text(output));
    const bool distributions = is_floating(target.values.dtype());
    check(!distributions || PartialShape({outputs_of_sample}).matches(Shape{target.classes}),
          "{}: expected a model with {} outputs for labels that are distributions of {} classes{}, got output shape {}",
          function, target.classes, target.classes, which, batch_shape_text(output));
    const PartialShape wanted = distributions ? output : output.without(-1);
    const Shape given = target.values.shape().without(0);
    check(wanted.matches(given), "{}: expected labels {}{} for outputs {}, got {}{}", function,
          batch_shape_text(wanted), which, batch_shape_text(output), target.values.shape(),
          wanted.size() == Extent(given.size()) ? "; reshape them with .reshaped()"
          : output.matches(given)               ? "; convert one-hot rows with .to(DType::float32)"
                                                : "");
  }
}

namespace {

/// The layer that applied the activation of Model::output_activation().
const Layer& last_activation(const Model& model, std::size_t output) {
  std::size_t node = model.output_nodes()[output].node;
  const std::vector<ModelNode>& nodes = model.nodes();
  while (nodes[node].layer->keeps_activation() && !nodes[node].inputs.empty()) {
    node = nodes[node].inputs.front().node;
  }
  return *nodes[node].layer;
}

/// Error for a softmax over one number: its result is always 1, so the layers before it get no gradient.
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

/// What a layer always gives if its samples have the shape: "1"; empty if that depends on its inputs. (A softmax is
/// checked anywhere in a model.)
std::string constant_of(const Layer& layer, const PartialShape& shape) {
  const auto one_number = [&](const std::vector<std::int64_t>& axes) {
    return std::ranges::all_of(
        axes, [&](std::int64_t axis) { return shape[static_cast<int>(axis > 0 ? axis - 1 : axis)] == Extent(1); });
  };
  const std::string ending = layer.output_activation();
  if (shape.rank() == 0) return "";
  if (ending == "sparsemax" && one_number({-1})) return "1";
  if (ending == "log_softmax" && one_number({-1})) return "0";
  if (const auto* unit = dynamic_cast<const UnitNormalizationLayer*>(&layer);
      unit && one_number(unit->options().axis)) {
    return "1 or -1";
  }
  if (const auto* rms = dynamic_cast<const RMSNormalizationLayer*>(&layer); rms && one_number(rms->options().axis)) {
    return "a constant or its negative";
  }
  const auto* norm = dynamic_cast<const LayerNormalizationLayer*>(&layer);
  return norm && one_number(norm->options().axis) ? "a constant" : "";
}

/// Whether any target contributes to the loss: some sample has a weight above 0, and some label is not ignored.
bool any_counts(const Dataset& data, std::size_t target, const Loss& loss, const std::vector<double>& class_weights) {
  const auto& [values, classes, names, ignored] = data.targets()[target];
  if (loss.count(values) <= 0) return false;
  const Tensor weights = weights_of(data.weight(target), values, class_weights);
  if (!weights.defined()) return true;
  const std::vector<double> all = weights.to_vector();
  const bool one_label = ignored && values.rank() == 1;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] > 0 && !(one_label && values.data<std::int64_t>()[i] == *ignored)) return true;
  }
  return false;
}

void check_loss(std::string_view function, const Model& model, const Loss& loss, std::size_t output) {
  const std::string ending = model.output_activation(output);
  const PartialShape& shape = output_shape(model, output);
  const bool makes_probabilities = ending == "softmax" || ending == "sigmoid";
  check(!makes_probabilities || loss.outputs() != LossOutputs::logits,
        "{}: expected a model that gives logits, as {} takes them, got one that ends in layer {} with {}; leave it out",
        function, loss.name(), last_activation(model, output).name(), ending);
  const ModelNode& last = model.nodes()[model.output_nodes()[output].node];
  const std::string always = constant_of(*last.layer, shape);
  check(
      always.empty(),
      "{}: expected outputs that depend on the inputs, got those of layer {} with output shape {}, which always gives "
      "{}; leave it out or use a sigmoid",
      function, last.layer->name(), batch_shape_text(shape), always);
  const bool one = shape.rank() == 0 || shape[-1] == Extent(1);
  check(!one || loss.outputs() != LossOutputs::directions,
        "{}: expected a model of at least 2 outputs for {}, got output shape {}, for which the loss does not depend on "
        "their size; use mean_squared_error",
        function, loss.name(), batch_shape_text(shape));
  check(!one || loss.targets() != LossTargets::classes,
        "{}: expected a model of at least 2 outputs for {}, got output shape {}, for which the loss is always 0; use "
        "sigmoid_cross_entropy with floating targets (n, 1)",
        function, loss.name(), batch_shape_text(shape));
}

/// Error unless the rows are distributions, with advice for a regression without a named loss.
void check_rows(std::string_view function, const Tensor& targets) try {
  check_distributions(function, targets);
} catch (const Error& error) {
  fail_as(error,
          "{}; softmax_cross_entropy, the default loss, is for classes: name another one for other targets, such as "
          "{{.loss = loss::mean_squared_error()}}",
          error.what());
}

/// Error unless the loss accepts this target.
void check_target(std::string_view function, const Model& model, const Target& target, const Loss& loss,
                  std::size_t output) {
  const Tensor& values = target.values;
  if (loss.targets() == LossTargets::anything) return;
  const bool takes_classes = loss.targets() == LossTargets::classes;
  check(takes_classes || is_floating(values.dtype()),
        "{}: expected softmax_cross_entropy for labels that are class numbers, got {}; for this loss give one-hot "
        "targets, floating (n, {}), or let a custom loss say that it takes classes (LossOptions::targets)",
        function, loss.name(), target.classes);
  if (takes_classes && target.classes > 0) return;  // check_data() has checked them
  const PartialShape& shape = output_shape(model, output);
  check(shape.matches(values.shape().without(0)),
        "{}: expected targets {} like the outputs of model {}{}, got {}, which would be compared with the outputs of "
        "other samples; reshape them, or let a custom loss say that it takes them (LossOptions::targets)",
        function, batch_shape_text(shape), model.name(), of_output(model, output), values.shape());
  if (takes_classes) check_rows(function, values.reshaped({-1, values.dim(-1)}));
}

/// Error unless the loss accepts the values of the target, as the loader converts them.
void check_values(std::string_view function, const Model& model, const Tensor& values, const Loss& loss,
                  std::size_t output) try {
  loss.check_targets(is_floating(values.dtype()) ? values.to(model.dtype()) : values);
} catch (const Error& error) {
  fail_as(error, "{}: {}{}", function, error.what(), of_output(model, output));
}

}  // namespace

void check_losses(std::string_view function, const Model& model, const Objective& objective) {
  for (std::size_t i = 0; i < objective.outputs().size(); ++i) {
    check_loss(function, model, objective.outputs()[i].loss, i);
  }
  check_softmax_layers(function, model);
}

void check_targets(std::string_view function, const Model& model, const Dataset& data, const Objective& objective,
                   const std::vector<double>& class_weights) {
  for (std::size_t i = 0; i < objective.outputs().size(); ++i) {
    const Loss& loss = objective.outputs()[i].loss;
    check_target(function, model, data.targets()[i], loss, i);
    check_values(function, model, data.targets()[i].values, loss, i);
    check(any_counts(data, i, loss, class_weights),
          "{}: expected weights of which some are above 0 and labels that are not all ignored{}, got only samples of "
          "weight 0, for which the loss is always 0",
          function, of_output(model, i));
    check(loss.takes_weights() || (!data.weight(i).defined() && class_weights.empty()),
          "{}: expected a loss(outputs, targets, weights) for data with weights, got {}, of two arguments", function,
          loss.name());
  }
}

const Layer* synchronized_layer(const Model& model) {
  for (const auto& layer : model.all_layers()) {
    const auto* normalization = dynamic_cast<const BatchNormalizationLayer*>(layer.get());
    if (normalization && normalization->synchronized() && normalization->trainable()) return normalization;
  }
  return nullptr;
}

void check_synchronized(std::string_view function, const Model& model, const Shards& shards, std::int64_t smallest) {
  const Layer* layer = synchronized_layer(model);
  if (!layer || shards.count() == 1) return;
  check(shards.per_rank() == 1,
        "{}: expected one shard on each rank for layer {}, which is synchronized: the shards of a batch have to meet "
        "in it; got {} shards on {} ranks; run it on {} ranks",
        function, layer->name(), shards.count(), shards.ranks(), shards.count());
  check(smallest >= shards.count(),
        "{}: expected at least one sample in each shard of each batch for layer {}, which is synchronized, got a "
        "batch of {} for {} shards; choose another batch_size or set drop_last",
        function, layer->name(), smallest, shards.count());
}

void check_parts(std::string_view function, const Objective& objective, std::int64_t parts) {
  if (parts == 1) return;
  for (const OutputObjective& output : objective.outputs()) {
    check(output.loss.reduction() != LossReduction::whole_batch,
          "{}: expected one shard and no accumulate for the loss {}, which is not a mean or sum of the losses of a "
          "batch's parts; got {} parts",
          function, to_string(output.loss), parts);
  }
}

void check_outputs(std::string_view function, const Loss& loss, const Tensor& outputs) {
  if (loss.outputs() != LossOutputs::probabilities) return;
  constexpr double rounding = 1e-3;
  with_floating(function, outputs.dtype(), [&](auto zero) {
    const std::span all(outputs.data<decltype(zero)>(), static_cast<std::size_t>(outputs.size()));
    const auto wrong = std::ranges::find_if(all, [](auto p) { return p < -rounding || p > 1 + rounding; });
    if (wrong != all.end()) {
      fail(
          "{}: expected a model that gives probabilities, as {} takes them, got the output {}; end it in a sigmoid "
          "or softmax, or use the loss of logits, sigmoid_cross_entropy or softmax_cross_entropy",
          function, loss.name(), *wrong);
    }
  });
}

namespace {

void check_class_weights(const Dataset& train, const std::vector<double>& weights) {
  if (weights.empty()) return;
  check(train.targets().size() == 1,
        "fit: expected no class_weights for data with {} targets; give each sample its weights with Dataset::weighted",
        train.targets().size());
  check(train.classes() > 0,
        "fit: expected no class_weights for data without classes, got {}; give each sample its weight with "
        "Dataset::weighted",
        weights.size());
  check(std::ssize(weights) == train.classes(), "fit: expected a class weight for each of the {} classes, got {}",
        train.classes(), weights.size());
  const Shape& labels = train.target().shape();
  check(labels.rank() == (is_floating(train.target().dtype()) ? 2 : 1),
        "fit: expected class_weights for data with one label a sample, got labels {}", labels);
  for (const double weight : weights) {
    check(std::isfinite(weight) && weight >= 0, "fit: expected finite class weights of at least 0, got {}", weight);
  }
}

/// Error unless the optimizer has a trainable parameter of the model, and, without partial_optimizer, all of them.
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
  check(std::ranges::any_of(trainable, [&](const Parameter& parameter) { return optimizer.changes(parameter); }),
        "fit: expected an optimizer that changes a parameter of model {}, got one whose groups freeze all that are "
        "trainable",
        model.name());
  const auto left = std::ranges::find_if_not(trainable, is_its);
  if (partial_optimizer || left == trainable.end()) return;
  fail(
      "fit: expected an optimizer of all trainable parameters of model {}, got one without {} of them, such as {}; "
      "make "
      "it with model.parameters(), freeze the others, or set partial_optimizer to leave them as they are",
      model.name(), std::ranges::count_if(trainable, std::not_fn(is_its)), left->name());
}

void check_numbers(const FitOptions& options) {
  check(options.epochs >= 1, "fit: expected at least 1 epoch, got {}", options.epochs);
  check(
      !options.initial_epoch || (*options.initial_epoch >= 0 && *options.initial_epoch < options.epochs),
      "fit: expected an initial_epoch of at least 0 and below epochs, which is the number of the last one, got {} and "
      "{}",
      options.initial_epoch.value_or(0), options.epochs);
  check(options.batch_size >= 1, "fit: expected a batch_size of at least 1, got {}", options.batch_size);
  constexpr std::int64_t most = std::int64_t{1} << 30;  // products of these numbers cannot overflow
  check(options.accumulate >= 1 && options.accumulate <= most, "fit: expected accumulate from 1 to {}, got {}", most,
        options.accumulate);
  check(options.steps_per_epoch >= 0 && options.steps_per_epoch <= most,
        "fit: expected steps_per_epoch from 0 to {}, got {}", most, options.steps_per_epoch);
}

/// Whether the batches can be divided as Distributed says.
void check_shards(const Model& model, const Dataset& train, const FitOptions& options) {
  const Shards shards("fit", options.distributed);
  const std::int64_t batch = std::min(options.batch_size, train.size()), left = train.size() % batch;
  check(batch >= shards.count(),
        "fit: expected at least one sample of a batch for each of the {} shards, got a batch of {}; choose a larger "
        "batch_size or fewer shards and ranks",
        shards.count(), batch);
  const Distributed& distributed = options.distributed;
  check(distributed.bucket_bytes >= 1, "fit: expected bucket_bytes of at least 1, got {}", distributed.bucket_bytes);
  check(distributed.wire == Wire::full || model.dtype() == DType::float32,
        "fit: expected a float32 model for gradients that travel as {}, got {}", to_string(distributed.wire),
        model.dtype());
  check_synchronized("fit", model, shards, left > 0 && !options.drop_last ? left : batch);
}

/// Error if both have names for one class number, but different ones.
void check_class_names(const std::vector<std::string>& of_training, const std::vector<std::string>& of_validation) {
  const auto [ours, theirs] = std::ranges::mismatch(of_training, of_validation);
  if (ours == of_training.end() || theirs == of_validation.end()) return;
  fail(
      "fit: expected validation data with the class names of the training data, got \"{}\" for class {}, which is "
      "\"{}\" in the training data; give the names of the training data when the validation data is loaded",
      *theirs, ours - of_training.begin(), *ours);
}

}  // namespace

void check_fit(const Model& model, const Optimizer& optimizer, const Dataset& train, const FitOptions& options) {
  check_numbers(options);
  check_data("fit", model, train);
  const Objective objective("fit", model, train.targets(), options.loss, options.metrics);
  if (options.validation) {
    check_data("fit, validation", model, *options.validation);
    for (std::size_t i = 0; i < train.targets().size(); ++i) {
      check((train.targets()[i].classes > 0) == (options.validation->targets()[i].classes > 0),
            "fit: expected validation data with classes where the training data has them{}, got {} and {} classes",
            of_output(model, i), options.validation->targets()[i].classes, train.targets()[i].classes);
      check_class_names(train.targets()[i].class_names, options.validation->targets()[i].class_names);
    }
    static_cast<void>(
        Objective("fit, validation", model, options.validation->targets(), options.loss, options.metrics));
  }
  check_losses("fit", model, objective);
  check_parts("fit", objective, Shards("fit", options.distributed).count() * options.accumulate);
  check_class_weights(train, options.class_weights);
  check_targets("fit", model, train, objective, options.class_weights);
  if (options.validation) check_targets("fit, validation", model, *options.validation, objective);
  check(std::ranges::none_of(options.callbacks, [](const auto& callback) { return callback == nullptr; }),
        "fit: expected callbacks, got a null pointer");
  check_trained(model, optimizer, options.partial_optimizer);
  check(optimizer.complete(),
        "fit: expected an optimizer with all of its state, got one that a run with shard_optimizer has left when it "
        "ended in an Error; resume from a checkpoint with a new optimizer");
  check_shards(model, train, options);
}

}  // namespace xtape
