// Errors of the C interface.
#include <array>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#include "framework/io/safetensors.hpp"
#include "framework/version.hpp"
#include "models/files/keras/keras_model.hpp"
#include "models/files/model_file.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/models/c_api.hpp"

namespace xtape {
namespace {

using namespace test::c_api;
using Catch::Contains;
using test::TemporaryFolder;

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
  std::array<xtape_tensor*, 3> both{mark, words.get(), mark};
  check_failed(xtape_model_run(handle.get(), both.data(), 2, both.data() + 1, 2), XTAPE_INVALID_ARGUMENT,
               "xtape_model_run: expected separate arrays of inputs and outputs, got two that overlap");
  check_failed(xtape_model_run(handle.get(), both.data() + 1, 2, both.data(), 2), XTAPE_INVALID_ARGUMENT, "overlap");
  CHECK(both == std::array<xtape_tensor*, 3>{mark, words.get(), mark});
  CHECK(xtape_model_run(handle.get(), in.data(), 2, out.data(), 2) == XTAPE_OK);  // the handle is as before
  for (xtape_tensor* result : out) xtape_tensor_free(result);
}

TEST_CASE("C: a result for which there is no memory has a status of its own") {
  const TemporaryFolder folder;
  constexpr std::int64_t million = 1 << 20;
  const SymbolicTensor x = Input({1, million}), y = Input({1, million});
  const Model inner(y, ZeroPadding1D({.padding = {1 << 30, 0}, .name = "pad"})(y), {.name = "inner"});
  save_model(Model(x, inner(x)), folder / "m.safetensors");
  const ModelHandle handle = loaded(folder / "m.safetensors");
  const TensorHandle one = handle_of(Tensor::ones({1, 1, million}));
  xtape_tensor *const in = one.get(), *out = in;
  check_failed(xtape_model_run(handle.get(), &in, 1, &out, 1), XTAPE_OUT_OF_MEMORY,
               "Model inner: ZeroPadding1D pad: Tensor: expected memory for (1, 1073741825, 1048576) of float32");
  CHECK(out == nullptr);
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

}  // namespace
}  // namespace xtape
