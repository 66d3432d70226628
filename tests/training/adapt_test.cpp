#include "training/adapt.hpp"

#include <cmath>
#include <limits>

#include "framework/tensor/random.hpp"
#include "layers/layers.hpp"
#include "models/files/weights.hpp"
#include "tests/support/support.hpp"
#include "training/fit.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

Dataset data_of(const Tensor& images) { return {images, Tensor::zeros({images.dim(0)}, DType::int64), 1}; }

Model normalizing(const Shape& input) {
  const SymbolicTensor x = Input(input);
  return Model(x, Flatten()(Normalization({.name = "norm"})(x)));
}

Tensor value_of(Model model, const std::string& name) {
  for (const auto& [path, parameter] : model.named_parameters()) {
    if (path == name) return parameter.value();
  }
  return {};
}

}  // namespace

TEST_CASE("adapt computes mean and variance of each channel, and the layer normalizes with them") {
  // 70 images, so that batches have different sizes; a large mean with a small deviation
  const Tensor images = RandomStream(4).normal({70, 3, 2, 2}, 1000, 0.5, DType::float64);
  Model model = normalizing({3, 2, 2});
  model.convert(DType::float64);
  CHECK(predict(model, images).at({7, 4}) == Approx(images.at({7, 1, 0, 0})));  // unchanged before adapt()
  adapt(model, data_of(images));
  for (const std::int64_t c : {0, 1}) {
    const std::vector<double> all = images.to_vector();
    double sum = 0, squares = 0;
    for (std::size_t i = static_cast<std::size_t>(c); i < all.size(); i += 2) sum += all[i] / 420;
    for (std::size_t i = static_cast<std::size_t>(c); i < all.size(); i += 2)
      squares += std::pow(all[i] - sum, 2) / 420;
    CHECK(value_of(model, "norm/mean").at({c}) == Approx(sum).epsilon(1e-13));
    CHECK(value_of(model, "norm/variance").at({c}) == Approx(squares).epsilon(1e-10));
    const double expected = (images.at({7, 1, 0, c}) - sum) / std::sqrt(squares);
    CHECK(predict(model, images).at({7, 4 + c}) == Approx(expected).epsilon(1e-9));
  }
}

TEST_CASE("adapt scales uint8 values to [0, 1], and a constant channel becomes 0") {
  Model model = normalizing({1, 2, 2});
  adapt(model, data_of(Tensor::of({2, 1, 2, 2}, {0, 51, 255, 51, 0, 51, 255, 51}, DType::uint8)));
  CHECK(largest_difference(value_of(model, "norm/mean"), Tensor::of({2}, {0.5, 0.2})) < 1e-7);
  CHECK(largest_difference(value_of(model, "norm/variance"), Tensor::of({2}, {0.25, 0})) < 1e-7);
  const Tensor y = predict(model, Tensor::of({1, 1, 2, 2}, {0, 51, 255, 51}, DType::uint8));
  CHECK(y.at({0, 0}) == Approx(-1));
  CHECK(y.at({0, 2}) == Approx(1));
  CHECK(std::abs(y.at({0, 1})) < 1);  // the rounding error of 0.2
}

TEST_CASE("mean and variance are stored with the weights and are not trained") {
  const TemporaryFolder folder;
  const Tensor images = RandomStream(4).uniform({20, 2, 2, 3}, 3, 7);
  Model model = normalizing({2, 2, 3}), other = normalizing({2, 2, 3});
  adapt(model, data_of(images));
  save_weights(model, folder / "weights");
  load_weights(other, folder / "weights");
  CHECK(identical(predict(other, images), predict(model, images)));
  CHECK(model.trainable_count() == 0);
  CHECK(model.parameter_count() == 6);
}

TEST_CASE("adapt rejects invalid data and models, and changes nothing") {
  Model model = normalizing({2, 2, 3});
  CHECK(error_of([&] {
          adapt(model, data_of(Tensor::ones({5, 2, 2, 1})));
        }) == "adapt: expected samples (None, 2, 2, 3) for model model, got (5, 2, 2, 1)");
  CHECK(identical(value_of(model, "norm/mean"), Tensor::zeros({3})));
  const SymbolicTensor x = Input({4});
  Model none(x, Dense({.units = 2})(x));
  CHECK(error_of([&] {
          adapt(none, data_of(Tensor::ones({5, 4})));
        }) == "adapt: expected a Normalization layer behind the input, got none in model model");
  const SymbolicTensor z = Input({4});
  Model inner(z, Normalization({.name = "norm"})(Dense({.units = 2, .name = "first"})(z)));
  CHECK(error_of([&] {
          adapt(inner, data_of(Tensor::ones({5, 4})));
        }) == "adapt: expected layer norm to take the input of model model, got the output of first");
  const Tensor numbers = Tensor::ones({5, 4}), labels = Tensor::zeros({5}, DType::int64);
  const Dataset both({numbers, numbers}, {{labels, 1}});
  const SymbolicTensor one = Input({4}), other = Input({4});
  Model two({one, other}, Dense({.units = 2})(Add()({Normalization()(one), other})), {.name = "two"});
  CHECK(error_of([&] { adapt(two, data_of(numbers)); }) ==
        "adapt: expected a model and data with one input, got 2 of model two and 1 of the data");
  CHECK(error_of([&] { adapt(none, both); }) ==
        "adapt: expected a model and data with one input, got 1 of model model and 2 of the data");
  CHECK(error_of([&] { adapt(two, both); }) ==
        "adapt: expected a model and data with one input, got 2 of model two and 2 of the data");
  const SymbolicTensor column = Input({1});
  Model table(column, Normalization()(column));
  CHECK(error_of([&] {
          adapt(table, data_of(Tensor::of({2, 1}, {1e200, -1e200}, DType::float64)));
        }) == "adapt: expected a variance that float32 can hold, got inf; divide the data by a constant");
  const double infinite = std::numeric_limits<double>::infinity();
  for (const double value : {infinite, -infinite, std::numeric_limits<double>::quiet_NaN()}) {
    const SymbolicTensor pair = Input({2});
    Model two_channels(pair, Normalization()(pair));
    CHECK(error_of([&] {
            adapt(two_channels, data_of(Tensor::of({2, 2}, {1, 2, 3, value}, DType::float64)));
          }) == "adapt: expected finite numbers in the data, got others in channel 1");
  }
  const Dataset wide = data_of(Tensor::of({2, 1, 1, 1}, {1e30, -1e30}, DType::float64));
  Model narrow = normalizing({1, 1, 1});
  CHECK(error_of([&] { adapt(narrow, wide); }) ==
        "adapt: expected a variance that float32 can hold, got 1.0000000000000001e+60; divide the data by a constant");
  CHECK(identical(value_of(narrow, "norm/variance"), Tensor::ones({1})));
  narrow.convert(DType::float64);
  adapt(narrow, wide);
  CHECK(value_of(narrow, "norm/variance").item() == Approx(1e60));
}
