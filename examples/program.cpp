#include "examples/program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <limits>
#include <string_view>

#include "framework/parse_number.hpp"

namespace xtape {
namespace {

/// Opens the standard streams that are closed, so that their use fails. Otherwise the next file that the program opens
/// would have the number of the stream, and get its text.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) < 0) open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

/// Why a text is no number of the kind that an option reads, as --help names it; empty if it is one.
std::string fault_of(const std::string& text, const std::string& kind) {
  if (kind.starts_with("FLOAT")) {
    const auto number = parse_number<double>(text);
    return number && std::isfinite(*number) ? "" : fmt::format("expected a finite number, got {}", text);
  }
  const bool any_sign = kind.starts_with("INT");
  if (any_sign ? parse_number<std::int64_t>(text).has_value() : parse_number<std::uint64_t>(text).has_value())
    return "";
  return fmt::format(
      "expected a whole number from {} to {}, got {}", any_sign ? std::numeric_limits<std::int64_t>::min() : 0,
      any_sign ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::uint64_t>::max(), text);
}

}  // namespace

void check_numbers(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string kind = option->get_type_name();
    if (!kind.starts_with("INT") && !kind.starts_with("UINT") && !kind.starts_with("FLOAT")) continue;
    // transform() puts the check in front of the others, which would not see that a number is out of range
    option->transform(CLI::Validator(
        [kind](std::string& text) {
          std::string fault = fault_of(text, kind);
          const std::size_t digit = text.find_first_not_of("-0");
          if (fault.empty() && !kind.starts_with("FLOAT") && digit != std::string::npos) {
            text = (text.starts_with('-') ? "-" : "") + text.substr(digit);  // CLI11 takes 010 for an octal number
          }
          return fault;
        },
        ""));
  }
}

std::string shell_text(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c & 0x80) != 0 ||
           std::string_view("_-+.,/:@%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, plain)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

int run_program(int argc, char** argv, CLI::App& app, const std::function<int()>& body) {
  open_standard_streams();
  std::signal(SIGCHLD, SIG_DFL);  // a program that started this one may ignore it; then the status of children is lost
  int status = 2;
  try {
    check_numbers(app);
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

Shape image_shape(const std::string& program, const Model& model, const std::string& path,
                  std::optional<std::int64_t> size) {
  const PartialShape& input = model.input_shape();
  check(input[2].known(), "{}: expected a network with a known number of channels, got {} in {}", program, input, path);
  const auto extent = [&](int axis) {
    check(input[axis].known() || size.has_value(),
          "{}: expected --image-size for a network that takes images {} in {}, got none", program, input, path);
    check(!input[axis].known() || !size || input[axis].value() == *size,
          "{}: expected --image-size {} or none for the network in {}, got {}", program, input[axis], path,
          size.value_or(0));
    return input[axis].known() ? input[axis].value() : *size;
  };
  return {extent(0), extent(1), input[2].value()};
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
