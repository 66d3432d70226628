// Files of other formats, and arrays of types and filters that cannot be read: the messages, and what can still be
// read.
#include <functional>

#include "framework/io/extension.hpp"
#include "framework/io/hdf5.hpp"
#include "framework/io/hdf5_file.hpp"
#include "framework/io/idx.hpp"
#include "framework/io/image.hpp"
#include "framework/io/safetensors.hpp"
#include "framework/io/utf8.hpp"
#include "tests/io/files.hpp"
#include "tests/io/python.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
using Catch::Equals;
using Catch::StartsWith;
using namespace std::string_literals;

TEST_CASE("messages name zip archives and files of the other format") {
  const TemporaryFolder folder;
  write_bytes(folder / "m.keras", "PK\x03\x04 and so on");
  const std::string path = (folder / "m.keras").string();
  const std::string zip = ", got a zip archive: " + path +
                          "; if it is Keras's .keras format, load_keras_model() reads it, and load_weights() the "
                          "model.weights.h5 in it";
  CHECK(error_of([&] { load_safetensors(path); }) == "load_safetensors: expected a safetensors file" + zip);
  CHECK(error_of([&] { load_hdf5(path, "x"); }) == "load_hdf5: expected an HDF5 file" + zip);
  CHECK(error_of([&] { hdf5_dataset_names(path); }) == "hdf5_dataset_names: expected an HDF5 file" + zip);
  save_hdf5(folder / "w.h5", {{"x", Tensor::ones({2})}});
  CHECK(error_of([&] { load_safetensors(folder / "w.h5"); }) ==
        "load_safetensors: expected a safetensors file, got an HDF5 file: " + (folder / "w.h5").string() +
            "; load_weights() reads Keras's weights into a model that code makes, load_hdf5() single arrays");
}

TEST_CASE("an empty zip archive and HDF5 after a user block are recognized") {
  const TemporaryFolder folder;
  write_bytes(folder / "empty.zip", "PK\x05\x06"s + std::string(18, '\0'));
  CHECK_THAT(error_of([&] { load_safetensors(folder / "empty.zip"); }),
             Contains("load_safetensors: expected a safetensors file, got a zip archive: ") &&
                 Contains("if it is Keras's .keras format, load_keras_model() reads it, and load_weights() the "
                          "model.weights.h5 in it"));
  save_hdf5(folder / "plain", {{"x", Tensor::ones({2})}});
  for (const std::size_t offset : {512U, 1024U, 4096U}) {
    INFO(offset);
    write_bytes(folder / "file", std::string(offset, 'u') + read_bytes(folder / "plain"));
    CHECK_THAT(error_of([&] { load_safetensors(folder / "file"); }), Contains("got an HDF5 file"));
    CHECK(identical(load_hdf5(folder / "file", "x"), Tensor::ones({2})));
  }
}

TEST_CASE("data sets of other kinds are described, and only reading them is an error") {
  const std::string python = python_with("h5py");
  const TemporaryFolder folder;
  const std::string path = (folder / "file").string();
  output_of(fmt::format(
      "{} -c 'import h5py, numpy as n; f = h5py.File(\"{}\", \"w\"); f[\"empty\"] = h5py.Empty(\"f4\"); f[\"nine\"] "
      "= n.zeros((1,) * 9, \"f4\"); f.create_dataset(\"unfilled\", (1000, 1000), \"f4\"); f[\"dangling\"] = "
      "h5py.SoftLink(\"/nowhere\"); f.create_dataset(\"outside\", (9,), \"f4\", external=[(\"/dev/null\", 0, 36)]); "
      "f[\"group/x\"] = n.ones(2, \"f4\")'",
      python, path));
  const Hdf5File file("test", path);
  const std::string no_shape = "float32 in a shape that no tensor has";
  for (const auto& [name, type, message] :
       {std::tuple{"empty"s, no_shape, "expected \"empty\" of " + path + " to be an array, got an empty data space"},
        {"nine", no_shape, "expected at most 8 axes in \"nine\" of " + path + ", got 9"},
        {"dangling", "nothing", "expected a data set \"dangling\" in " + path + ", got: "},
        {"group", "a group", "expected a data set \"group\" in " + path + ", got not a dataset but a group"},
        {"unfilled", "float32",
         "expected 1000000 elements of 4 bytes in \"unfilled\" of " + path +
             " for shape (1000, 1000), got 0 bytes in the file; it is cut short or was never filled"},
        {"outside", "float32",
         "expected the elements of \"outside\" inside " + path + ", got a data set that refers to other files"}}) {
    INFO(name);
    const StoredTensor tensor = file.dataset(name);
    CHECK(tensor.type == type);
    CHECK(tensor.dtype.has_value() == (type == "float32"));
    const std::string error = error_of([&] { tensor.read(); });
    CHECK_THAT(error, StartsWith("load_hdf5: " + message));
    CHECK((name == "dangling" || error == "load_hdf5: " + message));  // the words of the HDF5 library are its own
  }
  CHECK(file.dataset("unfilled").shape == Shape{1000, 1000});
  CHECK(identical(file.dataset("group/x").read(), Tensor::ones({2})));
}

TEST_CASE("booleans of h5py are read, strings and structures are listed") {
  const std::string python = python_with("h5py");
  const TemporaryFolder folder;
  const std::string path = (folder / "file").string();
  output_of(
      fmt::format("{} -c 'import h5py, numpy as n; f = h5py.File(\"{}\", \"w\"); f[\"b\"] = n.array([[True, "
                  "False], [False, True]]); f[\"s\"] = n.array([b\"one\"]); f[\"v\"] = \"text\"; f[\"c\"] = "
                  "n.zeros(2, dtype=[(\"a\", \"f4\"), (\"b\", \"i8\")]); f[\"z\"] = n.zeros(2, complex); "
                  "f[\"e\"] = n.array([1, 2], dtype=h5py.enum_dtype({{\"A\": 1, \"B\": 2}}))'",
                  python, path));
  CHECK(identical(load_hdf5(path, "b"), Tensor::of({2, 2}, {1, 0, 0, 1}, DType::uint8)));
  const Hdf5File file("test", path);
  CHECK(file.dataset("b").type == "bool");
  for (const auto& [name, type] : {std::pair<std::string, std::string>{"s", "strings of 3 bytes"},
                                   {"v", "strings of"},
                                   {"c", "structures of 12 bytes"},
                                   {"z", "structures of 16 bytes"},
                                   {"e", "enumerated values of"}}) {
    INFO(name);
    const StoredTensor tensor = file.dataset(name);
    CHECK_FALSE(tensor.dtype.has_value());
    CHECK_THAT(tensor.type, Contains(type));
    CHECK_THAT(error_of([&] { tensor.read(); }),
               StartsWith("load_hdf5: expected integers, floating numbers of at most 64 bits or booleans in \"" + name +
                          "\" of " + path + ", got " + type));
  }
}

TEST_CASE("strings of variable length that h5py left empty or never wrote are empty") {
  const std::string python = python_with("h5py");
  const TemporaryFolder folder;
  const std::string path = (folder / "file").string();
  output_of(
      fmt::format("{} -c 'import h5py; f = h5py.File(\"{}\", \"w\"); f.attrs.create(\"written\", [\"a\", \"\", "
                  "\"b\"], dtype=h5py.string_dtype()); h5py.h5a.create(f.id, b\"never\", h5py.h5t.py_create("
                  "h5py.string_dtype(), logical=True), h5py.h5s.create_simple((2,)))'",
                  python, path));
  const Hdf5File file("test", path);
  CHECK(file.strings("/", "written") == std::vector<std::string>{"a", "", "b"});
  CHECK(file.strings("/", "never") == std::vector<std::string>{"", ""});
}

TEST_CASE("a missing HDF5 filter is named, and other arrays of the file are read") {
  const std::string python = python_with("h5py");
  const TemporaryFolder folder;
  const std::string path = (folder / "file").string();
  output_of(
      fmt::format("{} -c 'import h5py, numpy as n; f = h5py.File(\"{}\", \"w\"); f.create_dataset(\"x\", "
                  "data=n.zeros((100, 100)), compression=\"lzf\"); f.create_dataset(\"y\", data=n.ones((100, "
                  "100)), compression=\"gzip\", shuffle=True, fletcher32=True)'",
                  python, path));
  CHECK_THAT(error_of([&] { load_hdf5(path, "x"); }),
             Equals("load_hdf5: expected data in \"x\" of " + path +
                    " that HDF5 can unpack, got the filter lzf (32000), which is not installed; write the file anew "
                    "with gzip or without compression"));
  CHECK(identical(load_hdf5(path, "y"), Tensor::full({100, 100}, 1, DType::float64)));
}

TEST_CASE("extensions may be in lower or upper case") {
  CHECK(has_extension("a/b.H5", {".h5"}));
  CHECK(has_extension("w.Weights.h5", {".weights.h5"}));
  CHECK_FALSE(has_extension("w.h5", {".weights.h5", ".safetensors", ""}));
  CHECK_FALSE(has_extension("h5", {".h5"}));
  CHECK(has_extension("a.b/model", {""}));
}

TEST_CASE("a name that is only an extension has this extension") {
  for (const std::string name : {".h5", "a/.h5", "w.weights.h5", ".weights.h5", "a.H5"}) {
    INFO(name);
    CHECK(has_extension(name, {".h5"}));
    CHECK(has_extension(name, {".weights.h5"}) == name.ends_with(".weights.h5"));
    CHECK(lower_case_extension(name) == ".h5");
    CHECK_FALSE(has_extension(name, {"", ".keras"}));
  }
  for (const std::string name : {"", "a", "a.b/", "a.b/c", ".", "..", "a/.."}) {
    INFO(name);
    CHECK(has_extension(name, {""}));
    CHECK(lower_case_extension(name).empty());
  }
  CHECK(lower_case_extension("a.") == ".");
  CHECK_FALSE(has_extension("a.", {""}));
}

TEST_CASE("names are UTF-8 without control characters") {
  for (const std::string good : {"", "a b", "d\u00f6g", "\u732b", "\U0001F600"}) check_name(good);
  CHECK(error_of([] { check_name("caf\xe9"); }) == "expected text in UTF-8, got byte 0xe9 after 3 others");
  CHECK(error_of([] { check_name("a\nb"); }) ==
        "expected text without control characters, got byte 0x0a after 1 others");
  CHECK(error_of([] { check_name("\x7f"); }) ==
        "expected text without control characters, got byte 0x7f after 0 others");
  CHECK(error_of([] { check_name("a\u0080"); }) ==
        "expected text without control characters, got byte 0x80 after 2 others");
  CHECK(error_of([] { check_name("\u009f"); }) ==
        "expected text without control characters, got byte 0x9f after 1 others");
  check_name("\u00a0");
  CHECK(error_of([] { check_class_names({"a", ""}); }) == "class_names[1]: expected a name, got an empty text");
  CHECK(error_of([] {
          check_class_names({"a", "b", "a"});
        }) == "class_names[2]: expected different names, got \"a\" twice");
  CHECK(printable("a\n\xe9 \u00f6\u0085") == "a?? \u00f6?");
}

TEST_CASE("no descriptor stays open after reading or rejecting a file") {
  const TemporaryFolder folder;
  save_safetensors(folder / "s", {{"x", Tensor::ones({2})}});
  save_hdf5(folder / "h", {{"x", Tensor::ones({2})}});
  write_png(folder / "p", Tensor::zeros({2, 2, 3}, DType::uint8));
  write_bytes(folder / "i", "\0\0\x08\x01\0\0\0\x01\x07"s);
  write_bytes(folder / "none", "neither");
  const auto open_files = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = open_files();
  for (const char* name : {"s", "h", "p", "i", "none"}) {
    const std::filesystem::path path = folder / name;
    int read = 0;
    const auto attempt = [&](const std::function<void()>& reading) {
      try {
        reading();
        ++read;
      } catch (const Error&) {  // of another format
      }
      CHECK(open_files() == before);
    };
    attempt([&] { load_safetensors(path); });
    attempt([&] { list_safetensors(path).at(0).read(); });
    attempt([&] { load_hdf5(path, "x"); });
    attempt([&] { read_image(path); });
    attempt([&] { load_idx(path); });
    CHECK(read == (name == "s"s ? 2 : name == "none"s ? 0 : 1));
  }
}
