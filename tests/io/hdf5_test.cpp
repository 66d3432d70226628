#include "framework/io/hdf5.hpp"

#include <hdf5.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <thread>
#include <tuple>
#include <utility>

#include "framework/io/hdf5_file.hpp"
#include "framework/io/helper_process.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "tests/io/files.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// Makes a file with the functions of HDF5.
void make_file(const std::filesystem::path& path, const std::function<void(hid_t)>& fill) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  REQUIRE(file >= 0);
  fill(file);
  REQUIRE(H5Fclose(file) >= 0);
}

/// Adds a data set, without data if `values` is null.
void add(hid_t file, const char* name, hid_t type, const std::vector<hsize_t>& extents, const void* values,
         hid_t creation = H5P_DEFAULT) {
  const hid_t space = H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
  const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  REQUIRE(dataset >= 0);
  if (values) REQUIRE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(dataset);
  H5Sclose(space);
}

/// The error for loading "x" from a file made by `fill`. Checks that it names both.
std::string error_for(const std::function<void(hid_t)>& fill) {
  const TemporaryFolder folder;
  make_file(folder / "data.h5", fill);
  const std::string error = error_of([&] { load_hdf5(folder / "data.h5", "x"); });
  CHECK_THAT(error, Contains((folder / "data.h5").string()) && Contains("load_hdf5: expected") && Contains("\"x\""));
  return error;
}

/// The process id of the child process with this name.
std::int64_t child_named(const std::string& name) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string number, program, state;
    std::int64_t parent = 0;
    if (file >> number >> program >> state >> parent && parent == getpid() && program == "(" + name + ")") {
      return std::stoll(number);
    }
  }
  return -1;
}

}  // namespace

TEST_CASE("load_hdf5 converts every integer and floating type to a type of xtape") {
  const TemporaryFolder folder;
  make_file(folder / "file", [](hid_t file) {
    const std::vector<unsigned char> bytes = {0, 1, 255};
    const std::vector<signed char> small = {-128, 0, 127};
    const std::vector<std::uint16_t> words = {0, 1, 65535};
    const std::vector<std::int32_t> numbers = {-5, 0, 5};
    const std::vector<std::uint64_t> large = {0, 1, 9223372036854775807U};
    const std::vector<float> floats = {-1.5F, 0, std::numeric_limits<float>::infinity()};
    const std::vector<double> doubles = {-1.5, 0.1, 1e300};
    add(file, "bytes", H5T_NATIVE_UINT8, {3}, bytes.data());
    add(file, "small", H5T_NATIVE_INT8, {1, 3}, small.data());
    add(file, "words", H5T_NATIVE_UINT16, {3}, words.data());
    add(file, "numbers", H5T_NATIVE_INT32, {3, 1}, numbers.data());
    add(file, "large", H5T_NATIVE_UINT64, {3}, large.data());
    add(file, "floats", H5T_NATIVE_FLOAT, {3}, floats.data());
    add(file, "doubles", H5T_NATIVE_DOUBLE, {3}, doubles.data());
  });
  const auto load = [&](const char* name) { return load_hdf5(folder / "file", name); };
  CHECK(identical(load("bytes"), Tensor::of({3}, {0, 1, 255}, DType::uint8)));
  CHECK(identical(load("small"), Tensor::of({1, 3}, {-128, 0, 127}, DType::int64)));
  CHECK(identical(load("words"), Tensor::of({3}, {0, 1, 65535}, DType::int64)));
  CHECK(identical(load("numbers"), Tensor::of({3, 1}, {-5, 0, 5}, DType::int64)));
  CHECK(identical(load("large"), Tensor::labels({0, 1, std::numeric_limits<std::int64_t>::max()})));
  CHECK(identical(load("floats"), Tensor::of({3}, {-1.5, 0, std::numeric_limits<double>::infinity()})));
  CHECK(identical(load("doubles"), Tensor::of({3}, {-1.5, 0.1, 1e300}, DType::float64)));
}

TEST_CASE("load_hdf5 reads big-endian, compressed and unfilled data sets") {
  const TemporaryFolder folder;
  make_file(folder / "file", [](hid_t file) {
    const std::vector<unsigned char> big_endian_pair = {0, 0, 1, 0, 0xff, 0xff, 0xff, 0xfe};
    add(file, "big", H5T_STD_I32BE, {2}, big_endian_pair.data());
    const hid_t packed = H5Pcreate(H5P_DATASET_CREATE);
    const std::vector<hsize_t> chunk = {1000, 1000};
    H5Pset_chunk(packed, 2, chunk.data());
    H5Pset_deflate(packed, 9);
    add(file, "packed", H5T_NATIVE_UINT8, {3000, 1000}, std::vector<unsigned char>(3'000'000, 7).data(), packed);
    H5Pclose(packed);
    add(file, "unfilled", H5T_NATIVE_FLOAT, {64}, nullptr);
  });
  CHECK(identical(load_hdf5(folder / "file", "big"), Tensor::labels({256, -2})));
  CHECK(identical(load_hdf5(folder / "file", "packed"), Tensor::full({3000, 1000}, 7, DType::uint8)));
  CHECK(identical(load_hdf5(folder / "file", "unfilled"), Tensor::zeros({64})));
}

TEST_CASE("tensors of all types and nested names are restored from an HDF5 file") {
  const TemporaryFolder folder;
  const std::vector<NamedTensor> tensors = {
      {"images", Tensor::of({1, 2, 2, 1}, {0, 1, 2, 255}, DType::uint8)},
      {"model_weights/conv1/conv1/kernel:0", Tensor::of({2}, {0.1, -2})},
      {"model_weights/conv1/conv1/bias:0", Tensor::of({1}, {0.1}, DType::float64)},
      {"labels", Tensor::labels({-1, std::int64_t{1} << 60})},
      {"scalar", Tensor::scalar(3)},
      {"empty", Tensor::zeros({0, 3})}};
  save_hdf5(folder / "file", tensors);
  for (const auto& [name, tensor] : tensors) {
    INFO(name);
    CHECK(identical(load_hdf5(folder / "file", name), tensor));
  }
  CHECK(hdf5_dataset_names(folder / "file") ==
        std::vector<std::string>{"empty", "images", "labels", "model_weights/conv1/conv1/bias:0",
                                 "model_weights/conv1/conv1/kernel:0", "scalar"});
  // HDF5 would write the time, which has a resolution of a second
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  save_hdf5(folder / "again", tensors);
  CHECK(read_bytes(folder / "file") == read_bytes(folder / "again"));
  CHECK(entries_in(folder.path()) == 2);
}

TEST_CASE("save_hdf5 rejects tensors and names that it cannot write, and writes nothing") {
  const TemporaryFolder folder;
  const Tensor one = Tensor::ones({1});
  const auto error = [&](const std::vector<NamedTensor>& tensors) {
    return error_of([&] { save_hdf5(folder / "file", tensors); });
  };
  CHECK_THAT(error({{"w", Tensor()}}), Contains("save_hdf5: expected arrays, got an undefined tensor \"w\" for ") &&
                                           Contains((folder / "file").string()));
  CHECK_THAT(error({{"w", one}, {"w", one}}),
             Contains("save_hdf5: expected different names of data sets for ") && Contains("got \"w\": "));
  CHECK_THAT(error({{"w", one}, {"w/v", one}}),
             Contains("save_hdf5: expected different names of data sets for ") && Contains("got \"w/v\": "));
  CHECK_THAT(error({{"", one}}),
             Contains("save_hdf5: expected different names of data sets for ") && Contains("got \"\": "));
  CHECK(entries_in(folder.path()) == 0);
  CHECK(error_of([&] {
          save_hdf5(folder / "none" / "file", {{"w", one}});
        }) == "save_hdf5: expected to write " + (folder / "none/file").string() + ", got no folder " +
                  (folder / "none").string() + "; make it first");
}

TEST_CASE("load_hdf5 names missing files, folders and other formats") {
  const TemporaryFolder folder;
  CHECK_THAT(error_of([&] { load_hdf5(folder / "none", "x"); }),
             Contains("load_hdf5: expected a file that can be read, got ") && Contains("No such file or directory") &&
                 Contains("/none"));
  CHECK_THAT(error_of([&] { load_hdf5(folder.path(), "x"); }),
             Contains("load_hdf5: expected a file, got ") && Contains("which is a folder"));
  write_bytes(folder / "text", "certainly not HDF5");
  CHECK_THAT(error_of([&] { load_hdf5(folder / "text", "x"); }),
             Contains("an HDF5 file, got " + (folder / "text").string()) && Contains("signature not found"));
  write_bytes(folder / "empty", "");
  CHECK_THAT(error_of([&] { load_hdf5(folder / "empty", "x"); }),
             Contains("load_hdf5: expected an HDF5 file, got an empty file: " + (folder / "empty").string()));
  CHECK_THAT(error_of([&] { hdf5_dataset_names(folder / "text"); }),
             Contains("hdf5_dataset_names: expected an HDF5 file"));
}

TEST_CASE("load_hdf5 rejects a truncated file") {
  const TemporaryFolder folder;
  save_hdf5(folder / "file", {{"x", Tensor::ones({10'000})}});
  for (const std::uintmax_t size : {20'000U, 600U, 9U, 0U}) {
    std::filesystem::resize_file(folder / "file", size);
    CHECK_THAT(error_of([&] { load_hdf5(folder / "file", "x"); }), Contains((folder / "file").string()));
  }
}

TEST_CASE("load_hdf5 lists the existing data sets when the requested one is missing") {
  CHECK_THAT(error_for([](hid_t) {}), Contains("load_hdf5: expected a data set \"x\" in ") &&
                                          Contains("got none of this name; the file has none"));
  CHECK_THAT(error_for([](hid_t file) {
               add(file, "train_set_x", H5T_NATIVE_UINT8, {1}, nullptr);
               add(file, "train_set_y", H5T_NATIVE_UINT8, {1}, nullptr);
             }),
             Contains(", got none of this name; the file has \"train_set_x\", \"train_set_y\""));
  CHECK_THAT(error_for([](hid_t file) {
               for (int i = 10; i < 35; ++i) add(file, fmt::format("w{}", i).c_str(), H5T_NATIVE_UINT8, {1}, nullptr);
             }),
             Contains("\"w10\"") && Contains("\"w29\" and 5 more"));
  CHECK(error_for([](hid_t file) {
          for (int i = 10; i < 30; ++i) add(file, fmt::format("w{}", i).c_str(), H5T_NATIVE_UINT8, {1}, nullptr);
        }).ends_with("\"w28\", \"w29\""));
  CHECK_THAT(error_for([](hid_t file) { H5Gclose(H5Gcreate2(file, "x", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)); }),
             Contains("not a dataset"));
}

TEST_CASE("load_hdf5 rejects elements and shapes that a tensor cannot have") {
  CHECK_THAT(error_for([](hid_t file) { add(file, "x", H5T_C_S1, {1}, nullptr); }), Contains("strings of 1 byte"));
  CHECK_THAT(error_for([](hid_t file) { add(file, "x", H5T_NATIVE_LDOUBLE, {1}, nullptr); }),
             Contains("floating numbers of 16 bytes"));
  CHECK_THAT(error_for([](hid_t file) { add(file, "x", H5T_NATIVE_UINT8, std::vector<hsize_t>(9, 1), nullptr); }),
             Contains("at most 8 axes") && Contains("got 9"));
  CHECK_THAT(error_for([](hid_t file) { add(file, "x", H5T_NATIVE_UINT8, std::vector<hsize_t>(32, 1), nullptr); }),
             Contains("load_hdf5: expected at most 8 axes in \"x\"") && Contains("got 32"));
  CHECK_THAT(error_for([](hid_t file) {
               const hid_t space = H5Screate(H5S_NULL);
               H5Dclose(H5Dcreate2(file, "x", H5T_NATIVE_INT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
               H5Sclose(space);
             }),
             Contains(" to be an array, got an empty data space"));
  CHECK_THAT(error_for([](hid_t file) {
               const std::vector<std::uint64_t> large = {1, std::uint64_t{1} << 63};
               add(file, "x", H5T_NATIVE_UINT64, {2}, large.data());
             }),
             Contains("as int64"));
}

TEST_CASE("load_hdf5 rejects elements in other files") {
  CHECK_THAT(error_for([](hid_t file) {
               const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
               H5Pset_external(creation, "/etc/hostname", 0, 4);
               add(file, "x", H5T_NATIVE_UINT8, {4}, nullptr, creation);
               H5Pclose(creation);
             }),
             Contains("refers to other files"));
}

TEST_CASE("load_hdf5 allocates no memory for elements that are not in the file") {
  const std::size_t before = kernels::pool_usage().held;
  CHECK_THAT(
      error_for([](hid_t file) {
        add(file, "x", H5T_NATIVE_FLOAT, {1 << 20, 1 << 20}, nullptr);
      }),
      Contains("1099511627776 elements of 4 bytes") && Contains("(1048576, 1048576)") && Contains("got 0 bytes"));
  const auto chunked = [](bool packed) {
    return [packed](hid_t file) {
      const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
      const std::vector<hsize_t> chunk = {1024, 1024};
      H5Pset_chunk(creation, 2, chunk.data());
      if (packed) H5Pset_deflate(creation, 9);
      add(file, "x", H5T_NATIVE_UINT8, {1 << 20, 1 << 20}, nullptr, creation);
      H5Pclose(creation);
    };
  };
  CHECK_THAT(
      error_for(chunked(false)),
      Contains("load_hdf5: expected 1099511627776 elements of 1 byte in \"x\" of ") &&
          Contains(" for shape (1048576, 1048576), got 0 bytes in the file; it is cut short or was never filled"));
  CHECK_THAT(error_for(chunked(true)), Contains("load_hdf5: expected 1099511627776 elements of 1 byte in \"x\" of ") &&
                                           Contains(" for shape (1048576, 1048576), got 0 bytes of compressed data in "
                                                    "the file; it is cut short or was never filled"));
  CHECK(kernels::pool_usage().held == before);
}

TEST_CASE("the helper rejects a data set whose size differs from the requested one") {
  const TemporaryFolder folder;
  save_hdf5(folder / "file", {{"x", Tensor::ones({2, 3})}});
  HelperProcess helper("load_hdf5", hdf5_helper);
  const auto size = std::to_string(std::filesystem::file_size(folder / "file"));
  CHECK(helper.ask({"open", "load_hdf5", (folder / "file").string(), size}));
  for (const char* bytes : {"0", "23", "25"}) {
    CHECK(error_of([&] {
            helper.ask({"read", "x", bytes});
          }) == fmt::format("load_hdf5: expected {} bytes of \"x\", got 24 now", bytes));
  }
  std::array<float, 6> values{};
  CHECK(helper.ask({"read", "x", "24"}));
  CHECK(helper.receive_bytes(values.data(), sizeof values));
  CHECK(values == std::array<float, 6>{1, 1, 1, 1, 1, 1});
}

TEST_CASE("limits of processor time and memory of the helper depend on the file and the request") {
  const TemporaryFolder folder;
  constexpr std::int64_t bytes = std::int64_t{8} << 20;
  save_hdf5(folder / "file", {{"x", Tensor::zeros({bytes}, DType::uint8)}});
  HelperProcess helper("load_hdf5", hdf5_helper);
  CHECK(helper.ask({"open", "load_hdf5", (folder / "file").string(), std::to_string(bytes)}));
  const auto limits = [](const char* name) {
    std::ifstream file(fmt::format("/proc/{}/limits", child_named("xtape-hdf5")));
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(name)) return std::atoll(line.substr(26).c_str());
    }
    return -1LL;
  };
  CHECK(limits("Max core file size") == 0);
  CHECK(limits("Max cpu time") == 5);
  const std::int64_t memory = limits("Max address space");
  CHECK(memory > std::int64_t{1} << 30);
  CHECK(helper.ask({"read", "x", std::to_string(bytes)}));
  std::string elements(bytes, ' ');
  CHECK(helper.receive_bytes(elements.data(), elements.size()));
  CHECK(limits("Max cpu time") == 5 + 2);  // one second for each 4 MiB
  CHECK(limits("Max address space") == memory + 4 * bytes);
}

TEST_CASE("attributes of an HDF5 file are restored, and attributes that are too long are rejected") {
  const TemporaryFolder folder;
  const std::vector<std::string> names = {"conv1", "", "a longer name"};
  save_hdf5(folder / "file", {{"g/x", Tensor::ones({1})}},
            {{"/", "names", names}, {"g", "none", {}}, {"new/group", "one", {"text"}, false}});
  const Hdf5File file("test", folder / "file");
  CHECK(file.strings("/", "names") == names);
  CHECK(file.strings("g", "none") == std::vector<std::string>{});
  CHECK(file.strings("new/group", "one") == std::vector<std::string>{"text"});
  CHECK(file.strings("g", "other") == std::nullopt);
  CHECK_THAT(error_of([&] { file.strings("nothing", "names"); }),
             Contains("load_hdf5: expected \"nothing\" in ") && Contains("got: object "));
  CHECK_THAT(
      error_of([&] {
        save_hdf5(folder / "large", {}, {{"/", "names", std::vector<std::string>(3000, std::string(30, 'a'))}});
      }),
      Contains("save_hdf5: expected at most 64512 bytes in attribute \"names\" of \"/\", got 3000 values of 30 for "));
}

TEST_CASE("strings of fixed length lose the padding of their type, and no other characters") {
  const TemporaryFolder folder;
  const std::string bytes = "ab  " + std::string("c \0\0", 4) + "    ";
  make_file(folder / "file", [&](hid_t file) {
    for (const auto& [name, padding] :
         {std::pair("blank", H5T_STR_SPACEPAD), {"zero", H5T_STR_NULLPAD}, {"ended", H5T_STR_NULLTERM}}) {
      const hid_t type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, 4);
      H5Tset_strpad(type, padding);
      const hsize_t count = 3;
      const hid_t space = H5Screate_simple(1, &count, nullptr);
      const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
      REQUIRE(H5Awrite(attribute, type, bytes.data()) >= 0);
      H5Aclose(attribute);
      H5Sclose(space);
      H5Tclose(type);
    }
  });
  const Hdf5File file("test", folder / "file");
  CHECK(file.strings("/", "blank") == std::vector<std::string>{"ab", "c", ""});
  CHECK(file.strings("/", "zero") == std::vector<std::string>{"ab  ", "c ", "    "});
  CHECK(file.strings("/", "ended") == std::vector<std::string>{"ab  ", "c ", "    "});
}

TEST_CASE("attributes are written like byte strings of h5py: as long as the longest, padded with zeros") {
  const TemporaryFolder folder;
  save_hdf5(folder / "file", {},
            {{"/", "names", {"conv1", "a longer name"}},
             {"/", "one", {"text"}, false},
             {"/", "letters", {"", "a"}},
             {"/", "blank", {""}}});
  const hid_t file = H5Fopen((folder / "file").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  for (const auto& [name, size, rank] :
       {std::tuple("names", 13, 1), {"one", 4, 0}, {"letters", 1, 1}, {"blank", 1, 1}}) {
    CAPTURE(name);
    const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    CHECK(H5Tget_class(type) == H5T_STRING);
    CHECK(H5Tget_cset(type) == H5T_CSET_ASCII);
    CHECK(H5Tget_strpad(type) == H5T_STR_NULLPAD);
    CHECK(static_cast<int>(H5Tget_size(type)) == size);
    CHECK(H5Sget_simple_extent_ndims(space) == rank);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
  }
  H5Fclose(file);
}

TEST_CASE("links into other files are not followed, and groups that contain themselves end") {
  const TemporaryFolder folder;
  make_file(folder / "other", [](hid_t file) { add(file, "x", H5T_NATIVE_UINT8, {1}, nullptr); });
  CHECK_THAT(error_for([&](hid_t file) {
               H5Lcreate_external((folder / "other").c_str(), "/x", file, "x", H5P_DEFAULT, H5P_DEFAULT);
             }),
             Contains(", got none of this name; the file has none"));
  make_file(folder / "loop", [](hid_t file) {
    H5Lcreate_hard(file, "/", file, "again", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/", file, "and again", H5P_DEFAULT, H5P_DEFAULT);
  });
  make_file(folder / "many", [](hid_t file) {
    for (int i = 0; i <= 100'000; ++i) {
      H5Lcreate_hard(file, "/", file, std::to_string(i).c_str(), H5P_DEFAULT, H5P_DEFAULT);
    }
  });
  const std::string expected = "hdf5_dataset_names: expected ";
  CHECK(error_of([&] { hdf5_dataset_names(folder / "loop"); }) ==
        expected + "groups in at most 64 others, got more in " + (folder / "loop").string() +
            "; do they contain themselves?");
  CHECK(error_of([&] { hdf5_dataset_names(folder / "many"); }) == expected + "at most 100000 objects, got more in " +
                                                                      (folder / "many").string() +
                                                                      "; do its groups contain themselves?");
}

TEST_CASE("names in an HDF5 file may be long, up to a limit for all paths together") {
  const TemporaryFolder folder;
  const std::string name(60'000, 'x');
  save_hdf5(folder / "long", {{name + "/" + name + "/w", Tensor::zeros({1})}});
  CHECK(hdf5_dataset_names(folder / "long") == std::vector{name + "/" + name + "/w"});
  // 9 links to the group itself at each of 64 levels: the paths have 60,001 bytes for each level
  make_file(folder / "loop", [&](hid_t file) {
    for (int i = 0; i < 9; ++i) {
      H5Lcreate_hard(file, "/", file, (name + std::to_string(i)).c_str(), H5P_DEFAULT, H5P_DEFAULT);
    }
  });
  CHECK(error_of([&] { hdf5_dataset_names(folder / "loop"); }) ==
        "hdf5_dataset_names: expected paths of at most 67108864 bytes together, got more in " +
            (folder / "loop").string() + "; are its names that long?");
}
