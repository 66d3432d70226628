#include "examples/program.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

namespace xtape {

int run_program(int argc, char** argv, CLI::App& app, const std::function<int()>& body) {
  int status = 2;
  try {
    app.parse(argc, argv);
    status = body();
  } catch (const CLI::ParseError& error) {
    status = app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "{}\n", error.what());
  }
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good()) return status;
  fmt::print(stderr, "standard output: expected to write all of it, got an error; is the disk full?\n");
  return 2;
}

int run_example(int argc, char** argv, const std::string& about, const std::function<bool(bool quick)>& body) {
  bool quick = false;
  CLI::App app(about);
  app.add_flag("--quick", quick, "A short run, as a test");
  return run_program(argc, argv, app, [&] { return body(quick) ? 0 : 1; });
}

std::string not_empty(const std::string& value) { return value.empty() ? "expected a value, got an empty one" : ""; }

}  // namespace xtape
