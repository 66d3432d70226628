// Runs on several ranks of which one fails, disagrees or has a loss that is not finite.
#include <iostream>
#include <limits>
#include <sstream>

#include "framework/ops/ops.hpp"
#include "tests/training/distributed_runs.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint.hpp"
#include "training/distributed/shards.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

TEST_CASE("a loss that is not finite on one rank changes nothing on any rank") {
  Tensor points = quadrants(32).input();
  points.mutable_data<float>()[2 * 29] = std::numeric_limits<float>::infinity();
  const Dataset data(points, quadrants(32).target(), 2);
  for (const bool terminates : {false, true}) {
    std::vector<double> losses(4);
    std::vector<std::string> messages(4);
    std::vector<std::vector<Tensor>> weights(4);
    const auto train = [&](const std::shared_ptr<Communicator>& communicator) {
      const auto rank = static_cast<std::size_t>(communicator->rank());
      Model model = quadrant_model(0);
      SGD sgd(model.parameters());
      FitOptions options{.batch_size = 32, .shuffle = false, .show_progress = false};
      options.distributed = {.communicator = communicator, .shards = 4};
      options.callbacks = {at_batch_end([&](TrainingState& run) { losses[rank] = run.batch_loss; })};
      if (terminates) options.callbacks.push_back(TerminateOnNaN());
      try {
        messages[rank] = fit(model, sgd, data, options).stop_reason();
      } catch (const Error& error) {
        messages[rank] = error.what();
      }
      weights[rank] = values_of(model);
    };
    run_on_threads(4, train);
    for (std::size_t rank = 0; rank < 4; ++rank) {
      CHECK_FALSE(std::isfinite(losses[rank]));
      CHECK_THAT(messages[rank], Contains("in epoch 1, step 1 of 1"));
      check_identical(values_of(quadrant_model(0)), weights[rank]);
    }
  }
}

namespace {

/// The messages of four ranks that train with options of their own, and their weights after it.
struct FailedRanks {
  std::vector<std::string> messages = std::vector<std::string>(4);
  std::vector<std::vector<Tensor>> weights = std::vector<std::vector<Tensor>>(4);

  explicit FailedRanks(const std::function<void(FitOptions&, int rank)>& change) {
    run_on_threads(4, [&](const std::shared_ptr<Communicator>& communicator) {
      const auto own = static_cast<std::size_t>(communicator->rank());
      Model model = stateful_model();
      FitOptions options = stateful_options();
      change(options, communicator->rank());
      options.distributed.communicator = communicator;
      Adam adam(model.parameters());
      try {
        fit(model, adam, stateful_data(53), options);
      } catch (const Error& error) {
        messages[own] = error.what();
      } catch (int thrown) {
        messages[own] = fmt::format("thrown: {}", thrown);
      }
      weights[own] = values_of(model);
    });
  }
};

}  // namespace

TEST_CASE("a rank that throws ends all ranks with its reason and changes nothing on any") {
  for (const int failing : {0, 3}) {
    const FailedRanks ranks([failing](FitOptions& options, int rank) {
      options.metrics = {{Metric(
                              "failing",
                              [=](const Tensor&, const Tensor&, const Tensor&) {
                                check(rank != failing, "out of luck");
                                return f64({1}, {1});
                              },
                              [](const Tensor&) { return 1.0; }),
                          "kind"}};
    });
    for (std::size_t r = 0; r < 4; ++r) {
      INFO(ranks.messages[r]);
      CHECK_THAT(ranks.messages[r], Contains("out of luck"));
      if (r != static_cast<std::size_t>(failing)) {
        CHECK_THAT(ranks.messages[r], Contains(fmt::format("rank {}", failing)));
      }
      check_identical(values_of(stateful_model()), ranks.weights[r]);
    }
  }
}

TEST_CASE("a stop that several ranks ask for has the reason of the first of them") {
  for (const int first : {0, 1, 3}) {
    const auto results = train_ranks(4, [first] {
      FitOptions options = stateful_options();
      options.callbacks = {at_batch_end([first](TrainingState& run) {
        if (run.shards.rank() >= first) run.stop(fmt::format("rank {} stops", run.shards.rank()));
      })};
      return options;
    });
    for (const RankResult& result : results) {
      CHECK(result.history.stop_reason() == fmt::format("rank {} stops", first));
    }
  }
}

TEST_CASE("a rank that throws something else than an exception ends all ranks") {
  const FailedRanks ranks([](FitOptions& options, int rank) {
    options.callbacks = {at_batch_end([rank](TrainingState&) {
      if (rank == 2) throw 7;
    })};
  });
  for (const std::size_t r : {0U, 1U, 3U}) CHECK_THAT(ranks.messages[r], Contains("rank 2: an exception"));
  CHECK(ranks.messages[2] == "thrown: 7");
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
  CHECK_THAT(
      refused([](FitOptions& options, Model&, int rank) {
        if (rank == 2) options.seed = 6;
      }),
      Contains("fit: expected the same model, data and options on all ranks, got seed 5 on rank 0 and 6 on rank 2"));
  CHECK_THAT(refused([](FitOptions&, Model& model, int rank) {
               if (rank == 1) model.parameters()[0].set_value(Tensor::zeros(model.parameters()[0].shape()));
             }),
             Contains("got checksum of the weights"));
  CHECK_THAT(
      refused([](FitOptions& options, Model&, int rank) { options.distributed.shards = rank == 0 ? 8 : 4; }),
      Contains("fit: expected the same model, data and options on all ranks, got shards 8 on rank 0 and 4 on rank 1; "
               "shards 8 on rank 0 and 4 on rank 2; shards 8 on rank 0 and 4 on rank 3"));
  CHECK_THAT(
      refused([](FitOptions& options, Model&, int rank) {
        if (rank == 3) options.callbacks.clear(), options.callbacks.push_back(LambdaCallback());
      }),
      Contains("fit: expected the same model, data and options on all ranks, got number of callbacks 1 on rank 0 and "
               "2 on rank 3"));
  CHECK_THAT(
      refused([](FitOptions& options, Model&, int) { options.distributed.shards = 24; }),
      Contains("fit: expected a number of shards that each rank gets the same share of, a power of 2, got 24 shards "
               "on 4 ranks; run it on 1, 3, 6, 12 or 24 ranks, or choose other shards"));
  CHECK_THAT(
      refused([](FitOptions& options, Model&, int) { options.distributed.shards = 6; }),
      Contains("fit: expected a number of shards that each rank gets the same share of, a power of 2, got 6 shards on "
               "4 ranks; run it on 1, 3 or 6 ranks, or choose other shards"));
  CHECK_THAT(refused([](FitOptions& options, Model& model, int) {
               model.convert(DType::float64);
               options.distributed.wire = Wire::bfloat16;
             }),
             Contains("fit: expected a float32 model for gradients that travel as bfloat16, got float64"));
  CHECK_THAT(refused([](FitOptions& options, Model&, int) { options.distributed.bucket_bytes = 0; }),
             Contains("fit: expected bucket_bytes of at least 1, got 0"));
  CHECK_THAT(refused([](FitOptions& options, Model&, int rank) {
               options.callbacks = {at_batch_end([rank](TrainingState& run) {
                 if (rank == 2) run.optimizer.set_learning_rate(0.5);
               })};
             }),
             Contains("fit: expected the same learning rate on all ranks, got 0.01 on rank 0 and 0.5 on rank 2; what "
                      "callbacks change they have to change on all ranks"));
  CHECK_THAT(
      refused([](FitOptions& options, Model&, int rank) {
        options.callbacks = {LambdaCallback({.train_end = [rank](TrainingState& run) {
          if (rank == 1) run.model.parameters()[0].set_value(Tensor::zeros(run.model.parameters()[0].shape()));
        }})};
      }),
      Contains(
          "fit: expected the same weights on all ranks at the end of the run, got others on rank 1 than on rank 0; "
          "what callbacks change they have to change on all ranks"));
  CHECK_THAT(
      refused([](FitOptions& options, Model&, int) { options.batch_size = 6; }),
      Contains("fit: expected at least one sample of a batch for each of the 8 shards, got a batch of 6; choose a "
               "larger batch_size or fewer shards and ranks"));
}

TEST_CASE("an Error that all ranks get does not end what they do together") {
  const auto error_on = [](int ranks, const std::function<void(Model&, const std::shared_ptr<Communicator>&)>& first) {
    std::vector<std::string> messages(static_cast<std::size_t>(ranks));
    run_on_threads(ranks, [&](const std::shared_ptr<Communicator>& communicator) {
      Model model = quadrant_model(0);
      std::string& message = messages[static_cast<std::size_t>(communicator->rank())];
      try {
        first(model, communicator);
      } catch (const Error& error) {
        message = error.what();
      }
      SGD sgd(model.parameters());
      fit(model, sgd, quadrants(32), {.distributed = {.communicator = communicator}, .show_progress = false});
      if (!communicator->failure().empty()) message += " and the run has failed";
    });
    for (const std::string& message : messages) {
      CHECK(message == messages[0]);
      CHECK_THAT(message, !Contains("the run has failed"));
    }
    return messages[0];
  };
  const auto fit_with = [](const FitOptions& given, const Dataset& data = quadrants(32)) {
    return [&, given, data](Model& model, const std::shared_ptr<Communicator>& communicator) {
      FitOptions options = given;
      options.distributed.communicator = communicator;
      options.show_progress = false;
      SGD sgd(model.parameters());
      fit(model, sgd, data, options);
    };
  };
  Tensor points = quadrants(32).input();
  points.mutable_data<float>()[0] = std::numeric_limits<float>::infinity();
  for (const int ranks : {1, 2}) {
    CHECK(error_on(ranks, fit_with({.epochs = 0})) == "fit: expected at least 1 epoch, got 0");
    CHECK(error_on(ranks, fit_with({.validation_split = 2})) == "fit: expected a validation_split in [0, 1), got 2");
    CHECK_THAT(error_on(ranks, fit_with({}, Dataset(points, quadrants(32).target(), 2))),
               Contains("fit: expected a finite loss"));
    const auto evaluation = [](Model& model, const std::shared_ptr<Communicator>& communicator) {
      evaluate(model, quadrants(9), {.batch_size = 0, .distributed = {.communicator = communicator}});
    };
    CHECK(error_on(ranks, evaluation) == "evaluate: expected a batch_size of at least 1, got 0");
  }
  const auto different = [](Model& model, const std::shared_ptr<Communicator>& communicator) {
    SGD sgd(model.parameters());
    fit(model, sgd, quadrants(32),
        {.seed = communicator->rank() == 1 ? 6u : 5u, .distributed = {.communicator = communicator}});
  };
  CHECK(error_on(2, different) ==
        "fit: expected the same model, data and options on all ranks, got seed 5 on rank 0 and 6 on rank 1");
  const auto one_wrong = [](Model& model, const std::shared_ptr<Communicator>& communicator) {
    predict(model, quadrants(32), communicator->rank() == 1 ? 0 : 8, {.communicator = communicator});
  };
  CHECK(error_on(2, one_wrong) == "rank 1: predict: expected a batch_size of at least 1, got 0");
}

TEST_CASE("ranks that call other functions or train other parameters are told so") {
  const Model model = quadrant_model(0);
  CHECK_THAT(
      error_of([&] {
        run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
          const Distributed distributed{.communicator = communicator};
          if (communicator->rank() == 0) {
            evaluate(model, quadrants(9), {.batch_size = 8, .distributed = distributed});
          } else {
            predict(model, quadrants(9), 8, distributed);
          }
        });
      }),
      Contains(
          ": expected the same model, data and options on all ranks, got batch_end none on rank 0 and "
          "nothing on rank 1; function evaluate on rank 0 and predict on rank 1; loss softmax_cross_entropy on rank 0 "
          "and nothing on rank 1; metrics [accuracy] on rank 0 and nothing on rank 1"));
  // what each of them has to have in common
  const auto on_ranks = [](const auto& call) {
    return error_of([&] {
      run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
        call(communicator->rank() == 1, Distributed{.communicator = communicator});
      });
    });
  };
  const auto predicted = [&](std::int64_t samples, std::int64_t batch_size, int shards, bool other_weights) {
    return on_ranks([&](bool second, Distributed distributed) {
      Model own = quadrant_model(0);
      if (second && other_weights) own.parameters()[0].set_value(Tensor::zeros({2, 8}));
      if (second) distributed.shards = shards;
      predict(own, quadrants(second ? samples : 9), second ? batch_size : 8, distributed);
    });
  };
  CHECK_THAT(predicted(9, 4, 0, false), Contains("on all ranks, got batch_size 8 on rank 0 and 4 on rank 1"));
  CHECK_THAT(predicted(7, 8, 0, false), Contains("on all ranks, got samples 9 on rank 0 and 7 on rank 1"));
  CHECK_THAT(predicted(9, 8, 4, false), Contains("on all ranks, got shards 2 on rank 0 and 4 on rank 1"));
  CHECK_THAT(predicted(9, 8, 0, true), Contains("on all ranks, got checksum of the weights "));
  CHECK_THAT(on_ranks([&](bool second, const Distributed& distributed) {
               EvaluateOptions options{.batch_size = 8, .distributed = distributed};
               if (second) options.batch_end = [](std::int64_t) { return true; };
               evaluate(model, quadrants(9), options);
             }),
             Contains("on all ranks, got batch_end none on rank 0 and given on rank 1"));
  CHECK_THAT(
      error_of([&] {
        run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
          const Shards shards("f", {.communicator = communicator});
          shards.check_same("f", communicator->rank() == 0 ? std::map<std::string, std::string>{{"a", "1"}}
                                                           : std::map<std::string, std::string>{{"b", "2"}});
        });
      }),
      Contains("f: expected the same model, data and options on all ranks, got a 1 on rank 0 and nothing on rank 1; b "
               "nothing on rank 0 and 2 on rank 1"));
}

namespace {

/// Throws after each step, at the time at which checkpoints are saved.
class FailsLast final : public Callback {
 public:
  void batch_end(TrainingState&) override { fail("no more"); }
  bool comes_last() const override { return true; }
};

}  // namespace

TEST_CASE("a failure of another rank while a checkpoint is saved ends the run without a warning about the file") {
  const TemporaryFolder folder;
  std::ostringstream errors;
  auto* before = std::cerr.rdbuf(errors.rdbuf());
  const std::string message = error_of([&] {
    run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
      FitOptions options = stateful_options();
      options.distributed.shard_optimizer = true;
      if (communicator->rank() == 0) {
        options.callbacks = {Checkpoint({.folder = folder.path(), .every_steps = 1})};
      } else {
        options.callbacks = {CallbackHandle<FailsLast>()};
      }
      train_rank(options, communicator);
    });
  });
  std::cerr.rdbuf(before);
  CHECK_THAT(message, Contains("no more"));
  CHECK(errors.str() == "");
}

TEST_CASE("averages that other ranks keep are not swapped in during a run") {
  CHECK_THAT(
      error_of([&] {
        run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
          Model model = quadrant_model(0);
          SGD sgd(model.parameters(), {.ema_momentum = 0.5});
          fit(model, sgd, quadrants(32),
              {.callbacks = {at_epoch_end([&](TrainingState&) { sgd.swap_averages(); })},
               .distributed = {.communicator = communicator, .shard_optimizer = true},
               .show_progress = false});
        });
      }),
      Contains(
          "SGD::swap_averages: expected an optimizer with the slots of all of its parameters, got one whose "
          "other slots are in other processes: during fit with shard_optimizer, call it after fit; if fit ended in an "
          "Error, restore() a saved state"));
}

TEST_CASE("an optimizer that a failed run has left without a part of its state is refused") {
  std::vector<std::string> messages;  // of one rank
  run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
    Model model = stateful_model();
    Adam adam(model.parameters());
    FitOptions options = stateful_options();
    options.distributed = {.communicator = communicator, .shards = 2, .shard_optimizer = true};
    options.callbacks = {at_batch_end([](TrainingState&) { fail("enough"); })};
    const auto message_of = [&](const std::function<void()>& f) {
      try {
        f();
      } catch (const Error& error) {
        if (communicator->rank() == 0) messages.emplace_back(error.what());
      }
    };
    message_of([&] { fit(model, adam, stateful_data(53), options); });
    options.distributed = {};
    options.callbacks = {};
    message_of([&] { fit(model, adam, stateful_data(53), options); });
    ForwardPass pass(Mode::training);
    message_of([&] { adam.minimize(sum(pass.parameter(model.parameters()[0])), pass); });
    message_of([&] {
      Gradients gradients;
      gradients.add(model.parameters()[0], Tensor::ones(model.parameters()[0].shape()));
      adam.step(gradients);
    });
    message_of([&] { adam.swap_averages(); });
  });
  REQUIRE(messages.size() == 5);
  CHECK_THAT(messages[0], Contains("enough"));  // "rank 1: enough" if that rank was faster
  CHECK(messages[1] ==
        "fit: expected an optimizer with all of its state, got one that a run with shard_optimizer has left when it "
        "ended in an Error; resume from a checkpoint with a new optimizer");
  for (const auto& [message, function] : {std::pair(2, "minimize"), {3, "step"}, {4, "swap_averages"}}) {
    CHECK(messages[static_cast<std::size_t>(message)] ==
          fmt::format("Adam::{}: expected an optimizer with the slots of all of its parameters, got one whose other "
                      "slots are in other processes: during fit with shard_optimizer, call it after fit; if fit ended "
                      "in an Error, restore() a saved state",
                      function));
  }
}
