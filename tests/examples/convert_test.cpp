// convert, and train, evaluate and predict with models of other formats.
#include <nlohmann/json.hpp>
#include <xtape/xtape.hpp>

#include "tests/examples/programs.hpp"
#include "tests/io/python.hpp"

namespace fs = std::filesystem;
using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// A network with the logits 0 and 10 (m - 1/2) for images (4, 4, 3) of mean m / 255, of pixels from 0 to 255.
Model brightness() {
  const auto input = Input({4, 4, 3});
  const Model model(input, Dense({.units = 2, .name = "logits"})(Flatten()(input)));
  std::vector<double> kernel;
  for (int i = 0; i < 48; ++i) kernel.insert(kernel.end(), {0, 10.0 / 48 / 255});
  model.parameters()[0].set_value(Tensor::of({48, 2}, kernel));
  model.parameters()[1].set_value(Tensor::of({2}, {0, -5}));
  return model;
}

/// The probability of the second class for the photograph, as predict prints it.
double light(const Programs& run, const std::string& options) {
  const Run result = run("predict --json photos/test/light/0.png --model " + options);
  INFO(result.text);
  REQUIRE(result.status == 0);
  const nlohmann::json list = nlohmann::json::parse(result.text);
  for (const auto& p : list[0]["predictions"]) {
    if (p["class"] == 1) return p["probability"].get<double>();
  }
  return -1;
}

void check_done(const Run& result, const std::string& text) {
  INFO(result.text);
  CHECK(result.status == 0);
  CHECK_THAT(result.text, Contains(text));
}

}  // namespace

TEST_CASE("convert writes every format from every format, and stores classes and scale where it can") {
  const Programs run;
  for (const std::string part : {"train", "test"}) {
    write_grey_images(run.folder() / "photos" / part / "light", 255);
    write_grey_images(run.folder() / "photos" / part / "dark", 51);
  }
  save_model(brightness(), run.folder() / "a.safetensors", {.class_names = {"dark", "light"}, .image_scale = "0..255"});
  const std::string formats[] = {"a.safetensors", "a.onnx", "a.h5", "a.keras"};
  for (const std::string& out : formats) {
    if (out != "a.safetensors") check_done(run("convert a.safetensors " + out), "in xtape: largest difference");
  }
  for (const std::string& in : formats) {
    for (const std::string out : {"b.safetensors", "b.onnx", "b.h5", "b.keras"}) {
      INFO(in << " " << out);
      check_done(run("convert " + in + " " + out), "\nlogits");
      const bool keras = in == "a.h5" || in == "a.keras" || out == "b.h5" || out == "b.keras";
      const std::string scale = keras ? " --scale 0..255" : "";
      CHECK(light(run, out + scale) == Approx(1 / (1 + std::exp(-5))));
      check_done(run("evaluate --data photos --model " + out + scale), "accuracy 1.0000");
    }
  }
  check_done(run("convert a.h5 b.h5 --scale 0..255"), "b.h5 does not hold class names and the scale");
  check_done(run("convert a.h5 c.onnx --scale=-1..1 --classes dark,light --fold --opset 21 --quiet"),
             "c.onnx in xtape");
  CHECK(load_any_model(run.folder() / "c.onnx").image_scale == "-1..1");
  CHECK(load_any_model(run.folder() / "c.onnx").class_names == std::vector<std::string>{"dark", "light"});
  CHECK(light(run, "c.onnx --scale -1..1") == Approx(1 / (1 + std::exp(5 - 10.0 / 255))));
  CHECK_THAT(run("convert a.onnx b.keras").text, Contains("Dense logits"));
  CHECK_THAT(run("convert a.keras b.onnx").text, Contains("Gemm"));
}

TEST_CASE("convert prints the largest difference of all outputs") {
  const Programs run;
  const auto input = Input({5});
  // --fold multiplies kernels by the factors of the normalization, which rounds
  const auto inexact = BatchNormalization({.name = "inexact"})(Dense({.units = 40})(input));
  const auto zero = Dense({.units = 2, .kernel_initializer = zeros(), .name = "zero"})(input);
  for (const bool last : {false, true}) {
    const Model model({input}, last ? std::vector{zero, inexact} : std::vector{inexact, zero}, {.seed = 1});
    model.parameter("inexact/gamma").set_value(RandomStream(1).uniform({40}, 0.5, 2));
    save_model(model, run.folder() / "two.safetensors");
    const Run result = run("convert two.safetensors two.onnx --fold");
    INFO(result.text);
    CHECK(result.status == 0);
    CHECK_THAT(result.text,
               Catch::Matches("[^]*largest difference [0-9.]+e-0[5-8], [0-9.]+e-0[5-8] of the largest output[^]*"));
  }
}

TEST_CASE("convert puts weights of PyTorch and others into models, and writes weights") {
  const Programs run;
  const fs::path torch = source_root() / "tests/golden/torch_files";
  const auto input = Input({3});
  auto x = BatchNormalization({.epsilon = 1e-5, .name = "norm"})(Dense({.units = 4, .name = "hidden"})(input));
  const Model model(input, Dense({.units = 3, .name = "logits"})(x));
  save_model(model, run.folder() / "empty.safetensors");
  check_done(run("convert " + (torch / "checkpoint.pt").string() + " full.onnx --model empty.safetensors"),
             "hidden.weight, hidden.bias");
  load_weights(model, torch / "plain.pt");
  const std::string weights[] = {"w.safetensors --weights pytorch", "w.safetensors --weights xtape",
                                 "w.h5 --weights keras", "w.weights.h5 --weights keras"};
  for (const std::string& options : weights) {
    INFO(options);
    check_done(run("convert full.onnx empty2.safetensors --no-check --quiet"), "writing");
    check_done(run("convert " + (torch / "plain.pt").string() + " " + options + " --model empty.safetensors"),
               "largest difference 0,");
    const std::string file = options.substr(0, options.find(' '));
    check_done(run("convert " + file + " again.safetensors --model empty.safetensors"), "largest difference 0,");
    const Model again = load_any_model(run.folder() / "again.safetensors").model;
    for (const auto& [path, parameter] : model.named_parameters()) {
      CHECK(identical(parameter.value(), again.parameter(path).value()));
    }
  }
  check_refused(run("convert " + (torch / "types.pt").string() + " x.onnx --model empty.safetensors"),
                "expected the weights of model");
  check_refused(run("convert " + (torch / "plain.pt").string() + " x.onnx"), "weights alone");
  check_refused(run("convert " + (torch / "whole_model.pt").string() + " x.onnx --model empty.safetensors"),
                "Python object");
  check_done(run("convert --partial " + (torch / "types.pt").string() + " x.onnx --model empty.safetensors"),
             "0 of 8 parameters matched");
  // a network of the library
  const Model network =
      cifar_resnet(20, {.input = {16, 16, 3}, .classes = 4, .implementation = Implementation::torchvision, .seed = 5});
  save_weights(network, run.folder() / "r.safetensors", {.format = WeightsFormat::pytorch});
  const std::string options = " --network cifar_resnet20 --implementation torchvision --outputs 4 --quiet --input ";
  check_done(run("convert r.safetensors r.onnx --fold --scale imagenet" + options + "16x16x3"), "r.onnx in xtape");
  CHECK(load_any_model(run.folder() / "r.onnx").image_scale == "imagenet");
  check_refused(run("convert r.safetensors r2.onnx" + options + "16x16"), "HEIGHTxWIDTHxCHANNELS");
  check_refused(run("convert r.safetensors r2.onnx --network resnet19"),
                "cifar_resnet110, cifar_resnet20, cifar_resnet32, cifar_resnet44, cifar_resnet56, densenet121, "
                "densenet169, densenet201, efficientnet_b0, mobilenet_v1, mobilenet_v2, mobilenet_v3_large, "
                "mobilenet_v3_small, resnet101, resnet101_v2, resnet152, resnet152_v2, resnet18, resnet34, resnet50, "
                "resnet50_v2, vgg11, vgg13, vgg16, vgg19; got resnet19");
  CHECK_FALSE(fs::exists(run.folder() / "r2.onnx"));
}

TEST_CASE("convert rejects what it cannot do before it writes anything") {
  const Programs run;
  save_model(brightness(), run.folder() / "a.safetensors");
  const std::vector<std::pair<std::string, std::string>> rows{
      {"./a.safetensors", "another file as OUT"},
      {"b.pt", "--weights pytorch"},
      {"b.txt", "ends in .safetensors, .keras"},
      {"none/b.onnx", "an existing folder"},
      {"b.weights.h5", "--weights keras"},
      {"b.onnx --weights keras", ".h5 or .weights.h5"},
      {"b.h5 --weights pytorch", "to end in .safetensors"},
      {"b.keras --fold", "OUT to end in .onnx for --fold"},
      {"b.safetensors --opset 18", "OUT to end in .onnx for --opset"},
      {"b.onnx --opset 16", "--opset"},
      {"b.onnx --opset 21 --ir-version 8", "ir_version"},
      {"b.onnx --scale 3", "LOW..HIGH"},
      {"b.onnx --partial", "--model or --network"},
      {"b.onnx --classes a,b,c", "a name for each of the 2 outputs"},
      {"b.onnx --outputs 3", "--network"},
  };
  for (const auto& [options, message] : rows) {
    INFO(options);
    check_refused(run("convert a.safetensors " + options), message);
  }
  for (const char* file : {"b.onnx", "b.h5", "b.keras", "b.safetensors", "b.pt"}) {
    CHECK_FALSE(fs::exists(run.folder() / file));
  }
  check_refused(run("convert none b.onnx"), "none");
}

TEST_CASE("convert prints tables of layers unless it is quiet, for models and for weights") {
  const Programs run;
  save_model(brightness(), run.folder() / "a.safetensors");
  for (const std::string out : {"b.onnx", "b.h5", "b.safetensors --weights pytorch", "b.safetensors --weights xtape"}) {
    INFO(out);
    const Run full = run("convert a.safetensors " + out), quiet = run("convert a.safetensors --quiet " + out);
    CHECK((full.status == 0 && quiet.status == 0));
    CHECK_THAT(full.text, Contains("\nlayer ") && Contains("in b."));
    CHECK_THAT(quiet.text, !Contains("\nlayer "));
  }
}

TEST_CASE("convert rejects a --size that the network cannot take before it writes anything") {
  const Programs run;
  const auto input = Input({any, any, 1});
  const auto x = Conv2D({.filters = 2, .kernel_size = 3, .padding = Padding::valid})(input);
  save_model(Model(input, GlobalAveragePooling2D()(x)), run.folder() / "a.safetensors");
  const Run refused = run("convert a.safetensors b.onnx --quiet --size 2");
  CHECK(refused.status == 2);
  CHECK_THAT(refused.text, Contains("\nconvert: random inputs of --size 2: "));
  CHECK_FALSE(fs::exists(run.folder() / "b.onnx"));
  CHECK(run("convert a.safetensors b.onnx --quiet --size 3").status == 0);
  fs::remove(run.folder() / "b.onnx");
  CHECK(run("convert a.safetensors b.onnx --quiet --size 2 --no-check").status == 0);
}

TEST_CASE("convert says that other software did not check the file") {
  const Programs run;
  save_model(brightness(), run.folder() / "a.safetensors");
  check_done(run("convert a.safetensors a.onnx"), "a.onnx: not checked with onnxruntime (--check-with");
  check_done(run("convert a.safetensors a.onnx --check-with no-such-python"), "a.onnx: not checked with onnxruntime, ");
  check_refused(run("convert a.safetensors a.onnx --check-with false"),
                "convert: expected onnxruntime to run a.onnx, got: exit status 1 without a message\n");
  check_refused(run("convert a.safetensors a.onnx --check-with true"),
                "convert: expected outputs of onnxruntime for a.onnx, got none; is true a Python?\n");
  std::ofstream(run.folder() / "none") << "exit 3\n";
  fs::permissions(run.folder() / "none", fs::perms::owner_all);
  check_done(run("convert a.safetensors a.onnx --check-with ./none"),
             "a.onnx: not checked with onnxruntime, which ./none does not have: exit status 3 without a message\n");
}

TEST_CASE("convert compares with onnxruntime", "[.witness]") {
  const Programs run;
  save_model(brightness(), run.folder() / "a.safetensors");
  const std::string python = python_with("onnxruntime");
  check_done(run("convert a.safetensors a.onnx --check-with " + python), "a.onnx in onnxruntime ");
}

TEST_CASE("convert compares with Keras", "[.witness]") {
  const Programs run;
  save_model(brightness(), run.folder() / "a.safetensors");
  const std::string python = python_with("keras");
  check_done(run("convert a.safetensors a.keras --check-with " + python), "a.keras in keras ");
  check_done(run("convert a.keras b.h5 --scale 0..255 --check-with " + python), "b.h5 in keras ");
}

TEST_CASE("train continues with models of other formats") {
  const Programs run;
  for (const std::string part : {"train", "test"}) {
    write_grey_images(run.folder() / "photos" / part / "dark", 20, 8);
    write_grey_images(run.folder() / "photos" / part / "light", 220, 8);
  }
  save_any_model(brightness(), run.folder() / "a.onnx", {.image_scale = "0..255"});
  save_keras_model(brightness(), run.folder() / "a.h5");
  check_done(run("train --from a.onnx --data photos --epochs 2 --output one"), "test accuracy 1.0000");
  const LoadedModel one = load_any_model(run.folder() / "one" / "model.safetensors");
  CHECK(one.image_scale == "0..255");
  CHECK(one.class_names == std::vector<std::string>{"dark", "light"});
  CHECK(one.model.parameters()[0].shape() == Shape{48, 2});
  check_done(run("evaluate --data photos --model one/model.safetensors"), "accuracy 1.0000");
  // without the scale all images look dark
  check_done(run("evaluate --data photos --scale 0..1 --model one/model.safetensors"), "accuracy 0.5000");
  check_done(run("train --resume one"), "test accuracy 1.0000");
  check_done(run("train --from a.h5 --scale 0..255 --data photos --epochs 1 --output two"), "test accuracy 1.0000");

  for (const std::string part : {"train", "test"}) write_grey_images(run.folder() / "photos" / part / "middle", 120, 8);
  check_done(run("train --from a.h5 --scale 0..255 --data photos --epochs 1 --output three"),
             "the last layer logits (2 outputs) is replaced by logits_new (3 outputs)");
  CHECK(load_any_model(run.folder() / "three" / "model.safetensors").model.output_shape() == PartialShape{3});
  const Model seven = conv_net({.input = {16, 16, 3}, .classes = 3});
  save_model(Model(seven.inputs(), {Softmax()(seven.layer_output(seven.output_layer().name()))}),
             run.folder() / "softmax");
  check_done(run("train --from softmax --data photos --epochs 1 --output four"), "test accuracy");
  check_refused(run("train --from a.h5 --model small --data photos"), "--model");
  check_refused(run("train --scale 0..255 --data photos"), "--from");
  check_refused(run("train --from a.h5 --image-size 8 --data photos"), "--image-size 4 or none");
  check_refused(run("train --from photos --data photos"), "--from");
}

TEST_CASE("a network of the library is made by its name") {
  const Programs run;
  const NetworkOptions small{.input = {32, 32, 3}, .classes = 4};
  const std::vector<std::pair<std::string, Model>> rows{
      {"efficientnet_b0", efficientnet_b0(small)},
      {"mobilenet_v1", mobilenet_v1(small)},
      {"mobilenet_v2", mobilenet_v2(small)},
      {"mobilenet_v3_small", mobilenet_v3(MobileNetSize::small, small)},
      {"mobilenet_v3_large", mobilenet_v3(MobileNetSize::large, small)},
      {"cifar_resnet20", cifar_resnet(20, small)},
      {"densenet121", densenet(121, small)},
  };
  for (const auto& [name, network] : rows) {
    save_weights(network, run.folder() / "w.safetensors");
    const Run done = run("convert w.safetensors m.safetensors --quiet --outputs 4 --input 32x32x3 --network " + name);
    INFO(name << "\n" << done.text);
    CHECK(done.status == 0);
  }
}
