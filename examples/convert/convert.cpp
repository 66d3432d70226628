// Converts models and weights between the formats of xtape, Keras, PyTorch and ONNX, and checks the result.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "examples/convert/comparison.hpp"
#include "examples/convert/networks.hpp"
#include "examples/convert/tables.hpp"
#include "examples/program.hpp"
#include "framework/amount.hpp"
#include "framework/io/extension.hpp"
#include "framework/io/utf8.hpp"
#include "framework/io/with_place.hpp"
#include "training/callbacks/progress.hpp"

using namespace xtape;
namespace fs = std::filesystem;

namespace {

struct Settings {
  std::string in, out;
  std::string model, network, implementation = "keras", input = "224x224x3", match = "name", weights;
  std::int64_t outputs = 1000;
  bool partial = false;
  std::string classes, scale;
  SaveOnnxOptions onnx;
  std::string onnx_images = "first";
  std::string check_with;
  std::int64_t size = 64;
  double tolerance = 1e-4;
  std::uint64_t seed = 0;
  bool quiet = false, no_check = false;
};

/// The options that are for one format of OUT alone.
struct FormatOptions {
  std::vector<CLI::Option*> onnx;
};

FormatOptions declare(CLI::App& app, Settings& s) {
  app.add_option("IN", s.in,
                 "A model: .safetensors of save_model(), .keras or .h5 of Keras, .onnx. With --model or --network "
                 "weights: .safetensors of xtape or PyTorch, .pt or .pth of PyTorch, .h5 or .weights.h5 of Keras")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("OUT", s.out,
                 "A model: .safetensors, .keras, .h5 or .onnx. With --weights: .safetensors, .h5 or .weights.h5")
      ->required()
      ->check(not_empty);

  const std::string weights_in = "Weights into a model";
  CLI::Option* model = app.add_option("--model", s.model, "IN has weights; put them into the model of this file");
  model->check(CLI::ExistingFile)->group(weights_in);
  CLI::Option* network =
      app.add_option("--network", s.network, "IN has weights; put them into a network of xtape: " + network_names());
  network->excludes(model)->group(weights_in);
  app.add_option("--implementation", s.implementation,
                 "Whose network: keras, or torchvision, which weights of PyTorch need")
      ->check(CLI::IsMember({"keras", "torchvision"}))
      ->capture_default_str()
      ->needs(network)
      ->group(weights_in);
  app.add_option("--input", s.input, "HEIGHTxWIDTHxCHANNELS of the network's images")
      ->capture_default_str()
      ->needs(network)
      ->group(weights_in);
  app.add_option("--outputs", s.outputs, "Classes of the network")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str()
      ->needs(network)
      ->group(weights_in);
  app.add_option("--match", s.match, "Find the tensors by name, or in the order of the file")
      ->check(CLI::IsMember({"name", "order"}))
      ->capture_default_str()
      ->group(weights_in);
  app.add_flag("--partial", s.partial, "Load what fits, and keep the initial weights of the rest")->group(weights_in);

  const std::string writing = "Writing";
  app.add_option("--weights", s.weights,
                 "Write the weights alone, with the names and layouts of xtape, keras (.h5, .weights.h5) or pytorch "
                 "(a state_dict as .safetensors)")
      ->check(CLI::IsMember({"xtape", "keras", "pytorch"}))
      ->group(writing);
  app.add_option("--classes", s.classes, "Names of the classes, A,B,C; by default those of IN")
      ->check(not_empty)
      ->group(writing);
  app.add_option("--scale", s.scale, scale_help)->check(is_scale)->group(writing);

  const std::string onnx = "ONNX as OUT";
  FormatOptions formats;
  formats.onnx = {
      app.add_option("--opset", s.onnx.opset, "Version of the operators")
          ->check(CLI::Range(17, 21))
          ->capture_default_str(),
      app.add_option("--ir-version", s.onnx.ir_version, "Version of the file; by default the least for the opset")
          ->check(CLI::Range(8, 10)),
      app.add_option("--onnx-images", s.onnx_images, "The place of the channels at inputs and outputs: first or last")
          ->check(CLI::IsMember({"first", "last"}))
          ->capture_default_str(),
      app.add_flag("--fold", s.onnx.fold_batch_norm, "Fold batch normalizations into the kernels in front of them"),
      app.add_option("--preprocessing", s.onnx.preprocessing, "A text for the metadata: how inputs are made of images"),
  };
  for (CLI::Option* option : formats.onnx) option->group(onnx);

  const std::string checking = "Checking";
  CLI::Option* no_check = app.add_flag("--no-check", s.no_check, "Do not read OUT again and compare the outputs");
  no_check->group(checking);
  app.add_option("--check-with", s.check_with,
                 "A Python with keras or onnxruntime, which also runs the files of Keras and ONNX")
      ->check(not_empty)
      ->excludes(no_check)
      ->group(checking);
  app.add_option("--tolerance", s.tolerance, "Largest difference, relative to the largest output")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(checking);
  app.add_option("--size", s.size, "Extent of random inputs where the model takes any")
      ->check(CLI::Range(1, 16384))
      ->capture_default_str()
      ->group(checking);
  app.add_option("--seed", s.seed, "Of random inputs and initial weights")->capture_default_str()->group(checking);
  app.add_flag("--quiet", s.quiet, "Do not print the table of layers");
  return formats;
}

/// Prints what is being done, then the time that it took.
template <class Work>
auto timed(const std::string& what, Work work) {
  fmt::print("{} ... ", what);
  std::fflush(stdout);
  const double start = steady_seconds();
  try {
    auto result = work();
    fmt::print("{:.1f} s\n", steady_seconds() - start);
    return result;
  } catch (...) {
    fmt::print("failed\n");
    throw;
  }
}

/// The extents of --input.
PartialShape input_of(const std::string& text) {
  std::vector<std::int64_t> extents;
  bool valid = true;
  for (const std::string& part : CLI::detail::split(text, 'x')) {
    std::int64_t extent = 0;
    valid = valid && CLI::detail::lexical_cast(part, extent) && extent > 0 && extent <= 16384;
    extents.push_back(extent);
  }
  check(valid && extents.size() == 3,
        "convert: expected HEIGHTxWIDTHxCHANNELS of 1 to 16384 each, such as 224x224x3, got --input {}", text);
  return PartialShape(Shape(extents));
}

/// A model, and what its file says about it.
struct Source {
  LoadedModel loaded;
  LayerTargets tensors;  ///< of IN, for weights
};

Source load_weights_into_model(const Settings& s) {
  LoadedModel loaded =
      s.network.empty()
          ? timed("reading " + s.model, [&] { return load_any_model(s.model); })
          : LoadedModel{
                network_of_name(s.network, {.input = input_of(s.input),
                                            .classes = s.outputs,
                                            .implementation = s.implementation == "keras" ? Implementation::keras
                                                                                          : Implementation::torchvision,
                                            .seed = s.seed}),
                ModelFormat::xtape,
                {},
                ""};
  const LoadReport report = timed("reading weights of " + s.in, [&] {
    return load_weights(loaded.model, s.in,
                        {.match = s.match == "name" ? Match::name : Match::order, .strict = !s.partial});
  });
  fmt::print("{}\n", report.text());
  return {std::move(loaded), stored_tensors(report)};
}

Source load(const Settings& s) {
  if (!s.model.empty() || !s.network.empty()) return load_weights_into_model(s);
  check(!s.partial && s.match == "name", "convert: expected --model or --network with --partial and --match, got none");
  return {timed("reading " + s.in, [&] { return load_any_model(s.in); }), {}};
}

/// Error before any work if OUT cannot be written or the options do not fit it.
void check_output(const Settings& s, const FormatOptions& formats) {
  std::error_code ignored;
  check(!fs::equivalent(s.in, s.out, ignored), "convert: expected another file as OUT than IN, got {}", s.out);
  const fs::path folder = fs::path(s.out).parent_path();
  check(folder.empty() || fs::is_directory(folder), "convert: expected an existing folder for {}, got none", s.out);
  if (!s.weights.empty()) {
    const bool fits =
        s.weights == "keras" ? has_extension(s.out, {".h5", ".hdf5"}) : has_extension(s.out, {".safetensors"});
    check(fits, "convert: expected OUT to end in {} for --weights {}, got {}",
          s.weights == "keras" ? ".h5 or .weights.h5" : ".safetensors", s.weights, s.out);
  } else {
    check(!has_extension(s.out, {".pt", ".pth"}),
          "convert: expected a format that can be written, got {}; --weights pytorch writes a state_dict as "
          ".safetensors",
          s.out);
    check(!has_extension(s.out, {".weights.h5"}), "convert: expected --weights keras for {}, got a whole model", s.out);
    static_cast<void>(model_format_of_name(s.out));
  }
  const bool onnx = s.weights.empty() && has_extension(s.out, {".onnx"});
  for (const CLI::Option* option : formats.onnx) {
    check(onnx || option->count() == 0, "convert: expected OUT to end in .onnx for {}, got {}", option->get_name(),
          s.out);
  }
}

/// Writes OUT and reads it again. Prints the table of layers.
Model write(const Settings& s, const Source& source, const SaveAnyModelOptions& options) {
  const Model& model = source.loaded.model;
  if (!s.weights.empty()) {
    timed("writing weights to " + s.out, [&] {
      save_weights(model, s.out, {.format = s.weights == "pytorch" ? WeightsFormat::pytorch : WeightsFormat::xtape});
      return 0;
    });
    Model copy = clone(model, {.seed = s.seed + 1});
    const LoadReport report = timed("reading " + s.out, [&] { return load_weights(copy, s.out); });
    if (!s.quiet) print_layers(model, stored_tensors(report), "tensors in " + fs::path(s.out).filename().string());
    return copy;
  }
  timed("writing " + s.out, [&] { return save_any_model(model, s.out, options), 0; });
  const LoadedModel again = timed("reading " + s.out, [&] { return load_any_model(s.out); });
  if (!s.quiet) {
    if (!source.tensors.empty()) {
      print_layers(model, source.tensors, "tensors in " + fs::path(s.in).filename().string());
    }
    print_layers(model, targets_in_file(model, s.out, again.model),
                 fmt::format("in {} ({})", fs::path(s.out).filename().string(), to_string(again.format)));
  }
  return again.model;
}

/// Error before OUT is written if the model can't take random inputs of --size.
void try_inputs(const Settings& s, const Model& model, const std::optional<ImageScale>& scale) {
  const bool any_size = std::ranges::any_of(model.inputs(), [](const SymbolicTensor& x) { return !x.shape().known(); });
  if (!any_size) return;
  with_place("convert", fmt::format("random inputs of --size {}", s.size),
             [&] { outputs_of(model, random_inputs(model, scale, s.size, s.seed)); });
}

/// Compares outputs and prints the difference. Returns whether it is small.
bool agrees(const std::string& what, const std::vector<Tensor>& ours, const std::vector<Tensor>& theirs,
            double tolerance) {
  const Difference found = difference(ours, theirs);
  const bool small = found.relative <= tolerance;
  fmt::print("{}: largest difference {:.2g}, {:.2g} of the largest output{}\n", what, found.largest, found.relative,
             small ? "" : fmt::format("; expected at most {:g}", tolerance));
  return small;
}

/// Compares what xtape computes with a file and what the software computes whose format it has.
bool check_foreign(const Settings& s, const std::string& path, ModelFormat format,
                   const std::optional<ImageScale>& scale) {
  if (format == ModelFormat::xtape) return true;
  if (s.check_with.empty()) {
    fmt::print("{}: not checked with {} (--check-with PYTHON does it)\n", path,
               format == ModelFormat::onnx ? "onnxruntime" : "Keras");
    return true;
  }
  // the arrays of an ONNX file, whatever their axes are
  Model model = load_any_model(path, {.custom_layers = {}, .onnx = {.images = ImageAxes::channels_first}}).model;
  model.convert(DType::float32);
  const std::vector<Tensor> inputs =
      random_inputs(model, format == ModelFormat::onnx ? std::nullopt : scale, s.size, s.seed);
  const ForeignResult result = foreign_outputs(s.check_with, path, format, inputs);
  if (result.outputs.empty()) {
    fmt::print("{}: not checked with {}, which {} does not have: {}\n", path, result.runtime, s.check_with,
               result.reason);
    return true;
  }
  return agrees(fmt::format("{} in {}", path, result.runtime), result.outputs, outputs_of(model, inputs), s.tolerance);
}

int run(Settings s, const FormatOptions& formats) {
  check_output(s, formats);
  s.onnx.images = s.onnx_images == "first" ? ImageAxes::channels_first : ImageAxes::channels_last;
  if (formats.onnx[1]->count() == 0) s.onnx.ir_version = s.onnx.opset >= 21 ? 10 : s.onnx.opset >= 19 ? 9 : 8;
  const Source source = load(s);
  Model model = source.loaded.model;
  fmt::print("{}: {}, {}, {}\n", printable(model.name()), amount(model.parameter_count(), "parameter"),
             amount(model.inputs().size(), "input"), amount(model.output_nodes().size(), "output"));
  const SaveAnyModelOptions options{
      .class_names = s.classes.empty() ? source.loaded.class_names : CLI::detail::split(s.classes, ','),
      .image_scale = s.scale.empty() ? source.loaded.image_scale : s.scale,
      .onnx = s.onnx};
  const std::optional<ImageScale> scale =
      options.image_scale.empty() ? std::nullopt : std::optional(image_scale(options.image_scale));
  if (!s.no_check) try_inputs(s, model, scale);
  Model again = write(s, source, options);
  const bool states_use = s.weights.empty() && model_format_of_name(s.out) != ModelFormat::keras;
  if (!states_use && (scale || !options.class_names.empty())) {
    fmt::print("{} does not hold class names and the scale of pixels: give --classes and --scale to the programs\n",
               s.out);
  }
  if (s.no_check) return 0;
  model.convert(DType::float32);
  again.convert(DType::float32);
  const std::vector<Tensor> inputs = random_inputs(model, scale, s.size, s.seed);
  bool good = agrees(fmt::format("{} and {} in xtape", s.in, s.out), outputs_of(model, inputs),
                     outputs_of(again, inputs), s.tolerance);
  if (s.model.empty() && s.network.empty()) good = check_foreign(s, s.in, source.loaded.format, scale) && good;
  if (s.weights.empty()) good = check_foreign(s, s.out, model_format_of_name(s.out), scale) && good;
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app(
      "Converts models and weights between xtape, Keras, PyTorch and ONNX. Reads the result again and compares the "
      "outputs for random inputs. Exit status: 0, 1 if outputs differ, 2 on errors");
  const FormatOptions formats = declare(app, settings);
  app.footer(
      "Examples:\n"
      "  ./run convert model.h5 model.onnx --scale 0..255 --check-with venv/bin/python\n"
      "  ./run convert model.onnx model.keras\n"
      "  ./run convert resnet18.pth resnet18.safetensors --network resnet18 --implementation torchvision --scale "
      "imagenet\n"
      "  ./run convert model.safetensors state.safetensors --weights pytorch");
  return run_program(argc, argv, app, [&] { return run(settings, formats); });
}
