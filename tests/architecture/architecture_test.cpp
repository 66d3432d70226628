// The source tree: the dependencies between modules, the length of files, and that every header compiles alone.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "tests/support/support.hpp"

namespace fs = std::filesystem;

namespace {

struct File {
  std::string path;  ///< relative to the root of the source tree
  std::string text;
};

const std::vector<std::string> folders{"framework", "layers",   "optim", "models",     "gradcheck",
                                       "training",  "examples", "tests", "benchmarks", "include"};

std::vector<File> sources() {
  std::vector<File> files;
  const fs::path root = xtape::test::source_root();
  for (const std::string& folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".hpp" && extension != ".cpp") continue;
      std::ifstream stream(entry.path());
      files.push_back({fs::relative(entry.path(), root), {std::istreambuf_iterator<char>(stream), {}}});
    }
  }
  return files;
}

/// The module of a path: "framework/ops" for framework/ops/matmul.hpp, "layers" for layers/core/dense.cpp.
std::string module_of(const std::string& path) {
  const auto first = path.find('/');
  if (first == std::string::npos) return "";
  const std::string top = path.substr(0, first);
  if (top != "framework") return top;
  const auto second = path.find('/', first + 1);
  return second == std::string::npos ? top : path.substr(0, second);
}

/// The modules that each module may include besides itself and the files directly in framework/.
const std::map<std::string, std::set<std::string>>& allowed() {
  static const std::map<std::string, std::set<std::string>> rules = [] {
    const std::string f = "framework/";
    std::map<std::string, std::set<std::string>> a;
    a["framework"] = {};
    a[f + "kernels"] = {};
    a[f + "tensor"] = {f + "kernels"};
    a[f + "autograd"] = {f + "tensor", f + "kernels"};
    a[f + "ops"] = {f + "autograd", f + "tensor", f + "kernels"};
    a[f + "io"] = {f + "tensor", f + "kernels"};
    a[f + "communication"] = {f + "tensor", f + "kernels"};
    a["optim"] = {f + "autograd", f + "tensor", f + "kernels"};
    a["layers"] = {f + "ops", f + "autograd", f + "tensor", f + "kernels"};
    a["models"] = {"layers", f + "io", f + "ops", f + "autograd", f + "tensor", f + "kernels"};
    a["gradcheck"] = {"models", "layers", f + "ops", f + "autograd", f + "tensor", f + "kernels"};
    a["training"] = {"models",  "layers",       "optim",      f + "communication", f + "io",
                     f + "ops", f + "autograd", f + "tensor", f + "kernels"};
    return a;
  }();
  return rules;
}

std::vector<std::string> includes_of(const File& file) {
  static const std::regex include(
      "#include [\"<]((framework|layers|optim|models|gradcheck|training|examples|tests|xtape)/[^\">]+)[\">]");
  std::vector<std::string> found;
  for (std::sregex_iterator match(file.text.begin(), file.text.end(), include), end; match != end; ++match) {
    found.push_back((*match)[1]);
  }
  return found;
}

/// The headers that a source file of the library or of the examples includes first. tools/lean_build compiles them
/// alone, because it builds without precompiled headers and each file alone. It does not build tests and benchmarks.
std::set<std::string> compiled_by_build() {
  std::set<std::string> found;
  for (const File& file : sources()) {
    const std::string module = module_of(file.path);
    if (!file.path.ends_with(".cpp") || module == "tests" || module == "benchmarks") continue;
    if (fs::path(file.path).filename().string().starts_with("without_")) continue;  // built without a library only
    const std::string quoted = "#include \"";
    const std::size_t first = file.text.find("#include ");
    if (first == std::string::npos || file.text.compare(first, quoted.size(), quoted) != 0) continue;
    const std::size_t begin = first + quoted.size();
    found.insert(file.text.substr(begin, file.text.find('"', begin) - begin));
  }
  return found;
}

}  // namespace

TEST_CASE("includes between modules have one direction") {
  std::size_t checked = 0;
  for (const File& file : sources()) {
    const auto rule = allowed().find(module_of(file.path));
    if (rule == allowed().end()) continue;  // examples, tests and benchmarks may include everything
    for (const std::string& include : includes_of(file)) {
      const std::string target = module_of(include);
      ++checked;
      INFO(file.path << " includes " << include);
      const bool c_interface = include == "xtape/xtape.h" && file.path.starts_with("models/c_api/");
      CHECK((target == rule->first || target == "framework" || rule->second.contains(target) || c_interface));
    }
  }
  CHECK(checked > 100);
}

TEST_CASE("only one public header includes xtensor") {
  for (const File& file : sources()) {
    if (!file.path.ends_with(".hpp") || module_of(file.path) == "tests") continue;
    if (file.path == "framework/tensor/xarray.hpp" || file.path == "framework/ops/strided.hpp") continue;
    INFO(file.path);
    CHECK(file.text.find("#include <xtensor") == std::string::npos);
  }
}

TEST_CASE("no file has more than 500 lines, and none defines a macro") {
  for (const File& file : sources()) {
    INFO(file.path);
    CHECK(std::ranges::count(file.text, '\n') <= 500);
    if (module_of(file.path) != "tests") CHECK(file.text.find("#define") == std::string::npos);
  }
}

TEST_CASE("every header states its purpose in the first line and has an include guard") {
  for (const File& file : sources()) {
    if (!file.path.ends_with(".hpp")) continue;
    INFO(file.path);
    CHECK(file.text.starts_with("// "));
    CHECK(file.text.find("#pragma once") != std::string::npos);
  }
}

// fmt::print throws if standard error is closed or full, and most messages are written where an error was caught.
TEST_CASE("messages are written to standard error by what does not throw") {
  for (const File& file : sources()) {
    if (module_of(file.path) == "tests") continue;
    INFO(file.path);
    CHECK(file.text.find("fmt::print(stderr") == std::string::npos);
  }
}

// Run by tools/verify headers: it takes minutes.
TEST_CASE("every header compiles alone", "[.headers]") {
  const char* compiler = std::getenv("XTAPE_COMPILER");
  if (!compiler) xtape::test::skip("XTAPE_COMPILER is not set (meson sets it)");
  xtape::test::TemporaryFolder folder;
  const fs::path all = folder / "headers.txt";
  std::ofstream list(all);
  const std::set<std::string> compiled = compiled_by_build();
  CHECK(compiled.size() > 50);
  for (const File& file : sources()) {
    if (!file.path.ends_with(".hpp") || file.path.starts_with("tests/peer/")) continue;  // those need libtorch
    if (!compiled.contains(file.path)) list << file.path << '\n';
  }
  list.close();
  const std::string command = fmt::format(
      "cd {} && xargs -P 2 -I {{}} sh -c 'echo \"#include \\\"{{}}\\\"\" | {} -fsyntax-only -x c++ - || echo BROKEN "
      "{{}}' "
      "< {} > {} 2>&1",
      xtape::test::source_root().string(), compiler, all.string(), (folder / "log").string());
  static_cast<void>(std::system(command.c_str()));
  std::ifstream stream(folder / "log");
  const std::string log{std::istreambuf_iterator<char>(stream), {}};
  INFO(log);
  CHECK(log.find("BROKEN") == std::string::npos);
}
