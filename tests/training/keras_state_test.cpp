// The state of an optimizer as the variables of Keras's file, before the first step and after it.
#include <algorithm>
#include <cmath>
#include <fstream>

#include "framework/io/zip.hpp"
#include "optim/adam.hpp"
#include "optim/nadam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"
#include "tests/training/small_training.hpp"
#include "training/keras/keras_optimizer.hpp"
#include "training/keras/keras_training.hpp"

namespace xtape {
namespace {

using namespace test;

StoredTensor stored_as(const Tensor& tensor) {
  return {"v", tensor.dtype(), "float32", tensor.shape(), [tensor] { return tensor; }};
}

/// An optimizer of the same parameters, from what Keras would find in a file.
std::shared_ptr<Optimizer> written_and_read(const Optimizer& optimizer, const Model& model) {
  KerasOptimizerSource source{
      .serialized = optimizer_to_keras(optimizer), .variables = {}, .trained = model.named_parameters()};
  for (const Tensor& variable : optimizer_variables(optimizer, model.named_parameters())) {
    source.variables.push_back(stored_as(variable));
  }
  return optimizer_from_keras(source, model.parameters());
}

void step_with_ones(Optimizer& optimizer, const Model& model) {
  Gradients gradients;
  for (const Parameter& parameter : model.parameters()) {
    if (parameter.trainable()) gradients.add(parameter, Tensor::ones(parameter.shape()));
  }
  optimizer.step(gradients);
}

}  // namespace

TEST_CASE("moving averages are 0 in Keras before the first step, and begin with the weights after it") {
  const Model model = one_output();
  SGD sgd(model.parameters(), {.learning_rate = 0.5, .momentum = 0.5, .ema_momentum = 0.75});
  const std::vector<Tensor> variables = optimizer_variables(sgd, model.named_parameters());
  REQUIRE(variables.size() == 2 + 2 * 2);  // steps, rate, averages, momentums
  for (const std::size_t of_average : {2U, 3U}) {
    CHECK(identical(variables[of_average], Tensor::zeros(model.parameters()[of_average - 2].shape())));
  }
  const auto read = written_and_read(sgd, model);
  CHECK(read->iterations() == 0);
  for (const auto& [name, slot] : read->named_state()) {
    INFO(name);
    for (const double value : slot.to_vector()) CHECK((name.ends_with("/average") ? std::isnan(value) : value == 0));
  }
  step_with_ones(*read, model);
  const std::vector<Tensor> weights{model.parameters()[0].value(), model.parameters()[1].value()};
  read->swap_averages();
  for (std::size_t i = 0; i < 2; ++i) CHECK(identical(model.parameters()[i].value(), weights[i]));
  read->swap_averages();
  // after a second step they are 0.75 first + 0.25 second, also behind another file
  step_with_ones(*read, model);
  const std::vector<double> second = model.parameters()[0].value().to_vector();
  const auto again = written_and_read(*read, model);
  CHECK(again->iterations() == 2);
  again->swap_averages();
  const std::vector<double> averages = model.parameters()[0].value().to_vector();
  for (std::size_t i = 0; i < second.size(); ++i) {
    CHECK(averages[i] == Approx(0.75 * weights[0].to_vector()[i] + 0.25 * second[i]).epsilon(1e-6));
  }
}

TEST_CASE("an optimizer that does not change all trained parameters has no variables for Keras") {
  const Model model = one_output();
  const auto message = [&](const Optimizer& optimizer) {
    return error_of([&] { optimizer_variables(optimizer, model.named_parameters()); });
  };
  const std::string expected = "expected an optimizer of all trainable parameters, got one without ";
  CHECK(message(SGD(model.parameters(), {.groups = {{.names = {"*/bias"}, .frozen = true}}})) == expected + "out/bias");
  CHECK(message(SGD({model.parameters()[1]})) == expected + "out/kernel");
  model.parameters()[1].set_trainable(false);
  const Adam adam(model.parameters());
  model.parameters()[1].set_trainable(true);
  CHECK(message(adam) ==
        "expected an optimizer with a state for every trainable parameter, got none for out/bias; do a step first");
}

TEST_CASE("the state of an optimizer is the same after writing it for Keras and reading it") {
  const Model model = one_output();
  const auto p = model.parameters();
  const std::shared_ptr<Optimizer> optimizers[] = {
      std::make_shared<SGD>(p),
      std::make_shared<SGD>(p, SGDOptions{.momentum = 0.5}),
      std::make_shared<SGD>(p, SGDOptions{.learning_rate = schedule::exponential(0.1, 5, 0.5), .momentum = 0.5}),
      std::make_shared<Adam>(p, AdamOptions{.ema_momentum = 0.5}),
      std::make_shared<Nadam>(p),
      std::make_shared<RMSprop>(p, RMSpropOptions{.momentum = 0.5, .centered = true}),
      std::make_shared<RMSprop>(p, RMSpropOptions{.centered = true, .ema_momentum = 0.5})};
  for (const auto& optimizer : optimizers) {
    for (int steps = 1; steps <= 2; ++steps) {
      step_with_ones(*optimizer, model);
      const auto again = written_and_read(*optimizer, model);
      INFO(optimizer->type() << " with " << optimizer->settings());
      CHECK(again->iterations() == optimizer->iterations());
      CHECK(again->schedule().text() == optimizer->schedule().text());
      const auto a = optimizer->named_state(), b = again->named_state();
      REQUIRE(a.size() == b.size());
      for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].first == b[i].first);
        CHECK(identical(a[i].second, b[i].second));
      }
    }
  }
}

TEST_CASE("the last variable of Nadam is the product of the momentums of all steps") {
  // u_t = beta1 (1 - 0.5 * 0.96^t) as in Keras's Nadam
  const Model model = one_output();
  Nadam nadam(model.parameters(), {.beta1 = 0.75});
  double product = 1;
  for (int t = 0; t <= 3; ++t) {
    if (t > 0) {
      step_with_ones(nadam, model);
      product *= 0.75 * (1 - 0.5 * std::pow(0.96, t));
    }
    const std::vector<Tensor> variables = optimizer_variables(nadam, model.named_parameters());
    REQUIRE(variables.back().shape().rank() == 0);
    CHECK(variables.back().item() == Approx(product).epsilon(1e-6));
  }
}

TEST_CASE("the variables of a file are those of the parameters that are trained") {
  const TemporaryFolder folder;
  for (const bool frozen : {false, true}) {
    const SymbolicTensor x = Input({2});
    const Model model(x, Dense({.units = 2, .name = "last"})(Dense({.units = 3, .name = "first"})(x)), {.seed = 2});
    model.layer("first").set_trainable(!frozen);
    Adam adam(model.parameters());
    step_with_ones(adam, model);
    save_keras_training(model, adam, folder / "m.keras", {.loss = loss::poisson()});
    const KerasTraining run = load_keras_training(folder / "m.keras");
    CHECK(run.model.parameter("first/kernel").trainable() == !frozen);
    CHECK(run.optimizer->iterations() == 1);
    const auto before = adam.named_state(), after = run.optimizer->named_state();
    REQUIRE(before.size() == after.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      CHECK(before[i].first == after[i].first);
      CHECK(identical(before[i].second, after[i].second));
    }
  }
}

TEST_CASE("all parts of a training that xtape does not have are listed in the order of Keras's compile") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "m.keras";
  const Model model = one_output(1);
  save_keras_training(model, SGD(model.parameters()), path,
                      {.loss = loss::log_cosh(), .metrics = {metric::r2(), metric::poisson()}});
  std::vector<ZipEntry> entries;
  const ZipFile archive("test", path);
  for (const std::string& name : archive.names()) {
    std::string text = archive.read(name);
    for (const std::string old : {"LogCosh", "R2Score", "SGD"}) {
      const auto at = name == "config.json" ? text.find("\"" + old + "\"") : std::string::npos;
      if (at != std::string::npos) text.replace(at, old.size() + 2, "\"My" + old + "\"");
    }
    entries.push_back({name, text});
  }
  {
    std::ofstream out(folder / "mine.keras", std::ios::binary);
    write_zip("test", out, entries);
  }
  const std::vector<std::string> left_out{
      "loss: expected a loss that xtape has, got MyLogCosh; give it in LoadKerasTrainingOptions::custom_losses",
      "metric: expected a metric that xtape has, got MyR2Score; give it in LoadKerasTrainingOptions::custom_metrics",
      "optimizer: expected an optimizer that xtape has, got the class MySGD"};
  CHECK(error_of([&] { load_keras_training(folder / "mine.keras"); }) ==
        fmt::format("load_keras_training: {}: {}; {}; {}; strict = false reads the rest",
                    (folder / "mine.keras").string(), left_out[0], left_out[1], left_out[2]));
  const KerasTraining run = load_keras_training(folder / "mine.keras", {.strict = false});
  CHECK(run.left_out == left_out);
  CHECK_FALSE(run.loss);
  CHECK(run.optimizer == nullptr);
  REQUIRE(run.metrics.size() == 1);
  CHECK(run.metrics[0].metric.name() == "poisson");
  const KerasTraining given =
      load_keras_training(folder / "mine.keras", {.custom_losses = {{"MyLogCosh", loss::log_cosh()}},
                                                  .custom_metrics = {{"MyR2Score", metric::r2()}},
                                                  .strict = false});
  CHECK(given.left_out == std::vector{left_out[2]});
  CHECK(to_string(given.loss->all().at(0).loss) == "log_cosh");
  CHECK(given.metrics.size() == 2);
}

}  // namespace xtape
