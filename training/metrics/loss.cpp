#include "training/metrics/loss.hpp"

#include "framework/ops/elementary.hpp"
#include "framework/tensor/tensor_text.hpp"
#include "training/metrics/figures.hpp"

namespace xtape {

Loss::Loss(std::string name, Function function, bool takes_weights, LossOptions options)
    : name_(std::move(name)),
      function_(std::move(function)),
      takes_weights_(takes_weights),
      options_(std::move(options)) {
  check_figure_name("Loss", name_);
  check(static_cast<bool>(function_), "Loss {}: expected a function, got an empty one", name_);
}

Loss::Function Loss::without_weights(std::function<Variable(const Variable&, const Tensor&)> function) {
  if (!function) return nullptr;
  return [function = std::move(function)](const Variable& outputs, const Tensor& targets, const Tensor& weights) {
    check(!weights.defined(),
          "Loss: expected a loss(outputs, targets, weights) for data with weights, got one of two arguments");
    return function(outputs, targets);
  };
}

Variable Loss::operator()(const Variable& outputs, const Tensor& targets, const Tensor& weights) const {
  Variable value = function_(outputs, targets, weights);
  check(value.value().defined(),
        "Loss {}: expected the function to return a variable of one element, got one of an undefined tensor", name_);
  return value;
}

double Loss::count(const Tensor& targets) const {
  return options_.count ? options_.count(targets) : static_cast<double>(targets.dim(0));
}

std::string to_string(const Loss& loss) {
  return loss.options_.settings.empty() ? loss.name_ : fmt::format("{} ({})", loss.name_, loss.options_.settings);
}

namespace loss {
namespace {

std::string settings_of(const CrossEntropyOptions& options) {
  std::string text;
  if (options.label_smoothing != 0) text += fmt::format("label_smoothing {}", options.label_smoothing);
  if (options.ignored_label) {
    text += fmt::format("{}ignored_label {}", text.empty() ? "" : ", ", *options.ignored_label);
  }
  return text;
}

}  // namespace

Loss softmax_cross_entropy(const CrossEntropyOptions& options) {
  check(options.label_smoothing >= 0 && options.label_smoothing < 1,
        "softmax_cross_entropy: expected a label_smoothing in [0, 1), got {}", options.label_smoothing);
  const auto function = [options](const Variable& logits, const Tensor& labels, const Tensor& weights) {
    return xtape::softmax_cross_entropy(logits, labels, weights, options);
  };
  return {"softmax_cross_entropy", function,
          LossOptions{.outputs = LossOutputs::logits,
                      .targets = LossTargets::classes,
                      .count =
                          [options](const Tensor& labels) {
                            return labels_that_count(labels, labels.dim(-1), options.ignored_label);
                          },
                      .settings = settings_of(options)}};
}

Loss sigmoid_cross_entropy() {
  return {"sigmoid_cross_entropy", xtape::sigmoid_cross_entropy, LossOptions{.outputs = LossOutputs::logits}};
}

Loss binary_cross_entropy() {
  return {"binary_cross_entropy", xtape::binary_cross_entropy, LossOptions{.outputs = LossOutputs::probabilities}};
}

Loss mean_squared_error() { return {"mean_squared_error", xtape::mean_squared_error}; }

Loss mean_absolute_error() { return {"mean_absolute_error", xtape::mean_absolute_error}; }

}  // namespace loss
}  // namespace xtape
