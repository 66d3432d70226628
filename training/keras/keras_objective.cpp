#include "training/keras/keras_objective.hpp"

#include <algorithm>
#include <functional>

#include "framework/io/extension.hpp"
#include "framework/io/utf8.hpp"
#include "models/files/keras/keras_values.hpp"
#include "training/keras/keras_options.hpp"

namespace xtape {
namespace {

/// A loss or metric of Keras: its names, and its options.
struct KerasFunction {
  std::string name;                // "mse", "MeanSquaredError"
  std::vector<std::string> names;  // all names under which a user may know it
  Json config;
};

/// The function that a name, a serialized object or a serialized Python function stands for.
KerasFunction function_of(const Json& given) {
  if (given.is_string()) return {given.get<std::string>(), {given.get<std::string>()}, Json()};
  check(given.is_object() && given.contains("class_name") && given.at("class_name").is_string(),
        "expected a name, or an object with class_name and config, got {}", shown(given));
  KerasFunction function{given.at("class_name").get<std::string>(), {}, given.value("config", Json())};
  if (function.config.is_string()) {  // Keras 3: {"class_name": "function", "config": "my_loss"}
    function.name = function.config.get<std::string>();
    function.config = Json();
  }
  function.names = {function.name};
  const Json name = function.config.is_object() ? function.config.value("name", Json()) : Json();
  if (name.is_string()) function.names.push_back(name.get<std::string>());
  const Json inner = function.config.is_object() ? function.config.value("fn", Json()) : Json();
  if (!inner.is_null()) {
    const KerasFunction wrapped = function_of(inner);
    function.names.push_back(wrapped.name);
    if (function.name == "LossFunctionWrapper" || function.name == "MeanMetricWrapper") function.name = wrapped.name;
  }
  return function;
}

/// "meansquarederror" for MeanSquaredError, mean_squared_error, mse and MSE.
std::string plain_name(std::string name) {
  static const std::map<std::string, std::string> short_names{
      {"mse", "meansquarederror"},
      {"mae", "meanabsoluteerror"},
      {"mape", "meanabsolutepercentageerror"},
      {"msle", "meansquaredlogarithmicerror"},
      {"kld", "kldivergence"},
      {"kullbackleiblerdivergence", "kldivergence"},
      {"huberloss", "huber"},
      {"cosineproximity", "cosinesimilarity"},
      {"acc", "accuracy"},
      {"rmse", "rootmeansquarederror"},
  };
  if (const std::size_t package = name.rfind('>'); package != std::string::npos) return name;  // a user's class
  name = lower_case(name);
  std::erase(name, '_');
  const auto known = short_names.find(name);
  return known == short_names.end() ? name : known->second;
}

CrossEntropyOptions cross_entropy_options(KerasOptions& options) {
  options.expect("axis", {-1});
  CrossEntropyOptions result{.label_smoothing = options.number("label_smoothing", 0.0)};
  if (options.has("ignore_class")) result.ignored_label = options.whole("ignore_class");
  return result;
}

Loss cross_entropy(KerasOptions& options) {
  const bool logits = options.flag("from_logits");
  const CrossEntropyOptions given = cross_entropy_options(options);
  return logits ? loss::softmax_cross_entropy(given) : loss::categorical_cross_entropy(given);
}

Loss binary_cross_entropy(KerasOptions& options) {
  options.expect("axis", {-1});
  const BinaryCrossEntropyOptions given{.label_smoothing = options.number("label_smoothing", 0.0), .pos_weight = {}};
  return options.flag("from_logits") ? loss::sigmoid_cross_entropy(given) : loss::binary_cross_entropy(given);
}

FocalOptions focal_options(KerasOptions& options) {
  check(options.flag("from_logits"), "from_logits: expected true for a focal loss, got false");
  options.expect("axis", {-1});
  return {.gamma = options.number("gamma", 2.0),
          .alpha = options.number("alpha", 0.25),
          .balanced = options.flag("apply_class_balancing"),
          .label_smoothing = options.number("label_smoothing", 0.0)};
}

OverlapOptions overlap_options(KerasOptions& options) {
  options.expect("axis", {});  // by default one ratio over the batch
  return {.whole_batch = true, .alpha = options.number("alpha", 0.5), .beta = options.number("beta", 0.5)};
}

/// Makes a loss from its options.
using MakeLoss = std::function<Loss(KerasOptions&)>;

MakeLoss plain(Loss (*make)()) {
  return [make](KerasOptions&) { return make(); };
}

const std::map<std::string, MakeLoss>& known_losses() {
  static const std::map<std::string, MakeLoss> all{
      {"meansquarederror", plain(loss::mean_squared_error)},
      {"meanabsoluteerror", plain(loss::mean_absolute_error)},
      {"meanabsolutepercentageerror", plain(loss::mean_absolute_percentage_error)},
      {"meansquaredlogarithmicerror", plain(loss::mean_squared_logarithmic_error)},
      {"logcosh", plain(loss::log_cosh)},
      {"poisson", plain(loss::poisson)},
      {"hinge", plain(loss::hinge)},
      {"squaredhinge", plain(loss::squared_hinge)},
      {"categoricalhinge", plain(loss::categorical_hinge)},
      {"kldivergence", plain(loss::kl_divergence)},
      {"cosinesimilarity",
       [](KerasOptions& options) {
         options.expect("axis", {-1});
         return loss::cosine_similarity();
       }},
      {"huber", [](KerasOptions& options) { return loss::huber({.delta = options.number("delta", 1.0)}); }},
      {"categoricalcrossentropy", cross_entropy},
      {"sparsecategoricalcrossentropy", cross_entropy},
      {"binarycrossentropy", binary_cross_entropy},
      {"binaryfocalcrossentropy",
       [](KerasOptions& options) { return loss::sigmoid_focal_cross_entropy(focal_options(options)); }},
      {"categoricalfocalcrossentropy",
       [](KerasOptions& options) { return loss::softmax_focal_cross_entropy(focal_options(options)); }},
      {"dice", [](KerasOptions& options) { return loss::dice(overlap_options(options)); }},
      {"tversky", [](KerasOptions& options) { return loss::tversky(overlap_options(options)); }},
  };
  return all;
}

/// The entry of `custom` for a function of Keras; null if there is none.
template <class Value>
const Value* custom_of(const std::map<std::string, Value>& custom, const KerasFunction& function) {
  for (const std::string& name : function.names) {
    if (const auto found = custom.find(name); found != custom.end()) return &found->second;
  }
  return nullptr;
}

Loss loss_from_keras(const Json& given, const std::map<std::string, Loss>& custom) {
  check(!given.is_null(), "expected a loss for each output, got none");
  const KerasFunction function = function_of(given);
  if (const Loss* own = custom_of(custom, function)) return *own;
  const auto known = known_losses().find(plain_name(function.name));
  check(known != known_losses().end(),
        "expected a loss that xtape has, got {:.60}; give it in LoadKerasTrainingOptions::custom_losses",
        printable(function.name));
  KerasOptions options(function.config);
  options.ignore({"name", "dtype", "fn"});
  const bool sum = options.expect("reduction", {"auto", "sum_over_batch_size", "sum"}) == "sum";
  const Loss loss = known->second(options);
  options.check_empty();
  return sum ? loss::summed(loss) : loss;
}

/// The element for output number `index` of a list, or of a dictionary of the outputs; the value itself for all.
Json of_output(const Json& given, const Model& model, std::size_t index) {
  if (given.is_array()) {
    check(given.size() == model.output_nodes().size(), "expected one element for each of {} outputs, got {}",
          model.output_nodes().size(), shown(given));
    return given[index];
  }
  if (given.is_object() && !given.contains("class_name")) return given.value(output_name(model, index), Json());
  return given;
}

std::string at_output(const Model& model, std::size_t index) {
  return model.output_nodes().size() == 1 ? "" : " of output " + output_name(model, index);
}

/// Whether each sample of an output is one number along the last axis: a yes-no answer.
bool is_one_number(const Model& model, std::size_t index) {
  const NodeOutput output = model.output_nodes()[index];
  const PartialShape& shape = model.nodes()[output.node].outputs[output.output].shape();
  return shape.rank() > 0 && shape[-1] == Extent(1);
}

double threshold_of(KerasOptions& options, const std::string& name) {
  const Json value = options.take(name);
  const Json& number = value.is_array() && value.size() == 1 ? value[0] : value;
  check(number.is_null() || number.is_number(), "{}: expected one number, got {}", name, shown(value));
  return number.is_null() ? 0.5 : number.get<double>();
}

Metric decision(Metric (*make)(const metric::DecisionOptions&), KerasOptions& options) {
  options.expect("top_k", {});
  options.expect("class_id", {});
  return make(
      {.threshold = threshold_of(options, "thresholds"), .class_number = std::nullopt, .ignored_label = std::nullopt});
}

Metric top_k(KerasOptions& options) {
  return metric::top_k_accuracy({.k = options.whole("k", 5.0), .ignored_label = std::nullopt});
}

Metric area(KerasOptions& options) {
  options.expect("curve", {"ROC"});
  options.expect("summation_method", {"interpolation"});
  options.expect("multi_label", {false});
  options.ignore({"num_labels", "label_weights"});
  const bool logits = options.flag("from_logits");
  const std::int64_t count = options.whole("num_thresholds", 200.0);
  if (options.has("thresholds")) {  // without the first and the last, which are equally spaced
    check(options.numbers("thresholds").size() == static_cast<std::size_t>(std::max<std::int64_t>(count - 2, 0)),
          "thresholds: expected those of num_thresholds, got others");
  }
  return metric::auc({.thresholds = count, .from_logits = logits});
}

using MakeMetric = std::function<Metric(KerasOptions&)>;

MakeMetric plain(Metric (*make)()) {
  return [make](KerasOptions&) { return make(); };
}

Metric class_accuracy(KerasOptions& /*options*/) { return metric::accuracy(); }

const std::map<std::string, MakeMetric>& known_metrics() {
  static const std::map<std::string, MakeMetric> all{
      {"categoricalaccuracy", class_accuracy},
      {"sparsecategoricalaccuracy", class_accuracy},
      {"binaryaccuracy",
       [](KerasOptions& options) { return metric::binary_accuracy({.threshold = options.number("threshold", 0.5)}); }},
      {"topkcategoricalaccuracy", top_k},
      {"sparsetopkcategoricalaccuracy", top_k},
      {"precision", [](KerasOptions& options) { return decision(metric::precision, options); }},
      {"recall", [](KerasOptions& options) { return decision(metric::recall, options); }},
      {"auc", area},
      {"meansquarederror", plain(metric::mean_squared_error)},
      {"rootmeansquarederror", plain(metric::root_mean_squared_error)},
      {"meanabsoluteerror", plain(metric::mean_absolute_error)},
      {"meanabsolutepercentageerror", plain(metric::mean_absolute_percentage_error)},
      {"meansquaredlogarithmicerror", plain(metric::mean_squared_logarithmic_error)},
      {"logcosherror", plain(metric::log_cosh)},
      {"logcosh", plain(metric::log_cosh)},
      {"poisson", plain(metric::poisson)},
      {"hinge", plain(metric::hinge)},
      {"squaredhinge", plain(metric::squared_hinge)},
      {"categoricalhinge", plain(metric::categorical_hinge)},
      {"kldivergence", plain(metric::kl_divergence)},
      {"cosinesimilarity",
       [](KerasOptions& options) {
         options.expect("axis", {-1});
         return metric::cosine_similarity();
       }},
      {"r2score",
       [](KerasOptions& options) {
         options.expect("class_aggregation", {"uniform_average"});
         options.expect("num_regressors", {0});
         return metric::r2();
       }},
  };
  return all;
}

Metric metric_from_keras(const Json& given, bool of_one_number, const std::map<std::string, Metric>& custom) {
  const KerasFunction function = function_of(given);
  if (const Metric* own = custom_of(custom, function)) return *own;
  std::string name = plain_name(function.name);
  if (given.is_string() && name == "accuracy") name = of_one_number ? "binaryaccuracy" : "categoricalaccuracy";
  const auto known = known_metrics().find(name);
  check(known != known_metrics().end(),
        "expected a metric that xtape has, got {:.60}; give it in LoadKerasTrainingOptions::custom_metrics",
        printable(function.name));
  KerasOptions options(function.config);
  options.ignore({"name", "dtype", "fn"});
  Metric metric = known->second(options);
  options.check_empty();
  return metric;
}

void add_flat(const Json& given, std::vector<Json>& all) {
  if (given.is_null()) return;
  if (!given.is_array()) return all.push_back(given);
  for (const Json& element : given) add_flat(element, all);
}

/// The metrics of an output. A list of names is for every output, a list of lists or of one metric for each output has
/// those of each.
std::vector<Json> metrics_of(const Json& given, const Model& model, std::size_t index) {
  const std::size_t outputs = model.output_nodes().size();
  const bool by_output = given.is_array() && given.size() == outputs && outputs > 1 &&
                         std::ranges::any_of(given, [](const Json& element) { return !element.is_string(); });
  std::vector<Json> all;
  add_flat(by_output || !given.is_array() ? of_output(given, model, index) : given, all);
  return all;
}

}  // namespace

std::optional<Losses> losses_from_keras(const Json& compiled, const Model& model,
                                        const std::map<std::string, Loss>& custom, std::vector<std::string>& problems) {
  std::vector<WeightedLoss> losses;
  const std::size_t before = problems.size();
  for (std::size_t i = 0; i < model.output_nodes().size(); ++i) {
    try {
      const Json weight = of_output(compiled.value("loss_weights", Json()), model, i);
      check(weight.is_null() || weight.is_number(), "loss_weights: expected numbers, got {}", shown(weight));
      losses.emplace_back(loss_from_keras(of_output(compiled.value("loss", Json()), model, i), custom),
                          weight.is_null() ? 1 : weight.get<double>());
    } catch (const Error& error) {
      problems.push_back(fmt::format("loss{}: {}", at_output(model, i), error.what()));
    }
  }
  return problems.size() > before ? std::nullopt : std::optional(Losses(std::move(losses)));
}

Metrics metrics_from_keras(const Json& compiled, const Model& model, const std::map<std::string, Metric>& custom,
                           std::vector<std::string>& problems) {
  Metrics metrics;
  for (std::size_t i = 0; i < model.output_nodes().size(); ++i) {
    const std::string output = model.output_nodes().size() == 1 ? "" : output_name(model, i);
    std::vector<std::string> names;
    for (const char* list : {"metrics", "weighted_metrics"}) {
      for (const Json& given : metrics_of(compiled.value(list, Json()), model, i)) {
        try {
          Metric metric = metric_from_keras(given, is_one_number(model, i), custom);
          check(std::ranges::find(names, metric.name()) == names.end(), "expected each metric once, got {} twice",
                metric.name());
          names.push_back(metric.name());
          metrics.emplace_back(std::move(metric), output);
        } catch (const Error& error) {
          problems.push_back(fmt::format("metric{}: {}", at_output(model, i), error.what()));
        }
      }
    }
  }
  return metrics;
}

}  // namespace xtape
