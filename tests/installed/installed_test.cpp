// xtape as users have it: installed into a folder, found by pkg-config and by CMake, and used by a program outside of
// the source tree.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sys/resource.h>
#include <sys/wait.h>

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
