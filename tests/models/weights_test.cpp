#include "models/files/weights.hpp"

#include <fstream>

#include "framework/io/safetensors.hpp"
#include "layers/core/dense.hpp"
#include "layers/graph/input.hpp"
#include "layers/normalization/batch_normalization.hpp"
#include "models/files/keras/keras_model.hpp"
#include "models/files/stored_weights.hpp"
#include "tests/io/files.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using namespace std::string_literals;

Model seeded_model(std::uint64_t seed, std::int64_t units = 3) {
  const SymbolicTensor input = Input({2});
  auto x = Dense({.units = 4, .name = "hidden"})(input);
  x = BatchNormalization({.name = "norm"})(x);
  return {input, Dense({.units = units, .name = "logits"})(x), {.name = "small", .seed = seed}};
}

TEST_CASE("weights are restored bit for bit, including moving averages") {
  const test::TemporaryFolder folder;
  const Model model = seeded_model(1), other = seeded_model(2);
  for (const auto& [path, parameter] : model.named_parameters()) {
    if (path == "norm/moving_mean") parameter.set_value(Tensor::of({4}, {1, 2, 3, 4}));
  }
  save_weights(model, folder / "weights.safetensors");
  CHECK_FALSE(std::ranges::equal(test::values_of(model), test::values_of(other), identical));
  load_weights(other, folder / "weights.safetensors");
  CHECK(std::ranges::equal(test::values_of(model), test::values_of(other), identical));
}

TEST_CASE("a weights file contains the paths of the parameters and the name of the model") {
  const test::TemporaryFolder folder;
  save_weights(seeded_model(1), folder / "weights.safetensors");
  const SafetensorsFile file = load_safetensors(folder / "weights.safetensors");
  std::vector<std::string> names;
  for (const NamedTensor& entry : file.tensors) names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"hidden/kernel", "hidden/bias", "norm/gamma", "norm/beta", "norm/moving_mean",
                                          "norm/moving_variance", "logits/kernel", "logits/bias"});
  CHECK(file.metadata.at("format") == "xtape");
  CHECK(file.metadata.at("model") == "small");
}

TEST_CASE("a model keeps its type whatever the type of the file") {
  const test::TemporaryFolder folder;
  Model model = seeded_model(1), precise = seeded_model(2);
  precise.convert(DType::float64);
  save_weights(model, folder / "weights.safetensors");
  load_weights(precise, folder / "weights.safetensors");
  CHECK(precise.dtype() == DType::float64);
  CHECK(identical(precise.parameters()[0].value().to(DType::float32), model.parameters()[0].value()));
}

TEST_CASE("the report lists conversions and their original types") {
  const test::TemporaryFolder folder;
  const Model model = seeded_model(1);
  save_weights(model, folder / "weights.safetensors");
  const std::string header = R"({"hidden/bias":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}})";
  std::ofstream(folder / "brain", std::ios::binary) << static_cast<char>(header.size()) << std::string(7, '\0')
                                                    << header << std::string("\x80\x3f\0\x40\0\0\x80\xbf", 8);
  const LoadReport report = load_weights(model, folder / "brain", {.strict = false});
  CHECK(report.text().starts_with("1 of 8 parameters matched, 1 of them converted from bfloat16; 7 missing"));
  CHECK(model.layer("hidden").named_parameters()[1].second.value().to_vector() == std::vector<double>{1, 2, 0, -1});
}

TEST_CASE("when a tensor cannot be read, whichever it is, the model is unchanged") {
  const Model model = seeded_model(1), other = seeded_model(2);
  const std::vector<Tensor> before = test::values_of(model);
  const auto& parameters = other.named_parameters();
  for (std::size_t damaged = 0; damaged < parameters.size(); ++damaged) {
    StoredWeights file;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto& [path, parameter] = parameters[i];
      const Tensor value = parameter.value();
      file.weights.push_back({path, {path, value.dtype(), "float32", value.shape(), [value] { return value; }}});
      if (i == damaged) file.weights.back().tensor.read = []() -> Tensor { fail("a damaged block"); };
    }
    CHECK(error_of([&] { load_stored_weights(model, file, "file", {}); }) == "a damaged block");
    CHECK(std::ranges::equal(before, test::values_of(model), identical));
  }
}

TEST_CASE("a file of another model is rejected, and the model is unchanged") {
  const test::TemporaryFolder folder;
  const auto path = folder / "weights.safetensors";
  const Model model = seeded_model(1);
  const std::vector<Tensor> before = test::values_of(model);
  save_weights(seeded_model(2, 5), path);
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
  CHECK(std::ranges::equal(before, test::values_of(model), identical));
}

TEST_CASE("the extension selects the format, in lower or upper case, and unknown extensions are rejected") {
  const test::TemporaryFolder folder;
  const Model model = seeded_model(1);
  const auto begin_of = [&](const std::string& name) {
    save_weights(model, folder / name);
    const std::string bytes = test::read_bytes(folder / name);
    const bool keras3 = bytes.find("_layer_checkpoint") == std::string::npos && bytes.find("vars") != std::string::npos;
    return bytes.substr(1, 3) == "HDF" ? (keras3 ? "keras 3" : "keras 2") : "safetensors";
  };
  for (const std::string name : {"w.h5", "w.H5", "w.hdf5", "w.Hdf5", "w.HDF5"}) CHECK(begin_of(name) == "keras 2"s);
  for (const std::string name : {"w.weights.h5", "w.Weights.H5", "w.WEIGHTS.h5"}) CHECK(begin_of(name) == "keras 3"s);
  for (const std::string name : {"w.safetensors", "w.SafeTensors", "w"}) CHECK(begin_of(name) == "safetensors"s);
  for (const std::string name : {"w.keras", "w.bin", "w.safetensor", "w.h5.bak"}) {
    CHECK_THAT(error_of([&] { save_weights(model, folder / name); }),
               Catch::Contains(".safetensors, .h5 or .hdf5 (Keras 2) or .weights.h5 (Keras 3)") &&
                   Catch::Contains((folder / name).string()));
    CHECK_FALSE(std::filesystem::exists(folder / name));
  }
}

/// The header and the data of a safetensors file, of which the header has less than 64 KiB.
struct Parts {
  std::string header, data;

  explicit Parts(const std::filesystem::path& path) {
    const std::string bytes = test::read_bytes(path);
    const auto length = static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) +
                        256 * static_cast<std::size_t>(static_cast<unsigned char>(bytes[1]));
    header = bytes.substr(8, length);
    data = bytes.substr(8 + length);
  }
};

TEST_CASE("tensors of unknown types are named, and are accepted if no parameter needs them") {
  const test::TemporaryFolder folder;
  const Model model = seeded_model(1);
  save_weights(model, folder / "w.safetensors");
  const Parts parts(folder / "w.safetensors");
  const std::size_t data = parts.data.size();
  std::string header = parts.header;
  header = header.substr(0, header.rfind('}')) +
           fmt::format(R"(,"mask":{{"dtype":"BOOL","shape":[3],"data_offsets":[{},{}]}},)", data, data + 3) +
           fmt::format(R"("scale":{{"dtype":"F8_E4M3","shape":[2],"data_offsets":[{},{}]}}}})", data + 3, data + 5);
  const auto path = folder / "more";
  test::write_bytes(path, test::little_endian(header.size()) + header + parts.data + "abcde");
  const Model other = seeded_model(2);
  const LoadReport report = load_weights(other, path, {.strict = false});
  CHECK(report.text() ==
        "8 of 8 parameters matched; 1 unexpected: scale; 1 left out, as they hold no floating-point numbers: mask");
  CHECK(std::ranges::equal(test::values_of(model), test::values_of(other), identical));
  CHECK_THAT(error_of([&] { load_weights(other, path); }),
             Catch::Contains("load_weights: expected the weights of model small in ") &&
                 Catch::Contains("got 10 tensors: 8 of 8 parameters matched; 1 unexpected: scale; 1 left out, as they "
                                 "hold no floating-point numbers: mask; {.strict = false} loads the 8 that match"));

  header.replace(header.find(R"("F32","shape":[4]})"), 5, R"("I32")");  // of hidden/bias
  test::write_bytes(path, test::little_endian(header.size()) + header + parts.data + "abcde");
  CHECK(load_weights(other, path, {.strict = false}).text() ==
        "7 of 8 parameters matched; 1 of another shape or type: hidden/bias (I32 (4,) for float32 (4,)); 1 unexpected: "
        "scale; 1 left out, as they hold no floating-point numbers: mask");
}

TEST_CASE("tensors without a parameter are left out if they hold no floating-point numbers, and unexpected otherwise") {
  const test::TemporaryFolder folder;
  const Model model = seeded_model(1);
  save_weights(model, folder / "w.safetensors");
  const Parts parts(folder / "w.safetensors");
  const std::size_t data = parts.data.size();
  const std::vector<std::tuple<std::string, int, bool>> types{
      {"BOOL", 1, true}, {"U8", 1, true},    {"I8", 1, true},   {"U16", 2, true}, {"I16", 2, true},
      {"U32", 4, true},  {"I32", 4, true},   {"U64", 8, true},  {"I64", 8, true}, {"F8_E4M3", 1, false},
      {"F16", 2, false}, {"BF16", 2, false}, {"F32", 4, false}, {"F64", 8, false}};
  for (const auto& [type, size, left_out] : types) {
    INFO(type);
    std::string header = parts.header;
    header = header.substr(0, header.rfind('}')) +
             fmt::format(R"(,"more":{{"dtype":"{}","shape":[1],"data_offsets":[{},{}]}}}})", type, data,
                         data + static_cast<std::size_t>(size));
    test::write_bytes(folder / "more", test::little_endian(header.size()) + header + parts.data +
                                           std::string(static_cast<std::size_t>(size), '\0'));
    const LoadReport report = load_weights(model, folder / "more", {.strict = false});
    CHECK(report.left_out == (left_out ? std::vector<std::string>{"more"} : std::vector<std::string>{}));
    CHECK(report.unexpected == (left_out ? std::vector<std::string>{} : std::vector<std::string>{"more"}));
    CHECK(report.complete() == left_out);
  }
}

TEST_CASE("a load report shows names from a file without terminal control characters") {
  const test::TemporaryFolder folder;
  save_safetensors(folder / "w.safetensors", {{"a\x1b[2J\xc2\x9b"
                                               "31m\n",
                                               Tensor::ones({1})}});
  const LoadReport report = load_weights(seeded_model(1), folder / "w.safetensors", {.strict = false});
  CHECK(report.text() ==
        "0 of 8 parameters matched; 8 missing: hidden/kernel, hidden/bias, norm/gamma, norm/beta, norm/moving_mean, "
        "norm/moving_variance, logits/kernel, logits/bias; 1 unexpected: a?[2J?31m?");
}

TEST_CASE("a zip archive such as Keras's .keras is named") {
  const test::TemporaryFolder folder;
  save_keras_model(seeded_model(1), folder / "m.keras");
  CHECK_THAT(error_of([&] { load_weights(seeded_model(1), folder / "m.keras"); }),
             Catch::Contains("load_weights: expected a safetensors, PyTorch or HDF5 file, got a zip archive"));
  test::write_bytes(folder / "m.keras", "PK\x03\x04 and so on");
  CHECK_THAT(error_of([&] { load_weights(seeded_model(1), folder / "m.keras"); }),
             Catch::Contains("load_weights: expected an undamaged zip archive, got: Not a zip archive: "));
}

TEST_CASE("a file that is neither HDF5 nor safetensors is rejected with the format expected from its name") {
  const test::TemporaryFolder folder;
  for (const auto& [content, got] :
       {std::pair<std::string, std::string>{"", "an empty file"}, {"some text in a file", "one of another format"}}) {
    for (const auto& [name, expected] : {std::pair<std::string, std::string>{"w.h5", "an HDF5 file, as its name says"},
                                         {"w.weights.HDF5", "an HDF5 file, as its name says"},
                                         {"w.safetensors", "a safetensors, PyTorch or HDF5 file"}}) {
      test::write_bytes(folder / name, content);
      CHECK(error_of([&, &file = name] { load_weights(seeded_model(1), folder / file); }) ==
            fmt::format("load_weights: expected {}, got {}: {}", expected, got, (folder / name).string()));
    }
  }
}

TEST_CASE("a missing path is named") {
  const std::string missing = "/nonexistent/weights.safetensors";
  CHECK(error_of([&] { load_weights(seeded_model(1), missing); }).find(missing) != std::string::npos);
  CHECK(error_of([&] { save_weights(seeded_model(1), missing); }).find(missing) != std::string::npos);
}

TEST_CASE("the text of a report has every number, name, shape and type, and at most 20 names of a kind") {
  LoadReport report;
  CHECK(report.text() == "0 of 0 parameters matched");
  CHECK(report.complete());
  report.matched = {{"a/kernel", "a.weight", {2, 3}, {2, 3}, DType::float32, "float32"},
                    {"a/bias", "a.bias", {3}, {3}, DType::float32, "float16"},
                    {"b/bias", "b.bias", {4}, {4}, DType::float32, "bfloat16"},
                    {"c/bias", "c.bias", {5}, {5}, DType::float32, "float16"}};
  report.left_out = {"steps"};
  CHECK(report.complete());
  CHECK(
      report.text() ==
      "4 of 4 parameters matched, 1 of them converted from bfloat16, 2 of them converted from float16; 1 left out, as "
      "they hold no floating-point numbers: steps");
  report.left_out = {};
  report.mismatched = {{"d", "d", {2}, {3, 1}, DType::float64, "float32"},
                       {"e", "f", {2}, {2}, DType::float32, "int8"}};
  report.missing = {"g\x1b"};
  for (int i = 0; i < 20; ++i) report.unexpected.push_back(fmt::format("u{}", i));
  const std::string begin =
      "4 of 7 parameters matched, 1 of them converted from bfloat16, 2 of them converted from float16; 1 missing: g?; "
      "2 "
      "of another shape or type: d (float32 (3, 1) for float64 (2,)), e from f (int8 (2,) for float32 (2,)); ";
  const std::string names = "u0, u1, u2, u3, u4, u5, u6, u7, u8, u9, u10, u11, u12, u13, u14, u15, u16, u17, u18, u19";
  CHECK(report.text() == begin + "20 unexpected: " + names);
  report.unexpected.emplace_back("u20");
  CHECK(report.text() == begin + "21 unexpected: " + names + ", ...");
  CHECK_FALSE(report.complete());
}

}  // namespace
}  // namespace xtape
