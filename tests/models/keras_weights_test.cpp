// Weights in Keras files, which h5py writes and reads as the source of Keras does.
#include <algorithm>

#include "framework/io/hdf5.hpp"
#include "framework/io/safetensors.hpp"
#include "layers/layers.hpp"
#include "models/files/clone.hpp"
#include "models/files/keras/keras_model.hpp"
#include "models/zoo/resnet50.hpp"
#include "tests/io/files.hpp"
#include "tests/models/keras_file.hpp"

namespace xtape {
namespace {

using Catch::Contains;
using test::check_numbered;
using test::error_of;
using test::KerasFile;
using test::numbered;
using test::output_of;
using test::python_with;
using test::script;

Model dense_model(const std::string& last = "logits") {
  const SymbolicTensor input = Input({2});
  auto x = Dense({.units = 4, .name = "hidden"})(input);
  x = BatchNormalization({.name = "norm"})(x);
  return {input, Dense({.units = 3, .name = last})(x), {.name = "small", .seed = 1}};
}

/// A model used as a layer.
Model model_in_model() {
  const SymbolicTensor inside = Input({4, 4, 2});
  auto x = Conv2D({.filters = 3, .name = "conv"})(inside);
  const Model base(inside, BatchNormalization({.name = "bn"})(x), {.name = "base"});
  const SymbolicTensor input = Input({4, 4, 2});
  return {input, Dense({.units = 2, .name = "logits"})(Flatten()(base(input))), {.name = "whole"}};
}

const std::vector<std::string> small_paths{"hidden/kernel",    "hidden/bias",          "norm/gamma",    "norm/beta",
                                           "norm/moving_mean", "norm/moving_variance", "logits/kernel", "logits/bias"};

/// The error for an invalid file. Checks that it names the file and that the model is unchanged.
std::string error_for(const std::string& layout, const std::string& variant, const LoadWeightsOptions& options = {}) {
  const KerasFile file(layout, variant);
  const Model model = dense_model();
  std::vector<Tensor> before;
  for (const Parameter& parameter : model.parameters()) before.push_back(parameter.value());
  const std::string error = error_of([&] { file.load(model, options); });
  CHECK_THAT(error, Contains(file.path().string()));
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(identical(before[i], model.parameters()[i].value()));
  return error;
}

TEST_CASE("weights are read from every layout and naming scheme of Keras's HDF5 files") {
  const std::vector<std::pair<std::string, std::string>> files{
      {"model", "plain"},    {"legacy", "plain"},  {"keras3", "plain"},     {"keras3", "early"},   {"legacy", "split"},
      {"model", "fixed"},    {"legacy", "scope"},  {"legacy", "keras1"},    {"legacy", "keras3"},  {"legacy", "gzip"},
      {"legacy", "float16"}, {"model", "float64"}, {"model", "sequential"}, {"legacy", "subclass"}};
  for (const auto& [layout, variant] : files) {
    INFO(layout << " " << variant);
    const Model model = dense_model();
    const LoadReport report = KerasFile(layout, variant).load(model);
    check_numbered(model, small_paths);
    CHECK(report.complete());
    const bool as_it_is = !variant.starts_with("float");
    const std::string converted = as_it_is ? "" : ", 8 of them converted from " + variant;
    CHECK(report.text() == "8 of 8 parameters matched" + converted);
  }
}

TEST_CASE("the names of weights decide where a file of a whole model lists them in another order") {
  const test::TemporaryFolder folder;
  const Model model = dense_model();
  KerasFile("legacy", "plain").load(model);
  save_keras_model(model, folder / "m.h5");
  output_of(fmt::format("{} reverse '{}'", script(), (folder / "m.h5").string()));
  check_numbered(load_keras_model(folder / "m.h5"), small_paths);
}

TEST_CASE("the report lists each parameter and its name in the file") {
  const LoadReport report = KerasFile("model", "plain").load(dense_model());
  CHECK(report.matched[2].parameter == "norm/gamma");
  CHECK(report.matched[2].stored == "model_weights/norm/norm/gamma:0");
  const KerasFile plain("keras3", "plain");
  CHECK(plain.load(dense_model()).matched[7].stored == "layers/dense_1/vars/1");
}

TEST_CASE("a ResNet-50 of Keras trained on SIGNS is loaded without options") {
  const Model model = resnet50();
  for (const Match match : {Match::name, Match::order}) {
    const LoadReport report = KerasFile("model", "resnet50").load(model, {.match = match});
    CHECK(report.text() == "320 of 320 parameters matched");
    const auto& pairs = report.matched;
    CHECK(std::ranges::all_of(pairs, [](const auto& p) { return p.stored.ends_with("/" + p.parameter + ":0"); }));
  }
  CHECK(model.layer("fc6").named_parameters()[1].second.value().at({0}) == 319);
}

TEST_CASE("Keras 3 numbers the layers of a network with branches in the order of model.layers") {
  const Model model = resnet50();
  const KerasFile file("keras3", "resnet50");  // skips without h5py, which a CHECK would report as an error
  CHECK(file.load(model).complete());
  // conv1 2, bn_conv1 4; block 2a: branch 2a 6, 2b 6, then res2a_branch2c, res2a_branch1, bn2a_branch2c, bn2a_branch1
  CHECK(model.layer("res2a_branch2c").named_parameters()[0].second.value().at({0, 0, 0, 0}) == 18);
  CHECK(model.layer("res2a_branch1").named_parameters()[0].second.value().at({0, 0, 0, 0}) == 20);
  CHECK(model.layer("bn2a_branch2c").named_parameters()[0].second.value().at({0}) == 22);
  CHECK(model.layer("bn2a_branch1").named_parameters()[0].second.value().at({0}) == 26);
}

TEST_CASE("a nested model of either kind has its own numbering of layers in Keras 3") {
  for (const std::string kind : {"functional", "sequential", "early sequential"}) {
    const Model model = model_in_model();
    const KerasFile file("keras3", kind);
    CHECK(file.load(model).complete());
    check_numbered(model, {"base/conv/kernel", "base/conv/bias", "base/bn/gamma", "base/bn/beta", "base/bn/moving_mean",
                           "base/bn/moving_variance", "logits/kernel", "logits/bias"});
  }
}

TEST_CASE("a model used as a layer is one layer to Keras 2") {
  const Model model = model_in_model();
  const KerasFile file("legacy", "nested");
  const LoadReport report = file.load(model, {.strict = false});
  CHECK(report.matched.size() == 7);  // the last kernel has a flattened image as input here
  CHECK(report.mismatched.size() == 1);
  CHECK(identical(model.parameters()[4].value(), numbered({3}, 4)));
  CHECK(report.matched[5].stored == "base/bn/moving_variance:0");
}

TEST_CASE("a last layer of another name is named, and can be left out or matched by order") {
  const KerasFile file("legacy", "renamed");
  const Model model = dense_model();
  CHECK(error_of([&] { file.load(model); }) ==
        "load_weights: expected the weights of model small in " + file.path().string() +
            ", got 8 tensors: 6 of 8 parameters matched; 2 missing: logits/kernel, logits/bias; "
            "2 unexpected: fc3/fc3/kernel:0, fc3/fc3/bias:0; {.strict = false} loads the 6 that match; "
            "{.match = Match::order} goes by order instead of names");
  const Tensor kernel = model.parameters()[6].value();
  const LoadReport report = file.load(model, {.strict = false});
  CHECK(report.missing == std::vector<std::string>{"logits/kernel", "logits/bias"});
  CHECK(report.unexpected == std::vector<std::string>{"fc3/fc3/kernel:0", "fc3/fc3/bias:0"});
  CHECK(identical(model.parameters()[6].value(), kernel));
  CHECK(identical(model.parameters()[5].value(), numbered({4}, 5)));
  CHECK(file.load(model, {.match = Match::order}).complete());
  check_numbered(model, small_paths);
}

TEST_CASE("a file whose names are those of other shapes may be loaded by order") {
  const KerasFile file("legacy", "swapped");
  const Model model = dense_model();
  CHECK_THAT(
      error_of([&] { file.load(model); }),
      Contains("4 of another shape or type") && Contains("{.match = Match::order} goes by order instead of names"));
  CHECK(file.load(model, {.match = Match::order}).complete());
  check_numbered(model, small_paths);
}

TEST_CASE("files that Keras would not write are rejected, and the model is unchanged") {
  script();  // skips without h5py
  CHECK_THAT(error_for("legacy", "huge"),
             Contains("load_weights: expected the weights of model small in ") &&
                 Contains("got 8 tensors: 7 of 8 parameters matched; 1 of another shape or type: hidden/kernel from "
                          "hidden/hidden/kernel:0 (float32 (1048576, 1048576) for float32 (2, 4)); {.strict = false} "
                          "loads the 7 that match"));
  CHECK_THAT(error_for("legacy", "external"),
             Contains("load_weights: expected a group \"/hidden\" for a layer that ") && Contains(" lists, got none"));
  CHECK_THAT(error_for("legacy", "soft loop"),
             Contains("load_weights: expected a group \"/hidden\" for a layer that ") && Contains(" lists, got none"));
  CHECK_THAT(error_for("keras3", "loop"),
             Contains("hdf5_dataset_names: expected groups in at most 64 others, got more in ") &&
                 Contains("do they contain themselves?"));
  CHECK_THAT(error_for("legacy", "numbers"),
             Contains("load_hdf5: expected strings as attribute \"layer_names\" of \"/\" in ") &&
                 Contains("got another type"));
  CHECK_THAT(error_for("legacy", "text"),
             Contains("load_weights: expected the weights of model small in ") &&
                 Contains("got 8 tensors: 7 of 8 parameters matched; 1 of another shape or type: hidden/kernel from "
                          "hidden/hidden/kernel:0 (strings of 3 bytes (2,) for float32 (2, 4)); {.strict = false} "
                          "loads the 7 that match"));
  CHECK_THAT(error_for("legacy", "int32"), Contains("8 of another shape or type") && Contains("(int32 (4,) for"));
  CHECK_THAT(error_for("legacy", "unlisted"),
             Contains("load_weights: expected the weights of model small in ") &&
                 Contains("got 8 tensors: 7 of 8 parameters matched; 1 of another shape or type: norm/beta from "
                          "norm/norm/beta:0 (nothing () for float32 (4,)); {.strict = false} loads the 7 that match"));
  CHECK_THAT(error_for("legacy", "no layer"),
             Contains("load_weights: expected a group \"/norm\" for a layer that ") && Contains(" lists, got none"));
  CHECK_THAT(error_for("legacy", "no list"),
             Contains("load_weights: expected an attribute weight_names of \"/norm\" in ") && Contains("got none"));
  CHECK_THAT(error_for("legacy", "twice"), Contains("load_weights: expected one tensor for norm/gamma, got "
                                                    "\"norm/norm/gamma:0\" and \"norm/norm/gamma:0\" in ") &&
                                               Contains(".match = Match::order may help"));
  CHECK_THAT(error_for("legacy", "theano"),
             Contains("load_weights: expected weights written with TensorFlow, got ") &&
                 Contains(" of Keras's Theano backend, whose kernels are flipped; save them anew with TensorFlow"));
  CHECK_THAT(error_for("legacy", "other"), Contains("load_weights: expected weights written by Keras, got an HDF5 file "
                                                    "with neither layer_names, model_weights nor layers: "));
  CHECK_THAT(error_for("keras3", "early odd", {.strict = false}),
             Contains("load_weights: expected the layers of each class to be numbered 0, 2, 4, ..., as tf.keras 2.12 "
                      "and 2.13 do, got \"_layer_checkpoint_dependencies/dense_1/vars/0\" in ") &&
                 Contains("save the weights anew, as .h5 without .weights"));
  CHECK_THAT(error_for("keras3", "plain", {.match = Match::order}),
             Contains("load_weights: expected a file with an order of its tensors, got Keras 3's layout, which numbers "
                      "the layers of each class, in ") &&
                 Contains("load it by name"));
}

TEST_CASE("models of both of Keras's classes in one list of layers match nothing, because their order is unknown") {
  const SymbolicTensor inside = Input({2}), input = Input({2});
  const auto inner = [&](const char* name) {
    return Model(inside, Dense({.units = 2, .name = "dense"})(inside), {.name = name, .seed = 7});
  };
  const Model model(input, Dense({.units = 3, .name = "last"})(inner("second")(inner("first")(input))), {.seed = 3});
  const test::TemporaryFolder folder;
  save_weights(model, folder / "w.weights.h5");
  const auto with = [&](const std::string& first, const std::string& second) {
    std::vector<NamedTensor> tensors;
    for (std::string name : hdf5_dataset_names(folder / "w.weights.h5")) {
      const Tensor value = load_hdf5(folder / "w.weights.h5", name);
      const std::string of_second = "layers/functional_1/", of_first = "layers/functional/";
      if (name.starts_with(of_second)) {
        name.replace(0, of_second.size(), "layers/" + second + "/");
      } else if (name.starts_with(of_first)) {
        name.replace(0, of_first.size(), "layers/" + first + "/");
      }
      tensors.push_back({name, value});
    }
    save_hdf5(folder / "other.weights.h5", tensors, {});
    Model other = clone(model, {.seed = 9});
    const LoadReport report = load_weights(other, folder / "other.weights.h5", {.strict = false});
    for (const char* path : {"first/dense/kernel", "second/dense/kernel", "last/kernel"}) {
      const bool matched =
          std::ranges::find(report.matched, path, &LoadReport::Pair::parameter) != report.matched.end();
      CHECK(identical(other.parameter(path).value(), model.parameter(path).value()) == matched);
    }
    if (!report.complete()) CHECK_THROWS_AS(load_weights(other, folder / "other.weights.h5"), Error);
    return report.matched.size();
  };
  std::vector<NamedTensor> seeds{{"layers/sequential/layers/dropout/seed_generator/vars/0", Tensor::labels({1, 2})}};
  for (const std::string& name : hdf5_dataset_names(folder / "w.weights.h5")) {
    seeds.push_back({name, load_hdf5(folder / "w.weights.h5", name)});
  }
  save_hdf5(folder / "seeds.weights.h5", seeds, {});
  CHECK(load_weights(model, folder / "seeds.weights.h5").matched.size() == 6);
  CHECK(with("functional", "functional_1") == 6);
  CHECK(with("sequential", "sequential_1") == 6);
  CHECK(with("functional", "sequential") == 2);
  CHECK(with("sequential", "functional") == 2);
}

TEST_CASE("the order of weights in Keras's files does not depend on flags of single parameters") {
  const Model model = dense_model(), other = dense_model();
  for (const char* path : {"norm/gamma", "hidden/kernel"}) model.parameter(path).set_trainable(false);
  RandomStream random(5);
  for (const Parameter& parameter : model.parameters())
    parameter.set_value(random.uniform(parameter.shape(), 0.5, 1.5));
  const test::TemporaryFolder folder;
  for (const char* name : {"w.weights.h5", "w.h5"}) {
    INFO(name);
    save_weights(model, folder / name);
    CHECK(load_weights(other, folder / name).complete());
    for (const auto& [path, parameter] : model.named_parameters()) {
      INFO(path);
      CHECK(identical(other.parameter(path).value(), parameter.value()));
    }
  }
}

TEST_CASE("a file of a model without parameters is loaded by name and by order") {
  const SymbolicTensor input = Input({2});
  const Model model(input, Flatten()(input));
  const test::TemporaryFolder folder;
  for (const char* name : {"w.safetensors", "w.h5", "w.weights.h5"}) {
    INFO(name);
    save_weights(model, folder / name);
    CHECK(load_weights(model, folder / name).complete());
    CHECK(load_weights(model, folder / name, {.match = Match::order}).complete());
  }
}

TEST_CASE("arrays that no tensor can hold are accepted if no parameter needs them") {
  const std::string python = python_with("h5py");
  const test::TemporaryFolder folder;
  const Model model = dense_model();
  const std::string arrays =
      "a = [h5py.Empty(\"f4\"), n.zeros((1,) * 9), h5py.SoftLink(\"/nowhere\"), n.ones(3, \"f4\")]; "
      "[g.__setitem__(str(i), v) for i, v in enumerate(a)]; g.create_dataset(\"4\", (1000, 1000), \"f4\"); "
      "g.create_dataset(\"5\", (9,), \"f4\", external=[(\"/dev/null\", 0, 36)]); ";
  const std::string lists =
      "g.attrs[\"weight_names\"] = [str(i).encode() for i in range(6)]; "
      "f.attrs[\"layer_names\"] = list(f.attrs[\"layer_names\"]) + [b\"z\"]";
  for (const auto& [name, group, more, unexpected] :
       {std::tuple<std::string, std::string, std::string, std::string>{"w.h5", "z", lists,
                                                                       "z/0, z/1, z/2, z/3, z/4, z/5"},
        {"w.weights.h5", "layers/z/vars", "",
         "layers/z/vars/0, layers/z/vars/1, layers/z/vars/3, layers/z/vars/4, layers/z/vars/5"}}) {
    INFO(name);
    save_weights(model, folder / name);
    output_of(
        fmt::format("{} -c 'import h5py, numpy as n; f = h5py.File(\"{}\", \"r+\"); g = f.create_group(\"{}\"); {}{}'",
                    python, (folder / name).string(), group, arrays, more));
    const LoadReport report = load_weights(dense_model(), folder / name, {.strict = false});
    CHECK(report.matched.size() == 8);
    CHECK(fmt::format("{}", fmt::join(report.unexpected, ", ")) == unexpected);
    CHECK_THAT(error_of([&, file = folder / name] { load_weights(dense_model(), file); }),
               Contains("unexpected: " + unexpected));
  }
}

TEST_CASE("a truncated Keras file leaves the model unchanged") {
  const KerasFile file("model", "plain");
  const Model model = dense_model();
  const Tensor before = model.parameters()[0].value();
  const auto whole = std::filesystem::file_size(file.path());
  for (const std::uintmax_t size : {whole - 1, whole / 2, std::uintmax_t{600}, std::uintmax_t{9}}) {
    std::filesystem::resize_file(file.path(), size);
    CHECK_THAT(error_of([&] { file.load(model); }), Contains(file.path().string()));
    CHECK(identical(model.parameters()[0].value(), before));
  }
}

TEST_CASE("h5py reads back what is written as .h5, by the lists in it") {
  const test::TemporaryFolder folder;
  const Model model = dense_model();
  KerasFile("legacy", "plain").load(model);
  save_weights(model, folder / "w.h5");
  CHECK(output_of(script() + "read legacy " + (folder / "w.h5").string()) ==
        "tensorflow 2.15.0 ['backend', 'keras_version', 'layer_names']\n"
        "input_1\nhidden\nhidden/kernel:0 [2, 4] float32 0.0\nhidden/bias:0 [4] float32 1.0\n"
        "norm\nnorm/gamma:0 [4] float32 2.0\nnorm/beta:0 [4] float32 3.0\nnorm/moving_mean:0 [4] float32 4.0\n"
        "norm/moving_variance:0 [4] float32 5.0\n"
        "logits\nlogits/kernel:0 [4, 3] float32 6.0\nlogits/bias:0 [3] float32 7.0\n");
  save_weights(model, folder / "w.weights.h5");
  CHECK(output_of(script() + "read keras3 " + (folder / "w.weights.h5").string()) ==
        "batch_normalization/vars/0 [4] float32 2.0\nbatch_normalization/vars/1 [4] float32 3.0\n"
        "batch_normalization/vars/2 [4] float32 4.0\nbatch_normalization/vars/3 [4] float32 5.0\n"
        "dense/vars/0 [2, 4] float32 0.0\ndense/vars/1 [4] float32 1.0\n"
        "dense_1/vars/0 [4, 3] float32 6.0\ndense_1/vars/1 [3] float32 7.0\n");
}

TEST_CASE("lists of names above 64,512 bytes are split and restored") {
  const test::TemporaryFolder folder;
  const SymbolicTensor input = Input({1});
  SymbolicTensor x = input;
  for (int i = 0; i < 250; ++i) x = Dense({.units = 1, .name = std::string(300, 'a') + fmt::format("{:03}", i)})(x);
  const Model model(input, x, {.name = "long"});
  save_weights(model, folder / "w.h5");
  CHECK(load_weights(model, folder / "w.h5").text() == "500 of 500 parameters matched");
  const std::string lines = output_of(script() + "read legacy " + (folder / "w.h5").string());
  CHECK_THAT(lines, Contains("['backend', 'keras_version', 'layer_names0', 'layer_names1']"));
  CHECK(std::ranges::count(lines, '\n') == 1 + 251 + 500);
}

TEST_CASE("weights are restored bit for bit in every format") {
  const test::TemporaryFolder folder;
  for (const std::string name : {"w.h5", "w.hdf5", "w.weights.h5", "w.safetensors"}) {
    INFO(name);
    const Model model = resnet50({.seed = 1}), other = resnet50({.seed = 2});
    save_weights(model, folder / name);
    CHECK(load_weights(other, folder / name).complete());
    const auto ours = model.parameters(), theirs = other.parameters();
    REQUIRE(ours.size() == theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) CHECK(identical(ours[i].value(), theirs[i].value()));
  }
}

TEST_CASE("weights are exchanged with the safetensors package in both directions", "[.witness]") {
  const std::string python = python_with("safetensors.numpy");
  const test::TemporaryFolder folder;
  const Model model = dense_model();
  save_weights(model, folder / "w.safetensors");
  output_of(
      fmt::format("{} -c 'import safetensors.numpy as s; w = s.load_file(\"{}\"); "
                  "s.save_file({{k: v + 1 for k, v in w.items()}}, \"{}\")'",
                  python, (folder / "w.safetensors").string(), (folder / "more.safetensors").string()));
  const double before = model.parameters()[1].value().at({0});
  CHECK(load_weights(model, folder / "more.safetensors").complete());
  CHECK(model.parameters()[1].value().at({0}) == before + 1);
}

}  // namespace
}  // namespace xtape
