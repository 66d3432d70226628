// Training on several ranks, which are threads of this process: the bits of one rank, resumed runs.
#include <filesystem>
#include <limits>
#include <map>
#include <mutex>
#include <sstream>

#include "framework/io/safetensors.hpp"
#include "framework/ops/ops.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/training/distributed_runs.hpp"
#include "training/batch_norm_recalibration.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint.hpp"
#include "training/distributed/gradient_reduction.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// The tensors of the newest checkpoint but for times.
std::map<std::string, Tensor> saved_in(const std::filesystem::path& folder) {
  std::map<std::string, Tensor> tensors;
  for (const NamedTensor& entry : load_safetensors(checkpoints_in(folder).front()).tensors) {
    if (entry.name != "rate_and_seconds" && entry.name != "history/figures") tensors[entry.name] = entry.tensor;
  }
  return tensors;
}

void check_identical(const std::map<std::string, Tensor>& a, const std::map<std::string, Tensor>& b) {
  REQUIRE(a.size() == b.size());
  for (const auto& [name, tensor] : a) {
    INFO(name);
    CHECK(identical(tensor, b.at(name)));
  }
}

}  // namespace

TEST_CASE("any number of ranks with 8 shards gives the same bits on any number of threads") {
  const TemporaryFolder alone_folder;
  FitOptions options = stateful_options();
  options.callbacks = {Checkpoint({.folder = alone_folder.path(), .best = "val_loss"})};
  const RankResult alone = train_rank(options, nullptr);
  CHECK(alone.batch_losses.size() == 4);
  for (const int ranks : {1, 2, 4, 8}) {
    for (const int threads : {1, 3}) {
      INFO(ranks << " ranks, " << threads << " threads");
      const KernelSettings scope(threads);
      const TemporaryFolder folder;
      const auto results = train_ranks(ranks, [&] {
        FitOptions same = stateful_options();
        same.callbacks = {Checkpoint({.folder = folder.path(), .best = "val_loss"})};
        return same;
      });
      for (const RankResult& result : results) check_identical(alone, result);
      CHECK(checkpoints_in(folder.path()).size() == 2);
      check_identical(saved_in(alone_folder.path()), saved_in(folder.path()));
    }
  }
}

TEST_CASE("ignored labels and weights and accumulated batches give the same bits on any number of ranks") {
  for (FitOptions options : tasks_options()) {
    options.distributed = {.shards = 8, .bucket_bytes = 1};
    const Trained alone = train_tasks(options);
    for (const int ranks : {2, 4, 8}) {
      INFO(ranks << " ranks, accumulate " << options.accumulate);
      std::vector<Trained> results(static_cast<std::size_t>(ranks));
      run_on_threads(ranks, [&](const std::shared_ptr<Communicator>& communicator) {
        FitOptions own = options;
        own.distributed.communicator = communicator;
        results[static_cast<std::size_t>(communicator->rank())] = train_tasks(own);
      });
      for (const Trained& result : results) {
        check_identical(alone.weights, result.weights);
        CHECK(result.history.last()["loss"] == alone.history.last()["loss"]);
      }
    }
  }
}

/// Adds a parameter of its own to batches whose first number is positive, and remembers their mean.
class Sometimes final : public Layer {
 public:
  struct Options {
    std::string name = "sometimes";
  };
  explicit Sometimes(Options options) : Layer(options.name) {}
  std::string type() const override { return "Sometimes"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return inputs; }
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>&) const override {
    return {{"often", {1}, zeros()}, {"never", {1}, zeros()}, {"seen", {1}, zeros(), false}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    const Variable& x = inputs.front();
    if (x.value().at({0, 0}) <= 0) return {x};
    if (pass.training())
      pass.update(state("seen"), [seen = mean(x.detached()).value()](const Tensor&) { return seen.reshaped({1}); });
    return {x + parameter(pass, "often")};
  }
};

TEST_CASE("a parameter that some shards have no gradient of has the gradient zero there") {
  Tensor points = RandomStream(1).uniform({8, 1}, 1, 2);
  for (const std::int64_t i : {0, 1, 2, 3, 6, 7}) points.mutable_data<float>()[i] *= -1;  // all but the third shard
  const Dataset data(points, Tensor::zeros({8, 1}));
  const auto train = [&](const std::shared_ptr<Communicator>& communicator) {
    const auto input = Input({1});
    Model model(input, Dense({.units = 1, .kernel_initializer = ones()})(LayerHandle<Sometimes>()(input)));
    SGD sgd(model.parameters(), {.learning_rate = 1, .momentum = 0.5});
    fit(model, sgd, data,
        {.batch_size = 8,
         .loss = Loss("sum", [](const Variable& y, const Tensor&) { return mean(y); }),
         .shuffle = false,
         .distributed = {.communicator = communicator, .shards = 4},
         .show_progress = false});
    return model;
  };
  const Model alone = train(nullptr);
  CHECK(alone.parameter("sometimes/often").value().item() == -0.25);  // a quarter of the batch has the slope 1
  CHECK(alone.parameter("sometimes/never").value().item() == 0);
  for (const int ranks : {2, 4}) {
    run_on_threads(ranks, [&](const auto& communicator) {
      const Model model = train(communicator);
      if (communicator->rank() == 0) check_identical(values_of(alone), values_of(model));  // one thread checks
    });
  }
}

TEST_CASE("a state that some shards change becomes the mean over these shards, by their numbers of samples") {
  // shards of 2, 3, 2 and 3 samples; the first and the last change the state
  const Dataset data(Tensor::of({10, 1}, {1, 3, -1, -1, -1, -1, -1, 7, 8, 12}), Tensor::zeros({10, 1}));
  for (const int ranks : {1, 2, 4}) {
    run_on_threads(ranks, [&](const auto& communicator) {
      const auto input = Input({1});
      Model model(input, Dense({.units = 1})(LayerHandle<Sometimes>()(input)));
      SGD sgd(model.parameters());
      fit(model, sgd, data,
          {.batch_size = 10,
           .loss = loss::mean_squared_error(),
           .shuffle = false,
           .distributed = {.communicator = communicator, .shards = 4},
           .show_progress = false});
      const double seen = model.parameter("sometimes/seen").value().item();
      if (communicator->rank() == 0) CHECK(seen == Approx((2 * 2.0 + 3 * 9.0) / 5));
    });
  }
}

TEST_CASE("ranks that meet in a layer may lack the gradients of other layers") {
  const auto train = [](std::int64_t bucket_bytes) {
    std::vector<std::vector<Tensor>> weights(2);
    run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
      const auto input = Input({1});
      auto x = Dense({.units = 1, .kernel_initializer = ones()})(input);
      x = LayerHandle<Sometimes>()(BatchNormalization({.synchronized = true})(x));
      Model model(input, Dense({.units = 1})(x), {.seed = 1});
      std::vector<Parameter> trained = model.parameters();
      std::erase(trained, model.parameter("sometimes/never"));  // or it would hold up the bucket of the other one
      SGD sgd(trained, {.learning_rate = 0.1});
      fit(model, sgd, Dataset(Tensor::of({4, 1}, {2.f, 3.f, -2.f, -3.f}), Tensor::zeros({4, 1})),
          {.epochs = 2,
           .batch_size = 4,
           .loss = loss::mean_squared_error(),
           .shuffle = false,
           .partial_optimizer = true,
           .distributed = {.communicator = communicator, .bucket_bytes = bucket_bytes},
           .show_progress = false});
      weights[static_cast<std::size_t>(communicator->rank())] = values_of(model);
    });
    check_identical(weights[0], weights[1]);
    return weights[0];
  };
  check_identical(train(1), train(1 << 20));  // a bucket for each parameter, and one for all
}

TEST_CASE("gradients travel from the last to the first in messages of at least bucket_bytes and of one type") {
  const std::vector<Parameter> parameters{{"a", Tensor::zeros({1})},
                                          {"b", Tensor::zeros({2})},
                                          {"c", Tensor::zeros({1}, DType::float64)},
                                          {"d", Tensor::zeros({1, 5})},
                                          {"e", Tensor::zeros({1})}};
  for (const bool overlap : {false, true}) {
    run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
      if (communicator->rank() == 1) {  // the messages e and d; c; b; a
        communicator->all_reduce(Tensor::arange(0, 6, 1, DType::float32));
        communicator->all_reduce(Tensor::full({1}, 6, DType::float64));
        communicator->all_reduce(Tensor::arange(7, 9, 1, DType::float32));
        communicator->all_reduce(Tensor::full({1}, 9));
        return;
      }
      const Distributed distributed{.communicator = communicator, .bucket_bytes = 8};
      GradientReduction::Residuals residuals;
      GradientReduction reduction(distributed, parameters, residuals, overlap);
      for (std::size_t i = parameters.size(); i-- > 0;) {
        reduction.add(i, Tensor::full(parameters[i].shape(), 100, parameters[i].dtype()));
      }
      std::vector<std::vector<double>> sums;
      for (const Tensor& sum : reduction.wait()) sums.push_back(sum.to_vector());
      CHECK(sums == std::vector<std::vector<double>>{{109}, {107, 108}, {106}, {101, 102, 103, 104, 105}, {100}});
    });
  }
}

TEST_CASE("what rounding takes from a gradient is added to the next one, unless it is not finite") {
  const std::vector<Parameter> parameters{{"a", Tensor::zeros({5})}};
  const float largest = std::numeric_limits<float>::max(), infinite = std::numeric_limits<float>::infinity();
  run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
    const Distributed distributed{.communicator = communicator, .wire = Wire::bfloat16};
    GradientReduction::Residuals residuals;
    const auto sum_with_other_zero = [&](const Tensor& gradient) {
      GradientReduction reduction(distributed, parameters, residuals, false);
      reduction.add(0, communicator->rank() == 0 ? gradient : Tensor::zeros({5}));
      return reduction.wait()[0].to_vector<float>();
    };
    // bfloat16 has 8 bits, so 1 + 2^-8 is halfway and goes to 1; the largest float32 goes to infinity
    CHECK(sum_with_other_zero(Tensor::of({5}, {1 + 0x1p-8F, largest, -largest, infinite, -infinite})) ==
          std::vector<float>{1, infinite, -infinite, infinite, -infinite});
    CHECK(sum_with_other_zero(Tensor::of({5}, {1 + 0x1p-8F, 1, 2, 3, 4})) ==
          std::vector<float>{1 + 0x1p-7F, 1, 2, 3, 4});
  });
}

TEST_CASE("what rounding takes from a gradient waits for the next one through steps without a gradient") {
  Tensor trained;
  run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
    const auto input = Input({1});
    const auto x = LayerHandle<Sometimes>()(input);
    Model model(input, Dense({.units = 1, .kernel_initializer = ones(), .name = "last"})(x));
    const Loss loss = custom_loss([](const Variable& y, const Tensor&) { return mean(y) * (1 + 0x1p-12); });
    const Dataset data(Tensor::of({4, 1}, {1.f, 1.f, -1.f, -1.f}), Tensor::zeros({4, 1}));
    const Parameter often = model.parameter("sometimes/often");
    SGD sgd({often, model.parameter("last/bias")}, {.learning_rate = 0x1p-10});
    fit(model, sgd, data,
        {.epochs = 512,
         .batch_size = 2,
         .loss = loss,
         .shuffle = false,
         .partial_optimizer = true,
         .distributed = {.communicator = communicator, .wire = Wire::bfloat16},
         .show_progress = false});
    if (communicator->rank() == 0) trained = often.value();
  });
  CHECK(std::abs(trained.item() + 0.5 * (1 + 0x1p-12)) < 0x1p-9 * 0x1p-10 * 8);  // a few roundings, not 512
}

TEST_CASE("a run on some ranks resumes on other numbers of ranks with the same bits") {
  const RankResult whole = train_rank(stateful_options(), nullptr);
  for (const int first : {2, 8}) {
    for (const int second : {1, 4, 8}) {
      INFO("from " << first << " to " << second << " ranks");
      const TemporaryFolder folder;
      const auto saving = [&] {
        FitOptions options = stateful_options();
        options.callbacks = {Checkpoint({.folder = folder.path(), .every_steps = 1})};
        return options;
      };
      train_ranks(first, [&] {
        FitOptions options = saving();
        options.callbacks.push_back(at_batch_end([](TrainingState& run) {  // on one rank, in the middle of an epoch
          if (run.shards.rank() == 1 && run.step() == 3) run.stop("enough");
        }));
        return options;
      });
      CHECK(step_of_checkpoint(checkpoints_in(folder.path()).front()) == 3);
      const auto results = train_ranks(second, [&] {
        FitOptions options = saving();
        options.callbacks.push_back(at_batch_end([](TrainingState&) {}));
        options.resume = folder.path();
        return options;
      });
      for (const RankResult& result : results) check_identical(whole.weights, result.weights);
    }
  }
}

TEST_CASE("the first rank alone writes files and shows progress") {
  const TemporaryFolder folder;
  std::vector<std::ostringstream> shown(2);
  run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
    const int rank = communicator->rank();
    FitOptions options = stateful_options();
    options.callbacks = {CSVLogger({.path = folder / fmt::format("{}.csv", rank)}),
                         Checkpoint({.folder = folder / fmt::format("{}", rank), .best = "loss"})};
    options.show_progress = true;
    options.output.stream = &shown[static_cast<std::size_t>(rank)];
    train_rank(options, communicator);
  });
  CHECK(std::filesystem::exists(folder / "0.csv"));
  CHECK(std::filesystem::exists(folder / "0/best.safetensors"));
  CHECK_FALSE(std::filesystem::exists(folder / "1.csv"));
  CHECK_FALSE(std::filesystem::exists(folder / "1"));
  CHECK_FALSE(shown[0].str().empty());
  CHECK(shown[1].str().empty());
}

TEST_CASE("a stop that one rank asks for ends all ranks after the same step") {
  const auto results = train_ranks(4, [] {
    FitOptions options = stateful_options();
    options.callbacks = {at_batch_end([](TrainingState& run) {
      if (run.shards.rank() == 2 && run.step() == 1) run.stop("rank 2 has seen enough");
    })};
    return options;
  });
  for (const RankResult& result : results) {
    CHECK(result.batch_losses.size() == 1);
    CHECK(result.history.stop_reason() == "rank 2 has seen enough");
    check_identical(results[0].weights, result.weights);
  }
}

TEST_CASE("an optimizer whose state is divided among the ranks has the same bits and a part of the memory") {
  const RankResult whole = train_rank(stateful_options(), nullptr);
  for (const int ranks : {2, 4}) {
    const TemporaryFolder folder, same_folder;
    const auto options = [&](const std::filesystem::path& path, bool shard) {
      FitOptions with = stateful_options();
      with.callbacks = {Checkpoint({.folder = path})};
      with.distributed.shard_optimizer = shard;
      return with;
    };
    train_ranks(ranks, [&] { return options(same_folder.path(), false); });
    std::int64_t bytes = 0;
    for (const RankResult& result : train_ranks(ranks, [&] { return options(folder.path(), true); })) {
      check_identical(whole, result);
      CHECK(result.state_bytes < whole.state_bytes * 2 / 3);
      bytes += result.state_bytes;
    }
    CHECK(bytes == whole.state_bytes);
    check_identical(saved_in(same_folder.path()), saved_in(folder.path()));
  }
}

TEST_CASE("frozen parameters do not count when the optimizer's state is divided") {
  std::vector<std::int64_t> bytes(2);
  run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
    const auto input = Input({40});
    auto x = Dense({.units = 60, .use_bias = false, .name = "frozen"})(input);
    x = Dense({.units = 10, .use_bias = false})(x);
    Model model(input, Dense({.units = 60, .use_bias = false})(x));
    model.layer("frozen").set_trainable(false);
    Adam adam(model.parameters());
    fit(model, adam, Dataset(Tensor::ones({4, 40}), Tensor::zeros({4, 60})),
        {.loss = loss::mean_squared_error(),
         .callbacks = {at_batch_end(
             [&](TrainingState&) { bytes[static_cast<std::size_t>(communicator->rank())] = adam.state_bytes(); })},
         .distributed = {.communicator = communicator, .shard_optimizer = true},
         .show_progress = false});
  });
  CHECK(bytes[0] == 2 * 4 * 600);
  CHECK(bytes[1] == 2 * 4 * 600);
}

TEST_CASE("gradients of 16 bits train to about the same weights, and what rounding takes comes back") {
  const auto train = [](Wire wire) {
    std::vector<Tensor> weights;
    run_on_threads(2, [&](const auto& communicator) {
      const auto input = Input({1});
      Model model(input, Dense({.units = 1, .use_bias = false, .kernel_initializer = zeros()})(input));
      // gradients of 1 + 2^-12 a step, of which bfloat16 keeps 1
      const double slope = 1 + 0x1p-12;
      const Loss loss = custom_loss([slope](const Variable& y, const Tensor&) { return mean(y) * slope; });
      const Dataset data(Tensor::ones({2, 1}), Tensor::zeros({2, 1}));
      SGD sgd(model.parameters(), {.learning_rate = 0x1p-10});
      fit(model, sgd, data,
          {.epochs = 512,
           .batch_size = 2,
           .loss = loss,
           .distributed = {.communicator = communicator, .wire = wire},
           .show_progress = false});
      if (communicator->rank() == 0) weights = values_of(model);
    });
    return weights[0].item();
  };
  const double wanted = -0.5 * (1 + 0x1p-12);
  CHECK(train(Wire::full) == Approx(wanted).epsilon(1e-6));
  CHECK(std::abs(train(Wire::bfloat16) - wanted) < 0x1p-9 * 0x1p-10 * 8);  // a few roundings, not 512
  CHECK(std::abs(train(Wire::float16) - wanted) < 0x1p-12 * 0x1p-10 * 8);
}

TEST_CASE("synchronized batch normalization on ranks is that of the whole batch") {
  const auto train = [](std::int64_t shards, const std::shared_ptr<Communicator>& communicator,
                        bool recompute = false) {
    const auto input = Input({4});
    const auto x =
        BatchNormalization({.momentum = 0.5, .synchronized = true, .name = "norm"})(Dense({.units = 5})(input));
    Model model(input, Dense({.units = 2})(Activation(tanh)(x)), {.seed = 4});
    model.convert(DType::float64);
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < 26; ++i) labels.push_back(i % 2);
    const Dataset data(RandomStream(1).normal({26, 4}, 3, 2, DType::float64), Tensor::labels(labels), 2);
    SGD sgd(model.parameters(), {.learning_rate = 0.2});
    fit(model, sgd, data,
        {.epochs = 3,
         .batch_size = 10,
         .distributed = {.communicator = communicator, .shards = shards},
         .recompute = recompute,
         .show_progress = false});
    recalibrate_batch_norm(model, data,
                           {.batch_size = 10, .distributed = {.communicator = communicator, .shards = shards}});
    return values_of(model);
  };
  const std::vector<Tensor> whole = train(1, nullptr);
  for (const int ranks : {2, 3, 4}) {
    run_on_threads(ranks, [&](const auto& communicator) {
      const std::vector<Tensor> parts = train(ranks, communicator), again = train(ranks, communicator, true);
      if (communicator->rank() != ranks - 1) return;  // one thread checks
      CHECK(distance(whole, parts) < 1e-12);
      CHECK(distance(whole, again) < 1e-12);
    });
  }
  CHECK(error_of([&] { train(2, nullptr); }) ==
        "fit: expected one shard on each rank for layer norm, which is synchronized: the shards of a batch have to "
        "meet in it; got 2 shards on 1 ranks; run it on 2 ranks");
  CHECK_THAT(
      error_of([&] { run_on_threads(8, [&](const auto& c) { train(8, c); }); }),
      Contains("fit: expected at least one sample in each shard of each batch for layer norm, which is synchronized, "
               "got a batch of 6 for 8 shards; choose another batch_size or set drop_last"));
}

TEST_CASE("only batch normalizations that are synchronized and train need a rank for each shard") {
  const auto train = [](bool synchronized, bool trainable) {
    const auto input = Input({4});
    const auto x = BatchNormalization({.synchronized = synchronized, .name = "norm"})(input);
    Model model(input, Dense({.units = 2})(x));
    model.layer("norm").set_trainable(trainable);
    SGD sgd(model.parameters());
    const Dataset data(RandomStream(1).normal({6, 4}), Tensor::labels({0, 1, 0, 1, 0, 1}), 2);
    fit(model, sgd, data, {.epochs = 1, .batch_size = 6, .distributed = {.shards = 2}, .show_progress = false});
  };
  CHECK_THAT(error_of([&] { train(true, true); }), Contains("expected one shard on each rank for layer norm"));
  CHECK_NOTHROW(train(true, false));
  CHECK_NOTHROW(train(false, true));
  CHECK_NOTHROW(train(false, false));
}

TEST_CASE("evaluate and predict and recalibrate_batch_norm on ranks give the bits of one process") {
  const Model model = stateful_model();
  const Dataset data = stateful_data(37);
  const EvaluateOptions options{
      .batch_size = 12, .loss = stateful_losses(), .metrics = stateful_metrics(), .distributed = {.shards = 8}};
  const Figures figures = evaluate(model, data, options);
  const std::vector<Tensor> outputs = predict_all(model, data, 12, {.shards = 8});
  Model measured = stateful_model();
  recalibrate_batch_norm(measured, data, {.batch_size = 12, .seed = 3, .distributed = {.shards = 8}});
  for (const int ranks : {1, 2, 4, 8}) {
    std::mutex one_at_a_time;
    run_on_threads(ranks, [&](const auto& communicator) {
      const Distributed distributed{.communicator = communicator, .shards = 8};
      Model own = stateful_model();
      EvaluateOptions same = options;
      same.distributed = distributed;
      const Figures its = evaluate(own, data, same);
      const std::vector<Tensor> predicted = predict_all(own, data, 12, distributed);
      recalibrate_batch_norm(own, data, {.batch_size = 12, .seed = 3, .distributed = distributed});
      const std::lock_guard lock(one_at_a_time);
      CHECK(its == figures);
      check_identical(outputs, predicted);
      check_identical(values_of(measured), values_of(own));
    });
  }
  const Dataset few = stateful_data(3);  // of 8 ranks, most have no sample
  const std::vector<Tensor> of_few = predict_all(model, few, 12, {.shards = 8});
  std::mutex one_at_a_time;
  run_on_threads(8, [&](const auto& communicator) {
    const std::vector<Tensor> predicted =
        predict_all(stateful_model(), few, 12, {.communicator = communicator, .shards = 8});
    const std::lock_guard lock(one_at_a_time);
    check_identical(of_few, predicted);
  });
  std::vector<int> told(4);  // one rank ends the evaluation of all
  run_on_threads(4, [&](const auto& communicator) {
    EvaluateOptions ended = options;
    ended.distributed.communicator = communicator;
    const int rank = communicator->rank();
    ended.batch_end = [&told, rank](std::int64_t samples) {
      ++told[static_cast<std::size_t>(rank)];
      return rank != 3 || samples < 24;
    };
    evaluate(model, data, ended);
  });
  CHECK(told == std::vector<int>{2, 2, 2, 2});
}
