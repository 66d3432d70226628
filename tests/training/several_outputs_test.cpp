// Models with several inputs and outputs: fit compared with an explicit loop, the names of figures, weights, resumed
// runs; and labels at every position.
#include <sstream>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "optim/adam.hpp"
#include "optim/sgd.hpp"
#include "tests/support/outputs.hpp"
#include "tests/training/small_training.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint.hpp"
#include "training/data/data_loader.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// Points and numbers. The class depends on the point, the number to predict on both.
Dataset two_tasks(std::int64_t n, std::uint64_t seed = 1) {
  const Tensor points = RandomStream(seed).normal({n, 2}), details = RandomStream(seed + 100).uniform({n, 1});
  std::vector<std::int64_t> kinds;
  std::vector<double> prices;
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = points.at({i, 0}), b = points.at({i, 1});
    kinds.push_back(a > 0 ? (b > 0 ? 0 : 1) : 2);
    prices.push_back(a + 2 * details.at({i, 0}));
  }
  return {{points, details}, {{Tensor::labels(kinds), 3}, {Tensor::of({n, 1}, prices)}}};
}

Model two_headed(double dropout = 0, double l2_weight = 0) {
  const auto points = Input({2}), details = Input({1});
  const auto regularizer = l2_weight > 0 ? l2(l2_weight) : Regularizer{};
  auto x = Dense({.units = 8, .activation = tanh, .kernel_regularizer = regularizer, .name = "shared"})(points);
  if (dropout > 0) x = Dropout({.rate = dropout})(x);
  const auto kind = Dense({.units = 3, .name = "kind"})(x);
  const auto price = Dense({.units = 1, .name = "price"})(Concatenate()({x, details}));
  return Model({points, details}, {kind, price}, {.seed = 3});
}

const Losses losses{{loss::softmax_cross_entropy()}, {loss::mean_squared_error(), 0.25}};
const Metrics metrics{{metric::accuracy(), "kind"}, {metric::f1(), "kind"}, {metric::r2(), "price"}};

double distance(const Model& a, const Model& b) {
  double largest = 0;
  const auto one = a.parameters(), two = b.parameters();
  for (std::size_t i = 0; i < one.size(); ++i) {
    largest = std::max(largest, largest_difference(one[i].value(), two[i].value()));
  }
  return largest;
}

}  // namespace

TEST_CASE("fit with two inputs, outputs and losses does the steps of an explicit loop") {
  const Dataset train = two_tasks(50);
  Model fitted = two_headed(0.3), looped = two_headed(0.3);
  SGD sgd(fitted.parameters(), {.learning_rate = 0.1}), same(looped.parameters(), {.learning_rate = 0.1});
  fit(fitted, sgd, train, {.epochs = 2, .batch_size = 16, .loss = losses, .seed = 6, .show_progress = false});
  const DataLoader loader(train, {.batch_size = 16, .seed = 6});
  for (const int number : {0, 1}) {
    for (const Batch& batch : loader.epoch(number)) {
      ForwardPass pass(Mode::training, {.seed = 6, .step = same.iterations()});
      const std::vector<Variable> y = looped.call({batch.inputs[0], batch.inputs[1]}, pass);
      const Variable loss =
          softmax_cross_entropy(y[0], batch.targets[0]) + 0.25 * mean_squared_error(y[1], batch.targets[1]);
      same.step(pass.backward(loss));
    }
  }
  CHECK(same_bits(fitted, looped));
}

TEST_CASE("figures of several outputs have the names of the outputs in history, file, progress and evaluate") {
  Model model = two_headed(0, 0.01);
  model.convert(DType::float64);
  const Dataset train = two_tasks(40), judge = two_tasks(23, 7);
  SGD still(model.parameters(), {.learning_rate = 0});
  const TemporaryFolder folder;
  std::ostringstream progress;
  const History history = fit(model, still, train,
                              {.batch_size = 9,
                               .validation = judge,
                               .loss = losses,
                               .metrics = metrics,
                               .callbacks = {CSVLogger({.path = folder / "log.csv"})},
                               .output = {.stream = &progress, .columns = [] { return 0; }}});
  std::vector<std::string> names;
  for (const Figure& figure : history.last().figures) names.push_back(figure.name);
  CHECK(names == std::vector<std::string>{"loss", "kind_loss", "price_loss", "kind_accuracy", "kind_f1", "price_r2",
                                          "val_loss", "val_kind_loss", "val_price_loss", "val_kind_accuracy",
                                          "val_kind_f1", "val_price_r2", "learning_rate", "seconds"});
  CHECK_THAT(progress.str(), Contains("kind_loss ") && Contains("price_r2 ") && Contains("val_kind_accuracy "));
  const std::vector<Tensor> y = predict_all(model, judge);
  double penalty = 0;
  for (const double w : model.parameters()[0].value().to_vector()) penalty += 0.01 * w * w;
  const double kind = softmax_cross_entropy(y[0], judge.targets()[0].values).value().item();
  const double price = mean_squared_error(y[1], judge.targets()[1].values).value().item();
  const Figures result = evaluate(model, judge, {.batch_size = 7, .loss = losses, .metrics = metrics});
  CHECK(result["kind_loss"] == Approx(kind).epsilon(1e-12));
  CHECK(result["price_loss"] == Approx(price).epsilon(1e-12));
  CHECK(result["loss"] == Approx(kind + 0.25 * price + penalty).epsilon(1e-12));
  CHECK(result["kind_f1"] == Approx(metric::f1()(y[0], judge.targets()[0].values)).epsilon(1e-12));
  CHECK(result["price_r2"] == Approx(metric::r2()(y[1], judge.targets()[1].values)).epsilon(1e-12));
  for (const auto& [name, value] : result) CHECK(history.last()["val_" + name] == Approx(value).epsilon(1e-12));
  const Figures of_training = evaluate(model, train, {.loss = losses, .metrics = metrics});
  for (const auto& [name, value] : of_training) CHECK(history.last()[name] == Approx(value).epsilon(1e-9));
  // by default, because its targets are classes
  CHECK(evaluate(model, judge, {.loss = losses}).contains("kind_accuracy"));
}

TEST_CASE("an output with a weight of 0 is measured but not trained") {
  Model model = two_headed();
  const Tensor before = model.parameters()[4].value();  // of the output "price"
  REQUIRE(model.parameters()[4].name() == "price/kernel");
  SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const History history =
      fit(model, sgd, two_tasks(20),
          {.loss = {{loss::softmax_cross_entropy()}, {loss::mean_squared_error(), 0}}, .show_progress = false});
  CHECK(identical(model.parameters()[4].value(), before));
  CHECK(history.last()["price_loss"] > 0);
  CHECK(history.last()["loss"] == history.last()["kind_loss"]);
}

TEST_CASE("weights apply to all targets, or are given for each target") {
  Model model = two_headed();
  const Dataset data = two_tasks(12);
  const Tensor w = RandomStream(4).uniform({12}, 0, 2), v = RandomStream(5).uniform({12}, 0, 2);
  const std::vector<Tensor> y = predict_all(model, data);
  const auto figures = [&](const Dataset& weighted) {
    return evaluate(model, weighted, {.batch_size = 5, .loss = losses, .metrics = metrics});
  };
  const auto kind = [&](const Tensor& weights) {
    return softmax_cross_entropy(y[0], data.targets()[0].values, weights).value().item();
  };
  const auto price = [&](const Tensor& weights) {
    return mean_squared_error(y[1], data.targets()[1].values, weights).value().item();
  };
  const Figures all = figures(data.weighted(w)), own = figures(data.weighted({Tensor(), v}));
  CHECK(all["kind_loss"] == Approx(kind(w)));
  CHECK(all["price_loss"] == Approx(price(w)));
  CHECK(all["price_r2"] == Approx(metric::r2()(y[1], data.targets()[1].values, w)));
  CHECK(own["kind_loss"] == Approx(kind({})));
  CHECK(own["price_loss"] == Approx(price(v)));
  CHECK(own["kind_accuracy"] == Approx(metric::accuracy()(y[0], data.targets()[0].values)));
  CHECK(error_of([&] { data.weighted(std::vector<Tensor>{w}); }) ==
        "Dataset::weighted: expected 2 tensors of weights, one for each target, got 1");
}

namespace {

/// A run with two outputs and all kinds of state. It stops after `until` steps, and resumes from `resume`.
struct Run {
  Model model = two_headed(0.2, 0.01);
  Adam adam{model.parameters(), {.learning_rate = 0.01}};
  History history;

  explicit Run(const std::filesystem::path& folder, std::int64_t until = -1, const std::filesystem::path& resume = {},
               FitOptions options = {}) {
    options.epochs = 3;
    options.batch_size = 8;
    options.validation = two_tasks(20, 7);
    options.loss = losses;
    options.metrics = {{metric::accuracy(), "kind"},
                       {metric::precision(), "kind"},
                       {metric::r2(), "price"},
                       {metric::mean_absolute_error(), "price"}};
    options.callbacks = {Checkpoint({.folder = folder, .every_steps = 2, .best = "val_price_r2"}),
                         EarlyStopping({.monitor = "val_kind_precision", .patience = 9, .restore_best = true}),
                         ReduceLROnPlateau({.monitor = "price_mean_absolute_error", .patience = 1, .min_delta = 0.5}),
                         at_batch_end([until](TrainingState& run) {
                           if (run.step() == until) run.stop("here");
                         })};
    options.resume = resume;
    options.show_progress = false;
    history = fit(model, adam, two_tasks(37), options);
  }
};

void check_same(const Run& a, const Run& b) {
  CHECK(same_bits(a.model, b.model));
  CHECK(a.adam.iterations() == b.adam.iterations());
  CHECK(a.adam.learning_rate() == b.adam.learning_rate());
  REQUIRE(a.history.epochs().size() == b.history.epochs().size());
  for (std::size_t i = 0; i < a.history.epochs().size(); ++i) {
    for (const auto& [name, value] : a.history.epochs()[i].figures) {
      INFO(name);
      if (name != "seconds") CHECK(b.history.epochs()[i][name] == value);
    }
  }
}

}  // namespace

TEST_CASE("a run with several outputs that stops after any step is resumed with the same bits") {
  for (const FitOptions& options :
       {FitOptions{}, FitOptions{.accumulate = 2}, FitOptions{.steps_per_epoch = 4},
        FitOptions{.drop_last = true, .accumulate = 2, .steps_per_epoch = 3}, FitOptions{.initial_epoch = 1}}) {
    const TemporaryFolder unbroken;
    const Run whole(unbroken.path(), -1, {}, options);
    REQUIRE(whole.adam.iterations() > 5);
    for (std::int64_t until = 1; until < whole.adam.iterations(); ++until) {
      INFO("accumulate " << options.accumulate << ", steps_per_epoch " << options.steps_per_epoch << ", stopped after "
                         << until);
      const TemporaryFolder folder;
      const Run first(folder.path(), until, {}, options);
      CHECK(first.adam.iterations() == until);
      check_same(whole, Run(folder.path(), -1, folder.path(), options));
    }
  }
}

TEST_CASE("a checkpoint with other losses, metrics or steps is rejected with the differences") {
  const TemporaryFolder folder;
  Run(folder.path(), 4);
  const auto refused = [&](const FitOptions& options) {
    return error_of([&] { Run(folder.path(), -1, folder.path(), options); });
  };
  CHECK_THAT(refused({.accumulate = 2}),
             Contains("fit: expected to resume from ") &&
                 Contains("got: expected a checkpoint with the settings of this run, got one with accumulate 1 (now "
                          "2); no older one in its folder can be used"));
  CHECK_THAT(refused({.drop_last = true}),
             Contains("fit: expected to resume from ") &&
                 Contains("got: expected a checkpoint with the settings of this run, got one with drop_last false (now "
                          "true); no older one in its folder can be used"));
  CHECK_THAT(refused({.steps_per_epoch = 5}),
             Contains("fit: expected to resume from ") &&
                 Contains("got: expected a checkpoint with the settings of this run, got one with steps_per_epoch 0 "
                          "(now 5); no older one in its folder can be used"));
  Model model = two_headed(0.2, 0.01);
  Adam adam(model.parameters(), {.learning_rate = 0.01});
  CHECK_THAT(
      error_of([&] {
        fit(model, adam, two_tasks(37),
            {.epochs = 3, .batch_size = 8, .loss = losses, .resume = folder.path(), .show_progress = false});
      }),
      Contains("metrics [kind accuracy, kind precision, price r2, price mean_absolute_error] (now [kind accuracy])"));
}

TEST_CASE("accumulated batches of any sizes make the step of one batch with all their samples") {
  Dataset data = two_tasks(37);
  std::vector<double> weights;
  for (std::int64_t i = 0; i < 37; ++i) weights.push_back(static_cast<double>(i % 4));
  data = data.weighted(Tensor::of({37}, weights));
  for (const std::int64_t size : {3, 5, 9, 18}) {
    const std::int64_t parts = (37 - 1) / size + 1;
    Model whole = two_headed(0, 0.02), accumulated = two_headed(0, 0.02);
    for (Model* model : {&whole, &accumulated}) model->convert(DType::float64);
    Adam a(whole.parameters(), {.learning_rate = 0.1}), b(accumulated.parameters(), {.learning_rate = 0.1});
    const History once = fit(
        whole, a, data, {.epochs = 3, .batch_size = 37, .loss = losses, .metrics = metrics, .show_progress = false});
    const History often = fit(accumulated, b, data,
                              {.epochs = 3,
                               .batch_size = size,
                               .loss = losses,
                               .metrics = metrics,
                               .accumulate = parts,
                               .show_progress = false});
    CHECK(b.iterations() == 3);
    CHECK(distance(whole, accumulated) < 1e-12);
    for (std::size_t epoch = 0; epoch < 3; ++epoch) {
      for (const auto& [name, value] : once.epochs()[epoch].figures) {
        INFO(name);
        if (name != "seconds") CHECK(often.epochs()[epoch][name] == Approx(value).epsilon(1e-10));
      }
    }
  }
}

TEST_CASE("a step with a loss that is not finite in any of its batches changes nothing") {
  Model model = two_headed();
  SGD sgd(model.parameters());
  int calls = 0;
  const Loss broken = custom_loss([&](const Variable& y, const Tensor& t) {
    const Variable loss = mean_squared_error(y, t);
    return ++calls == 3 ? loss * std::numeric_limits<double>::infinity() : loss;
  });
  const Tensor before = model.parameters()[0].value();
  CHECK(error_of([&] {
          fit(model, sgd, two_tasks(12),
              {.batch_size = 3,
               .loss = {{loss::softmax_cross_entropy()}, {broken}},
               .accumulate = 4,
               .show_progress = false});
        }) ==
        "fit: expected a finite loss, got inf in epoch 1, step 1 of 1; lower the learning rate, set clip_norm, or look "
        "for what is not finite in the data");
  CHECK(identical(model.parameters()[0].value(), before));
  CHECK(sgd.iterations() == 0);
}

TEST_CASE("steps_per_epoch divides the passes over the data into epochs, and uses every sample equally often") {
  const auto seen = [](FitOptions options) {
    const auto input = Input({1});
    Model model(input, Dense({.units = 1, .use_bias = false})(input));
    model.parameters()[0].set_value(Tensor::ones({1, 1}));
    SGD still(model.parameters(), {.learning_rate = 0});
    std::vector<double> numbers;
    options.loss = custom_loss([&](const Variable& y, const Tensor& t) {
      for (const double value : y.value().to_vector()) numbers.push_back(value);
      return mean_squared_error(y, t);
    });
    options.batch_size = 3;
    options.show_progress = false;
    const Dataset data(Tensor::of({8, 1}, {0, 1, 2, 3, 4, 5, 6, 7}), Tensor::zeros({8, 1}));
    const History history = fit(model, still, data, options);
    CHECK(history.epochs().size() == static_cast<std::size_t>(options.epochs - options.initial_epoch.value_or(0)));
    return numbers;
  };
  const std::vector<double> passes = seen({.epochs = 5});  // three batches for each epoch
  CHECK(seen({.epochs = 3, .steps_per_epoch = 5}) == passes);
  CHECK(seen({.epochs = 15, .steps_per_epoch = 1}) == passes);
  CHECK(seen({.epochs = 1, .steps_per_epoch = 15}) == passes);
  const std::vector<double> first = seen({.epochs = 2, .steps_per_epoch = 4}),
                            second = seen({.epochs = 4, .steps_per_epoch = 4, .initial_epoch = 2});
  std::vector<double> both = first;
  both.insert(both.end(), second.begin(), second.end());
  CHECK(both == seen({.epochs = 4, .steps_per_epoch = 4}));
  CHECK(seen({.epochs = 3, .drop_last = true}).size() == 18);
}

namespace {

/// Small pictures in which each pixel is bright or not; this is its label. Every third pixel has no label (-1).
Dataset pictures(std::int64_t n, std::uint64_t seed) {
  const Tensor images = RandomStream(seed).uniform({n, 6, 5, 1});
  const std::vector<double> pixels = images.to_vector();
  std::vector<std::int64_t> labels;
  for (std::size_t i = 0; i < pixels.size(); ++i) labels.push_back(i % 3 == 0 ? -1 : pixels[i] > 0.5 ? 1 : 0);
  return {
      {images},
      {{.values = Tensor::labels(labels).reshaped({n, 6, 5}), .class_names = {"dark", "bright"}, .ignored_label = -1}}};
}

}  // namespace

TEST_CASE("a network that labels every pixel is trained on the pixels with a label") {
  const auto input = Input({6, 5, 1});
  auto x = Conv2D({.filters = 4, .kernel_size = 1, .activation = tanh})(input);
  Model model(input, Conv2D({.filters = 2, .kernel_size = 1})(x), {.seed = 1});
  Adam adam(model.parameters(), {.learning_rate = 0.1});
  const Losses pixelwise = loss::softmax_cross_entropy({.ignored_label = -1});
  const Metrics iou{metric::accuracy({.ignored_label = -1}), metric::intersection_over_union({.ignored_label = -1})};
  const Dataset train = pictures(24, 1), test = pictures(7, 2);
  const History history = fit(model, adam, train,
                              {.epochs = 20,
                               .batch_size = 5,
                               .validation = test,
                               .loss = pixelwise,
                               .metrics = iou,
                               .augmentation = {.horizontal_flip = true, .shift = 0.2},
                               .show_progress = false});
  CHECK(history.last()["val_accuracy"] > 0.95);
  CHECK(history.last()["val_intersection_over_union"] > 0.9);
  // the mean over all labelled pixels, not over batches, which have different numbers of them
  const Tensor y = predict(model, test);
  const double at_once = softmax_cross_entropy(y, test.target(), {}, {.ignored_label = -1}).value().item();
  CHECK(evaluate(model, test, {.batch_size = 2, .loss = pixelwise})["loss"] == Approx(at_once));
  CHECK(evaluate(model, test, {.loss = pixelwise}).contains("accuracy"));  // by default, without the ignored label
  CHECK(error_of([&] { evaluate(model, test); }) ==
        "evaluate: expected a loss that ignores the label -1, as Target::ignored_label of the data says, got "
        "softmax_cross_entropy; give the loss the same label, loss::softmax_cross_entropy({.ignored_label = -1}), or a "
        "custom one a LossOptions::count that is 0 for it");
  const auto count = [](const Tensor& labels) -> double { fail("no label {}", labels.item()); };
  const Loss own("own", [](const Variable& outputs, const Tensor&) { return mean(outputs); },
                 {.targets = LossTargets::classes, .count = count});
  CHECK_THAT(error_of([&] { evaluate(model, test, {.loss = own}); }),
             Catch::StartsWith("evaluate: expected a loss that ignores the label -1") && Catch::Contains("got own;"));
}

TEST_CASE("labels of pixels are moved with the images, by the nearest pixel") {
  const Dataset data = pictures(8, 3);
  const DataLoaderOptions options{.shuffle = false, .augmentation = {.horizontal_flip = true, .shift = 0.4}};
  const Batch batch = DataLoader(data, options).epoch(0)[0];
  CHECK(batch.target().dtype() == DType::int64);
  std::int64_t labelled = 0, moved = 0;
  const std::vector<double> images = batch.input().to_vector(), labels = batch.target().to_vector(),
                            before = data.target().to_vector();
  for (std::size_t i = 0; i < images.size(); ++i) {
    moved += labels[i] != before[i];
    if (labels[i] < 0) continue;
    ++labelled;
    CHECK((images[i] > 0.5) == (labels[i] == 1));
  }
  CHECK(labelled > 100);
  CHECK(moved > 20);
}

TEST_CASE("data with several targets and labels of positions reject invalid arguments") {
  const Tensor images = Tensor::zeros({2, 3, 3, 1}), numbers = Tensor::zeros({2, 1});
  const auto error = [](const std::vector<Tensor>& inputs, const std::vector<Target>& targets) {
    return error_of([&] { Dataset(inputs, targets); });
  };
  CHECK(error({}, {}) == "Dataset: expected at least one input, got none");
  CHECK(error({images, Tensor::zeros({3, 1})}, {}) ==
        "Dataset: expected as many samples in each input, got (2, 3, 3, 1) and (3, 1)");
  CHECK(error({images}, {{numbers}, {Tensor::zeros({3, 1})}}) ==
        "Dataset: expected inputs (n, ...) and targets (n, ...) of as many samples, got (2, 3, 3, 1) and (3, 1)");
  Tensor labels = Tensor::zeros({2, 3, 3}, DType::int64);
  labels.mutable_data<std::int64_t>()[10] = -1;
  CHECK(error({images}, {{labels, 2}}) ==
        "Dataset: expected labels in [0, 2), got -1 at index 10; say which label is to be ignored with "
        "Target::ignored_label");
  CHECK(Dataset({images}, {{.values = labels, .classes = 2, .ignored_label = -1}}).size() == 2);
  CHECK(error({images}, {{.values = labels, .classes = 3, .class_names = {"a"}}}) ==
        "Dataset: expected a name for each of the 3 classes, got 1");
  const Dataset two({images, numbers}, {{numbers}, {numbers}});
  CHECK(error_of([&] { (void)two.input(); }) == "Dataset::input: expected data of one input, got 2; use inputs()");
  CHECK(error_of([&] { (void)two.target(); }) == "Dataset::target: expected data of one target, got 2; use targets()");
  const Batch batch = DataLoader(two).epoch(0)[0];
  CHECK(error_of([&] { (void)batch.input(); }) == "Batch::input: expected one, got 2; use inputs");
  CHECK(error_of([&] { (void)batch.target(); }) == "Batch::target: expected one, got 2; use targets");
  Model model = two_headed();
  SGD sgd(model.parameters());
  const Dataset first = two_tasks(8);
  const auto train = [&](FitOptions options, const Dataset& data) {
    options.show_progress = false;
    return error_of([&] { fit(model, sgd, data, options); });
  };
  CHECK(train({}, first) == "fit: expected 2 losses for model model, one for each output, got 1");
  CHECK(train({.loss = losses, .metrics = {metric::f1()}}, first) ==
        "fit: expected the metric f1 to name the output that it measures, one of kind, price, got \"\"");
  CHECK(train({.loss = losses, .class_weights = {1, 2, 3}}, first) ==
        "fit: expected no class_weights for data with 2 targets; give each sample its weights with Dataset::weighted");
  CHECK(train({.validation = two, .loss = losses}, first) ==
        "fit, validation: expected inputs (None, 2) for input_1 of model model, got (2, 3, 3, 1)");
  CHECK(train({.loss = {{loss::softmax_cross_entropy()}, {loss::softmax_cross_entropy()}}}, first) ==
        "fit: expected a model of at least 2 outputs for softmax_cross_entropy, got output shape (None, 1), for which "
        "the loss is always 0; use sigmoid_cross_entropy with floating targets (n, 1)");
  CHECK(train({.loss = losses}, Dataset({first.inputs()[1], first.inputs()[0]}, first.targets())) ==
        "fit: expected inputs (None, 2) for input_1 of model model, got (8, 1)");
  CHECK(sgd.iterations() == 0);
}

TEST_CASE("a source may make samples with several inputs, and tokens stay int64") {
  const SampleSource source{
      {Shape{2}, Shape{3}}, {DType::float32, DType::int64}, [](std::int64_t i) {
        const auto value = static_cast<double>(i);
        return std::vector<Tensor>{Tensor::full({2}, value), Tensor::full({3}, value, DType::int64)};
      }};
  const Dataset data(source, {{Tensor::of({5, 1}, {0, 1, 2, 3, 4})}});
  for (const std::int64_t prefetch : {0, 2}) {
    for (const Batch& batch : DataLoader(data.subset({4, 2, 0}), {.batch_size = 2, .prefetch = prefetch}).epoch(1)) {
      CHECK(batch.inputs[1].dtype() == DType::int64);
      for (std::int64_t i = 0; i < batch.size(); ++i) {
        CHECK(batch.inputs[0].at({i, 1}) == batch.target().at({i, 0}));
        CHECK(batch.inputs[1].at({i, 2}) == batch.target().at({i, 0}));
      }
    }
  }
  const auto made = [&](std::vector<Tensor> sample) {
    const SampleSource wrong{source.shapes, source.dtypes, [sample](std::int64_t) { return sample; }};
    return error_of([&] { Dataset(wrong, {{Tensor::zeros({5, 1})}}).sample(1); });
  };
  CHECK(made({Tensor::zeros({2})}) == "Dataset::sample: expected a source that makes 2 inputs, got 1 for sample 1");
  CHECK(made({Tensor::zeros({2}), Tensor::zeros({3})}) ==
        "Dataset::sample: expected a source that makes int64 (3,), got float32 (3,) for sample 1");
}

TEST_CASE("sums of parts of the data give the figures of all of it") {
  Model model = two_headed();
  const Dataset data = two_tasks(11);
  const Metric largest(
      "largest_price",
      [](const Tensor& outputs, const Tensor&, const Tensor&) {
        return Tensor::scalar(max(outputs).value().item(), DType::float64);
      },
      [](const Tensor& total) { return total.item(); },
      {.combine = [](const Tensor& a, const Tensor& b) { return a.item() > b.item() ? a : b; }});
  Metrics all_metrics = metrics;
  all_metrics.push_back({largest, "price"});
  const Objective objective("test", model, data.targets(), losses, all_metrics);
  RunningFigures all(objective), one(objective), two(objective);
  const std::vector<Tensor> y = predict_all(model, data);
  std::int64_t number = 0;
  for (const Batch& batch : DataLoader(data, {.batch_size = 4, .shuffle = false}).epoch(0)) {
    const std::vector<Tensor> outputs{y[0].rows(4 * number, 4 * number + batch.size()),
                                      y[1].rows(4 * number, 4 * number + batch.size())};
    const BatchLosses some{{0.5 + static_cast<double>(number), 2}, 0.1};
    all.add(outputs, batch, some);
    (number == 1 ? one : two).add(outputs, batch, some);
    ++number;
  }
  RunningFigures sent = two, restored(objective);  // to another process, and from a checkpoint
  restored.restore(one.samples(), one.state());
  sent.add(one.numbers());
  restored.add(two);
  one.add(two);
  CHECK(all.figures()["price_largest_price"] == max(Variable(y[1])).value().item());
  for (const RunningFigures* figures : {&one, &sent, &restored}) {
    CHECK(figures->samples() == 11);
    for (const auto& [name, value] : all.figures()) CHECK(figures->figures()[name] == Approx(value).epsilon(1e-12));
  }
}
