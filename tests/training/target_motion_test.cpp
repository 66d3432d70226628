// Targets that are images are moved with the input images by augmentation.
#include <cmath>

#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"
#include "training/data/data_loader.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

constexpr std::int64_t height = 9, width = 12, image_count = 6;

/// Smooth images of two channels with values in [0.2, 0.8].
Tensor smooth() {
  std::vector<double> values;
  for (std::int64_t i = 0; i < image_count; ++i) {
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        const auto phase = static_cast<double>(i) + 0.4 * static_cast<double>(x) + 0.3 * static_cast<double>(y);
        values.insert(values.end(), {0.5 + 0.3 * std::sin(phase), 0.5 + 0.3 * std::cos(phase)});
      }
    }
  }
  return Tensor::of({image_count, height, width, 2}, values);
}

Batch batch_of(const Tensor& images, const Tensor& targets, const Augmentation& augmentation, std::int64_t epoch = 0) {
  return DataLoader(Dataset(images, targets),
                    {.batch_size = image_count, .shuffle = false, .augmentation = augmentation})
      .epoch(epoch)[0];
}

const Augmentation moves[] = {{.horizontal_flip = true},
                              {.rotation = 30},
                              {.zoom = 0.5},
                              {.shift = 0.3},
                              {.horizontal_flip = true, .rotation = 20, .zoom = 0.3, .shift = 0.2},
                              {.rotation = 90, .shift = 0.4, .fill = Fill::zeros}};

}  // namespace

TEST_CASE("a target that is the input image stays equal to it for every motion") {
  for (const Augmentation& augmentation : moves) {
    INFO(to_string(augmentation));
    for (const std::int64_t epoch : {0, 1}) {
      const Batch batch = batch_of(smooth(), smooth(), augmentation, epoch);
      CHECK(identical(batch.input(), batch.target()));
      CHECK(largest_difference(batch.target(), smooth()) > 0.01);
    }
  }
}

TEST_CASE("a target that is the input image stays equal to it if its values are whole numbers") {
  std::vector<double> values;
  for (const double value : smooth().to_vector()) values.push_back(std::floor(255 * value));
  const Tensor whole = Tensor::of({image_count, height, width, 2}, values);
  for (const Augmentation& augmentation : moves) {
    INFO(to_string(augmentation));
    const Batch batch = batch_of(whole, whole, augmentation);
    CHECK(identical(batch.input(), batch.target()));
    // images as uint8, which the network gets as 0 to 1
    const Batch narrow = batch_of(whole.to(DType::uint8), whole, augmentation);
    CHECK(identical(narrow.target(), batch.target()));
  }
}

TEST_CASE("a mask keeps its values and is moved with its image, with or without a channel axis") {
  std::vector<double> classes;
  for (const double value : smooth().to_vector()) classes.push_back(value > 0.6 ? 2 : value > 0.4 ? 1 : 0);
  const Tensor mask = Tensor::of({image_count, height, width, 2}, classes);
  std::vector<double> halves = classes;
  for (double& value : halves) value /= 2;
  for (const Augmentation& augmentation : moves) {
    INFO(to_string(augmentation));
    // the image is half the mask, interpolated linearly
    const Batch batch = batch_of(Tensor::of(mask.shape(), halves), mask, augmentation);
    const std::vector<double> images = batch.input().to_vector(), targets = batch.target().to_vector();
    for (std::size_t i = 0; i < targets.size(); ++i) {
      CHECK((targets[i] == 0 || targets[i] == 1 || targets[i] == 2));
      if (images[i] == 0 || images[i] == 1) CHECK(targets[i] == 2 * images[i]);  // all four pixels around it are equal
    }
    const Tensor one = Tensor::of({image_count, height, width}, std::vector<double>(image_count * height * width, 3));
    CHECK(batch_of(smooth(), one, augmentation).target().shape() == Shape{image_count, height, width});
  }
}

TEST_CASE("with Fill::zeros what comes from outside has no class, or that of the edge") {
  const Augmentation shift{.shift = 0.5, .fill = Fill::zeros};
  const auto targets = [&](const Target& target) {
    const DataLoader loader(Dataset({smooth()}, {target}),
                            {.batch_size = image_count, .shuffle = false, .augmentation = shift});
    return loader.epoch(0)[0].target().to_vector();
  };
  constexpr std::int64_t pixels = image_count * height * width;
  const Tensor ones = Tensor::labels(std::vector<std::int64_t>(pixels, 1)).reshaped({image_count, height, width});
  const auto count = [](const std::vector<double>& values, double value) { return std::ranges::count(values, value); };
  for (const double v : targets({ones, 2})) CHECK(v == 1);  // 0 would be a label
  const std::vector<double> ignored = targets({.values = ones, .classes = 2, .ignored_label = -3});
  CHECK(count(ignored, 1) > 0);
  CHECK(count(ignored, -3) > 0);
  CHECK(count(ignored, 1) + count(ignored, -3) == pixels);
  // any integer may be the ignored label
  for (const std::int64_t label :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    const DataLoader loader(Dataset({smooth()}, {{.values = ones, .classes = 2, .ignored_label = label}}),
                            {.batch_size = image_count, .shuffle = false, .augmentation = shift});
    const std::vector<std::int64_t> labels = loader.epoch(0)[0].target().to_vector<std::int64_t>();
    CHECK(std::ranges::count(labels, 1) == count(ignored, 1));
    CHECK(std::ranges::count(labels, label) == count(ignored, -3));
  }
  // distributions stay distributions, and numbers get zeros like the images
  std::vector<double> rows;
  for (std::int64_t i = 0; i < pixels; ++i) rows.insert(rows.end(), {0.25, 0.75});
  const std::vector<double> moved = targets({Tensor::of({image_count, height, width, 2}, rows), 2});
  for (std::size_t i = 0; i < moved.size(); i += 2) CHECK((moved[i] == 0.25 && moved[i + 1] == 0.75));
  std::vector<double> mask(static_cast<std::size_t>(pixels), 1);
  mask[0] = 0;
  CHECK(count(targets({Tensor::of({image_count, height, width}, mask)}), 0) >= count(ignored, -3));
  for (const double v : targets({Tensor::full({image_count, height, width}, -1)})) CHECK(v == -1);  // -1 or 1
}

TEST_CASE("brightness and contrast do not change targets, and targets that are not images are unchanged") {
  const Augmentation colours{.brightness = 0.5, .contrast = 0.5};
  CHECK(identical(batch_of(smooth(), smooth(), colours).target(), smooth()));
  const Augmentation both{.horizontal_flip = true, .brightness = 0.5, .contrast = 0.5};
  const Augmentation flip{.horizontal_flip = true};
  CHECK(identical(batch_of(smooth(), smooth(), both).target(), batch_of(smooth(), smooth(), flip).target()));
  const Tensor numbers = RandomStream(1).normal({image_count, 3});
  CHECK(identical(batch_of(smooth(), numbers, flip).target(), numbers));
  // a distribution over as many classes as an image has numbers, and the class number
  constexpr std::int64_t classes = height * width * 2;
  const Tensor even = Tensor::full({image_count, classes}, 1.0 / classes);
  const Tensor labels = Tensor::labels({0, 1, 2, 3, 4, classes - 1});
  for (const Tensor& target : {even, labels}) {
    const DataLoader loader(Dataset(smooth(), target, classes),
                            {.batch_size = image_count, .shuffle = false, .augmentation = flip});
    CHECK(identical(loader.epoch(0)[0].target(), target));
  }
}

TEST_CASE("a target is moved with the first image among the inputs, wherever it stands") {
  const Tensor sizes = RandomStream(1).normal({image_count, 3}), small = Tensor::zeros({image_count, 2, 3, 1});
  const Augmentation flip{.horizontal_flip = true};
  for (const std::vector<Tensor>& inputs :
       {std::vector{smooth(), sizes}, {sizes, smooth()}, {sizes, smooth(), small}, {smooth(), small}}) {
    const DataLoader loader(Dataset(inputs, {{smooth()}}),
                            {.batch_size = image_count, .shuffle = false, .augmentation = flip});
    const Batch batch = loader.epoch(0)[0];
    const std::size_t image = inputs[0].rank() == 4 ? 0 : 1;
    CHECK(identical(batch.inputs[image], batch.targets[0]));
    CHECK(largest_difference(batch.targets[0], smooth()) > 0.01);
  }
  CHECK_THAT(error_of([&] {
               DataLoader(Dataset({sizes, small, smooth()}, {{smooth()}}), {.augmentation = flip});
             }),
             Catch::Contains("expected targets (n, 2, 3, ...) that can be moved with the images, got (6, 9, 12, 2)"));
}

TEST_CASE("targets of images of one pixel have any numbers") {
  const Tensor images = Tensor::ones({2, 1, 1, 3});
  for (const std::int64_t numbers : {1, 3, 4}) {
    const Tensor targets = RandomStream(1).normal({2, numbers});
    const DataLoader loader(Dataset(images, targets), {.shuffle = false, .augmentation = {.horizontal_flip = true}});
    CHECK(identical(loader.epoch(0)[0].target(), targets));
  }
}

TEST_CASE("targets of positions that cannot be moved are rejected") {
  const auto refused = [](const Shape& targets, const Augmentation& augmentation) {
    return error_of([&] { batch_of(smooth(), Tensor::zeros(targets), augmentation); });
  };
  const Augmentation flip{.horizontal_flip = true};
  CHECK(refused({image_count, height * width * 2}, flip) ==
        "DataLoader: expected targets (n, 9, 12, ...) that can be moved with the images, got (6, 216), as many numbers "
        "as an image has; reshape them, or leave out flip, rotation, zoom and shift");
  CHECK(refused({image_count, height * width}, flip) ==
        "DataLoader: expected targets (n, 9, 12, ...) that can be moved with the images, got (6, 108), 1 number for "
        "each pixel of an image; reshape them, or leave out flip, rotation, zoom and shift");
  CHECK(refused({image_count, height * width * 4}, flip) ==
        "DataLoader: expected targets (n, 9, 12, ...) that can be moved with the images, got (6, 432), 4 numbers for "
        "each pixel of an image; reshape them, or leave out flip, rotation, zoom and shift");
  CHECK(refused({image_count, height, width + 1, 1}, flip) ==
        "DataLoader: expected targets (n, 9, 12, ...) that can be moved with the images, got (6, 9, 13, 1); leave out "
        "flip, rotation, zoom and shift");
  CHECK(refused({image_count, 4, 2}, flip) ==
        "DataLoader: expected targets (n, 9, 12, ...) that can be moved with the images, got (6, 4, 2); leave out "
        "flip, rotation, zoom and shift");  // points, for example
  batch_of(smooth(), Tensor::zeros({image_count, height * width * 2}), {.brightness = 0.1});
  batch_of(smooth(), Tensor::zeros({image_count, 4, 2}), {});
}
