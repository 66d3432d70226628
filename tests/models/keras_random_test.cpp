// Models of random layers with random options that Keras writes.
#include "framework/io/npy.hpp"
#include "models/files/keras/keras_model.hpp"
#include "tests/io/python.hpp"
#include "tests/support/outputs.hpp"

namespace xtape {

// tools/witnesses numpy tensorflow-cpu keras
TEST_CASE("models of random layers give the outputs of Keras", "[.witness]") {
  const std::string script = (test::source_root() / "tests/models/random_keras_models.py").string();
  const std::string python = test::python_with("keras");
  constexpr int models = 100;
  for (const int seed : {1, 2, 3}) {
    const test::TemporaryFolder folder;
    test::output_of(fmt::format("{} '{}' '{}' {} {} 2>&1", python, script, folder.path().string(), models, seed));
    for (int i = 0; i < models; ++i) {
      INFO(seed << " " << i);
      const Model model = load_keras_model(folder / fmt::format("{}.keras", i));
      const Tensor x = load_npy(folder / fmt::format("{}.x.npy", i)), y = load_npy(folder / fmt::format("{}.y.npy", i));
      const Tensor got = test::output_of(model, x);
      CHECK(got.dtype() == DType::float64);
      REQUIRE(got.shape() == y.shape());
      double largest = 1;
      for (const double value : y.to_vector()) largest = std::max(largest, std::abs(value));
      CHECK(test::largest_difference(got, y) < 1e-6 * largest);  // Keras resizes images in float32
    }
  }
}

}  // namespace xtape
