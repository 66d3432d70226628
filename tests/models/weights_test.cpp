#include "models/weights.hpp"

#include <fstream>

#include "framework/io/safetensors.hpp"
#include "layers/batch_normalization.hpp"
#include "layers/dense.hpp"
#include "layers/input.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

Model small_model(std::uint64_t seed, std::int64_t units = 3) {
  const SymbolicTensor input = Input({2});
  auto x = Dense({.units = 4, .name = "hidden"})(input);
  x = BatchNormalization({.name = "norm"})(x);
  return {input, Dense({.units = units, .name = "logits"})(x), {.name = "small", .seed = seed}};
}

std::vector<Tensor> values_of(const Model& model) {
  std::vector<Tensor> values;
  for (const Parameter& parameter : model.parameters()) values.push_back(parameter.value());
  return values;
}

TEST_CASE("weights come back bit by bit, moving averages included") {
  const test::TemporaryFolder folder;
  const Model model = small_model(1), other = small_model(2);
  for (const auto& [path, parameter] : model.named_parameters()) {
    if (path == "norm/moving_mean") parameter.set_value(Tensor::of({4}, {1, 2, 3, 4}));
  }
  save_weights(model, folder / "weights.safetensors");
  CHECK_FALSE(std::ranges::equal(values_of(model), values_of(other), identical));
  load_weights(other, folder / "weights.safetensors");
  CHECK(std::ranges::equal(values_of(model), values_of(other), identical));
}

TEST_CASE("the file names parameters by their path, and the model") {
  const test::TemporaryFolder folder;
  save_weights(small_model(1), folder / "weights.safetensors");
  const SafetensorsFile file = load_safetensors(folder / "weights.safetensors");
  std::vector<std::string> names;
  for (const NamedTensor& entry : file.tensors) names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"hidden/kernel", "hidden/bias", "norm/gamma", "norm/beta", "norm/moving_mean",
                                          "norm/moving_variance", "logits/kernel", "logits/bias"});
  CHECK(file.metadata.at("format") == "xtape");
  CHECK(file.metadata.at("model") == "small");
}

TEST_CASE("a model computes in its own type whatever the file's") {
  const test::TemporaryFolder folder;
  const Model model = small_model(1), precise = small_model(2);
  precise.convert(DType::float64);
  save_weights(model, folder / "weights.safetensors");
  load_weights(precise, folder / "weights.safetensors");
  CHECK(precise.dtype() == DType::float64);
  CHECK(identical(precise.parameters()[0].value().to(DType::float32), model.parameters()[0].value()));
}

TEST_CASE("the report says what was converted from which type") {
  const test::TemporaryFolder folder;
  const Model model = small_model(1);
  save_weights(model, folder / "weights.safetensors");
  const std::string header = R"({"hidden/bias":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}})";
  std::ofstream(folder / "brain", std::ios::binary) << static_cast<char>(header.size()) << std::string(7, '\0')
                                                    << header << std::string("\x80\x3f\0\x40\0\0\x80\xbf", 8);
  const LoadReport report = load_weights(model, folder / "brain", {.strict = false});
  CHECK(report.text().starts_with("1 of 8 parameters matched, 1 of them converted from bfloat16; 7 missing"));
  CHECK(model.layer("hidden").named_parameters()[1].second.value().to_vector() == std::vector<double>{1, 2, 0, -1});
}

TEST_CASE("a file of another model is refused, and the model stays as it was") {
  const test::TemporaryFolder folder;
  const auto path = folder / "weights.safetensors";
  const Model model = small_model(1);
  const std::vector<Tensor> before = values_of(model);
  save_weights(small_model(2, 5), path);
  CHECK(error_of([&] { load_weights(model, path); }) ==
        "load_weights: expected the weights of model small in " + path.string() +
            ", got 8 tensors: 6 of 8 parameters matched; 2 of another shape or type: "
            "logits/kernel (float32 (4, 5) for float32 (4, 3)), logits/bias (float32 (5,) for float32 (3,)); "
            "{.strict = false} loads the 6 that match");

  auto tensors = load_safetensors(path).tensors;
  tensors.resize(6);
  tensors[0].name = "first/kernel";
  tensors[1].tensor = Tensor::zeros({4}, DType::int64);
  save_safetensors(path, tensors);
  CHECK(error_of([&] { load_weights(model, path); }) ==
        "load_weights: expected the weights of model small in " + path.string() +
            ", got 6 tensors: 4 of 8 parameters matched; 3 missing: hidden/kernel, logits/kernel, logits/bias; "
            "1 of another shape or type: hidden/bias (int64 (4,) for float32 (4,)); 1 unexpected: first/kernel; "
            "{.strict = false} loads the 4 that match");

  save_safetensors(path, {});
  CHECK(error_of([&] { load_weights(model, path); }).ends_with("norm/moving_variance, logits/kernel, logits/bias"));
  CHECK(std::ranges::equal(before, values_of(model), identical));
}

TEST_CASE("a path that is not there is named") {
  const std::string missing = "/nonexistent/weights.safetensors";
  CHECK(error_of([&] { load_weights(small_model(1), missing); }).find(missing) != std::string::npos);
  CHECK(error_of([&] { save_weights(small_model(1), missing); }).find(missing) != std::string::npos);
}

}  // namespace
}  // namespace xtape
