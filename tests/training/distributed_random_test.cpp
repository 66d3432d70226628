// Runs with random networks, data and options on 1 to 8 ranks. Three comparisons: fit without shards with a plain loop
// over whole steps; fit with shards with fit without shards; fit on any number of ranks, also after an interruption,
// with fit on one. The environment variable XTAPE_DISTRIBUTED_SEEDS is the number of runs.
#include <bit>
#include <cstdlib>
#include <random>

#include "framework/ops/ops.hpp"
#include "optim/lamb.hpp"
#include "optim/lars.hpp"
#include "tests/training/distributed_runs.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint.hpp"
#include "training/data/data_loader.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// Random numbers that are the same everywhere.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  /// A number in [first, last].
  std::int64_t operator()(std::int64_t first, std::int64_t last) {
    return first + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(last - first + 1));
  }
  /// True once in `times`.
  bool one_in(int times) { return operator()(1, times) == 1; }

 private:
  std::mt19937_64 random_;
};

/// What the network has beside dense layers. Those of `shards` normalize and drop in each shard separately, so that the
/// results depend on the number of shards.
enum class Extra { none, synchronized, shards };

/// A drawn run. Options that contradict each other are not drawn together.
struct Drawn {
  explicit Drawn(std::uint64_t seed_) : seed(seed_) {
    Draw draw(seed);
    extra = draw.one_in(4) ? Extra::synchronized : draw.one_in(4) ? Extra::shards : Extra::none;
    one_task = draw.one_in(2);
    samples = draw(20, 60);
    weighted = draw.one_in(2);
    regularized = draw.one_in(2);
    frozen = draw.one_in(4);
    optimizer = draw(0, 3);
    clip_norm = draw.one_in(3) ? 0.3 : 0;
    clip_value = clip_norm == 0 && draw.one_in(3) ? 0.05 : 0;
    averages = draw.one_in(2) ? 0.9 : 0;

    shards = draw(1, 8);
    for (std::int64_t n = extra == Extra::synchronized ? shards : 1; n <= shards; ++n) {
      const bool divides = shards % n == 0 && std::has_single_bit(static_cast<std::uint64_t>(shards / n));
      if (n == 1 || divides) possible_ranks.push_back(static_cast<int>(n));
    }
    ranks = possible_ranks[static_cast<std::size_t>(draw(possible_ranks.size() > 1, std::ssize(possible_ranks) - 1))];
    ranks_after_interruption = possible_ranks[static_cast<std::size_t>(draw(0, std::ssize(possible_ranks) - 1))];

    options.epochs = static_cast<int>(draw(1, 3));
    options.batch_size = draw(shards, shards + 11);
    options.shuffle = draw.one_in(2);
    options.drop_last = draw.one_in(2) || extra == Extra::synchronized;  // each shard of it needs a sample
    options.accumulate = draw(1, 3);
    options.steps_per_epoch = draw.one_in(2) ? 0 : draw(1, 5);
    options.seed = seed;
    options.recompute = draw.one_in(4);
    options.distributed.bucket_bytes = std::int64_t{1} << draw(0, 11);
    options.distributed.shard_optimizer = draw.one_in(2);
    options.show_progress = false;
    if (one_task) {
      if (draw.one_in(2)) options.class_weights = {0.5, 2, 1.25};
      options.loss = draw.one_in(3) ? loss::softmax_focal_cross_entropy() : loss::softmax_cross_entropy();
      options.metrics = {{metric::accuracy()}, {metric::f1()}, {metric::top_k_accuracy({.k = 2})}};
    } else {
      summed = draw.one_in(2);
      options.loss = {{loss::softmax_cross_entropy({.ignored_label = ignored}), 0.7},
                      {summed ? sum_of_squares() : loss::mean_squared_error(), 0.25}};
      options.metrics = {{metric::intersection_over_union({.ignored_label = ignored}), "kind"},
                         {metric::r2(), "price"},
                         {metric::root_mean_squared_error(), "price"}};
    }
    if (draw.one_in(2)) options.validation = data(draw(5, 25), seed + 1000);
  }

  std::string text() const {
    return fmt::format(
        "seed {}: {} shards, {} ranks, then {}; {} samples, batch {}, accumulate {}, {} steps per epoch, drop_last {}; "
        "{}, "
        "extra layers {}, optimizer {}, clip {} {}, averages {}, sample weights {}, {} class weights, regularized {}, "
        "frozen {}, summed loss {}, shard_optimizer {}",
        seed, shards, ranks, ranks_after_interruption, samples, options.batch_size, options.accumulate,
        options.steps_per_epoch, options.drop_last, one_task ? "one task" : "two tasks", static_cast<int>(extra),
        optimizer, clip_norm, clip_value, averages, weighted, options.class_weights.size(), regularized, frozen, summed,
        options.distributed.shard_optimizer);
  }

  /// The sum over the batch of weighted squares.
  static Loss sum_of_squares() {
    return {"sum_of_squares",
            [](const Variable& y, const Tensor& target, const Tensor& weights) {
              const Variable squares = 0.1 * square(y - target);
              return sum(weights.defined() ? squares * weights.reshaped({y.dim(0), 1}) : squares);
            },
            {.reduction = LossReduction::sum}};
  }

  /// Points with one of three classes; or with a class, of which a third is ignored, and a number. A quarter of the
  /// weights is 0.
  Dataset data(std::int64_t n, std::uint64_t data_seed) const {
    Draw draw(data_seed);
    const Tensor points = RandomStream(data_seed).normal({n, 3}, 0, 1, DType::float64);
    std::vector<std::int64_t> kinds;
    std::vector<double> weights;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t kind = points.at({i, 0}) > 0 ? 0 : points.at({i, 1}) > 0 ? 1 : 2;
      kinds.push_back(!one_task && draw.one_in(3) ? ignored : kind);
      weights.push_back(static_cast<double>(draw(0, 3)) / 2);
    }
    const Tensor prices = RandomStream(data_seed + 1).normal({n, 1}, 0, 1, DType::float64);
    const Dataset whole = one_task ? Dataset(points, Tensor::labels(kinds), 3)
                                   : Dataset({points}, {{Tensor::labels(kinds), 4}, {prices}});
    return weighted ? whole.weighted(Tensor::of({n}, weights, DType::float64)) : whole;
  }

  Model make_model() const {
    const auto input = Input({3});
    auto x = Dense({.units = 7,
                    .activation = tanh,
                    .kernel_regularizer = regularized ? l1_l2(0.001, 0.01) : Regularizer(),
                    .name = "first"})(input);
    if (extra != Extra::none) {
      x = BatchNormalization({.synchronized = extra == Extra::synchronized, .name = "norm"})(x);
    }
    x = Dense({.units = 5, .activation = tanh, .name = "second"})(x);
    if (extra == Extra::shards) x = Dropout({.rate = 0.25})(x);
    const auto kind = Dense({.units = one_task ? 3 : 4, .name = "kind"})(x);
    Model model = one_task ? Model(input, kind, {.seed = 3})
                           : Model({input}, {kind, Dense({.units = 1, .name = "price"})(x)}, {.seed = 3});
    model.convert(DType::float64);
    if (frozen) model.parameter("second/kernel").set_trainable(false);
    return model;
  }

  std::unique_ptr<Optimizer> make_optimizer(const Model& model) const {
    const auto make = [&]<class T>(std::type_identity<T>, auto its_options) -> std::unique_ptr<Optimizer> {
      its_options.learning_rate = schedule::cosine(0.05, 20, {.warmup_steps = 2});
      its_options.clip_norm = clip_norm;
      its_options.clip_value = clip_value;
      its_options.ema_momentum = averages;
      return std::make_unique<T>(model.parameters(), its_options);
    };
    switch (optimizer) {
      case 0:
        return make(std::type_identity<SGD>(), SGDOptions{.momentum = 0.9, .nesterov = true, .weight_decay = 0.01});
      case 1: return make(std::type_identity<LARS>(), LARSOptions{.trust_coefficient = 0.1, .weight_decay = 0.01});
      case 2: return make(std::type_identity<Adam>(), AdamOptions{.epsilon = 1e-3});
      default: return make(std::type_identity<LAMB>(), LAMBOptions{.epsilon = 1e-3, .weight_decay = 0.01});
    }
  }

  /// Adam and LAMB divide by small numbers, which magnifies rounding.
  double tolerance() const { return optimizer < 2 ? 1e-12 : 1e-10; }

  static constexpr std::int64_t ignored = 3;
  std::uint64_t seed;
  Extra extra;
  bool one_task, weighted, regularized, frozen, summed = false;
  std::int64_t samples, optimizer, shards;
  double clip_norm, clip_value, averages;
  std::vector<int> possible_ranks;
  int ranks, ranks_after_interruption;  ///< the former is above 1 if possible
  FitOptions options;
};

/// One rank's run; `change` may set further options.
RankResult run(
    const Drawn& drawn, const Distributed& division,
    const std::function<void(FitOptions&)>& change = [](FitOptions&) {}) {
  Model model = drawn.make_model();
  const auto optimizer = drawn.make_optimizer(model);
  FitOptions options = drawn.options;
  options.distributed.communicator = division.communicator;
  options.distributed.shards = division.shards;
  RankResult result;
  options.callbacks = {at_batch_end([&](TrainingState& state) { result.batch_losses.push_back(state.batch_loss); })};
  change(options);
  result.history = fit(model, *optimizer, drawn.data(drawn.samples, drawn.seed), options);
  result.weights = values_of(model);
  for (const auto& [name, slot] : optimizer->named_state()) result.slots.push_back(slot);
  return result;
}

/// The results of all ranks.
std::vector<RankResult> run_on(
    int ranks, const Drawn& drawn, const std::function<void(FitOptions&)>& change = [](FitOptions&) {}) {
  std::vector<RankResult> results(static_cast<std::size_t>(ranks));
  run_on_threads(ranks, [&](const std::shared_ptr<Communicator>& communicator) {
    results[static_cast<std::size_t>(communicator->rank())] =
        run(drawn, {.communicator = communicator, .shards = drawn.shards}, change);
  });
  return results;
}

/// The batches as one.
Batch joined(const std::vector<Batch>& batches) {
  const auto join = [&](auto&& part) {
    std::vector<Variable> parts;
    for (const Batch& batch : batches) parts.emplace_back(part(batch));
    return concatenate(parts, 0).value();
  };
  Batch all = batches.front();
  all.inputs = {join([](const Batch& batch) { return batch.input(); })};
  for (std::size_t i = 0; i < all.targets.size(); ++i) {
    all.targets[i] = join([i](const Batch& batch) { return batch.targets[i]; });
    if (!all.weights.empty()) all.weights[i] = join([i](const Batch& batch) { return batch.weights[i]; });
  }
  return all;
}

/// The loss of a whole step: each output's loss of all samples at once, and the regularizers once.
Variable loss_of_step(const Drawn& drawn, const Model& model, const Batch& batch, ForwardPass& pass) {
  const std::vector<Variable> outputs = model.call({batch.input()}, pass);
  Variable total = Tensor::scalar(0, DType::float64);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Tensor weights = batch.weight(i);
    if (!drawn.options.class_weights.empty()) {
      std::vector<double> all;
      for (std::int64_t s = 0; s < batch.size(); ++s) {
        const auto label = static_cast<std::size_t>(batch.target().at({s}));
        all.push_back(drawn.options.class_weights[label] * (weights.defined() ? weights.at({s}) : 1));
      }
      weights = Tensor::of({batch.size()}, all, DType::float64);
    }
    const auto& [loss, weight] = drawn.options.loss.all()[i];
    total = total + weight * loss(outputs[i], batch.targets[i], weights);
  }
  const std::optional<Variable> penalty = model.regularization(pass);
  return penalty ? total + *penalty : total;
}

/// The weights after a plain loop, in which a step has one forward pass of all of its batches.
std::vector<Tensor> by_definition(const Drawn& drawn) {
  const FitOptions& options = drawn.options;
  const Model model = drawn.make_model();
  const auto optimizer = drawn.make_optimizer(model);
  const DataLoader loader(drawn.data(drawn.samples, drawn.seed), {.batch_size = options.batch_size,
                                                                  .shuffle = options.shuffle,
                                                                  .drop_last = options.drop_last,
                                                                  .seed = options.seed,
                                                                  .dtype = DType::float64});
  const std::int64_t traversal = loader.batches();
  const std::int64_t epoch = options.steps_per_epoch > 0 ? options.steps_per_epoch * options.accumulate : traversal;
  for (std::int64_t begin = 0; begin < options.epochs * epoch; begin += epoch) {
    for (std::int64_t first = begin; first < begin + epoch; first += options.accumulate) {
      std::vector<Batch> batches;
      for (std::int64_t i = first; i < std::min(first + options.accumulate, begin + epoch); ++i) {
        batches.push_back(loader.epoch(i / traversal)[i % traversal]);
      }
      ForwardPass pass(Mode::training);
      optimizer->minimize(loss_of_step(drawn, model, joined(batches), pass), pass);
    }
  }
  return values_of(model);
}

void check_close(const RankResult& a, const RankResult& b, double tolerance) {
  CHECK(distance(a.weights, b.weights) < tolerance);
  CHECK(distance(a.slots, b.slots) < tolerance);
  REQUIRE(a.history.epochs().size() == b.history.epochs().size());
  for (std::size_t e = 0; e < a.history.epochs().size(); ++e) {
    for (const Figure& figure : a.history.epochs()[e].figures) {
      INFO("epoch " << e + 1 << ", " << figure.name);
      const double other = b.history.epochs()[e][figure.name];
      if (figure.name == "seconds" || (std::isnan(figure.value) && std::isnan(other))) continue;
      CHECK(other == Approx(figure.value).epsilon(100 * tolerance).margin(100 * tolerance));
    }
  }
}

}  // namespace

TEST_CASE("runs with random options have the numbers of whole steps, and the same bits on any number of ranks") {
  const char* wanted = std::getenv("XTAPE_DISTRIBUTED_SEEDS");
  const int seeds = wanted ? std::atoi(wanted) : 30;
  for (int seed = 0; seed < seeds; ++seed) {
    const Drawn drawn(static_cast<std::uint64_t>(seed));
    INFO(drawn.text());
    const RankResult whole = run(drawn, {});
    const bool batches_meet = drawn.extra == Extra::none || drawn.options.accumulate == 1;
    if (drawn.extra != Extra::shards && batches_meet) {
      CHECK(distance(by_definition(drawn), whole.weights) < drawn.tolerance());
    }

    const std::vector<RankResult> results = run_on(drawn.ranks, drawn);
    if (drawn.extra != Extra::shards) check_close(whole, results.front(), drawn.tolerance());
    for (const RankResult& result : results) check_identical(results.front(), result);
    if (drawn.extra != Extra::synchronized) check_identical(results.front(), run(drawn, {.shards = drawn.shards}));

    const std::size_t steps = results.front().batch_losses.size();
    if (steps < 2) continue;
    const TemporaryFolder folder;
    const std::size_t last = 1 + static_cast<std::size_t>(seed) % (steps - 1);  // before the interruption
    run_on(drawn.ranks, drawn, [&](FitOptions& options) {
      options.callbacks.push_back(Checkpoint({.folder = folder.path(), .every_steps = 1}));
      options.callbacks.push_back(at_batch_end([last](TrainingState& state) {
        if (state.step() == static_cast<std::int64_t>(last)) state.stop("interrupted");
      }));
    });
    for (RankResult& resumed : run_on(drawn.ranks_after_interruption, drawn, [&](FitOptions& options) {
           options.callbacks.push_back(Checkpoint({.folder = folder.path(), .every_steps = 1}));
           options.callbacks.push_back(at_batch_end([](TrainingState&) {}));
           options.resume = folder.path();
         })) {
      const std::vector<double>& losses = results.front().batch_losses;
      resumed.batch_losses.insert(resumed.batch_losses.begin(), losses.begin(),
                                  losses.begin() + static_cast<std::ptrdiff_t>(last));
      check_identical(results.front(), resumed);
    }
  }
}
