#include "layers/parameters/initializer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace xtape {
namespace {

/// Normal values of mean 0. Those beyond two standard deviations are drawn again.
Tensor truncated(const Shape& shape, double mean, double deviation, RandomStream& random) {
  Tensor result = random.normal(shape);
  float* values = result.mutable_data<float>();
  for (std::int64_t i = 0; i < shape.size(); ++i) {
    while (std::abs(values[i]) > 2.0F) values[i] = *random.normal({1}).data<float>();
    values[i] = static_cast<float>(mean) + values[i] * static_cast<float>(deviation);
  }
  return result;
}

constexpr double deviation_of_truncated = 0.87962566103423978;  // of a unit normal truncated at +-2

/// Draws with mean 0 and this variance.
Tensor drawn(Distribution distribution, double variance, const Shape& shape, RandomStream& random) {
  if (distribution == Distribution::uniform) {
    const double limit = std::sqrt(3 * variance);
    return random.uniform(shape, -limit, limit);
  }
  const double deviation = std::sqrt(variance);
  if (distribution == Distribution::untruncated_normal) return random.normal(shape, 0, deviation);
  return truncated(shape, 0, deviation / deviation_of_truncated, random);
}

double connections(FanMode mode, const Shape& shape) {
  const Fans fan = fans(shape);
  const double n = mode == FanMode::fan_in ? fan.in : mode == FanMode::fan_out ? fan.out : (fan.in + fan.out) / 2;
  return std::max(1.0, n);
}

/// variance_scaling with a different name and without arguments.
Initializer scaled(std::string name, double scale, FanMode mode, Distribution distribution) {
  return {std::move(name), [=](const Shape& shape, RandomStream& random) {
            return drawn(distribution, scale / connections(mode, shape), shape, random);
          }};
}

Initializer always(std::string name, double value) {
  return {std::move(name), [value](const Shape& shape, RandomStream&) { return Tensor::full(shape, value); }};
}

/// Makes the `count` vectors of `length` numbers orthonormal, in their order: Gram and Schmidt's method, twice for each
/// vector, because one round leaves rounding errors that grow with the condition of the vectors.
void orthonormalize(std::vector<double>& vectors, std::int64_t count, std::int64_t length) {
  const auto product = [length](const double* a, const double* b) { return std::inner_product(a, a + length, b, 0.0); };
  for (std::int64_t i = 0; i < count; ++i) {
    double* const v = vectors.data() + i * length;
    for (int round = 0; round < 2; ++round) {
      for (std::int64_t j = 0; j < i; ++j) {
        const double* const u = vectors.data() + j * length;
        const double share = product(u, v);
        for (std::int64_t k = 0; k < length; ++k) v[k] -= share * u[k];
      }
    }
    const double norm = std::sqrt(product(v, v));
    for (std::int64_t k = 0; k < length; ++k) v[k] /= norm;
  }
}

Tensor orthogonal_matrix(const Shape& shape, double gain, RandomStream& random) {
  check(shape.rank() >= 2, "orthogonal: expected a parameter with at least two axes, got shape {}", shape);
  const std::int64_t columns = shape[-1], rows = shape.size() / columns;
  const std::int64_t count = std::min(rows, columns), length = std::max(rows, columns);
  std::vector<double> vectors = random.normal({count, length}, 0, 1, DType::float64).to_vector();
  orthonormalize(vectors, count, length);
  Tensor result = Tensor::empty(shape, DType::float32);
  auto* const out = result.mutable_data<float>();
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      const std::int64_t at = rows <= columns ? i * length + j : j * length + i;
      out[i * columns + j] = static_cast<float>(gain * vectors[static_cast<std::size_t>(at)]);
    }
  }
  return result;
}

// Arguments as files hold them.

struct ConstantArguments {
  Required<double> value;
  static void fields(auto& arguments, auto field) { field("value", arguments.value); }
};
struct GainArguments {
  double gain = 1;
  static void fields(auto& arguments, auto field) { field("gain", arguments.gain); }
};
struct NormalArguments {
  double mean = 0, deviation = 0.05;
  static void fields(auto& arguments, auto field) {
    field("mean", arguments.mean);
    field("deviation", arguments.deviation);
  }
};
struct UniformArguments {
  double low = -0.05, high = 0.05;
  static void fields(auto& arguments, auto field) {
    field("low", arguments.low);
    field("high", arguments.high);
  }
};
struct ScalingArguments {
  double scale = 1;
  std::string mode = "fan_in", distribution = "truncated_normal";
  static void fields(auto& arguments, auto field) {
    field("scale", arguments.scale);
    field("mode", arguments.mode);
    field("distribution", arguments.distribution);
  }
};

const std::vector<std::string> fan_modes{"fan_in", "fan_out", "fan_avg"};
const std::vector<std::string> distributions{"truncated_normal", "untruncated_normal", "uniform"};

/// The enumerator of type E whose name in `names` is `text`.
template <class E>
E enumerator(const char* what, const std::vector<std::string>& names, const std::string& text) {
  const auto found = std::ranges::find(names, text);
  check(found != names.end(), "{}: expected one of {}, got \"{:.60}\"", what, fmt::join(names, ", "), text);
  return static_cast<E>(found - names.begin());
}

Initializer scaling(const ScalingArguments& arguments) {
  return variance_scaling(
      {.scale = arguments.scale,
       .mode = enumerator<FanMode>("mode", fan_modes, arguments.mode),
       .distribution = enumerator<Distribution>("distribution", distributions, arguments.distribution)});
}

Initializer initializer_named(const std::string& name, const LayerConfig& arguments) {
  if (name == "constant") return constant(options_of<ConstantArguments>(arguments).value);
  if (name == "orthogonal") return orthogonal(options_of<GainArguments>(arguments).gain);
  if (name == "identity") return identity(options_of<GainArguments>(arguments).gain);
  if (name == "variance_scaling") return scaling(options_of<ScalingArguments>(arguments));
  if (name == "random_uniform") {
    const auto read = options_of<UniformArguments>(arguments);
    return random_uniform(read.low, read.high);
  }
  if (name == "random_normal" || name == "truncated_normal") {
    const auto read = options_of<NormalArguments>(arguments);
    return (name == "random_normal" ? random_normal : truncated_normal)(read.mean, read.deviation);
  }
  static_cast<void>(options_of<OnlyName>(arguments));  // the others have none
  for (const auto make :
       {glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal, zeros, ones}) {
    if (Initializer known = make(); known.name == name) return known;
  }
  return {name, [name](const Shape&, RandomStream&) -> Tensor {
            fail("initializer {}: expected one of xtape's, got one that only the program that saved the layer has",
                 name);
          }};
}

constexpr double largest = std::numeric_limits<float>::max();  // parameters are made as float32

void check_range(std::string_view expected, double number) {
  check(std::abs(number) <= largest, "{} in the range of float32, got {}", expected, number);
}

void check_normal(const char* function, double mean, double deviation) {
  check(std::isfinite(mean) && std::isfinite(deviation) && deviation >= 0,
        "{}: expected a finite mean and a finite deviation of at least 0, got {} and {}", function, mean, deviation);
  check(std::abs(mean) + 6 * deviation <= largest,  // no number is farther from the mean
        "{}: expected numbers in the range of float32, got the mean {} and the deviation {}", function, mean,
        deviation);
}

}  // namespace

Fans fans(const Shape& shape) {
  if (shape.rank() == 0) return {1, 1};
  if (shape.rank() == 1) return {static_cast<double>(shape[0]), static_cast<double>(shape[0])};
  const double window = static_cast<double>(shape.without(-1).without(-1).size());
  return {window * static_cast<double>(shape[-2]), window * static_cast<double>(shape[-1])};
}

Initializer glorot_uniform() { return scaled("glorot_uniform", 1, FanMode::fan_avg, Distribution::uniform); }
Initializer glorot_normal() { return scaled("glorot_normal", 1, FanMode::fan_avg, Distribution::truncated_normal); }
Initializer he_uniform() { return scaled("he_uniform", 2, FanMode::fan_in, Distribution::uniform); }
Initializer he_normal() { return scaled("he_normal", 2, FanMode::fan_in, Distribution::truncated_normal); }
Initializer lecun_uniform() { return scaled("lecun_uniform", 1, FanMode::fan_in, Distribution::uniform); }
Initializer lecun_normal() { return scaled("lecun_normal", 1, FanMode::fan_in, Distribution::truncated_normal); }

Initializer variance_scaling(const VarianceScalingOptions& options) {
  check(options.scale > 0 && options.scale <= largest,
        "variance_scaling: expected a scale above 0 in the range of float32, got {}", options.scale);
  Initializer initializer = scaled("variance_scaling", options.scale, options.mode, options.distribution);
  initializer.arguments = config_of(ScalingArguments{options.scale, fan_modes[static_cast<std::size_t>(options.mode)],
                                                     distributions[static_cast<std::size_t>(options.distribution)]});
  return initializer;
}

Initializer random_uniform(double low, double high) {
  check(std::isfinite(low) && std::isfinite(high) && low <= high,
        "random_uniform: expected finite numbers low <= high, got {} and {}", low, high);
  check(std::max({-low, high, high - low}) <= largest,
        "random_uniform: expected numbers and a difference in the range of float32, got {} and {}", low, high);
  const auto make = [=](const Shape& shape, RandomStream& random) { return random.uniform(shape, low, high); };
  return {"random_uniform", make, std::nullopt, config_of(UniformArguments{low, high})};
}

Initializer random_normal(double mean, double deviation) {
  check_normal("random_normal", mean, deviation);
  const auto make = [=](const Shape& shape, RandomStream& random) { return random.normal(shape, mean, deviation); };
  return {"random_normal", make, std::nullopt, config_of(NormalArguments{mean, deviation})};
}

Initializer truncated_normal(double mean, double deviation) {
  check_normal("truncated_normal", mean, deviation);
  const auto make = [=](const Shape& shape, RandomStream& random) { return truncated(shape, mean, deviation, random); };
  return {"truncated_normal", make, std::nullopt, config_of(NormalArguments{mean, deviation})};
}

Initializer orthogonal(double gain) {
  check_range("orthogonal: expected a gain", gain);
  const auto make = [=](const Shape& shape, RandomStream& random) { return orthogonal_matrix(shape, gain, random); };
  return {"orthogonal", make, std::nullopt, config_of(GainArguments{gain})};
}

Initializer identity(double gain) {
  check_range("identity: expected a gain", gain);
  const auto make = [=](const Shape& shape, RandomStream&) {
    check(shape.rank() == 2, "identity: expected a matrix, got a parameter of shape {}", shape);
    Tensor result = Tensor::zeros(shape);
    for (std::int64_t i = 0; i < std::min(shape[0], shape[1]); ++i) {
      result.mutable_data<float>()[i * shape[1] + i] = static_cast<float>(gain);
    }
    return result;
  };
  return {"identity", make, std::nullopt, config_of(GainArguments{gain})};
}

Initializer zeros() { return always("zeros", 0); }
Initializer ones() { return always("ones", 1); }
Initializer constant(double value) {
  if (std::isfinite(value)) check_range("constant: expected a number", value);
  Initializer initializer = always("constant", value);
  initializer.arguments = config_of(ConstantArguments{value});
  return initializer;
}

ConfigValue to_config(const Initializer& initializer) {
  LayerConfig config{{{"name", initializer.name}}};
  config.fields.insert(config.fields.end(), initializer.arguments.fields.begin(), initializer.arguments.fields.end());
  if (initializer.stream) config.fields.push_back({"stream", static_cast<std::int64_t>(*initializer.stream)});
  return config;
}

void from_config(const ConfigValue& given, Initializer& initializer) {
  const auto* config = std::get_if<LayerConfig>(&given);
  check(config, "expected an initializer's name and numbers, got {}", config_text(given));
  auto [name, arguments] = name_and_arguments(*config);
  std::optional<std::uint64_t> stream;
  if (const ConfigValue* value = find_field(arguments, "stream")) {
    const auto* number = std::get_if<std::int64_t>(value);  // all 64-bit numbers are streams
    check(number, "stream: expected an integer, got {}", config_text(*value));
    stream = static_cast<std::uint64_t>(*number);
    const auto is_stream = [](const ConfigField& field) { return field.name == "stream"; };
    check(std::erase_if(arguments.fields, is_stream) == 1, "stream: expected one value, got several");
  }
  initializer = initializer_named(name, arguments);
  initializer.stream = stream;
}

}  // namespace xtape
