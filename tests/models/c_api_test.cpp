// The C interface, called in the process of the test. tests/installed calls it from programs in C and Python.
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>
#include <xtape/xtape.h>

#include "framework/io/safetensors.hpp"
#include "framework/version.hpp"
#include "layers/layers.hpp"
#include "models/files/any_model.hpp"
#include "models/files/keras/keras_model.hpp"
#include "models/files/model_file.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "models/graph/model.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using Catch::Contains;
using test::outputs_of;
using test::TemporaryFolder;

struct FreeModel {
  void operator()(xtape_model* model) const { xtape_model_free(model); }
};
struct FreeTensor {
  void operator()(xtape_tensor* tensor) const { xtape_tensor_free(tensor); }
};
using ModelHandle = std::unique_ptr<xtape_model, FreeModel>;
using TensorHandle = std::unique_ptr<xtape_tensor, FreeTensor>;

ModelHandle loaded(const std::filesystem::path& path, std::uint32_t flags = 0) {
  xtape_model* model = nullptr;
  const xtape_status status = xtape_model_load(path.c_str(), flags, &model);
  INFO(xtape_last_error());
  REQUIRE(status == XTAPE_OK);
  return ModelHandle(model);
}

xtape_dtype code_of(DType dtype) {
  return dtype == DType::float32   ? XTAPE_FLOAT32
         : dtype == DType::float64 ? XTAPE_FLOAT64
         : dtype == DType::int64   ? XTAPE_INT64
                                   : XTAPE_UINT8;
}

TensorHandle handle_of(const Tensor& tensor) {
  const void* const data =
      with_type(tensor.dtype(), [&](auto zero) -> const void* { return tensor.data<decltype(zero)>(); });
  xtape_tensor* made = nullptr;
  const xtape_status status =
      xtape_tensor_new(code_of(tensor.dtype()), tensor.shape().begin(), static_cast<std::size_t>(tensor.rank()), data,
                       static_cast<std::size_t>(tensor.size_in_bytes()), &made);
  INFO(xtape_last_error());
  REQUIRE(status == XTAPE_OK);
  return TensorHandle(made);
}

Tensor tensor_of(const xtape_tensor* handle) {
  xtape_dtype code = 0;
  const std::int64_t* shape = nullptr;
  const void* data = nullptr;
  std::size_t rank = 0, bytes = 0;
  REQUIRE(xtape_tensor_dtype(handle, &code) == XTAPE_OK);
  REQUIRE(xtape_tensor_shape(handle, &shape, &rank) == XTAPE_OK);
  REQUIRE(xtape_tensor_data(handle, &data, &bytes) == XTAPE_OK);
  const Shape extents(std::span<const std::int64_t>(shape, rank));
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::uint8}) {
    if (code_of(dtype) != code) continue;
    return with_type(dtype, [&](auto zero) {
      using T = decltype(zero);
      REQUIRE(bytes == static_cast<std::size_t>(extents.size()) * sizeof(T));
      return Tensor::of(extents, std::span(static_cast<const T*>(data), static_cast<std::size_t>(extents.size())));
    });
  }
  FAIL("an unknown element type");
  return {};
}

std::vector<Tensor> run(const xtape_model* model, const std::vector<Tensor>& inputs, std::size_t outputs) {
  std::vector<TensorHandle> owned;
  std::vector<xtape_tensor*> given, results(outputs);
  for (const Tensor& input : inputs) given.push_back(owned.emplace_back(handle_of(input)).get());
  const xtape_status status = xtape_model_run(model, given.data(), given.size(), results.data(), results.size());
  INFO(xtape_last_error());
  REQUIRE(status == XTAPE_OK);
  std::vector<Tensor> tensors;
  for (xtape_tensor* result : results) tensors.push_back(tensor_of(TensorHandle(result).get()));
  return tensors;
}

/// Images of any size and words as numbers; a score for each of three classes, and a vector.
Model two_in_two_out() {
  const auto image = Input({any, any, 2}, {.name = "image"});
  const auto words = Input({.shape = {5}, .dtype = DType::int64, .name = "words"});
  auto x = Conv2D({.filters = 4, .kernel_size = 3, .activation = relu, .name = "conv"})(image);
  x = GlobalAveragePooling2D({.name = "pool"})(x);
  auto y = Embedding({.input_dim = 7, .output_dim = 3, .name = "embed"})(words);
  y = Flatten({.name = "flat"})(y);
  const auto z = Concatenate({.name = "both"})({x, y});
  return Model(
      {image, words},
      {Dense({.units = 3, .activation = softmax, .name = "class"})(z), Dense({.units = 2, .name = "vector"})(z)},
      {.name = "two", .seed = 3});
}

/// A small network of images of one size.
Model image_model() {
  const auto image = Input({6, 5, 3}, {.name = "image"});
  auto x = Conv2D({.filters = 4, .kernel_size = 3, .padding = Padding::same, .name = "conv"})(image);
  x = BatchNormalization({.name = "norm"})(x);
  return Model(image, Dense({.units = 3, .name = "scores"})(Flatten({.name = "flat"})(x)), {.seed = 2});
}

/// The names of the entries of a handle by their functions.
template <class Name>
std::string name_of(Name&& get, const xtape_model* model, std::size_t index) {
  const char* name = nullptr;
  REQUIRE(get(model, index, &name) == XTAPE_OK);
  return name;
}

template <class GetShape>
std::vector<std::int64_t> shape_of(GetShape&& get, const xtape_model* model, std::size_t index) {
  const std::int64_t* shape = nullptr;
  std::size_t rank = 0;
  REQUIRE(get(model, index, &shape, &rank) == XTAPE_OK);
  return {shape, shape + rank};
}

/// Checks that a call fails with this status and message.
void check_failed(xtape_status status, xtape_status expected, const std::string& message) {
  INFO(message);
  CHECK(status == expected);
  CHECK_THAT(xtape_last_error(), Contains(message));
}

using Extents = std::vector<std::int64_t>;

/// A function and its name.
template <class Function>
struct Named {
  Named(Function its_function, std::string its_name) : function(its_function), name(std::move(its_name)) {}
  Function function;
  std::string name;
};

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

TEST_CASE("C: null pointers and wrong numbers are errors of every function") {
  const TemporaryFolder folder;
  save_model(two_in_two_out(), folder / "m.safetensors");
  const ModelHandle handle = loaded(folder / "m.safetensors");
  const xtape_model* const model = handle.get();
  const std::string path = folder / "m.safetensors";
  xtape_model* loading = nullptr;
  std::size_t count = 0;
  const char* name = nullptr;
  xtape_dtype dtype = 0;
  const std::int64_t* shape = nullptr;
  const void* data = nullptr;
  const auto invalid = [](xtape_status status, const std::string& message) {
    check_failed(status, XTAPE_INVALID_ARGUMENT, message);
  };

  invalid(xtape_model_load(nullptr, 0, &loading), "xtape_model_load: expected a path and a pointer");
  invalid(xtape_model_load(path.c_str(), 0, nullptr), "xtape_model_load: expected a path and a pointer");
  invalid(xtape_model_load(path.c_str(), 2, &loading), "xtape_model_load: expected known flags, got 2");
  invalid(xtape_model_load(path.c_str(), XTAPE_CHANNELS_FIRST, &loading), "expected an ONNX file with");
  CHECK(loading == nullptr);

  invalid(xtape_model_input_count(nullptr, &count), "xtape_model_input_count: expected a handle, got NULL");
  invalid(xtape_model_input_count(model, nullptr), "xtape_model_input_count: expected a pointer for the result");
  invalid(xtape_model_output_count(nullptr, &count), "xtape_model_output_count: expected a handle, got NULL");
  invalid(xtape_model_output_count(model, nullptr), "xtape_model_output_count: expected a pointer for the result");
  for (const auto& [get, title] : {Named{&xtape_model_input_name, "xtape_model_input_name"},
                                   {&xtape_model_output_name, "xtape_model_output_name"}}) {
    invalid(get(nullptr, 0, &name), title + ": expected a handle, got NULL");
    invalid(get(model, 0, nullptr), title + ": expected a pointer for the result");
    invalid(get(model, 2, &name), title + ": expected an index below 2, got 2");
    invalid(get(model, SIZE_MAX, &name), title + ": expected an index below 2");
  }
  invalid(xtape_model_class_count(nullptr, &count), "xtape_model_class_count: expected a handle, got NULL");
  invalid(xtape_model_class_count(model, nullptr), "xtape_model_class_count: expected a pointer for the result");
  invalid(xtape_model_class_name(nullptr, 0, &name), "xtape_model_class_name: expected a handle, got NULL");
  invalid(xtape_model_class_name(model, 0, nullptr), "xtape_model_class_name: expected a pointer for the result");
  invalid(xtape_model_image_scale(nullptr, &name), "xtape_model_image_scale: expected a handle, got NULL");
  invalid(xtape_model_image_scale(model, nullptr), "xtape_model_image_scale: expected a pointer for the result");
  for (const auto& [get, title] : {Named{&xtape_model_input_dtype, "xtape_model_input_dtype"},
                                   {&xtape_model_output_dtype, "xtape_model_output_dtype"}}) {
    invalid(get(nullptr, 0, &dtype), title + ": expected a handle, got NULL");
    invalid(get(model, 0, nullptr), title + ": expected a pointer for the result");
    invalid(get(model, 2, &dtype), title + ": expected an index below 2, got 2");
  }
  for (const auto& [get, title] : {Named{&xtape_model_input_shape, "xtape_model_input_shape"},
                                   {&xtape_model_output_shape, "xtape_model_output_shape"}}) {
    invalid(get(nullptr, 0, &shape, &count), title + ": expected a handle, got NULL");
    invalid(get(model, 0, nullptr, &count), title + ": expected a pointer for the result");
    invalid(get(model, 0, &shape, nullptr), title + ": expected a pointer for the result");
    invalid(get(model, 2, &shape, &count), title + ": expected an index below 2, got 2");
  }

  const std::array<float, 6> numbers{};
  const Extents good{2, 3};
  xtape_tensor* tensor = nullptr;
  const auto make = [&](xtape_dtype type, const Extents& extents, const void* from, std::size_t bytes) {
    return xtape_tensor_new(type, extents.data(), extents.size(), from, bytes, &tensor);
  };
  invalid(make(XTAPE_FLOAT32, good, numbers.data(), 20),
          "xtape_tensor_new: expected 6 elements of 4 bytes for float32 (2, 3), got 20 bytes");
  for (const std::size_t wrong : {0, 23, 25, 28}) {
    invalid(make(XTAPE_FLOAT32, good, numbers.data(), wrong), "xtape_tensor_new: expected 6 elements of 4 bytes");
  }
  invalid(make(XTAPE_FLOAT32, good, nullptr, 24), "xtape_tensor_new: expected data, got NULL");
  for (const xtape_dtype wrong : {0, 5, -1, std::numeric_limits<xtape_dtype>::max()}) {
    invalid(make(wrong, good, numbers.data(), 24), "xtape_tensor_new: expected an xtape_dtype, 1 to 4, got");
  }
  invalid(make(XTAPE_FLOAT32, {2, -3}, numbers.data(), 24), "-3");
  invalid(make(XTAPE_FLOAT32, Extents(9, 1), numbers.data(), 4), "xtape_tensor_new: expected at most 8 axes, got 9");
  const std::int64_t huge = std::int64_t{1} << 32;
  invalid(make(XTAPE_FLOAT32, {huge, huge}, numbers.data(), 0), "Shape");  // the product overflows
  invalid(make(XTAPE_FLOAT64, {huge, huge / 4}, numbers.data(), 0),
          "xtape_tensor_new: expected 4611686018427387904 elements of 8 bytes");
  invalid(xtape_tensor_new(XTAPE_FLOAT32, nullptr, 1, numbers.data(), 4, &tensor), "expected a shape, got NULL");
  invalid(xtape_tensor_new(XTAPE_FLOAT32, good.data(), SIZE_MAX, numbers.data(), 24, &tensor),
          "xtape_tensor_new: expected at most 8 axes, got 18446744073709551615");
  invalid(xtape_tensor_new(XTAPE_FLOAT32, good.data(), 2, numbers.data(), 24, nullptr),
          "xtape_tensor_new: expected a pointer for the tensor, got NULL");
  CHECK(tensor == nullptr);

  const TensorHandle some = handle_of(Tensor::zeros({2, 3}));
  invalid(xtape_tensor_dtype(nullptr, &dtype), "xtape_tensor_dtype: expected a handle, got NULL");
  invalid(xtape_tensor_dtype(some.get(), nullptr), "xtape_tensor_dtype: expected a pointer for the result, got NULL");
  invalid(xtape_tensor_shape(nullptr, &shape, &count), "xtape_tensor_shape: expected a handle, got NULL");
  invalid(xtape_tensor_shape(some.get(), nullptr, &count), "xtape_tensor_shape: expected a pointer for the result");
  invalid(xtape_tensor_shape(some.get(), &shape, nullptr), "xtape_tensor_shape: expected a pointer for the result");
  invalid(xtape_tensor_data(nullptr, &data, &count), "xtape_tensor_data: expected a handle, got NULL");
  invalid(xtape_tensor_data(some.get(), nullptr, &count), "xtape_tensor_data: expected a pointer for the result");
  invalid(xtape_tensor_data(some.get(), &data, nullptr), "xtape_tensor_data: expected a pointer for the result");
  xtape_model_free(nullptr);
  xtape_tensor_free(nullptr);
}

TEST_CASE("C: inputs that do not fit the model are errors") {
  const TemporaryFolder folder;
  save_model(two_in_two_out(), folder / "m.safetensors");
  const ModelHandle handle = loaded(folder / "m.safetensors");
  const TensorHandle image = handle_of(Tensor::ones({2, 4, 4, 2})),
                     words = handle_of(Tensor::zeros({2, 5}, DType::int64));
  xtape_tensor* const mark = image.get();
  std::array<xtape_tensor*, 2> in{image.get(), words.get()}, out{};
  const auto fails = [&](xtape_status expected, const std::string& message) {
    out = {mark, mark};
    check_failed(xtape_model_run(handle.get(), in.data(), 2, out.data(), 2), expected, message);
    CHECK((out[0] == nullptr && out[1] == nullptr));
  };
  const auto with_inputs = [&](const Tensor& first, const Tensor& second, xtape_status expected,
                               const std::string& message) {
    const TensorHandle a = handle_of(first), b = handle_of(second);
    in = {a.get(), b.get()};
    fails(expected, message);
    in = {image.get(), words.get()};
  };
  const Tensor w = Tensor::zeros({2, 5}, DType::int64), i = Tensor::ones({2, 4, 4, 2});
  const std::string about_image =
      "xtape_model_run: expected float32 (-1, -1, -1, 2) for input 0 (image), where -1 is any";
  for (const Tensor& wrong :
       {Tensor::ones({2, 4, 4, 3}), Tensor::ones({2, 4, 4}), Tensor::ones({2, 0, 4, 2}), Tensor::ones({0, 4, 4, 2}),
        Tensor::ones({2, 4, 4, 2}, DType::int64), Tensor::ones({2, 4, 4, 2}, DType::uint8), Tensor::scalar(1)}) {
    with_inputs(wrong, w, XTAPE_INVALID_ARGUMENT, about_image);
  }
  with_inputs(i, w.to(DType::float32), XTAPE_INVALID_ARGUMENT,
              "expected int64 (-1, 5) for input 1 (words), where -1 is any number above 0, got float32 (2, 5)");
  with_inputs(i, Tensor::zeros({3, 5}, DType::int64), XTAPE_INVALID_ARGUMENT,
              "xtape_model_run: expected the same number of samples in all inputs, got 2 and 3");
  with_inputs(Tensor::ones({2, 2, 2, 2}), w, XTAPE_CANNOT_RUN, "conv");              // smaller than the kernel
  with_inputs(i, Tensor::full({2, 5}, 7, DType::int64), XTAPE_CANNOT_RUN, "embed");  // no such word
  in[1] = nullptr;
  fails(XTAPE_INVALID_ARGUMENT, "xtape_model_run: expected a tensor for input 1, got NULL");
  in[1] = words.get();

  out = {mark, mark};
  const auto untouched = [&](xtape_status status, const std::string& message) {
    check_failed(status, XTAPE_INVALID_ARGUMENT, message);
    CHECK((out[0] == mark && out[1] == mark));  // the array may be shorter than the count
  };
  untouched(xtape_model_run(handle.get(), in.data(), 1, out.data(), 2), "expected 2 inputs and 2 outputs, got 1 and 2");
  untouched(xtape_model_run(handle.get(), in.data(), 2, out.data(), SIZE_MAX),
            "xtape_model_run: expected 2 inputs and 2 outputs, got 2 and 18446744073709551615");
  untouched(xtape_model_run(nullptr, in.data(), 2, out.data(), 2), "expected a model, inputs and outputs, got NULL");
  untouched(xtape_model_run(handle.get(), nullptr, 2, out.data(), 2), "expected a model, inputs and outputs, got NULL");
  untouched(xtape_model_run(handle.get(), in.data(), 2, nullptr, 2), "expected a model, inputs and outputs, got NULL");
  CHECK(xtape_model_run(handle.get(), in.data(), 2, out.data(), 2) == XTAPE_OK);  // the handle is as before
  for (xtape_tensor* result : out) xtape_tensor_free(result);
}

TEST_CASE("C: files that are not models are errors with path and reason") {
  const TemporaryFolder folder;
  xtape_model* model = nullptr;
  const auto fails = [&](const std::string& name, const std::string& message) {
    check_failed(xtape_model_load((folder / name).c_str(), 0, &model), XTAPE_CANNOT_LOAD, message);
    CHECK_THAT(xtape_last_error(), Contains((folder / name).string()));
    CHECK(model == nullptr);
  };
  fails("none.safetensors", "No such file");
  fails("none.onnx", "No such file");
  save_safetensors(folder / "w.safetensors", {{"kernel", Tensor::ones({2, 3})}});
  fails("w.safetensors", "load_model: expected a file of save_model(), got one without a \"graph\" in its metadata: ");
  for (const auto& [name, bytes] : {std::pair{"empty", std::string()},
                                    {"text.safetensors", "hello, I am not a model"},
                                    {"cut.h5", std::string("\x89HDF\r\n\x1A\n", 8)},
                                    {"cut.keras", std::string("PK\x03\x04", 4)},
                                    {"cut.onnx", std::string("\x08\x08\xff\xff", 4)}}) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
    fails(name, "expected");
  }
}

TEST_CASE("C: the versions and the last error") {
  CHECK(xtape_version() == version());
  CHECK(xtape_abi_version() == XTAPE_ABI_VERSION);
  std::string before = "none", other = "none";
  std::thread([&] { before = xtape_last_error(); }).join();
  CHECK(before.empty());  // in a new thread
  std::size_t count = 0;
  xtape_model_input_count(nullptr, &count);
  std::thread([&] {
    xtape_tensor_dtype(nullptr, nullptr);
    other = xtape_last_error();
  }).join();
  CHECK(other == "xtape_tensor_dtype: expected a handle, got NULL");
  CHECK(std::string(xtape_last_error()) == "xtape_model_input_count: expected a handle, got NULL");
  handle_of(Tensor::ones({1}));  // a success does not change it
  CHECK(std::string(xtape_last_error()) == "xtape_model_input_count: expected a handle, got NULL");
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
