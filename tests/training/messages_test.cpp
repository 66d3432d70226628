// The whole messages about data, losses, metrics and options of fit() that do not fit.
#include "framework/ops/ops.hpp"
#include "layers/core/dense.hpp"
#include "layers/graph/input.hpp"
#include "models/graph/sequential.hpp"
#include "optim/sgd.hpp"
#include "tests/support/limits.hpp"
#include "training/fit.hpp"

namespace xtape {
namespace {

using namespace test;

}  // namespace

TEST_CASE("a data set names what its source lacks") {
  const auto sample = [](std::int64_t) { return std::vector<Tensor>{Tensor::ones({2})}; };
  const std::vector<Target> labels{{.values = Tensor::labels({0, 1}), .classes = 2}};
  const Dataset two({Tensor::ones({2, 1}), Tensor::ones({2, 1})}, labels);
  check_messages({
      {"Dataset: expected a source with a function, and a shape and a type for each input, got an empty function, 1 "
       "and "
       "1",
       [&] {
         Dataset(SampleSource{{Shape{2}}, {DType::float32}, {}}, labels);
       }},
      {"Dataset: expected a source with a function, and a shape and a type for each input, got a function, 1 and 2",
       [&] {
         Dataset(SampleSource{{Shape{2}}, {DType::float32, DType::float32}, sample}, labels);
       }},
      {"Dataset: expected a source with a function, and a shape and a type for each input, got a function, 0 and 0",
       [&] {
         Dataset(SampleSource{{}, {}, sample}, labels);
       }},
      {"Dataset: expected a source of samples with elements, got shape (2, 0)",
       [&] {
         Dataset(SampleSource{{Shape{2, 0}}, {DType::float32}, sample}, labels);
       }},
      {"Dataset::input_shape: expected data of one input, got 2; use input_shapes()", [&] { (void)two.input_shape(); }},
  });
}

TEST_CASE("fit names the options that do not fit the data and the model") {
  Model model = Sequential({Input({2}), Dense({.units = 3, .name = "last"})}, {.name = "net", .seed = 1});
  SGD sgd(model.parameters());
  const Dataset data(Tensor::ones({4, 2}), Tensor::labels({0, 1, 2, 0}), {"a", "b", "c"});
  const Dataset distributions(Tensor::ones({4, 2}), Tensor::full({4, 3}, 0.25));
  const auto error = [&](FitOptions options, const Dataset& given) {
    options.show_progress = false;
    return error_of([&] { fit(model, sgd, given, options); });
  };
  CHECK(error({.validation_split = 0.1}, data.rows(0, 1)) ==
        "fit: expected at least one sample in each part, got the validation_split 0.1 of data of the size 1");
  CHECK(error({.validation = data, .validation_split = 0.5}, data) ==
        "fit: expected validation or validation_split, got both");
  CHECK(error({.class_weights = {1, 1}}, data) == "fit: expected a class weight for each of the 3 classes, got 2");
  CHECK(error({.batch_size = 4, .loss = loss::dice({.whole_batch = true}), .accumulate = 2}, distributions) ==
        "fit: expected one shard and no accumulate for the loss dice (whole_batch true), which is not a mean or sum of "
        "the losses of a "
        "batch's parts; got 2 parts");
  Model pixels = Sequential({Input({2, 2}), Dense({.units = 3})}, {.seed = 1});
  SGD other(pixels.parameters());
  const Dataset masks({Tensor::ones({2, 2, 2})},
                      {{.values = Tensor::labels({0, 1, 2, 0}).reshaped({2, 2}), .classes = 3}});
  CHECK(error_of([&] {
          fit(pixels, other, masks, {.class_weights = {1, 1, 1}, .show_progress = false});
        }) == "fit: expected class_weights for data with one label a sample, got labels (2, 2)");
  const auto named = [](const char* name) {
    return Metric(
        name, [](const Tensor&, const Tensor&, const Tensor&) { return Tensor::zeros({1}, DType::float64); },
        [](const Tensor&) { return 0.0; });
  };
  for (const char* name : {"seconds", "learning_rate", "val_x"}) {
    CHECK(
        error({.metrics = {named(name)}}, data) ==
        fmt::format("fit: expected figures of other names than learning_rate, seconds and val_..., which fit uses, got "
                    "{}; rename the metric or the output layer",
                    name));
  }
}

TEST_CASE("metrics and checkpoints name the sums that do not fit") {
  const Tensor outputs = Tensor::ones({2, 3}, DType::int64);
  CHECK(error_of([&] { metric::log_cosh()(outputs, outputs); }) ==
        "log_cosh: expected floating outputs (n, ...), got int64 (2, 3)");
  CHECK(error_of([] { (void)metric::accuracy().result(Tensor::zeros({3})); }) ==
        "accuracy: expected its own sums, got float32 (3,)");
}

}  // namespace xtape
