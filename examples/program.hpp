// The main functions of all examples.
#pragma once

#include <functional>
#include <string>
#include <xtape/xtape.hpp>

namespace CLI {
class App;
}

namespace xtape {

/// Parses the command line, calls `body` and returns the exit status of the program: the result of body; 0 after
/// --help; 2, with a message on standard error, when the command line is wrong, body throws, or standard output could
/// not be written (a full disk). A program with further options includes <CLI/CLI.hpp>, which takes seconds to compile.
int run_program(int argc, char** argv, CLI::App& app, const std::function<int()>& body);

/// Runs a small program with the single option --quick. `body` gets whether it was given, and returns whether the
/// result is as expected (exit status 0, otherwise 1).
int run_example(int argc, char** argv, const std::string& about, const std::function<bool(bool quick)>& body);

/// Writes rows of pictures, each (n, height, width, 3 or 1) with values from 0 to 1, as one PNG file.
void write_gallery(const std::string& path, const std::vector<Tensor>& rows);

/// A check for options that may be left out but must not have an empty value.
std::string not_empty(const std::string& value);

/// The text of --help for the file of a model.
inline constexpr const char* model_help =
    "A model's file: .safetensors of ./run train or save_model(), .keras or .h5 of Keras, or .onnx";
/// The text of --help for --scale.
inline constexpr const char* scale_help =
    "How the network expects pixels: 0..1, 0..255, -1..1 or other LOW..HIGH, imagenet (torchvision's mean and "
    "deviation), caffe (blue first, minus the mean); by default what the file says, otherwise 0..1";
/// A check for --scale.
std::string is_scale(const std::string& value);

}  // namespace xtape
