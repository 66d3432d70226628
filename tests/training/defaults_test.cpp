// The defaults of optimizers, schedules, losses, metrics, callbacks and fit are those of Keras, written out from the
// signatures of its classes; differences are marked.
#include <tuple>

#include "optim/adadelta.hpp"
#include "optim/adagrad.hpp"
#include "optim/adam.hpp"
#include "optim/adamax.hpp"
#include "optim/lamb.hpp"
#include "optim/lion.hpp"
#include "optim/nadam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"
#include "training/batch_norm_recalibration.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/callbacks/tensorboard.hpp"
#include "training/checkpoint/checkpoint.hpp"
#include "training/data/image_folder.hpp"
#include "training/fit.hpp"
#include "training/report/profile.hpp"

namespace xtape {
namespace {

/// Options that all optimizers have: nothing is clipped, decayed or averaged.
template <class Options>
void check_shared(const Options& o, double rate, double weight_decay = 0) {
  CHECK(o.learning_rate.at(0) == rate);
  CHECK(std::tuple(o.weight_decay, o.clip_norm, o.clip_value, o.ema_momentum) == std::tuple(weight_decay, 0, 0, 0));
  CHECK(o.groups.empty());
}

template <class Options>
void check_moments(const Options& o, double beta2 = 0.999) {
  CHECK(std::tuple(o.beta1, o.beta2, o.epsilon) == std::tuple(0.9, beta2, 1e-7));
}

}  // namespace

TEST_CASE("the defaults of optimizers are Keras's") {
  check_shared(SGDOptions(), 0.01);
  CHECK(std::tuple(SGDOptions().momentum, SGDOptions().nesterov) == std::tuple(0, false));
  check_shared(AdamOptions(), 1e-3), check_moments(AdamOptions());
  check_shared(AdamWOptions(), 1e-3, 4e-3), check_moments(AdamWOptions());
  check_shared(AdamaxOptions(), 1e-3), check_moments(AdamaxOptions());
  check_shared(LAMBOptions(), 1e-3), check_moments(LAMBOptions());
  check_shared(NadamOptions(), 1e-3), check_moments(NadamOptions());
  CHECK(NadamOptions().momentum_decay == 1);
  check_shared(LionOptions(), 1e-3);
  CHECK(std::tuple(LionOptions().beta1, LionOptions().beta2) == std::tuple(0.9, 0.99));
  const RMSpropOptions rmsprop;
  check_shared(rmsprop, 1e-3);
  CHECK(std::tuple(rmsprop.rho, rmsprop.momentum, rmsprop.epsilon, rmsprop.epsilon_outside, rmsprop.centered) ==
        std::tuple(0.9, 0, 1e-7, false, false));
  const AdagradOptions adagrad;
  check_shared(adagrad, 1e-3);
  CHECK(std::tuple(adagrad.initial_accumulator_value, adagrad.epsilon, adagrad.epsilon_outside) ==
        std::tuple(0.1, 1e-7, false));
  check_shared(AdadeltaOptions(), 1e-3);
  CHECK(std::tuple(AdadeltaOptions().rho, AdadeltaOptions().epsilon) == std::tuple(0.95, 1e-7));
}

TEST_CASE("the defaults of schedules are Keras's") {
  CHECK(schedule::cosine(2, 10).text() == schedule::cosine(2, 10, {.warmup_steps = 0, .final_rate = 0}).text());
  CHECK(schedule::cosine_restarts(2, 10).text() ==
        schedule::cosine_restarts(2, 10, {.period_factor = 2, .rate_factor = 1, .final_rate = 0}).text());
  CHECK(schedule::polynomial(2, 10).text() ==
        schedule::polynomial(2, 10, {.final_rate = 1e-4, .power = 1, .cycle = false}).text());
  CHECK(schedule::exponential(2, 10, 0.5).text() == schedule::exponential(2, 10, 0.5, false).text());
  CHECK(schedule::inverse_time(2, 10, 0.5).text() == schedule::inverse_time(2, 10, 0.5, false).text());
}

TEST_CASE("the defaults of losses and metrics are Keras's") {
  CHECK(HuberOptions().delta == 1);
  const FocalOptions focal;
  CHECK(std::tuple(focal.gamma, focal.alpha, focal.balanced, focal.label_smoothing) == std::tuple(2, 0.25, false, 0));
  const OverlapOptions overlap;  // Keras: one ratio for the whole batch
  CHECK(std::tuple(overlap.whole_batch, overlap.alpha, overlap.beta) == std::tuple(false, 0.5, 0.5));
  CHECK(CrossEntropyOptions().label_smoothing == 0);
  CHECK_FALSE(CrossEntropyOptions().ignored_label);
  CHECK(BinaryCrossEntropyOptions().label_smoothing == 0);
  CHECK(BinaryCrossEntropyOptions().pos_weight.empty());
  CHECK(metric::TopOptions().k == 5);
  CHECK(metric::ThresholdOptions().threshold == 0.5);
  CHECK(metric::DecisionOptions().threshold == 0.5);
  CHECK_FALSE(metric::DecisionOptions().class_number);
  CHECK(std::tuple(metric::AucOptions().thresholds, metric::AucOptions().from_logits) == std::tuple(200, false));
}

TEST_CASE("the defaults of callbacks and fit are Keras's") {
  const EarlyStoppingOptions stopping;
  CHECK(std::tuple(stopping.monitor, stopping.min_delta, stopping.patience, stopping.restore_best) ==
        std::tuple("val_loss", 0, 0, false));
  const ReduceLROnPlateauOptions plateau;
  CHECK(std::tuple(plateau.monitor, plateau.factor, plateau.patience, plateau.min_delta, plateau.cooldown,
                   plateau.min_learning_rate) == std::tuple("val_loss", 0.1, 10, 1e-4, 0, 0));
  const FitOptions fitting;
  CHECK(std::tuple(fitting.epochs, fitting.batch_size, fitting.validation_split, fitting.shuffle, fitting.drop_last) ==
        std::tuple(1, 32, 0, true, false));
  CHECK_FALSE(fitting.validation);
  const DataLoaderOptions loading;
  CHECK(std::tuple(loading.batch_size, loading.shuffle, loading.drop_last, loading.seed, loading.dtype) ==
        std::tuple(32, true, false, 0U, DType::float32));
  CHECK(EvaluateOptions().batch_size == 32);
}

TEST_CASE("what Keras does not have is off unless it is requested") {
  const FitOptions fitting;
  CHECK(std::tuple(fitting.accumulate, fitting.steps_per_epoch, fitting.seed, fitting.partial_optimizer,
                   fitting.check_finite, fitting.recompute, fitting.profiler,
                   fitting.show_progress) == std::tuple(1, 0, 0U, false, false, false, nullptr, true));
  CHECK((fitting.resume.empty() && fitting.callbacks.empty() && fitting.class_weights.empty()));
  CHECK_FALSE(fitting.initial_epoch);
  for (const Distributed& distributed :
       {fitting.distributed, EvaluateOptions().distributed, RecalibrationOptions().distributed}) {
    CHECK(std::tuple(distributed.communicator, distributed.shards, distributed.bucket_bytes, distributed.wire,
                     distributed.shard_optimizer) == std::tuple(nullptr, 0, 4 << 20, Wire::full, false));
  }
  const DataLoaderOptions loading;
  CHECK(std::tuple(loading.prefetch, loading.part, loading.parts) == std::tuple(2, 0, 1));
  for (const Augmentation& a : {fitting.augmentation, loading.augmentation, RecalibrationOptions().augmentation}) {
    CHECK(std::tuple(a.horizontal_flip, a.rotation, a.zoom, a.shift, a.brightness, a.contrast, a.fill) ==
          std::tuple(false, 0, 0, 0, 0, 0, Fill::edge));
  }
  const CheckpointOptions checkpoint;
  CHECK(std::tuple(checkpoint.keep, checkpoint.every_epochs, checkpoint.every_steps, checkpoint.best) ==
        std::tuple(3, 1, 0, ""));
  const TensorBoardOptions board;
  CHECK(std::tuple(board.every_steps, board.histogram_epochs, board.graph) == std::tuple(0, 0, true));
  CHECK_FALSE(board.images);
  const PassOptions pass;
  CHECK(std::tuple(pass.seed, pass.keep_derived, pass.recompute) == std::tuple(0U, true, false));
  CHECK_FALSE((pass.record || pass.step || pass.sum_over_batch || !pass.observers.empty()));
  CHECK(CommunicatorOptions().timeout == std::chrono::minutes(5));
  const ImageFolderOptions images{.height = 1, .width = 1};
  CHECK(std::tuple(images.channels, images.skip_unreadable, images.show_progress) == std::tuple(3, false, true));
  CHECK(std::tuple(ProfileOptions().batch_size, ProfileOptions().steps) == std::tuple(32, 5));
  CHECK(RecalibrationOptions().batch_size == 32);
}

}  // namespace xtape
