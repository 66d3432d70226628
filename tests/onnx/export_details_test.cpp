// save_onnx(): numbers at their limits, factors that are folded, and the descriptions of inputs.
#include <algorithm>
#include <cmath>

#include "framework/tensor/random.hpp"
#include "layers/layers.hpp"
#include "models/files/onnx/import_tensor.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/sample_models.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Symbols = std::vector<SymbolicTensor>;

xtape_onnx::ModelProto saved(const Model& model, const TemporaryFolder& folder, const SaveOnnxOptions& options = {}) {
  save_onnx(model, folder / "net.onnx", options);
  return onnx::read_file("test", folder / "net.onnx");
}

bool has_operator(const xtape_onnx::ModelProto& file, const std::string& type) {
  return std::ranges::any_of(file.graph().node(), [&](const auto& node) { return node.op_type() == type; });
}

/// The outputs of the model and of its copy in an ONNX file.
std::pair<Tensor, Tensor> both_outputs(const Model& model, const std::vector<Tensor>& inputs,
                                       const SaveOnnxOptions& options = {}) {
  const TemporaryFolder folder;
  save_onnx(model, folder / "net.onnx", options);
  return {outputs_of(model, inputs)[0], outputs_of(load_onnx(folder / "net.onnx"), inputs)[0]};
}

/// Other values than the initial ones for all parameters; variances stay positive.
void change_values(const Model& model) {
  RandomStream random(4, 1);
  for (const auto& [path, parameter] : model.named_parameters()) {
    Parameter changed = parameter;
    changed.set_value(random.uniform(parameter.shape(), path.ends_with("variance") ? 0.5 : -1, 2));
  }
}

}  // namespace

TEST_CASE("divisors have the same least values in an ONNX file as in the layers") {
  const TemporaryFolder folder;
  const auto vector = Input({3});
  const Tensor zeros = Tensor::zeros({2, 3});
  const auto of_file = [&](const Model& model, const std::vector<Tensor>& inputs) {
    save_onnx(model, folder / "net.onnx");
    return outputs_of(load_onnx(folder / "net.onnx"), inputs)[0].to_vector();
  };
  const std::vector<double> nothing(6, 0.0);
  CHECK(of_file(Model(vector, UnitNormalization()(vector)), {zeros}) == nothing);
  CHECK(of_file(Model(vector, RMSNormalization()(vector)), {zeros}) == nothing);
  CHECK(of_file(Model(vector, LayerNormalization()(vector)), {Tensor::ones({2, 3})}) == nothing);
  CHECK(of_file(Model(vector, LayerNormalization({.scale = false})(vector)), {Tensor::ones({2, 3})}) == nothing);
  const Symbols two{Input({3}), Input({3})};
  CHECK(of_file(Model(two, Dot({.axes = {1, 1}, .normalize = true})(two)), {zeros, Tensor::ones({2, 3})}) ==
        std::vector<double>(2, 0.0));
  for (const double factor : {0.5, 2.0}) {  // norms below the least one and above it
    const auto of_norm = [](double norm) { return Tensor::of({2, 3}, {norm, 0, 0, 0, -norm, 0}, DType::float32); };
    const double kept = std::min(factor, 1.0);
    const auto units = of_file(Model(vector, UnitNormalization()(vector)), {of_norm(factor * 1e-12)});
    CHECK(units[0] == Approx(kept));
    CHECK(units[4] == Approx(-kept));
    const auto products =
        of_file(Model(two, Dot({.axes = {1, 1}, .normalize = true})(two)), {of_norm(factor * 1e-7), of_norm(1)});
    for (const double product : products) CHECK(product == Approx(kept));
  }
  const Model normalized(vector, Normalization({.name = "norm"})(vector));
  normalized.parameter("norm/variance").set_value(Tensor::zeros({3}));
  normalized.parameter("norm/mean").set_value(Tensor::of({3}, {1, 2, 4}));
  const Tensor near_mean = Tensor::of({2, 3}, {1, 2, 4, 1.5, 1, 4}, DType::float32);
  const std::vector<double> got = of_file(normalized, {near_mean});
  const double expected[] = {0, 0, 0, 0.5e7, -1e7, 0};  // the least deviation is 1e-7
  for (std::size_t i = 0; i < 6; ++i) CHECK(got[i] == Approx(expected[i]));
}

TEST_CASE("a batch normalization with corrected averages is written before its first step") {
  const auto vector = Input({3});
  const Model model(vector, BatchNormalization({.epsilon = 0.44, .bias_correction = true})(vector));
  const Tensor x = Tensor::of({1, 3}, {1.2, -2.4, 3.6}, DType::float32);
  const std::vector<double> got = both_outputs(model, {x}).second.to_vector();  // a mean of 0 and a variance of 1
  for (std::size_t i = 0; i < 3; ++i) CHECK(got[i] == Approx(x.to_vector()[i] / 1.2));
}

TEST_CASE("the factors of a batch normalization are folded into every kernel, with a bias and without") {
  const TemporaryFolder folder;
  using Step = std::function<SymbolicTensor(const SymbolicTensor&, bool)>;
  const auto sequence = Input({6, 2}), image = Input({6, 5, 2}), volume = Input({4, 5, 3, 2}), vector = Input({5});
  const std::vector<std::tuple<std::string, SymbolicTensor, Step>> rows{
      {"Conv1D", sequence,
       [](const auto& x, bool bias) { return Conv1D({.filters = 3, .kernel_size = 2, .use_bias = bias})(x); }},
      {"Conv2D", image,
       [](const auto& x, bool bias) {
         return Conv2D({.filters = 4, .kernel_size = {2, 3}, .groups = 2, .use_bias = bias})(x);
       }},
      {"Conv3D", volume,
       [](const auto& x, bool bias) { return Conv3D({.filters = 3, .kernel_size = 2, .use_bias = bias})(x); }},
      {"Conv1DTranspose", sequence,
       [](const auto& x, bool bias) { return Conv1DTranspose({.filters = 3, .kernel_size = 2, .use_bias = bias})(x); }},
      {"Conv2DTranspose", image,
       [](const auto& x, bool bias) { return Conv2DTranspose({.filters = 3, .kernel_size = 2, .use_bias = bias})(x); }},
      {"Conv3DTranspose", volume,
       [](const auto& x, bool bias) { return Conv3DTranspose({.filters = 3, .kernel_size = 2, .use_bias = bias})(x); }},
      {"DepthwiseConv1D", sequence,
       [](const auto& x, bool bias) {
         return DepthwiseConv1D({.kernel_size = 2, .depth_multiplier = 2, .use_bias = bias})(x);
       }},
      {"DepthwiseConv2D", image,
       [](const auto& x, bool bias) {
         return DepthwiseConv2D({.kernel_size = 2, .depth_multiplier = 3, .use_bias = bias})(x);
       }},
      {"SeparableConv1D", sequence,
       [](const auto& x, bool bias) { return SeparableConv1D({.filters = 3, .kernel_size = 2, .use_bias = bias})(x); }},
      {"SeparableConv2D", image,
       [](const auto& x, bool bias) { return SeparableConv2D({.filters = 3, .kernel_size = 2, .use_bias = bias})(x); }},
      {"Dense", vector, [](const auto& x, bool bias) { return Dense({.units = 3, .use_bias = bias})(x); }},
      {"Dense of a flattened image", image,
       [](const auto& x, bool bias) { return Dense({.units = 3, .use_bias = bias})(Flatten()(x)); }},
      {"Dense of steps", sequence, [](const auto& x, bool bias) { return Dense({.units = 3, .use_bias = bias})(x); }},
  };
  for (const auto& [name, input, step] : rows) {
    for (const bool bias : {true, false}) {
      INFO(name << " " << bias);
      const Model model(input, BatchNormalization({.epsilon = 0.01})(step(input, bias)), {.seed = 2});
      change_values(model);
      const auto file = saved(model, folder, {.fold_batch_norm = true});
      CHECK_FALSE(has_operator(file, "BatchNormalization"));
      CHECK_FALSE(has_operator(file, "Sub"));
      const auto [ours, theirs] = both_outputs(model, sample_inputs(model), {.fold_batch_norm = true});
      CHECK(largest_difference(ours, theirs) < 1e-5);
    }
  }
}

TEST_CASE("a batch normalization is folded into no kernel whose output is used elsewhere") {
  const TemporaryFolder folder;
  const auto a = Input({4, 4, 2}), b = Input({4, 4, 2});
  const Conv2D conv({.filters = 3, .kernel_size = 1}), other({.filters = 3, .kernel_size = 1});
  const BatchNormalization norm;
  const auto x = conv(a);
  const auto after = Conv2D({.filters = 3, .kernel_size = 1, .activation = relu})(a);
  struct Row {
    std::string name;
    Model model;
    bool folds;
  };
  const std::vector<Row> rows{
      {"once", Model(a, norm(x)), true},
      {"also read", Model(a, Add()({norm(x), x})), false},
      {"also an output", Model(Symbols{a}, Symbols{norm(x), x}), false},
      {"behind an activation", Model(a, BatchNormalization()(after)), false},
      {"behind a pooling", Model(a, BatchNormalization()(MaxPooling2D()(a))), false},
      {"kernel of two calls", Model({a, b}, Add()({norm(x), Activation(relu)(conv(b))})), true},
      {"factors of two calls", Model({a, b}, Add()({norm(x), norm(other(b))})), true},
      {"both of two calls", Model({a, b}, Add()({norm(x), norm(conv(b))})), true},
      {"a kernel of two calls without an activation", Model({a, b}, Add()({norm(x), conv(b)})), true},
  };
  for (const auto& [name, model, folds] : rows) {
    INFO(name);
    change_values(model);
    CHECK(has_operator(saved(model, folder, {.fold_batch_norm = true}), "BatchNormalization") == !folds);
    const auto inputs = sample_inputs(model);
    const auto ours = outputs_of(model, inputs), theirs = outputs_of(load_onnx(folder / "net.onnx"), inputs);
    REQUIRE(theirs.size() == ours.size());
    for (std::size_t i = 0; i < ours.size(); ++i) CHECK(largest_difference(ours[i], theirs[i]) < 1e-5);
  }
}

TEST_CASE("a crop that is larger than its images in one direction is written, whichever it is") {
  for (const auto& [height, width] : {std::pair(3, 12), {12, 3}, {9, 2}, {7, 8}, {1, 20}, {20, 1}, {14, 16}}) {
    INFO(height << " x " << width);
    const auto image = Input({7, 8, 2});
    const Model model(image, CenterCrop({.height = height, .width = width})(image));
    const auto [ours, theirs] = both_outputs(model, sample_inputs(model));
    REQUIRE(theirs.shape() == Shape{2, height, width, 2});
    CHECK(largest_difference(ours, theirs) < 1e-6);
  }
}

TEST_CASE("inputs and outputs are described with their element types and a name for each unknown extent") {
  const TemporaryFolder folder;
  const auto tokens = Input({.shape = {5}, .dtype = DType::int64, .name = "tokens"});
  const auto image = Input({.shape = {any, any, 2}, .name = "image"});
  const auto bytes = Input({.shape = {4}, .dtype = DType::uint8, .name = "bytes"});
  const auto steps = Input({.shape = {any, 3}, .name = "steps"});
  const auto embedded = Embedding({.input_dim = 9, .output_dim = 2, .name = "embedded"})(tokens);
  const Model model(Symbols{tokens, image, bytes, steps},
                    Symbols{embedded, MaxPooling2D({.pool_size = 1, .name = "pooled"})(image), bytes, steps});
  for (const bool first : {true, false}) {
    const auto file = saved(model, folder, {.images = first ? ImageAxes::channels_first : ImageAxes::channels_last});
    const auto described = [](const xtape_onnx::ValueInfoProto& info) {
      std::string text = info.name() + " " + std::to_string(info.type().tensor_type().elem_type());
      for (const auto& dim : info.type().tensor_type().shape().dim()) {
        text += " " + (dim.has_dim_value() ? std::to_string(dim.dim_value()) : dim.dim_param());
      }
      return text;
    };
    using Type = xtape_onnx::TensorProto;
    std::vector<std::string> inputs, outputs;
    for (const auto& info : file.graph().input()) inputs.push_back(described(info));
    for (const auto& info : file.graph().output()) outputs.push_back(described(info));
    CHECK(inputs == std::vector<std::string>{fmt::format("tokens {} n 5", int{Type::INT64}),
                                             first ? fmt::format("image {} n 2 image_1 image_2", int{Type::FLOAT})
                                                   : fmt::format("image {} n image_1 image_2 2", int{Type::FLOAT}),
                                             fmt::format("bytes {} n 4", int{Type::UINT8}),
                                             fmt::format("steps {} n steps_1 3", int{Type::FLOAT})});
    REQUIRE(outputs.size() == 4);
    CHECK(outputs[0] == fmt::format("embedded {} n 5 2", int{Type::FLOAT}));
    CHECK(outputs[2].ends_with(fmt::format(" {} n 4", int{Type::UINT8})));
    CHECK(file.graph().output(2).name() != "bytes");  // an input is not an output too
  }
}

TEST_CASE("axes of Operator that are counted from the end are written as those counted from the batch") {
  using Numbers = std::vector<std::int64_t>;
  struct Row {
    std::string function;
    Numbers axes, from_end, numbers = {};
    std::optional<Numbers> constant_shape = std::nullopt;
  };
  std::vector<Row> rows{{"Slice", {1, 3}, {-3, -1}, {1, 0, 3, 1, 1, 1}},
                        {"Gather", {2}, {-2}, {2, 0}},
                        {"Softmax", {1}, {-3}},
                        {"LogSoftmax", {2}, {-2}},
                        {"CumSum", {1}, {-3}},
                        {"Constant", {2}, {-2}, {0}, Numbers{5, 2}},
                        {"Constant", {1, 2}, {-3, -2}, {1, 0}, Numbers{5, 6}}};
  for (const char* type : {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
                           "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"}) {
    rows.push_back({type, {1, 3}, {-3, -1}});
  }
  for (const Row& row : rows) {
    INFO(row.function);
    const auto image = Input({4, 3, 2});
    const auto model_of = [&](const Numbers& axes) {
      const Model model(image, Operator({.function = row.function,
                                         .axes = axes,
                                         .numbers = row.numbers,
                                         .constant_shape = row.constant_shape})(image));
      change_values(model);
      return model;
    };
    const std::vector<Tensor> x{RandomStream(3).uniform({2, 4, 3, 2}, 0.5, 2)};
    const Tensor expected = outputs_of(model_of(row.axes), x)[0];
    for (const Numbers& axes : {row.axes, row.from_end}) {
      const Tensor got = both_outputs(model_of(axes), x).second;
      REQUIRE(got.shape() == expected.shape());
      CHECK(largest_difference(got, expected) < 1e-5);
    }
  }
  // the extents of another value, which has fewer axes
  const Symbols two{Input({any, any, 2}), Input({any, any})};
  const Tensor x = RandomStream(3).uniform({2, 4, 3, 2}), like = Tensor::zeros({2, 3, 4});
  for (const Numbers& axes : {Numbers{1, 2}, {-2, -1}}) {
    const Model model(two,
                      Operator({.function = std::string("ReshapeLike"), .axes = axes, .numbers = {0, 0, -1}})(two));
    CHECK(identical(both_outputs(model, {x, like}).second, x.reshaped({2, 3, 4, 2})));
  }
}

TEST_CASE("same padding of unknown extents is written where the amounts are the same for all of them") {
  const TemporaryFolder folder;
  const auto image = Input({any, any, 2});
  const auto model_of = [&](Extent2D kernel, Extent2D rate, Extent2D strides) {
    return Model(image, Conv2D({.filters = 2,
                                .kernel_size = kernel,
                                .strides = strides,
                                .padding = Padding::same,
                                .dilation_rate = rate,
                                .name = "conv"})(image));
  };
  for (const Model& model : {model_of({3, 2}, {2, 3}, 1), model_of(1, 2, 2), model_of({1, 3}, {2, 2}, {2, 1}),
                             model_of({3, 2}, 1, {2, 3})}) {
    for (const std::int64_t height : {6, 7}) {
      const auto [ours, theirs] = both_outputs(model, {RandomStream(3).uniform({2, height, 9, 2})});
      REQUIRE(ours.shape() == theirs.shape());
      CHECK(largest_difference(ours, theirs) < 1e-5);
    }
  }
  CHECK_THAT(error_of([&] { save_onnx(model_of(3, 2, 2), folder / "a.onnx"); }),
             Catch::EndsWith("Conv2D conv: expected known extents for padding same with a dilation_rate and strides "
                             "above 1, got samples (None, None, 2)"));
}

TEST_CASE("what ONNX cannot express is an Error with the whole reason") {
  const TemporaryFolder folder;
  const auto image = Input({any, 5, 2}), open = Input({4, any}), vector = Input({4});
  const auto message = [&](const SymbolicTensor& input, const SymbolicTensor& output) {
    const std::string text = error_of([&] { save_onnx(Model(input, output), folder / "a.onnx"); });
    const std::string place = "save_onnx: " + (folder / "a.onnx").string() + ": ";
    CHECK(text.starts_with(place));
    return text.substr(std::min(place.size(), text.size()));
  };
  CHECK(message(image, CenterCrop({.height = 2, .width = 2, .name = "crop"})(image)) ==
        "CenterCrop crop: expected a known height and width, got images (None, 5, 2)");
  const auto channels = Input({any, 3});
  CHECK(message(channels, GroupNormalization({.groups = 2, .axis = 1, .center = false, .scale = false, .name = "norm"})(
                              channels)) ==
        "GroupNormalization norm: expected a known number of channels, got an unknown one");
  CHECK(message(open, Activation(sparsemax, {.name = "largest"})(open)) ==
        "Activation largest: expected a known extent of the last axis for sparsemax, got an unknown one");
  CHECK(message(vector, Activation(ActivationFunction("wave", [](const Variable& x) { return x; }),
                                   {.name = "wave"})(vector)) ==
        "Activation wave: expected one of xtape's activation functions, got a custom function \"wave\"");
  const Model inner(vector, Lambda({.function = [](const Variable& x) { return x; }, .name = "mine"})(vector),
                    {.name = "inner"});
  CHECK(message(vector, inner(vector)) ==
        "inner/mine: expected a layer that ONNX can express, got a Lambda; replace it, or export the parts before and "
        "behind it");
}
