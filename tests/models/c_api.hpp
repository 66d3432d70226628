// Models and tensors of the C interface, for its tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>
#include <xtape/xtape.h>

#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"

namespace xtape::test::c_api {

struct FreeModel {
  void operator()(xtape_model* model) const { xtape_model_free(model); }
};
struct FreeTensor {
  void operator()(xtape_tensor* tensor) const { xtape_tensor_free(tensor); }
};
using ModelHandle = std::unique_ptr<xtape_model, FreeModel>;
using TensorHandle = std::unique_ptr<xtape_tensor, FreeTensor>;

inline ModelHandle loaded(const std::filesystem::path& path, std::uint32_t flags = 0) {
  xtape_model* model = nullptr;
  const xtape_status status = xtape_model_load(path.c_str(), flags, &model);
  INFO(xtape_last_error());
  REQUIRE(status == XTAPE_OK);
  return ModelHandle(model);
}

inline xtape_dtype code_of(DType dtype) {
  return dtype == DType::float32   ? XTAPE_FLOAT32
         : dtype == DType::float64 ? XTAPE_FLOAT64
         : dtype == DType::int64   ? XTAPE_INT64
                                   : XTAPE_UINT8;
}

inline TensorHandle handle_of(const Tensor& tensor) {
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

inline Tensor tensor_of(const xtape_tensor* handle) {
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

inline std::vector<Tensor> run(const xtape_model* model, const std::vector<Tensor>& inputs, std::size_t outputs) {
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
inline Model two_in_two_out() {
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
inline Model image_model() {
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
inline void check_failed(xtape_status status, xtape_status expected, const std::string& message) {
  INFO(message);
  CHECK(status == expected);
  CHECK_THAT(xtape_last_error(), Catch::Contains(message));
}

using Extents = std::vector<std::int64_t>;

/// A function and its name.
template <class Function>
struct Named {
  Named(Function its_function, std::string its_name) : function(its_function), name(std::move(its_name)) {}
  Function function;
  std::string name;
};

}  // namespace xtape::test::c_api
