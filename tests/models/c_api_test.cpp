// The C interface, called in the process of the test. tests/installed calls it from programs in C and Python.
#include "tests/models/c_api.hpp"

#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "framework/io/safetensors.hpp"
#include "framework/ops/manipulation.hpp"
#include "models/files/any_model.hpp"
#include "models/files/keras/keras_model.hpp"
#include "models/files/model_file.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/support/outputs.hpp"

namespace xtape {
namespace {

using namespace test::c_api;
using Catch::Contains;
using test::outputs_of;
using test::TemporaryFolder;

TEST_CASE("C: a model of several inputs and outputs is described and gives the outputs of the C++ interface") {
  const TemporaryFolder folder;
  const Model model = two_in_two_out();
  save_model(model, folder / "two.safetensors");
  const ModelHandle handle = loaded(folder / "two.safetensors");
  std::size_t inputs = 0, outputs = 0;
  REQUIRE(xtape_model_input_count(handle.get(), &inputs) == XTAPE_OK);
  REQUIRE(xtape_model_output_count(handle.get(), &outputs) == XTAPE_OK);
  CHECK(inputs == 2);
  CHECK(outputs == 2);
  CHECK(name_of(xtape_model_input_name, handle.get(), 0) == "image");
  CHECK(name_of(xtape_model_input_name, handle.get(), 1) == "words");
  CHECK(name_of(xtape_model_output_name, handle.get(), 0) == "class");
  CHECK(name_of(xtape_model_output_name, handle.get(), 1) == "vector");
  CHECK(shape_of(xtape_model_input_shape, handle.get(), 0) == Extents{-1, -1, -1, 2});
  CHECK(shape_of(xtape_model_input_shape, handle.get(), 1) == Extents{-1, 5});
  CHECK(shape_of(xtape_model_output_shape, handle.get(), 0) == Extents{-1, 3});
  CHECK(shape_of(xtape_model_output_shape, handle.get(), 1) == Extents{-1, 2});
  xtape_dtype dtype = 0;
  CHECK((xtape_model_input_dtype(handle.get(), 0, &dtype) == XTAPE_OK && dtype == XTAPE_FLOAT32));
  CHECK((xtape_model_input_dtype(handle.get(), 1, &dtype) == XTAPE_OK && dtype == XTAPE_INT64));
  CHECK((xtape_model_output_dtype(handle.get(), 1, &dtype) == XTAPE_OK && dtype == XTAPE_FLOAT32));

  const Tensor words = Tensor::of({2, 5}, {0, 6, 1, 5, 2, 3, 4, 0, -1, 6}, DType::int64);
  for (const auto& [height, width] : {std::pair{3, 3}, {7, 4}}) {
    const Tensor image = RandomStream(4).uniform({2, height, width, 2});
    const std::vector<Tensor> expected = outputs_of(model, {image, words});
    const std::vector<Tensor> got = run(handle.get(), {image, words}, 2);
    CHECK(identical(got[0], expected[0]));
    CHECK(identical(got[1], expected[1]));
  }
}

TEST_CASE("C: models of every format are loaded") {
  const TemporaryFolder folder;
  const Model model = image_model();
  save_model(model, folder / "m.safetensors");
  save_model(model, folder / "without_extension");
  save_keras_model(model, folder / "m.keras");
  save_keras_model(model, folder / "m.h5");
  save_onnx(model, folder / "m.onnx");
  const Tensor images = RandomStream(5).uniform({3, 6, 5, 3});
  const Tensor expected = outputs_of(model, {images})[0];
  for (const std::string name : {"m.safetensors", "without_extension", "m.keras", "m.h5", "m.onnx"}) {
    INFO(name);
    const ModelHandle handle = loaded(folder / name);
    CHECK(shape_of(xtape_model_input_shape, handle.get(), 0) == Extents{-1, 6, 5, 3});
    CHECK(test::largest_difference(run(handle.get(), {images}, 1)[0], expected) < 1e-6);
  }
  const ModelHandle first = loaded(folder / "m.onnx", XTAPE_CHANNELS_FIRST);
  CHECK(shape_of(xtape_model_input_shape, first.get(), 0) == Extents{-1, 3, 6, 5});
  const Tensor transposed = transpose(images, {0, 3, 1, 2}).value();
  CHECK(test::largest_difference(run(first.get(), {transposed}, 1)[0], expected) < 1e-6);
}

TEST_CASE("C: class names and the scale of images are those of the file") {
  const TemporaryFolder folder;
  const std::vector<std::string> names{"cat", "d\u00f6g", "\"bird\" \\"};
  for (const std::string name : {"m.safetensors", "m.onnx"}) {
    save_any_model(image_model(), folder / name, {.class_names = names, .image_scale = "-1..1", .onnx = {}});
    const ModelHandle handle = loaded(folder / name);
    std::size_t count = 0;
    REQUIRE((xtape_model_class_count(handle.get(), &count) == XTAPE_OK && count == 3));
    for (std::size_t i = 0; i < 3; ++i) CHECK(name_of(xtape_model_class_name, handle.get(), i) == names[i]);
    const char* scale = nullptr;
    CHECK((xtape_model_image_scale(handle.get(), &scale) == XTAPE_OK && scale == std::string("-1..1")));
    check_failed(xtape_model_class_name(handle.get(), 3, &scale), XTAPE_INVALID_ARGUMENT,
                 "xtape_model_class_name: expected an index below 3, got 3");
  }
  for (const std::string name : {"plain.safetensors", "plain.keras"}) {
    save_any_model(image_model(), folder / name);
    const ModelHandle handle = loaded(folder / name);
    std::size_t count = 7;
    const char* scale = nullptr;
    CHECK((xtape_model_class_count(handle.get(), &count) == XTAPE_OK && count == 0));
    CHECK((xtape_model_image_scale(handle.get(), &scale) == XTAPE_OK && scale == std::string()));
    check_failed(xtape_model_class_name(handle.get(), 0, &scale), XTAPE_INVALID_ARGUMENT, "expected an index below 0");
  }
}

TEST_CASE("C: a model in float64 accepts and gives float64, and converts float32") {
  const TemporaryFolder folder;
  Model model = image_model();
  model.convert(DType::float64);
  save_model(model, folder / "m.safetensors");
  const ModelHandle handle = loaded(folder / "m.safetensors");
  xtape_dtype dtype = 0;
  CHECK((xtape_model_input_dtype(handle.get(), 0, &dtype) == XTAPE_OK && dtype == XTAPE_FLOAT64));
  CHECK((xtape_model_output_dtype(handle.get(), 0, &dtype) == XTAPE_OK && dtype == XTAPE_FLOAT64));
  const Tensor images = RandomStream(5).uniform({3, 6, 5, 3});
  const Tensor expected = outputs_of(model, {images.to(DType::float64)})[0];
  CHECK(identical(run(handle.get(), {images}, 1)[0], expected));
  CHECK(identical(run(handle.get(), {images.to(DType::float64)}, 1)[0], expected));
}

TEST_CASE("C: tensors keep their elements, and outputs outlive the model") {
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::uint8}) {
    const Tensor tensor = Tensor::of({2, 1, 3}, {1, 2, 3, 250, 5, 6}, dtype);
    CHECK(identical(tensor_of(handle_of(tensor).get()), tensor));
  }
  CHECK(identical(tensor_of(handle_of(Tensor::scalar(7)).get()), Tensor::scalar(7)));
  const Tensor axes = Tensor::of({2, 1, 1, 2, 1, 1, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8});  // as many as there can be
  CHECK(identical(tensor_of(handle_of(axes).get()), axes));
  CHECK(
      identical(tensor_of(handle_of(Tensor::zeros({2, 0}, DType::int64)).get()), Tensor::zeros({2, 0}, DType::int64)));
  const TemporaryFolder folder;
  const auto input = Input({4});
  save_model(Model(input, Flatten()(input)), folder / "same.safetensors");  // its output shares memory with its input
  ModelHandle handle = loaded(folder / "same.safetensors");
  const Tensor numbers = Tensor::of({1, 4}, {1, 2, 3, 4});
  TensorHandle given = handle_of(numbers);
  std::array<xtape_tensor*, 1> in{given.get()}, out{};
  REQUIRE(xtape_model_run(handle.get(), in.data(), 1, out.data(), 1) == XTAPE_OK);
  const TensorHandle result(out[0]);
  handle.reset();
  given.reset();
  CHECK(identical(tensor_of(result.get()), numbers));
}

TEST_CASE("C: several threads run one model, and get the outputs of one thread") {
  const TemporaryFolder folder;
  const Model model = image_model();
  save_model(model, folder / "m.safetensors");
  const ModelHandle handle = loaded(folder / "m.safetensors");
  std::vector<Tensor> images, expected;
  for (std::uint64_t i = 0; i < 8; ++i) {
    images.push_back(RandomStream(i).uniform({static_cast<std::int64_t>(1 + i % 3), 6, 5, 3}));
    expected.push_back(outputs_of(model, {images.back()})[0]);
  }
  std::array<int, 4> wrong{};
  std::vector<std::thread> threads;
  for (int& errors : wrong) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        for (std::size_t i = 0; i < images.size(); ++i) {  // without checks, which one thread alone may make
          xtape_tensor *in = nullptr, *out = nullptr;
          xtape_tensor_new(XTAPE_FLOAT32, images[i].shape().begin(), 4, images[i].data<float>(),
                           static_cast<std::size_t>(images[i].size_in_bytes()), &in);
          const void* data = nullptr;
          std::size_t bytes = 0;
          if (xtape_model_run(handle.get(), &in, 1, &out, 1) != XTAPE_OK ||
              xtape_tensor_data(out, &data, &bytes) != XTAPE_OK ||
              bytes != static_cast<std::size_t>(expected[i].size_in_bytes()) ||
              std::memcmp(data, expected[i].data<float>(), bytes) != 0) {
            ++errors;
          }
          if (xtape_model_run(handle.get(), &in, 2, &out, 1) == XTAPE_OK) ++errors;  // an error in between
          xtape_tensor_free(in);
          xtape_tensor_free(out);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::array<int, 4>{});
}

}  // namespace
}  // namespace xtape
