// Convolutions with amounts of padding in files of Keras, which has ZeroPadding layers instead.
#include "models/files/keras/keras_padding.hpp"

#include "layers/layers.hpp"
#include "models/files/keras/keras_model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

constexpr const char* keras_files[] = {"m.keras", "m.h5"};

/// The output for two random samples in float64.
Tensor random_output(const Model& model) {
  ForwardPass pass(Mode::inference);
  return model(RandomStream(3).uniform(Shape(model.input_shape().prepended(2))).to(DType::float64), pass).value();
}

/// Saves the model and checks the model that is read.
Model saved_and_read(const Model& model, const std::string& file) {
  const test::TemporaryFolder folder;
  save_keras_model(model, folder / file);
  const Model again = load_keras_model(folder / file);
  CHECK(again.named_parameters().size() == model.named_parameters().size());
  for (const auto& [path, parameter] : model.named_parameters()) {
    INFO(path);
    CHECK(identical(again.parameter(path).value(), parameter.value()));
  }
  CHECK(test::largest_difference(random_output(again), random_output(model)) < 1e-12);
  return again;
}

/// A model of one layer, in float64.
template <class Handle>
Model model_of(const Shape& sample, const typename Handle::Options& options) {
  const SymbolicTensor x = Input(sample);
  Model model(x, Handle(options)(x), {.seed = 2});
  model.convert(DType::float64);
  return model;
}

}  // namespace

TEST_CASE("every convolution with amounts of padding is written behind a ZeroPadding layer") {
  const std::vector<Model> models{
      model_of<Conv1D>({7, 2}, {.filters = 3, .kernel_size = 3, .strides = 2, .padding = {2, 1}, .name = "c"}),
      model_of<Conv2D>({5, 6, 2}, {.filters = 3, .kernel_size = 3, .padding = {1, 0, 2, 1}, .name = "c"}),
      model_of<Conv3D>({4, 3, 5, 2}, {.filters = 2, .kernel_size = 2, .padding = {1, 2, 0, 1, 2, 0}, .name = "c"}),
      model_of<DepthwiseConv1D>({7, 2}, {.kernel_size = 3, .padding = {2, 1}, .dilation_rate = 2, .name = "c"}),
      model_of<DepthwiseConv2D>({5, 6, 2}, {.kernel_size = 2, .strides = 2, .padding = {1, 0, 2, 1}, .name = "c"}),
      model_of<SeparableConv1D>({7, 2}, {.filters = 3, .kernel_size = 3, .padding = {2, 1}, .name = "c"}),
      model_of<SeparableConv2D>({5, 6, 2}, {.filters = 3, .kernel_size = 2, .padding = {1, 0, 2, 1}, .name = "c"})};
  for (const Model& model : models) {
    const std::string type = model.layer("c").type();
    INFO(type);
    for (const char* file : keras_files) {
      const Model again = saved_and_read(model, file);
      CHECK(again.layer("c").type() == type);
      CHECK(again.layer("c_padding").type() == "ZeroPadding" + type.substr(type.size() - 2));
    }
  }
}

TEST_CASE("weights are numbered as in Keras if the padding layers change the order of the layers") {
  const SymbolicTensor x = Input({4, 4, 2});
  const auto conv = [](const std::string& name, const Padding& padding) {
    return Conv2D({.filters = 2, .kernel_size = 3, .padding = padding, .name = name});
  };
  // without the padding layer, q and p are equally far from the output, and q comes first
  const auto padded = conv("a", {1, 1, 1, 1})(conv("p", Padding::same)(x));
  const auto other = conv("b", Padding::same)(conv("q", Padding::same)(x));
  Model model(x, Add()({other, padded}), {.seed = 4});
  model.convert(DType::float64);
  for (const char* file : keras_files) saved_and_read(model, file);
}

TEST_CASE("a padded convolution may be called twice, be frozen, lie in a model, and have neighbours of any name") {
  const SymbolicTensor x = Input({4, 4, 2}), inside = Input({4, 4, 2});
  Conv2D shared({.filters = 2, .kernel_size = 3, .padding = {1, 1, 1, 1}, .name = "c"});
  shared.definition()->set_trainable(false);
  const Model inner(inside, shared(shared(inside)), {.name = "inner"});
  const auto padding = ZeroPadding2D({.padding = {1, 1, 1, 1}, .name = "c_padding"})(inner(x));
  const auto y = Conv2D({.filters = 3, .kernel_size = 2, .padding = {0, 1, 0, 0}, .name = "c"})(padding);
  Model model(x, y, {.seed = 1});
  model.convert(DType::float64);
  for (const char* file : keras_files) {
    const Model again = saved_and_read(model, file);
    CHECK_FALSE(again.parameter("inner/c/kernel").trainable());
    CHECK(again.parameter("c/kernel").trainable());
    CHECK(again.layer("inner/c_padding").type() == "ZeroPadding2D");
    CHECK(again.layer("c_padding_1").type() == "ZeroPadding2D");
  }
}

TEST_CASE("a padded convolution may be in front of a layer of several outputs, and its layer gets a free name") {
  const SymbolicTensor x = Input({4, 4, 2}), inside = Input({4, 4, 2});
  const Model parts({inside}, {Activation(relu)(inside), Activation(tanh)(inside)}, {.name = "parts"});
  auto y = Conv2D({.filters = 2, .kernel_size = 3, .padding = {1, 1, 1, 1}, .name = "c"})(x);
  for (const char* name : {"c_padding", "c_padding_1", "c_padding_1_1"}) y = Activation(sigmoid, {.name = name})(y);
  const std::vector<SymbolicTensor> both = parts.call({y});
  Model model(x, Subtract()({both[1], both[0]}), {.seed = 3});
  model.convert(DType::float64);
  for (const char* file : keras_files) {
    CHECK(saved_and_read(model, file).layer("c_padding_1_1_1").type() == "ZeroPadding2D");
  }
}

TEST_CASE("a layer that Keras lacks is named, not the convolution in front of it") {
  const SymbolicTensor x = Input({4, 4, 2});
  const auto y = Conv2D({.filters = 4, .kernel_size = 3, .padding = {1, 1, 1, 1}})(x);
  const Model model(x, DepthToSpace({.block_size = 2, .name = "shuffle"})(y));
  const test::TemporaryFolder folder;
  CHECK_THAT(
      test::error_of([&] { save_keras_model(model, folder / "m.keras"); }),
      Catch::Contains(": layer shuffle of class DepthToSpace: expected a layer that Keras has, got one that it lacks"));
}

TEST_CASE("a model without such convolutions is written as it is") {
  const SymbolicTensor x = Input({4, 4, 2});
  const Model model(x, Conv2D({.filters = 2, .kernel_size = 3, .padding = Padding::same})(x));
  CHECK(with_padding_layers(model).all_layers() == model.all_layers());
}
