#include "framework/ops/normalization.hpp"

#include <cmath>

#include "framework/autograd/forward_pass.hpp"
#include "framework/kernels/parallel.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

TEST_CASE("batch normalization gives each channel the mean beta and the deviation gamma") {
  RandomStream random(1);
  for (const Shape& shape : {Shape{7, 3}, Shape{4, 5, 6, 3}, Shape{900, 3}}) {
    const Tensor x = random.normal(shape, 1000, 5, DType::float64);
    const Tensor gamma = Tensor::of({3}, {1, 2, -3}, DType::float64);
    const Tensor beta = Tensor::of({3}, {0, 10, 20}, DType::float64);
    const auto [y, mean, variance] = batch_norm(x, gamma, beta, 1e-12);
    const std::int64_t rows = x.size() / 3;
    for (std::int64_t c = 0; c < 3; ++c) {
      double m = 0;
      double v = 0;
      double ym = 0;
      double yv = 0;
      for (std::int64_t i = 0; i < rows; ++i) m += x.data<double>()[i * 3 + c] / static_cast<double>(rows);
      for (std::int64_t i = 0; i < rows; ++i) ym += y.value().data<double>()[i * 3 + c] / static_cast<double>(rows);
      for (std::int64_t i = 0; i < rows; ++i) {
        v += std::pow(x.data<double>()[i * 3 + c] - m, 2) / static_cast<double>(rows);
        yv += std::pow(y.value().data<double>()[i * 3 + c] - ym, 2) / static_cast<double>(rows);
      }
      CHECK(mean.at({c}) == Approx(m).epsilon(1e-12));
      CHECK(variance.at({c}) == Approx(v).epsilon(1e-9));
      CHECK(ym == Approx(beta.at({c})).margin(1e-9));
      CHECK(std::sqrt(yv) == Approx(std::abs(gamma.at({c}))).epsilon(1e-9));
    }
  }
}

TEST_CASE("float32 statistics keep their digits far from zero") {
  RandomStream random(2);
  const Tensor x = random.normal({5000, 2}, 1000, 0.5);
  const auto result = batch_norm(x, Tensor::ones({2}), Tensor::zeros({2}), 1e-6);
  CHECK(result.mean.at({0}) == Approx(1000).epsilon(1e-4));
  CHECK(result.variance.at({1}) == Approx(0.25).epsilon(0.05));
}

TEST_CASE("statistics and derivatives are the same bits for any number of threads") {
  RandomStream random(3);
  const Tensor x = random.normal({64, 10, 10, 24});
  const Tensor dy = random.normal({64, 10, 10, 24});
  std::vector<Tensor> gradients;
  const int before = kernels::num_threads();
  for (const int threads : {1, 2, 4}) {
    kernels::set_num_threads(threads);
    ForwardPass pass(Mode::training);
    const Variable v = pass.watch(x);
    pass.backward(batch_norm(v, Tensor::ones({24}), Tensor::zeros({24}), 1e-3).y, dy);
    gradients.push_back(pass.gradient(v));
  }
  kernels::set_num_threads(before);
  CHECK(identical(gradients[0], gradients[1]));
  CHECK(identical(gradients[0], gradients[2]));
}

TEST_CASE("batch normalization refuses what does not fit") {
  const Tensor x = Tensor::ones({4, 3});
  const Tensor c3 = Tensor::ones({3});
  CHECK_THAT(error_of([&] { batch_norm(x, Tensor::ones({2}), c3, 1e-3); }),
             Catch::Contains("(3,) for x (4, 3), got (2,)"));
  CHECK_THAT(error_of([&] { batch_norm(Tensor::ones({3}), c3, c3, 1e-3); }), Catch::Contains("(..., channels)"));
  CHECK_THAT(error_of([&] {
               batch_norm(Tensor::ones({0, 3}), c3, c3, 1e-3);
             }),
             Catch::Contains("at least one element"));
  CHECK_THAT(error_of([&] { batch_norm(x, c3, c3, 0); }), Catch::Contains("epsilon above 0"));
  CHECK_THAT(error_of([&] { batch_norm(x.to(DType::float64), c3, c3, 1e-3); }), Catch::Contains("one type"));
  CHECK_THAT(error_of([&] { batch_norm_inference(x, c3, c3, Tensor::ones({2}), c3, 1e-3); }),
             Catch::Contains("(2,) and (3,)"));
}
