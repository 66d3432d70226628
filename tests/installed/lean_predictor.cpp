// A program that only predicts, for a build of xtape without its optional libraries (tools/lean_build). Its exit status
// is 0 if a model restored from a file has the outputs of its formula, and if uses of missing libraries are Errors that
// name them.
#include <fstream>
#include <functional>
#include <string>
#include <xtape/xtape.h>
#include <xtape/xtape.hpp>

using namespace xtape;

namespace {

void require(bool holds, const std::string& what) { check(holds, "lean_predictor: expected {}", what); }

/// Checks that `action` throws an Error that begins with the function's name and names the missing package.
void require_refusal(const std::string& function, const std::string& package, const std::function<void()>& action) {
  std::string message;
  try {
    action();
  } catch (const Error& error) {
    message = error.what();
  }
  require(message.starts_with(function + ":") && message.find(package) != std::string::npos,
          "an error of " + function + " that names " + package + ", got: " + message);
}

/// A convolution of a pair of pixels, and a sum of its two outputs with weights 1 and 10.
Model small_model() {
  const auto input = Input({1, 3, 1});
  const auto x = Flatten()(Conv2D({.filters = 1, .kernel_size = {1, 2}, .name = "conv"})(input));
  Model model(input, Dense({.units = 1, .name = "dense"})(x));
  for (const Parameter& parameter : model.parameters()) {
    if (parameter.name() == "conv/kernel") parameter.set_value(Tensor::of({1, 2, 1, 1}, {2, 3}));
    if (parameter.name() == "conv/bias") parameter.set_value(Tensor::of({1}, {1}));
    if (parameter.name() == "dense/kernel") parameter.set_value(Tensor::of({2, 1}, {1, 10}));
    if (parameter.name() == "dense/bias") parameter.set_value(Tensor::of({1}, {-4}));
  }
  return model;
}

/// The outputs of the model in a file, for two samples, through the C interface.
std::vector<double> outputs_in_c(const std::string& path, const Tensor& images) {
  xtape_model* model = nullptr;
  xtape_tensor *input = nullptr, *output = nullptr;
  const void* data = nullptr;
  std::size_t bytes = 0;
  require(xtape_model_load(path.c_str(), 0, &model) == XTAPE_OK &&
              xtape_tensor_new(XTAPE_FLOAT32, images.shape().begin(), 4, images.data<float>(),
                               static_cast<std::size_t>(images.size_in_bytes()), &input) == XTAPE_OK &&
              xtape_model_run(model, &input, 1, &output, 1) == XTAPE_OK &&
              xtape_tensor_data(output, &data, &bytes) == XTAPE_OK && bytes == 2 * sizeof(float),
          std::string("outputs of the C interface, got: ") + xtape_last_error());
  const auto* const values = static_cast<const float*>(data);
  const std::vector<double> outputs{values[0], values[1]};
  xtape_tensor_free(input);
  xtape_tensor_free(output);
  xtape_model_free(model);
  return outputs;
}

}  // namespace

int main(int argc, char** argv) try {
  check(argc == 2, "lean_predictor: expected a folder to write to");
  const std::string folder = argv[1];
  save_model(small_model(), folder + "/model.safetensors");
  const Model model = load_model(folder + "/model.safetensors");
  const Tensor images = Tensor::of({2, 1, 3, 1}, {1, 2, 3, 0, -1, 5});
  // (2 1 + 3 2 + 1) + 10 (2 2 + 3 3 + 1) - 4 = 145; (2 0 - 3 1 + 1) + 10 (-2 1 + 3 5 + 1) - 4 = 134
  require(predict(model, images).to_vector() == std::vector<double>{145, 134}, "outputs 145 and 134");
  require(outputs_in_c(folder + "/model.safetensors", images) == std::vector<double>{145, 134},
          "the same outputs in C");

  std::ofstream(folder + "/w.h5") << "\x89HDF\r\n\x1A\n";
  require_refusal("load_weights", "libhdf5-dev", [&] { load_weights(model, folder + "/w.h5"); });
  require_refusal("save_hdf5", "libhdf5-dev", [&] { save_weights(model, folder + "/new.h5"); });
  require_refusal("plot_model", "libgraphviz-dev", [&] { plot_model(model, folder + "/model.svg"); });
  std::ofstream(folder + "/image.png") << "\x89PNG\r\n\x1A\n";
  std::ofstream(folder + "/image.jpg") << "\xFF\xD8\xFF";
  require_refusal("read_image", "libpng-dev", [&] { read_image(folder + "/image.png"); });
  require_refusal("read_image", "libjpeg62-turbo-dev", [&] { read_image(folder + "/image.jpg"); });
  require_refusal("write_png", "libpng-dev", [&] {
    write_png(folder + "/new.png", Tensor::zeros({1, 1, 1}, DType::uint8));
  });
  require_refusal("inverse", "libopenblas-dev", [&] { inverse(Tensor::ones({1, 1})); });
  fmt::print("predicts, and says what is missing\n");
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
