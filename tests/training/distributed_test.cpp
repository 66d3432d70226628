// Training on several ranks, which are threads of this process: the bits of one rank, errors, resumed runs.
#include <filesystem>
#include <map>
#include <mutex>

#include "framework/communication/communicator.hpp"
#include "framework/io/safetensors.hpp"
#include "optim/adam.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/training/distributed_cases.hpp"
#include "training/batch_norm_recalibration.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// What a rank's run came to.
struct RankResult {
  std::vector<Tensor> weights, slots;
  History history;
  std::vector<double> batch_losses;
  std::int64_t state_bytes = 0;  // of the optimizer in the last step
};

FitOptions stateful_options() {
  return {.epochs = 2,
          .batch_size = 16,
          .validation = stateful_data(19, 7),
          .loss = stateful_losses(),
          .metrics = stateful_metrics(),
          .accumulate = 2,
          .seed = 5,
          .augmentation = {.horizontal_flip = true, .shift = 0.2, .brightness = 0.1},
          .distributed = {.shards = 8},
          .show_progress = false};
}

/// One rank's run with 53 samples: the last batch has 5 of them, so that some of 8 shards are empty.
RankResult train_rank(FitOptions options, std::shared_ptr<Communicator> communicator, Model model = stateful_model()) {
  options.distributed.communicator = std::move(communicator);
  Adam adam(model.parameters(), {.learning_rate = 0.01, .clip_norm = 0.5});
  RankResult result;
  options.callbacks.insert(options.callbacks.begin(), at_batch_end([&](TrainingState& run) {
    result.batch_losses.push_back(run.batch_loss);
    result.state_bytes = adam.state_bytes();
  }));
  result.history = fit(model, adam, stateful_data(53), options);
  result.weights = values_of(model);
  for (const auto& [name, slot] : adam.named_state()) result.slots.push_back(slot);
  return result;
}

/// The results of all ranks. `options` are made on each rank, with callbacks of its own.
std::vector<RankResult> train_ranks(int ranks, const std::function<FitOptions()>& options) {
  std::vector<RankResult> results(static_cast<std::size_t>(ranks));
  run_on_threads(ranks, [&](const std::shared_ptr<Communicator>& communicator) {
    results[static_cast<std::size_t>(communicator->rank())] = train_rank(options(), communicator);
  });
  return results;
}

void check_identical(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("tensor " << i);
    CHECK(identical(a[i], b[i]));
  }
}

void check_identical(const RankResult& a, const RankResult& b) {
  check_identical(a.weights, b.weights);
  check_identical(a.slots, b.slots);
  CHECK(a.batch_losses == b.batch_losses);
  REQUIRE(a.history.epochs().size() == b.history.epochs().size());
  for (std::size_t e = 0; e < a.history.epochs().size(); ++e) {
    for (const Figure& figure : a.history.epochs()[e].figures) {
      INFO(figure.name);
      if (figure.name != "seconds") CHECK(b.history.epochs()[e][figure.name] == figure.value);
    }
  }
}

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

TEST_CASE("1, 2, 4 and 8 ranks with 8 shards give the same bits on any number of threads") {
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

TEST_CASE("synchronized batch normalization on ranks is that of the whole batch") {
  const auto train = [](std::int64_t shards, const std::shared_ptr<Communicator>& communicator) {
    const auto input = Input({4});
    const auto x = BatchNormalization({.momentum = 0.5, .synchronized = true})(Dense({.units = 5})(input));
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
         .show_progress = false});
    return values_of(model);
  };
  const std::vector<Tensor> whole = train(1, nullptr);
  for (const int ranks : {2, 3, 4}) {
    run_on_threads(ranks, [&](const auto& communicator) {
      const std::vector<Tensor> parts = train(ranks, communicator);
      if (communicator->rank() == ranks - 1) CHECK(distance(whole, parts) < 1e-12);
    });
  }
  CHECK_THAT(error_of([&] { train(2, nullptr); }),
             Contains("fit: expected one shard on each rank for layer batch_normalization, which is synchronized: the "
                      "shards of a batch have to meet in it; got 2 shards on 1 ranks; run it on 2 ranks"));
  CHECK_THAT(error_of([&] { run_on_threads(8, [&](const auto& c) { train(8, c); }); }),
             Contains("expected at least one sample in each shard of each batch for layer batch_normalization, which "
                      "is synchronized, got a batch of 6 for 8 shards"));
}

TEST_CASE("evaluate, predict and recalibrate_batch_norm on ranks give the bits of one process") {
  const Model model = stateful_model();
  const Dataset data = stateful_data(37);
  const EvaluateOptions options{.batch_size = 12,
                                .loss = stateful_losses(),
                                .metrics = stateful_metrics(),
                                .distributed = {.shards = 8}};
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

TEST_CASE("a rank that throws ends all ranks with its reason and changes nothing on any") {
  for (const int rank : {0, 3}) {
    std::vector<std::string> messages(4);
    std::vector<std::vector<Tensor>> weights(4);
    CHECK_THROWS(run_on_threads(4, [&](const std::shared_ptr<Communicator>& communicator) {
      const auto own = static_cast<std::size_t>(communicator->rank());
      Model model = stateful_model();
      FitOptions options = stateful_options();
      options.metrics = {{Metric("failing",
                                 [&](const Tensor&, const Tensor&, const Tensor&) {
                                   check(communicator->rank() != rank, "out of luck");
                                   return f64({1}, {1});
                                 },
                                 [](const Tensor&) { return 1.0; }),
                          "kind"}};
      options.distributed.communicator = communicator;
      Adam adam(model.parameters());
      messages[own] = error_of([&] { fit(model, adam, stateful_data(53), options); });
      weights[own] = values_of(model);
      fail("as expected");
    }));
    for (std::size_t r = 0; r < 4; ++r) {
      INFO(messages[r]);
      CHECK_THAT(messages[r], Contains("out of luck"));
      if (r != static_cast<std::size_t>(rank)) CHECK_THAT(messages[r], Contains(fmt::format("rank {}", rank)));
      check_identical(values_of(stateful_model()), weights[r]);
    }
  }
}

TEST_CASE("ranks that disagree are told what differs before the first step") {
  const auto refused = [](const std::function<void(FitOptions&, Model&, int rank)>& change) {
    return error_of([&] {
      run_on_threads(4, [&](const std::shared_ptr<Communicator>& communicator) {
        FitOptions options = stateful_options();
        Model model = stateful_model();
        change(options, model, communicator->rank());
        train_rank(options, communicator, model);
      });
    });
  };
  CHECK_THAT(refused([](FitOptions& options, Model&, int rank) {
               if (rank == 2) options.seed = 6;
             }),
             Contains("fit: expected the same model, data and options on all ranks, got seed 5 on rank 0 and 6 on rank 2"));
  CHECK_THAT(refused([](FitOptions&, Model& model, int rank) {
               if (rank == 1) model.parameters()[0].set_value(Tensor::zeros(model.parameters()[0].shape()));
             }),
             Contains("got checksum of the weights"));
  CHECK_THAT(refused([](FitOptions& options, Model&, int rank) { options.distributed.shards = rank == 0 ? 8 : 4; }),
             Contains("got shards 8 on rank 0 and 4 on rank 1"));
  CHECK_THAT(refused([](FitOptions& options, Model&, int rank) {
               if (rank == 3) options.callbacks.clear(), options.callbacks.push_back(LambdaCallback());
             }),
             Contains("got number of callbacks 1 on rank 0 and 2 on rank 3"));
  CHECK_THAT(refused([](FitOptions& options, Model&, int) { options.distributed.shards = 24; }),
             Contains("fit: expected a number of shards that each rank gets the same share of, a power of 2, got 24 "
                      "shards on 4 ranks; run it on 1, 3, 6, 12 or 24 ranks, or choose other shards"));
  CHECK_THAT(refused([](FitOptions& options, Model&, int) { options.distributed.shards = 6; }),
             Contains("got 6 shards on 4 ranks; run it on 1, 3 or 6 ranks"));
  CHECK_THAT(refused([](FitOptions& options, Model&, int) { options.batch_size = 6; }),
             Contains("fit: expected at least one sample of a batch for each of the 8 shards, got a batch of 6"));
}
