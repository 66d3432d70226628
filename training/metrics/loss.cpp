#include "training/metrics/loss.hpp"

#include <fmt/ranges.h>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/label_checks.hpp"
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
  const double count = options_.count ? options_.count(targets) : static_cast<double>(targets.dim(0));
  check(std::isfinite(count) && count >= 0,
        "Loss {}: expected LossOptions::count to return a finite number of 0 or more, got {}", name_, count);
  return count;
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

/// "gamma 3, balanced true": the options whose value is not the default.
template <class Options>
class ChangedOptions {
 public:
  explicit ChangedOptions(const Options& options) : options_(options) {}
  template <class Value>
  ChangedOptions& add(const char* name, Value Options::*member) {
    if (options_.*member != Options{}.*member) {
      text_ += fmt::format("{}{} {}", text_.empty() ? "" : ", ", name, options_.*member);
    }
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  Options options_;
  std::string text_;
};

std::string settings_of(const BinaryCrossEntropyOptions& options) {
  return ChangedOptions(options)
      .add("label_smoothing", &BinaryCrossEntropyOptions::label_smoothing)
      .add("pos_weight", &BinaryCrossEntropyOptions::pos_weight)
      .text();
}

std::string settings_of(const FocalOptions& options) {
  return ChangedOptions(options)
      .add("gamma", &FocalOptions::gamma)
      .add("alpha", &FocalOptions::alpha)
      .add("balanced", &FocalOptions::balanced)
      .add("label_smoothing", &FocalOptions::label_smoothing)
      .text();
}

std::string settings_of(const OverlapOptions& options) {
  return ChangedOptions(options)
      .add("whole_batch", &OverlapOptions::whole_batch)
      .add("alpha", &OverlapOptions::alpha)
      .add("beta", &OverlapOptions::beta)
      .text();
}

std::string settings_of(const HuberOptions& options) {
  return ChangedOptions(options).add("delta", &HuberOptions::delta).text();
}

/// A loss function of framework/ops with options.
template <class Options>
using OpWithOptions = Variable (*)(const Variable&, const Tensor&, const Tensor&, const Options&);

template <class Options>
Loss::Function bound(OpWithOptions<Options> op, const Options& options) {
  return
      [op, options](const Variable& x, const Tensor& t, const Tensor& weights) { return op(x, t, weights, options); };
}

/// The number of vectors along the last axis: a loss of elements is the mean over that axis, then over the vectors.
double vectors_of(const Tensor& targets) {
  const std::int64_t n = targets.rank() < 2 ? targets.size() : targets.shape().without(-1).size();
  return static_cast<double>(n);
}

double labels_of(const Tensor& targets) { return labels_that_count(targets, targets.dim(-1), std::nullopt); }

using TargetCheck = void (*)(std::string_view function, const Tensor& targets);

/// A check of the targets of a loss with this name.
std::function<void(const Tensor&)> named(const char* name, TargetCheck check) {
  if (!check) return nullptr;
  return [name, check](const Tensor& targets) { check(name, targets); };
}

/// A loss of the elements of outputs and targets of one shape.
Loss element_loss(const char* name, Loss::Function function, LossOutputs outputs = LossOutputs::anything,
                  std::string settings = "", TargetCheck check = nullptr) {
  return {name, std::move(function),
          LossOptions{.outputs = outputs,
                      .count = vectors_of,
                      .check_targets = named(name, check),
                      .settings = std::move(settings)}};
}

Loss class_loss(const char* name, OpWithOptions<CrossEntropyOptions> op, const CrossEntropyOptions& options,
                LossOutputs outputs) {
  check(options.label_smoothing >= 0 && options.label_smoothing < 1, "{}: expected a label_smoothing in [0, 1), got {}",
        name, options.label_smoothing);
  const auto count = [options](const Tensor& labels) {
    return labels_that_count(labels, labels.dim(-1), options.ignored_label);
  };
  return {name, bound(op, options),
          LossOptions{
              .outputs = outputs, .targets = LossTargets::classes, .count = count, .settings = settings_of(options)}};
}

Loss overlap(const char* name, OpWithOptions<OverlapOptions> op, const OverlapOptions& options) {
  return {name, bound(op, options),
          LossOptions{.outputs = LossOutputs::probabilities,
                      .reduction = options.whole_batch ? LossReduction::whole_batch : LossReduction::mean,
                      .check_targets = named(name, check_probabilities),
                      .settings = settings_of(options)}};
}

}  // namespace

Loss summed(const Loss& loss) {
  check(loss.reduction() == LossReduction::mean, "summed: expected a loss that is a mean, got {}, which is {}",
        loss.name(), loss.reduction() == LossReduction::sum ? "a sum" : "a ratio of sums over the batch");
  const auto function = [loss](const Variable& outputs, const Tensor& targets, const Tensor& weights) {
    return loss(outputs, targets, weights) * loss.count(targets);
  };
  return {
      loss.name(), function,
      LossOptions{.outputs = loss.outputs(),
                  .targets = loss.targets(),
                  .reduction = LossReduction::sum,
                  .count = [loss](const Tensor& targets) { return loss.count(targets); },
                  .check_targets = [loss](const Tensor& targets) { loss.check_targets(targets); },
                  .settings = fmt::format("{}{}summed true", loss.settings(), loss.settings().empty() ? "" : ", ")}};
}

Loss softmax_cross_entropy(const CrossEntropyOptions& options) {
  return class_loss("softmax_cross_entropy", xtape::softmax_cross_entropy, options, LossOutputs::logits);
}

Loss categorical_cross_entropy(const CrossEntropyOptions& options) {
  return class_loss("categorical_cross_entropy", xtape::categorical_cross_entropy, options, LossOutputs::probabilities);
}

Loss sigmoid_cross_entropy(const BinaryCrossEntropyOptions& options) {
  return element_loss("sigmoid_cross_entropy", bound(xtape::sigmoid_cross_entropy, options), LossOutputs::logits,
                      settings_of(options), check_probabilities);
}

Loss binary_cross_entropy(const BinaryCrossEntropyOptions& options) {
  return element_loss("binary_cross_entropy", bound(xtape::binary_cross_entropy, options), LossOutputs::probabilities,
                      settings_of(options), check_probabilities);
}

Loss sigmoid_focal_cross_entropy(const FocalOptions& options) {
  return element_loss("sigmoid_focal_cross_entropy", bound(xtape::sigmoid_focal_cross_entropy, options),
                      LossOutputs::logits, settings_of(options), check_probabilities);
}

Loss softmax_focal_cross_entropy(const FocalOptions& options) {
  return {"softmax_focal_cross_entropy", bound(xtape::softmax_focal_cross_entropy, options),
          LossOptions{.outputs = LossOutputs::logits,
                      .targets = LossTargets::classes,
                      .count = labels_of,
                      .settings = settings_of(options)}};
}

Loss hinge() { return element_loss("hinge", xtape::hinge, LossOutputs::anything, "", check_signs); }

Loss squared_hinge() {
  return element_loss("squared_hinge", xtape::squared_hinge, LossOutputs::anything, "", check_signs);
}

Loss categorical_hinge() {
  return {"categorical_hinge", xtape::categorical_hinge,
          LossOptions{.targets = LossTargets::classes, .count = labels_of}};
}

Loss kl_divergence() {
  return element_loss("kl_divergence", xtape::kl_divergence, LossOutputs::probabilities, "", check_probabilities);
}

Loss dice(const OverlapOptions& options) { return overlap("dice", xtape::dice, options); }

Loss tversky(const OverlapOptions& options) { return overlap("tversky", xtape::tversky, options); }

Loss huber(const HuberOptions& options) {
  return element_loss("huber", bound(xtape::huber, options), LossOutputs::anything, settings_of(options));
}

Loss mean_absolute_percentage_error() {
  return element_loss("mean_absolute_percentage_error", xtape::mean_absolute_percentage_error);
}

Loss mean_squared_logarithmic_error() {
  return element_loss("mean_squared_logarithmic_error", xtape::mean_squared_logarithmic_error);
}

Loss log_cosh() { return element_loss("log_cosh", xtape::log_cosh); }

Loss poisson() { return element_loss("poisson", xtape::poisson); }

Loss cosine_similarity() {
  return element_loss("cosine_similarity", xtape::cosine_similarity, LossOutputs::directions);
}

Loss mean_squared_error() { return element_loss("mean_squared_error", xtape::mean_squared_error); }

Loss mean_absolute_error() { return element_loss("mean_absolute_error", xtape::mean_absolute_error); }

}  // namespace loss
}  // namespace xtape
