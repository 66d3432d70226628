// Whole models in files that Keras wrote (make_keras_models.py): outputs are compared with those of Keras.
#include <algorithm>
#include <cmath>
#include <set>

#include "framework/io/image.hpp"
#include "framework/io/safetensors.hpp"
#include "framework/ops/reductions.hpp"
#include "models/files/keras/keras_graph.hpp"
#include "models/files/keras/keras_model.hpp"
#include "tests/golden/evaluation.hpp"
#include "tests/io/python.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

/// The arrays "name/what_0", "name/what_1", ...
std::vector<Tensor> arrays(const std::vector<NamedTensor>& all, const std::string& prefix) {
  std::vector<Tensor> found;
  for (const NamedTensor& entry : all) {
    if (entry.name == fmt::format("{}{}", prefix, found.size())) found.push_back(entry.tensor);
  }
  return found;
}

/// Compares outputs with Keras's, to the accuracy of float32.
void check_outputs(const Model& model, const std::vector<Tensor>& inputs, const std::vector<Tensor>& theirs) {
  const std::vector<Tensor> ours = test::outputs_of(model, inputs);
  REQUIRE(ours.size() == theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    INFO("output " << i);
    CHECK(test::largest_difference(ours[i], theirs[i]) < 1e-5);
  }
}

const std::vector<std::string> names{"convolutions", "shapes", "samples", "activations", "graph", "windows"};

}  // namespace

TEST_CASE("models of Keras 2 and 3 give Keras's outputs, before and after saving") {
  const std::vector<NamedTensor> all = load_safetensors(golden::folder() / "keras_models.safetensors").tensors;
  const test::TemporaryFolder folder;
  for (const std::string& name : names) {
    for (const char* version : {"2", "3"}) {
      for (const char* ending : {"h5", "keras"}) {
        const std::string file = fmt::format("{}_{}.{}", name, version, ending);
        if (file == "samples_3.h5") continue;  // Keras 3.15 fails to write it
        INFO(file);
        const std::string key = fmt::format("{}_{}/", name, version);
        const std::vector<Tensor> inputs = arrays(all, key + "input_"), theirs = arrays(all, key + "output_");
        const Model model = load_keras_model(golden::folder() / "keras_models" / file);
        check_outputs(model, inputs, theirs);
        for (const char* format : {"again.h5", "again.keras"}) {
          INFO(format);
          save_keras_model(model, folder / format);
          check_outputs(load_keras_model(folder / format), inputs, theirs);
        }
      }
    }
  }
}

TEST_CASE("layers with the channels first, and in SpectralNormalization, give Keras's outputs") {
  const std::vector<NamedTensor> all = load_safetensors(golden::folder() / "keras_axes.safetensors").tensors;
  const test::TemporaryFolder folder;
  for (const std::string name : {"images", "others", "spectral"}) {
    for (const char* ending : {"h5", "keras"}) {
      INFO(name << " " << ending);
      const std::vector<Tensor> inputs = arrays(all, name + "/input_"), theirs = arrays(all, name + "/output_");
      const Model model = load_keras_model(golden::folder() / "keras_models" / fmt::format("axes_{}.{}", name, ending));
      check_outputs(model, inputs, theirs);
      if (name == "spectral") {
        CHECK(model.layer("first").named_parameters().size() == 2);
        CHECK_THAT(test::error_of([&] { save_keras_model(model, folder / "again.keras"); }),
                   Catch::Contains(": layer first of class Conv2D: kernel_constraint: expected a constraint that Keras "
                                   "has, got spectral_norm; make the layer with one of xtape's"));
        continue;
      }
      save_keras_model(model, folder / "again.keras");
      check_outputs(load_keras_model(folder / "again.keras"), inputs, theirs);
      std::size_t permutes = 0;
      for (const ModelNode& node : model.nodes()) permutes += node.layer->type() == "Permute" ? 1 : 0;
      // the layer Permute, three to the channels last, four back, of which two are for Concatenate
      if (name == "images") CHECK(permutes == 8);
    }
  }
}

TEST_CASE("an activation function along an axis in a layer with the channels first is an Error") {
  const auto with = [](const char* activation, const Json& format) {
    const Json convolution{{"class_name", "Conv2D"},
                           {"config",
                            {{"name", "conv"},
                             {"filters", 2},
                             {"kernel_size", {1, 1}},
                             {"activation", activation},
                             {"data_format", format}}}};
    const Json input{{"class_name", "InputLayer"}, {"config", {{"name", "in"}, {"batch_shape", {nullptr, 3, 4, 5}}}}};
    const Json model{{"class_name", "Sequential"}, {"config", {{"name", "m"}, {"layers", {input, convolution}}}}};
    return graph_from_keras(model, {.version = 3, .custom = {}, .most_elements = 1000}).model.output_shape();
  };
  CHECK(with("relu", "channels_first") == PartialShape{2, 4, 5});
  CHECK(with("softmax", "channels_last") == PartialShape{3, 4, 2});
  CHECK(test::error_of([&] { with("softmax", "channels_first"); }) ==
        "layer \"conv\" of class Conv2D: activation: expected a function of elements in a layer with data_format "
        "channels_first, got \"softmax\", which Keras computes along the last axis of an image; make it a separate "
        "layer in Keras");
  CHECK(test::error_of([&] { with("relu", "th"); }) ==
        "layer \"conv\" of class Conv2D: data_format: expected [\"channels_last\",\"tf\",\"default\",null], got "
        "\"th\"; xtape has no such option, so change the layer in Keras");
}

TEST_CASE("trained networks of MLPerf Tiny give Keras's outputs") {
  // Computed with tf_keras 2.21.
  const std::vector<std::tuple<std::string, std::int64_t, double, std::vector<double>>> rows{
      {"resnet8_cifar",
       32,
       255,
       {0.002037565, 0.9901112, 0.0003784835, 0.006756051, 4.974541e-11, 0.0001338098, 0.0005309641, 4.030491e-14,
        4.810882e-05, 3.773428e-06}},
      {"vww_96", 96, 1, {0.9947247, 0.005275285}},
  };
  for (const auto& [name, size, largest, theirs] : rows) {
    INFO(name);
    const Model model = load_keras_model(test::file_beside("models/keras/" + name + ".h5"));
    std::vector<double> image;
    for (std::int64_t i = 0; i < size * size * 3; ++i) {
      image.push_back((std::sin(static_cast<double>(i)) + 1) / 2 * largest);
    }
    const Tensor input = Tensor::of({1, size, size, 3}, image).to(DType::float32);
    check_outputs(model, {input}, {Tensor::of({1, std::ssize(theirs)}, theirs)});
  }
}

TEST_CASE("ResNet-8 of MLPerf Tiny classifies the test images of CIFAR-10 as well as in Keras") {
  const Model model = load_keras_model(test::file_beside("models/keras/resnet8_cifar.h5"));
  const std::filesystem::path archive = test::file_beside("datasets/cifar10/cifar10.tar.gz");
  const test::TemporaryFolder folder;
  test::output_of(fmt::format("tar -xzf '{}' -C '{}' test", archive.string(), folder.path().string()));
  std::set<std::string> classes;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "test")) {
    classes.insert(entry.path().filename().string());
  }
  REQUIRE(classes.size() == 10);
  std::int64_t label = 0, right = 0, all = 0;
  for (const std::string& name : classes) {  // the classes of CIFAR-10 are in alphabetical order
    std::vector<Tensor> images;
    for (const auto& file : std::filesystem::directory_iterator(folder / "test" / name)) {
      images.push_back(read_image(file.path()).to(DType::float32).reshaped({1, 32, 32, 3}));
    }
    for (std::size_t begin = 0; begin < images.size(); begin += 250) {
      const std::size_t end = std::min(begin + 250, images.size());
      Tensor batch = Tensor::empty({static_cast<std::int64_t>(end - begin), 32, 32, 3}, DType::float32);
      for (std::size_t i = begin; i < end; ++i) {
        std::copy_n(images[i].data<float>(), images[i].size(),
                    batch.mutable_data<float>() + static_cast<std::int64_t>(i - begin) * images[i].size());
      }
      for (const double guess : argmax(test::outputs_of(model, {batch})[0], 1).to_vector()) {
        right += static_cast<std::int64_t>(guess) == label;
        ++all;
      }
    }
    ++label;
  }
  CHECK(all == 10000);
  CHECK(right == 7548);
}

TEST_CASE("Keras loads models that xtape saved, and gives the same outputs") {
  const test::TemporaryFolder folder;
  std::string arguments;
  std::size_t files = 0;
  for (const std::string& name : names) {
    const Model model = load_keras_model(golden::folder() / "keras_models" / (name + "_3.keras"));
    for (const char* ending : {"h5", "keras"}) {
      const std::filesystem::path path = folder / fmt::format("{}.{}", name, ending);
      save_keras_model(model, path);
      arguments += fmt::format(" '{}' {}_3", path.string(), name);
      ++files;
    }
  }
  test::check_in_keras(golden::folder() / "check_keras_models.py", arguments, files);
}
