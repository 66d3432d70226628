#include "layers/parameters/initializer.hpp"

#include <algorithm>
#include <cmath>

#include "tests/support/support.hpp"

using namespace xtape;

namespace {

double deviation(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

}  // namespace

TEST_CASE("fans are the numbers of inputs and outputs of a unit") {
  CHECK(fans({3, 5, 7, 11}).in == 105);
  CHECK(fans({3, 5, 7, 11}).out == 165);
  CHECK(fans({4, 6}).in == 4);
  CHECK(fans({4, 6}).out == 6);
}

TEST_CASE("initializers have the limits and deviations of their papers") {
  const Shape shape{3, 3, 32, 64};
  const double in = 288;
  const double out = 576;
  const auto draw = [&](const Initializer& initializer) {
    RandomStream random(3);
    return initializer.make(shape, random).to_vector();
  };
  const std::vector<std::pair<Initializer, double>> uniforms{{glorot_uniform(), std::sqrt(6 / (in + out))},
                                                             {he_uniform(), std::sqrt(6 / in)},
                                                             {lecun_uniform(), std::sqrt(3 / in)}};
  for (const auto& [initializer, limit] : uniforms) {
    const auto values = draw(initializer);
    INFO(initializer.name);
    CHECK(*std::ranges::max_element(values) <= limit);
    CHECK(*std::ranges::max_element(values) > 0.99 * limit);
    CHECK(*std::ranges::min_element(values) < -0.99 * limit);
    CHECK(deviation(values) == Approx(limit / std::sqrt(3.0)).epsilon(0.02));
  }
  const std::vector<std::pair<Initializer, double>> normals{{glorot_normal(), std::sqrt(2 / (in + out))},
                                                            {he_normal(), std::sqrt(2 / in)},
                                                            {lecun_normal(), std::sqrt(1 / in)}};
  for (const auto& [initializer, wanted] : normals) {
    const auto values = draw(initializer);
    INFO(initializer.name);
    CHECK(deviation(values) == Approx(wanted).epsilon(0.02));
    CHECK(*std::ranges::max_element(values) <= 2 * wanted / 0.879);  // truncated at two deviations
  }
  CHECK(draw(zeros())[5] == 0);
  CHECK(draw(ones())[5] == 1);
  CHECK(draw(constant(0.5))[5] == 0.5);
}
