// Initializers: functions that draw the initial values of parameters. Names and definitions are those of Keras.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "framework/tensor/random.hpp"
#include "framework/tensor/tensor.hpp"
#include "layers/graph/layer_config.hpp"

namespace xtape {

/// Makes the initial value (float32) of a parameter from its shape and a random stream.
struct Initializer {
  std::string name;  ///< the name in files, such as "glorot_uniform"
  /// Draws a value of the given shape.
  std::function<Tensor(const Shape& shape, RandomStream& random)> make;
  /// The number of the random stream below the seed of the model; chosen for each parameter by default. Two parameters
  /// for which the same stream is given draw the same numbers. Default streams are never equal to it.
  std::optional<std::uint64_t> stream = std::nullopt;
  LayerConfig arguments = {};  ///< the numbers of a built-in initializer, such as the value of constant()

  /// Returns a copy that draws from the stream `wanted`.
  Initializer with_stream(std::uint64_t wanted) const { return {name, make, wanted, arguments}; }
};

/// Internal: the random streams that the initial values of a model's parameters come from. It ensures that no two
/// parameters share a stream.
class InitialStreams {
 public:
  /// Claims the stream for `owner`. Returns whether `owner` has it now: no other owner had it before.
  bool claim(std::uint64_t seed, std::uint64_t stream, const void* owner) {
    return owners_.emplace(std::pair(seed, stream), owner).first->second == owner;
  }

  /// Gives the stream to `owner`, also if another owner had it, because the value of `owner` cannot be drawn again.
  void keep(std::uint64_t seed, std::uint64_t stream, const void* owner) { owners_[std::pair(seed, stream)] = owner; }

 private:
  std::map<std::pair<std::uint64_t, std::uint64_t>, const void*> owners_;
};

/// `{"name": "constant", "value": 0.5, "stream": 7}`; "stream" is left out if it is not set.
ConfigValue to_config(const Initializer& initializer);
/// Reads one of the initializers below. Another name stands for a custom initializer: the values of its parameters come
/// from the file, and drawing new values is an Error.
void from_config(const ConfigValue& given, Initializer& initializer);

/// Number of inputs and outputs of one unit, see fans().
struct Fans {
  double in;   ///< number of inputs
  double out;  ///< number of outputs
};
/// The fans of a parameter of the given shape: kh * kw * in and kh * kw * out for a kernel (kh, kw, in, out), in and
/// out for a matrix (in, out), the extent twice for a vector, 1 and 1 for a scalar.
Fans fans(const Shape& shape);

/// Uniform in [-l, l], l = sqrt(6 / (in + out)) with the fans of the shape (Glorot and Bengio, AISTATS 2010).
Initializer glorot_uniform();
/// Normal with mean 0 and standard deviation sqrt(2 / (in + out)), truncated at two standard deviations as in Keras.
Initializer glorot_normal();
/// Uniform in [-l, l], l = sqrt(6 / in) (He et al., ICCV 2015).
Initializer he_uniform();
/// Normal with mean 0 and standard deviation sqrt(2 / in), truncated at two standard deviations as in Keras.
Initializer he_normal();
/// Uniform in [-l, l], l = sqrt(3 / in) (LeCun et al., Efficient BackProp, 1998).
Initializer lecun_uniform();
/// Normal with mean 0 and standard deviation sqrt(1 / in), truncated at two standard deviations as in Keras.
Initializer lecun_normal();

/// Which number of connections variance_scaling() divides by: inputs, outputs, or their mean.
enum class FanMode { fan_in, fan_out, fan_avg };
/// The distribution that an initializer draws from. A truncated one has no values beyond two standard deviations.
enum class Distribution { truncated_normal, untruncated_normal, uniform };
/// Options of variance_scaling().
struct VarianceScalingOptions {
  double scale = 1;                                            ///< factor of the variance, above 0
  FanMode mode = FanMode::fan_in;                              ///< what the variance is divided by
  Distribution distribution = Distribution::truncated_normal;  ///< the distribution
};
/// Mean 0 and variance scale / n with n connections of the shape (see fans()). The initializers above are this one with
/// other options. Error unless scale is above 0 and in the range of float32.
Initializer variance_scaling(const VarianceScalingOptions& options = {});

/// Uniform in [low, high). Error unless low <= high, and both and their difference are in the range of float32.
Initializer random_uniform(double low = -0.05, double high = 0.05);
/// Normal with this mean and standard deviation. Error unless the deviation is at least 0, and the numbers are in the
/// range of float32.
Initializer random_normal(double mean = 0, double deviation = 0.05);
/// Normal values of this mean and standard deviation; those beyond two deviations from the mean are drawn again, which
/// makes the deviation of the result 0.88 times the given one, as in Keras. Error as for random_normal().
Initializer truncated_normal(double mean = 0, double deviation = 0.05);

/// gain times a random matrix with orthonormal rows or columns, whichever are fewer: uniformly distributed, from the QR
/// decomposition of normal values with a positive diagonal of R. A parameter of more than two axes is taken as a matrix
/// (all other axes, last axis). Error unless gain is in the range of float32, and for parameters with less than two
/// axes. (Saxe, McClelland and Ganguli: Exact solutions to the nonlinear dynamics of learning, ICLR 2014.)
Initializer orthogonal(double gain = 1);
/// gain on the diagonal of a matrix and 0 elsewhere. Error unless gain is in the range of float32, and for parameters
/// that are no matrices.
Initializer identity(double gain = 1);

/// All values 0.
Initializer zeros();
/// All values 1.
Initializer ones();
/// All values `value`. Error for a finite number that is out of the range of float32.
Initializer constant(double value);

}  // namespace xtape
