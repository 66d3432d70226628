// Every number that limits an option of a layer, initializer, regularizer or constraint, from both sides: the limit is
// accepted, the next number beyond it is rejected.
#include <cmath>
#include <functional>
#include <limits>

#include "layers/layers.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

constexpr std::int64_t million = std::int64_t{1} << 20, billion = std::int64_t{1} << 30;
constexpr double infinity = std::numeric_limits<double>::infinity();
const double below_0 = -std::numeric_limits<double>::denorm_min(), above_0 = -below_0;

double above(double x) { return std::nextafter(x, infinity); }
double below(double x) { return std::nextafter(x, -infinity); }

/// Calls `make` with numbers that are accepted and numbers that are rejected.
template <class Number>
void limits(const char* option, const std::function<void(Number)>& make, std::initializer_list<Number> accepted,
            std::initializer_list<Number> rejected) {
  for (const Number number : accepted) {
    INFO(option << " = " << number);
    CHECK_NOTHROW(make(number));
  }
  for (const Number number : rejected) {
    INFO(option << " = " << number);
    const std::string message = error_of([&] { make(number); });
    const std::size_t got = message.find(", got ");
    REQUIRE((message.find(": expected ") != std::string::npos && got != std::string::npos));
    CHECK_THAT(message.substr(got), Catch::Contains(fmt::format("{}", number)));
  }
}
void integer(const char* option, const std::function<void(std::int64_t)>& make,
             std::initializer_list<std::int64_t> accepted, std::initializer_list<std::int64_t> rejected) {
  limits<std::int64_t>(option, make, accepted, rejected);
}
/// NaN is rejected too.
void number(const char* option, const std::function<void(double)>& make, std::initializer_list<double> accepted,
            std::initializer_list<double> rejected) {
  limits<double>(option, make, accepted, rejected);
  limits<double>(option, make, {}, {std::nan("")});
}

}  // namespace

TEST_CASE("integer options of layers are accepted up to their limits") {
  integer("units", [](auto n) { Dense({.units = n}); }, {1}, {0});
  integer("input_dim", [](auto n) { Embedding({.input_dim = n, .output_dim = 2}); }, {1}, {0});
  integer("output_dim", [](auto n) { Embedding({.input_dim = 2, .output_dim = n}); }, {1}, {0});
  integer("filters", [](auto n) { Conv2D({.filters = n}); }, {1}, {0});
  integer("groups", [](auto n) { Conv2D({.filters = 6, .groups = n}); }, {1, 2, 6}, {0, 4, 12});
  integer("filters", [](auto n) { Conv2DTranspose({.filters = n, .kernel_size = 2}); }, {1}, {0});
  integer("filters", [](auto n) { SeparableConv2D({.filters = n, .kernel_size = 2}); }, {1}, {0});
  integer("depth_multiplier", [](auto n) { DepthwiseConv2D({.kernel_size = 2, .depth_multiplier = n}); }, {1}, {0});
  integer("depth_multiplier", [](auto n) { SeparableConv2D({.filters = 1, .kernel_size = 2, .depth_multiplier = n}); },
          {1}, {0});
  integer("groups", [](auto n) { GroupNormalization({.groups = n}); }, {1, -1}, {0, -2});
  integer("n", [](auto n) { RepeatVector({.n = n}); }, {1, billion}, {0, billion + 1});
  integer("block_size", [](auto n) { DepthToSpace({.block_size = n}); }, {1, million}, {0, million + 1});
  integer("size", [](auto n) { UpSampling1D({.size = n}); }, {1, million}, {0, million + 1});
  for (const bool first : {true, false}) {
    const auto pair = [first](std::int64_t n) {
      return first ? std::array{n, std::int64_t{1}} : std::array{std::int64_t{1}, n};
    };
    const auto both = [&](const char* option, const std::function<void(std::int64_t, std::int64_t)>& make,
                          std::int64_t least, std::int64_t most) {
      integer(option, [&](auto n) { make(pair(n)[0], pair(n)[1]); }, {least, most}, {least - 1, most + 1});
    };
    both(
        "size",
        [](auto a, auto b) {
          UpSampling2D({.size = {a, b}});
        },
        1, million);
    both(
        "Resizing", [](auto a, auto b) { Resizing({.height = a, .width = b}); }, 1, million);
    both(
        "CenterCrop", [](auto a, auto b) { CenterCrop({.height = a, .width = b}); }, 1, million);
    both(
        "RandomCrop", [](auto a, auto b) { RandomCrop({.height = a, .width = b}); }, 1, million);
    both(
        "cropping",
        [](auto a, auto b) {
          Cropping1D({.cropping = {a, b}});
        },
        0, billion);
    both(
        "padding",
        [](auto a, auto b) {
          ZeroPadding1D({.padding = {a, b}});
        },
        0, billion);
    both(
        "cropping",
        [](auto a, auto b) {
          Cropping2D({.cropping = {a, 0, b, 0}});
        },
        0, billion);
    both(
        "cropping",
        [](auto a, auto b) {
          Cropping2D({.cropping = {0, a, 0, b}});
        },
        0, billion);
    both(
        "padding",
        [](auto a, auto b) {
          ZeroPadding2D({.padding = {a, 0, b, 0}});
        },
        0, billion);
    both(
        "padding",
        [](auto a, auto b) {
          ZeroPadding2D({.padding = {0, a, 0, b}});
        },
        0, billion);
  }
}

TEST_CASE("floating options of layers are accepted up to their limits") {
  const auto share = [](const char* option, const std::function<void(double)>& make) {
    number(option, make, {0, below(1)}, {below_0, 1});
  };
  share("rate", [](double rate) { Dropout({.rate = rate}); });
  share("rate", [](double rate) { SpatialDropout1D({.rate = rate}); });
  share("rate", [](double rate) { SpatialDropout2D({.rate = rate}); });
  share("rate", [](double rate) { GaussianDropout({.rate = rate}); });
  share("rate", [](double rate) { AlphaDropout({.rate = rate}); });
  share("momentum", [](double momentum) { BatchNormalization({.momentum = momentum}); });
  share("momentum", [](double momentum) { BatchNormalization()->set_momentum(momentum); });
  const auto not_negative = [](const char* option, const std::function<void(double)>& make) {
    number(option, make, {0, std::numeric_limits<double>::max()}, {below_0, infinity});
  };
  not_negative("stddev", [](double stddev) { GaussianNoise({.stddev = stddev}); });
  not_negative("max_value", [](double value) { ReLU({.max_value = value}); });
  not_negative("negative_slope", [](double slope) { ReLU({.negative_slope = slope}); });
  not_negative("threshold", [](double threshold) { ReLU({.threshold = threshold}); });
  not_negative("negative_slope", [](double slope) { LeakyReLU({.negative_slope = slope}); });
  not_negative("alpha", [](double alpha) { ELU({.alpha = alpha}); });
  not_negative("epsilon", [](double epsilon) { LayerNormalization({.epsilon = epsilon}); });
  not_negative("epsilon", [](double epsilon) { GroupNormalization({.epsilon = epsilon}); });
  not_negative("epsilon", [](double epsilon) { RMSNormalization({.epsilon = epsilon}); });
  number("epsilon", [](double epsilon) { BatchNormalization({.epsilon = epsilon}); }, {above_0, 1e300}, {0, infinity});
  number("scale", [](double scale) { Rescaling({.scale = scale}); }, {-1e300, 0, 1e300}, {infinity, -infinity});
  number("offset", [](double offset) { Rescaling({.scale = 1, .offset = offset}); }, {-1e300, 1e300}, {infinity});
}

TEST_CASE("ranges of random factors are accepted up to their limits") {
  const auto range = [](const char* option, const std::function<void(FactorRange)>& make, double least, double most) {
    const double middle = (least + most) / 2;
    number(option, [&](double low) { make({low, middle}); }, {least, middle}, {below(least), above(middle), -infinity});
    number(option, [&](double high) { make({middle, high}); }, {middle, most}, {above(most), below(middle), infinity});
  };
  range(
      "height_factor", [](auto f) { RandomTranslation({.height_factor = f, .width_factor = 0.1}); }, -1, 1);
  range(
      "width_factor", [](auto f) { RandomTranslation({.height_factor = 0.1, .width_factor = f}); }, -1, 1);
  range(
      "factor", [](auto f) { RandomRotation({.factor = f}); }, -1e6, 1e6);
  range(
      "height_factor", [](auto f) { RandomZoom({.height_factor = f}); }, -1 + 1e-9, 1e6);
  range(
      "width_factor", [](auto f) { RandomZoom({.height_factor = 0.1, .width_factor = f}); }, -1 + 1e-9, 1e6);
  range(
      "factor", [](auto f) { RandomContrast({.factor = f}); }, -1, 1e6);
  range(
      "factor", [](auto f) { RandomBrightness({.factor = f}); }, -1, 1);
  const auto values = [](const char* option, const std::function<void(double, double)>& make) {
    number(option, [&](double low) { make(low, 1); }, {-1e300, below(1)}, {1, 2, -infinity});
    number(option, [&](double high) { make(1, high); }, {above(1), 1e300}, {1, 0, infinity});
  };
  values("RandomContrast",
         [](double low, double high) { RandomContrast({.factor = 0.1, .value_low = low, .value_high = high}); });
  values("RandomBrightness",
         [](double low, double high) { RandomBrightness({.factor = 0.1, .value_low = low, .value_high = high}); });
}

TEST_CASE("numbers of constraints and initializers are accepted up to their limits") {
  number("max_norm", [](double value) { max_norm(value); }, {0, 1e300}, {below_0, infinity});
  number("min_value", [](double value) { min_max_norm({.min_value = value, .max_value = 2}); }, {0, 2},
         {below_0, above(2)});
  number("max_value", [](double value) { min_max_norm({.min_value = 0, .max_value = value}); }, {0, 1e300},
         {below_0, infinity});
  number("rate", [](double rate) { min_max_norm({.rate = rate}); }, {above_0, 1}, {0, above(1)});
  number("scale", [](double scale) { variance_scaling({.scale = scale}); }, {above_0, 1e300}, {0, infinity});
  number("low", [](double low) { random_uniform(low, 1); }, {-1e300, 1}, {above(1), -infinity});
  number("high", [](double high) { random_uniform(1, high); }, {1, 1e300}, {below(1), infinity});
  number("stddev", [](double stddev) { random_normal(0, stddev); }, {0, 1e300}, {below_0, infinity});
  number("mean", [](double mean) { truncated_normal(mean, 1); }, {-1e300, 1e300}, {infinity});
  number("gain", [](double gain) { orthogonal(gain); }, {-1e300, 0, 1e300}, {infinity});
  number("gain", [](double gain) { identity(gain); }, {-1e300, 0, 1e300}, {-infinity});
}
