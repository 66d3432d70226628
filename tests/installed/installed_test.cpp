// xtape as users have it: installed into a folder, found by pkg-config and by CMake, and used by a program outside of
// the source tree.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sys/resource.h>
#include <sys/wait.h>

#include "framework/autograd/forward_pass.hpp"
#include "layers/layers.hpp"
#include "models/files/model_file.hpp"
#include "tests/io/python.hpp"
#include "tests/support/sanitizers.hpp"
#include "tests/support/support.hpp"

namespace fs = std::filesystem;
using Catch::Contains;

namespace {

/// The value of an environment variable that meson sets for this test. Skips when it is not set.
std::string from_meson(const char* name) {
  const char* value = std::getenv(name);
  if (!value) xtape::test::skip(std::string(name) + " is not set (meson sets it)");
  return value;
}

/// Whether the shell finds this program.
bool is_there(const std::string& program) {
  return std::system(("command -v " + program + " > /dev/null 2>&1").c_str()) == 0;
}

/// xtape, installed into one folder and then moved to another.
class Installation {
 public:
  Installation() {
    if (xtape::test::address_sanitizer() || xtape::test::thread_sanitizer()) {
      xtape::test::skip("a program built without the sanitizer can't use the library built with it");
    }
    run(fmt::format("meson install -C '{}' --no-rebuild --quiet --destdir '{}'", from_meson("XTAPE_BUILD"),
                    (folder_ / "destination").string()));
    fs::rename((folder_ / "destination").string() + from_meson("XTAPE_PREFIX"), prefix());
    fs::copy(xtape::test::source_root() / "tests/installed/project", folder_ / "project", fs::copy_options::recursive);
  }

  fs::path prefix() const { return folder_ / "moved"; }
  fs::path headers() const { return prefix() / "include"; }
  fs::path libraries() const { return prefix() / from_meson("XTAPE_LIBDIR"); }

  /// The output of a command, with standard error. The test fails unless its exit status is 0. It runs in the folder of
  /// the program outside of the source tree. pkg-config searches only the installation, and LD_LIBRARY_PATH is not set,
  /// because with meson's value the command would use the library of the build.
  std::string run(const std::string& command) const {
    const fs::path project = fs::exists(folder_ / "project") ? folder_ / "project" : folder_.path();
    const std::string whole = fmt::format(
        "cd '{}' && unset LD_LIBRARY_PATH && export CCACHE_DISABLE=1 PKG_CONFIG_PATH='{}' && ({}) > '{}' 2>&1",
        project.string(), (libraries() / "pkgconfig").string(), command, (folder_ / "log").string());
    const int status = std::system(whole.c_str());
    std::ifstream stream(folder_ / "log");
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    INFO(command << '\n' << text);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == 0);
    return text;
  }

 private:
  xtape::test::TemporaryFolder folder_;
};

/// One installation for all tests, which do not change it.
const Installation& installation() {
  static const Installation installed;
  return installed;
}

/// The compiler flags of the program: C++20 and those of pkg-config.
std::string flags(const Installation& installed) {
  const std::string found = installed.run("pkg-config --cflags xtape");
  return "-std=c++20 -O2 " + found.substr(0, found.find_last_not_of(" \n") + 1);
}

/// Seconds of processor time of all ended children of this process.
double children_seconds() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec);
}

/// A model of an image and numbers of words, with two outputs, in a file; files of inputs; and the outputs of the C++
/// interface as the examples in C and Python print them.
class PrintedOutputs {
 public:
  PrintedOutputs() {
    using namespace xtape;
    const auto image = Input({6, 5, 3}, {.name = "image"});
    const auto words = Input({.shape = {4}, .dtype = DType::int64, .name = "words"});
    const auto x = Flatten()(Conv2D({.filters = 4, .kernel_size = 3, .activation = relu})(image));
    const auto y = Embedding({.input_dim = 9, .output_dim = 3})(words);
    const auto z = Concatenate()({x, Flatten()(y)});
    const Model model({image, words}, {Dense({.units = 3, .name = "class"})(z), Dense({.units = 2, .name = "pair"})(z)},
                      {.seed = 3});
    save_model(model, path("model.safetensors"), {.class_names = {"cat", "d\u00f6g", "bird"}, .image_scale = "0..255"});
    const Tensor pixels = RandomStream(4).uniform({2, 6, 5, 3});
    const Tensor numbers = Tensor::of({2, 4}, {0, 8, 1, 5, 2, 3, 4, 0}, DType::int64);
    std::ofstream(path("image"), std::ios::binary)
        .write(reinterpret_cast<const char*>(pixels.data<float>()), pixels.size_in_bytes());
    std::ofstream(path("words"), std::ios::binary)
        .write(reinterpret_cast<const char*>(numbers.data<std::int64_t>()), numbers.size_in_bytes());
    ForwardPass pass(Mode::inference);
    const std::vector<Variable> outputs = model.call({pixels, numbers}, pass);
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::int64_t sample = 0; sample < 2; ++sample) {
        text_ += fmt::format("{}[{}]:", i == 0 ? "class" : "pair", sample);
        for (const float value : outputs[i].value()[sample].to_vector<float>()) text_ += fmt::format(" {:.9g}", value);
        text_ += '\n';
      }
    }
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// The arguments of the examples.
  std::string arguments() const {
    return fmt::format("'{}' '{}' '{}'", path("model.safetensors"), path("image"), path("words"));
  }
  const std::string& text() const { return text_; }

 private:
  xtape::test::TemporaryFolder folder_;
  std::string text_;
};

const std::string described =
    "input image: float32 (-1, 6, 5, 3)\ninput words: int64 (-1, 4)\noutput class: float32 (-1, 3)\n"
    "output pair: float32 (-1, 2)\nclass 0: cat\nclass 1: d\u00f6g\nclass 2: bird\nimages: 0..255\n";

void check_trained(const std::string& output) {
  INFO(output);
  CHECK_THAT(output, Contains("xtape " + from_meson("XTAPE_VERSION") + ": 23"));  // million parameters
}

}  // namespace

TEST_CASE("installed headers include no library that is not requested, and no file of the source tree") {
  const Installation& installed = installation();
  const std::string compile = from_meson("XTAPE_COMPILER") + " " + flags(installed);
  const std::string used = installed.run("echo '#include <xtape/xtape.hpp>' | " + compile + " -x c++ -M -");
  CHECK_THAT(used, Contains("include/xtape/layers/core/dense.hpp"));
  const std::string source = " " + xtape::test::source_root().string() + "/";
  for (const std::string foreign :
       {"xtensor", "H5public.h", "nlohmann", "CLI/", "zlib.h", "cblas.h", "turbojpeg.h", "png.h", source.c_str()}) {
    INFO(foreign);
    CHECK_THAT(used, !Contains(foreign));
  }
  installed.run("echo '#include <xtape/xarray.hpp>' | " + compile + " -x c++ -fsyntax-only -");
  CHECK_FALSE(fs::exists(installed.headers() / "xtape/framework/kernels/simd/engine.hpp"));

  const double before = children_seconds();
  installed.run(compile + " -c main.cpp -o main.o");
  std::cout << fmt::format("compiling ResNet-50 written in layers, at -O2: {:.1f} s\n", children_seconds() - before);
}

TEST_CASE("meson finds an installed xtape with pkg-config, after it was moved") {
  const Installation& installed = installation();
  installed.run("meson setup by-meson && ninja -C by-meson");
  check_trained(installed.run("LD_LIBRARY_PATH='" + installed.libraries().string() + "' by-meson/program"));
}

TEST_CASE("CMake finds an installed xtape after it was moved, if its version is compatible") {
  if (!is_there("cmake")) xtape::test::skip("there is no cmake");
  const Installation& installed = installation();
  const std::string configure =
      "cmake -G Ninja -S . -B by-cmake -DCMAKE_PREFIX_PATH='" + installed.prefix().string() + "'";
  installed.run(configure + " && cmake --build by-cmake");
  check_trained(installed.run("by-cmake/program"));
  installed.run("sed -i 's/find_package(xtape 0.2 /find_package(xtape 99 /' CMakeLists.txt && ! " + configure);
}

TEST_CASE("the installed library does not depend on the libraries of its helper programs") {
  const Installation& installed = installation();
  const std::string needed = installed.run("readelf -d '" + (installed.libraries() / "libxtape.so").string() + "'");
  for (const std::string foreign : {"hdf5", "gvc", "cgraph", "curl"}) CHECK_THAT(needed, !Contains("[lib" + foreign));
  CHECK_THAT(installed.run("strings '" + (installed.libraries() / "libxtape.so").string() + "'"),
             !Contains(from_meson("XTAPE_BUILD")));
}

TEST_CASE("a program in C, built with the system's compiler, gives the outputs of the C++ interface") {
  const Installation& installed = installation();
  const PrintedOutputs expected;
  const std::string source = (xtape::test::source_root() / "examples/c/predict.c").string();
  installed.run("cc -std=c99 -O1 -Wall -Wextra -pedantic -Werror '" + source +
                "' -o predict $(pkg-config --cflags --libs xtape)");
  const std::string predict = "LD_LIBRARY_PATH='" + installed.libraries().string() + "' ./predict ";
  CHECK(installed.run(predict + expected.arguments()) == expected.text());
  CHECK(installed.run(predict + "'" + expected.path("model.safetensors") + "'") == described);
  const auto refused = [&](const std::string& arguments) {
    return installed.run(predict + arguments + "; test $? = 2");
  };
  CHECK_THAT(refused(""), Contains("expected a model"));
  CHECK_THAT(refused("none"), Contains("predict: load_any_model: expected a file that can be read, got none"));
  CHECK_THAT(refused("'" + expected.path("model.safetensors") + "' '" + expected.path("image") + "'"),
             Contains("expected 2 inputs and 2 outputs, got 1 and 2"));
  CHECK_THAT(refused(expected.arguments() + " none"), Contains("predict: expected files that can be read"));
  CHECK_THAT(refused("'" + expected.path("model.safetensors") + "' '" + expected.path("words") + "' '" +
                     expected.path("image") + "'"),
             Contains("expected 0 elements of 4 bytes for float32 (0, 6, 5, 3), got 64 bytes"));
}

TEST_CASE("a program in Python gives the outputs of the C++ interface, with NumPy and without") {
  const Installation& installed = installation();
  const PrintedOutputs expected;
  const std::string library = "XTAPE_LIBRARY='" + (installed.libraries() / "libxtape.so").string() + "' ";
  const std::string script = " '" + (xtape::test::source_root() / "examples/python/predict.py").string() + "' ";
  const auto check = [&](const std::string& python) {
    INFO(python);
    CHECK(installed.run(library + python + script + expected.arguments()) == expected.text());
    CHECK(installed.run(library + python + script + "'" + expected.path("model.safetensors") + "'") == described);
    const auto refused = [&](const std::string& arguments) {
      return installed.run(library + python + script + arguments + "; test $? = 1");
    };
    CHECK_THAT(refused("none"), Contains("predict: load_any_model: expected a file that can be read, got none"));
    CHECK_THAT(refused("'" + expected.path("model.safetensors") + "' '" + expected.path("image") + "'"),
               Contains("predict: expected files for 2 inputs, got 1"));
  };
  check(xtape::test::python_with("ctypes") + " -S");  // without the packages of the system, so without NumPy
  check(xtape::test::python_with("numpy"));
}
