#include "framework/io/resize.hpp"

#include <cmath>
#include <cstdlib>
#include <numbers>

#include "framework/io/image.hpp"
#include "tests/io/image_files.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// Random pixels, for few channels.
Tensor noise(std::int64_t height, std::int64_t width, std::int64_t channels) {
  Tensor image = Tensor::empty({height, width, channels}, DType::uint8);
  auto* out = image.mutable_data<std::uint8_t>();
  std::uint32_t state = 12345;
  for (std::int64_t i = 0; i < image.size(); ++i) {
    state = state * 1664525 + 1013904223;
    out[i] = static_cast<std::uint8_t>(state >> 24);
  }
  return image;
}

double sinc(double t) { return t == 0 ? 1 : std::sin(std::numbers::pi * t) / (std::numbers::pi * t); }

/// The definition in two dimensions: sums over all old pixels.
double resized_pixel(const Tensor& image, std::int64_t row, std::int64_t column, std::int64_t channel, Shape to) {
  const auto weight = [](std::int64_t i, std::int64_t j, std::int64_t from, std::int64_t now) {
    const double scale = static_cast<double>(from) / static_cast<double>(now);
    const double t = (static_cast<double>(j) + 0.5 - (static_cast<double>(i) + 0.5) * scale) / std::max(scale, 1.0);
    return std::abs(t) < 3 ? sinc(t) * sinc(t / 3) : 0;
  };
  double sum = 0, weights = 0;
  for (std::int64_t y = 0; y < image.dim(0); ++y) {
    for (std::int64_t x = 0; x < image.dim(1); ++x) {
      const double w = weight(row, y, image.dim(0), to[0]) * weight(column, x, image.dim(1), to[1]);
      sum += w * image.at({y, x, channel});
      weights += w;
    }
  }
  return std::clamp(sum / weights, 0.0, 255.0);
}

}  // namespace

TEST_CASE("resize_image equals its definition when sizes shrink, grow or both") {
  const Tensor image = noise(23, 31, 2);
  for (const Shape& size : {Shape{7, 5}, Shape{40, 33}, Shape{9, 50}, Shape{1, 1}, Shape{23, 8}, Shape{22, 32}}) {
    const Tensor result = resize_image(image, size[0], size[1]);
    REQUIRE(result.shape() == Shape{size[0], size[1], 2});
    double most = 0;
    for (std::int64_t y = 0; y < size[0]; ++y) {
      for (std::int64_t x = 0; x < size[1]; ++x) {
        most = std::max(most, std::abs(result.at({y, x, 1}) - resized_pixel(image, y, x, 1, size)));
      }
    }
    INFO(to_string(size));
    CHECK(most < 0.501);
  }
}

TEST_CASE("resize_image keeps images of one colour, and images of the wanted size") {
  const Tensor plain = Tensor::full({50, 20, 3}, 200, DType::uint8);
  CHECK(identical(resize_image(plain, 7, 90), Tensor::full({7, 90, 3}, 200, DType::uint8)));
  const Tensor image = noise(8, 9, 3);
  CHECK(identical(resize_image(image, 8, 9), image));
}

TEST_CASE("resize_image agrees with Pillow") {
  const TemporaryFolder folder;
  const Tensor image = noise(61, 47, 3);
  write_png(folder / "image.png", image);
  const std::string script =
      "from PIL import Image; i = Image.open('image.png'); "
      "[Image.merge('RGB', [c.convert('F').resize((w, h), Image.LANCZOS).point(lambda v: v * 1 + 0.5).convert('L') "
      "for c in i.split()]).save(f'{h}x{w}.png') for h, w in ((16, 16), (90, 100), (5, 70))]";
  const std::string command =
      fmt::format("cd '{}' && /usr/bin/python3 -c \"{}\" 2>/dev/null", folder.path().string(), script);
  if (std::system(command.c_str()) != 0) skip("no Pillow (Debian's package python3-pil)");
  for (const auto& [h, w] : {std::pair{16, 16}, {90, 100}, {5, 70}}) {
    const Tensor theirs = read_image(folder / fmt::format("{}x{}.png", h, w));
    CHECK(largest_difference(resize_image(image, h, w), theirs) <= 1);
  }
}

TEST_CASE("resize_image rejects tensors that are not images, and invalid sizes") {
  const Tensor image = noise(4, 4, 3);
  CHECK(error_of([&] { resize_image(image.to(DType::float32), 2, 2); }) ==
        "resize_image: expected an image (height, width, channels) of uint8, got float32 (4, 4, 3)");
  CHECK(error_of([&] {
          resize_image(image.reshaped({4, 12}), 2, 2);
        }) == "resize_image: expected an image (height, width, channels) of uint8, got uint8 (4, 12)");
  CHECK(error_of([] { resize_image(Tensor(), 2, 2); }) ==
        "resize_image: expected an image (height, width, channels) of uint8, got an undefined tensor");
  CHECK(error_of([&] {
          resize_image(Tensor::zeros({0, 4, 3}, DType::uint8), 2, 2);
        }) == "resize_image: expected an image (height, width, channels) of uint8, got uint8 (0, 4, 3)");
  CHECK(error_of([&] { resize_image(image, 0, 2); }) ==
        "resize_image: expected sides of 1 to 65536 and at most 268435456 pixels, got 0 x 2");
  CHECK(error_of([&] { resize_image(image, 2, -1); }) ==
        "resize_image: expected sides of 1 to 65536 and at most 268435456 pixels, got 2 x -1");
  CHECK(error_of([&] { resize_image(image, 1, 65537); }) ==
        "resize_image: expected sides of 1 to 65536 and at most 268435456 pixels, got 1 x 65537");
  CHECK(error_of([&] { resize_image(image, 65536, 65536); }) ==
        "resize_image: expected sides of 1 to 65536 and at most 268435456 pixels, got 65536 x 65536");
}
