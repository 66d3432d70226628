// Every number that limits an option of a layer, initializer, regularizer or constraint, from both sides: the limit is
// accepted, the next number beyond it is rejected.
#include <cmath>
#include <functional>
#include <limits>

#include "layers/layers.hpp"
#include "tests/support/limits.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

constexpr std::int64_t million = std::int64_t{1} << 20, billion = std::int64_t{1} << 30;

double above(double x) { return std::nextafter(x, infinite); }
double below(double x) { return std::nextafter(x, -infinite); }

}  // namespace

TEST_CASE("integer options of layers are accepted up to their limits") {
  integer_limits("Dense: expected units >= 1, got ", [](auto n) { Dense({.units = n}); }, {1}, {0});
  integer_limits("Embedding: expected input_dim >= 1, got ",
                 [](auto n) { Embedding({.input_dim = n, .output_dim = 2}); }, {1}, {0});
  integer_limits("Embedding: expected output_dim >= 1, got ",
                 [](auto n) { Embedding({.input_dim = 2, .output_dim = n}); }, {1}, {0});
  integer_limits("Conv2D: expected filters >= 1, got ", [](auto n) { Conv2D({.filters = n}); }, {1}, {0});
  integer_limits("Conv2D: expected a number of groups that divides the 6 filters, got ",
                 [](auto n) { Conv2D({.filters = 6, .groups = n}); }, {1, 2, 6}, {0, 4, 12});
  integer_limits("Conv2DTranspose: expected filters >= 1, got ",
                 [](auto n) { Conv2DTranspose({.filters = n, .kernel_size = 2}); }, {1}, {0});
  integer_limits("SeparableConv2D: expected filters >= 1, got ",
                 [](auto n) { SeparableConv2D({.filters = n, .kernel_size = 2}); }, {1}, {0});
  integer_limits("DepthwiseConv2D: expected depth_multiplier >= 1, got ",
                 [](auto n) { DepthwiseConv2D({.kernel_size = 2, .depth_multiplier = n}); }, {1}, {0});
  integer_limits("SeparableConv2D: expected depth_multiplier >= 1, got ",
                 [](auto n) { SeparableConv2D({.filters = 1, .kernel_size = 2, .depth_multiplier = n}); }, {1}, {0});
  integer_limits("GroupNormalization: expected groups of at least 1, or -1, got ",
                 [](auto n) { GroupNormalization({.groups = n}); }, {1, -1}, {0, -2});
  integer_limits("RepeatVector: expected n of 1 to 2^30, got ", [](auto n) { RepeatVector({.n = n}); }, {1, billion},
                 {0, billion + 1});
  integer_limits("DepthToSpace: expected a block_size of 1 to 1048576, got ",
                 [](auto n) { DepthToSpace({.block_size = n}); }, {1, million}, {0, million + 1});
  integer_limits("UpSampling1D: expected a size of 1 to 1048576, got ", [](auto n) { UpSampling1D({.size = n}); },
                 {1, million}, {0, million + 1});
  for (const bool first : {true, false}) {
    const auto pair = [first](std::int64_t n) {
      return first ? std::array{n, std::int64_t{1}} : std::array{std::int64_t{1}, n};
    };
    // the Error contains both numbers, with `between` and `behind`
    const auto both = [&](const std::string& message, const std::string& between, const std::string& behind,
                          const std::function<void(std::int64_t, std::int64_t)>& make, std::int64_t least,
                          std::int64_t most) {
      integer_limits(
          first ? message : message + "1" + between, [&](auto n) { make(pair(n)[0], pair(n)[1]); }, {least, most},
          {least - 1, most + 1}, first ? between + "1" + behind : behind);
    };
    both(
        "UpSampling2D: expected factors of 1 to 1048576, got ", " x ", "",
        [](auto a, auto b) {
          UpSampling2D({.size = {a, b}});
        },
        1, million);
    both(
        "Resizing: expected a size of 1 to 1048576 pixels, got ", " x ", "",
        [](auto a, auto b) { Resizing({.height = a, .width = b}); }, 1, million);
    both(
        "CenterCrop: expected a size of 1 to 1048576 pixels, got ", " x ", "",
        [](auto a, auto b) { CenterCrop({.height = a, .width = b}); }, 1, million);
    both(
        "RandomCrop: expected a size of 1 to 1048576 pixels, got ", " x ", "",
        [](auto a, auto b) { RandomCrop({.height = a, .width = b}); }, 1, million);
    both(
        "Cropping1D: expected a cropping of 0 to 2^30 elements at each border, got (", ", ", ")",
        [](auto a, auto b) {
          Cropping1D({.cropping = {a, b}});
        },
        0, billion);
    both(
        "ZeroPadding1D: expected a padding of 0 to 2^30 elements at each border, got (", ", ", ")",
        [](auto a, auto b) {
          ZeroPadding1D({.padding = {a, b}});
        },
        0, billion);
    both(
        "Cropping2D: expected a cropping of 0 to 2^30 elements at each border, got (", ", 0, ", ", 0)",
        [](auto a, auto b) {
          Cropping2D({.cropping = {a, 0, b, 0}});
        },
        0, billion);
    both(
        "Cropping2D: expected a cropping of 0 to 2^30 elements at each border, got (0, ", ", 0, ", ")",
        [](auto a, auto b) {
          Cropping2D({.cropping = {0, a, 0, b}});
        },
        0, billion);
    both(
        "ZeroPadding2D: expected a padding of 0 to 2^30 elements at each border, got (", ", 0, ", ", 0)",
        [](auto a, auto b) {
          ZeroPadding2D({.padding = {a, 0, b, 0}});
        },
        0, billion);
    both(
        "ZeroPadding2D: expected a padding of 0 to 2^30 elements at each border, got (0, ", ", 0, ", ")",
        [](auto a, auto b) {
          ZeroPadding2D({.padding = {0, a, 0, b}});
        },
        0, billion);
  }
}

TEST_CASE("floating options of layers are accepted up to their limits") {
  const auto share = [](const std::string& option, const std::function<void(double)>& make) {
    number_limits(option + " in [0, 1), got ", make, {0, below(1)}, {below_zero, 1});
  };
  share("Dropout: expected a rate", [](double rate) { Dropout({.rate = rate}); });
  share("SpatialDropout1D: expected a rate", [](double rate) { SpatialDropout1D({.rate = rate}); });
  share("SpatialDropout2D: expected a rate", [](double rate) { SpatialDropout2D({.rate = rate}); });
  share("GaussianDropout: expected a rate", [](double rate) { GaussianDropout({.rate = rate}); });
  share("AlphaDropout: expected a rate", [](double rate) { AlphaDropout({.rate = rate}); });
  share("BatchNormalization: expected a momentum", [](double momentum) { BatchNormalization({.momentum = momentum}); });
  share("BatchNormalization: expected a momentum",
        [](double momentum) { BatchNormalization()->set_momentum(momentum); });
  const auto not_negative = [](const char* layer, const char* option, const std::function<void(double)>& make) {
    number_limits(fmt::format("{}: expected a finite {} of at least 0, got ", layer, option), make,
                  {0, greatest_finite}, {below_zero, infinite});
  };
  not_negative("GaussianNoise", "stddev", [](double stddev) { GaussianNoise({.stddev = stddev}); });
  not_negative("ReLU", "max_value", [](double value) { ReLU({.max_value = value}); });
  not_negative("ReLU", "negative_slope", [](double slope) { ReLU({.negative_slope = slope}); });
  not_negative("ReLU", "threshold", [](double threshold) { ReLU({.threshold = threshold}); });
  not_negative("LeakyReLU", "negative_slope", [](double slope) { LeakyReLU({.negative_slope = slope}); });
  not_negative("ELU", "alpha", [](double alpha) { ELU({.alpha = alpha}); });
  not_negative("LayerNormalization", "epsilon", [](double epsilon) { LayerNormalization({.epsilon = epsilon}); });
  not_negative("GroupNormalization", "epsilon", [](double epsilon) { GroupNormalization({.epsilon = epsilon}); });
  not_negative("RMSNormalization", "epsilon", [](double epsilon) { RMSNormalization({.epsilon = epsilon}); });
  number_limits("BatchNormalization: expected a finite epsilon above 0, got ",
                [](double epsilon) { BatchNormalization({.epsilon = epsilon}); }, {above_zero, 1e300}, {0, infinite});
  number_limits(
      "Rescaling: expected finite numbers, got ", [](double scale) { Rescaling({.scale = scale}); }, {-1e300, 0, 1e300},
      {infinite, -infinite}, " and 0");
  number_limits("Rescaling: expected finite numbers, got 1 and ",
                [](double offset) { Rescaling({.scale = 1, .offset = offset}); }, {-1e300, 1e300}, {infinite});
}

TEST_CASE("ranges of random factors are accepted up to their limits") {
  const auto range = [](const std::string& option, const std::function<void(FactorRange)>& make, double least,
                        double most) {
    const double middle = (least + most) / 2;
    const std::string message =
        fmt::format("{} from a smaller to a larger number in [{}, {}], got ", option, least, most);
    number_limits(
        message,
        [&](double low) {
          make({low, middle});
        },
        {least, middle}, {below(least), above(middle), -infinite}, fmt::format(" and {}", middle));
    number_limits(fmt::format("{}{} and ", message, middle),
                  [&](double high) {
                    make({middle, high});
                  },
                  {middle, most}, {above(most), below(middle), infinite});
  };
  range(
      "RandomTranslation: expected a height_factor",
      [](auto f) { RandomTranslation({.height_factor = f, .width_factor = 0.1}); }, -1, 1);
  range(
      "RandomTranslation: expected a width_factor",
      [](auto f) { RandomTranslation({.height_factor = 0.1, .width_factor = f}); }, -1, 1);
  range(
      "RandomRotation: expected a factor", [](auto f) { RandomRotation({.factor = f}); }, -1e6, 1e6);
  range(
      "RandomZoom: expected a height_factor", [](auto f) { RandomZoom({.height_factor = f}); }, -1 + 1e-9, 1e6);
  range(
      "RandomZoom: expected a width_factor", [](auto f) { RandomZoom({.height_factor = 0.1, .width_factor = f}); },
      -1 + 1e-9, 1e6);
  range(
      "RandomContrast: expected a factor", [](auto f) { RandomContrast({.factor = f}); }, -1, 1e6);
  range(
      "RandomBrightness: expected a factor", [](auto f) { RandomBrightness({.factor = f}); }, -1, 1);
  const auto values = [](const std::string& layer, const std::function<void(double, double)>& make) {
    const std::string message = layer + ": expected finite value_low < value_high, got ";
    number_limits(
        message, [&](double low) { make(low, 1); }, {-1e300, below(1)}, {1, 2, -infinite}, " and 1");
    number_limits(message + "1 and ", [&](double high) { make(1, high); }, {above(1), 1e300}, {1, 0, infinite});
  };
  values("RandomContrast",
         [](double low, double high) { RandomContrast({.factor = 0.1, .value_low = low, .value_high = high}); });
  values("RandomBrightness",
         [](double low, double high) { RandomBrightness({.factor = 0.1, .value_low = low, .value_high = high}); });
}

TEST_CASE("numbers of constraints and initializers are accepted up to their limits") {
  number_limits("max_norm: expected a finite max_value of at least 0, got ", [](double value) { max_norm(value); },
                {0, 1e300}, {below_zero, infinite});
  number_limits(
      "min_max_norm: expected 0 <= min_value <= max_value, both finite, got ",
      [](double value) { min_max_norm({.min_value = value, .max_value = 2}); }, {0, 2}, {below_zero, above(2)},
      " and 2");
  number_limits("min_max_norm: expected 0 <= min_value <= max_value, both finite, got 0 and ",
                [](double value) { min_max_norm({.min_value = 0, .max_value = value}); }, {0, 1e300},
                {below_zero, infinite});
  number_limits("min_max_norm: expected a rate in (0, 1], got ", [](double rate) { min_max_norm({.rate = rate}); },
                {above_zero, 1}, {0, above(1)});
  constexpr double largest = std::numeric_limits<float>::max();  // parameters are made as float32
  number_limits("variance_scaling: expected a scale above 0 in the range of float32, got ",
                [](double scale) { variance_scaling({.scale = scale}); }, {above_zero, largest},
                {0, above(largest), infinite});
  number_limits(
      "random_uniform: expected finite numbers low <= high, got ", [](double low) { random_uniform(low, 1); },
      {-largest / 2, 1}, {above(1), -infinite}, " and 1");
  number_limits("random_uniform: expected finite numbers low <= high, got 1 and ",
                [](double high) { random_uniform(1, high); }, {1, largest}, {below(1), infinite});
  check_limits<double>(
      "random_uniform: expected numbers and a difference in the range of float32, got ",
      [](double low) { random_uniform(low, largest / 2); }, {-largest / 2}, {-0.6 * largest},
      fmt::format(" and {}", largest / 2));
  number_limits("random_normal: expected a finite mean and a finite deviation of at least 0, got 0 and ",
                [](double stddev) { random_normal(0, stddev); }, {0, largest / 6}, {below_zero, infinite});
  check_limits<double>("random_normal: expected numbers in the range of float32, got the mean 0 and the deviation ",
                       [](double stddev) { random_normal(0, stddev); }, {largest / 6}, {largest / 5});
  number_limits(
      "truncated_normal: expected a finite mean and a finite deviation of at least 0, got ",
      [](double mean) { truncated_normal(mean, 1); }, {-3e38, 3e38}, {infinite}, " and 1");
  check_limits<double>(
      "truncated_normal: expected numbers in the range of float32, got the mean ",
      [](double mean) { truncated_normal(mean, 0); }, {-largest, largest}, {above(largest)}, " and the deviation 0");
  number_limits("orthogonal: expected a gain in the range of float32, got ", [](double gain) { orthogonal(gain); },
                {-largest, 0, largest}, {above(largest), infinite});
  check_limits<double>("constant: expected a number in the range of float32, got ",
                       [](double value) { constant(value); }, {-largest, 0, largest, infinite}, {above(largest)});
  using MakeRegularizer = std::function<void(double)>;
  for (const auto& [name, make] : {std::pair<std::string, MakeRegularizer>{"l1", [](double f) { l1(f); }},
                                   {"l2", [](double f) { l2(f); }},
                                   {"l1_l2", [](double f) { l1_l2(f, 1); }},
                                   {"l1_l2", [](double f) { l1_l2(1, f); }},
                                   {"orthogonal_regularizer", [](double f) { orthogonal_regularizer(f); }}}) {
    number_limits(name + ": expected a finite factor of at least 0, got ", make, {0, 1e300}, {below_zero, infinite});
  }
  number_limits("identity: expected a gain in the range of float32, got ", [](double gain) { identity(gain); },
                {-largest, 0, largest}, {below(-largest), -infinite});
  // the largest numbers are drawn without an infinity
  RandomStream random(1);
  for (const Initializer& initializer : {random_uniform(-largest / 2, largest / 2), random_normal(0, largest / 6)}) {
    CHECK(
        std::ranges::all_of(initializer.make({10000}, random).to_vector(), [](double v) { return std::isfinite(v); }));
  }
}
