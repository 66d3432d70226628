// The settings that must be equal when a run is resumed.
#include "framework/ops/ops.hpp"
#include "layers/shape/reshaping.hpp"
#include "optim/adam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/training/small_training.hpp"
#include "training/checkpoint/checkpoint.hpp"

using namespace xtape;
using namespace xtape::test;
namespace fs = std::filesystem;

namespace {

using DenseOptions = DenseLayer::Options;
using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(std::vector<Parameter>)>;

template <class Rule, class Options>
MakeOptimizer rule(const Options& options) {
  return
      [options](std::vector<Parameter> parameters) { return std::make_unique<Rule>(std::move(parameters), options); };
}

Model two_layers(const DenseOptions& hidden) {
  const auto input = Input({2});
  return {input, Dense({.units = 2, .name = "logits"})(Dense(hidden)(input))};
}

const DenseOptions hidden{.units = 4, .activation = relu, .name = "hidden"};

/// Trains one epoch with a checkpoint or, with `resume`, a second one.
void train(const fs::path& folder, bool resume, Model model, const Dataset& data, const MakeOptimizer& make,
           const Loss& its_loss = loss::softmax_cross_entropy(), const std::optional<Dataset>& validation = {}) {
  const auto optimizer = make(model.parameters());
  const auto checkpoint = Checkpoint({.folder = folder});
  fit(model, *optimizer, data,
      {.epochs = resume ? 2 : 1,
       .batch_size = 8,
       .validation = validation,
       .loss = its_loss,
       .callbacks = {checkpoint},
       .resume = resume ? folder : fs::path(),
       .show_progress = false});
}

}  // namespace

TEST_CASE("a checkpoint is rejected for other labels or weights of the same number of samples") {
  const TemporaryFolder folder;
  const auto sgd = rule<SGD>(SGDOptions{});
  const Dataset data = quadrants(16);
  train(folder.path(), false, two_layers(hidden), data, sgd);
  CHECK_THAT(error_of([&] { train(folder.path(), true, two_layers(hidden), quadrants(16, 2), sgd); }),
             Catch::Contains("got one with targets and first sample "));
  CHECK_THAT(error_of([&] { train(folder.path(), true, two_layers(hidden), data.weighted(Tensor::ones({16})), sgd); }),
             Catch::Contains("got one with targets and first sample "));
  Tensor points = data.input();
  points.mutable_data<float>()[1] += 1;
  const Dataset moved(points, data.target(), 2);
  CHECK_THAT(error_of([&] { train(folder.path(), true, two_layers(hidden), moved, sgd); }),
             Catch::Contains("got one with targets and first sample "));
  train(folder.path(), true, two_layers(hidden), data, sgd);
}

TEST_CASE("a checkpoint is rejected for targets of another shape") {
  const TemporaryFolder folder;
  const auto sgd = rule<SGD>(SGDOptions{});
  const auto input = Input({2});
  Model model(input, Reshape({.target_shape = {2, 2}})(Dense({.units = 4, .name = "four"})(input)));
  const Loss squares =
      custom_loss([](const Variable& outputs, const Tensor& targets) { return mean(square(outputs - targets)); });
  const auto of_shape = [](const Shape& shape) { return Dataset(quadrants(8).input(), Tensor::ones(shape)); };
  train(folder.path(), false, model, of_shape({8, 2, 1}), sgd, squares);
  CHECK_THAT(error_of([&] {
               train(folder.path(), true, model, of_shape({8, 1, 2}), sgd, squares);
             }),
             Catch::Contains("got one with targets and first sample "));
  train(folder.path(), true, model, of_shape({8, 2, 1}), sgd, squares);
}

TEST_CASE("a checkpoint is rejected for another loss, schedule or other validation data") {
  const TemporaryFolder folder;
  const Dataset data = quadrants(16), judge = quadrants(8, 5), other = quadrants(8, 6);
  const auto with = [&](bool resume, const LearningRate& rate, const Loss& its_loss, const Dataset& validation) {
    train(folder.path(), resume, two_layers(hidden), data, rule<SGD>(SGDOptions{.learning_rate = rate}), its_loss,
          validation);
  };
  const auto cosine = schedule::cosine(0.1, 100);
  with(false, 0.1, loss::softmax_cross_entropy(), judge);
  CHECK_THAT(error_of([&] { with(true, cosine, loss::softmax_cross_entropy(), judge); }),
             Catch::Contains("learning rates after 0, 1, 10, ... steps of an epoch 0.1, 0.1 (now 0.1, 0.09"));
  CHECK_THAT(error_of([&] { with(true, 0.1, loss::softmax_cross_entropy({.label_smoothing = 0.25}), judge); }),
             Catch::Contains("loss softmax_cross_entropy (now softmax_cross_entropy (label_smoothing 0.25))"));
  const auto own = [](const Variable& outputs, const Tensor& labels) { return softmax_cross_entropy(outputs, labels); };
  CHECK_THAT(error_of([&] { with(true, 0.1, Loss("own", own, {.targets = LossTargets::classes}), judge); }),
             Catch::Contains("(now own)"));
  CHECK_THAT(error_of([&] { with(true, 0.1, loss::softmax_cross_entropy(), other); }),
             Catch::Contains("got one with validation targets and first sample "));
  with(true, 0.1, loss::softmax_cross_entropy(), judge);
}

TEST_CASE("a schedule is called only for rates that the run needs") {
  const TemporaryFolder folder;
  const auto only_four_steps = [](std::int64_t i) { return i < 4 ? 0.1 : -1; };  // a rate below 0 is an Error
  for (const bool resume : {false, true}) {
    train(folder.path(), resume, two_layers(hidden), quadrants(16),
          rule<SGD>(SGDOptions{.learning_rate = only_four_steps}));
  }
}

TEST_CASE("a checkpoint is rejected for other options of the optimizer, with names and values") {
  struct Case {
    MakeOptimizer begun, other;
    std::string difference;
  };
  const std::vector<Case> cases{
      {rule<Adam>(AdamOptions{}), rule<Adam>(AdamOptions{.beta1 = 0.5}), "(now Adam with beta1 0.5, beta2 0.999"},
      {rule<Adam>(AdamOptions{}), rule<Adam>(AdamOptions{.beta2 = 0.5}), "(now Adam with beta1 0.9, beta2 0.5"},
      {rule<Adam>(AdamOptions{}), rule<Adam>(AdamOptions{.epsilon = 0.5}), "epsilon 0.5"},
      {rule<Adam>(AdamOptions{}), rule<Adam>(AdamOptions{.weight_decay = 0.5}),
       "weight_decay 0.5, clip_norm 0, clip_value 0)"},
      {rule<Adam>(AdamOptions{}), rule<Adam>(AdamOptions{.clip_norm = 0.5}), "clip_norm 0.5, clip_value 0)"},
      {rule<Adam>(AdamOptions{}), rule<Adam>(AdamOptions{.clip_value = 0.5}), "clip_norm 0, clip_value 0.5)"},
      {rule<SGD>(SGDOptions{.groups = {{.names = {"*/bias"}, .weight_decay = 0.5}}}),
       rule<SGD>(SGDOptions{.groups = {{.names = {"*/bias"}, .weight_decay = 0.25}}}),
       "group */bias: learning_rate_factor 1, weight_decay 0.25, frozen false)"},
      {rule<SGD>(SGDOptions{}), rule<SGD>(SGDOptions{.groups = {{.names = {"*/bias"}, .frozen = true}}}),
       "group */bias: learning_rate_factor 1, frozen true)"},
      {rule<AdamW>(AdamWOptions{}), rule<AdamW>(AdamWOptions{.weight_decay = 0.5}), "decoupled weight_decay 0.5"},
      {rule<SGD>(SGDOptions{.momentum = 0.9}), rule<SGD>(SGDOptions{.momentum = 0.8}), "(now SGD with momentum 0.8"},
      {rule<SGD>(SGDOptions{.momentum = 0.9}), rule<SGD>(SGDOptions{.momentum = 0.9, .nesterov = true}),
       "nesterov true"},
      {rule<RMSprop>(RMSpropOptions{}), rule<RMSprop>(RMSpropOptions{.rho = 0.5}), "(now RMSprop with rho 0.5"},
      {rule<RMSprop>(RMSpropOptions{.momentum = 0.9}), rule<RMSprop>(RMSpropOptions{.momentum = 0.8}), "momentum 0.8"},
      {rule<RMSprop>(RMSpropOptions{}), rule<RMSprop>(RMSpropOptions{.epsilon = 0.5}), "epsilon 0.5"},
      {rule<RMSprop>(RMSpropOptions{}), rule<RMSprop>(RMSpropOptions{.centered = true}), "centered true"},
  };
  for (const Case& c : cases) {
    const TemporaryFolder folder;
    INFO(c.difference);
    train(folder.path(), false, two_layers(hidden), quadrants(16), c.begun);
    CHECK_THAT(error_of([&] { train(folder.path(), true, two_layers(hidden), quadrants(16), c.other); }),
               Catch::Contains(c.difference));
    train(folder.path(), true, two_layers(hidden), quadrants(16), c.begun);
  }
}

TEST_CASE("a checkpoint is rejected for a model with the same parameters and other layers") {
  const TemporaryFolder folder;
  const auto sgd = rule<SGD>(SGDOptions{});
  train(folder.path(), false, two_layers(hidden), quadrants(16), sgd);
  DenseOptions other = hidden;
  other.activation = tanh;
  CHECK_THAT(error_of([&] { train(folder.path(), true, two_layers(other), quadrants(16), sgd); }),
             Catch::Contains("got one of a model whose parameters are alike and whose layers have other options"));
  other = hidden;
  other.kernel_regularizer = l2(0.1);
  CHECK_THAT(error_of([&] { train(folder.path(), true, two_layers(other), quadrants(16), sgd); }),
             Catch::Contains("whose layers have other options"));
  train(folder.path(), true, two_layers(hidden), quadrants(16), sgd);
}

TEST_CASE("a run of a model with custom functions is resumed") {
  const TemporaryFolder folder;
  DenseOptions own = hidden;
  own.activation = [](const Variable& x) { return tanh(x); };
  for (const bool resume : {false, true})
    train(folder.path(), resume, two_layers(own), quadrants(16), rule<SGD>(SGDOptions{}));
}

TEST_CASE("a checkpoint is rejected for other augmentation") {
  const TemporaryFolder folder;
  const auto input = Input({4, 4, 1});
  Model model(input, Dense({.units = 2})(Flatten()(input)));
  const Dataset data(Tensor::zeros({8, 4, 4, 1}), Tensor::labels({0, 1, 0, 1, 0, 1, 0, 1}), 2);
  SGD sgd(model.parameters(), {.learning_rate = 0.1});
  FitOptions options{.augmentation = {.brightness = 0.25}, .show_progress = false};
  options.callbacks = {Checkpoint({.folder = folder.path()})};
  fit(model, sgd, data, options);
  options.epochs = 2;
  options.resume = folder.path();
  options.augmentation.brightness = 0.5;
  CHECK_THAT(error_of([&] { fit(model, sgd, data, options); }),
             Catch::Contains("brightness 0.25, contrast 0, fill edge (now flip false, rotation 0, zoom 0, shift 0, "
                             "brightness 0.5, contrast 0, fill edge)"));
  options.augmentation.brightness = 0.25;
  CHECK(fit(model, sgd, data, options).epochs().size() == 2);
}

TEST_CASE("a checkpoint is rejected if other layers are frozen") {
  const TemporaryFolder folder;
  const auto train = [&](bool frozen, const fs::path& resume) {
    Model model = quadrant_model();
    model.layer("hidden").set_trainable(!frozen);
    SGD sgd(model.parameters(), {.learning_rate = 0.1});  // without slots, which would show a difference
    const auto checkpoint = Checkpoint({.folder = folder.path()});
    fit(model, sgd, quadrants(8), {.callbacks = {checkpoint}, .resume = resume, .show_progress = false});
  };
  train(false, {});
  train(false, folder.path());
  CHECK_THAT(error_of([&] { train(true, folder.path()); }), Catch::Contains("trained parameters 4 (now 2)"));
}

TEST_CASE("a run whose callback freezes a layer when it begins is resumed") {
  const TemporaryFolder folder;
  const auto train = [&](int epochs, bool freezes) {
    Model model = quadrant_model();
    SGD sgd(model.parameters(), {.learning_rate = 0.1});
    const auto freeze = LambdaCallback({.train_begin = [freezes](TrainingState& run) {
      if (freezes) run.model.layer("hidden").set_trainable(false);
    }});
    fit(model, sgd, quadrants(8),
        {.epochs = epochs,
         .callbacks = {freeze, Checkpoint({.folder = folder.path()})},
         .resume = epochs > 1 ? folder.path() : fs::path(),
         .show_progress = false});
    return sgd.iterations();
  };
  train(1, true);
  CHECK_THAT(error_of([&] { train(2, false); }),
             Catch::Contains("got one with trained parameters 2 (now 4); no older"));
  CHECK(train(2, true) == 2);
}

TEST_CASE("a resumed run keeps the optimizer's state of a layer that a callback has unfrozen") {
  const TemporaryFolder folder;
  const auto train = [&](int epochs, const fs::path& resume) {
    Model model = quadrant_model();
    model.layer("hidden").set_trainable(false);
    Adam adam(model.parameters(), {.learning_rate = 0.01});
    if (!resume.empty()) model.layer("hidden").set_trainable(true);  // as when the checkpoint was saved
    const auto unfreeze = LambdaCallback({.epoch_begin = [](TrainingState& run) {
      if (run.epoch >= 2) run.model.layer("hidden").set_trainable(true);
    }});
    fit(model, adam, quadrants(20),
        {.epochs = epochs,
         .batch_size = 5,
         .callbacks = {unfreeze, Checkpoint({.folder = folder.path()})},
         .resume = resume,
         .show_progress = false});
    std::vector<Tensor> values;
    for (const Parameter& parameter : model.parameters()) values.push_back(parameter.value());
    return values;
  };
  const std::vector<Tensor> whole = train(4, {});
  std::filesystem::remove_all(folder.path());
  train(3, {});
  const std::vector<Tensor> parts = train(4, folder.path());
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(identical(parts[i], whole[i]));
}
