// Messages about one of several inputs and outputs name it, and those about the only one do not.
#include <cmath>
#include <sstream>

#include "framework/ops/ops.hpp"
#include "layers/core/dense.hpp"
#include "layers/graph/input.hpp"
#include "optim/sgd.hpp"
#include "tests/support/limits.hpp"
#include "tests/training/small_training.hpp"
#include "training/distributed/state_mean.hpp"
#include "training/evaluate.hpp"
#include "training/fit.hpp"

namespace xtape {
namespace {

using namespace test;

/// A model with the outputs kind, of four numbers, and price, of one; or with one of them alone.
Model heads(bool kind, bool price) {
  const auto x = Input({2});
  std::vector<SymbolicTensor> outputs;
  if (kind) outputs.push_back(Dense({.units = 4, .name = "kind"})(x));
  if (price) outputs.push_back(Dense({.units = 1, .name = "price"})(x));
  return {{x}, outputs, {.name = "net", .seed = 1}};
}

const Target good_kind{Tensor::labels({0, 1, 2, 3}), 4}, good_price{Tensor::ones({4, 1})};

/// The message of fit for a target of an output, alone and beside the other one.
struct OfOutput {
  std::string output;
  Target target;
  std::string message;  // with " for output ..." at {}
  std::optional<Loss> loss = std::nullopt;
  std::vector<double> weights = {};
};

}  // namespace

TEST_CASE("a target that does not fit is named with its output if there are several") {
  const Tensor half = Tensor::full({4, 3}, 1.0 / 3, DType::float64);
  const std::vector<OfOutput> rows{
      {"kind",
       {half, 3},
       "fit: expected a model with 3 outputs for labels that are distributions of 3 classes{}, got output shape (None, "
       "4)"},
      {"kind",
       {Tensor::labels({0, 1, 2, 3}), 5},
       "fit: expected a model with an output for each of the 5 classes of the data{}, got output shape (None, 4)"},
      {"price",
       {Tensor::labels({0, 0, 0, 0}), 1},
       "fit: expected a model with at least 2 outputs for data with classes{}, got output shape (None, 1); for one "
       "yes-no answer a sample give floating targets (n, 1) without classes, and sigmoid_cross_entropy as the loss"},
      {"kind",
       {Tensor::labels({0, 1, 2, 3}).reshaped({4, 1}), 4},
       "fit: expected labels (None){} for outputs (None, 4), got (4, 1); reshape them with .reshaped()"},
      {"kind",
       {Tensor::labels(std::vector<std::int64_t>(16, 1)).reshaped({4, 4}), 4},
       "fit: expected labels (None){} for outputs (None, 4), got (4, 4); convert one-hot rows with "
       ".to(DType::float32)"},
      {"kind",
       {Tensor::labels(std::vector<std::int64_t>(12, 1)).reshaped({4, 3}), 4},
       "fit: expected labels (None){} for outputs (None, 4), got (4, 3)"},
      {"price",
       {Tensor::ones({4})},
       "fit: expected targets (None, 1) like the outputs of model net{}, got (4,), which would be compared with the "
       "outputs of other samples; reshape them, or let a custom loss say that it takes them (LossOptions::targets)"},
      {"price",
       {Tensor::of({4, 1}, {0, 1, 2, 0})},
       "fit: sigmoid_cross_entropy: expected targets in [0, 1], got 2 at element 2{}",
       loss::sigmoid_cross_entropy()},
      {"price",
       good_price,
       "fit: expected weights of which some are above 0 and labels that are not all ignored{}, got only samples of "
       "weight 0, for which the loss is always 0",
       {},
       {0, 0, 0, 0}},
  };
  for (const OfOutput& row : rows) {
    for (const bool alone : {true, false}) {
      INFO(row.message << " " << alone);
      const bool of_kind = row.output == "kind";
      Model model = heads(of_kind || !alone, !of_kind || !alone);
      SGD sgd(model.parameters());
      std::vector<Target> targets;
      std::vector<WeightedLoss> losses;
      std::vector<Tensor> weights;
      for (const bool kind : {true, false}) {
        if (alone && kind != of_kind) continue;
        targets.push_back(kind == of_kind ? row.target : kind ? good_kind : good_price);
        const Loss usual = kind ? loss::softmax_cross_entropy() : loss::mean_squared_error();
        losses.emplace_back(kind == of_kind ? row.loss.value_or(usual) : usual);
        weights.push_back(kind == of_kind && !row.weights.empty() ? f64(row.weights) : Tensor());
      }
      const Dataset data = Dataset({Tensor::ones({4, 2})}, targets).weighted(weights);
      CHECK(error_of([&] { fit(model, sgd, data, {.loss = Losses(losses), .show_progress = false}); }) ==
            fmt::format(fmt::runtime(row.message), alone ? "" : " for output " + row.output));
    }
  }
}

TEST_CASE("validation data without the classes of the training data is named with its output") {
  for (const bool alone : {true, false}) {
    Model model = heads(true, !alone);
    SGD sgd(model.parameters());
    std::vector<Target> targets{good_kind}, others{{Tensor::full({4, 4}, 0.25)}};
    std::vector<WeightedLoss> losses{loss::softmax_cross_entropy()};
    if (!alone) {
      targets.push_back(good_price);
      others.push_back(good_price);
      losses.emplace_back(loss::mean_squared_error());
    }
    const Tensor x = Tensor::ones({4, 2});
    const auto message = [&](const std::vector<Target>& train, const std::vector<Target>& validation) {
      return error_of([&] {
        fit(model, sgd, Dataset({x}, train),
            {.validation = Dataset({x}, validation), .loss = Losses(losses), .show_progress = false});
      });
    };
    const std::string begin = "fit: expected validation data with classes where the training data has them" +
                              std::string(alone ? "" : " for output kind");
    CHECK(message(targets, others) == begin + ", got 0 and 4 classes");
    CHECK(message(others, targets) == begin + ", got 4 and 0 classes");
  }
}

TEST_CASE("validation data whose classes have other names than in the training data is rejected") {
  Model model = test::one_output(3);
  SGD sgd(model.parameters());
  const auto data = [](const std::vector<std::string>& names) {
    return Dataset(Tensor::ones({4, 2}), Tensor::labels({0, 1, 2, 0}), names);
  };
  const auto trained = [&](const Dataset& validation) {
    fit(model, sgd, data({"a", "b", "c"}), {.validation = validation, .show_progress = false});
  };
  CHECK_NOTHROW(trained(data({"a", "b", "c"})));
  CHECK_NOTHROW(trained(Dataset(Tensor::ones({4, 2}), Tensor::labels({0, 1, 2, 0}), 3)));
  CHECK(
      error_of([&] {
        trained(data({"a", "c", "b"}));
      }) ==
      "fit: expected validation data with the class names of the training data, got \"c\" for class 1, which is \"b\" "
      "in the training data; give the names of the training data when the validation data is loaded");
}

TEST_CASE("inputs that do not fit are counted, and named if there are several") {
  const auto a = Input({2}, {.name = "left"}), b = Input({3}, {.name = "right"});
  const Model one(a, Dense({.units = 1})(a), {.name = "one"});
  const Model two({a, b}, {Dense({.units = 1})(a), Dense({.units = 1})(b)}, {.name = "two"});
  const Tensor x = Tensor::ones({4, 2}), y = Tensor::ones({4, 3});
  check_messages({
      {"predict: expected 1 input for model one, got 2",
       [&] {
         predict_all(one, {x, y});
       }},
      {"predict: expected 2 inputs for model two, got 1", [&] { predict_all(two, {x}); }},
      {"predict: expected 2 inputs for model two, got 3",
       [&] {
         predict_all(two, {x, y, y});
       }},
      {"predict: expected inputs (None, 2) for model one, got (4, 3)", [&] { predict_all(one, {y}); }},
      {"predict: expected inputs (None, 2) for left of model two, got (4, 3)",
       [&] {
         predict_all(two, {y, y});
       }},
      {"predict: expected inputs (None, 3) for right of model two, got (4, 2)",
       [&] {
         predict_all(two, {x, x});
       }},
      {"predict: expected inputs (None, 2) for model one, got an undefined tensor", [&] { predict(one, Tensor()); }},
      {"predict: expected inputs (None, 2) for left of model two, got an undefined tensor",
       [&] {
         predict_all(two, {Tensor(), y});
       }},
      {"predict: expected inputs (None, 3) for right of model two, got an undefined tensor",
       [&] {
         predict_all(two, {x, Tensor()});
       }},
      {"predict: expected at least one sample, got (0, 3)",
       [&] {
         predict_all(two, {x, Tensor::ones({0, 3})});
       }},
      {"predict: expected a model of one output, got model two of 2; use predict_all()",
       [&] {
         predict(two, Dataset({x, y}, std::vector<Target>()));
       }},
  });
}

TEST_CASE("a model whose outputs depend on nothing that is trained is an Error in the first step") {
  const auto input = Input({2});
  const auto hidden = Dense({.units = 2, .name = "hidden"});
  Model model(input, Dense({.units = 1, .name = "out"})(hidden(input)), {.name = "net"});
  SGD sgd(model.parameters());
  // a callback freezes all layers after the checks of fit
  const auto freeze = LambdaCallback({.train_begin = [](TrainingState& run) {
    for (const auto& layer : run.model.all_layers()) layer->set_trainable(false);
  }});
  CHECK(error_of([&] {
          fit(model, sgd, Dataset(Tensor::ones({4, 2}), Tensor::ones({4, 1})),
              {.loss = loss::mean_squared_error(), .callbacks = {freeze}, .show_progress = false});
        }) ==
        "fit: expected outputs that depend on trainable parameters of model net, got constants; make a layer "
        "trainable, or read the parameters of custom layers with parameter(pass, name)");
  CHECK(sgd.iterations() == 0);
}

TEST_CASE("a loss of weight 0 that is infinite does not change the sum of the losses") {
  Model model = heads(true, true);
  SGD sgd(model.parameters());
  const Loss infinite_loss = custom_loss([](const Variable& y, const Tensor&) { return mean(y) * infinite; });
  const Dataset data({Tensor::ones({4, 2})}, {good_kind, good_price});
  const Losses losses{{loss::softmax_cross_entropy()}, {infinite_loss, 0}};
  const Figures measured = evaluate(model, data, {.loss = losses});
  CHECK_FALSE(std::isfinite(measured["price_loss"]));
  CHECK(measured["loss"] == measured["kind_loss"]);
  CHECK(std::isfinite(measured["loss"]));
  const EpochResult trained = fit(model, sgd, data, {.loss = losses, .show_progress = false}).last();
  CHECK_FALSE(std::isfinite(trained["price_loss"]));
  CHECK(trained["loss"] == trained["kind_loss"]);
}

TEST_CASE("a validation within fit shows how many of its samples are done") {
  Model model = heads(true, false);
  SGD sgd(model.parameters());
  const Dataset data({Tensor::ones({4, 2})}, {good_kind});
  std::ostringstream stream;
  double now = 0;  // each look at the clock is 11 seconds after the one before
  fit(model, sgd, data,
      {.batch_size = 3,
       .validation = Dataset({Tensor::ones({7, 2})}, {{Tensor::labels({0, 1, 2, 3, 0, 1, 2}), 4}}),
       .output = {&stream, [] { return 0; }, [&] { return now += 11; }}});
  for (const int done : {3, 6, 7}) {
    CHECK_THAT(stream.str(), Catch::Contains(fmt::format("epoch 1/1  validation {}/7  left ", done)));
  }
}

TEST_CASE("a state update of a parameter that the model does not have is named") {
  const Parameter own("own", Tensor::zeros({2})), other("other", Tensor::zeros({2}));
  Gradients updates;
  updates.update(other, [](const Tensor& old) { return old; });
  StateMean state({own});
  CHECK(error_of([&] { state.add_shard(updates, 1); }) ==
        "fit: expected state updates of parameters of the model, got one of other, which is none of its parameters");
}

TEST_CASE("labels that are none of the classes are named, with the label that may be ignored") {
  const auto message = [](const std::vector<std::int64_t>& labels, std::optional<std::int64_t> ignored) {
    return error_of([&] {
      Dataset({Tensor::ones({3, 1})}, {{.values = Tensor::labels(labels), .classes = 3, .ignored_label = ignored}});
    });
  };
  const std::string hint = "; say which label is to be ignored with Target::ignored_label";
  CHECK(message({0, 3, -1}, {}) == "Dataset: expected labels in [0, 3), got 3 at index 1");
  CHECK(message({0, -1, 3}, {}) == "Dataset: expected labels in [0, 3), got -1 at index 1" + hint);
  CHECK(message({-1, 2, 3}, -1) == "Dataset: expected labels in [0, 3) or -1, got 3 at index 2");
  CHECK(message({-1, -2, 0}, -1) == "Dataset: expected labels in [0, 3) or -1, got -2 at index 1");
  CHECK(message({255, 3, 0}, 255) == "Dataset: expected labels in [0, 3) or 255, got 3 at index 1");
}

}  // namespace xtape
