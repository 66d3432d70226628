// The main functions of all examples.
#pragma once

#include <functional>
#include <optional>
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

/// Makes values of options for numbers errors that name the option, unless the value is a decimal number in the range
/// of 64 bits or, for other than whole numbers, a finite one. CLI11 reads "99999999999999999999" as the largest
/// integer, "-1" as the largest one without a sign, "010" as 8, and "nan". run_program() calls it.
void check_numbers(CLI::App& app);

/// Runs a small program with the single option --quick. `body` gets whether it was given, and returns whether the
/// result is as expected (exit status 0, otherwise 1).
int run_example(int argc, char** argv, const std::string& about, const std::function<bool(bool quick)>& body);

/// A text as one word of a shell's command line, in quotes if it has characters that a shell reads.
std::string shell_text(const std::string& text);

/// Writes rows of pictures, each (n, height, width, 3 or 1) with values from 0 to 1, as one PNG file.
void write_gallery(const std::string& path, const std::vector<Tensor>& rows);

/// The shape (height, width, channels) of the images that a model takes, whose input has three extents. `size` is that
/// of --image-size, for networks that take any height or width. Error with `program` and the path of the model's file
/// if the size of the images is neither fixed nor given, if it is fixed and given differently, or without a fixed
/// number of channels.
Shape image_shape(const std::string& program, const Model& model, const std::string& path,
                  std::optional<std::int64_t> size);

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
