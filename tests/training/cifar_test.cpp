#include "training/data/cifar.hpp"

#include <fstream>

#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// A record: its labels, and planes in which pixel p of channel c has the value p % 50 + 50 c.
std::string record(const std::string& labels) {
  std::string bytes = labels;
  for (int c = 0; c < 3; ++c) {
    for (int p = 0; p < 1024; ++p) bytes += static_cast<char>(p % 50 + 50 * c);
  }
  return bytes;
}

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("load_cifar10 reads the batches in their order and brings the planes together") {
  const TemporaryFolder folder;
  for (char i = 1; i <= 5; ++i) {
    write(folder / fmt::format("data_batch_{}.bin", int{i}), record({static_cast<char>(i + 4)}) + record({i}));
  }
  write(folder / "test_batch.bin", record({3}));
  const SplitData data = load_cifar10(folder.path());
  CHECK(data.train.target().to_vector() == std::vector<double>{5, 1, 6, 2, 7, 3, 8, 4, 9, 5});
  const std::vector<std::string> names{"airplane", "automobile", "bird",  "cat",  "deer",
                                       "dog",      "frog",       "horse", "ship", "truck"};
  CHECK(data.train.class_names() == names);
  CHECK(data.test.class_names() == names);
  REQUIRE(data.train.input().shape() == Shape{10, 32, 32, 3});
  for (const std::int64_t c : {0, 1, 2}) {
    CHECK(data.train.input().at({7, 2, 5, c}) == (2 * 32 + 5) % 50 + 50 * static_cast<double>(c));
  }
}

TEST_CASE("load_cifar100 reads the fine labels and their names") {
  const TemporaryFolder folder;
  std::string names;
  for (int i = 0; i < 100; ++i) names += fmt::format("class {}\n", i);
  write(folder / "fine_label_names.txt", names);
  write(folder / "train.bin", record({7, 42}) + record({7, 99}));
  write(folder / "test.bin", record({1, 0}));
  const SplitData data = load_cifar100(folder.path());
  CHECK(data.train.target().to_vector() == std::vector<double>{42, 99});
  CHECK(data.train.class_names()[99] == "class 99");
  CHECK(data.train.input().at({1, 0, 1, 2}) == 101);
  std::string lines_of_windows;
  for (int i = 0; i < 100; ++i) lines_of_windows += fmt::format("class {}\r\n", i);
  write(folder / "fine_label_names.txt", lines_of_windows + "\r\n");
  CHECK(load_cifar100(folder.path()).test.class_names() == data.train.class_names());
  write(folder / "fine_label_names.txt", names + "one more\n");
  CHECK_THAT(error_of([&] { load_cifar100(folder.path()); }),
             Contains("load_cifar100: expected the names of 100 classes, got more in "));
  write(folder / "fine_label_names.txt", "cat\n");
  CHECK_THAT(error_of([&] { load_cifar100(folder.path()); }),
             Contains("load_cifar100: expected the names of 100 classes, got 1 in "));
}

TEST_CASE("files that are not CIFAR's are rejected with their path") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "data_batch_1.bin";
  CHECK_THAT(error_of([&] { load_cifar10(folder.path()); }), Contains(path.string()));
  write(path, "");
  CHECK_THAT(error_of([&] { read_cifar(path); }), Contains("records of 3073 bytes, got 0 bytes in " + path.string()));
  write(path, record({1}) + "x");
  CHECK_THAT(error_of([&] { read_cifar(path); }),
             Contains("read_cifar: expected one or more records of 3073 bytes, got 3074 bytes in ") &&
                 Contains("it is no file of CIFAR's binary version, or was cut short"));
  write(path, record({10}));
  CHECK_THAT(error_of([&] { load_cifar10(folder.path()); }),
             Contains("read_cifar: expected labels below 10, got 10 in " + path.string()));
  CHECK(error_of([&] { read_cifar(path, 3); }) == "read_cifar: expected 1 or 2 bytes of labels, got 3");
}
