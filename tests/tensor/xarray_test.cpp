#include "framework/tensor/xarray.hpp"

#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

TEST_CASE("any xtensor expression converts to a tensor and back to an xarray") {
  const xt::xarray<double> a{{1, 2, 3}, {4, 5, 6}};
  const Tensor t = from_xtensor(2.0 * a + 1.0);
  CHECK(t.shape() == Shape{2, 3});
  CHECK(t.dtype() == DType::float64);
  CHECK((to_xarray<double>(t) == 2.0 * a + 1.0));
  CHECK(from_xtensor(a, DType::float32).dtype() == DType::float32);
  const xt::xarray<std::int64_t> labels{3, 1, 2};
  CHECK(from_xtensor(labels).dtype() == DType::int64);
  CHECK(from_xtensor(xt::transpose(a)).to_vector() == std::vector<double>{1, 4, 2, 5, 3, 6});
}

TEST_CASE("views read and write the tensor's own elements") {
  Tensor t = Tensor::zeros({2, 2}, DType::float64);
  const Tensor copy = t;
  mutable_xview<double>(t)(1, 0) = 5;
  CHECK(xview<double>(t)(1, 0) == 5);
  CHECK(copy.at({1, 0}) == 0);
  CHECK(error_of([&] { xview<float>(t); }) ==
        "Tensor: expected elements of float32, got float64 of shape (2, 2); convert with .to()");
}

TEST_CASE("apply evaluates an expression in the tensors' own type") {
  const Tensor x = Tensor::of({3}, {0, 1, 4});
  const Tensor y = apply([](const auto& v) { return xt::sqrt(v) * 2.0; }, x);
  CHECK(y.dtype() == DType::float32);
  CHECK(y.to_vector() == std::vector<double>{0, 2, 4});
  CHECK(error_of([&] { apply([](const auto& v, const auto& w) { return v + w; }, x, x.to(DType::float64)); }) ==
        "apply: expected tensors of one type, got float32, float64");
}
