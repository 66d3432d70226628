// The options of the programs: what --help says about each, their defaults, the limits of their values from both sides,
// and which of them exclude or need each other.

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>
#include <xtape/xtape.hpp>

#include "tests/examples/programs.hpp"

namespace fs = std::filesystem;
using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// The text with one space for all spaces and line ends in a row.
std::string on_one_line(const std::string& text) { return std::regex_replace(text, std::regex("\\s+"), " "); }

/// What --help says about each option: from its line to that of the next one.
std::map<std::string, std::string> entries_of(const std::string& help) {
  std::map<std::string, std::string> entries;
  std::string* entry = nullptr;
  std::istringstream lines(help);
  const std::regex begin("^  (-h,)?(--[a-z-]+).*");
  for (std::string line; std::getline(lines, line) && line != "Recipes:";) {
    std::smatch found;
    if (std::regex_match(line, found, begin)) {
      entry = &entries[found[2]];
    } else if (!line.starts_with("        ")) {
      entry = nullptr;
    }
    if (entry) *entry += line + " ";
  }
  for (auto& [name, text] : entries) text = on_one_line(text);
  return entries;
}

struct Option {
  std::string name, about;
  std::string value = "";  ///< the default that --help shows
};

const std::string scale =
    "How the network expects pixels: 0..1, 0..255, -1..1 or other LOW..HIGH, imagenet (torchvision's mean and "
    "deviation), caffe (blue first, minus the mean); by default what the file says, otherwise 0..1";
const std::string data =
    "A folder with train_signs.h5 and test_signs.h5; with the IDX files of (Fashion-)MNIST, plain or .gz; with the "
    "binary files of CIFAR-10; or with photographs: train/CLASS/*.jpg and test/CLASS/*.jpg, or CLASS/*.jpg, of which a "
    "fifth is for tests";
const std::string model =
    "A model's file: .safetensors of ./run train or save_model(), .keras or .h5 of Keras, or .onnx";
const std::string image_size = "Height and width of the images, for networks that take any size";
const std::string unreadable =
    "Leave out photographs that can't be read, and say how many; without it they are an error";

const std::map<std::string, std::pair<std::string, std::vector<Option>>> programs{
    {"train",
     {"Trains a network on real images. Exit status: 0, or 1 when a recipe missed its target, 2 on errors, 130 when it "
      "was interrupted",
      {{"--model", "small, convnet, resnet20 or resnet50", "small"},
       {"--recipe", "How it is trained; by default the model's first recipe below"},
       {"--from",
        "Train the network of this file further: .safetensors of ./run train or save_model(), .keras or .h5 of Keras, "
        "or .onnx. Its last dense layer is replaced if the classes are others"},
       {"--scale", scale},
       {"--data", data + "; by default the recipe's data where it is usually found"},
       {"--image-size",
        "Height and width that photographs are brought to; by default 64, 32 for resnet20, or that of --from"},
       {"--skip-unreadable", unreadable},
       {"--epochs", "Passes over the training images"},
       {"--batch-size", "Images per step"},
       {"--learning-rate", "Of the optimizer; the largest where it changes"},
       {"--validation",
        "Part of the training images, drawn at random, that is evaluated after each epoch instead of trained on", "0"},
       {"--seed", "Of the initial weights, the order of the images and dropout", "0"},
       {"--output", "Folder for history, weights, checkpoints and report; by default a new one, runs/<model>-<time>"},
       {"--checkpoint-every", "Steps after which the run is saved; 0: after each epoch", "0"},
       {"--report",
        "Write report.html: curves, confusion matrix, worst mistakes; during the run a page that reloads itself"},
       {"--tensorboard", "Folder for files that TensorBoard shows; a new one for each run"},
       {"--threads", "Of each process; by default all cores this process may use, or its share"},
       {"--ranks", "Processes that share the work, started by mpirun"},
       {"--shards",
        "Parts of each batch. The numbers depend on it, not on the number of processes; by default one for each"},
       {"--timeout", "Seconds that processes wait for one that hangs or is cut off before the run ends", "300"},
       {"--summary", "Print the table of layers before training"},
       {"--quick", "One short epoch, to see that everything works"},
       {"--resume", "Resume the run in this folder, with its settings"}}}},
    {"predict",
     {"Names what photographs show. Exit status: 0, or 2 on errors, after all photographs that can be read",
      {{"--model", model},
       {"--top", "Classes shown for each", "3"},
       {"--classes", "Names of the classes, A,B,C, where the file does not say them"},
       {"--scale", scale},
       {"--image-size", image_size},
       {"--json", "Print JSON: a list of {file, predictions: [{class, name, probability}]}, or {file, error}"}}}},
    {"evaluate",
     {"Judges a network by images that it has not seen. Exit status: 0, or 2 on errors",
      {{"--model", model},
       {"--data", data + "; by default Fashion-MNIST"},
       {"--scale", scale},
       {"--image-size", image_size},
       {"--skip-unreadable", unreadable},
       {"--part", "Which images: test or train", "test"},
       {"--top", "Also how often the right class is among so many", "3"},
       {"--batch-size", "", "64"}}}},
    {"convert",
     {"Converts models and weights between xtape, Keras, PyTorch and ONNX. Reads the result again and compares the "
      "outputs for random inputs. Exit status: 0, 1 if outputs differ, 2 on errors",
      {{"--model", "IN has weights; put them into the model of this file"},
       {"--network",
        "IN has weights; put them into a network of xtape: cifar_resnet110, cifar_resnet20, cifar_resnet32, "
        "cifar_resnet44, cifar_resnet56, densenet121, densenet169, densenet201, efficientnet_b0, mobilenet_v1, "
        "mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small, resnet101, resnet101_v2, resnet152, resnet152_v2, "
        "resnet18, resnet34, resnet50, resnet50_v2, vgg11, vgg13, vgg16, vgg19"},
       {"--implementation", "Whose network: keras, or torchvision, which weights of PyTorch need", "keras"},
       {"--input", "HEIGHTxWIDTHxCHANNELS of the network's images", "224x224x3"},
       {"--outputs", "Classes of the network", "1000"},
       {"--match", "Find the tensors by name, or in the order of the file", "name"},
       {"--partial", "Load what fits, and keep the initial weights of the rest"},
       {"--weights",
        "Write the weights alone, with the names and layouts of xtape, keras (.h5, .weights.h5) or pytorch (a "
        "state_dict as .safetensors)"},
       {"--classes", "Names of the classes, A,B,C; by default those of IN"},
       {"--scale", scale},
       {"--opset", "Version of the operators", "17"},
       {"--ir-version", "Version of the file; by default the least for the opset"},
       {"--onnx-images", "The place of the channels at inputs and outputs: first or last", "first"},
       {"--fold", "Fold batch normalizations into the kernels in front of them"},
       {"--preprocessing", "A text for the metadata: how inputs are made of images"},
       {"--no-check", "Do not read OUT again and compare the outputs"},
       {"--check-with", "A Python with keras or onnxruntime, which also runs the files of Keras and ONNX"},
       {"--tolerance", "Largest difference, relative to the largest output", "0.0001"},
       {"--size", "Extent of random inputs where the model takes any", "64"},
       {"--seed", "Of random inputs and initial weights", "0"},
       {"--quiet", "Do not print the table of layers"}}}},
    {"lab/lab",
     {"Replays the figures of a lab report on convolutional networks and checks them.",
      {{"--data", "folder of train_signs.h5 and test_signs.h5; without it nothing is trained"},
       {"--quick", "no training"},
       {"--summary", "print the whole summary of ResNet-50"},
       {"--seed", "of the training runs", "0"}}}},
    {"gradcheck",
     {"Checks derivatives against central differences in float64 and prints what was found",
      {{"--model", "What to check: layers, convnet or resnet50 (all 23.5 M parameters)", "convnet"},
       {"--batch", "Images", "2"},
       {"--directions", "Random directions through everything at once", "4"},
       {"--each", "Random directions through each parameter by itself", "1"},
       {"--seed", "Seed of weights, images and directions", "0"},
       {"--quick", "Layers and convnet, whatever --model says"}}}},
    {"profile",
     {"Trains a network on noise for some steps and prints what takes how long and keeps how much",
      {{"--model", "resnet50 or convnet", "resnet50"},
       {"--batch", "Images in a step", "32"},
       {"--image-size", "Height and width", "64"},
       {"--classes", "", "6"},
       {"--steps", "That are measured", "5"},
       {"--quick", "The ConvNet and one step, as a test"}}}},
    {"quickstart", {"Trains a small network on Fashion-MNIST", {{"--quick", "A few steps only, as a test"}}}},
    {"custom_op", {"", {{"--quick", "A short run, as a test"}}}},
};

/// Values of an option that are accepted, so that the program fails with `next`, and values that are refused before.
struct Limits {
  std::string command, option;
  std::vector<std::string> accepted, refused;
};

void check_limits(const Programs& run, const std::string& next, const std::vector<Limits>& rows) {
  for (const Limits& row : rows) {
    for (const std::string& value : row.accepted) {
      INFO(row.command << " " << row.option << "=" << value);
      check_refused(run(row.command + " " + row.option + "=" + value), next);
    }
    for (const std::string& value : row.refused) {
      INFO(row.command << " " << row.option << "=" << value);
      const Run refused = run(row.command + " " + row.option + "=" + value);
      check_refused(refused, row.option);
      CHECK_THAT(refused.text, !Contains(next));
    }
  }
}

}  // namespace

TEST_CASE("--help describes every option of a program, with its default") {
  const Programs run;
  for (const auto& [program, description] : programs) {
    INFO(program);
    const std::string help = run(program + " --help").text;
    CHECK_THAT(on_one_line(help), Contains(description.first));
    std::map<std::string, std::string> entries = entries_of(help);
    CHECK(entries.erase("--help") == 1);
    CHECK(entries.size() == description.second.size());
    for (const Option& option : description.second) {
      const std::string entry = entries[option.name];
      INFO(entry);
      CHECK_THAT(entry, Catch::EndsWith(" " + option.about + (option.about.empty() ? "" : " ")));
      const std::string head = entry.substr(0, entry.size() - option.about.size() - 1);
      // CLI11 writes "TEXT=small", and from version 2.2 "TEXT [small]"
      const bool shown = head.find("=" + option.value + " ") != std::string::npos ||
                         head.ends_with("=" + option.value) || head.find("[" + option.value + "]") != std::string::npos;
      const bool some = head.find('=') != std::string::npos || head.find("[]") != std::string::npos;
      CHECK((option.value.empty() ? !some : shown));
    }
  }
}

TEST_CASE("--help of convert shows the options in groups") {
  const Programs run;
  std::istringstream lines(run("convert --help").text);
  std::map<std::string, std::string> groups;
  std::string group;
  const std::regex option("^  (?:-h,)?--([a-z-]+).*");
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (!line.empty() && line[0] != ' ') group = line;
    if (std::regex_match(line, found, option)) groups[group] += found[1].str() + " ";
  }
  CHECK(groups == std::map<std::string, std::string>{
                      {"Checking:", "no-check check-with tolerance size seed "},
                      {"ONNX as OUT:", "opset ir-version onnx-images fold preprocessing "},
                      {"Options:", "help quiet "},
                      {"Weights into a model:", "model network implementation input outputs match partial "},
                      {"Writing:", "weights classes scale "}});
}

TEST_CASE("--help of train lists the recipes, and a message too") {
  const Programs run;
  const std::string recipes =
      "  --model small     --recipe default  two convolutions and two dense layers for small images; fashion-mnist, 4 "
      "epochs, batch 64, rate 0.002 falling to 0\n"
      "  --model convnet   --recipe better   three convolutions with batch normalization and dropout; signs, 60 "
      "epochs, "
      "batch 32, rate 0.002 falling to 0\n"
      "  --model convnet   --recipe lab      the lab's two convolutions, with its settings; signs, 100 epochs, batch "
      "64, "
      "rate 0.009\n"
      "  --model resnet50  --recipe default  the lab's ResNet-50; signs, 20 epochs, batch 16, rate 0.0025 falling to "
      "0\n"
      "  --model resnet20  --recipe default  ResNet-20 for small photographs; cifar-10, 60 epochs, batch 128, rate 0.1 "
      "falling to 0\n";
  CHECK_THAT(on_one_line(run("train --help").text), Contains(on_one_line("Recipes:\n" + recipes)));
  CHECK(run("train --model vgg").text == "train: expected a model and a recipe of\n" + recipes + "got --model vgg\n");
  CHECK(run("train --recipe best").text ==
        "train: expected a model and a recipe of\n" + recipes + "got --model small --recipe best\n");
}

TEST_CASE("numbers and words on the command line are accepted up to their limits") {
  const Programs run;
  const auto input = Input({4, 4, 3});
  save_model(Model(input, Dense({.units = 2})(Flatten()(input))), run.folder() / "model");
  const auto image = Input({any, any, 3});
  save_model(Model(image, Dense({.units = 2})(GlobalAveragePooling2D()(image))), run.folder() / "any_size");
  const std::string million = "1000000", more = "1000001";
  check_limits(
      run, "load_data: expected a folder, got",
      {{"train --data none", "--image-size", {"8", "1024"}, {"7", "1025"}},
       {"train --data none", "--epochs", {"1", million}, {"0", more}},
       {"train --data none", "--batch-size", {"1", million}, {"0", more}},
       {"train --data none", "--validation", {"0", "0.9"}, {"-0.0001", "0.9001"}},
       {"train --data none", "--seed", {"0", "18446744073709551615"}, {"-1", "18446744073709551616"}},
       {"train --data none", "--checkpoint-every", {"0", "1099511627776"}, {"-1", "1099511627777"}},
       {"train --data none", "--threads", {"1", "256"}, {"0", "257"}},
       {"train --data none", "--ranks", {"1"}, {"0", "1025"}},
       {"train --data none", "--shards", {"1", "1024"}, {"0", "1025"}},
       {"train --data none", "--timeout", {"1", "86400"}, {"0", "86401"}},
       {"evaluate --model any_size --data none", "--image-size", {"1", "16384"}, {"0", "16385"}},
       {"evaluate --model model --data none", "--top", {"1", million}, {"0", more}},
       {"evaluate --model model --data none", "--batch-size", {"1", million}, {"0", more}},
       {"evaluate --model model --data none", "--part", {"test", "train"}, {"validation"}},
       {"evaluate --model model --data none", "--scale", {"0..1", "imagenet", "caffe", "-2..3"}, {"1", ".."}}});
  check_limits(run, "none.png: No such file",
               {{"predict none.png --model any_size", "--image-size", {"1", "16384"}, {"0", "16385"}},
                {"predict none.png --model model", "--top", {"1", million}, {"0", more}}});
  check_limits(run, "convert: expected another file as OUT than IN, got model",
               {{"convert model model --network vgg11", "--outputs", {"1", million}, {"0", more}},
                {"convert model model --network vgg11", "--implementation", {"keras", "torchvision"}, {"pytorch"}},
                {"convert model model", "--match", {"name", "order"}, {"shape"}},
                {"convert model model", "--weights", {"xtape", "keras", "pytorch"}, {"onnx"}},
                {"convert model model", "--opset", {"17", "21"}, {"16", "22"}},
                {"convert model model", "--ir-version", {"8", "10"}, {"7", "11"}},
                {"convert model model", "--onnx-images", {"first", "last"}, {"middle"}},
                {"convert model model", "--tolerance", {"0", "1"}, {"-1e-9", "nan"}},
                {"convert model model", "--seed", {"0", "18446744073709551615"}, {"-1", "18446744073709551616"}},
                {"convert model model", "--size", {"1", "16384"}, {"0", "16385"}}});
  check_limits(run, "convert: expected a --network of ",
               {{"convert model x --network none",
                 "--input",
                 {"1x1x1", "16384x16384x16384"},
                 {"0x1x1", "1x16385x1", "1x1x-1", "1x1", "1x1x1x1", "1x1xa", "1x1x1.5", "''"}}});
  check_limits(run, "got none in '/none'", {{"lab/lab --data /none", "--seed", {"0"}, {"-1"}}});
  for (const std::string refused :
       {"profile --quick --batch 65537", "profile --quick --batch 0", "profile --quick --image-size 31",
        "profile --quick --image-size 1025", "profile --quick --classes 1", "profile --quick --classes 65537",
        "profile --quick --steps 0", "profile --quick --steps 10001", "profile --quick --model vgg",
        "gradcheck --batch 0", "gradcheck --directions -1", "gradcheck --each -1", "gradcheck --model vgg"}) {
    const std::string option = refused.substr(refused.rfind("--"));
    check_refused(run(refused), option.substr(0, option.find(' ')));
  }
  const Run convnet = run("profile --quick --batch 1 --image-size 32 --classes 2 --steps 1");
  CHECK((convnet.status == 0 && convnet.text.find("res2a_branch2a") == std::string::npos));
  const Run resnet = run("profile --model resnet50 --batch 1 --image-size 32 --classes 2 --steps 1");
  CHECK((resnet.status == 0 && resnet.text.find("res2a_branch2a") != std::string::npos));
}

TEST_CASE("numbers that an option cannot hold are refused for every option, whole numbers are decimal") {
  const Programs run;
  const std::string most = "18446744073709551615", whole = ": expected a whole number from ";
  struct Kind {
    std::string about;  ///< the message, up to the value
    std::vector<std::string> refused;
    int options = 0;
  };
  std::map<std::string, Kind> kinds{
      {"UINT", {whole + "0 to " + most + ", got ", {"18446744073709551616", "99999999999999999999999", "-1", "1.5"}}},
      {"INT",
       {whole + "-9223372036854775808 to 9223372036854775807, got ",
        {"9223372036854775808", "-9223372036854775809", "99999999999999999999999", "0x10", "1.5", "nan"}}},
      {"FLOAT", {": expected a finite number, got ", {"1e999", "-1e999", "1e-999", "nan", "inf", "-inf", "1,5"}}}};
  for (const auto& [program, description] : programs) {
    for (const auto& [option, entry] : entries_of(run(program + " --help").text)) {
      std::smatch found;
      if (!std::regex_search(entry, found, std::regex("^ --[a-z-]+ (UINT|INT|FLOAT)[: =]"))) continue;
      Kind& kind = kinds.at(found[1]);
      ++kind.options;
      for (const std::string& value : kind.refused) {
        INFO(program << " " << option << "=" << value);
        const Run refused = run(program + " " + option + "=" + value);
        CHECK(refused.status == 2);
        CHECK(refused.text == option + kind.about + value + "\nRun with --help for more information.\n");
      }
    }
  }
  CHECK((kinds["UINT"].options == 4 && kinds["INT"].options > 20 && kinds["FLOAT"].options == 3));
  CHECK_THAT(run("profile --quick --batch 010 --image-size 032 --classes 02 --steps 01").text,
             Catch::StartsWith("convnet, 10 images of 32x32x3, "));
}

TEST_CASE("options that exclude or need others are refused, and those of a resumed run") {
  const Programs run;
  const auto input = Input({2});
  save_model(Model(input, Flatten()(input)), run.folder() / "model");
  const auto refused = [&](const std::string& command, const std::string& one, const std::string& other) {
    const Run result = run(command);
    INFO(command << "\n" << result.text);
    CHECK(result.status == 2);
    CHECK_THAT(result.text, Contains(one) && Contains(other) && !Contains("expected another file"));
  };
  refused("train --from model --model small", "--from", "--model");
  refused("train --from model --recipe default", "--from", "--recipe");
  refused("train --scale 0..1", "--scale", "--from");
  refused("convert model model --model model --network vgg11", "--network", "--model");
  for (const std::string option : {"--implementation keras", "--input 1x1x1", "--outputs 2"}) {
    refused("convert model model " + option, option.substr(0, option.find(' ')), "--network");
  }
  refused("convert model model --no-check --check-with python3", "--check-with", "--no-check");
  const std::vector<std::string> kept{"--threads=1", "--ranks=1", "--timeout=9"};
  for (const std::string& option : kept) {
    check_refused(run("train --resume none " + option),
                  "train: expected the folder of a run after --resume, got none, which has no settings.ini");
  }
  const std::vector<std::string> others{"--model=small",   "--recipe=default",  "--data=.",
                                        "--image-size=64", "--skip-unreadable", "--epochs=3",
                                        "--batch-size=1",  "--learning-rate=1", "--validation=0",
                                        "--seed=1",        "--output=x",        "--report",
                                        "--shards=1",      "--tensorboard=x",   "--summary",
                                        "--quick",         "--from=model",      "--checkpoint-every=1"};
  for (const std::string& option : others) {
    refused("train --resume none " + option, "--resume", option.substr(0, option.find('=')));
  }
  // every option but --help, --resume and --scale, which needs --from, is in one of the lists
  CHECK(kept.size() + others.size() + 2 == programs.at("train").second.size());
}
