// Initial values of parameters, in Keras's words.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "framework/tensor/random.hpp"
#include "framework/tensor/tensor.hpp"
#include "layers/layer_config.hpp"

namespace xtape {

/// Makes a parameter's first value (float32) from its shape and a random stream.
struct Initializer {
  std::string name;
  std::function<Tensor(const Shape& shape, RandomStream& random)> make;
  /// Draw from this stream of the model's seed instead of the parameter's own. Two parameters with one such stream draw
  /// the same numbers; streams chosen by default avoid it.
  std::optional<std::uint64_t> stream = std::nullopt;
  /// The number it was made with: of constant().
  std::optional<double> value = std::nullopt;

  Initializer with_stream(std::uint64_t wanted) const { return {name, make, wanted, value}; }
};

/// Which random streams the initial values of a model's parameters come from, so that no two parameters share one.
class InitialStreams {
 public:
  /// Whether `owner` has the stream now: nobody had it before, or the owner itself.
  bool claim(std::uint64_t seed, std::uint64_t stream, const void* owner) {
    return owners_.emplace(std::pair(seed, stream), owner).first->second == owner;
  }

  /// Gives `owner` the stream, whoever had it: its value can't be drawn from another.
  void keep(std::uint64_t seed, std::uint64_t stream, const void* owner) { owners_[std::pair(seed, stream)] = owner; }

 private:
  std::map<std::pair<std::uint64_t, std::uint64_t>, const void*> owners_;
};

/// {"name": "constant", "value": 0.5, "stream": 7}, the last two if there are any.
ConfigValue to_config(const Initializer& initializer);
/// One of those below; a name that is none of them stands for one that a program made itself: its parameters come with
/// their values, and drawing anew is an Error.
void from_config(const ConfigValue& given, Initializer& initializer);

/// Inputs and outputs of one unit: kh*kw*channels for kernels (kh, kw, in, out), the extents for matrices (in, out),
/// the extent twice for vectors, 1 for scalars.
struct Fans {
  double in, out;
};
Fans fans(const Shape& shape);

/// Uniform in [-l, l], or normal with deviation s truncated at two deviations as Keras does.
/// Glorot and Bengio, AISTATS 2010: l = sqrt(6 / (in + out)), s = sqrt(2 / (in + out)).
Initializer glorot_uniform();
Initializer glorot_normal();
/// He et al., ICCV 2015: l = sqrt(6 / in), s = sqrt(2 / in).
Initializer he_uniform();
Initializer he_normal();
/// LeCun et al., Efficient BackProp, 1998: l = sqrt(3 / in), s = sqrt(1 / in).
Initializer lecun_uniform();
Initializer lecun_normal();
Initializer zeros();
Initializer ones();
Initializer constant(double value);

}  // namespace xtape
