#include "training/data/dataset.hpp"

#include <fstream>
#include <set>

#include "framework/autograd/forward_pass.hpp"
#include "framework/io/hdf5.hpp"
#include "framework/tensor/random.hpp"
#include "framework/tensor/streams.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// n samples of two features. Feature 0 is the number of the sample, its label is that number modulo `classes`.
Dataset numbered_rows(std::int64_t n, std::int64_t classes = 3) {
  Tensor features = Tensor::zeros({n, 2});
  Tensor labels = Tensor::zeros({n}, DType::int64);
  for (std::int64_t i = 0; i < n; ++i) {
    features.mutable_data<float>()[2 * i] = static_cast<float>(i);
    labels.mutable_data<std::int64_t>()[i] = i % classes;
  }
  return Dataset(features, labels, classes);
}

std::vector<std::int64_t> numbers_of(const Dataset& data) {
  std::vector<std::int64_t> result;
  for (std::int64_t i = 0; i < data.size(); ++i) result.push_back(static_cast<std::int64_t>(data.input().at({i, 0})));
  return result;
}

void write_signs(const std::filesystem::path& folder, const std::string& part, const Tensor& images,
                 const Tensor& labels) {
  save_hdf5(
      folder / (part + "_signs.h5"),
      {{part + "_set_x", images}, {part + "_set_y", labels}, {"list_classes", Tensor::labels({0, 1, 2, 3, 4, 5})}});
}

/// Writes an IDX file of unsigned bytes. load_idx reads it with and without compression.
void write_idx(const std::filesystem::path& path, const std::vector<char>& extents, const std::string& elements) {
  std::ofstream out(path, std::ios::binary);
  out.write("\0\0\x08", 3).put(static_cast<char>(extents.size()));
  for (const char extent : extents) out.write("\0\0\0", 3).put(extent);
  out << elements;
}

void write_mnist(const std::filesystem::path& folder) {
  write_idx(folder / "train-images-idx3-ubyte.gz", {2, 1, 2}, "abcd");
  write_idx(folder / "train-labels-idx1-ubyte.gz", {2}, "\x09\x04");
  write_idx(folder / "t10k-images-idx3-ubyte.gz", {1, 1, 2}, "ef");
  write_idx(folder / "t10k-labels-idx1-ubyte.gz", {1}, "\x01");
}

}  // namespace

TEST_CASE("a data set has images, labels, classes and a size") {
  const Dataset data(Tensor::zeros({3, 4, 4, 1}, DType::uint8), Tensor::labels({0, 1, 1}), 2);
  CHECK(data.size() == 3);
  CHECK(data.classes() == 2);
  CHECK(data.input().shape() == Shape{3, 4, 4, 1});
  CHECK(identical(data.target(), Tensor::labels({0, 1, 1})));
  CHECK(data.class_names().empty());
  CHECK(data.input_shape() == Shape{4, 4, 1});
  CHECK(data.sample(2).front().shape() == Shape{4, 4, 1});
  const Dataset named(data.input(), data.target(), {"no", "yes", "perhaps"});
  CHECK(named.classes() == 3);
  CHECK(named.rows(1, 2).class_names() == std::vector<std::string>{"no", "yes", "perhaps"});
}

TEST_CASE("a data set rejects images and labels that do not match") {
  const auto error = [](const Tensor& images, const Tensor& labels, std::int64_t classes) {
    return error_of([&] { Dataset(images, labels, classes); });
  };
  const Tensor images = Tensor::zeros({3, 2});
  const Tensor labels = Tensor::labels({0, 1, 1});
  CHECK(error(images, Tensor::labels({0, 1}), 2) ==
        "Dataset: expected inputs (n, ...) and targets (n, ...) of as many samples, got (3, 2) and (2,)");
  CHECK(error(Tensor::zeros({3}), labels, 2) ==
        "Dataset: expected inputs (n, ...) of at least two axes, got (3,); for one number a sample reshape them to (n, "
        "1)");
  CHECK(error(Tensor::zeros({0, 2}), Tensor::labels({}), 2) ==
        "Dataset: expected at least one sample with elements, got inputs (0, 2)");
  CHECK(error(Tensor(), labels, 2) == "Dataset: expected inputs and targets, got an undefined tensor");
  CHECK(error(images, Tensor(), 2) == "Dataset: expected inputs and targets, got an undefined tensor");
  CHECK(error(images, labels.to(DType::float32), 2) ==
        "Dataset: expected labels of int64 (n, ...) or of distributions (n, ..., 2), got float32 (3,); convert class "
        "numbers to int64 (n) with .reshaped({n}).to(DType::int64)");
  CHECK(error(images, labels.to(DType::uint8), 2) ==
        "Dataset: expected labels of int64 (n, ...), got uint8 (3,); convert with .to(DType::int64)");
  CHECK(error(images, labels, 0) ==
        "Dataset: expected at least 1 class, got 0; leave it out for targets without classes");
  CHECK(error(images, labels, 1) == "Dataset: expected labels in [0, 1), got 1 at index 1");
  CHECK(error(images, Tensor::labels({0, 1, -1}), 2) ==
        "Dataset: expected labels in [0, 2), got -1 at index 2; say which label is to be ignored with "
        "Target::ignored_label");
}

TEST_CASE("a data set says what is wrong with the shapes of inputs") {
  const Target target{Tensor::labels({0, 1, 2}), 3};
  const auto error = [&](const std::vector<Shape>& shapes) {
    std::vector<Tensor> inputs;
    for (const Shape& shape : shapes) inputs.push_back(Tensor::zeros(shape));
    return error_of([&] { Dataset(inputs, {target}); });
  };
  CHECK(error({{3}}) ==
        "Dataset: expected inputs (n, ...) of at least two axes, got (3,); for one number a sample reshape them to (n, "
        "1)");
  CHECK(error({Shape{}}) == "Dataset: expected inputs (n, ...) of at least two axes, got ()");
  CHECK(error({{3, 0}}) == "Dataset: expected at least one sample with elements, got inputs (3, 0)");
  CHECK(error({{3, 2}, {2, 2}}) == "Dataset: expected as many samples in each input, got (3, 2) and (2, 2)");
}

TEST_CASE("a data set rejects a source that is not one of images") {
  const auto error_with = [](const Shape& shape, bool function) {
    ImageSource source{shape, [=](std::int64_t) { return Tensor::zeros(shape, DType::uint8); }};
    if (!function) source.image = nullptr;
    return error_of([&] { Dataset(source, Tensor::labels({0}), {"a"}); });
  };
  const std::string expected = "Dataset: expected a source of images (height, width, channels), got ";
  CHECK(error_with({4, 4}, true) == expected + "one of shape (4, 4)");
  CHECK(error_with({4, 4, 3, 1}, true) == expected + "one of shape (4, 4, 3, 1)");
  CHECK(error_with({4, 0, 3}, true) == expected + "one of shape (4, 0, 3)");
  const ImageSource none{{4, 4, 3}, [](std::int64_t) { return Tensor::zeros({4, 4, 3}, DType::uint8); }};
  CHECK(error_of([&] { Dataset(none, Tensor::labels({}), {"a"}); }) ==
        "Dataset: expected labels (n) of at least one sample, got (0,)");
  CHECK(error_with({4, 4, 3}, false) == expected + "an empty function of shape (4, 4, 3)");
}

TEST_CASE("a data set rejects class names that a model file cannot store") {
  const auto error = [](const std::vector<std::string>& names) {
    const std::string in_memory = error_of([&] { Dataset(Tensor::zeros({2, 3}), Tensor::labels({0, 1}), names); });
    const ImageSource images{{3, 3, 1}, [](std::int64_t) { return Tensor::zeros({3, 3, 1}, DType::uint8); }};
    CHECK(error_of([&] { Dataset(images, Tensor::labels({0, 1}), names); }) == in_memory);
    return in_memory;
  };
  CHECK(error({"caf\xe9", "b"}) == "Dataset: class_names[0]: expected text in UTF-8, got byte 0xe9 after 3 others");
  CHECK(error({"a", "b\t"}) ==
        "Dataset: class_names[1]: expected text without control characters, got byte 0x09 after 1 others");
  CHECK(error({"a", "a"}) == "Dataset: class_names[1]: expected different names, got \"a\" twice");
}

TEST_CASE("rows and subset select samples with their labels") {
  const Dataset data = numbered_rows(5);
  CHECK(numbers_of(data.rows(1, 3)) == std::vector<std::int64_t>{1, 2});
  const Dataset picked = data.subset({4, 0, 4});
  CHECK(numbers_of(picked) == std::vector<std::int64_t>{4, 0, 4});
  CHECK(identical(picked.target(), Tensor::labels({1, 0, 1})));
  CHECK(picked.classes() == 3);
  CHECK(error_of([&] { data.rows(2, 2); }) ==
        "Dataset::rows: expected 0 <= begin < end <= 5, the number of samples, got [2, 2)");
  CHECK(error_of([&] { data.rows(0, 6); }) ==
        "Dataset::rows: expected 0 <= begin < end <= 5, the number of samples, got [0, 6)");
  CHECK(error_of([&] { data.subset({}); }) == "Dataset::subset: expected at least one index, got none");
  CHECK(error_of([&] { data.subset({0, 5}); }) == "Dataset::subset: expected indices in [0, 5), got 5");
  CHECK(error_of([&] { data.subset({-1}); }) == "Dataset::subset: expected indices in [0, 5), got -1");
}

TEST_CASE("split divides the samples into two disjoint parts, the same for the same seed") {
  const Dataset data = numbered_rows(100);
  const SplitData parts = split(data, 0.2, 7);
  CHECK(parts.train.size() == 80);
  CHECK(parts.test.size() == 20);
  const auto train = numbers_of(parts.train);
  const auto test = numbers_of(parts.test);
  std::set<std::int64_t> all(train.begin(), train.end());
  all.insert(test.begin(), test.end());
  CHECK(all.size() == 100);
  CHECK(numbers_of(split(data, 0.2, 7).test) == test);
  CHECK(numbers_of(split(data, 0.2, 8).test) != test);
  CHECK(test != numbers_of(data.rows(80, 100)));
  CHECK(parts.test.target().at({3}) == static_cast<double>(test[3] % 3));
}

TEST_CASE("split, dropout and the epochs of one seed draw from different streams") {
  const auto test = numbers_of(split(numbered_rows(100), 0.2, 7).test);
  const auto drawn = [](RandomStream stream) {
    const auto order = stream.permutation(100);
    return std::vector<std::int64_t>(order.end() - 20, order.end());
  };
  CHECK(drawn(RandomStream(7, streams::splits)) == test);
  CHECK(drawn(RandomStream(7, streams::epochs)) != test);
  CHECK(drawn(ForwardPass(Mode::training, {.seed = 7, .step = 0}).random_stream()) != test);
  CHECK(drawn(ForwardPass(Mode::training, {.seed = 7, .step = 0}).random_stream()) ==
        drawn(RandomStream(7, streams::of_dropout(0, 0))));
  CHECK(streams::of_dropout((std::int64_t{1} << 42) - 1, (1 << 20) - 1) == streams::epochs - 1);
}

TEST_CASE("split rejects fractions that leave a part empty") {
  CHECK(error_of([] { split(numbered_rows(10), 0); }) == "split: expected a fraction between 0 and 1, got 0");
  CHECK(error_of([] { split(numbered_rows(10), 1); }) == "split: expected a fraction between 0 and 1, got 1");
  CHECK(error_of([] { split(numbered_rows(10), 0.01); }) ==
        "split: expected at least one sample in each part, got 0 of 10 samples for the fraction 0.01; use more samples "
        "or a larger fraction");
  CHECK(
      error_of([] { split(numbered_rows(10), 0.99); }) ==
      "split: expected at least one sample in each part, got 10 of 10 samples for the fraction 0.99; use more samples "
      "or a smaller fraction");
  CHECK(error_of([] { split(numbered_rows(1), 0.5); }) ==
        "split: expected at least one sample in each part, got 1 of 1 sample for the fraction 0.5; use more samples or "
        "a smaller fraction");
}

TEST_CASE("load_signs reads labels of shape (n) and (1, n)") {
  const TemporaryFolder folder;
  const Tensor images = Tensor::full({2, 64, 64, 3}, 9, DType::uint8);
  write_signs(folder.path(), "train", images, Tensor::labels({5, 0}));
  write_signs(folder.path(), "test", images, Tensor::labels({1, 2}).reshaped({1, 2}));
  const SplitData data = load_signs(folder.path());
  CHECK(identical(data.train.input(), images));
  CHECK(identical(data.train.target(), Tensor::labels({5, 0})));
  CHECK(identical(data.test.target(), Tensor::labels({1, 2})));
  CHECK(data.train.class_names() == std::vector<std::string>{"0", "1", "2", "3", "4", "5"});
}

TEST_CASE("load_signs names a missing or invalid file") {
  const TemporaryFolder folder;
  const std::string train = (folder / "train_signs.h5").string();
  const Tensor images = Tensor::full({2, 4, 4, 3}, 9, DType::uint8);
  const auto error = [&](const Tensor& x, const Tensor& y) {
    write_signs(folder.path(), "train", x, y);
    return error_of([&] { load_signs(folder.path()); });
  };
  CHECK_THAT(error_of([&] { load_signs(folder.path()); }),
             Contains(train) && Contains("load_hdf5: expected a file that can be read, got ") &&
                 Contains("No such file or directory"));
  CHECK_THAT(error(images, Tensor::labels({0, 1})), Contains("load_hdf5: expected a file that can be read, got ") &&
                                                        Contains("No such file or directory") &&
                                                        Contains("test_signs.h5"));
  CHECK_THAT(error(images.reshaped({2, 48}), Tensor::labels({0, 1})),
             Contains("load_signs: expected images (n, height, width, channels) of uint8 as train_set_x, got (2, 48) "
                      "of uint8 in ") &&
                 Contains(train));
  CHECK_THAT(error(images.to(DType::float32), Tensor::labels({0, 1})),
             Contains("load_signs: expected images (n, height, width, channels) of uint8 as train_set_x, got (2, 4, 4, "
                      "3) of float32 in ") &&
                 Contains(train));
  CHECK_THAT(error(images, Tensor::labels({0, 1, 1})),
             Contains("Dataset: expected inputs (n, ...) and targets (n, ...) of as many samples, got (2, 4, 4, 3) and "
                      "(3,), in ") &&
                 Contains(train));
  CHECK_THAT(error(images, Tensor::labels({0, 6})),
             Contains("Dataset: expected labels in [0, 6), got 6 at index 1, in ") && Contains(train));
  CHECK_THAT(error(images, Tensor::labels({0, 1}).reshaped({2, 1})),
             Contains("load_signs: expected labels (n) or (1, n) as train_set_y, got (2, 1) in ") && Contains(train));
  CHECK_THAT(error(images, Tensor::of({2}, {0, 1})),
             Contains("load_signs: expected integers as train_set_y, got float32 in ") && Contains(train));
  save_hdf5(train, {{"train_set_x", images}});
  CHECK_THAT(error_of([&] { load_signs(folder.path()); }),
             Contains("load_hdf5: expected a data set \"train_set_y\" in ") &&
                 Contains("got none of this name; the file has \"train_set_x\""));
}

TEST_CASE("the SIGNS data are 1080 photographs in two parts, with every class in both") {
  const SplitData data = load_signs(signs_folder());
  CHECK(data.train.size() + data.test.size() == 1080);
  for (const Dataset& part : {data.train, data.test}) {
    CHECK(part.input().shape() == Shape{part.size(), 64, 64, 3});
    CHECK(part.input().dtype() == DType::uint8);
    CHECK(part.classes() == 6);
    const auto labels = part.target().to_vector();
    CHECK(std::set<double>(labels.begin(), labels.end()).size() == 6);
  }
}

TEST_CASE("load_fashion_mnist reads the four files and adds the channel") {
  const TemporaryFolder folder;
  write_mnist(folder.path());
  const SplitData data = load_fashion_mnist(folder.path());
  CHECK(identical(data.train.input(), Tensor::of({2, 1, 2, 1}, {'a', 'b', 'c', 'd'}, DType::uint8)));
  CHECK(identical(data.train.target(), Tensor::labels({9, 4})));
  CHECK(identical(data.test.input(), Tensor::of({1, 1, 2, 1}, {'e', 'f'}, DType::uint8)));
  CHECK(data.test.classes() == 10);
  CHECK(data.test.class_names() == std::vector<std::string>{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                                            "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"});
  const SplitData digits = load_mnist(folder.path());
  CHECK(identical(digits.train.input(), data.train.input()));
  CHECK(digits.train.class_names() == std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
}

TEST_CASE("load_fashion_mnist reads the files without .gz too") {
  const TemporaryFolder folder;
  write_mnist(folder.path());
  for (const std::string name : {"train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    std::filesystem::rename(folder / (name + ".gz"), folder / name);
  }
  const SplitData data = load_fashion_mnist(folder.path());
  CHECK(data.train.input().shape() == Shape{2, 1, 2, 1});
  CHECK(identical(data.test.target(), Tensor::labels({1})));
}

TEST_CASE("load_fashion_mnist names a missing or invalid file") {
  const TemporaryFolder folder;
  const auto error = [&] { return error_of([&] { load_fashion_mnist(folder.path()); }); };
  CHECK_THAT(error(), Contains((folder / "train-images-idx3-ubyte.gz").string()) &&
                          Contains("load_fashion_mnist: expected the file ") &&
                          Contains(" (or without .gz), got none; name the folder that holds it, or install Debian's "
                                   "package dataset-fashion-mnist"));
  write_mnist(folder.path());
  std::filesystem::remove(folder / "t10k-labels-idx1-ubyte.gz");
  CHECK_THAT(error(), Contains("load_fashion_mnist: expected the file ") &&
                          Contains(" (or without .gz), got none; name the folder that holds it, or install Debian's "
                                   "package dataset-fashion-mnist") &&
                          Contains("t10k-labels-idx1-ubyte.gz"));
  write_idx(folder / "t10k-labels-idx1-ubyte.gz", {1}, "\x0a");
  CHECK_THAT(error(),
             Contains("Dataset: expected labels in [0, 10), got 10 at index 0, in ") && Contains("t10k-labels"));
  CHECK_THAT(error_of([&] { load_mnist(folder / "none"); }),
             Contains("load_mnist: expected the file ") &&
                 Contains(" (or without .gz), got none; name the folder that holds it") && Contains("train-images") &&
                 !Contains("fashion-mnist"));
  write_idx(folder / "t10k-labels-idx1-ubyte.gz", {2}, "\x01\x01");
  CHECK_THAT(error(), Contains("Dataset: expected inputs (n, ...) and targets (n, ...) of as many samples, got (1, 1, "
                               "2, 1) and (2,), in ") &&
                          Contains("t10k-labels"));
  write_idx(folder / "t10k-images-idx3-ubyte.gz", {2}, "ef");
  CHECK_THAT(error(), Contains("load_fashion_mnist: expected images (n, height, width), got (2,) in ") &&
                          Contains("t10k-images"));
}

TEST_CASE("Fashion-MNIST has 60000 and 10000 pictures, with equal numbers of each class") {
  const std::filesystem::path folder = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(folder)) skip("no Fashion-MNIST in " + folder.string());
  const SplitData data = load_fashion_mnist();
  CHECK(data.train.input().shape() == Shape{60'000, 28, 28, 1});
  CHECK(data.test.input().shape() == Shape{10'000, 28, 28, 1});
  std::vector<int> counts(10);
  for (const double label : data.test.target().to_vector()) ++counts[static_cast<std::size_t>(label)];
  CHECK(counts == std::vector<int>(10, 1000));
}
