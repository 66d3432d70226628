// convert: what it gives to other software and makes of its outputs, with scripts in place of Python; and options whose
// effect is in the file that it writes.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <xtape/xtape.hpp>

#include "tests/examples/programs.hpp"
#include "tests/support/occurrences.hpp"

namespace fs = std::filesystem;
using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

void write_script(const fs::path& path, const std::string& body) {
  std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
  fs::permissions(path, fs::perms::owner_all);
}

/// Writes the script ./python, which keeps what it gets in the folder `seen`, and gives these outputs.
void pretend(const fs::path& folder, const std::vector<std::vector<int>>& shapes,
             const std::vector<std::vector<float>>& outputs) {
  for (const char* name : {"seen", "given"}) {
    fs::remove_all(folder / name);
    fs::create_directory(folder / name);
  }
  std::ofstream(folder / "given/result.json") << nlohmann::json{{"runtime", "pretended 1.2"}, {"shapes", shapes}};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    std::ofstream(folder / "given" / fmt::format("output_{}", i), std::ios::binary)
        .write(reinterpret_cast<const char*>(outputs[i].data()),
               static_cast<std::streamsize>(outputs[i].size() * sizeof(float)));
  }
  write_script(folder / "python", "cp \"$3\"/* seen; echo \"$2\" > seen/path; cp given/* \"$3\"");
}

template <class T>
std::vector<T> numbers_in(const fs::path& path) {
  const std::string bytes = bytes_of(path);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

/// Whether all values are in [low, high] and some are in the lowest and in the highest fifth of it.
void check_range(const std::vector<float>& values, double low, double high) {
  const auto [least, most] = std::ranges::minmax(values);
  CHECK((least >= low && least < low + (high - low) / 5));
  CHECK((most <= high && most > high - (high - low) / 5));
}

/// The outputs 1 and -2 for images (6, 5, 3).
Model constant_outputs() {
  const auto input = Input({6, 5, 3});
  const Model model(input, Dense({.units = 2, .kernel_initializer = zeros(), .name = "d"})(Flatten()(input)));
  model.parameters()[1].set_value(Tensor::of({2}, {1, -2}));
  return model;
}

}  // namespace

TEST_CASE("convert compares with the outputs of other software, for the file that it writes and for the one it reads") {
  const Programs run;
  save_model(constant_outputs(), run.folder() / "a.safetensors");
  const auto said = [&](const std::string& options, int status) {
    const Run result = run("convert --quiet --check-with ./python " + options);
    INFO(result.text);
    CHECK(result.status == status);
    const std::size_t at = result.text.find("in xtape: ");
    return at == std::string::npos ? result.text.substr(result.text.find("convert:"))
                                   : result.text.substr(result.text.find('\n', at) + 1);
  };
  const std::string same = " in pretended 1.2: largest difference 0, 0 of the largest output\n";
  pretend(run.folder(), {{2, 2}}, {{1, -2, 1, -2}});
  CHECK(said("a.safetensors b.onnx", 0) == "b.onnx" + same);
  CHECK(said("a.safetensors b.h5", 0) == "b.h5" + same);
  CHECK(said("b.onnx c.keras", 0) == "b.onnx" + same + "c.keras" + same);
  CHECK(said("b.h5 c.safetensors", 0) == "b.h5" + same);
  CHECK(said("b.h5 w.safetensors --weights pytorch", 0) == "b.h5" + same);
  CHECK(said("w.safetensors c.onnx --model a.safetensors", 0) == "c.onnx" + same);
  pretend(run.folder(), {{1, 2}}, {{1, -2}});  // a file with a batch of one sample
  CHECK(said("a.safetensors b.onnx", 0) == "b.onnx" + same);
  pretend(run.folder(), {{2, 2}}, {{1, -2, 1, -2.5F}});
  const std::string off = " in pretended 1.2: largest difference 0.5, 0.2 of the largest output";
  CHECK(said("a.safetensors b.onnx", 1) == "b.onnx" + off + "; expected at most 0.0001\n");
  CHECK(said("a.safetensors b.onnx --tolerance 0.19", 1) == "b.onnx" + off + "; expected at most 0.19\n");
  CHECK(said("a.safetensors b.onnx --tolerance 0.21", 0) == "b.onnx" + off + "\n");
  CHECK(said("b.onnx c.safetensors", 1) == "b.onnx" + off + "; expected at most 0.0001\n");
  pretend(run.folder(), {{2, 3}}, {{1, -2, 1, -2, 1, 1}});
  CHECK(said("a.safetensors b.onnx", 2) ==
        "convert: expected outputs (2, 3), got (2, 2); the axes of the files differ\n");
  pretend(run.folder(), {{2, 2}}, {{1, -2, 1}});
  CHECK(said("a.safetensors b.onnx", 2) == "convert: expected 16 bytes of an output, got 12\n");
  pretend(run.folder(), {{2, 2}, {2, 2}}, {{1, -2, 1, -2}, {1, -2, 1, -2}});
  CHECK(said("a.safetensors b.onnx", 2) == "convert: expected 2 outputs, got 1\n");
  pretend(run.folder(), {{2, 2}}, {{1, -2, 1, std::nanf("")}});
  CHECK(said("a.safetensors b.onnx", 2) == "convert: expected finite outputs, got nan and -2\n");
  // the last line that the software prints is its message
  write_script(run.folder() / "python", "echo first; echo 'the last '; echo; exit 1");
  CHECK(said("a.safetensors b.onnx", 2) == "convert: expected onnxruntime to run b.onnx, got: the last\n");
  CHECK(said("a.safetensors b.keras", 2) == "convert: expected Keras to run b.keras, got: the last\n");
  for (const int status : {3, 126, 127}) {
    write_script(run.folder() / "python", fmt::format("echo no module; exit {}", status));
    CHECK(said("a.safetensors b.keras", 0) ==
          "b.keras: not checked with Keras, which ./python does not have: no module\n");
  }
}

TEST_CASE("convert gives other software random inputs in the range that the network expects") {
  const Programs run;
  const fs::path seen = run.folder() / "seen";
  save_model(constant_outputs(), run.folder() / "it's.safetensors");
  pretend(run.folder(), {{2, 2}}, {{1, -2, 1, -2}});
  const auto given = [&](const std::string& options) {
    const Run result = run("convert --quiet --check-with ./python " + options);
    INFO(result.text);
    CHECK(result.status == 0);
    return nlohmann::json::parse(bytes_of(seen / "job.json"));
  };
  const nlohmann::json rows_first = {{{"file", "input_0"}, {"dtype", "float32"}, {"shape", {2, 6, 5, 3}}}};
  CHECK(given("\"it's.safetensors\" \"it's.keras\" --scale 0..255") ==
        nlohmann::json{{"format", "Keras"}, {"inputs", rows_first}});
  CHECK(bytes_of(seen / "path") == "it's.keras\n");
  check_range(numbers_in<float>(seen / "input_0"), 0, 255);
  const std::vector<float> first = numbers_in<float>(seen / "input_0");
  given("\"it's.safetensors\" a.keras --scale 0..255 --seed 1");
  CHECK(numbers_in<float>(seen / "input_0") != first);
  given("\"it's.safetensors\" a.keras --scale caffe");  // minus the means (103.939, 116.779, 123.68)
  const std::vector<float> pixels = numbers_in<float>(seen / "input_0");
  const std::vector<double> means{103.939, 116.779, 123.68};
  REQUIRE(pixels.size() == 2 * 6 * 5 * 3);
  for (std::size_t c = 0; c < 3; ++c) {
    std::vector<float> channel;
    for (std::size_t i = c; i < pixels.size(); i += 3) channel.push_back(pixels[i]);
    check_range(channel, -means[c] - 1e-3, 255 - means[c] + 1e-3);
  }
  given("\"it's.safetensors\" a.keras");
  check_range(numbers_in<float>(seen / "input_0"), -1, 1);
  const nlohmann::json channels_first = {{{"file", "input_0"}, {"dtype", "float32"}, {"shape", {2, 3, 6, 5}}}};
  CHECK(given("\"it's.safetensors\" a.onnx --scale 0..255") ==
        nlohmann::json{{"format", "ONNX"}, {"inputs", channels_first}});
  given("\"it's.safetensors\" a.onnx --onnx-images last");
  // tokens are 0 or 1, numbers from -1 to 1 whatever the scale, and unknown extents are --size
  const auto tokens = Input({.shape = {any}, .dtype = DType::int64}), numbers = Input({40});
  const auto sum = Add()(
      {GlobalAveragePooling1D()(Embedding({.input_dim = 2, .output_dim = 2})(tokens)), Dense({.units = 2})(numbers)});
  save_model(Model({tokens, numbers}, {Dense({.units = 2, .kernel_initializer = zeros()})(sum)}),
             run.folder() / "b.safetensors");
  pretend(run.folder(), {{2, 2}}, {{0, 0, 0, 0}});
  const nlohmann::json both = {{{"file", "input_0"}, {"dtype", "int64"}, {"shape", {2, 9}}},
                               {{"file", "input_1"}, {"dtype", "float32"}, {"shape", {2, 40}}}};
  CHECK(given("b.safetensors b.keras --size 9 --scale 0..255")["inputs"] == both);
  const std::vector<std::int64_t> words = numbers_in<std::int64_t>(seen / "input_0");
  CHECK(std::ranges::count(words, 0) + std::ranges::count(words, 1) == 18);
  CHECK((std::ranges::count(words, 0) > 0 && std::ranges::count(words, 1) > 0));
  check_range(numbers_in<float>(seen / "input_1"), -1, 1);
  const auto bytes = Input({.shape = {30}, .dtype = DType::uint8});
  save_model(Model(bytes, Flatten()(bytes)), run.folder() / "c.safetensors");
  pretend(run.folder(), {{2, 30}}, {std::vector<float>(60, 1)});  // not what the model computes
  const nlohmann::json small = {{{"file", "input_0"}, {"dtype", "uint8"}, {"shape", {2, 30}}}};
  CHECK(given("c.safetensors c.keras --scale=-1..1 --tolerance 1e9")["inputs"] == small);
  const std::vector<std::uint8_t> values = numbers_in<std::uint8_t>(seen / "input_0");
  check_range({values.begin(), values.end()}, 0, 255);
  // the importer of ONNX makes int64 of them
  CHECK_THAT(run("convert c.safetensors c.onnx --quiet").text,
             Contains("c.safetensors and c.onnx in xtape: largest difference 0, "));
}

TEST_CASE("the options for ONNX have their effect on the file") {
  const Programs run;
  save_model(constant_outputs(), run.folder() / "a.safetensors");
  const auto written = [&](const std::string& options) {
    CHECK(run("convert a.safetensors a.onnx --quiet " + options).status == 0);
    return bytes_of(run.folder() / "a.onnx");
  };
  // the first field of the file, ir_version, is the least with which ONNX introduced the opset
  for (const auto& [opset, version] : {std::pair{17, 8}, {18, 8}, {19, 9}, {20, 9}, {21, 10}}) {
    const std::string bytes = written(fmt::format("--opset {}", opset));
    CHECK((bytes[0] == 8 && bytes[1] == version));
  }
  const std::string chosen = written("--opset 17 --ir-version 10");
  CHECK((chosen[0] == 8 && chosen[1] == 10));
  CHECK_THAT(written(""), Contains("channels_first") && !Contains("channels_last"));
  CHECK_THAT(written("--onnx-images first"), Contains("channels_first") && !Contains("channels_last"));
  CHECK_THAT(written("--onnx-images last"), Contains("channels_last") && !Contains("channels_first"));
  CHECK_THAT(written("--preprocessing 'grey, halved'"), Contains("grey, halved"));
  CHECK_THAT(written(""), !Contains("grey, halved"));
}

TEST_CASE("convert matches weights by their order, and keeps the initial weights of a network that has none") {
  const Programs run;
  const auto net = [](const std::string& first, const std::string& second, std::uint64_t seed) {
    const auto input = Input({3});
    return Model(input, Dense({.units = 4, .name = second})(Dense({.units = 3, .name = first})(input)), {.seed = seed});
  };
  const Model known = net("a", "b", 1);
  save_weights(known, run.folder() / "w.safetensors");
  save_model(net("y", "x", 2), run.folder() / "other.safetensors");
  const std::string command = "convert w.safetensors out.safetensors --quiet --model other.safetensors";
  check_refused(run(command), "load_weights: expected the weights of model model in w.safetensors, got ");
  check_refused(run(command + " --match name"),
                "load_weights: expected the weights of model model in w.safetensors, got ");
  CHECK(run(command + " --match order").status == 0);
  const Model found = load_model(run.folder() / "out.safetensors");
  for (const auto& [ours, theirs] : {std::pair{"y", "a"}, {"x", "b"}}) {
    for (const std::string kind : {"/kernel", "/bias"}) {
      CHECK(identical(found.parameter(ours + kind).value(), known.parameter(theirs + kind).value()));
    }
  }
  for (const std::string option : {"--partial", "--match order"}) {
    CHECK(run("convert other.safetensors x.onnx " + option).text ==
          "convert: expected --model or --network with --partial and --match, got none\n");
  }
  const NetworkOptions options{.input = {16, 24, 1}, .classes = 4, .seed = 5};
  CHECK_THAT(run("convert w.safetensors n.safetensors --quiet --partial --seed 5 --network cifar_resnet20 --outputs 4 "
                 "--input 16x24x1")
                 .text,
             Contains("\nresnet20_cifar: 273764 parameters, 1 input, 1 output\n"));
  const Model made = load_model(run.folder() / "n.safetensors"), same = cifar_resnet(20, options);
  CHECK(made.input_shape() == PartialShape{16, 24, 1});
  for (const auto& [path, parameter] : same.named_parameters()) {
    CHECK(identical(made.parameter(path).value(), parameter.value()));
  }
}

TEST_CASE("the names of networks make these networks") {
  const Programs run;
  const auto input = Input({3});
  save_weights(Model(input, Dense({.units = 4})(input)), run.folder() / "w.safetensors");
  for (const auto& [name, model] : {std::pair{"resnet50_v2", "resnet50v2"},
                                    {"cifar_resnet32", "resnet32_cifar"},
                                    {"cifar_resnet110", "resnet110_cifar"},
                                    {"densenet169", "densenet169"}}) {
    const std::string text =
        run(fmt::format("convert w.safetensors x.onnx --outputs 2 --input 32x32x3 --network {}", name)).text;
    CHECK_THAT(text, Contains(fmt::format("reading weights of w.safetensors ... failed\nload_weights: expected the "
                                          "weights of model {} in w.safetensors, got ",
                                          model)));
  }
}

TEST_CASE("the tables of convert have a row for each layer of inner models, and one for a layer that is called twice") {
  const Programs run;
  const auto x = Input({2}, {.name = "x"});
  const Dense shared({.units = 2, .name = "shared"});
  const Model core(x, shared(shared(x)), {.name = "core"});
  const auto y = Input({2}, {.name = "y"});
  const Model shell(y, core(core(y)), {.name = "shell"});
  const auto z = Input({2}, {.name = "z"});
  save_model(Model(z, Dense({.units = 3, .name = "last"})(shell(z))), run.folder() / "a.safetensors");
  const auto table = [&](const std::string& options) {
    const std::string text = run("convert a.safetensors " + options).text;
    const std::size_t begin = text.find("\nlayer ");
    return text.substr(begin, text.find("\n\n", begin) - begin);
  };
  CHECK(table("b.safetensors --no-check") ==
        "\nlayer              class       parameters  in b.safetensors (xtape)\n"
        "z                  InputLayer              -\n"
        "shell/y            InputLayer              -\n"
        "shell/core/x       InputLayer              -\n"
        "shell/core/shared  Dense                6  kernel, bias\n"
        "last               Dense                9  kernel, bias");
  CHECK(table("b.weights.h5 --no-check --weights keras").find("shell/core/shared  Dense                6  ") !=
        std::string::npos);
}

TEST_CASE("convert counts inputs and outputs, and knows the endings of names that it can and cannot write") {
  const Programs run;
  const auto one = Input({2}), two = Input({2});
  save_model(Model({one, two}, {Add()({one, two})}, {.name = "sum"}), run.folder() / "sum");
  save_model(Model({one}, {Dense({.units = 2})(one), Dense({.units = 1})(one), one}, {.name = "fork"}),
             run.folder() / "fork");
  CHECK_THAT(run("convert sum x.onnx --quiet").text, Contains("\nsum: 0 parameters, 2 inputs, 1 output\n"));
  CHECK_THAT(run("convert fork x.onnx --quiet").text, Contains("\nfork: 9 parameters, 1 input, 3 outputs\n"));
  for (const std::string end : {"pt", "pth"}) {
    CHECK(run("convert fork x." + end).text == "convert: expected a format that can be written, got x." + end +
                                                   "; --weights pytorch writes a state_dict as .safetensors\n");
  }
  for (const std::string name : {"w.h5", "w.hdf5", "w.weights.h5"}) {
    CHECK(run("convert fork --quiet --weights keras " + name).status == 0);
    CHECK(run("convert fork --quiet --weights xtape " + name).text ==
          "convert: expected OUT to end in .safetensors for --weights xtape, got " + name + "\n");
  }
  CHECK(run("convert fork w.keras --weights keras").text ==
        "convert: expected OUT to end in .h5 or .weights.h5 for --weights keras, got w.keras\n");
}
