// Python with packages that write and read files of other software, if it is installed.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "tests/support/support.hpp"

namespace xtape::test {

/// A Python that can import the module: the one in XTAPE_PYTHON, or that of the system. Skips the test when there is
/// none.
inline std::string python_with(const std::string& module) {
  static std::map<std::string, std::string> known;  // an import can take a second
  if (known.contains(module)) return known.at(module);
  const char* wanted = std::getenv("XTAPE_PYTHON");
  for (const std::string python : {wanted ? wanted : "python3", "/usr/bin/python3"}) {
    if (std::system((python + " -c 'import " + module + "' 2>/dev/null").c_str()) == 0) return known[module] = python;
  }
  skip("no Python with " + module);
}

/// The output of a command. The test fails if the command fails.
inline std::string output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe);
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  INFO(command << "\n" << text);
  REQUIRE(pclose(pipe) == 0);
  return text;
}

/// Runs a script that compares files with keras. `arguments` are for `files` files. The test fails unless the script
/// prints " equal " for each of them; it is skipped if the script prints "skipped".
inline void check_in_keras(const std::filesystem::path& script, const std::string& arguments, std::size_t files) {
  const std::string printed =
      output_of(fmt::format("{} '{}' {} 2>/dev/null", python_with("sys"), script.string(), arguments));
  if (printed.find("skipped") != std::string::npos) skip_without_data(printed);
  INFO(printed);
  std::size_t equal = 0;
  for (std::size_t at = 0; (at = printed.find(" equal ", at)) != std::string::npos; ++at) ++equal;
  CHECK(equal == files);
}

}  // namespace xtape::test
