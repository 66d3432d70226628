// Compiled models in files of Keras: forms of losses and metrics, options of optimizers, errors. tests/golden compares
// the steps with Keras's.
#include "training/keras/keras_training.hpp"

#include <cmath>

#include "framework/ops/losses.hpp"
#include "layers/layers.hpp"
#include "optim/adam.hpp"
#include "optim/lars.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"
#include "tests/training/small_training.hpp"
#include "training/fit.hpp"
#include "training/keras/keras_objective.hpp"
#include "training/keras/keras_optimizer.hpp"
#include "training/keras/keras_schedule.hpp"

using namespace xtape;
using test::error_of;

namespace {

/// A model with an output `kind` of three classes and an output `price` of one number.
Model two_outputs() {
  const SymbolicTensor x = Input({2});
  return {{x}, {Dense({.units = 3, .name = "kind"})(x), Dense({.units = 1, .name = "price"})(x)}, {.seed = 1}};
}

/// The losses of a compile config, with their weights, or the problems.
std::string losses_of(const std::string& config, const Model& model, const std::map<std::string, Loss>& custom = {}) {
  std::vector<std::string> problems;
  const auto losses = losses_from_keras(parse_json(config), model, custom, problems);
  if (!losses) return "problem: " + fmt::format("{}", fmt::join(problems, "; "));
  CHECK(problems.empty());
  std::vector<std::string> texts;
  for (const WeightedLoss& loss : losses->all())
    texts.push_back(fmt::format("{} {}", to_string(loss.loss), loss.weight));
  return fmt::format("{}", fmt::join(texts, "; "));
}

std::string metrics_of(const std::string& config, const Model& model) {
  std::vector<std::string> problems, texts;
  for (const OutputMetric& metric : metrics_from_keras(parse_json(config), model, {}, problems)) {
    texts.push_back(metric.output + ":" + to_string(metric.metric));
  }
  for (const std::string& problem : problems) texts.push_back("problem: " + problem);
  return fmt::format("{}", fmt::join(texts, "; "));
}

/// The optimizer of a config, as text.
std::string optimizer_of(const std::string& type, const std::string& config) {
  const Model model = test::one_output();
  const KerasOptimizerSource source{
      .serialized = parse_json("{\"class_name\": \"" + type + "\", \"config\": " + config + "}"),
      .variables = {},
      .trained = model.named_parameters()};
  const auto optimizer = optimizer_from_keras(source, model.parameters());
  return fmt::format("{}: rate {}, {}", optimizer->type(), optimizer->schedule().text(), optimizer->settings());
}

}  // namespace

TEST_CASE("losses of Keras have the names of all versions") {
  const Model one = test::one_output();
  for (const char* name : {"mse", "MSE", "mean_squared_error", "MeanSquaredError"}) {
    CHECK(losses_of(fmt::format(R"({{"loss": "{}"}})", name), one) == "mean_squared_error 1");
  }
  CHECK(losses_of(R"({"loss": "categorical_crossentropy"})", one) == "categorical_cross_entropy 1");
  CHECK(losses_of(R"({"loss": ["cosine_proximity"]})", one) == "cosine_similarity 1");
  CHECK(losses_of(R"({"loss": {"out": "kullback_leibler_divergence"}, "loss_weights": {"out": 2}})", one) ==
        "kl_divergence 2");
  // tf.keras
  CHECK(losses_of(R"({"loss": {"class_name": "SparseCategoricalCrossentropy", "config": {"reduction": "auto",
                      "name": "x", "from_logits": true, "ignore_class": -1, "fn": "sparse_categorical_crossentropy",
                      "axis": -1}}})",
                  one) == "softmax_cross_entropy (ignored_label -1) 1");
  // Keras 3
  CHECK(losses_of(R"({"loss": {"module": "keras.losses", "class_name": "Huber", "config": {"name": "huber",
                      "reduction": "sum_over_batch_size", "delta": 0.5, "dtype": {"class_name": "DTypePolicy"}},
                      "registered_name": null}})",
                  one) == "huber (delta 0.5) 1");
  CHECK(losses_of(R"({"loss": {"class_name": "BinaryFocalCrossentropy", "config": {"from_logits": true, "gamma": 3,
                      "apply_class_balancing": true}}})",
                  one) == "sigmoid_focal_cross_entropy (gamma 3, balanced true) 1");
  CHECK(losses_of(R"({"loss": {"class_name": "Dice", "config": {"axis": null}}})", one) == "dice (whole_batch true) 1");
}

TEST_CASE("losses of several outputs are one for all, a list or a dictionary, with weights") {
  const Model two = two_outputs();
  CHECK(losses_of(R"({"loss": "mae"})", two) == "mean_absolute_error 1; mean_absolute_error 1");
  CHECK(losses_of(R"({"loss": ["categorical_crossentropy", "mse"], "loss_weights": [1, 0.25]})", two) ==
        "categorical_cross_entropy 1; mean_squared_error 0.25");
  CHECK(losses_of(R"({"loss": {"price": "mse", "kind": "hinge"}, "loss_weights": {"price": 3}})", two) ==
        "hinge 1; mean_squared_error 3");
  CHECK(losses_of(R"({"loss": {"price": "mse"}})", two) ==
        "problem: loss of output kind: expected a loss for each output, got none");
  CHECK(losses_of(R"({"loss": ["mse"]})", two) ==
        "problem: loss of output kind: expected one element for each of 2 outputs, got [\"mse\"]; loss of output "
        "price: expected one element for each of 2 outputs, got [\"mse\"]");
}

TEST_CASE("losses that xtape does not have are described in words, or given") {
  const Model one = test::one_output();
  const std::string function = R"({"loss": {"class_name": "function", "config": "my_loss", "module": "builtins"}})";
  CHECK(losses_of(function, one) ==
        "problem: loss: expected a loss that xtape has, got my_loss; give it in "
        "LoadKerasTrainingOptions::custom_losses");
  CHECK(losses_of(function, one, {{"my_loss", loss::huber()}}) == "huber 1");
  CHECK(losses_of(R"({"loss": {"class_name": "mine>MyLoss", "config": {"name": "l"}}})", one,
                  {{"mine>MyLoss", loss::hinge()}}) == "hinge 1");
  CHECK(losses_of(R"({"loss": {"class_name": "X", "config": {"name": "l"}}})", one, {{"l", loss::hinge()}}) ==
        "hinge 1");
  const std::string wrapped =
      R"({"loss": {"class_name": "LossFunctionWrapper", "config": {
           "fn": {"class_name": "function", "config": "mine"}}}})";
  CHECK(losses_of(wrapped, one, {{"mine", loss::hinge()}}) == "hinge 1");
  const auto refused = [&](const std::string& loss, const std::string& message) {
    INFO(message);
    CHECK_THAT(losses_of("{\"loss\": " + loss + "}", one), Catch::Contains(message));
  };
  refused(R"({"class_name": "Custom>MeanSquaredError", "config": {}})",
          "problem: loss: expected a loss that xtape has, got Custom>MeanSquaredError; give it in "
          "LoadKerasTrainingOptions::custom_losses");
  refused(R"({"class_name": "MeanSquaredError", "config": {"reduction": "none"}})", "reduction: expected");
  refused(R"({"class_name": "CategoricalCrossentropy", "config": {"axis": 1}})",
          "problem: loss: axis: expected -1, which is all that xtape has, got 1");
  refused(R"({"class_name": "BinaryFocalCrossentropy", "config": {"from_logits": false}})",
          "problem: loss: from_logits: expected true for a focal loss, got false");
  refused(R"({"class_name": "Huber", "config": {"delta": "wide"}})",
          "problem: loss: delta: expected a number, got \"wide\"");
  refused(R"({"class_name": "Huber", "config": {"depth": 3}})",
          "problem: loss: depth: expected an option that xtape has, got another one with the value 3");
  refused("null", "problem: loss: expected a loss for each output, got none");
  CHECK(losses_of(R"({"loss": "mse", "loss_weights": "heavy"})", one) ==
        "problem: loss: loss_weights: expected numbers, got \"heavy\"");
  CHECK(losses_of(R"({"loss": {"class_name": "Huber"}})", one) == "huber 1");
  for (const std::string list : {R"(["mse"])", R"(["mse", "mae", "mse"])", "[]"}) {
    const std::string problem = ": expected one element for each of 2 outputs, got ";
    std::string text = list;
    std::erase(text, ' ');
    CHECK(losses_of("{\"loss\": " + list + "}", two_outputs()) ==
          "problem: loss of output kind" + problem + text + "; loss of output price" + problem + text);
  }
  refused("7", "problem: loss: expected a name, or an object with class_name and config, got 7");
}

TEST_CASE("metrics of Keras have the names of all versions") {
  const Model one = test::one_output(), two = two_outputs();
  CHECK(metrics_of(R"({"metrics": ["accuracy", "mse"]})", one) == ":accuracy; :mean_squared_error");
  CHECK(metrics_of(R"({"metrics": ["acc"]})", test::one_output(1)) == ":binary_accuracy");
  CHECK(metrics_of(R"({"metrics": null})", one).empty());
  CHECK(metrics_of("{}", one).empty());
  CHECK(metrics_of(R"({"metrics": [[{"class_name": "MeanMetricWrapper", "config": {"name": "accuracy",
                       "dtype": "float32", "fn": "sparse_categorical_accuracy"}}]], "weighted_metrics": ["mae"]})",
                   one) == ":accuracy; :mean_absolute_error");
  CHECK(metrics_of(R"({"metrics": [{"class_name": "TopKCategoricalAccuracy", "config": {"k": 2}},
                       {"class_name": "Precision", "config": {"thresholds": [0.7], "top_k": null}},
                       {"class_name": "AUC", "config": {"num_thresholds": 50, "curve": "ROC", "from_logits": true}}]})",
                   one) == ":top_2_accuracy; :precision (threshold 0.7); :auc (thresholds 50, from_logits)");
  CHECK(metrics_of(R"({"metrics": ["mae"]})", two) == "kind:mean_absolute_error; price:mean_absolute_error");
  CHECK(metrics_of(R"({"metrics": [["acc"], ["mae", "mse"]]})", two) ==
        "kind:accuracy; price:mean_absolute_error; price:mean_squared_error");
  const SymbolicTensor steps = Input({5, 2});
  const Model yes_no(steps, Dense({.units = 1})(steps)), of_classes(steps, Dense({.units = 3})(steps));
  CHECK(metrics_of(R"({"metrics": ["accuracy"]})", yes_no) == ":binary_accuracy");  // of each step
  CHECK(metrics_of(R"({"metrics": ["accuracy"]})", of_classes) == ":accuracy");
  CHECK(metrics_of(R"({"metrics": [{"class_name": "AUC", "config": {"num_thresholds": 2, "thresholds": []}}]})", one) ==
        ":auc (thresholds 2)");
  CHECK(metrics_of(R"({"metrics": [{"class_name": "Poisson"}]})", one) == ":poisson");
  CHECK(metrics_of(R"({"metrics": {"price": ["mae"]}})", two) == "price:mean_absolute_error");
  CHECK(metrics_of(R"({"metrics": ["mine"]})", one) ==
        "problem: metric: expected a metric that xtape has, got mine; give it in "
        "LoadKerasTrainingOptions::custom_metrics");
  CHECK(metrics_of(R"({"metrics": ["mse", "MSE"]})", one) ==
        ":mean_squared_error; problem: metric: expected each metric once, got mean_squared_error twice");
  CHECK(metrics_of(R"({"metrics": [{"class_name": "AUC", "config": {"curve": "PR"}}]})", one) ==
        "problem: metric: curve: expected \"ROC\", which is all that xtape has, got \"PR\"");
}

TEST_CASE("every loss and metric of Keras is the one of its name in xtape, and is the same after saving") {
  struct Row {
    std::string ours;
    std::vector<std::string> names;  // classes, functions and short names
    bool loss = true, metric = true;
  };
  const std::vector<Row> rows{
      {"mean_squared_error", {"MeanSquaredError", "mean_squared_error", "mse", "MSE"}},
      {"mean_absolute_error", {"MeanAbsoluteError", "mean_absolute_error", "mae", "MAE"}},
      {"mean_absolute_percentage_error",
       {"MeanAbsolutePercentageError", "mean_absolute_percentage_error", "mape", "MAPE"}},
      {"mean_squared_logarithmic_error",
       {"MeanSquaredLogarithmicError", "mean_squared_logarithmic_error", "msle", "MSLE"}},
      {"log_cosh", {"LogCosh", "log_cosh", "logcosh"}, true, false},
      {"log_cosh", {"LogCoshError", "logcosh"}, false, true},
      {"poisson", {"Poisson", "poisson"}},
      {"hinge", {"Hinge", "hinge"}},
      {"squared_hinge", {"SquaredHinge", "squared_hinge"}},
      {"categorical_hinge", {"CategoricalHinge", "categorical_hinge"}},
      {"kl_divergence", {"KLDivergence", "kl_divergence", "kullback_leibler_divergence"}},
      {"cosine_similarity", {"CosineSimilarity", "cosine_similarity"}},
      {"huber", {"Huber", "huber"}, true, false},
      {"categorical_cross_entropy", {"CategoricalCrossentropy", "categorical_crossentropy"}, true, false},
      {"categorical_cross_entropy", {"SparseCategoricalCrossentropy", "sparse_categorical_crossentropy"}, true, false},
      {"binary_cross_entropy", {"BinaryCrossentropy", "binary_crossentropy"}, true, false},
      {"dice (whole_batch true)", {"Dice"}, true, false},
      {"tversky (whole_batch true)", {"Tversky"}, true, false},
      {"root_mean_squared_error", {"RootMeanSquaredError"}, false, true},
      {"accuracy", {"CategoricalAccuracy", "SparseCategoricalAccuracy", "categorical_accuracy"}, false, true},
      {"binary_accuracy", {"BinaryAccuracy", "binary_accuracy"}, false, true},
      {"top_5_accuracy", {"TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy"}, false, true},
      {"precision", {"Precision"}, false, true},
      {"recall", {"Recall"}, false, true},
      {"auc (thresholds 200)", {"AUC"}, false, true},
      {"r2", {"R2Score"}, false, true},
  };
  const Model one = test::one_output();
  for (const Row& row : rows) {
    for (const std::string& name : row.names) {
      INFO(name);
      const std::string by_name = "\"" + name + "\"";
      const std::string given =
          std::isupper(name[0]) && name.size() > 4 ? "{\"class_name\": " + by_name + ", \"config\": {}}" : by_name;
      if (row.loss) {
        const std::string config = "{\"loss\": " + given + "}";
        CHECK(losses_of(config, one) == row.ours + " 1");
        std::vector<std::string> problems;
        const auto losses = losses_from_keras(parse_json(config), one, {}, problems);
        REQUIRE(losses);
        CHECK(losses_of(objective_to_keras(Objective("test", one, {}, *losses, {})).dump(), one) == row.ours + " 1");
      }
      if (row.metric) {
        const std::string config = "{\"metrics\": [" + given + "]}";
        CHECK(metrics_of(config, one) == ":" + row.ours);
      }
    }
  }
}

TEST_CASE("optimizers of Keras have the formulas of their version") {
  CHECK(
      optimizer_of("Adam", R"({"name": "Adam", "learning_rate": 0.01, "decay": 0.5, "beta_1": 0.8, "beta_2": 0.9,
                                 "epsilon": 1e-3, "amsgrad": false})") ==
      "Adam: rate inverse_time (initial 0.01, decay_steps 1, rate 0.5, staircase false), beta1 0.8, beta2 0.9, epsilon "
      "0.001, weight_decay 0, clip_norm 0, clip_value 0");
  CHECK(optimizer_of("RMSprop", R"({"lr": 0.1, "rho": 0.9, "epsilon": 1e-8})") ==
        "RMSprop: rate 0.1, rho 0.9, momentum 0, epsilon 1e-08, centered false, epsilon_outside true, weight_decay 0, "
        "clip_norm 0, clip_value 0");
  CHECK_THAT(optimizer_of("RMSprop", R"({"lr": 0.1, "momentum": 0.5})"), !Catch::Contains("epsilon_outside"));
  CHECK_THAT(optimizer_of("RMSprop", R"({"name": "r", "use_ema": false, "learning_rate": 0.1, "ema_momentum": 0.99,
                                         "ema_overwrite_frequency": 100})"),
             !Catch::Contains("epsilon_outside"));
  CHECK(optimizer_of("Nadam", R"({"lr": 0.1, "schedule_decay": 0.002})") ==
        "Nadam: rate 0.1, beta1 0.9, beta2 0.999, epsilon 1e-07, momentum_decay 0.002, weight_decay 0, clip_norm 0, "
        "clip_value 0");
  CHECK(optimizer_of("Nadam", R"({"name": "n", "learning_rate": 0.1, "decay": 0.003})") ==
        "Nadam: rate 0.1, beta1 0.9, beta2 0.999, epsilon 1e-07, momentum_decay 0.003, weight_decay 0, clip_norm 0, "
        "clip_value 0");
  for (const char* early : {R"({"lr": 0.1})", R"({"name": "n", "learning_rate": 0.1})"}) {  // the default before 2.11
    CHECK_THAT(optimizer_of("Nadam", early), Catch::Contains("momentum_decay 0.004,"));
  }
  CHECK(optimizer_of("SGD", R"({"lr": 0.1, "clipnorm": 2})") ==
        "SGD: rate 0.1, momentum 0, nesterov false, weight_decay 0, clip_norm 2, clip_value 0");
  CHECK(
      optimizer_of("Custom>Adam", R"({"name": "a", "use_ema": false, "learning_rate": 0.1,
                                             "weight_decay": 0.02})") ==
      "AdamW: rate 0.1, beta1 0.9, beta2 0.999, epsilon 1e-07, decoupled weight_decay 0.02, clip_norm 0, clip_value 0");
  const auto refused = [](const std::string& type, const std::string& config, const std::string& message) {
    INFO(message);
    CHECK_THAT(error_of([&] { optimizer_of(type, config); }), Catch::Contains(message));
  };
  refused("Ftrl", R"({"learning_rate": 0.1})", "expected an optimizer that xtape has, got the class Ftrl");
  refused("TFOptimizer", "{}", "expected an optimizer that xtape has, got the class TFOptimizer");
  refused("Adam", R"({"learning_rate": 0.1, "amsgrad": true})",
          "amsgrad: expected false, which is all that xtape has, got true");
  refused("Adam", R"({"name": "a", "learning_rate": 0.1, "clipnorm": 1})",
          "clipnorm: expected global_clipnorm or clipvalue, got clipnorm, which limits each gradient alone");
  refused("SGD", R"({"name": "a", "learning_rate": 0.1, "weight_decay": 0.1})",
          "weight_decay: expected none for SGD, got 0.1; Keras subtracts the decay from the weights, which xtape does "
          "for Adam, AdamW and Lion");
  refused("SGD", R"({"name": "a", "use_ema": true, "learning_rate": 0.1, "ema_overwrite_frequency": 5})",
          "ema_overwrite_frequency: expected null, got 5; call swap_averages()");
  refused("SGD", R"({"name": "a", "learning_rate": 0.1, "gradient_accumulation_steps": 4})",
          "gradient_accumulation_steps: expected none, got a number; use FitOptions::accumulate");
  refused("SGD", R"({"name": "a", "learning_rate": 0.1, "loss_scale_factor": 4})",
          "loss_scale_factor: expected no value, which is all that xtape has, got 4");
  refused("SGD", R"({"learning_rate": {"class_name": "MySchedule", "config": {}}})",
          "learning_rate: expected a number or a schedule of Keras, got {\"class_name\":\"MySchedule\",\"config\":{}}");
  refused("SGD", R"({"learning_rate": {"class_name": "CosineDecay", "config": {"initial_learning_rate": 1,
                     "decay_steps": 1.5}}})",
          "decay_steps: expected a whole number below 1e15, got 1.5");
  refused("SGD", R"({"learning_rate": -1})", "LearningRate: expected a finite number of at least 0, got -1");
  refused("SGD", R"({"learning_rate": "fast"})",
          "learning_rate: expected a number or a schedule of Keras, got \"fast\"");
  refused("SGD", R"({"decay": 0.5, "learning_rate": {"class_name": "ExponentialDecay", "config": {
                     "initial_learning_rate": 1, "decay_steps": 10, "decay_rate": 0.5}}})",
          "decay: expected none with a schedule, got 0.5");
  const std::string long_name(100, 'w');
  CHECK(error_of([&] { optimizer_of("SGD", "{\"learning_rate\": 0.1, \"" + long_name + "\": 1}"); }) ==
        long_name.substr(0, 60) + ": expected an option that xtape has, got another one with the value 1");
  refused("SGD", R"({"learning_rate": 0.1, "wobble": 1})",
          "wobble: expected an option that xtape has, got another one with the value 1");
}

TEST_CASE("every schedule is the same after writing and reading, or is rejected") {
  const std::vector<LearningRate> rates{
      0.25,
      schedule::piecewise({2, 5}, {1, 0.5, 0.1}),
      schedule::exponential(0.8, 10, 0.25, true),
      schedule::cosine(1, 100, {.final_rate = 0.2}),
      schedule::cosine(0, 100, {.final_rate = 0}),
      schedule::cosine(0, 100, {.warmup_steps = 7, .final_rate = 0, .warmup_from = 0.5}),
      schedule::cosine(1, 100, {.warmup_steps = 7, .final_rate = 0.2, .warmup_from = 0.5}),
      schedule::cosine_restarts(1, 10, {1.5, 0.5, 0.25}),
      schedule::cosine_restarts(0, 10, {1.5, 0.5, 0}),
      schedule::polynomial(0, 30, {.final_rate = 0.1, .power = 2, .cycle = true}),
      schedule::exponential(0, 10, 0.25, true),
      schedule::inverse_time(0, 10, 0.5, true),
      schedule::polynomial(1, 30, {.final_rate = 0.1, .power = 2, .cycle = true}),
      schedule::inverse_time(1, 10, 0.5, true)};
  for (const LearningRate& rate : rates) {
    INFO(rate.text());
    const LearningRate again = rate_from_keras(rate_to_keras(rate));
    CHECK(again.text() == rate.text());
    for (const int i : {0, 3, 6, 7, 8, 50, 200}) CHECK(again.at(i) == Approx(rate.at(i)));
  }
  CHECK(error_of([] { rate_to_keras([](std::int64_t) { return 0.1; }); }) ==
        "learning_rate: expected a number or a schedule of xtape::schedule, got another function; set the learning "
        "rate to the number that Keras shall continue with");
  CHECK(error_of([] { rate_to_keras(schedule::warmup(0.1, 5)); }) ==
        "learning_rate: expected a number or a schedule of xtape::schedule, got another function; set the learning "
        "rate to the number that Keras shall continue with");
  CHECK(error_of([] { rate_to_keras(schedule::cosine(1, 100, {.warmup_steps = 7})); }) ==
        "learning_rate: expected a warm-up with warmup_from, as Keras's CosineDecay has, got another warm-up");
  const std::string share =
      "learning_rate: expected an initial rate above 0 for a final_rate above 0, which is a share of it in Keras, got ";
  CHECK(error_of([] { rate_to_keras(schedule::cosine(0, 10, {.final_rate = 0.1})); }) == share + "0 and 0.1");
  CHECK(error_of([] {
          rate_to_keras(schedule::cosine(0, 10, {.warmup_steps = 2, .final_rate = 0.05, .warmup_from = 0.1}));
        }) == share + "0 and 0.05");
  CHECK(error_of([] { rate_to_keras(schedule::cosine(1e-310, 10, {.final_rate = 0.1})); }) == share + "1e-310 and 0.1");
  CHECK(error_of([] { rate_to_keras(schedule::cosine_restarts(0, 10, {.final_rate = 0.1})); }) == share + "0 and 0.1");
  CHECK(rate_to_keras(schedule::piecewise({}, {0.1})) == Json(0.1));
}

TEST_CASE("a model is trained, saved and trained on with fit, as without saving") {
  const test::TemporaryFolder folder;
  const Dataset data(RandomStream(1).uniform({40, 2}), Tensor::labels(std::vector<std::int64_t>(40, 1)), 3);
  const auto options = [](int epochs, const Losses& loss, const Metrics& metrics) {
    return FitOptions{.epochs = epochs, .batch_size = 10, .loss = loss, .metrics = metrics, .show_progress = false};
  };
  Model model = test::one_output();
  Adam adam(model.parameters(), {.learning_rate = schedule::exponential(0.1, 5, 0.5), .ema_momentum = 0.5});
  fit(model, adam, data, options(2, loss::softmax_cross_entropy(), {metric::accuracy()}));
  save_keras_training(model, adam, folder / "m.keras", {.metrics = {metric::accuracy()}});
  KerasTraining run = load_keras_training(folder / "m.keras");
  fit(run.model, *run.optimizer, data, options(1, *run.loss, run.metrics));
  fit(model, adam, data, options(1, loss::softmax_cross_entropy(), {metric::accuracy()}));
  CHECK(run.optimizer->iterations() == 12);
  for (const auto& [path, parameter] : model.named_parameters()) {
    CHECK(identical(run.model.parameter(path).value(), parameter.value()));
  }
  const auto state = adam.named_state(), restored = run.optimizer->named_state();
  REQUIRE(restored.size() == state.size());  // of each parameter two moments and an average
  for (std::size_t i = 0; i < state.size(); ++i) {
    INFO(state[i].first);
    CHECK(restored[i].first == state[i].first);
    CHECK(identical(restored[i].second, state[i].second));
  }
}

TEST_CASE("the state of an optimizer belongs to its parameters also behind padding layers") {
  const test::TemporaryFolder folder;
  const SymbolicTensor x = Input({4, 4, 2});
  const auto conv = [](const std::string& name, const Padding& padding) {
    return Conv2D({.filters = 2, .kernel_size = 3, .padding = padding, .name = name});
  };
  // the padding layer, which Keras needs, moves p in front of q
  const auto padded = conv("a", {1, 1, 1, 1})(conv("p", Padding::same)(x));
  const auto other = conv("b", Padding::same)(conv("q", Padding::same)(x));
  Model model(x, Flatten()(Add()({other, padded})), {.seed = 4});
  Adam adam(model.parameters());
  const Tensor input = RandomStream(1).uniform({3, 4, 4, 2}), target = RandomStream(2).uniform({3, 32});
  const auto step = [&](const Model& trained, Optimizer& optimizer) {
    ForwardPass pass(Mode::training);
    optimizer.minimize(mean_squared_error(trained(input, pass), target), pass);
  };
  step(model, adam);
  save_keras_training(model, adam, folder / "m.keras", {.loss = loss::mean_squared_error()});
  const KerasTraining run = load_keras_training(folder / "m.keras");
  step(model, adam);
  step(run.model, *run.optimizer);
  for (const auto& [path, parameter] : model.named_parameters()) {
    INFO(path);
    CHECK(test::largest_difference(run.model.parameter(path).value(), parameter.value()) < 1e-6);
  }
}

TEST_CASE("the number of steps is a floating-point number in files of Keras 1 and the first of Keras 2") {
  const Model model = test::one_output();
  const auto stored = [](const Tensor& tensor) {
    return StoredTensor{"v", tensor.dtype(), "float32", tensor.shape(), [tensor] { return tensor; }};
  };
  const auto read = [&](const std::string& config, double steps) {
    KerasOptimizerSource source{.serialized = parse_json(R"({"class_name": "Adam", "config": )" + config + "}"),
                                .variables = {stored(Tensor::scalar(steps, DType::float64))},
                                .trained = model.named_parameters()};
    for (int slot = 0; slot < 2; ++slot) {
      for (const Parameter& parameter : model.parameters()) {
        source.variables.push_back(stored(Tensor::full(parameter.shape(), slot + 1.0)));
      }
    }
    return optimizer_from_keras(source, model.parameters());
  };
  const std::string keras1 = R"({"lr": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-08})";
  const auto optimizer = read(keras1, 7);
  CHECK(optimizer->iterations() == 7);
  CHECK(optimizer->named_state()[0].second.to_vector()[0] == 1);
  CHECK(optimizer->named_state()[1].second.to_vector()[0] == 2);
  CHECK(read(keras1, 2147483647)->iterations() == 2147483647);
  CHECK(read(R"({"name": "a", "learning_rate": 0.001})", 7)->iterations() == 0);  // of tf.keras: another number
  for (const double steps : {-1.0, 0.5, 2147483648.0, 1e12, std::nan("")}) {
    CHECK_THAT(error_of([&] { read(keras1, steps); }), Catch::Contains("expected fewer than 2^31 steps"));
  }
}

TEST_CASE("optimizers that Keras does not have are not saved") {
  const test::TemporaryFolder folder;
  const Model model = test::one_output();
  const auto refused = [&](const Optimizer& optimizer, const char* file = "m.keras") {
    const std::string error = error_of([&] { save_keras_training(model, optimizer, folder / file); });
    CHECK_FALSE(std::filesystem::exists(folder / file));
    return error;
  };
  const auto text = [&](const std::string& problem) {
    return "save_keras_training: " + (folder / "m.keras").string() + ": " + problem;
  };
  CHECK(refused(Adam(model.parameters()), "m.h5") == "save_keras_training: expected a name that ends in .keras, got " +
                                                         (folder / "m.h5").string() +
                                                         "; Keras 3 does not restore an optimizer from HDF5");
  CHECK(refused(LARS(model.parameters())) == text("expected an optimizer that Keras has, got LARS"));
  CHECK(refused(Adam(model.parameters(), {.weight_decay = 0.1})) ==
        text("weight_decay: expected 0 for Adam, got 0.1: Keras subtracts the decay from the weights instead; use "
             "AdamW, or regularizers of the layers"));
  CHECK_THAT(refused(Adam(model.parameters(), {.groups = {{.names = {"*/bias"}, .learning_rate_factor = 2}}})),
             Catch::StartsWith(text("Adam: expected options that Keras has, got group")));
  CHECK(refused(RMSprop(model.parameters(), {.epsilon_outside = true})) ==
        text("RMSprop: expected options that Keras has, got epsilon_outside"));
  CHECK(refused(Adam({model.parameters()[0]})) ==
        text("expected an optimizer of all trainable parameters, got one without out/bias"));
}

TEST_CASE("losses and metrics of several outputs are the same after saving") {
  const test::TemporaryFolder folder;
  const Model model = two_outputs();
  const SGD sgd(model.parameters(), {.momentum = 0.9, .clip_value = 0.5});
  save_keras_training(
      model, sgd, folder / "m.keras",
      {.loss = Losses{{loss::softmax_cross_entropy({.label_smoothing = 0.1})}, {loss::huber({.delta = 2}), 0.5}},
       .metrics = {
           {metric::top_k_accuracy({.k = 2}), "kind"}, {metric::r2(), "price"}, {metric::precision(), "price"}}});
  const KerasTraining run = load_keras_training(folder / "m.keras");
  REQUIRE(run.loss->all().size() == 2);
  CHECK(to_string(run.loss->all()[0].loss) == "softmax_cross_entropy (label_smoothing 0.1)");
  CHECK(to_string(run.loss->all()[1].loss) == "huber (delta 2)");
  CHECK(run.loss->all()[1].weight == 0.5);
  REQUIRE(run.metrics.size() == 3);
  CHECK(run.metrics[0].metric.name() == "top_2_accuracy");
  CHECK(run.metrics[0].output == "kind");
  CHECK(run.metrics[1].output == "price");
  CHECK(run.optimizer->settings() == sgd.settings());
}

TEST_CASE("files without a compiled model, and unknown parts, are errors in words") {
  const test::TemporaryFolder folder;
  const Model model = test::one_output();
  save_keras_model(model, folder / "plain.keras");
  CHECK_THAT(error_of([&] { load_keras_training(folder / "plain.keras"); }),
             Catch::Contains("load_keras_training: ") &&
                 Catch::Contains("expected a compiled model, got one that Keras saved without compile(); "
                                 "load_keras_model() reads the model") &&
                 Catch::Contains("plain.keras: expected a compiled model"));
  save_keras_model(model, folder / "plain.h5");
  CHECK_THAT(error_of([&] { load_keras_training(folder / "plain.h5"); }),
             Catch::Contains("load_keras_training: ") &&
                 Catch::Contains("expected a compiled model, got one that Keras saved without compile(); "
                                 "load_keras_model() reads the model"));
  CHECK_THAT(error_of([&] { load_keras_training(folder / "none.keras"); }),
             Catch::Contains("load_keras_training: expected a file that can be read, got ") &&
                 Catch::Contains("No such file or directory") && Catch::Contains("none.keras"));
}
