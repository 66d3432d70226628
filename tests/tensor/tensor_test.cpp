#include "framework/tensor/tensor.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <sstream>

#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

TEST_CASE("a copy shares its storage until one of the two is written") {
  Tensor a = Tensor::of({2}, {1, 2});
  Tensor b = a;
  CHECK(b.shares_storage_with(a));
  b.mutable_data<float>()[0] = 9;
  CHECK_FALSE(b.shares_storage_with(a));
  CHECK(a.to_vector() == std::vector<double>{1, 2});
  CHECK(b.to_vector() == std::vector<double>{9, 2});
  const float* before = b.data<float>();
  b.mutable_data<float>()[1] = 8;  // not shared any more: written in place
  CHECK(b.data<float>() == before);
}

TEST_CASE("storage is 64-byte aligned for every type and size") {
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::uint8}) {
    for (const std::int64_t n : {0, 1, 3, 1000, 1 << 20}) {
      const Tensor t = Tensor::empty({n}, dtype);
      with_type(dtype, [&](auto zero) { CHECK(reinterpret_cast<std::uintptr_t>(t.data<decltype(zero)>()) % 64 == 0); });
    }
  }
}

TEST_CASE("elements are reached by index, and as a whole") {
  const Tensor t = Tensor::of({2, 3}, {1, 2, 3, 4, 5, 6}, DType::float64);
  CHECK(t.at({1, 0}) == 4);
  CHECK(Tensor::scalar(7).item() == 7);
  CHECK(t.rows(1, 2).to_vector() == std::vector<double>{4, 5, 6});
  CHECK(t.reshaped({3, -1}).shape() == Shape{3, 2});
  CHECK(t.reshaped({3, -1}).shares_storage_with(t));
  CHECK(t.to(DType::int64).dtype() == DType::int64);
  CHECK(Tensor::labels({3, 1}).to_vector() == std::vector<double>{3, 1});
}

TEST_CASE("wrong accesses to a tensor are rejected with both types or shapes") {
  const Tensor t = Tensor::zeros({2, 3});
  CHECK(error_of([&] { t.data<double>(); }) ==
        "Tensor: expected elements of float64, got float32 of shape (2, 3); convert with .to()");
  CHECK(error_of([&] { Tensor(t).mutable_data<double>(); }) ==
        "Tensor: expected elements of float64, got float32 of shape (2, 3); convert with .to()");
  CHECK(error_of([&] { Tensor().data<float>(); }) ==
        "Tensor: expected an array, got an undefined tensor (was it moved from, or never assigned?)");
  CHECK(error_of([&] { t.item(); }) == "Tensor::item: expected one element, got shape (2, 3)");
  CHECK(error_of([] { Tensor().item(); }) == "Tensor::item: expected one element, got shape undefined");
  CHECK(error_of([&] { t.at({0, 3}); }) == "Tensor::at: expected an index in [0, 3) for axis 1 of (2, 3), got 3");
  CHECK(error_of([&] { t.at({-1, 0}); }) == "Tensor::at: expected an index in [0, 2) for axis 0 of (2, 3), got -1");
  CHECK(error_of([&] { t.at({1, -1}); }) == "Tensor::at: expected an index in [0, 3) for axis 1 of (2, 3), got -1");
  CHECK(error_of([&] { t.at({0}); }) == "Tensor::at: expected 2 indices for shape (2, 3), got 1");
  CHECK(error_of([&] {
          t.reshaped({4, -1});
        }) == "reshape: expected extents that divide the 6 elements of (2, 3), got (4, -1)");
  CHECK(error_of([&] { t.reshaped({5}); }) == "reshape: expected as many elements as (2, 3) has (6), got shape (5,)");
  CHECK(error_of([&] { t.rows(1, 3); }) ==
        "Tensor::rows: expected 0 <= begin <= end <= 2, the first extent of (2, 3), got [1, 3)");
  CHECK(error_of([&] { Tensor::of({2}, {1, 2, 3}); }) == "Tensor::of: expected 2 values for shape (2,), got 3");
}

TEST_CASE("integer types hold all integers up to their limits, and fractions are truncated") {
  CHECK(Tensor::of({4}, {0, 255, -0.5, 255.5}, DType::uint8).to_vector() == std::vector<double>{0, 255, 0, 255});
  CHECK(Tensor::zeros({2}, DType::uint8).to_vector() == std::vector<double>{0, 0});
  CHECK(Tensor::scalar(-0.75).to(DType::int64).item() == 0);
  CHECK(Tensor::scalar(-3.9).to(DType::int64).item() == -3);
  const double most = std::ldexp(1.0, 62);
  CHECK(Tensor::of({2}, {most, -most}, DType::int64).to_vector() == std::vector<double>{most, -most});
  for (const double value : {-1.0, 256.0}) {
    CHECK_THAT(error_of([&] { Tensor::scalar(value).to(DType::uint8); }), Catch::Contains("values that fit uint8"));
  }
  for (const double value : {2 * most, -4 * most}) {
    CHECK_THAT(error_of([&] { Tensor::scalar(value, DType::float64).to(DType::int64); }),
               Catch::Contains("values that fit int64"));
  }
}

TEST_CASE("tensors are identical only if shape, type and bits agree") {
  const Tensor zeros = Tensor::zeros({2, 3});
  CHECK(identical(zeros, Tensor::zeros({2, 3})));
  CHECK(identical(Tensor(), Tensor()));
  CHECK_FALSE(identical(zeros, Tensor::zeros({2, 3}, DType::float64)));
  CHECK_FALSE(identical(Tensor::zeros({2, 3}, DType::int64), Tensor::zeros({2, 3}, DType::float64)));
  CHECK_FALSE(identical(zeros, Tensor::zeros({3, 2})));
  CHECK_FALSE(identical(zeros, Tensor()));
  CHECK_FALSE(identical(Tensor(), zeros));
  CHECK_FALSE(identical(Tensor::scalar(0), Tensor()));
  CHECK_FALSE(identical(Tensor::scalar(0), Tensor::scalar(-0.0)));
  Tensor last = zeros;
  last.mutable_data<float>()[5] = 1;
  CHECK_FALSE(identical(zeros, last));
}

TEST_CASE("messages about an undefined tensor call it undefined") {
  const Tensor none;
  CHECK(to_string(none.shape()) == "undefined");
  CHECK(to_string(Tensor::scalar(1).shape()) == "()");
  CHECK(none.shape() == Shape{});
  CHECK(to_string(none.shape().prepended(2)) == "(2,)");
  const auto says = [](const auto& action) { CHECK_THAT(error_of(action), Catch::Contains("undefined")); };
  says([&] { none.item(); });
  says([&] { none.at({}); });
  says([&] { none.to_vector(); });
  says([&] { none.reshaped({1}); });
  says([&] { none.reshaped({-1}); });
  says([&] { none.reshaped(Shape{}); });
  says([&] { none.rows(0, 0); });
  says([&] { none.to(DType::float64); });
  says([&] { none.data<float>(); });
  CHECK(error_of([] {
          Tensor::ones({6}).reshaped({-1, -1});
        }) == "reshape: expected extents of 0 or more, one of which may be -1, got (-1, -1)");
  CHECK(error_of([] {
          Tensor::ones({6}).reshaped({-2, 3});
        }) == "reshape: expected extents of 0 or more, one of which may be -1, got (-2, 3)");
  CHECK(error_of([] { Tensor::scalar(1).dim(0); }) == "Shape: expected an array with at least one axis, got shape ()");
  CHECK(error_of([] {
          Tensor::ones({2, 3}).rows(1, 3);
        }) == "Tensor::rows: expected 0 <= begin <= end <= 2, the first extent of (2, 3), got [1, 3)");
}

TEST_CASE("numbers that an integer type cannot hold and sizes beyond memory are rejected") {
  CHECK(error_of([] { Tensor::full({1}, 300, DType::uint8); }) == "Tensor: expected values that fit uint8, got 300");
  CHECK(error_of([] { Tensor::full({1}, -1, DType::uint8); }) == "Tensor: expected values that fit uint8, got -1");
  CHECK(Tensor::full({1}, 255, DType::uint8).item() == 255);
  CHECK(error_of([] { Tensor::of({1}, {std::nan("")}).to(DType::int64); }) ==
        "Tensor: expected values that fit int64, got nan");
  CHECK(error_of([] { Tensor::of({1}, {9.3e18}, DType::int64); }) ==
        "Tensor: expected values that fit int64, got 9.3e+18");
  CHECK_THAT(error_of([] { Tensor::zeros({std::int64_t{1} << 45}); }),
             Catch::Contains("memory for (35184372088832,) of float32 (140737.5 GB)"));
}

TEST_CASE("a tensor prints as in NumPy, followed by type and shape") {
  CHECK(to_string(Tensor::of({2, 2}, {1, 2.5, -3, 0})) == "[[ 1.   2.5]\n [-3.   0. ]] float32 (2, 2)");
  CHECK(to_string(Tensor::zeros({3})) == "[0. 0. 0.] float32 (3,)");
  CHECK(to_string(Tensor::labels({-1, 1234567})) == "[     -1 1234567] int64 (2,)");
  CHECK(to_string(Tensor::of({2}, {0, 255}, DType::uint8)) == "[  0 255] uint8 (2,)");
  CHECK(to_string(Tensor::scalar(0.1F)) == "0.1 float32 ()");
  CHECK(to_string(Tensor()) == "undefined");
  CHECK(to_string(Tensor::zeros({0, 3})) == "[] float32 (0, 3)");
  std::ostringstream stream;
  stream << Tensor::ones({1});
  CHECK(stream.str() == "[1.] float32 (1,)");
  // each line below is what numpy.array2string of NumPy 1.24 gives
  const double infinity = std::numeric_limits<double>::infinity();
  const auto text = [](const Shape& shape, const std::vector<double>& values, DType dtype = DType::float64) {
    const std::string all_of_it = to_string(Tensor::of(shape, values, dtype));
    return all_of_it.substr(0, all_of_it.find(" float"));
  };
  CHECK(text({3}, {1.0 / 3, 2.0 / 3, 100}) == "[  0.33333333   0.66666667 100.        ]");
  CHECK(text({3}, {1.0 / 3, 2.0 / 3, 1}, DType::float32) == "[0.33333334 0.6666667  1.        ]");
  CHECK(text({2}, {1e-5, 1}) == "[1.e-05 1.e+00]");
  CHECK(text({2}, {1.25e9, -1}) == "[ 1.25e+09 -1.00e+00]");
  CHECK(text({2}, {1001, 1}) == "[1.001e+03 1.000e+00]");
  CHECK(text({2}, {1000, 1}) == "[1000.    1.]");
  CHECK(text({4}, {infinity, -infinity, std::nan(""), 1}) == "[ inf -inf  nan   1.]");
  CHECK(text({2, 1, 2}, {1, 2, 3, 4}) == "[[[1. 2.]]\n\n [[3. 4.]]]");
  const std::string wrapped = text({30}, std::vector<double>(30, 1.5));
  CHECK(wrapped.find('\n') == 72);
  CHECK(wrapped.substr(72, 6) == "\n 1.5 ");
}

TEST_CASE("large arrays print the first and last three along each axis") {
  const std::string text = to_string(Tensor::arange(0, 2000, 1, DType::int64));
  CHECK(text == "[   0    1    2 ... 1997 1998 1999] int64 (2000,)");
  const Tensor x = Tensor::of({200, 7}, std::vector<double>(1400, 1), DType::float64);
  const std::string row = "[1. 1. 1. ... 1. 1. 1.]";
  CHECK(to_string(x) ==
        "[" + row + "\n " + row + "\n " + row + "\n ...\n " + row + "\n " + row + "\n " + row + "] float64 (200, 7)");
  CHECK_THAT(to_string(Tensor::zeros({1000})), !Catch::Contains("..."));
}

TEST_CASE("arrays in memory keep their element type, and are read as any type that can hold them") {
  const std::vector<float> floats{1, 2.5};
  const std::array<std::uint8_t, 2> bytes{0, 255};
  const std::vector<std::int64_t> large{std::int64_t{1} << 62, -1};
  const std::vector<double> doubles{0.1, 0.2};
  CHECK(Tensor::of({2}, floats).dtype() == DType::float32);
  CHECK(Tensor::of({2}, bytes).dtype() == DType::uint8);
  CHECK(Tensor::of({1, 2}, std::span<const double>(doubles)).dtype() == DType::float64);
  CHECK(Tensor::of({2}, large).to_vector<std::int64_t>() == large);
  CHECK(Tensor::of({2}, floats).to_vector<float>() == floats);
  CHECK(Tensor::of({2}, doubles).dtype() == DType::float32);
  CHECK(Tensor::of({2}, std::span(doubles)).to_vector() == doubles);
  CHECK(Tensor::of({2}, bytes).to_vector<double>() == std::vector<double>{0, 255});
  CHECK(error_of([&] { Tensor::of({3}, floats); }) == "Tensor::of: expected 3 values for shape (3,), got 2");
  CHECK(error_of([&] { Tensor::of({2}, large).to_vector<std::uint8_t>(); }) ==
        "Tensor: expected values that fit uint8, got 4611686018427387904");
}

TEST_CASE("arange and identity have the expected elements") {
  CHECK(Tensor::arange(0, 5, 2).to_vector() == std::vector<double>{0, 2, 4});
  CHECK(Tensor::arange(3, 0, -1, DType::int64).to_vector() == std::vector<double>{3, 2, 1});
  CHECK(Tensor::arange(1, 0).shape() == Shape{0});
  CHECK(Tensor::linspace(0, 1, 5).to_vector() == std::vector<double>{0, 0.25, 0.5, 0.75, 1});
  CHECK(Tensor::linspace(2, 7, 1).to_vector() == std::vector<double>{2});
  CHECK(Tensor::linspace(0, 0.7, 8, DType::float64).at({7}) == 0.7);
  CHECK(Tensor::eye(2, DType::int64).to_vector() == std::vector<double>{1, 0, 0, 1});
  CHECK(error_of([] { Tensor::arange(0, 1, 0); }) ==
        "Tensor::arange: expected finite numbers and a step other than 0, got (0, 1, 0)");
  CHECK(error_of([] { Tensor::arange(0, 1e30); }) == "Tensor::arange: expected less than 2^62 numbers, got 1e+30");
  CHECK(error_of([] { Tensor::arange(0, std::nan("")); }) ==
        "Tensor::arange: expected finite numbers and a step other than 0, got (0, nan, 1)");
  CHECK(error_of([] { Tensor::linspace(0, 1, -1); }) == "Tensor::linspace: expected a count of 0 or more, got -1");
  CHECK(error_of([] { Tensor::eye(-1); }) == "Tensor::eye: expected 0 rows or more, got -1");
}

TEST_CASE("tensors are float32 unless a type is given, and arange counts by ones") {
  const std::vector<Tensor> all{Tensor::zeros({2}),         Tensor::ones({2}),       Tensor::full({2}, 3),
                                Tensor::scalar(3),          Tensor::of({2}, {1, 2}), Tensor::eye(2),
                                Tensor::linspace(0, 1, 3),  Tensor::arange(0, 3),    RandomStream(1).uniform({2}),
                                RandomStream(1).normal({2})};
  for (const Tensor& tensor : all) CHECK(tensor.dtype() == DType::float32);
  CHECK(Tensor::arange(0, 3).to_vector() == std::vector<double>{0, 1, 2});
}

TEST_CASE("map applies a function to broadcast operands") {
  const auto add = [](auto a, auto b) { return 10 * a + b; };
  const std::vector<std::pair<Shape, Shape>> cases{
      {{2, 3}, {2, 3}},    {{2, 3}, {3}}, {{3}, {2, 3}},          {{2, 1}, {1, 3}}, {{}, {2, 2}},
      {{2, 3, 4}, {3, 1}}, {{0, 3}, {3}}, {{2, 1, 4}, {1, 3, 1}}, {{1}, {5}},       {{4, 1, 1}, {4, 2, 2}}};
  for (const auto& [sa, sb] : cases) {
    Tensor a = Tensor::zeros(sa, DType::float64);
    Tensor b = Tensor::zeros(sb, DType::float64);
    for (std::int64_t i = 0; i < a.size(); ++i) a.mutable_data<double>()[i] = static_cast<double>(i + 1);
    for (std::int64_t i = 0; i < b.size(); ++i) b.mutable_data<double>()[i] = static_cast<double>(i) / 100;
    const Tensor y = map("f", a, b, add);
    const Shape out = broadcast_shapes("f", sa, sb);
    REQUIRE(y.shape() == out);
    for (std::int64_t flat = 0; flat < out.size(); ++flat) {  // the index of each operand, axis by axis
      std::int64_t rest = flat;
      std::int64_t ia = 0;
      std::int64_t ib = 0;
      std::int64_t step_a = 1;
      std::int64_t step_b = 1;
      for (int axis = 1; axis <= out.rank(); ++axis) {
        const std::int64_t index = rest % out[-axis];
        rest /= out[-axis];
        if (axis <= sa.rank()) {
          ia += (sa[-axis] == 1 ? 0 : index) * step_a;
          step_a *= sa[-axis];
        }
        if (axis <= sb.rank()) {
          ib += (sb[-axis] == 1 ? 0 : index) * step_b;
          step_b *= sb[-axis];
        }
      }
      CHECK(y.data<double>()[flat] == 10 * a.data<double>()[ia] + b.data<double>()[ib]);
    }
  }
  CHECK(error_of([&] { map("f", Tensor::zeros({2}), Tensor::zeros({2}, DType::float64), add); }) ==
        "f: expected operands of one type, got float32 and float64; convert with .to()");
  CHECK(error_of([&] { map("f", Tensor::labels({1}), [](auto a) { return a; }); }) ==
        "f: expected float32 or float64, got int64; convert with .to(DType::float32)");
}

TEST_CASE("a derivative of elements needs dy of x's shape and type") {
  const ElementFunction square([](auto v) { return v * v; }, [](auto dy, auto v) { return dy * 2 * v; });
  const Tensor x = test::f64({1, 2, 3});
  CHECK(map_derivative("f", test::f64({1, 10, 100}), x, square).to_vector() == std::vector<double>{2, 40, 600});
  const std::string expected = "f: expected dy of x's shape and type (3,) float64, got ";
  CHECK(error_of([&] { map_derivative("f", test::f64({1, 2}), x, square); }) == expected + "(2,) float64");
  CHECK(error_of([&] { map_derivative("f", Tensor::ones({3}), x, square); }) == expected + "(3,) float32");
  CHECK(error_of([&] { map("f", Tensor::labels({1}), square); }) ==
        "f: expected float32 or float64, got int64; convert with .to(DType::float32)");
}
