#include "training/data/augmentation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/support/support.hpp"
#include "training/data/data_loader.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// An image whose values are all different.
Tensor image(std::int64_t height, std::int64_t width, std::int64_t channels, DType dtype) {
  std::vector<double> values(static_cast<std::size_t>(height * width * channels));
  std::iota(values.begin(), values.end(), 1.0);
  if (is_floating(dtype)) {
    for (double& value : values) value /= 256;
  }
  return Tensor::of({height, width, channels}, values, dtype);
}

/// The image whose pixel (r, c) is the pixel from(r, c), or zeros if that is outside.
template <class From>
Tensor rearranged(const Tensor& x, const From& from) {
  std::vector<double> values;
  for (std::int64_t r = 0; r < x.dim(0); ++r) {
    for (std::int64_t c = 0; c < x.dim(1); ++c) {
      const auto [y, z] = from(r, c);
      const bool inside = y >= 0 && y < x.dim(0) && z >= 0 && z < x.dim(1);
      for (std::int64_t k = 0; k < x.dim(2); ++k) values.push_back(inside ? x.at({y, z, k}) : 0);
    }
  }
  return Tensor::of(x.shape(), values, x.dtype());
}

using Pixel = std::array<std::int64_t, 2>;

}  // namespace

TEST_CASE("a flip reverses the columns") {
  for (const DType dtype : {DType::uint8, DType::float32, DType::float64}) {
    const Tensor x = image(4, 5, 3, dtype);
    const Tensor expected = rearranged(x, [](auto r, auto c) { return Pixel{r, 4 - c}; });
    CHECK(identical(distorted(x, {.flip = true}, Fill::zeros), expected));
    CHECK(identical(distorted(x, {}, Fill::zeros), x));
  }
  for (const Tensor& x : {Tensor(), Tensor::zeros({4, 5}), Tensor::zeros({0, 5, 3}), image(4, 5, 3, DType::int64)}) {
    CHECK_THAT(test::error_of([&] { distorted(x, {}, Fill::zeros); }),
               Catch::Contains("distorted: expected an image (height, width, channels) of uint8, float32 or float64"));
  }
}

TEST_CASE("rotations by multiples of 90 degrees map whole pixels to whole pixels") {
  for (const std::int64_t n : {6, 7}) {
    const Tensor x = image(n, n, 2, DType::uint8);
    const auto turned = [&](double degrees) { return distorted(x, {.degrees = degrees}, Fill::edge); };
    const Tensor left = rearranged(x, [n](auto r, auto c) { return Pixel{c, n - 1 - r}; });  // as in numpy.rot90
    CHECK(identical(turned(90), left));
    CHECK(identical(turned(-90), rearranged(x, [n](auto r, auto c) { return Pixel{n - 1 - c, r}; })));
    CHECK(identical(turned(180), rearranged(x, [n](auto r, auto c) { return Pixel{n - 1 - r, n - 1 - c}; })));
    CHECK(largest_difference(distorted(x.to(DType::float64), {.degrees = 90}, Fill::zeros), left.to(DType::float64)) <
          1e-12);
  }
}

TEST_CASE("a shift fills empty pixels with the edge or with zeros") {
  const Tensor x = image(5, 6, 1, DType::uint8);
  const Distortion shift{.down = 2, .right = -1};
  CHECK(identical(distorted(x, shift, Fill::zeros), rearranged(x, [](auto r, auto c) { return Pixel{r - 2, c + 1}; })));
  CHECK(identical(distorted(x, shift, Fill::edge), rearranged(x, [](auto r, auto c) {
                    return Pixel{std::max<std::int64_t>(r - 2, 0), std::min<std::int64_t>(c + 1, 5)};
                  })));
  CHECK(identical(distorted(x, {.down = 5}, Fill::zeros), Tensor::zeros(x.shape(), DType::uint8)));
}

TEST_CASE("zoom enlarges the middle and interpolates linearly between pixels") {
  // f(x) = a x + b stays linear: enlarged by z about the middle m it is a (m + (x - m) / z) + b
  Tensor x = Tensor::empty({1, 9, 1}, DType::float64);
  for (int i = 0; i < 9; ++i) x.mutable_data<double>()[i] = 0.1 * i + 0.05;
  const Tensor zoomed = distorted(x, {.zoom = 2.5}, Fill::edge);
  for (int i = 0; i < 9; ++i) CHECK(zoomed.at({0, i, 0}) == Approx(0.1 * (4 + (i - 4) / 2.5) + 0.05).epsilon(1e-12));
}

TEST_CASE("flip, rotation and shift are applied in this order") {
  const Tensor x = image(5, 5, 1, DType::uint8);
  const Tensor flipped = distorted(x, {.flip = true}, Fill::zeros);
  const Tensor turned = distorted(flipped, {.degrees = 90}, Fill::zeros);
  const Tensor expected = distorted(turned, {.down = 1, .right = 2}, Fill::zeros);
  CHECK(identical(distorted(x, {.flip = true, .degrees = 90, .down = 1, .right = 2}, Fill::zeros), expected));
}

TEST_CASE("brightness and contrast change values relative to the mean, and uint8 stays uint8") {
  const Tensor x = Tensor::of({1, 4, 1}, {0, 100, 200, 100}, DType::uint8);
  const auto changed = [&](const Distortion& d) { return distorted(x, d, Fill::edge).to_vector(); };
  CHECK(changed({.brightness = 0.2}) == std::vector<double>{51, 151, 251, 151});
  CHECK(changed({.brightness = -0.5}) == std::vector<double>{0, 0, 73, 0});  // 72.5
  CHECK(changed({.contrast = 0.5}) == std::vector<double>{50, 100, 150, 100});
  CHECK(changed({.contrast = 2}) == std::vector<double>{0, 100, 255, 100});
  const Tensor y = Tensor::of({1, 2, 1}, {0.25, 0.75}, DType::float64);
  CHECK(distorted(y, {.brightness = 0.5, .contrast = 3}, Fill::edge).to_vector() == std::vector<double>{0.25, 1.75});
}

TEST_CASE("amounts are drawn from their whole range and depend on seed, epoch and index only") {
  const Augmentation all{
      .horizontal_flip = true, .rotation = 30, .zoom = 0.5, .shift = 0.25, .brightness = 0.1, .contrast = 0.3};
  const Shape shape{40, 80, 3};
  const auto draw = [&](std::uint64_t seed, std::uint64_t epoch, std::int64_t i) {
    return draw_distortion(all, shape, seed, epoch, i);
  };
  int flips = 0;
  double left = 0, right = 0, zoom = 0, sum = 0;
  Distortion least, most;
  for (std::int64_t i = 0; i < 2000; ++i) {
    const Distortion d = draw(1, 2, i);
    REQUIRE((std::abs(d.degrees) <= 30 && d.zoom >= 1 && d.zoom <= 1.5 && std::abs(d.down) <= 10));
    REQUIRE((std::abs(d.right) <= 20 && std::abs(d.brightness) <= 0.1 && std::abs(d.contrast - 1) <= 0.3));
    flips += d.flip ? 1 : 0;
    left = std::min(left, d.degrees);
    right = std::max(right, d.degrees);
    zoom = std::max(zoom, d.zoom);
    sum += d.degrees;
    least.down = std::min(least.down, d.down), most.down = std::max(most.down, d.down);
    least.right = std::min(least.right, d.right), most.right = std::max(most.right, d.right);
    least.brightness = std::min(least.brightness, d.brightness),
    most.brightness = std::max(most.brightness, d.brightness);
    least.contrast = std::min(least.contrast, d.contrast), most.contrast = std::max(most.contrast, d.contrast);
  }
  CHECK(std::abs(flips - 1000) < 100);  // 4.5 standard deviations
  CHECK((left < -29 && right > 29 && zoom > 1.49));
  CHECK((least.down == -10 && most.down == 10 && least.right == -20 && most.right == 20));  // a quarter of each side
  CHECK((least.brightness < -0.099 && most.brightness > 0.099 && least.contrast < 0.71 && most.contrast > 1.29));
  CHECK(std::abs(sum / 2000) < 2);
  CHECK(draw(1, 2, 3).degrees == draw(1, 2, 3).degrees);
  CHECK(draw(1, 2, 3).degrees != draw(2, 2, 3).degrees);
  CHECK(draw(1, 2, 3).degrees != draw(1, 3, 3).degrees);
  CHECK(draw(1, 2, 3).degrees != draw(1, 2, 4).degrees);
  CHECK_FALSE(Augmentation{}.any());
  const Distortion none = draw_distortion({}, shape, 1, 2, 3);
  CHECK((!none.flip && none.zoom == 1 && none.degrees == 0 && none.down == 0 && none.contrast == 1));
}

TEST_CASE("the amounts of an image do not depend on each other") {
  const Augmentation all{
      .horizontal_flip = true, .rotation = 30, .zoom = 0.5, .shift = 0.25, .brightness = 0.1, .contrast = 0.3};
  constexpr int images = 2000;
  std::vector<std::vector<double>> amounts(7);
  for (std::int64_t i = 0; i < images; ++i) {
    const Distortion d = draw_distortion(all, {400, 800, 3}, 1, 2, i);
    const std::vector<double> values{
        d.flip ? 1.0 : -1.0,          d.zoom - 1.25, d.degrees,     static_cast<double>(d.down),
        static_cast<double>(d.right), d.brightness,  d.contrast - 1};
    for (std::size_t k = 0; k < 7; ++k) amounts[k].push_back(values[k]);
  }
  const auto product = [&](std::size_t k, std::size_t j) {
    return std::inner_product(amounts[k].begin(), amounts[k].end(), amounts[j].begin(), 0.0);
  };
  for (std::size_t k = 0; k < 7; ++k) {
    for (std::size_t j = 0; j < k; ++j) {
      INFO(k << " and " << j);  // 4.5 standard deviations of a correlation
      CHECK(std::abs(product(k, j)) < 4.5 / std::sqrt(images) * std::sqrt(product(k, k) * product(j, j)));
    }
  }
}

TEST_CASE("thousands of samples, epochs and seeds have different augmentations") {
  const Augmentation turning{.rotation = 180};
  std::set<double> angles;
  std::size_t drawn = 0;
  const auto draw = [&](std::uint64_t seed, std::uint64_t epoch, std::int64_t index) {
    angles.insert(draw_distortion(turning, {8, 8, 1}, seed, epoch, index).degrees);
    ++drawn;
  };
  for (std::int64_t i = 0; i < 3000; ++i) draw(1, 0, i);
  for (std::uint64_t epoch = 1; epoch < 1000; ++epoch) draw(1, epoch, 5);
  for (std::uint64_t seed = 2; seed < 300; ++seed) draw(seed, 0, 5);
  for (int bit = 13; bit < 40; ++bit) draw(1, 0, std::int64_t{1} << bit);  // far into a very large data set
  for (int bit = 10; bit < 21; ++bit) draw(1, std::uint64_t{1} << bit, 0);
  CHECK(angles.size() == drawn);
}

TEST_CASE("the augmentation of an image in a large data set depends on its index, not on the batch size") {
  // one pixel is left of the middle; the angle of each image rotates it
  const std::int64_t n = 700;
  const Tensor images = Tensor::of({n, 9, 9, 1}, [&] {
    std::vector<double> values(static_cast<std::size_t>(n * 81), 0.0);
    for (std::int64_t i = 0; i < n; ++i) values[static_cast<std::size_t>(i * 81 + 4 * 9 + 1)] = 1;
    return values;
  }());
  const Dataset data(images, Tensor::labels(std::vector<std::int64_t>(static_cast<std::size_t>(n), 0)), 2);
  for (const std::int64_t batch_size : {700, 257, 64}) {
    const DataLoader loader(data, {.batch_size = batch_size, .shuffle = false, .augmentation = {.rotation = 180}});
    std::set<std::vector<double>> seen;
    for (const Batch& batch : loader.epoch(0)) {
      for (std::int64_t i = 0; i < batch.input().dim(0); ++i) seen.insert(batch.input().rows(i, i + 1).to_vector());
    }
    CHECK(std::ssize(seen) == n);
  }
}

TEST_CASE("amounts out of range and images of other ranks are rejected") {
  const auto error = [](const Augmentation& a) {
    return error_of([&] { check_augmentation("fit", a, Shape{4, 4, 3}); });
  };
  CHECK(error({.rotation = 181}) == "fit: expected augmentation.rotation in [0, 180], got 181");
  CHECK(error({.zoom = -0.1}) == "fit: expected augmentation.zoom in [0, 100], got -0.1");
  CHECK(error({.shift = 1.5}) == "fit: expected augmentation.shift in [0, 1], got 1.5");
  CHECK(error({.brightness = std::nan("")}) == "fit: expected augmentation.brightness in [0, 1], got nan");
  CHECK(error({.contrast = 2}) == "fit: expected augmentation.contrast in [0, 1], got 2");
  CHECK(error_of([] { check_augmentation("fit", {.horizontal_flip = true}, Shape{7}); }) ==
        "fit: expected images (height, width, channels) to augment, got examples of shape (7,)");
  CHECK(error_of([] {
          distorted(Tensor::zeros({4, 4}), {.flip = true}, Fill::edge);
        }) ==
        "distorted: expected an image (height, width, channels) of uint8, float32 or float64, got float32 (4, 4)");
}
