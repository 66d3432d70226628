// Everything that the programs print for networks whose outputs are known, and the settings of every recipe.

#include <cmath>
#include <regex>
#include <xtape/xtape.hpp>

#include "tests/examples/programs.hpp"

namespace fs = std::filesystem;
using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// Logits for images (4, 4, 3) of mean m, 0 to 1: 0 for the first class, 10 (m - 1/2) for the second.
Model light_meter(const ActivationFunction& ending = linear) {
  const auto input = Input({4, 4, 3});
  const Model meter(input,
                    Dense({.units = 2, .activation = ending, .name = "logits"})(Flatten({.name = "flat"})(input)),
                    {.name = "meter"});
  std::vector<double> kernel;
  for (int i = 0; i < 48; ++i) kernel.insert(kernel.end(), {0, 10.0 / 48});
  meter.parameters()[0].set_value(Tensor::of({48, 2}, kernel));
  meter.parameters()[1].set_value(Tensor::of({2}, {0, -5}));
  return meter;
}

/// The text with # for each duration, and for the number of threads.
std::string without_times(const std::string& text) {
  std::string result = std::regex_replace(text, std::regex("[0-9]+\\.[0-9] s"), "# s");
  result = std::regex_replace(result, std::regex("[0-9.]+ samples/s"), "# samples/s");
  result = std::regex_replace(result, std::regex("[0-9]+:[0-9][0-9]"), "#");
  return std::regex_replace(result, std::regex("[0-9]+ threads?"), "# threads");
}

/// The rows of the settings in a report, but for those that depend on the machine and the day.
std::vector<std::string> settings_of(const fs::path& report) {
  const std::string page = bytes_of(report);
  const std::string table = page.substr(page.find("class='figures settings'"));
  const std::regex row("<tr><th>([^<]*)</th><td>([^<]*)</td></tr>");
  std::vector<std::string> rows;
  for (std::sregex_iterator found(table.begin(), table.end(), row), end; found != end; ++found) {
    rows.push_back((*found)[1].str() + ": " + (*found)[2].str());
  }
  REQUIRE(rows.size() > 4);
  rows.resize(rows.size() - 4);
  return rows;
}

}  // namespace

TEST_CASE("evaluate prints the loss, a table of classes, classes without images, and the confusion matrix") {
  const Programs run;
  const auto input = Input({4, 4, 3});
  const Model three = [&] {  // a third class that never wins
    const Model meter(input, Dense({.units = 3, .kernel_regularizer = l2(0.3)})(Flatten()(input)));
    std::vector<double> kernel;
    for (int i = 0; i < 48; ++i) kernel.insert(kernel.end(), {0, 10.0 / 48, 0});
    meter.parameters()[0].set_value(Tensor::of({48, 3}, kernel));
    meter.parameters()[1].set_value(Tensor::of({3}, {0, -5, -100}));
    return meter;
  }();
  save_model(three, run.folder() / "model", {.class_names = {"dark", "light", "odd"}});
  // logits of the second class -3 and 5, and -1 for an image of 0.4 that is called light
  for (const std::string part : {"train", "test"}) {
    write_grey_images(run.folder() / "photos" / part / "dark", 51, part == "test" ? 3 : 1);
    write_grey_images(run.folder() / "photos" / part / "light", 255, part == "test" ? 2 : 1);
    write_png(run.folder() / "photos" / part / "light" / "9.png", Tensor::full({20, 20, 3}, 102, DType::uint8));
  }
  const auto loss = [](double z) { return std::log1p(std::exp(z)); };
  const double penalty = 0.3 * 48 * (10.0 / 48) * (10.0 / 48);  // of the kernel
  const double mean = (3 * loss(-3) + 2 * loss(-5) + loss(1)) / 6 + penalty;
  const Run judged = run("evaluate --model model --data photos --top 2");
  CHECK(judged.text == fmt::format("6 test images of photographs: loss {:.4f}, right class among the first 2: 1.0000\n"
                                   "\n"
                                   "class             precision    recall        F1   support\n"
                                   "dark                 0.7500    1.0000    0.8571         3\n"
                                   "light                1.0000    0.6667    0.8000         3\n"
                                   "odd                  0.0000    0.0000    0.0000         0\n"
                                   "mean over classes    0.5833    0.5556    0.5524         6\n"
                                   "accuracy 0.8333\n"
                                   "no images of odd: 0 in the mean over classes\n"
                                   "\n"
                                   "confusion: a row for each class, a column for the predicted class\n"
                                   "   0:  3  0  0\n"
                                   "   1:  1  2  0\n"
                                   "   2:  0  0  0\n",
                                   mean));
  const Run other = run("evaluate --model model --data photos --part train --top 1 --batch-size 1");
  CHECK_THAT(other.text, Catch::StartsWith(fmt::format("3 train images of photographs: loss {:.4f}, right class among "
                                                       "the first 1: 0.6667\n\n",
                                                       (loss(-3) + loss(-5) + loss(1)) / 3 + penalty)));
}

TEST_CASE("the confusion matrix is printed for at most 30 classes, and at most 20 classes without images are listed") {
  const Programs run;
  const auto judged = [&](std::int64_t classes) {
    const auto input = Input({1, 1, 3});
    save_model(Model(input, Dense({.units = classes})(Flatten()(input))), run.folder() / "model");
    for (std::int64_t i = 0; i < classes; ++i) {
      const std::string name = fmt::format("{:02}", i);
      for (const std::string part : {"train", "test"}) fs::create_directories(run.folder() / "photos" / part / name);
      write_grey_images(run.folder() / "photos/train" / name, 9);
      if (i > 21 || i == 0) write_grey_images(run.folder() / "photos/test" / name, 9);
    }
    for (std::int64_t i = 1; i <= 21; ++i) fs::remove(run.folder() / fmt::format("photos/test/{:02}", i));
    return run("evaluate --data photos --model model").text;
  };
  const std::string text = judged(30);
  CHECK_THAT(text, Contains("confusion: ") &&
                       Contains("no images of 01, 02, 03, 04, 05, 06, 07, 08, 09, 10, 11, 12, 13, 14, 15, 16, 17, 18, "
                                "19, 20 and 1 more: 0 in the mean over classes\n"));
  CHECK_THAT(judged(31), Contains("accuracy ") && !Contains("confusion: "));
}

TEST_CASE("predict prints the names, the probabilities and their bars") {
  const Programs run;
  save_model(light_meter(), run.folder() / "model", {.class_names = {"dark", "light"}});
  write_grey_images(run.folder() / "photos", 102, 1);  // a logit of -1
  const double light = 1 / (1 + std::exp(1));
  const auto bars = [&](int longest, double share) {
    return std::string(static_cast<std::size_t>(longest * share), '#');
  };
  const std::string whole = fmt::format("photos/0.png\n  dark  {:>6.2f} % {}\n  light {:>6.2f} % {}\n",
                                        100 - 100 * light, bars(50, 1 - light), 100 * light, bars(50, light));
  CHECK(run("predict photos/0.png --model model").text == whole);
  CHECK(run("predict photos --model model --top 2").text == whole);
  CHECK(run("predict photos --model model --top 1").text ==
        fmt::format("photos/0.png\n  dark {:>6.2f} % {}\n", 100 - 100 * light, bars(50, 1 - light)));
  const std::string name(47, 'x');  // leaves 80 - 47 - 13 columns
  CHECK(run("predict photos --model model --top 1 --classes y," + name).text ==
        fmt::format("photos/0.png\n  y {:>6.2f} % {}\n", 100 - 100 * light, bars(50, 1 - light)));
  CHECK_THAT(run("predict photos --model model --classes " + name + ",y").text,
             Catch::StartsWith(
                 fmt::format("photos/0.png\n  {} {:>6.2f} % {}\n", name, 100 - 100 * light, bars(20, 1 - light))));
  const Run json = run("predict --json photos/0.png none.png --model model --top 1", "out.json");
  const std::string missing = "read_image: expected a file that can be read, got none.png: No such file or directory";
  CHECK(json.text == missing + "\n");
  const std::string text = bytes_of(run.folder() / "out.json");
  const std::regex number("\"probability\": [0-9.]+");
  CHECK(std::regex_replace(text, number, "\"probability\": #") ==
        "[\n  {\n    \"file\": \"photos/0.png\",\n    \"predictions\": [\n      {\n        \"class\": 0,\n        "
        "\"name\": \"dark\",\n        \"probability\": #\n      }\n    ]\n  },\n  {\n    \"file\": \"none.png\",\n    "
        "\"error\": \"" +
            missing + "\"\n  }\n]\n");
}

TEST_CASE("convert prints each step, the table of what became what, and the differences") {
  const Programs run;
  save_model(light_meter(softmax), run.folder() / "a.safetensors",
             {.class_names = {"dark", "light"}, .image_scale = "0..255"});
  const std::string meter = "meter: 98 parameters, 1 input, 1 output\n",
                    same = " in xtape: largest difference 0, 0 of the largest output\n";
  const auto table = [](const std::string& heading, const std::string& first, const std::string& flat,
                        const std::string& logits) {
    return "\nlayer    class       parameters  " + heading + "\ninput_1  InputLayer              " + first +
           "\nflat     Flatten                 " + flat + "\nlogits   Dense               98  " + logits + "\n\n";
  };
  const auto unnamed = [](const std::string& file) {
    return file + " does not hold class names and the scale of pixels: give --classes and --scale to the programs\n";
  };
  CHECK(without_times(run("convert a.safetensors b.onnx").text) ==
        "reading a.safetensors ... # s\n" + meter + "writing b.onnx ... # s\nreading b.onnx ... # s\n" +
            table("in b.onnx (ONNX)", "-", "Flatten", "Gemm, Softmax") + "a.safetensors and b.onnx" + same +
            "b.onnx: not checked with onnxruntime (--check-with PYTHON does it)\n");
  CHECK(without_times(run("convert a.safetensors b.h5 --quiet").text) ==
        "reading a.safetensors ... # s\n" + meter + "writing b.h5 ... # s\nreading b.h5 ... # s\n" + unnamed("b.h5") +
            "a.safetensors and b.h5" + same + "b.h5: not checked with Keras (--check-with PYTHON does it)\n");
  CHECK(without_times(run("convert a.safetensors w.safetensors --weights pytorch").text) ==
        "reading a.safetensors ... # s\n" + meter +
            "writing weights to w.safetensors ... # s\nreading w.safetensors ... # s\n" +
            table("tensors in w.safetensors", "-", "-", "logits.weight, logits.bias") + unnamed("w.safetensors") +
            "a.safetensors and w.safetensors" + same);
  CHECK(without_times(run("convert w.safetensors c.keras --model a.safetensors --no-check").text) ==
        "reading a.safetensors ... # s\nreading weights of w.safetensors ... # s\n2 of 2 parameters matched\n" + meter +
            "writing c.keras ... # s\nreading c.keras ... # s\n" +
            table("tensors in w.safetensors", "-", "-", "logits.weight, logits.bias") +
            table("in c.keras (Keras)", "InputLayer input_1", "Flatten flat", "Dense logits") + unnamed("c.keras"));
  CHECK(without_times(run("convert b.onnx d.safetensors").text) ==
        "reading b.onnx ... # s\n" + meter +
            "writing d.safetensors ... # s\nreading d.safetensors ... # s\n"
            "\nlayer           class       parameters  in d.safetensors (xtape)\n"
            "input_1         InputLayer              -\n"
            "flat.Flatten    Flatten                 -\n"
            "logits.Gemm     Dense               98  kernel, bias\n"
            "logits.Softmax  Softmax                 -\n\n" +
            "b.onnx and d.safetensors" + same + "b.onnx: not checked with onnxruntime (--check-with PYTHON does it)\n");
}

TEST_CASE("the columns of a table of layers are as wide as the headings if names are short") {
  const Programs run;
  const auto x = Input({.shape = {2}, .name = "x"});
  save_model(Model(x, Dense({.units = 1, .name = "d"})(x)), run.folder() / "a");
  CHECK_THAT(run("convert a b.keras --no-check").text, Catch::Contains("\nlayer  class       parameters  ") &&
                                                           Catch::Contains("\nd      Dense                3  "));
}

TEST_CASE("convert has exit status 1 if outputs differ by more than the tolerance") {
  const Programs run;
  const auto input = Input({6, 6, 3});
  const Model model(input, BatchNormalization()(Conv2D({.filters = 7, .kernel_size = 3})(input)), {.seed = 1});
  for (const Parameter& parameter : model.parameters()) {
    parameter.set_value(
        RandomStream(3, static_cast<std::uint64_t>(parameter.shape().size())).uniform(parameter.shape()));
  }
  save_model(model, run.folder() / "a.safetensors");
  // folded kernels are rounded once more
  const Run differing = run("convert a.safetensors b.onnx --quiet --fold --tolerance 0");
  INFO(differing.text);
  CHECK(differing.status == 1);
  CHECK(std::regex_search(
      differing.text,
      std::regex("largest difference [0-9.e-]+, [0-9.e-]+ of the largest output; expected at most 0\n")));
  const double relative = number_after(differing.text.substr(differing.text.find("difference ")), ", ");
  CHECK(relative > 0);
  CHECK(run(fmt::format("convert a.safetensors b.onnx --quiet --fold --tolerance {}", 1.1 * relative)).status == 0);
  CHECK(run(fmt::format("convert a.safetensors b.onnx --quiet --fold --tolerance {}", 0.9 * relative)).status == 1);
}

TEST_CASE("train prints the plan of a run and its results, and the report lists the settings") {
  const Programs run;
  write_other_data(run.folder());
  const Run first =
      run("train --data . --output small --epochs 2 --batch-size 100 --learning-rate 1e-3 --seed 4 "
          "--validation 0.25 --report");
  // 32 (9 + 1) + 64 (288 + 1) + 128 (3136 + 1) + 10 (128 + 1) parameters
  const std::string figures = "loss #  accuracy #  val_loss #  val_accuracy #  # samples/s  # s";
  CHECK(std::regex_replace(without_times(first.text), std::regex("[0-9]+\\.[0-9]{4}|[0-9.]+%"), "#") ==
        "small (default), 421642 parameters; 240 training, 80 validation and 320 test images (28, 28, 1); 2 epochs, "
        "batch 100, rate 0.001 falling to 0, seed 4, # threads\n"
        "epoch 1/2  " +
            figures +
            "  left #\n"
            "epoch 2/2  " +
            figures +
            "\n"
            "trained in # (# s); test loss #, test accuracy # on 320 images\n"
            "history and model are in " +
            (run.folder() / "small").string() + "\n");
  const std::string unchanged =
      "augmentation: flip false, rotation 0, zoom 0, shift 0, brightness 0, contrast 0, fill edge";
  using Settings = std::vector<std::string>;
  CHECK(settings_of(run.folder() / "small/report.html") ==
        Settings{"model: small", "recipe: default", "data: " + run.folder().string() + "/",
                 "images: 240 training, 80 validation and 320 test images; (28, 28, 1)", "epochs: 2", "batch size: 100",
                 "optimizer: Adam", "learning rate: 0.001, falling to 0 along a cosine", "weight decay: 0", unchanged,
                 "seed: 4"});
  CHECK_THAT(bytes_of(run.folder() / "small/report.html"),
             Contains("<h1>small on mnist</h1>") &&
                 Contains(">two convolutions and two dense layers for small images; 421642 parameters<"));
  for (const std::string name : {"dark", "light"}) write_grey_images(run.folder() / "photos" / name, 50, 5);
  struct Row {
    std::string options, start, end, about;
    Settings settings;  // those from the optimizer on
  };
  // three convolutions without biases: 16 (27 + 4) + 32 (144 + 4) + 64 (288 + 4), then 4096 * 64 + 64 and 64 * 2 + 2
  const std::vector<Row> rows{
      {"--model convnet",
       "convnet (better), 286258 parameters",
       "batch 32, rate 0.002 falling to 0",
       "three convolutions with batch normalization and dropout",
       {"batch size: 32", "optimizer: AdamW", "learning rate: 0.002, falling to 0 along a cosine", "weight decay: 0.01",
        unchanged}},
      // without biases: 8 * 48 + 16 * 32, then 64 * 2 + 2
      {"--model convnet --recipe lab",
       "convnet (lab), 1026 parameters",
       "batch 64, rate 0.009",
       "the lab&#39;s two convolutions, with its settings",
       {"batch size: 64", "optimizer: Adam", "learning rate: 0.009", "weight decay: 0", unchanged}},
      {"--model resnet20",
       "resnet20 (default), 273138 parameters",
       "batch 128, rate 0.1 falling to 0",
       "ResNet-20 for small photographs",
       {"batch size: 128", "optimizer: SGD", "learning rate: 0.1, falling to 0 along a cosine", "weight decay: 0.0005",
        "augmentation: flip true, rotation 0, zoom 0, shift 0.125, brightness 0, contrast 0, fill zeros"}},
  };
  for (const Row& row : rows) {
    const Run trained = run("train --data photos --epochs 1 --report --output out " + row.options);
    INFO(row.options << "\n" << trained.text);
    const std::string size = row.options.ends_with("20") ? "(32, 32, 3)" : "(64, 64, 3)";
    CHECK_THAT(without_times(trained.text),
               Catch::StartsWith(row.start + "; 8 training and 2 test images " + size + "; 1 epoch, " + row.end +
                                 ", seed 0, # threads\nepoch 1/1  "));
    Settings settings = settings_of(run.folder() / "out/report.html");
    REQUIRE(settings.size() == 11);
    CHECK(Settings(settings.begin() + 5, settings.end() - 1) == row.settings);
    CHECK_THAT(bytes_of(run.folder() / "out/report.html"), Contains(">" + row.about + "; "));
    fs::remove_all(run.folder() / "out");
  }
}

TEST_CASE("manual_loop prints the mean loss after every tenth epoch, and the accuracy") {
  std::string expected;
  for (int epoch = 10; epoch <= 80; epoch += 10) expected += fmt::format("epoch {:3}: loss #\n", epoch);
  const Run run = Programs()("manual_loop");
  CHECK(std::regex_replace(run.text, std::regex("0\\.[0-9]+"), "#") == expected + "test accuracy #\n");
  CHECK(run.status == 0);
}

TEST_CASE("lab prints the summary of ResNet-50 on request alone") {
  const Programs run;
  const std::string summary = resnet50().summary();
  CHECK_THAT(run("lab/lab --quick").text, Contains("targets reached") && !Contains(summary));
  CHECK_THAT(run("lab/lab --quick --summary").text, Contains("\n\n" + summary));
}

TEST_CASE("gradcheck prints the reports of its layers, and that of a network with the given options") {
  const Programs run;
  const auto printed = [](const std::string& model, const GradientReport& report) {
    return without_times(fmt::format("{}{}: {}\n(1.0 s)\n\n", table(report), model, to_string(report)));
  };
  GradientReport layers;
  layers.append(check_layer(Dense({.units = 3, .activation = tanh}), {{4}}), "Dense");
  layers.append(check_layer(Conv2D({.filters = 3, .kernel_size = {3, 2}, .strides = {1, 2}, .padding = Padding::same}),
                            {{4, 5, 2}}),
                "Conv2D");
  layers.append(check_layer(BatchNormalization(), {{3, 2, 4}}), "BatchNormalization");
  layers.append(check_layer(MaxPooling2D({.pool_size = {2, 3}, .strides = 2, .padding = Padding::same}), {{5, 4, 2}}),
                "MaxPooling2D");
  layers.append(check_layer(AveragePooling2D({.pool_size = 3, .padding = Padding::same}), {{5, 4, 2}}),
                "AveragePooling2D");
  layers.append(check_layer(Add(), {{3, 2}, {3, 2}}), "Add");
  layers.append(check_layer(Softmax(), {{3, 4}}), "Softmax");
  CHECK(without_times(run("gradcheck --model layers").text) == printed("layers", layers));
  const Tensor images = RandomStream(3, 3).uniform({3, 64, 64, 3}), labels = Tensor::labels({0, 5, 4});
  const GradientReport network =
      check_model(conv_net({.seed = 3}), images, [&](const Variable& y) { return softmax_cross_entropy(y, labels); },
                  {.seed = 3, .directions = 2, .directions_each = 0, .float32_tolerance = 0.02});
  CHECK(without_times(run("gradcheck --model convnet --batch 3 --seed 3 --directions 2 --each 0").text) ==
        printed("convnet", network));
}
