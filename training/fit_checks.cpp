#include "training/fit_checks.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace xtape {

void check_images(std::string_view function, const Model& model, const Shape& images) {
  check(images.rank() > 0 && images.without(0) == model.input_shape(), "{}: expected images {} for model {}, got {}",
        function, batch_shape_text(model.input_shape()), model.name(), images);
}

void check_data(std::string_view function, const Model& model, const Dataset& data) {
  check_images(function, model, data.image_shape().prepended(data.size()));
  if (data.classes() == 0) return;  // only the loss knows which targets it takes
  const Shape& output = model.output_shape();
  check(output.rank() == 1 && output[0] >= data.classes(),
        "{}: expected a model with an output for each of the {} classes of the data, got output shape {}", function,
        data.classes(), batch_shape_text(output));
}

void check_loss(std::string_view function, const Model& model, const LossFunction& loss) {
  check(static_cast<bool>(loss), "{}: expected a loss function, got an empty one", function);
  using Plain = Variable (*)(const Variable&, const Tensor&, const Tensor&);
  const std::string ending = model.output_layer().output_activation();
  const auto is = [&](Plain known) { return loss.target<Plain>() && *loss.target<Plain>() == known; };
  const bool takes_logits = is(softmax_cross_entropy) || loss.target<SmoothedCrossEntropy>();
  for (const auto& [taken, name, activation] :
       {std::tuple<bool, const char*, const char*>{takes_logits, "softmax_cross_entropy", "softmax"},
        {is(sigmoid_cross_entropy), "sigmoid_cross_entropy", "sigmoid"}}) {
    check(
        !taken || ending != activation,
        "{}: expected a model that gives logits, as {} takes them, got one that ends in layer {} with {}; leave it out",
        function, name, model.output_layer().name(), activation);
  }
}

namespace {

void check_class_weights(const Dataset& train, const std::vector<double>& weights) {
  if (weights.empty()) return;
  check(std::ssize(weights) == train.classes(), "fit: expected a class weight for each of the {} classes, got {}",
        train.classes(), weights.size());
  for (const double weight : weights) {
    check(std::isfinite(weight) && weight >= 0, "fit: expected finite class weights of at least 0, got {}", weight);
  }
}

}  // namespace

void check_fit(const Model& model, const Optimizer& optimizer, const Dataset& train, const FitOptions& options) {
  check(options.epochs >= 1, "fit: expected at least 1 epoch, got {}", options.epochs);
  check(options.batch_size >= 1, "fit: expected a batch_size of at least 1, got {}", options.batch_size);
  check_data("fit", model, train);
  if (options.validation) check_data("fit, validation", model, *options.validation);
  check_loss("fit", model, options.loss);
  check_class_weights(train, options.class_weights);
  check(std::ranges::none_of(options.callbacks, [](const auto& callback) { return callback == nullptr; }),
        "fit: expected callbacks, got a null pointer");
  const std::vector<Parameter> mine = model.parameters();
  const bool any = std::ranges::any_of(optimizer.parameters(),
                                       [&](const Parameter& p) { return std::ranges::find(mine, p) != mine.end(); });
  check(any, "fit: expected an optimizer of the parameters of model {}, got one of other parameters; make it with {}",
        model.name(), "model.parameters()");
}

}  // namespace xtape
