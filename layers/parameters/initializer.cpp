#include "layers/parameters/initializer.hpp"

#include <cmath>

namespace xtape {
namespace {

Initializer uniform_within(std::string name, std::function<double(Fans)> limit) {
  return {std::move(name), [limit = std::move(limit)](const Shape& shape, RandomStream& random) {
            const double l = limit(fans(shape));
            return random.uniform(shape, -l, l);
          }};
}

/// Normal values. Values beyond two standard deviations are drawn again; then all are scaled to the given deviation.
Tensor truncated_normal(const Shape& shape, double deviation, RandomStream& random) {
  constexpr double deviation_of_truncated = 0.87962566103423978;  // of a standard normal truncated at +-2
  Tensor result = random.normal(shape);
  float* values = result.mutable_data<float>();
  for (std::int64_t i = 0; i < shape.size(); ++i) {
    while (std::abs(values[i]) > 2.0F) values[i] = *random.normal({1}).data<float>();
    values[i] *= static_cast<float>(deviation / deviation_of_truncated);
  }
  return result;
}

Initializer normal_with(std::string name, std::function<double(Fans)> deviation) {
  return {std::move(name), [deviation = std::move(deviation)](const Shape& shape, RandomStream& random) {
            return truncated_normal(shape, deviation(fans(shape)), random);
          }};
}

Initializer always(std::string name, double value) {
  return {std::move(name), [value](const Shape& shape, RandomStream&) { return Tensor::full(shape, value); }};
}

/// The number of a stream; all 64-bit numbers are valid.
struct StreamNumber {
  std::uint64_t number;
};
void from_config(const ConfigValue& given, StreamNumber& stream) {
  const auto* number = std::get_if<std::int64_t>(&given);
  check(number, "expected an integer, got {}", config_text(given));
  stream.number = static_cast<std::uint64_t>(*number);
}

/// The description of an initializer in a file.
struct Description {
  Required<std::string> name;
  std::optional<double> value = std::nullopt;
  std::optional<StreamNumber> stream = std::nullopt;
  static void fields(auto& description, auto field) {
    field("name", description.name);
    field("value", description.value);
    field("stream", description.stream);
  }
};

Initializer named(const Description& description) {
  const std::string& name = description.name;
  if (name == "constant") {
    check(description.value.has_value(), "value: expected the number of a constant, got none");
    return constant(*description.value);
  }
  for (const auto make :
       {glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal, zeros, ones}) {
    if (Initializer known = make(); known.name == name) return known;
  }
  return {name, [name](const Shape&, RandomStream&) -> Tensor {
            fail("initializer {}: expected one of xtape's, got one that only the program that saved the layer has",
                 name);
          }};
}

}  // namespace

Fans fans(const Shape& shape) {
  if (shape.rank() == 0) return {1, 1};
  if (shape.rank() == 1) return {static_cast<double>(shape[0]), static_cast<double>(shape[0])};
  const double window = static_cast<double>(shape.without(-1).without(-1).size());
  return {window * static_cast<double>(shape[-2]), window * static_cast<double>(shape[-1])};
}

Initializer glorot_uniform() {
  return uniform_within("glorot_uniform", [](Fans fan) { return std::sqrt(6 / (fan.in + fan.out)); });
}
Initializer glorot_normal() {
  return normal_with("glorot_normal", [](Fans fan) { return std::sqrt(2 / (fan.in + fan.out)); });
}
Initializer he_uniform() {
  return uniform_within("he_uniform", [](Fans fan) { return std::sqrt(6 / fan.in); });
}
Initializer he_normal() {
  return normal_with("he_normal", [](Fans fan) { return std::sqrt(2 / fan.in); });
}
Initializer lecun_uniform() {
  return uniform_within("lecun_uniform", [](Fans fan) { return std::sqrt(3 / fan.in); });
}
Initializer lecun_normal() {
  return normal_with("lecun_normal", [](Fans fan) { return std::sqrt(1 / fan.in); });
}
Initializer zeros() { return always("zeros", 0); }
Initializer ones() { return always("ones", 1); }
Initializer constant(double value) {
  Initializer initializer = always("constant", value);
  initializer.value = value;
  return initializer;
}

ConfigValue to_config(const Initializer& initializer) {
  LayerConfig config{{{"name", initializer.name}}};
  if (initializer.value) config.fields.push_back({"value", *initializer.value});
  if (initializer.stream) config.fields.push_back({"stream", static_cast<std::int64_t>(*initializer.stream)});
  return config;
}

void from_config(const ConfigValue& given, Initializer& initializer) {
  const auto* config = std::get_if<LayerConfig>(&given);
  check(config, "expected an initializer's name and numbers, got {}", config_text(given));
  const auto description = options_of<Description>(*config);
  initializer = named(description);
  if (description.stream) initializer.stream = description.stream->number;
}

}  // namespace xtape
