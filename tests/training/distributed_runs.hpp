// Runs on several ranks, which are threads of this process, and their comparison.
#pragma once

#include <functional>
#include <memory>

#include "framework/communication/communicator.hpp"
#include "optim/adam.hpp"
#include "tests/training/distributed_cases.hpp"

namespace xtape::test {

/// What a rank's run came to.
struct RankResult {
  std::vector<Tensor> weights, slots;
  History history;
  std::vector<double> batch_losses;
  std::int64_t state_bytes = 0;  // of the optimizer in the last step
};

inline FitOptions stateful_options() {
  return {.epochs = 2,
          .batch_size = 16,
          .validation = stateful_data(19, 7),
          .loss = stateful_losses(),
          .metrics = stateful_metrics(),
          .accumulate = 2,
          .seed = 5,
          .augmentation = {.horizontal_flip = true, .shift = 0.2, .brightness = 0.1},
          .distributed = {.shards = 8, .bucket_bytes = 200},
          .show_progress = false};
}

/// One rank's run with 53 samples: the last batch has 5 of them, so that some of 8 shards are empty.
inline RankResult train_rank(FitOptions options, std::shared_ptr<Communicator> communicator,
                             Model model = stateful_model()) {
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
inline std::vector<RankResult> train_ranks(int ranks, const std::function<FitOptions()>& options) {
  std::vector<RankResult> results(static_cast<std::size_t>(ranks));
  run_on_threads(ranks, [&](const std::shared_ptr<Communicator>& communicator) {
    results[static_cast<std::size_t>(communicator->rank())] = train_rank(options(), communicator);
  });
  return results;
}

inline void check_identical(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("tensor " << i);
    CHECK(identical(a[i], b[i]));
  }
}

inline void check_identical(const RankResult& a, const RankResult& b) {
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

}  // namespace xtape::test
