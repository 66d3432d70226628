// Each entry that ranks have to have in common: a rank with another one is an Error before the first step.
#include <algorithm>
#include <map>
#include <string>

#include "tests/training/distributed_runs.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint_file.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// What a rank trains, and how.
struct RankSetup {
  Model model = stateful_model();
  Dataset data = stateful_data(53);
  FitOptions options = stateful_options();
  AdamOptions adam = {.learning_rate = 0.01};
  bool reversed = false;  // the parameters of the optimizer
  bool second_run = false;

  /// Another network with its data, which has one target.
  void use(Model other, Dataset other_data) {
    model = std::move(other);
    data = std::move(other_data);
    options = {.batch_size = 16, .distributed = {.shards = 8}, .show_progress = false};
  }
  void train(const std::shared_ptr<Communicator>& communicator) {
    std::vector<Parameter> parameters = model.parameters();
    if (reversed) std::ranges::reverse(parameters);
    Adam optimizer(parameters, adam);
    if (second_run) fit(model, optimizer, data, options);
    options.distributed.communicator = communicator;
    fit(model, optimizer, data, options);
  }
};

using SetupChange = std::function<void(RankSetup&, bool second_rank)>;

/// A change of a member of the options on the second rank.
template <class F>
SetupChange option(F change) {
  return [change](RankSetup& s, bool second) {
    if (second) change(s.options);
  };
}

/// The differences that the message about ranks that disagree names, for each entry that ranks have to have in common.
const std::pair<std::string, SetupChange> rank_differences[] = {
    {"model Model on rank 0 and other on rank 1",
     [](RankSetup& s, bool second) {
       const auto input = Input({2});
       s.use(Model({input}, {Dense({.units = 2})(input)}, {.name = second ? "other" : "Model"}), quadrants(53));
     }},
    {"dtype float32 on rank 0 and float64 on rank 1",
     [](RankSetup& s, bool second) {
       if (second) s.model.convert(DType::float64);
     }},
    {"layers ", [](RankSetup& s, bool second) { s.use(quadrant_model(second ? 0.3 : 0.2), quadrants(53)); }},
    {"inputs (53, 6, 6, 2) on rank 0 and (52, 6, 6, 2) on rank 1",
     [](RankSetup& s, bool second) { s.data = stateful_data(second ? 52 : 53); }},
    {"targets and first sample ", [](RankSetup& s, bool second) { s.data = stateful_data(53, second ? 2 : 1); }},
    {"classes 2 on rank 0 and 3 on rank 1",
     [](RankSetup& s, bool second) {
       s.use(one_output(3), quadrants(53));
       s.data = Dataset(s.data.input(), s.data.target(), second ? 3 : 2);
     }},
    {"class_weights [] on rank 0 and [1, 2.5] on rank 1",
     [](RankSetup& s, bool second) {
       s.use(quadrant_model(), quadrants(53));
       if (second) s.options.class_weights = {1, 2.5};
     }},
    {"optimizer Adam with ", [](RankSetup& s, bool second) { s.adam.beta1 = second ? 0.8 : 0.9; }},
    {"learning rates after 0, 1, 10, ... steps of an epoch 0.01, 0.01 on rank 0 and 0.02, 0.02 on rank 1",
     [](RankSetup& s, bool second) { s.adam.learning_rate = second ? 0.02 : 0.01; }},
    {"trained parameters 8 on rank 0 and 6 on rank 1",
     [](RankSetup& s, bool second) { s.model.layer("mask").set_trainable(!second); }},
    {"checksum of the names of the trained parameters, in their order ",
     [](RankSetup& s, bool second) { s.reversed = second; }},
    {"checksum of the weights ",
     [](RankSetup& s, bool second) {
       const Parameter first = s.model.parameters()[0];
       if (second) first.set_value(Tensor::zeros(first.shape()));
     }},
    {"checksum of the optimizer's state ", [](RankSetup& s, bool second) { s.second_run = second; }},
    {"iterations 0 on rank 0 and 4 on rank 1", [](RankSetup& s, bool second) { s.second_run = second; }},
    {"first_iteration 0 on rank 0 and 4 on rank 1", [](RankSetup& s, bool second) { s.second_run = second; }},
    {"first_traversal 0 on rank 0 and 2 on rank 1", [](RankSetup& s, bool second) { s.second_run = second; }},
    {"epochs of the run 2 on rank 0 and 3 on rank 1", option([](FitOptions& o) { o.epochs = 3; })},
    {"batch_size 16 on rank 0 and 24 on rank 1", option([](FitOptions& o) { o.batch_size = 24; })},
    {"seed 5 on rank 0 and 6 on rank 1", option([](FitOptions& o) { o.seed = 6; })},
    {"shards 8 on rank 0 and 4 on rank 1", option([](FitOptions& o) { o.distributed.shards = 4; })},
    {"shuffle true on rank 0 and false on rank 1", option([](FitOptions& o) { o.shuffle = false; })},
    {"drop_last false on rank 0 and true on rank 1", option([](FitOptions& o) { o.drop_last = true; })},
    {"accumulate 2 on rank 0 and 1 on rank 1", option([](FitOptions& o) { o.accumulate = 1; })},
    {"steps_per_epoch 0 on rank 0 and 2 on rank 1", option([](FitOptions& o) { o.steps_per_epoch = 2; })},
    {"initial_epoch by the optimizer's steps on rank 0 and 1 on rank 1",
     option([](FitOptions& o) { o.initial_epoch = 1; })},
    {"initial_epoch by the optimizer's steps on rank 0 and 0 on rank 1",
     option([](FitOptions& o) { o.initial_epoch = 0; })},
    {"augmentation flip true, rotation 0, zoom 0, shift 0.2, brightness 0.1, contrast 0, fill edge on rank 0 and "
     "flip false, rotation 0, zoom 0, shift 0.2, brightness 0.1, contrast 0, fill edge on rank 1",
     option([](FitOptions& o) { o.augmentation.horizontal_flip = false; })},
    {"validation samples 19 on rank 0 and 18 on rank 1",
     option([](FitOptions& o) { o.validation = stateful_data(18, 7); })},
    {"validation targets and first sample ", option([](FitOptions& o) { o.validation = stateful_data(19, 8); })},
    {"validation samples 19 on rank 0 and 0 on rank 1", option([](FitOptions& o) { o.validation.reset(); })},
    {"metrics ", option([](FitOptions& o) {
       o.metrics = {{metric::accuracy(), "kind"}};
     })},
    {"loss ", option([](FitOptions& o) {
       o.loss = {{loss::softmax_cross_entropy()}, {loss::softmax_cross_entropy({.ignored_label = 2}), 0.25}};
     })},
    {"number of callbacks 0 on rank 0 and 1 on rank 1",
     option([](FitOptions& o) { o.callbacks = {LambdaCallback()}; })},
    {"bucket_bytes 200 on rank 0 and 100 on rank 1", option([](FitOptions& o) { o.distributed.bucket_bytes = 100; })},
    {"wire full on rank 0 and bfloat16 on rank 1", option([](FitOptions& o) { o.distributed.wire = Wire::bfloat16; })},
    {"shard_optimizer false on rank 0 and true on rank 1",
     option([](FitOptions& o) { o.distributed.shard_optimizer = true; })},
    {"resume no on rank 0 and yes on rank 1", option([](FitOptions& o) { o.resume = "a folder"; })},
};

}  // namespace

TEST_CASE("what differs on ranks is named with its values") {
  for (const auto& [difference, change] : rank_differences) {
    INFO(difference);
    const std::string message = error_of([&, &change = change] {
      run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
        RankSetup setup;
        change(setup, communicator->rank() == 1);
        setup.train(communicator);
      });
    });
    CHECK_THAT(message, Contains("fit: expected the same model, data and options on all ranks, got ") &&
                            (Contains("got " + difference) || Contains("; " + difference)));
  }
}

TEST_CASE("each entry that ranks have to have in common has a difference in the test above") {
  std::map<std::string, std::string> entries;
  RankSetup setup;
  setup.options.callbacks = {LambdaCallback({.train_begin = [&](TrainingState& run) { entries = fingerprint(run); }})};
  setup.train(nullptr);
  REQUIRE(!entries.empty());
  // these differ only if the disks of the ranks have different files of one name to resume from
  for (const auto* of_file : {"epochs", "figures", "batch", "epoch_samples"}) CHECK(entries.erase(of_file) == 1);
  for (const auto& [name, value] : entries) {
    INFO(name);
    const auto of_entry = [&entry = name](const auto& row) { return row.first.starts_with(entry + " "); };
    CHECK(std::ranges::any_of(rank_differences, of_entry));
  }
}
