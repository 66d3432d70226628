// The code in the documentation is equal to that of programs that are built and run.

#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/support/support.hpp"

namespace fs = std::filesystem;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream stream(xtape::test::source_root() / path);
  REQUIRE(stream);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("the README contains code of the examples as they are built") {
  const std::regex indentation("\n +");
  const std::string page = std::regex_replace(text_of("README.md"), indentation, "\n");
  std::size_t at = 0;
  for (const std::string example : {"examples/quickstart.cpp", "examples/manual_loop.cpp"}) {
    const std::size_t begin = page.find("```cpp\n", at) + 7, end = page.find("```", begin);
    REQUIRE((begin >= 7 && end != std::string::npos));
    at = end;
    INFO(example);
    CHECK(std::regex_replace(text_of(example), indentation, "\n").find(page.substr(begin, end - begin)) !=
          std::string::npos);
  }
}

TEST_CASE("the tutorial contains its programs as they are built") {
  const std::string page = text_of("docs/tutorial.md");
  for (const std::string file : {"photos.cpp", "train.cpp", "name.cpp", "meson.build", "CMakeLists.txt"}) {
    INFO(file);
    CHECK(page.find("\n" + text_of("examples/tutorial/" + file) + "```\n") != std::string::npos);
  }
}

TEST_CASE("the pages for users of Keras and PyTorch contain code that is built") {
  const std::regex indentation("\n +");
  const std::string program = std::regex_replace(text_of("examples/coming_from.cpp"), indentation, "\n");
  for (const std::string path : {"docs/coming_from_keras.md", "docs/coming_from_pytorch.md"}) {
    const std::string page = std::regex_replace(text_of(path), indentation, "\n");
    int found = 0;
    for (std::size_t begin = page.find("```cpp\n"); begin != std::string::npos; begin = page.find("```cpp\n", begin)) {
      begin += 7;
      const std::string code = page.substr(begin, page.find("```", begin) - begin);
      INFO(path << ":\n" << code);
      CHECK(program.find(code) != std::string::npos);
      ++found;
    }
    CHECK(found == 10);
  }
}

TEST_CASE("links in the docs lead to existing files") {
  static const std::regex link("\\]\\(([A-Za-z0-9_./-]+)\\)");
  std::size_t found = 0;
  for (const std::string page :
       {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/coming_from_keras.md",
        "docs/coming_from_pytorch.md", "docs/conventions.md", "docs/distributed.md", "docs/formats.md",
        "docs/installing.md", "docs/lab.md", "docs/other_languages.md", "docs/performance.md", "docs/programs.md",
        "docs/results.md", "docs/testing.md", "docs/tutorial.md"}) {
    const std::string text = text_of(page);
    for (std::sregex_iterator match(text.begin(), text.end(), link), end; match != end; ++match, ++found) {
      INFO(page << " links to " << (*match)[1]);
      CHECK(fs::exists((xtape::test::source_root() / page).parent_path() / (*match)[1].str()));
    }
  }
  CHECK(found > 5);
}
