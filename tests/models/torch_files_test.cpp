// Files of torch.save(): golden files of PyTorch (tests/golden/make_torch_files.py), refused objects, damaged files.
#include <fstream>

#include "framework/io/pickle.hpp"
#include "framework/io/safetensors.hpp"
#include "framework/io/torch_file.hpp"
#include "framework/io/zip.hpp"
#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/files/weights.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
using namespace std::string_literals;

namespace {

const std::filesystem::path golden = source_root() / "tests/golden/torch_files";

const StoredTensor& stored(const std::vector<StoredTensor>& all, const std::string& name) {
  const auto found = std::ranges::find(all, name, &StoredTensor::name);
  REQUIRE(found != all.end());
  return *found;
}

/// Compares an array and its types with what PyTorch stored.
void check_array(const std::vector<StoredTensor>& all, const std::string& name, const std::string& type, DType dtype,
                 const Shape& shape, const std::vector<double>& values) {
  INFO(name);
  const StoredTensor& tensor = stored(all, name);
  CHECK(tensor.type == type);
  REQUIRE(tensor.dtype == dtype);
  CHECK(tensor.shape == shape);
  const Tensor read = tensor.read();
  CHECK(read.dtype() == dtype);
  CHECK(read.shape() == shape);
  CHECK(read.to_vector() == values);
}

void check_unreadable(const std::string& file, const StoredTensor& tensor) {
  CHECK(error_of([&] { tensor.read(); }) ==
        fmt::format("test: {}: expected an array of numbers as \"{}\", got another type", (golden / file).string(),
                    tensor.name));
}

/// The network of plain.pt and checkpoint.pt.
Model small_network() {
  const auto input = Input({3});
  const auto x = BatchNormalization({.name = "norm"})(Dense({.units = 4, .name = "hidden"})(input));
  return Model(input, Dense({.units = 3, .name = "logits"})(x));
}

/// Writes an archive as torch.save() does, with this pickle and storages of four float32 numbers.
std::filesystem::path written(const TemporaryFolder& folder, const std::string& pickle) {
  std::vector<ZipEntry> entries{{"file/data.pkl", "\x80\x02" + pickle}};
  for (const char* name : {"0", "123456789", "torch.Size"}) {
    entries.push_back({fmt::format("file/data/{}", name), std::string(16, '\0')});
  }
  std::ofstream out(folder / "file.pt", std::ios::binary);
  write_zip("test", out, entries);
  return folder / "file.pt";
}

/// The opcodes of a text and of a global.
std::string text(const std::string& value) {
  return std::string("X") + static_cast<char>(value.size()) + std::string(3, '\0') + value;
}
std::string global(const std::string& module, const std::string& name) { return "c" + module + "\n" + name + "\n"; }

/// A pickle of {"w": tensor} with these opcodes for the number of elements of the storage, offset, extents, strides.
std::string tensor_pickle(const std::string& elements, const std::string& view,
                          const std::string& storage = global("torch", "FloatStorage"),
                          const std::string& key = text("0")) {
  return "}" + text("w") + global("torch._utils", "_rebuild_tensor_v2") + "((" + text("storage") + storage + key +
         text("cpu") + elements + "tQ" + view + "\x89}tRs.";
}

}  // namespace

TEST_CASE("files of torch.save() are read with every type, stride, offset and shared storage") {
  for (const char* file : {"types.pt", "protocol_4.pt"}) {
    INFO(file);
    const std::vector<StoredTensor> all = list_torch_file("test", golden / file);
    const std::vector<double> small{-1, 0, 1, 2};
    for (const char* type : {"float32", "float16", "bfloat16"})
      check_array(all, type, type, DType::float32, {4}, small);
    check_array(all, "float64", "float64", DType::float64, {4}, small);
    for (const char* type : {"int64", "int32", "int16", "int8"}) check_array(all, type, type, DType::int64, {4}, small);
    check_array(all, "bool", "bool", DType::uint8, {4}, {1, 0, 1, 1});
    check_array(all, "uint8", "uint8", DType::uint8, {4}, {0, 1, 128, 255});
    std::vector<double> base(24), permuted;
    for (std::size_t i = 0; i < 24; ++i) base[i] = static_cast<double>(i);
    for (std::size_t k = 0; k < 4; ++k) {
      for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t j = 0; j < 3; ++j) permuted.push_back(base[(i * 3 + j) * 4 + k]);
      }
    }
    check_array(all, "base", "float32", DType::float32, {2, 3, 4}, base);
    check_array(all, "permuted", "float32", DType::float32, {4, 2, 3}, permuted);
    check_array(all, "part", "float32", DType::float32, {1, 2, 2}, {16, 18, 20, 22});
    check_array(all, "expanded", "float32", DType::float32, {2, 4}, {0, 1, 2, 3, 0, 1, 2, 3});
    check_array(all, "scalar", "float32", DType::float32, {}, {2.5});
    check_array(all, "none", "float32", DType::float32, {0, 3}, {});
    check_array(all, "parameter", "float32", DType::float32, {3, 4}, {base.begin() + 12, base.end()});
    CHECK(stored(all, "complex64").type == "complex64");
    CHECK_FALSE(stored(all, "complex64").dtype);
    CHECK(stored(all, "many_axes").type == "float32 with 9 axes");
    for (const std::string name : {"many_axes", "complex64"}) check_unreadable(file, stored(all, name));
  }
  const std::vector<StoredTensor> all = list_torch_file("test", golden / "types.pt");
  for (const auto& [name, type] :
       {std::pair("note", "strings"), std::pair("flag", "BOOL"), std::pair("epoch", "INTEGER")}) {
    CHECK(stored(all, name).type == type);
    CHECK_FALSE(stored(all, name).dtype);
    check_unreadable("types.pt", stored(all, name));
  }
}

TEST_CASE("a checkpoint of PyTorch gives the same weights as the state_dict alone") {
  const Model plain = small_network(), other = small_network();
  for (const Parameter& p : other.parameters()) p.set_value(Tensor::full(p.shape(), 7));
  CHECK(load_weights(plain, golden / "plain.pt").complete());
  for (const char* file : {"checkpoint.pt", "big_endian.pt"}) {
    INFO(file);
    for (const Parameter& p : other.parameters()) p.set_value(Tensor::full(p.shape(), 7));
    const LoadReport report = load_weights(other, golden / file);
    CHECK(report.matched.size() == plain.parameters().size());
    for (const auto& [path, parameter] : plain.named_parameters()) {
      INFO(path);
      CHECK(identical(parameter.value(), other.parameter(path).value()));
    }
  }
  CHECK_THAT(error_of([&] { load_weights(plain, golden / "two.pt"); }),
             Contains(": expected one dictionary of tensors, got those of generator, discriminator; in Python save the "
                      "one that is wanted alone"));
  const LoadReport report = load_weights(plain, golden / "types.pt", {.strict = false});
  CHECK(std::ranges::count(report.left_out, "epoch") + std::ranges::count(report.left_out, "note") +
            std::ranges::count(report.left_out, "flag") + std::ranges::count(report.left_out, "bool") ==
        4);
}

TEST_CASE("errors of the archive have function and path once") {
  const TemporaryFolder folder;
  const auto path =
      written(folder, tensor_pickle("K\x04", "K\x01K\x03\x85K\x01\x85"s, global("torch", "FloatStorage"), text("7")));
  const std::vector<StoredTensor> all = list_torch_file("test", path);
  CHECK(error_of([&] { stored(all, "w").read(); }) ==
        "test: " + path.string() + ": expected an entry \"file/data/7\", got none");
}

TEST_CASE("of several dictionaries of tensors the one with the most usual name is read") {
  // A tensor of as many elements as the position of its dictionary's name in this list of names, the usual one first.
  const std::vector<std::string> usual{"state_dict", "model_state_dict", "model"};
  const auto dictionary = [](std::size_t elements) {
    const std::string count = "K"s + static_cast<char>(elements);
    const std::string pickle = tensor_pickle("K\x04", "K"s + '\0' + count + "\x85K\x01\x85");
    return pickle.substr(0, pickle.size() - 1);  // without the end
  };
  const auto size_in = [&](const std::string& pickle) {
    const TemporaryFolder folder;
    return stored(list_torch_file("test", written(folder, pickle)), "w").shape.size();
  };
  for (std::size_t i = 0; i < usual.size(); ++i) {
    for (std::size_t k = i + 1; k < usual.size(); ++k) {
      for (const auto& [first, second] : {std::pair(i, k), std::pair(k, i)}) {
        INFO(usual[first] << " " << usual[second]);
        CHECK(size_in("}" + text(usual[first]) + dictionary(first + 1) + "s" + text(usual[second]) +
                      dictionary(second + 1) + "s.") == static_cast<std::int64_t>(i) + 1);
      }
    }
  }
  for (const std::size_t count : {2U, 20U, 21U, 30U}) {
    std::string pickle = "}", names;
    for (std::size_t i = 0; i < count; ++i) {
      pickle += text(fmt::format("net{}", i)) + dictionary(1) + "s";
      if (i < 20) names += fmt::format("{}net{}", i == 0 ? "" : ", ", i);
    }
    CHECK_THAT(error_of([&] { size_in(pickle + "."); }),
               Contains("expected one dictionary of tensors, got those of " + names + "; in Python save"));
  }
}

TEST_CASE("convolutions of sequences, images and volumes load PyTorch's weights and give its outputs") {
  const std::vector<StoredTensor> all = list_torch_file("test", golden / "convolutions.pt");
  const auto check_outputs = [&](const std::string& name, const Shape& shape, const auto& define) {
    INFO(name);
    const auto input = Input(PartialShape(shape));
    const auto prefixed = [&](const std::string& layer) { return name + "." + layer; };
    Model model(input, define(input, prefixed));
    model.convert(DType::float64);
    const LoadReport report = load_weights(model, golden / "convolutions.pt", {.strict = false});
    CHECK((report.missing.empty() && report.mismatched.empty()));
    ForwardPass pass(Mode::inference);
    const Tensor output = model(Variable(stored(all, name + ".input").read()), pass).value();
    CHECK(largest_difference(output, stored(all, name + ".output").read()) < 1e-12);
    // the way out
    const TemporaryFolder folder;
    save_weights(model, folder / "out.safetensors", {.format = WeightsFormat::pytorch});
    for (const StoredTensor& tensor : list_safetensors(folder / "out.safetensors")) {
      INFO(tensor.name);
      if (tensor.name.ends_with("num_batches_tracked")) continue;
      CHECK(identical(tensor.read(), stored(all, tensor.name).read()));
    }
  };
  check_outputs("sequences", {9, 4}, [](SymbolicTensor x, const auto& name) {
    x = Conv1D({.filters = 6, .kernel_size = 3, .groups = 2, .activation = relu, .name = name("conv")})(x);
    x = Conv1DTranspose({.filters = 5, .kernel_size = 4, .strides = 2, .name = name("up")})(x);
    x = DepthwiseConv1D({.kernel_size = 3, .depth_multiplier = 2, .name = name("depthwise")})(x);
    x = MaxPooling1D()(BatchNormalization({.epsilon = 1e-5, .name = name("norm")})(x));
    return Dense({.units = 3, .name = name("logits")})(Flatten()(x));
  });
  check_outputs("images", {4, 4, 3}, [](SymbolicTensor x, const auto& name) {
    x = Conv2DTranspose({.filters = 4, .kernel_size = {3, 2}, .strides = 2, .name = name("up")})(x);
    return Dense({.units = 2, .name = name("logits")})(Flatten()(x));
  });
  check_outputs("volumes", {5, 5, 5, 2}, [](SymbolicTensor x, const auto& name) {
    x = Conv3D({.filters = 4, .kernel_size = {2, 3, 2}, .name = name("conv")})(x);
    x = Conv3DTranspose({.filters = 3, .kernel_size = {2, 2, 3}, .strides = {1, 2, 1}, .name = name("up")})(x);
    return Dense({.units = 2, .name = name("logits")})(Flatten()(x));
  });
  // a list of vectors is flattened in one order by both
  check_outputs("lists", {5, 3}, [](SymbolicTensor x, const auto& name) {
    x = Dense({.units = 4, .name = name("hidden")})(x);
    return Dense({.units = 2, .name = name("logits")})(Flatten()(x));
  });
}

TEST_CASE("Python objects, programs and old formats are refused by name") {
  const Model model = small_network();
  const auto error = [&](const char* file) { return error_of([&] { load_weights(model, golden / file); }); };
  CHECK_THAT(error("arguments.pt"), Contains("load_weights: ") && Contains("arguments.pt") &&
                                        Contains("\"argparse.Namespace\"") && Contains("model.state_dict()"));
  CHECK_THAT(
      error("whole_model.pt"),
      Contains(": expected tensors, numbers, texts, lists and dictionaries, got the Python object "
               "\"torch.nn.modules.container.Sequential\", which is not made because that would execute code; in "
               "Python save the weights alone, torch.save(model.state_dict(), \"weights.pt\"), or as safetensors"));
  CHECK_THAT(error("legacy.pt"), Contains("before PyTorch 1.6") && Contains("torch.save(torch.load("));
  CHECK_THAT(error("script.pt"), Contains("script.pt: expected a state_dict, got a program of TorchScript; in Python "
                                          "save torch.jit.load(file).state_dict()"));
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& pickle) {
    return error_of([&] { list_torch_file("test", written(folder, pickle)); });
  };
  CHECK_THAT(refused(global("os", "system") + text("echo") + "\x85R."),
             Contains("test: ") &&
                 Contains("expected tensors, numbers, texts, lists and dictionaries, got the Python object "
                          "\"os.system\", which is not made because that would execute code; in Python save the "
                          "weights alone, torch.save(model.state_dict(), \"weights.pt\"), or as safetensors"));
  CHECK_THAT(refused(text("os") + text("system") + "\x93" + text("echo") + "\x85R."),
             Contains("test: ") &&
                 Contains("expected tensors, numbers, texts, lists and dictionaries, got the Python object "
                          "\"os.system\", which is not made because that would execute code; in Python save the "
                          "weights alone, torch.save(model.state_dict(), \"weights.pt\"), or as safetensors"));
  CHECK_THAT(refused("(i__builtin__\neval\n."),
             Contains("test: ") && Contains("expected a pickle of plain data, got the opcode 0x69 at offset 3"));
  CHECK_THAT(refused("}" + text("w") + global("torch", "FloatStorage") + ")\x81s."),
             Contains("test: ") && Contains("expected a pickle of plain data, got the opcode 0x81 at offset 30"));
  CHECK_THAT(refused("]."), Contains("test: ") &&
                                Contains("expected a dictionary of tensors, as model.state_dict() is one, got none"));
}

TEST_CASE("views outside of their storages, and damaged pickles, are errors before memory is allocated") {
  const TemporaryFolder folder;
  const auto listed = [&](const std::string& pickle) { return list_torch_file("test", written(folder, pickle)); };
  const auto refused = [&](const std::string& pickle) {
    return error_of([&] {
      for (const StoredTensor& tensor : listed(pickle)) tensor.read();
    });
  };
  const std::string four = "K\x04", none{"K\0", 2}, two = "K\x02", one = "K\x01";
  const std::string huge = "\x8a\x08" + std::string(7, '\xff') + "\x3f";  // 2^62 - 1
  CHECK(listed(tensor_pickle(four, none + two + "\x85" + two + "\x85"))[0].read().shape() == Shape{2});
  CHECK_THAT(
      refused(tensor_pickle(four, none + four + "\x85" + two + "\x85")),
      Contains("test: ") &&
          Contains("tensor \"w\": expected elements within a storage of 4, got offset 0, extents (4), strides (2)"));
  CHECK_THAT(
      refused(tensor_pickle(four, none + "K\x03\x85" + two + "\x85")),
      Contains("test: ") &&
          Contains("tensor \"w\": expected elements within a storage of 4, got offset 0, extents (3), strides (2)"));
  CHECK_THAT(
      refused(tensor_pickle(four, four + one + "\x85" + one + "\x85")),
      Contains("test: ") &&
          Contains("tensor \"w\": expected elements within a storage of 4, got offset 4, extents (1), strides (1)"));
  CHECK_THAT(
      refused(tensor_pickle(four, "K\x05" + one + "\x85" + one + "\x85")),
      Contains("test: ") &&
          Contains("tensor \"w\": expected elements within a storage of 4, got offset 5, extents (1), strides (1)"));
  CHECK_THAT(refused(tensor_pickle(four, none + huge + "\x85" + huge + "\x85")),
             Contains("test: ") && Contains("tensor \"w\": expected elements within a storage of 4, got offset 0, "
                                            "extents (4611686018427387903), strides (4611686018427387903)"));
  CHECK_THAT(refused(tensor_pickle(four, none + two + two + "\x86" + two + "\x85")),
             Contains("test: ") && Contains("tensor \"w\": expected a stride for each of 2 extents, got 1"));
  CHECK_THAT(refused(tensor_pickle(huge, none + huge + "\x85" + one + "\x85")),
             Contains("test: ") &&
                 Contains("expected a storage of 4611686018427387903 elements of float32 for \"w\", got 16 bytes"));
  CHECK_THAT(refused(tensor_pickle(two, none + one + "\x85" + one + "\x85")),
             Contains("test: ") && Contains("expected a storage of 2 elements of float32 for \"w\", got 16 bytes"));
  CHECK_THAT(refused(tensor_pickle(four, "J\xff\xff\xff\xff" + one + "\x85" + one + "\x85")),
             Contains("test: ") &&
                 Contains("tensor \"w\": expected integers from 0 to 2^62 in the description of a tensor, got -1"));
  CHECK_THAT(refused(tensor_pickle(four, none + one + "\x85" + one + "\x85", text("FloatStorage"))),
             Contains("test: ") && Contains("tensor \"w\": expected the type of a storage, got something else"));
  // values of other kinds: nothing, a boolean, an integer, a number, bytes, a tuple, a list
  const std::string row = one + "\x85", number = "G" + std::string(8, '\0');
  for (const std::string& other : {"N"s, "\x88"s, one, number,
                                   "C\1"
                                   "0"s,
                                   ")"s, "]"s}) {
    CHECK_THAT(refused(tensor_pickle(four, none + row + row, global("torch", "FloatStorage"), other)),
               Contains("tensor \"w\": expected a text in the description of a tensor, got something else"));
  }
  for (const std::string& other : {"N"s, "\x88"s, text("4"), number, ")"s}) {
    CHECK_THAT(refused(tensor_pickle(other, none + row + row)),
               Contains("tensor \"w\": expected integers from 0 to 2^62 in the description of a tensor, got "));
  }
  for (const std::string& other : {"N"s, "\x88"s, one, text("4"), "]"s}) {
    CHECK_THAT(refused(tensor_pickle(four, none + other + row)),
               Contains("tensor \"w\": expected a tuple of up to 64 extents"));
  }
  // stride 0 makes a large array of a small storage: it is described, and read only if it is wanted
  CHECK(listed(tensor_pickle(four, none + huge + "\x85" + none + "\x85"))[0].shape.size() ==
        (std::int64_t{1} << 62) - 1);
  // cut off at every byte
  const std::string whole = tensor_pickle(four, none + two + "\x85" + two + "\x85");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_THAT(refused(whole.substr(0, size)), Contains("expected"));
  }
  // a dictionary that contains itself, a list of pairs that is used often, and more values than there may be
  CHECK_THAT(
      refused("}q" + std::string(1, '\0') + text("a") + "h" + std::string(1, '\0') + "s."),
      Contains("test: ") && Contains("expected a dictionary of tensors, as model.state_dict() is one, got none"));
  std::string often = "](";
  for (int i = 0; i < 2000; ++i) often += "NN\x86";
  often += "e\x85q" + std::string(1, '\0');
  for (int i = 0; i < 1000; ++i) often += global("collections", "OrderedDict") + "h" + std::string(1, '\0') + "R";
  CHECK_THAT(
      refused(often + "."),
      Contains("test: ") &&
          Contains("expected at most 1000000 pairs as arguments of OrderedDict, got more, or an item of 2 values"));
  CHECK_THAT(refused("](" + std::string(1'100'000, 'N') + "e."),
             Contains("test: ") && Contains("expected at most 1000000 values in a pickle, got more"));
}

TEST_CASE("opcodes of a pickle without the values that they need are errors with their place") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& pickle) {
    return error_of([&] { list_torch_file("test", written(folder, pickle)); });
  };
  // the first opcode is at offset 2, behind the version
  for (const std::string needy : {"a.", "](a.", "s.", "N\x85\x86.", "R.", "q0."}) {
    INFO(needy);
    CHECK_THAT(refused(needy), Contains("expected a value on the stack of the pickle at offset "));
  }
  CHECK_THAT(refused("a."), Contains("expected a value on the stack of the pickle at offset 3, got none"));
  for (const std::string unmarked : {"]e.", "}u.", "t."}) {
    INFO(unmarked);
    CHECK_THAT(refused(unmarked), Contains("expected a mark before offset ") && Contains(" of the pickle, got none"));
  }
  CHECK_THAT(refused("t."), Contains("expected a mark before offset 3 of the pickle, got none"));
  const std::string none{"K\0", 2};
  CHECK_THAT(refused(tensor_pickle("K\x04", none + "N" + "K\x02\x85")),
             Contains("tensor \"w\": expected a tuple of up to 64 extents"));
}

TEST_CASE("a tensor that is described by values of other kinds is an Error") {
  const TemporaryFolder folder;
  const std::string four = "K\x04", none{"K\0", 2}, two = "K\x02\x85";
  const auto read = [&](const std::vector<std::string>& parts) {
    const std::string pickle = "}" + text("w") + global("torch._utils", "_rebuild_tensor_v2") + "((" + parts[0] +
                               parts[1] + parts[2] + text("cpu") + parts[3] + "tQ" + parts[4] + parts[5] + parts[6] +
                               "\x89}tRs.";
    return list_torch_file("test", written(folder, pickle)).at(0).read();
  };
  const std::vector<std::string> right{
      text("storage"), global("torch", "FloatStorage"), text("123456789"), four, none, two, two};
  CHECK(read(right).shape() == Shape{2});
  // the name of a storage in the archive may be that of a global, or the bytes of a long integer
  const std::vector<std::string> kinds{
      "N", "\x88", "G" + std::string(8, '\0'), "\x8a\x09" + std::string("123456789"), ")",
      "]", "}",    global("torch", "Size")};
  for (std::size_t i = 0; i < right.size(); ++i) {
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
      INFO("part " << i << ", kind " << kind);
      std::vector<std::string> parts = right;
      parts[i] = kinds[kind];
      CHECK_THAT(error_of([&] { read(parts); }), Contains("test: ") && Contains("expected"));
    }
  }
}
