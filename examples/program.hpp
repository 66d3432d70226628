// What every example's main does around its work.
#pragma once

#include <functional>
#include <string>
#include <xtape/xtape.hpp>

namespace CLI {
class App;
}

namespace xtape {

/// Parses the command line, runs `body` and returns the program's exit status: what body returns; 0 after --help; 2,
/// with a message on standard error, when the command line is wrong, body throws, or what was printed could not be
/// written (a full disk). A program with options of its own includes <CLI/CLI.hpp>, which takes seconds to compile.
int run_program(int argc, char** argv, CLI::App& app, const std::function<int()>& body);

/// The same for a small program whose one option is --quick; `body` gets whether it was given, and returns whether
/// the program came to what it promises (exit status 0, else 1).
int run_example(int argc, char** argv, const std::string& about, const std::function<bool(bool quick)>& body);

/// For options that may be left out but not be given an empty value.
std::string not_empty(const std::string& value);

}  // namespace xtape
