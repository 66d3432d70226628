#include "training/batch_norm_recalibration.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "framework/communication/communicator.hpp"
#include "framework/ops/manipulation.hpp"
#include "layers/core/dense.hpp"
#include "layers/core/dropout.hpp"
#include "layers/graph/input.hpp"
#include "layers/layers.hpp"
#include "layers/normalization/batch_normalization.hpp"
#include "models/graph/sequential.hpp"
#include "tests/support/support.hpp"
#include "training/fit.hpp"

namespace xtape {
namespace {

using test::error_of;

/// n rows of two features with means 3 and -1 and deviations 2 and 0.5.
Dataset features(std::int64_t n) {
  Tensor x = RandomStream(7).normal({n, 2}, 0, 1, DType::float64);
  for (std::int64_t i = 0; i < n; ++i) {
    double* row = x.mutable_data<double>() + 2 * i;
    row[0] = 3 + 2 * row[0];
    row[1] = -1 + 0.5 * row[1];
  }
  return {x, Tensor::zeros({n}, DType::int64), 1};
}

/// The mean and the unbiased variance of each column.
std::array<std::vector<double>, 2> statistics(const Tensor& x) {
  const auto n = static_cast<double>(x.dim(0));
  std::vector<double> mean(2), variance(2);
  for (std::int64_t i = 0; i < x.dim(0); ++i) {
    for (std::size_t c = 0; c < 2; ++c) mean[c] += x.at({i, static_cast<std::int64_t>(c)}) / n;
  }
  for (std::int64_t i = 0; i < x.dim(0); ++i) {
    for (std::size_t c = 0; c < 2; ++c) {
      variance[c] += std::pow(x.at({i, static_cast<std::int64_t>(c)}) - mean[c], 2) / (n - 1);
    }
  }
  return {mean, variance};
}

Tensor value_of(Model model, const std::string& name) {
  for (const auto& [path, parameter] : model.named_parameters()) {
    if (path == name) return parameter.value();
  }
  FAIL("no parameter " << name);
  return {};
}

void check_values(const Tensor& tensor, const std::vector<double>& expected) {
  CHECK(test::largest_difference(tensor, Tensor::of(tensor.shape(), expected, tensor.dtype())) < 1e-10);
}

Model normalizing_model(bool bias_correction = false) {
  const SymbolicTensor input = Input({2});
  auto x = Dropout({.rate = 0.5})(input);
  x = BatchNormalization({.momentum = 0.75, .bias_correction = bias_correction, .name = "norm"})(x);
  Model model(input, Dense({.units = 2, .kernel_initializer = ones()})(x));
  model.convert(DType::float64);
  return model;
}

TEST_CASE("after recalibration with one batch the moving averages are its mean and variance, without dropout") {
  const Dataset data = features(40);
  Model model = normalizing_model();
  recalibrate_batch_norm(model, data, {.batch_size = 40});
  const auto [mean, variance] = statistics(data.input());
  check_values(value_of(model, "norm/moving_mean"), mean);
  check_values(value_of(model, "norm/moving_variance"), variance);
  CHECK(dynamic_cast<BatchNormalizationLayer&>(model.layer("norm")).momentum() == 0.75);
}

TEST_CASE("batches are weighted by their size, so all samples have the same weight in the mean") {
  const Dataset data = features(45);
  Model model = normalizing_model();
  recalibrate_batch_norm(model, data, {.batch_size = 20});
  check_values(value_of(model, "norm/moving_mean"), statistics(data.input())[0]);
  const Tensor variance = value_of(model, "norm/moving_variance");
  CHECK(variance.at({0}) == Approx(4).epsilon(0.4));
  CHECK(variance.at({1}) == Approx(0.25).epsilon(0.4));
}

TEST_CASE("recalibration with augmentation uses the changed images") {
  const Augmentation shifts{.shift = 0.5, .fill = Fill::zeros};
  const Dataset data(Tensor::ones({30, 4, 4, 2}, DType::float64), Tensor::zeros({30}, DType::int64), 1);
  Model model = Sequential({Input({4, 4, 2}), BatchNormalization({.name = "norm"}), GlobalAveragePooling2D()});
  model.convert(DType::float64);
  recalibrate_batch_norm(model, data, {.batch_size = 30, .seed = 3, .augmentation = shifts});
  const DataLoader loader(data, {.batch_size = 30, .seed = 3, .dtype = DType::float64, .augmentation = shifts});
  const auto [mean, variance] = statistics(reshape(loader.epoch(0)[0].input(), {30 * 16, 2}));
  CHECK(mean[0] < 0.9);
  check_values(value_of(model, "norm/moving_mean"), mean);
  check_values(value_of(model, "norm/moving_variance"), variance);
}

TEST_CASE("a second recalibration changes nothing, and values that are not finite are replaced") {
  Model model = normalizing_model();
  recalibrate_batch_norm(model, features(45));
  const Tensor first = value_of(model, "norm/moving_variance");
  for (const Parameter& p : model.parameters()) {
    if (!p.trainable()) p.set_value(Tensor::full(p.shape(), std::numeric_limits<double>::quiet_NaN(), p.dtype()));
  }
  recalibrate_batch_norm(model, features(45));
  CHECK(identical(first, value_of(model, "norm/moving_variance")));
}

TEST_CASE("inference with bias correction uses the recalibrated averages unchanged") {
  const Dataset data = features(45);
  Model plain = normalizing_model(), corrected = normalizing_model(true);
  recalibrate_batch_norm(plain, data);
  recalibrate_batch_norm(corrected, data);
  CHECK(test::largest_difference(predict(plain, data.input()), predict(corrected, data.input())) < 1e-12);
}

TEST_CASE("recalibration rejects invalid models and leaves them unchanged") {
  Model model = normalizing_model();
  const Tensor before = value_of(model, "norm/moving_mean");
  const Dataset wide(Tensor::zeros({4, 3}), Tensor::labels({0, 0, 0, 0}), 1);
  CHECK(error_of([&] { recalibrate_batch_norm(model, wide); }) ==
        "recalibrate_batch_norm: expected inputs (None, 2) for model model, got (4, 3)");
  CHECK(error_of([&] { recalibrate_batch_norm(model, features(4), {.batch_size = 0}); }) ==
        "DataLoader: expected a batch_size of at least 1, got 0");
  CHECK(identical(before, value_of(model, "norm/moving_mean")));

  const SymbolicTensor input = Input({2});
  Model plain(input, Dense({.units = 2})(input));
  CHECK(error_of([&] { recalibrate_batch_norm(plain, features(4)); }) ==
        "recalibrate_batch_norm: expected BatchNormalization layers that are not frozen, got none in model model");
}

TEST_CASE("recalibration rejects data that are not finite and leaves the model unchanged") {
  Model model = normalizing_model();
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Tensor x = Tensor::ones({8, 2}, DType::float64);
    x.mutable_data<double>()[5] = bad;
    const Dataset data(x, Tensor::zeros({8}, DType::int64), 1);
    CHECK_THAT(error_of([&] { recalibrate_batch_norm(model, data); }),
               Catch::Contains("recalibrate_batch_norm: expected finite moving_mean of norm, got "));
    CHECK(value_of(model, "norm/moving_mean").to_vector() == std::vector<double>{0, 0});
    CHECK(value_of(model, "norm/moving_variance").to_vector() == std::vector<double>{1, 1});
  }
}

TEST_CASE("recalibration does not change frozen layers") {
  const SymbolicTensor input = Input({2});
  const auto x = BatchNormalization({.name = "frozen"})(input);
  Model model(input, BatchNormalization({.name = "moving"})(x));
  model.layer("frozen").set_trainable(false);
  recalibrate_batch_norm(model, features(45));
  CHECK(value_of(model, "frozen/moving_mean").to_vector() == std::vector<double>{0, 0});
  CHECK(value_of(model, "frozen/moving_variance").to_vector() == std::vector<double>{1, 1});
  CHECK(value_of(model, "moving/moving_mean").at({0}) != 0);
  model.set_trainable(false);
  CHECK(error_of([&] { recalibrate_batch_norm(model, features(45)); }) ==
        "recalibrate_batch_norm: expected BatchNormalization layers that are not frozen, got none in model model");
}

TEST_CASE("recalibration rejects a layer that is called twice in a pass") {
  const auto input = Input({2});
  const BatchNormalization shared({.name = "shared"});
  Model model(input, shared(shared(input)));
  CHECK(error_of([&] { recalibrate_batch_norm(model, features(8)); }) ==
        "recalibrate_batch_norm: expected each BatchNormalization to be called once in model model, got shared called "
        "more often: its averages would be those of the last call; make a layer for each");
}

TEST_CASE("batch normalization inside a model used as a layer is recalibrated too") {
  const SymbolicTensor input = Input({2});
  Model inner(input, BatchNormalization({.name = "norm"})(input), {.name = "inner"});
  Model outer(input, inner(input), {.name = "outer"});
  outer.convert(DType::float64);
  recalibrate_batch_norm(outer, features(45), {.batch_size = 45});
  const auto [mean, variance] = statistics(features(45).input());
  CHECK(inner.parameters()[2].value().at({0}) == Approx(mean[0]));
  CHECK(inner.parameters()[3].value().at({1}) == Approx(variance[1]));
}

TEST_CASE("ranks that recalibrate with other weights, data or options are told what differs") {
  struct Given {
    Model model = normalizing_model();
    std::int64_t samples = 40;
    RecalibrationOptions options{.batch_size = 20};
  };
  const auto error_if_second = [](const std::function<void(Given&)>& change) {
    return error_of([&] {
      run_on_threads(2, [&](const std::shared_ptr<Communicator>& communicator) {
        Given given;
        given.options.distributed.communicator = communicator;
        if (communicator->rank() == 1) change(given);
        recalibrate_batch_norm(given.model, features(given.samples), given.options);
      });
    });
  };
  using Change = std::pair<std::string, std::function<void(Given&)>>;
  for (const auto& [difference, change] :
       {Change{"batch_size 20 on rank 0 and 10 on rank 1", [](Given& g) { g.options.batch_size = 10; }},
        Change{"seed 0 on rank 0 and 1 on rank 1", [](Given& g) { g.options.seed = 1; }},
        Change{"shards 2 on rank 0 and 4 on rank 1", [](Given& g) { g.options.distributed.shards = 4; }},
        Change{"samples 40 on rank 0 and 41 on rank 1", [](Given& g) { g.samples = 41; }},
        Change{"checksum of the weights ", [](Given& g) {
                 g.model.parameter("dense_1/kernel").set_value(Tensor::zeros({2, 2}, DType::float64));
               }}}) {
    CHECK_THAT(error_if_second(change),
               Catch::Contains("recalibrate_batch_norm: expected the same model, data and options on all ranks, got " +
                               difference));
  }
}

}  // namespace
}  // namespace xtape
