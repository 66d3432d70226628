#include "examples/program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

namespace xtape {
namespace {

/// Opens the standard streams that are closed, so that their use fails. Otherwise the next file that the program opens
/// would have the number of the stream, and get its text.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) < 0) open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace

int run_program(int argc, char** argv, CLI::App& app, const std::function<int()>& body) {
  open_standard_streams();
  int status = 2;
  try {
    app.parse(argc, argv);
    status = body();
  } catch (const CLI::ParseError& error) {
    status = app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::cerr << error.what() << "\n";
  }
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good()) return status;
  std::cerr << "standard output: expected to write all of it, got an error; is the disk full?\n";
  return 2;
}

int run_example(int argc, char** argv, const std::string& about, const std::function<bool(bool quick)>& body) {
  bool quick = false;
  CLI::App app(about);
  app.add_flag("--quick", quick, "A short run, as a test");
  return run_program(argc, argv, app, [&] { return body(quick) ? 0 : 1; });
}

void write_gallery(const std::string& path, const std::vector<Tensor>& rows) {
  std::vector<Variable> wide;
  for (const Tensor& row : rows) {  // (n, height, width, channels) becomes (height, n width, channels)
    wide.push_back(reshape(transpose(row, {1, 0, 2, 3}), {row.dim(1), row.dim(0) * row.dim(2), row.dim(3)}));
  }
  const Variable all = clip(wide.size() == 1 ? wide[0] : concatenate(wide, 0), 0, 1);
  write_png(path, (all * 255.0 + 0.5).value().to(DType::uint8));
}

std::string not_empty(const std::string& value) { return value.empty() ? "expected a value, got an empty one" : ""; }

std::string is_scale(const std::string& value) {
  try {
    return image_scale(value), "";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace xtape
