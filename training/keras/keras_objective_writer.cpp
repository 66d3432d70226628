#include <algorithm>
#include <map>

#include "training/keras/keras_objective.hpp"
#include "training/keras/settings_text.hpp"

namespace xtape {
namespace {

Json serialized(const char* module, const std::string& type, const Json& config) {
  return {{"module", module}, {"class_name", type}, {"config", config}, {"registered_name", nullptr}};
}

Json loss_to_keras(const Loss& loss) {
  static const std::map<std::string, std::string> classes{
      {"mean_squared_error", "MeanSquaredError"},
      {"mean_absolute_error", "MeanAbsoluteError"},
      {"mean_absolute_percentage_error", "MeanAbsolutePercentageError"},
      {"mean_squared_logarithmic_error", "MeanSquaredLogarithmicError"},
      {"log_cosh", "LogCosh"},
      {"poisson", "Poisson"},
      {"hinge", "Hinge"},
      {"squared_hinge", "SquaredHinge"},
      {"categorical_hinge", "CategoricalHinge"},
      {"kl_divergence", "KLDivergence"},
      {"cosine_similarity", "CosineSimilarity"},
      {"huber", "Huber"},
      {"sigmoid_cross_entropy", "BinaryCrossentropy"},
      {"binary_cross_entropy", "BinaryCrossentropy"},
      {"softmax_cross_entropy", "SparseCategoricalCrossentropy"},
      {"categorical_cross_entropy", "SparseCategoricalCrossentropy"},
      {"sigmoid_focal_cross_entropy", "BinaryFocalCrossentropy"},
      {"softmax_focal_cross_entropy", "CategoricalFocalCrossentropy"},
      {"dice", "Dice"},
      {"tversky", "Tversky"}};
  Settings settings(to_string(loss));
  const auto known = classes.find(settings.name);
  check(known != classes.end(), "loss: expected a loss that Keras has, got {}", settings.name);
  std::string type = known->second;
  Json config{{"name", settings.name}, {"reduction", settings.take_flag("summed") ? "sum" : "sum_over_batch_size"}};
  if (settings.name.ends_with("cross_entropy")) {
    config["from_logits"] = settings.name.starts_with("softmax") || settings.name.starts_with("sigmoid");
    const double smoothing = settings.take("label_smoothing", 0);
    if (smoothing > 0 && type == "SparseCategoricalCrossentropy") type = "CategoricalCrossentropy";
    if (type != "SparseCategoricalCrossentropy") config["label_smoothing"] = smoothing;
  }
  if (type == "SparseCategoricalCrossentropy") {
    const std::vector<double> ignored = settings.take_all("ignored_label");
    config["ignore_class"] = ignored.empty() ? Json() : Json(static_cast<std::int64_t>(ignored.front()));
  }
  if (type == "Dice" || type == "Tversky") {
    check(settings.take("whole_batch", 0) != 0,
          "loss: expected {} with whole_batch, as Keras computes it, got one ratio for each sample", settings.name);
  }
  const bool focal = type.find("Focal") != std::string::npos;
  for (const char* option : {"gamma", "alpha", "beta", "delta"}) {
    const std::vector<double> number = settings.take_all(option);
    if (!number.empty()) config[option] = number.front();
  }
  if (focal && settings.take("balanced", 0) != 0) config["apply_class_balancing"] = true;
  settings.check_empty();
  return serialized("keras.losses", type, config);
}

Json metric_to_keras(const Metric& metric, bool yes_no) {
  static const std::map<std::string, std::string> classes{
      {"binary_accuracy", "BinaryAccuracy"},
      {"precision", "Precision"},
      {"recall", "Recall"},
      {"auc", "AUC"},
      {"mean_squared_error", "MeanSquaredError"},
      {"root_mean_squared_error", "RootMeanSquaredError"},
      {"mean_absolute_error", "MeanAbsoluteError"},
      {"mean_absolute_percentage_error", "MeanAbsolutePercentageError"},
      {"mean_squared_logarithmic_error", "MeanSquaredLogarithmicError"},
      {"log_cosh", "LogCoshError"},
      {"poisson", "Poisson"},
      {"cosine_similarity", "CosineSimilarity"},
      {"hinge", "Hinge"},
      {"squared_hinge", "SquaredHinge"},
      {"categorical_hinge", "CategoricalHinge"},
      {"kl_divergence", "KLDivergence"},
      {"r2", "R2Score"}};
  Settings settings(metric.definition());
  if (settings.name == "accuracy") {
    check(metric.name() == "accuracy", "expected the name accuracy for the metric accuracy, got {}", metric.name());
    settings.check_empty();
    return "accuracy";
  }
  Json config{{"name", metric.name()}};
  std::string type;
  if (settings.name.starts_with("top_")) {
    type = "SparseTopKCategoricalAccuracy";
    Settings number("top (k " + settings.name.substr(4, settings.name.find('_', 4) - 4) + ")");
    config["k"] = static_cast<std::int64_t>(number.take("k", 5));
  } else {
    const auto known = classes.find(settings.name);
    check(known != classes.end(), "metric: expected a metric that Keras has, got {}", settings.name);
    type = known->second;
  }
  if (type == "Precision" || type == "Recall") {
    check(yes_no, "metric: expected {} of yes-no answers, as Keras computes it, got one of classes", settings.name);
    config["thresholds"] = settings.take("threshold", 0.5);
  } else if (type == "BinaryAccuracy") {
    config["threshold"] = settings.take("threshold", 0.5);
  } else if (type == "AUC") {
    config["num_thresholds"] = static_cast<std::int64_t>(settings.take("thresholds", 200));
    config["from_logits"] = settings.take_flag("from_logits");
  }
  settings.check_empty();
  return serialized("keras.metrics", type, config);
}

}  // namespace

Json objective_to_keras(const Objective& objective) {
  const std::vector<OutputObjective>& outputs = objective.outputs();
  Json losses = Json::array(), weights = Json::array(), metrics = Json::array();
  for (const OutputObjective& output : outputs) {
    losses.push_back(loss_to_keras(output.loss));
    weights.push_back(output.weight);
    Json of_this = Json::array();
    for (const Metric& metric : output.metrics) {
      of_this.push_back(metric_to_keras(metric, output.loss.targets() != LossTargets::classes));
    }
    metrics.push_back(of_this);
  }
  const auto plain = [&](const Json& values) { return outputs.size() == 1 ? values[0] : values; };
  const bool weighted = std::ranges::any_of(outputs, [](const auto& output) { return output.weight != 1; });
  const bool measured = std::ranges::any_of(outputs, [](const auto& output) { return !output.metrics.empty(); });
  return {{"loss", plain(losses)},
          {"loss_weights", weighted ? plain(weights) : Json()},
          {"metrics", measured ? plain(metrics) : Json()},
          {"weighted_metrics", nullptr}};
}

}  // namespace xtape
