#include "training/data/data_loader.hpp"

#include <algorithm>
#include <memory>

#include "framework/kernels/threads/parallel.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// n uint8 images of 2 x 1 pixels. Both pixels and the label of sample i are i, at most 255.
Dataset numbered(std::int64_t n) {
  Tensor images = Tensor::zeros({n, 2, 1, 1}, DType::uint8);
  Tensor labels = Tensor::zeros({n}, DType::int64);
  for (std::int64_t i = 0; i < n; ++i) {
    std::fill_n(images.mutable_data<std::uint8_t>() + 2 * i, 2, static_cast<std::uint8_t>(i));
    labels.mutable_data<std::int64_t>()[i] = i;
  }
  return Dataset(images, labels, n);
}

std::vector<double> labels_of(const Epoch& epoch) {
  std::vector<double> labels;
  for (const Batch& batch : epoch) {
    const auto some = batch.target().to_vector();
    labels.insert(labels.end(), some.begin(), some.end());
  }
  return labels;
}

}  // namespace

TEST_CASE("an epoch has every sample once, and its last batch may be smaller") {
  const DataLoader loader(numbered(10), {.batch_size = 4});
  CHECK(loader.batches() == 3);
  std::vector<std::int64_t> sizes;
  for (const Batch& batch : loader.epoch(0)) {
    sizes.push_back(batch.target().size());
    CHECK(batch.input().shape() == Shape{batch.target().size(), 2, 1, 1});
  }
  CHECK(sizes == std::vector<std::int64_t>{4, 4, 2});
  std::vector<double> labels = labels_of(loader.epoch(0));
  std::ranges::sort(labels);
  CHECK(labels == std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(DataLoader(numbered(8), {.batch_size = 4}).batches() == 2);
  CHECK(DataLoader(numbered(3), {.batch_size = 100}).batches() == 1);
}

TEST_CASE("the order of the samples depends on the seed and the epoch only") {
  const DataLoader loader(numbered(50), {.batch_size = 7, .seed = 3});
  const auto third = labels_of(loader.epoch(3));
  CHECK(labels_of(loader.epoch(0)) != third);
  CHECK(labels_of(loader.epoch(3)) == third);
  CHECK(labels_of(DataLoader(numbered(50), {.batch_size = 7, .seed = 3}).epoch(3)) == third);
  CHECK(labels_of(DataLoader(numbered(50), {.batch_size = 20, .seed = 3}).epoch(3)) == third);
  CHECK(labels_of(DataLoader(numbered(50), {.batch_size = 7, .seed = 4}).epoch(3)) != third);
  const Epoch epoch = loader.epoch(3);
  CHECK(identical(epoch[2].target(), epoch[2].target()));
  CHECK(epoch[2].target().to_vector() == std::vector<double>(third.begin() + 14, third.begin() + 21));
}

TEST_CASE("without shuffling every epoch has the order of the data") {
  const DataLoader loader(numbered(5), {.batch_size = 2, .shuffle = false});
  CHECK(labels_of(loader.epoch(0)) == std::vector<double>{0, 1, 2, 3, 4});
  CHECK(labels_of(loader.epoch(1)) == std::vector<double>{0, 1, 2, 3, 4});
}

TEST_CASE("uint8 inputs become numbers from 0 to 1 and stay with their labels") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const DataLoader loader(numbered(256), {.batch_size = 100, .dtype = dtype});
    for (const Batch& batch : loader.epoch(5)) {
      CHECK(batch.input().dtype() == dtype);
      CHECK(batch.target().dtype() == DType::int64);
      for (std::int64_t i = 0; i < batch.target().size(); ++i) {
        const double exact = batch.target().at({i}) / 255;
        const double expected = dtype == DType::float32 ? static_cast<double>(static_cast<float>(exact)) : exact;
        REQUIRE(batch.input().at({i, 0, 0, 0}) == expected);
        REQUIRE(batch.input().at({i, 1, 0, 0}) == expected);
      }
    }
  }
}

TEST_CASE("floating features are converted but not scaled") {
  const Dataset data(Tensor::of({2, 2}, {100, 200, -3, 0.5}, DType::float64), Tensor::labels({0, 1}), 2);
  const Batch batch = DataLoader(data, {.shuffle = false}).epoch(0)[0];
  CHECK(identical(batch.input(), Tensor::of({2, 2}, {100, 200, -3, 0.5})));
}

TEST_CASE("batches do not depend on the number of threads") {
  Tensor images = Tensor::empty({40, 100, 100, 1}, DType::uint8);  // three for each piece of parallel work
  auto* pixels = images.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < images.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i / 10000 * 6 + i % 5);
  const Dataset data(images, Tensor::zeros({40}, DType::int64), 1);
  const DataLoader loader(data);
  const KernelSettings restored;
  kernels::set_num_threads(1);
  const Tensor alone = loader.epoch(0)[0].input();
  kernels::set_num_threads(3);
  const Tensor together = loader.epoch(0)[0].input();
  CHECK(identical(alone, together));
  const Tensor whole = DataLoader(data, {.batch_size = 40, .shuffle = false}).epoch(0)[0].input();
  bool right = true;
  for (std::int64_t i = 0; i < whole.size(); ++i) {
    right = right && whole.data<float>()[i] == static_cast<float>(pixels[i]) / 255;
  }
  CHECK(right);
}

TEST_CASE("the augmentation of an image depends on seed, epoch and index, not on its batch") {
  const Augmentation augmentation{.horizontal_flip = true, .rotation = 20, .brightness = 0.1};
  Tensor images = Tensor::empty({20, 6, 6, 2}, DType::float64);
  for (int i = 0; i < images.size(); ++i) images.mutable_data<double>()[i] = i % 37 / 40.0;
  const Dataset data(images, numbered(20).target(), 20);
  for (const std::int64_t batch_size : {3, 20}) {
    const DataLoader loader(
        data, {.batch_size = batch_size, .seed = 9, .dtype = DType::float64, .augmentation = augmentation});
    for (const Batch& batch : loader.epoch(4)) {
      for (std::int64_t i = 0; i < batch.size(); ++i) {
        const auto index = static_cast<std::int64_t>(batch.target().at({i}));
        const Distortion drawn = draw_distortion(augmentation, Shape{6, 6, 2}, 9, 4, index);
        CHECK(identical(batch.input().rows(i, i + 1).reshaped({6, 6, 2}),
                        distorted(data.sample(index).front(), drawn, Fill::edge)));
      }
    }
  }
}

TEST_CASE("a source makes the samples of a batch, and a wrong shape or type is rejected") {
  const auto source = [](const Shape& promised) {
    return ImageSource{promised, [](std::int64_t i) { return Tensor::full({2, 2, 1}, double(i), DType::uint8); }};
  };
  const Dataset data(source({2, 2, 1}), Tensor::labels({0, 1, 0}), {"even", "odd"});
  CHECK(DataLoader(data, {.shuffle = false}).epoch(0)[0].input().at({2, 1, 1, 0}) == Approx(2 / 255.0));
  CHECK(error_of([&] { data.inputs(); }) ==
        "Dataset::inputs: expected samples in memory, got 3 that are read when a batch needs them; take them one by "
        "one with sample(), or in batches with a DataLoader");
  for (const int index : {-1, 3}) {
    CHECK_THAT(error_of([&] { data.sample(index); }),
               Contains(fmt::format("Dataset::sample: expected an index in [0, 3), got {}", index)));
  }
  CHECK(data.sample(2)[0].at({1, 1, 0}) == 2);
  CHECK(error_of([&] { DataLoader(data).epoch(-1); }) == "DataLoader::epoch: expected a number of 0 or more, got -1");
  const Dataset wrong(source({2, 3, 1}), Tensor::labels({0}), {"even"});
  CHECK(error_of([&] { DataLoader(wrong).epoch(0)[0]; }) ==
        "Dataset::sample: expected a source that makes uint8 (2, 3, 1), got uint8 (2, 2, 1) for sample 0");
  CHECK(error_of([&] {
          Dataset(ImageSource{{2, 2, 1}, {}}, Tensor::labels({0}), {"a"});
        }) ==
        "Dataset: expected a source of images (height, width, channels), got an empty function of shape (2, 2, 1)");
  CHECK(error_of([&] { Dataset(source({4}), Tensor::labels({0}), {"a"}); }) ==
        "Dataset: expected a source of images (height, width, channels), got one of shape (4,)");
  CHECK(error_of([&] {
          Dataset(source({2, 2, 1}), Tensor::labels({}), {"a"});
        }) == "Dataset: expected labels (n) of at least one sample, got (0,)");
  CHECK(error_of([&] {
          Dataset(source({2, 2, 1}), Tensor::labels({1}), {"a"});
        }) == "Dataset: expected labels in [0, 1), got 1 at index 0");
}

TEST_CASE("an epoch may outlive its loader") {
  auto loader = std::make_unique<DataLoader>(numbered(4), DataLoaderOptions{.shuffle = false});
  const Epoch epoch = loader->epoch(0);
  loader.reset();
  CHECK(labels_of(epoch) == std::vector<double>{0, 1, 2, 3});
}

TEST_CASE("a loader rejects invalid options and batch numbers") {
  const Dataset data = numbered(5);
  CHECK(error_of([&] { DataLoader(data, {.batch_size = 0}); }) ==
        "DataLoader: expected a batch_size of at least 1, got 0");
  CHECK(error_of([&] { DataLoader(data, {.batch_size = -3}); }) ==
        "DataLoader: expected a batch_size of at least 1, got -3");
  CHECK(error_of([&] { DataLoader(data, {.dtype = DType::uint8}); }) ==
        "DataLoader: expected dtype float32 or float64, got uint8");
  CHECK(error_of([&] { DataLoader(data, {.prefetch = -1}); }) == "DataLoader: expected prefetch in [0, 64], got -1");
  CHECK(error_of([&] { DataLoader(data, {.prefetch = 65}); }) == "DataLoader: expected prefetch in [0, 64], got 65");
  CHECK(error_of([&] { DataLoader(data, {.augmentation = {.shift = -1}}); }) ==
        "DataLoader: expected augmentation.shift in [0, 1], got -1");
  const DataLoader loader(data, {.batch_size = 2});
  CHECK(error_of([&] { loader.epoch(-1); }) == "DataLoader::epoch: expected a number of 0 or more, got -1");
  CHECK(error_of([&] { loader.epoch(0)[3]; }) == "Epoch: expected a batch in [0, 3), got 3");
  CHECK(error_of([&] { loader.epoch(0)[-1]; }) == "Epoch: expected a batch in [0, 3), got -1");
}
