// Losses, metrics, optimizers and schedules in Keras's JSON: each option with a value of its own, read and written, and
// Keras's defaults.
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/reductions.hpp"
#include "layers/core/dense.hpp"
#include "layers/graph/input.hpp"
#include "optim/adadelta.hpp"
#include "optim/adagrad.hpp"
#include "optim/adam.hpp"
#include "optim/adamax.hpp"
#include "optim/lamb.hpp"
#include "optim/lion.hpp"
#include "optim/nadam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/support/plain_json.hpp"
#include "tests/support/support.hpp"
#include "tests/training/small_training.hpp"
#include "training/keras/keras_objective.hpp"
#include "training/keras/keras_optimizer.hpp"
#include "training/keras/keras_schedule.hpp"
#include "training/keras/keras_training.hpp"

namespace xtape {
namespace {

using Catch::Contains;
using test::error_of;

/// Class and config of an object as Keras 3 serializes it; the name alone for a name.
nlohmann::json object(const Json& keras, const std::string& package) {
  if (keras.is_string()) return test::plain(keras);
  CHECK(keras.at("module") == package);
  CHECK(keras.at("registered_name").is_null());
  return nlohmann::json::array({test::plain(keras).at("class_name"), test::plain(keras).at("config")});
}

Json serialized(const nlohmann::json& object) {
  return {{"class_name", object[0].get<std::string>()}, {"config", Json::parse(object[1].dump())}};
}

}  // namespace

TEST_CASE("every option of a loss is read from Keras's config, and written to it") {
  struct Row {
    Loss ours;
    const char* keras;
  };
  const std::vector<Row> rows{
      {loss::huber({.delta = 0.5}), R"(["Huber", {"name": "huber", "delta": 0.5}])"},
      {loss::cosine_similarity(), R"(["CosineSimilarity", {"name": "cosine_similarity"}])"},
      {loss::softmax_cross_entropy(),
       R"(["SparseCategoricalCrossentropy",
           {"name": "softmax_cross_entropy", "from_logits": true, "ignore_class": null}])"},
      {loss::softmax_cross_entropy({.ignored_label = 2}),
       R"(["SparseCategoricalCrossentropy",
           {"name": "softmax_cross_entropy", "from_logits": true, "ignore_class": 2}])"},
      {loss::categorical_cross_entropy({.ignored_label = -1}),
       R"(["SparseCategoricalCrossentropy",
           {"name": "categorical_cross_entropy", "from_logits": false, "ignore_class": -1}])"},
      {loss::softmax_cross_entropy({.label_smoothing = 0.25}),
       R"(["CategoricalCrossentropy",
           {"name": "softmax_cross_entropy", "from_logits": true, "label_smoothing": 0.25}])"},
      {loss::categorical_cross_entropy({.label_smoothing = 0.25}),
       R"(["CategoricalCrossentropy",
           {"name": "categorical_cross_entropy", "from_logits": false, "label_smoothing": 0.25}])"},
      {loss::sigmoid_cross_entropy({.label_smoothing = 0.25}),
       R"(["BinaryCrossentropy",
           {"name": "sigmoid_cross_entropy", "from_logits": true, "label_smoothing": 0.25}])"},
      {loss::binary_cross_entropy({.label_smoothing = 0.25}),
       R"(["BinaryCrossentropy",
           {"name": "binary_cross_entropy", "from_logits": false, "label_smoothing": 0.25}])"},
      {loss::sigmoid_focal_cross_entropy({.gamma = 3, .alpha = 0.5, .balanced = true, .label_smoothing = 0.25}),
       R"(["BinaryFocalCrossentropy",
           {"name": "sigmoid_focal_cross_entropy", "from_logits": true, "label_smoothing": 0.25, "gamma": 3.0,
            "alpha": 0.5, "apply_class_balancing": true}])"},
      {loss::softmax_focal_cross_entropy({.gamma = 3, .alpha = 0.5, .label_smoothing = 0.25}),
       R"(["CategoricalFocalCrossentropy",
           {"name": "softmax_focal_cross_entropy", "from_logits": true, "label_smoothing": 0.25, "gamma": 3.0,
            "alpha": 0.5}])"},
      {loss::dice({.whole_batch = true}), R"(["Dice", {"name": "dice"}])"},
      {loss::tversky({.whole_batch = true, .alpha = 0.25, .beta = 0.75}),
       R"(["Tversky", {"name": "tversky", "alpha": 0.25, "beta": 0.75}])"},
  };
  const Model model = test::one_output();
  const auto read = [&](const nlohmann::json& keras) {
    std::vector<std::string> problems;
    const auto losses = losses_from_keras({{"loss", serialized(keras)}}, model, {}, problems);
    INFO(fmt::format("{}", fmt::join(problems, "; ")));
    REQUIRE(losses);
    return to_string(losses->all().at(0).loss);
  };
  for (const Row& row : rows) {
    INFO(row.keras);
    auto keras = nlohmann::json::parse(row.keras);
    keras[1]["reduction"] = "sum_over_batch_size";
    CHECK(object(objective_to_keras(Objective("test", model, {}, row.ours, {})).at("loss"), "keras.losses") == keras);
    CHECK(read(keras) == to_string(row.ours));
    keras[1]["reduction"] = "auto";  // of Keras 2
    CHECK(read(keras) == to_string(row.ours));
    if (row.ours.reduction() == LossReduction::whole_batch) continue;
    keras[1]["reduction"] = "sum";
    CHECK(object(objective_to_keras(Objective("test", model, {}, loss::summed(row.ours), {})).at("loss"),
                 "keras.losses") == keras);
    CHECK(read(keras) == to_string(loss::summed(row.ours)));
  }
  std::vector<std::string> refused;
  const nlohmann::json huber = nlohmann::json::array({"Huber", {{"reduction", "none"}}});
  CHECK_FALSE(losses_from_keras({{"loss", serialized(huber)}}, model, {}, refused));
  CHECK_THAT(fmt::format("{}", fmt::join(refused, "; ")),
             Contains(R"(reduction: expected "auto" or "sum_over_batch_size" or "sum")"));
  // Keras's defaults
  const std::vector<Row> defaults{
      {loss::huber({.delta = 1}), R"(["Huber", {}])"},
      {loss::sigmoid_focal_cross_entropy({.gamma = 2, .alpha = 0.25, .balanced = false, .label_smoothing = 0}),
       R"(["BinaryFocalCrossentropy", {"from_logits": true}])"},
      {loss::softmax_focal_cross_entropy({.gamma = 2, .alpha = 0.25, .label_smoothing = 0}),
       R"(["CategoricalFocalCrossentropy", {"from_logits": true}])"},
      {loss::tversky({.whole_batch = true, .alpha = 0.5, .beta = 0.5}), R"(["Tversky", {}])"},
      {loss::categorical_cross_entropy({.label_smoothing = 0}), R"(["CategoricalCrossentropy", {}])"},
      {loss::binary_cross_entropy({.label_smoothing = 0}), R"(["BinaryCrossentropy", {}])"},
  };
  for (const Row& row : defaults) CHECK(read(nlohmann::json::parse(row.keras)) == to_string(row.ours));
}

TEST_CASE("every metric is written as the class of Keras, and is the same after reading") {
  struct Row {
    Metric ours;
    const char* keras;
  };
  const std::vector<Row> rows{
      {metric::accuracy(), R"("accuracy")"},
      {metric::binary_accuracy({.threshold = 0.25}),
       R"(["BinaryAccuracy", {"name": "binary_accuracy", "threshold": 0.25}])"},
      {metric::top_k_accuracy({.k = 12}), R"(["SparseTopKCategoricalAccuracy", {"name": "top_12_accuracy", "k": 12}])"},
      {metric::top_k_accuracy({.k = 2}), R"(["SparseTopKCategoricalAccuracy", {"name": "top_2_accuracy", "k": 2}])"},
      {metric::precision({.threshold = 0.25}), R"(["Precision", {"name": "precision", "thresholds": 0.25}])"},
      {metric::recall({.threshold = 0.25}), R"(["Recall", {"name": "recall", "thresholds": 0.25}])"},
      {metric::auc({.thresholds = 50, .from_logits = true}),
       R"(["AUC", {"name": "auc", "num_thresholds": 50, "from_logits": true}])"},
      {metric::auc(), R"(["AUC", {"name": "auc", "num_thresholds": 200, "from_logits": false}])"},
      {metric::mean_squared_error(), R"(["MeanSquaredError", {"name": "mean_squared_error"}])"},
      {metric::root_mean_squared_error(), R"(["RootMeanSquaredError", {"name": "root_mean_squared_error"}])"},
      {metric::mean_absolute_error(), R"(["MeanAbsoluteError", {"name": "mean_absolute_error"}])"},
      {metric::mean_absolute_percentage_error(),
       R"(["MeanAbsolutePercentageError", {"name": "mean_absolute_percentage_error"}])"},
      {metric::mean_squared_logarithmic_error(),
       R"(["MeanSquaredLogarithmicError", {"name": "mean_squared_logarithmic_error"}])"},
      {metric::log_cosh(), R"(["LogCoshError", {"name": "log_cosh"}])"},
      {metric::poisson(), R"(["Poisson", {"name": "poisson"}])"},
      {metric::cosine_similarity(), R"(["CosineSimilarity", {"name": "cosine_similarity"}])"},
      {metric::hinge(), R"(["Hinge", {"name": "hinge"}])"},
      {metric::squared_hinge(), R"(["SquaredHinge", {"name": "squared_hinge"}])"},
      {metric::categorical_hinge(), R"(["CategoricalHinge", {"name": "categorical_hinge"}])"},
      {metric::kl_divergence(), R"(["KLDivergence", {"name": "kl_divergence"}])"},
      {metric::r2(), R"(["R2Score", {"name": "r2"}])"},
  };
  for (const Row& row : rows) {
    INFO(row.keras);
    const Model model = test::one_output(row.ours.name() == "accuracy" ? 3 : 1);
    const Json compiled = objective_to_keras(Objective("test", model, {}, loss::mean_squared_error(), {row.ours}));
    Json written = compiled.at("metrics");
    while (written.is_array() && written.size() == 1) written = Json(written[0]);
    CHECK(object(written, "keras.metrics") == nlohmann::json::parse(row.keras));
    std::vector<std::string> problems;
    const Metrics again = metrics_from_keras(compiled, model, {}, problems);
    CHECK(problems.empty());
    REQUIRE(again.size() == 1);
    CHECK(to_string(again[0].metric) == to_string(row.ours));
  }
  // What is computed by another rule than xtape's is a problem that names the option.
  const std::vector<std::pair<const char*, const char*>> refused{
      {R"(["Precision", {"top_k": 2}])", "metric: top_k: expected no value, which is all that xtape has, got 2"},
      {R"(["Recall", {"class_id": 2}])", "metric: class_id: expected no value, which is all that xtape has, got 2"},
      {R"(["Recall", {"thresholds": [0.1, 0.2]}])", "metric: thresholds: expected one number, got [0.1,0.2]"},
      {R"(["AUC", {"summation_method": "minoring"}])",
       "metric: summation_method: expected \"interpolation\", which is all that xtape has, got \"minoring\""},
      {R"(["AUC", {"multi_label": true}])",
       "metric: multi_label: expected false, which is all that xtape has, got true"},
      {R"(["AUC", {"num_thresholds": 5, "thresholds": [0.25, 0.5]}])",
       "metric: thresholds: expected those of num_thresholds, got others"},
      {R"(["CosineSimilarity", {"axis": 1}])", "metric: axis: expected -1, which is all that xtape has, got 1"},
      {R"(["R2Score", {"class_aggregation": null, "num_regressors": 2}])",
       "metric: num_regressors: expected 0, which is all that xtape has, got 2"},
      {R"(["R2Score", {"class_aggregation": "variance_weighted_average"}])",
       "metric: class_aggregation: expected \"uniform_average\", which is all that xtape has, got "
       "\"variance_weighted_average\""},
      {R"(["MeanSquaredError", {"invented": 1}])",
       "metric: invented: expected an option that xtape has, got another one with the value 1"},
  };
  for (const auto& [keras, message] : refused) {
    INFO(keras);
    std::vector<std::string> problems;
    const Json metric = serialized(nlohmann::json::parse(keras));
    CHECK(metrics_from_keras({{"metrics", Json::array({metric})}}, test::one_output(1), {}, problems).empty());
    REQUIRE(problems.size() == 1);
    CHECK_THAT(problems[0], Contains(message));
  }
}

TEST_CASE("losses and metrics are written as the arguments of Keras's compile, and nothing else") {
  auto one = test::plain(objective_to_keras(Objective("test", test::one_output(), {}, loss::mean_squared_error(), {})));
  CHECK(one.at("loss").at("class_name") == "MeanSquaredError");
  one.erase("loss");
  CHECK(one == nlohmann::json::parse(R"({"loss_weights": null, "metrics": null, "weighted_metrics": null})"));
  const auto x = Input({2});
  const Model model({x}, {Dense({.units = 1, .name = "a"})(x), Dense({.units = 1, .name = "b"})(x)});
  auto two = test::plain(
      objective_to_keras(Objective("test", model, {}, Losses{{loss::mean_squared_error(), 2}, {loss::poisson()}},
                                   {{metric::mean_absolute_error(), "b"}})));
  for (auto* list : {&two.at("loss"), &two.at("metrics").at(1)}) {
    for (auto& object : *list) object = object.at("class_name");
  }
  CHECK(two == nlohmann::json::parse(R"({"loss": ["MeanSquaredError", "Poisson"], "loss_weights": [2.0, 1.0],
                                         "metrics": [[], ["MeanAbsoluteError"]], "weighted_metrics": null})"));
}

TEST_CASE("losses and metrics that Keras does not have are refused when a model is saved for it") {
  const test::TemporaryFolder folder;
  const auto path = folder / "model.keras";
  const auto refused = [&](const Model& model, const Losses& losses, const Metrics& metrics) {
    const Adam optimizer(model.parameters(), {});
    const std::string text =
        error_of([&] { save_keras_training(model, optimizer, path, {.loss = losses, .metrics = metrics}); });
    CHECK_FALSE(std::filesystem::exists(path));
    return text;
  };
  const auto text = [&](const std::string& problem) {
    return "save_keras_training: " + path.string() + ": " + problem;
  };
  const Model one = test::one_output(3);
  const Loss mine("mine", [](const Variable& y, const Tensor& t) { return mean(y * t); });
  CHECK(refused(one, mine, {}) == text("loss: expected a loss that Keras has, got mine"));
  CHECK(refused(one, loss::dice(), {}) ==
        text("loss: expected dice with whole_batch, as Keras computes it, got one ratio for each sample"));
  CHECK(refused(one, loss::tversky(), {}) ==
        text("loss: expected tversky with whole_batch, as Keras computes it, got one ratio for each sample"));
  for (const Metric& metric : {metric::precision(), metric::recall()}) {
    CHECK(refused(one, loss::softmax_cross_entropy(), {metric}) ==
          text("metric: expected " + metric.name() + " of yes-no answers, as Keras computes it, got one of classes"));
  }
  CHECK(refused(one, loss::softmax_cross_entropy(), {metric::f1()}) ==
        text("metric: expected a metric that Keras has, got f1"));
  CHECK(refused(one, loss::softmax_cross_entropy(), {metric::accuracy({.ignored_label = 1})}) ==
        text("accuracy: expected options that Keras has, got ignored_label"));
  CHECK(refused(one, loss::sigmoid_cross_entropy({.pos_weight = {2}}), {}) ==
        text("sigmoid_cross_entropy: expected options that Keras has, got pos_weight"));
  CHECK(refused(one, Losses{{loss::poisson()}, {loss::poisson()}}, {}) ==
        "save_keras_training: expected 1 loss for model " + one.name() + ", one for each output, got 2");
  const auto x = Input({2});
  const Model two({x}, {Dense({.units = 1, .name = "a"})(x), Dense({.units = 1, .name = "b"})(x)});
  for (const std::string output : {"", "c"}) {
    CHECK(refused(two, Losses{{loss::poisson()}, {loss::poisson()}}, {{metric::poisson(), output}}) ==
          "save_keras_training: expected the metric poisson to name the output that it measures, one of a, b, got \"" +
              output + "\"");
  }
}

TEST_CASE("every option of an optimizer is written to Keras's config, and read from it") {
  const Model model = test::one_output();
  const auto p = model.parameters();
  struct Row {
    std::shared_ptr<Optimizer> ours;
    const char* keras;
    int slots;      // of each parameter, in Keras 3
    int extra = 0;  // variables besides the number of steps, the learning rate and the slots
  };
  const std::vector<Row> rows{
      {std::make_shared<SGD>(p, SGDOptions{.momentum = 0.75, .nesterov = true}),
       R"(["SGD", {"name": "sgd", "learning_rate": 0.01, "momentum": 0.75, "nesterov": true}])", 1},
      {std::make_shared<Adam>(p, AdamOptions{.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25}),
       R"(["Adam", {"name": "adam", "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25}])", 2},
      {std::make_shared<AdamW>(p, AdamWOptions{.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25, .weight_decay = 0.125}),
       R"(["AdamW", {"name": "adamw", "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25, "weight_decay": 0.125}])", 2},
      {std::make_shared<Adamax>(p, AdamaxOptions{.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25}),
       R"(["Adamax", {"name": "adamax", "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25}])", 2},
      {std::make_shared<Nadam>(p, NadamOptions{.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25}),
       R"(["Nadam", {"name": "nadam", "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25}])", 2, 1},
      {std::make_shared<LAMB>(p, LAMBOptions{.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25}),
       R"(["Lamb", {"name": "lamb", "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25}])", 2},
      {std::make_shared<Lion>(p, LionOptions{.beta1 = 0.5, .beta2 = 0.75, .weight_decay = 0.125}),
       R"(["Lion", {"name": "lion", "beta_1": 0.5, "beta_2": 0.75, "weight_decay": 0.125}])", 1},
      {std::make_shared<RMSprop>(p, RMSpropOptions{.rho = 0.5, .momentum = 0.75, .epsilon = 0.25, .centered = true}),
       R"(["RMSprop", {"name": "rmsprop", "rho": 0.5, "momentum": 0.75, "epsilon": 0.25, "centered": true}])", 3},
      {std::make_shared<Adagrad>(p, AdagradOptions{.initial_accumulator_value = 0.5, .epsilon = 0.25}),
       R"(["Adagrad", {"name": "adagrad", "initial_accumulator_value": 0.5, "epsilon": 0.25}])", 1},
      {std::make_shared<Adadelta>(p, AdadeltaOptions{.rho = 0.5, .epsilon = 0.25}),
       R"(["Adadelta", {"name": "adadelta", "rho": 0.5, "epsilon": 0.25}])", 2},
      {std::make_shared<Adam>(p, AdamOptions{.learning_rate = 0.5, .clip_norm = 0.5, .ema_momentum = 0.75}),
       R"(["Adam", {"name": "adam", "learning_rate": 0.5, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7,
                    "global_clipnorm": 0.5, "use_ema": true, "ema_momentum": 0.75}])",
       3},
      {std::make_shared<Adam>(p, AdamOptions{.clip_value = 0.25}),
       R"(["Adam", {"name": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "clipvalue": 0.25}])", 2},
  };
  for (const Row& row : rows) {
    INFO(row.keras);
    auto keras = nlohmann::json::parse(row.keras);
    auto config = nlohmann::json::parse(
        R"({"learning_rate": 0.001, "weight_decay": null, "clipnorm": null, "global_clipnorm": null, "clipvalue": null,
            "use_ema": false, "ema_momentum": 0.99, "ema_overwrite_frequency": null, "loss_scale_factor": null,
            "gradient_accumulation_steps": null})");
    config.update(keras[1]);
    keras[1] = config;
    const Json written = optimizer_to_keras(*row.ours);
    CHECK(object(written, "keras.optimizers") == keras);
    const auto again = optimizer_from_keras({.serialized = written, .variables = {}, .trained = {}}, p);
    CHECK(again->type() == row.ours->type());
    CHECK(again->settings() == row.ours->settings());
    CHECK(again->learning_rate() == row.ours->learning_rate());
    Gradients gradients;
    for (const Parameter& parameter : p) gradients.add(parameter, Tensor::ones(parameter.shape()));
    row.ours->step(gradients);
    const std::vector<Tensor> variables = optimizer_variables(*row.ours, model.named_parameters());
    CHECK(std::ssize(variables) == 2 + row.extra + row.slots * std::ssize(p));
  }
}

TEST_CASE("an optimizer of Keras without an option has Keras's default of it") {
  const Model model = test::one_output();
  const auto p = model.parameters();
  struct Row {
    const char* type;
    std::string settings;
  };
  const std::vector<Row> rows{
      {"SGD", SGD(p, {.momentum = 0, .nesterov = false}).settings()},
      {"Adam", Adam(p, {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7}).settings()},
      {"AdamW", AdamW(p, {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7, .weight_decay = 0}).settings()},
      {"Adamax", Adamax(p, {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7}).settings()},
      {"Nadam", Nadam(p, {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7, .momentum_decay = 1}).settings()},
      {"Lamb", LAMB(p, {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7}).settings()},
      {"Lion", Lion(p, {.beta1 = 0.9, .beta2 = 0.99}).settings()},
      {"RMSprop", RMSprop(p, {.rho = 0.9, .momentum = 0, .epsilon = 1e-7, .centered = false}).settings()},
      {"Adadelta", Adadelta(p, {.rho = 0.95, .epsilon = 1e-7}).settings()},
  };
  for (const Row& row : rows) {
    INFO(row.type);
    const Json given = {{"class_name", row.type},
                        {"config", {{"name", "x"}, {"use_ema", false}, {"learning_rate", 0.5}}}};
    const auto optimizer = optimizer_from_keras({.serialized = given, .variables = {}, .trained = {}}, p);
    CHECK(optimizer->settings() == row.settings);
    CHECK(optimizer->learning_rate() == 0.5);
  }
  const Json averaged = {{"class_name", "SGD"}, {"config", {{"name", "x"}, {"use_ema", true}, {"learning_rate", 0.5}}}};
  CHECK(optimizer_from_keras({.serialized = averaged, .variables = {}, .trained = {}}, p)->settings() ==
        SGD(p, {.ema_momentum = 0.99}).settings());
  const std::vector<std::pair<const char*, const char*>> refused{
      {"7", "7"},
      {"{}", "{}"},
      {R"({"class_name":"Adam"})", R"({"class_name":"Adam"})"},
      {R"({"config":{}})", R"({"config":{}})"},
      {R"({"class_name":"Adam","config":null})", R"({"class_name":"Adam","config":null})"},
      {R"({"class_name":"Adam","config":[]})", R"({"class_name":"Adam","config":[]})"},
      {R"({"class_name":3,"config":{}})", R"({"class_name":3,"config":{}})"}};
  for (const auto& [given, shown] : refused) {
    CHECK(error_of([&, text = given] {
            optimizer_from_keras({.serialized = parse_json(text), .variables = {}, .trained = {}}, p);
          }) == std::string("expected class_name and config, got ") + shown);
  }
}

TEST_CASE("every option of a schedule is read from Keras's config, and written to it") {
  struct Row {
    LearningRate ours;
    const char* keras;
  };
  const std::vector<Row> rows{
      {schedule::piecewise({2, 5}, {1, 0.5, 0.25}),
       R"(["PiecewiseConstantDecay", {"boundaries": [2, 5], "values": [1.0, 0.5, 0.25]}])"},
      {schedule::cosine(2, 100, {.final_rate = 0.5}),
       R"(["CosineDecay", {"initial_learning_rate": 2.0, "decay_steps": 100, "alpha": 0.25}])"},
      {schedule::cosine(2, 100, {.warmup_steps = 20, .final_rate = 0.5, .warmup_from = 0.125}),
       R"(["CosineDecay", {"initial_learning_rate": 0.125, "decay_steps": 80, "alpha": 0.25, "warmup_target": 2.0,
                           "warmup_steps": 20}])"},
      {schedule::cosine_restarts(2, 10, {.period_factor = 1.5, .rate_factor = 0.75, .final_rate = 0.5}),
       R"(["CosineDecayRestarts", {"initial_learning_rate": 2.0, "first_decay_steps": 10, "t_mul": 1.5, "m_mul": 0.75,
                                   "alpha": 0.25}])"},
      {schedule::polynomial(2, 30, {.final_rate = 0.5, .power = 3, .cycle = true}),
       R"(["PolynomialDecay", {"initial_learning_rate": 2.0, "decay_steps": 30, "end_learning_rate": 0.5, "power": 3.0,
                               "cycle": true}])"},
      {schedule::exponential(2, 10, 0.25, true),
       R"(["ExponentialDecay", {"initial_learning_rate": 2.0, "decay_steps": 10, "decay_rate": 0.25,
                                "staircase": true}])"},
      {schedule::inverse_time(2, 10, 0.25, true),
       R"(["InverseTimeDecay", {"initial_learning_rate": 2.0, "decay_steps": 10, "decay_rate": 0.25,
                                "staircase": true}])"},
  };
  for (const Row& row : rows) {
    INFO(row.keras);
    const auto keras = nlohmann::json::parse(row.keras);
    CHECK(object(rate_to_keras(row.ours), "keras.optimizers.schedules") == keras);
    const LearningRate again = rate_from_keras(serialized(keras));
    CHECK(again.text() == row.ours.text());
    for (const int i : {0, 3, 15, 25, 90}) CHECK(again.at(i) == row.ours.at(i));
  }
  // Keras's defaults
  const std::vector<Row> defaults{
      {schedule::cosine(2, 100, {.final_rate = 0}),
       R"(["CosineDecay", {"initial_learning_rate": 2, "decay_steps": 100, "name": "x"}])"},
      {schedule::cosine_restarts(2, 10, {.period_factor = 2, .rate_factor = 1, .final_rate = 0}),
       R"(["CosineDecayRestarts", {"initial_learning_rate": 2, "first_decay_steps": 10}])"},
      {schedule::polynomial(2, 30, {.final_rate = 1e-4, .power = 1, .cycle = false}),
       R"(["PolynomialDecay", {"initial_learning_rate": 2, "decay_steps": 30}])"},
      {schedule::exponential(2, 10, 0.25, false),
       R"(["ExponentialDecay", {"initial_learning_rate": 2, "decay_steps": 10, "decay_rate": 0.25}])"},
      {schedule::inverse_time(2, 10, 0.25, false),
       R"(["InverseTimeDecay", {"initial_learning_rate": 2, "decay_steps": 10, "decay_rate": 0.25}])"},
      {schedule::piecewise({2}, {1, 0.5}), R"(["PiecewiseConstantDecay", {"boundaries": [2.9], "values": [1, 0.5]}])"},
  };
  for (const Row& row : defaults)
    CHECK(rate_from_keras(serialized(nlohmann::json::parse(row.keras))).text() == row.ours.text());
  const auto refused = [](const char* keras, const char* message) {
    INFO(keras);
    CHECK_THAT(error_of([&] { rate_from_keras(serialized(nlohmann::json::parse(keras))); }), Contains(message));
  };
  refused(R"(["PiecewiseConstantDecay", {"boundaries": [1e15], "values": [1, 2]}])",
          "expected boundaries below 1e15, got 1000000000000000");
  refused(R"(["PiecewiseConstantDecay", {"boundaries": 3, "values": [1, 2]}])",
          "boundaries: expected a list of numbers, got 3");
  refused(R"(["PiecewiseConstantDecay", {"boundaries": [3, "x"], "values": [1, 2, 3]}])",
          "boundaries: expected a list of numbers, got [3,\"x\"]");
  refused(R"(["PiecewiseConstantDecay", {"boundaries": [3], "values": [1, true]}])",
          "values: expected a list of numbers, got [1,true]");
  refused(R"(["CosineDecay", {"initial_learning_rate": 2, "decay_steps": 1e15}])",
          "decay_steps: expected a whole number below 1e15, got 1000000000000000");
  refused(R"(["CosineDecay", {"decay_steps": 100}])", "initial_learning_rate: expected a number, got null");
  refused(R"(["ExponentialDecay", {"initial_learning_rate": 2, "decay_steps": 10, "decay_rate": 0.5, "x": 1}])",
          "x: expected an option that xtape has, got another one with the value 1");
}

}  // namespace xtape
