// What Keras computed, replayed without Keras: outputs and gradients of layers, losses, regularizers and constraints,
// and ten steps of optimizers. keras.safetensors was written by make_keras_golden.py beside it, in float64 on random
// inputs.
#include <map>
#include <set>
#include <string>

#include "framework/io/safetensors.hpp"
#include "layers/graph/builtin_layers.hpp"
#include "layers/graph/input.hpp"
#include "models/files/config_json.hpp"
#include "models/graph/model.hpp"
#include "optim/adadelta.hpp"
#include "optim/adagrad.hpp"
#include "optim/adam.hpp"
#include "optim/adamax.hpp"
#include "optim/lamb.hpp"
#include "optim/lion.hpp"
#include "optim/nadam.hpp"
#include "tests/golden/evaluation.hpp"
#include "tests/support/support.hpp"
#include "training/metrics/loss.hpp"

using namespace xtape;

namespace {

struct Case {
  std::string kind, type, config;
  bool training = false;
  double tolerance = 0;  // |ours - theirs| <= tolerance (1 + |theirs|)
  std::map<std::string, Tensor> arrays;

  /// An option of the config, or its default.
  template <class T>
  T option(const std::string& name, T otherwise) const {
    return Json::parse(config).value(name, otherwise);
  }
  LayerConfig options() const { return config_from_json(Json::parse(config)); }
  const Tensor& at(const std::string& name) const { return arrays.at(name); }
  std::vector<Tensor> inputs() const {
    std::vector<Tensor> all;
    while (arrays.contains(fmt::format("input {}", all.size()))) all.push_back(at(fmt::format("input {}", all.size())));
    return all;
  }
};

const std::map<std::string, Case>& cases() {
  static const std::map<std::string, Case> all = [] {
    std::map<std::string, Case> read;
    const SafetensorsFile file = load_safetensors(test::source_root() / "tests/golden/keras.safetensors");
    for (const auto& [name, text] : file.metadata) {
      const Json json = Json::parse(text);
      read[name] = {json["kind"],
                    json["type"],
                    json["config"].dump(),
                    json.value("training", false),
                    json.value("tolerance", 1e-10),
                    {}};
    }
    for (const auto& [path, tensor] : file.tensors) {
      const std::size_t slash = path.find('/');
      read.at(path.substr(0, slash)).arrays[path.substr(slash + 1)] = tensor;
    }
    return read;
  }();
  return all;
}

void compare(const Case& row, const std::string& what, const Tensor& ours) {
  INFO(what);
  REQUIRE(row.arrays.contains(what));
  CHECK(golden::largest_difference(ours, row.at(what)) <= row.tolerance);
}

/// Calls check(case) for every case of the kind, with a message that says which.
template <class Check>
void for_each(const std::string& kind, std::size_t at_least, Check check) {
  std::size_t count = 0;
  for (const auto& [name, row] : cases()) {
    if (row.kind != kind) continue;
    INFO(name << ": " << row.type << " " << row.config << (row.training ? ", training" : ""));
    check(row);
    ++count;
  }
  CHECK(count >= at_least);
}

}  // namespace

TEST_CASE("every layer gives Keras's output and gradients") {
  for_each("layer", 40, [](const Case& row) {
    const std::shared_ptr<Layer> layer = builtin_layers().at(row.type)(row.options());
    std::vector<SymbolicTensor> symbols;
    for (const Tensor& input : row.inputs()) symbols.push_back(Input(input.shape().without(0)));
    const Model model(symbols, layer->connect_one(symbols), {.seed = 1});
    std::size_t given = 0;
    for (const auto& [name, parameter] : layer->named_parameters()) {
      INFO(name);
      REQUIRE(row.arrays.contains("parameter " + name));
      parameter.set_value(row.at("parameter " + name));
      ++given;
    }
    CHECK(given == static_cast<std::size_t>(std::ranges::count_if(
                       row.arrays, [](const auto& entry) { return entry.first.starts_with("parameter "); })));
    ForwardPass pass(row.training ? Mode::training : Mode::inference, {.record = true, .step = 0});
    std::vector<Variable> inputs;
    for (const Tensor& input : row.inputs()) inputs.push_back(pass.watch(input));
    const Variable y = layer->run_one(inputs, pass);
    compare(row, "output", y.value());
    if (!y.tracked()) return;
    const Gradients gradients = pass.backward(y, row.at("cotangent"));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::string name = fmt::format("gradient {}", i);
      if (row.arrays.contains(name)) compare(row, name, pass.gradient(inputs[i]));
    }
    for (const auto& [name, parameter] : layer->named_parameters()) {
      if (parameter.trainable()) compare(row, "gradient " + name, gradients[parameter]);
    }
  });
}

TEST_CASE("every regularizer gives Keras's penalty and gradient") {
  for_each("regularizer", 4, [](const Case& row) {
    Regularizer regularizer;
    from_config(ConfigValue(row.options()), regularizer);
    ForwardPass pass(Mode::training);
    const Variable w = pass.watch(row.at("input 0"));
    const Variable value = penalty(regularizer, w);
    compare(row, "output", value.value());
    pass.backward(value);
    compare(row, "gradient 0", pass.gradient(w));
  });
}

TEST_CASE("every constraint gives Keras's projection") {
  for_each("constraint", 5, [](const Case& row) {
    Constraint constraint;
    from_config(ConfigValue(row.options()), constraint);
    compare(row, "output", constraint.project(row.at("input 0")));
  });
}

namespace {

Loss loss_of(const Case& row) {
  static const std::map<std::string, Loss (*)()> plain{
      {"mean_squared_error", loss::mean_squared_error},
      {"mean_absolute_error", loss::mean_absolute_error},
      {"mean_absolute_percentage_error", loss::mean_absolute_percentage_error},
      {"mean_squared_logarithmic_error", loss::mean_squared_logarithmic_error},
      {"log_cosh", loss::log_cosh},
      {"poisson", loss::poisson},
      {"cosine_similarity", loss::cosine_similarity},
      {"hinge", loss::hinge},
      {"squared_hinge", loss::squared_hinge},
      {"categorical_hinge", loss::categorical_hinge},
      {"kl_divergence", loss::kl_divergence}};
  if (const auto found = plain.find(row.type); found != plain.end()) return found->second();
  const BinaryCrossEntropyOptions binary{.label_smoothing = row.option("label_smoothing", 0.0)};
  if (row.type == "binary_cross_entropy") return loss::binary_cross_entropy(binary);
  if (row.type == "sigmoid_cross_entropy") return loss::sigmoid_cross_entropy(binary);
  const FocalOptions focal{.gamma = row.option("gamma", 2.0),
                           .alpha = row.option("alpha", 0.25),
                           .balanced = row.option("balanced", false),
                           .label_smoothing = row.option("label_smoothing", 0.0)};
  if (row.type == "sigmoid_focal_cross_entropy") return loss::sigmoid_focal_cross_entropy(focal);
  if (row.type == "softmax_focal_cross_entropy") return loss::softmax_focal_cross_entropy(focal);
  const OverlapOptions overlap{.whole_batch = row.option("whole_batch", false),
                               .alpha = row.option("alpha", 0.5),
                               .beta = row.option("beta", 0.5)};
  if (row.type == "dice") return loss::dice(overlap);
  if (row.type == "tversky") return loss::tversky(overlap);
  REQUIRE(row.type == "huber");
  return loss::huber({.delta = row.option("delta", 1.0)});
}

/// Options of Adam and of the optimizers with the same options.
template <class Options>
Options options_like_adam(const Case& row) {
  Options options;
  options.learning_rate = row.option("learning_rate", 1e-3);
  options.beta1 = row.option("beta1", options.beta1);
  options.beta2 = row.option("beta2", options.beta2);
  options.epsilon = row.option("epsilon", options.epsilon);
  options.ema_momentum = row.option("ema_momentum", 0.0);
  return options;
}

std::unique_ptr<Optimizer> optimizer_of(const Case& row, const Parameter& w) {
  if (row.type == "Adam") return std::make_unique<Adam>(std::vector{w}, options_like_adam<AdamOptions>(row));
  if (row.type == "Nadam") return std::make_unique<Nadam>(std::vector{w}, options_like_adam<NadamOptions>(row));
  if (row.type == "Adamax") return std::make_unique<Adamax>(std::vector{w}, options_like_adam<AdamaxOptions>(row));
  if (row.type == "LAMB") return std::make_unique<LAMB>(std::vector{w}, options_like_adam<LAMBOptions>(row));
  const double rate = row.option("learning_rate", 1e-3);
  if (row.type == "Lion") {
    return std::make_unique<Lion>(std::vector{w}, LionOptions{.learning_rate = rate,
                                                              .beta1 = row.option("beta1", 0.9),
                                                              .beta2 = row.option("beta2", 0.99),
                                                              .weight_decay = row.option("weight_decay", 0.0)});
  }
  if (row.type == "Adagrad") {
    return std::make_unique<Adagrad>(
        std::vector{w}, AdagradOptions{.learning_rate = rate,
                                       .initial_accumulator_value = row.option("initial_accumulator_value", 0.1),
                                       .epsilon = row.option("epsilon", 1e-7)});
  }
  REQUIRE(row.type == "Adadelta");
  return std::make_unique<Adadelta>(
      std::vector{w},
      AdadeltaOptions{.learning_rate = rate, .rho = row.option("rho", 0.95), .epsilon = row.option("epsilon", 1e-7)});
}

LearningRate schedule_of(const Case& row) {
  if (row.type == "cosine_restarts") {
    return schedule::cosine_restarts(0.5, 10,
                                     {.period_factor = row.option("period_factor", 2.0),
                                      .rate_factor = row.option("rate_factor", 1.0),
                                      .final_rate = row.option("final_rate", 0.0)});
  }
  if (row.type == "polynomial") {
    return schedule::polynomial(0.5, 10,
                                {.final_rate = row.option("final_rate", 1e-4),
                                 .power = row.option("power", 1.0),
                                 .cycle = row.option("cycle", false)});
  }
  REQUIRE(row.type == "inverse_time");
  return schedule::inverse_time(0.5, 10, 0.7, row.option("staircase", false));
}

}  // namespace

TEST_CASE("every loss gives Keras's value and gradient, with and without weights") {
  for_each("loss", 60, [](const Case& row) {
    ForwardPass pass(Mode::training);
    const Variable x = pass.watch(row.at("input 0"));
    const bool weighted = row.arrays.contains("weights") && !row.option("whole_batch", false);
    const Variable value = loss_of(row)(x, row.at("targets"), weighted ? row.at("weights") : Tensor());
    compare(row, "output", value.value());
    pass.backward(value);
    compare(row, "gradient 0", pass.gradient(x));
  });
}

TEST_CASE("every optimizer takes Keras's first ten steps") {
  for_each("optimizer", 15, [](const Case& row) {
    const Parameter w("w", row.at("initial"));
    const auto optimizer = optimizer_of(row, w);
    for (std::int64_t step = 0; step < 10; ++step) {
      Gradients gradients;
      gradients.add(w, row.at("gradients").rows(step, step + 1).reshaped(w.shape()));
      optimizer->step(gradients);
      const Tensor theirs = row.at("path").rows(step, step + 1).reshaped(w.shape());
      CHECK(golden::largest_difference(w.value(), theirs) <= row.tolerance);
    }
    if (!row.arrays.contains("average")) return;
    optimizer->swap_averages();
    compare(row, "average", w.value());
  });
}

TEST_CASE("every schedule has Keras's rates") {
  for_each("schedule", 8, [](const Case& row) {
    const LearningRate rate = schedule_of(row);
    const std::vector<double> at = row.at("iterations").to_vector(), theirs = row.at("rates").to_vector();
    for (std::size_t i = 0; i < at.size(); ++i) {
      INFO("iteration " << at[i]);
      CHECK(rate.at(static_cast<std::int64_t>(at[i])) == Approx(theirs[i]).margin(row.tolerance));
    }
  });
}
