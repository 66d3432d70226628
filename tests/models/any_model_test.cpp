// Models in files of any format, and the scale of the pixels that they expect.
#include "models/files/any_model.hpp"

#include <fstream>
#include <functional>

#include "framework/io/hdf5.hpp"
#include "layers/layers.hpp"
#include "models/files/image_scale.hpp"
#include "models/files/keras/keras_model.hpp"
#include "models/files/weights.hpp"
#include "models/graph/plot.hpp"
#include "tests/io/files.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

Model small_model() {
  const auto input = Input({5, 4, 3});
  const auto x = Conv2D({.filters = 4, .kernel_size = 3, .activation = relu, .name = "conv"})(input);
  return Model(input, Dense({.units = 2, .name = "logits"})(Flatten()(x)), {.name = "small"});
}

Tensor pixels() {
  std::vector<double> values(2 * 5 * 4 * 3);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i * 37 % 120) / 119;
  return f64({2, 5, 4, 3}, values);
}

}  // namespace

TEST_CASE("models of all formats are recognized by their content") {
  const TemporaryFolder folder;
  const Model model = small_model();
  const Tensor x = pixels().to(DType::float32);
  const SaveAnyModelOptions options{.class_names = {"cat", "dog"}, .image_scale = "0..255"};
  for (const auto& [file, format] : {std::pair{"a.safetensors", ModelFormat::xtape},
                                     {"a", ModelFormat::xtape},
                                     {"a.keras", ModelFormat::keras},
                                     {"a.h5", ModelFormat::keras},
                                     {"a.onnx", ModelFormat::onnx}}) {
    INFO(file);
    CHECK(model_format_of_name(file) == format);
    save_any_model(model, folder / file, options);
    std::filesystem::copy_file(folder / file, folder / "none.bin", std::filesystem::copy_options::overwrite_existing);
    for (const std::string name : {file, "none.bin"}) {
      const LoadedModel loaded = load_any_model(folder / name);
      CHECK(loaded.format == format);
      CHECK(largest_difference(output_of(loaded.model, x), output_of(model, x)) < 1e-6);
      const bool holds_use = format != ModelFormat::keras;
      CHECK(loaded.class_names == (holds_use ? options.class_names : std::vector<std::string>{}));
      CHECK(loaded.image_scale == (holds_use ? "0..255" : ""));
    }
  }
  CHECK(load_onnx_metadata(folder / "a.onnx").at("preprocessing") == "RGB, scale 0..255");
  save_any_model(model, folder / "b.onnx", {.image_scale = "caffe"});
  CHECK(load_onnx_metadata(folder / "b.onnx").at("preprocessing") == "BGR, scale caffe");
  save_any_model(model, folder / "b.onnx", {.image_scale = "0..255", .onnx = {.preprocessing = "my own words"}});
  CHECK(load_onnx_metadata(folder / "b.onnx").at("preprocessing") == "my own words");
  CHECK(load_any_model(folder / "b.onnx").image_scale == "0..255");
  save_onnx(model, folder / "b.onnx", {.metadata = {{"image_scale", "0.0..255.0"}}});
  CHECK(load_any_model(folder / "b.onnx").image_scale == "0..255");
  save_onnx(model, folder / "c.onnx", {.class_names = {"xxxx", "y"}});
  const std::string bytes = read_bytes(folder / "c.onnx"), names = R"(["xxxx","y"])";
  REQUIRE(bytes.find(names) != std::string::npos);
  for (const std::string other : {R"(["xxxxxxxx"])", R"(["x","","z"])", R"(["xxxxxx",2])", R"({"xxxx":"y"})"}) {
    INFO(other);  // metadata of this name that other software wrote
    std::string changed = bytes;
    write_bytes(folder / "c.onnx", changed.replace(bytes.find(names), names.size(), other));
    CHECK(load_any_model(folder / "c.onnx").class_names.empty());
  }
  std::filesystem::copy_file(folder / "a.safetensors", folder / "named.onnx");
  CHECK_THAT(error_of([&] { load_any_model(folder / "named.onnx"); }), Catch::StartsWith("load_onnx: "));
  std::vector<std::string> types;
  for (const OnnxNode& node : list_onnx_nodes(folder / "a.onnx")) types.push_back(node.type);
  CHECK(types == std::vector<std::string>{"Conv", "Relu", "Flatten", "Gemm"});
  CHECK(list_onnx_nodes(folder / "a.onnx")[0].name == "conv/Conv");
}

TEST_CASE("files without a whole model are errors that say what they are") {
  const TemporaryFolder folder;
  const auto error = [&](const std::filesystem::path& path) { return error_of([&] { load_any_model(path); }); };
  const std::filesystem::path torch = source_root() / "tests/golden/torch_files";
  CHECK_THAT(error(torch / "plain.pt"), Contains("weights alone") && Contains("plain.pt") && Contains("convert"));
  CHECK_THAT(error(torch / "legacy.pt"),
             Contains("load_any_model: expected a whole model, got a file of PyTorch, which has weights alone: "));
  save_weights(small_model(), folder / "w.safetensors");
  CHECK_THAT(error(folder / "w.safetensors"),
             Contains("load_model: expected a file of save_model(), got one without a \"graph\" in its metadata: ") &&
                 Contains("weights alone are read by load_weights()"));
  save_weights(small_model(), folder / "w.h5");
  CHECK_THAT(
      error(folder / "w.h5"),
      Contains(
          "load_keras_model: expected an attribute model_config, which model.save() of Keras writes, got none in ") &&
          Contains("weights alone are read by load_weights()"));
  std::ofstream(folder / "empty");
  CHECK_THAT(error(folder / "empty"), Contains("load_any_model: expected a model, got an empty file: "));
  std::ofstream(folder / "text") << "some text, long enough";
  CHECK_THAT(error(folder / "text"), Contains("load_any_model: expected a model of xtape (.safetensors), Keras "
                                              "(.keras, .h5) or ONNX (.onnx), got a file of another format: "));
  std::ofstream(folder / "text.onnx") << "some text, long enough";
  CHECK_THAT(error(folder / "text.onnx"),
             Contains("load_onnx: ") && Contains("expected an undamaged ONNX model, got other data"));
  CHECK_THAT(error_of([&] { save_any_model(small_model(), folder / "a.pt"); }),
             Contains("save_any_model: expected a name that ends in .safetensors, .keras, .h5, .hdf5 or .onnx, got "));
  CHECK(error_of([&] { save_any_model(small_model(), folder / "a.onnx", {.image_scale = "x"}); }) ==
        "image_scale: expected LOW..HIGH such as 0..255 or -1..1, imagenet or caffe, got \"x\"");
  CHECK_THAT(error_of([&] { save_model(small_model(), folder / "a", {.image_scale = "1..1"}); }),
             Contains("save_model: ") &&
                 Contains("image_scale: expected LOW..HIGH such as 0..255 or -1..1, imagenet or caffe, got \"1..1\""));
}

TEST_CASE("image scales are those of their definitions") {
  Model model = small_model();
  model.convert(DType::float64);
  const std::vector<double> p = pixels().to_vector();
  // the input of the network, by the definition for pixel p and channel c
  const auto check_scale = [&](const std::string& name, const auto& definition) {
    INFO(name);
    std::vector<double> values(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) values[i] = definition(i - i % 3, i % 3);
    const Model scaled = with_image_scale(model, image_scale(name));
    const Tensor expected = output_of(model, f64({2, 5, 4, 3}, values));
    CHECK(largest_difference(output_of(scaled, pixels()), expected) < 1e-11);
    CHECK(scaled.output_shape() == model.output_shape());
    CHECK(scaled.parameters().size() == model.parameters().size());
    CHECK(scaled.dtype() == model.dtype());
  };
  check_scale("0..1", [&](std::size_t i, std::size_t c) { return p[i + c]; });
  check_scale("0..255", [&](std::size_t i, std::size_t c) { return 255 * p[i + c]; });
  check_scale("-1..1", [&](std::size_t i, std::size_t c) { return 2 * p[i + c] - 1; });
  check_scale("1..2", [&](std::size_t i, std::size_t c) { return p[i + c] + 1; });
  check_scale("-1..0", [&](std::size_t i, std::size_t c) { return p[i + c] - 1; });
  check_scale("1..0", [&](std::size_t i, std::size_t c) { return 1 - p[i + c]; });
  check_scale("imagenet", [&](std::size_t i, std::size_t c) {
    const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};
    return (p[i + c] - mean[c]) / deviation[c];
  });
  check_scale("caffe", [&](std::size_t i, std::size_t c) {  // keras.applications.imagenet_utils.preprocess_input
    const double mean[] = {103.939, 116.779, 123.68};
    return 255 * p[i + 2 - c] - mean[c];
  });
  const ImageScale unchanged, same = image_scale("0..1");
  CHECK(std::tie(unchanged.name, unchanged.factor, unchanged.shift, unchanged.blue_first) ==
        std::tie(same.name, same.factor, same.shift, same.blue_first));
  CHECK(image_scale("0.0..255").name == "0..255");
  for (const char* name : {"", "0", "0..", "..1", "2..2", "0..inf", "nan..1", "0..1 ", "a..b", "Imagenet"}) {
    INFO(name);
    CHECK_THAT(error_of([&] { image_scale(name); }), Contains("image_scale: expected"));
  }
  CHECK(with_image_scale(model, same).all_layers() == model.all_layers());
  const auto grey = Input({5, 4, 1});
  for (const ImageScale& colours :
       {ImageScale{"mine", {1}, {1, 2, 3}}, ImageScale{"mine", {1, 2, 3}, {0}}, ImageScale{"mine", {1}, {0}, true}}) {
    CHECK(error_of([&] { with_image_scale(Model(grey, Flatten()(grey)), colours); }) ==
          "with_image_scale: expected a model that takes three channels for the scale mine, got (5, 4, 1)");
  }
  CHECK(error_of([&] { with_image_scale(Model(grey, Flatten()(grey)), image_scale("imagenet")); }) ==
        "with_image_scale: expected a model that takes three channels for the scale imagenet, got (5, 4, 1)");
  const auto vector = Input({5});
  CHECK(error_of([&] { with_image_scale(Model(vector, Dense({.units = 1})(vector)), image_scale("0..255")); }) ==
        "with_image_scale: expected a model with one image as input, got 1 input, the first (5,)");
}

TEST_CASE("messages about names that cannot be written begin with a function, and show empty names") {
  const TemporaryFolder folder;
  const Model model = small_model();
  using Save = std::function<void(const Model&, const std::filesystem::path&)>;
  struct Row {
    Save save;
    std::string name, function;  ///< a file, and the function that writes it
    std::string refusal = "";    ///< of other names, up to "got"; none if they are file names
  };
  const Save xtape = [](const Model& m, const auto& path) { save_model(m, path); };
  const Save weights = [](const Model& m, const auto& path) { save_weights(m, path); };
  const Save keras = [](const Model& m, const auto& path) { save_keras_model(m, path); };
  const Save onnx = [](const Model& m, const auto& path) { save_onnx(m, path); };
  const Save any_format = [](const Model& m, const auto& path) { save_any_model(m, path); };
  const Save plot = [](const Model& m, const auto& path) { plot_model(m, path); };
  const std::string keras_names = "save_keras_model: expected a name that ends in .keras, .h5 or .hdf5, got ";
  const std::vector<Row> rows{
      {xtape, "a", "save_safetensors"},
      {weights, "a", "save_safetensors"},
      {weights, "a.h5", "save_hdf5"},
      {weights, "a.weights.h5", "save_hdf5"},
      {keras, "a.h5", "save_hdf5", keras_names},
      {keras, "a.keras", "save_keras_model", keras_names},
      {onnx, "a.onnx", "save_onnx", "save_onnx: expected a name that ends in .onnx, got "},
      {any_format, "a.onnx", "save_onnx"},
      {plot, "a.dot", "plot_model", "plot_model: expected a file .dot, .svg, .png or .pdf, got "}};
  for (const Row& row : rows) {
    INFO(row.function << " " << row.name);
    const std::filesystem::path path = folder / "none" / row.name;
    CHECK(error_of([&] { row.save(model, path); }) == row.function + ": expected to write " + path.string() +
                                                          ", got no folder " + (folder / "none").string() +
                                                          "; make it first");
    const std::string empty = error_of([&] { row.save(model, ""); });
    CHECK(empty == (row.refusal.empty() ? "save_safetensors: expected the name of a file, got " : row.refusal) +
                       "an empty path");
  }
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK(error_of([] { load_model(""); }) ==
        "load_safetensors: expected a file that can be read, got an empty path: No such file or directory");
}

TEST_CASE("a name that is only an extension is one of its format") {
  const TemporaryFolder folder;
  const Model model = small_model();
  for (const auto& [name, format] : {std::pair{".safetensors", ModelFormat::xtape},
                                     {".keras", ModelFormat::keras},
                                     {".h5", ModelFormat::keras},
                                     {".onnx", ModelFormat::onnx}}) {
    INFO(name);
    CHECK(model_format_of_name(name) == format);
    save_any_model(model, folder / name);
    CHECK(load_any_model(folder / name).format == format);
    if (format == ModelFormat::xtape) continue;
    const std::string path = (folder / name).string();
    CHECK(error_of([&] { save_model(model, path); }) == "save_model: expected a name that ends in .safetensors, got " +
                                                            path + "; save_weights() writes weights as Keras's HDF5");
  }
  save_weights(model, folder / ".weights.h5");
  CHECK(hdf5_dataset_names(folder / ".weights.h5").front() == "layers/conv2d/vars/0");
}
