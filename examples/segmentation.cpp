// Segmentation: a U-Net finds the shapes in generated pictures, pixel by pixel, also in pictures of other sizes.
#include <algorithm>
#include <cmath>

#include "examples/program.hpp"
using namespace xtape;

const std::vector<std::string> kinds{"background", "disc", "square", "triangle"};

/// Pictures (n, size, size, 3) of three shapes of random kind, place, size and color on a noisy background, and the
/// kind of each pixel (n, size, size).
Dataset shapes(std::int64_t n, std::int64_t size, std::uint64_t seed) {
  RandomStream random(seed);
  Tensor pictures = random.normal({n, size, size, 3}, 0.5, 0.1);
  const Tensor draws = random.uniform({n, 3, 7});
  std::vector<std::int64_t> labels(static_cast<std::size_t>(n * size * size));
  float* pixels = pictures.mutable_data<float>();
  for (std::int64_t i = 0; i < 3 * n; ++i) {
    const auto draw = [&](std::int64_t number) { return draws.at({i / 3, i % 3, number}); };
    const auto kind = 1 + static_cast<std::int64_t>(3 * draw(0));
    const double radius = 5 + 6 * draw(1), middle = static_cast<double>(size) - 2 * radius;
    const double y0 = radius + middle * draw(2), x0 = radius + middle * draw(3);
    for (std::int64_t p = 0; p < size * size; ++p) {
      const std::int64_t row = p / size, column = p % size;
      const double y = static_cast<double>(row) - y0, x = static_cast<double>(column) - x0;
      const bool inside = kind == 1   ? x * x + y * y < radius * radius
                          : kind == 2 ? std::max(std::abs(x), std::abs(y)) < 0.8 * radius
                                      : std::abs(y) < radius && 2 * std::abs(x) < y + radius;
      if (!inside) continue;
      const std::int64_t at = i / 3 * size * size + p;
      labels[static_cast<std::size_t>(at)] = kind;
      for (std::int64_t c = 0; c < 3; ++c) {  // the noise of the background remains
        float& value = pixels[3 * at + c];
        value = static_cast<float>(0.5 * value + 0.75 * draw(4 + c));
      }
    }
  }
  return {pictures, Tensor::labels(labels).reshaped({n, size, size}), kinds};
}

/// The color of the kind of each pixel: labels (n, height, width) become (n, height, width, 3).
Tensor colored(const Tensor& labels) {
  const Tensor colors = Tensor::of({4, 3}, {0.1, 0.1, 0.1, 0.9, 0.3, 0.2, 0.2, 0.7, 0.3, 0.3, 0.4, 0.9});
  const Tensor rows = one_hot(labels.reshaped({labels.size()}), 4);
  return matmul(rows, colors).value().reshaped({labels.dim(0), labels.dim(1), labels.dim(2), 3});
}

int main(int argc, char** argv) {
  const std::string about = "Trains a U-Net on generated pictures of shapes and writes segmentation.png";
  return run_example(argc, argv, about, [](bool quick) {
    const Dataset train = shapes(quick ? 256 : 1536, 48, 1), test = shapes(64, 48, 2);
    Model model = unet({.classes = 4, .filters = {12, 24, 48}, .seed = 1});
    fmt::print("{}\n", model.summary());

    const Metrics metrics{{metric::accuracy()}, {metric::intersection_over_union()}};
    const int epochs = quick ? 8 : 12;
    Adam adam(model.parameters(), {.learning_rate = schedule::cosine(5e-3, epochs * train.size() / 16)});
    fit(model, adam, train,
        {.epochs = epochs, .batch_size = 16, .metrics = metrics, .augmentation = {.horizontal_flip = true}});
    recalibrate_batch_norm(model, train);

    double worst = 1;
    for (const std::int64_t size : {48, 64, 96}) {
      const Dataset unseen = size == 48 ? test : shapes(32, size, static_cast<std::uint64_t>(size));
      const Figures result = evaluate(model, unseen, {.metrics = metrics});
      fmt::print("{0}x{0} pixels: {1}\n", size, to_string(result));
      worst = std::min(worst, result["intersection_over_union"]);
    }
    const Dataset shown = test.rows(0, 8);
    write_gallery("segmentation.png",
                  {shown.input(), colored(shown.target()), colored(top_classes(predict(model, shown)))});
    fmt::print("segmentation.png shows pictures, their shapes, and what the network found\n");
    return worst >= (quick ? 0.35 : 0.9);
  });
}
