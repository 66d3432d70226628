#include "layers/graph/tensor_spec.hpp"

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

TEST_CASE("arithmetic with an unknown extent gives an unknown extent") {
  CHECK(Extent(3) + 4 == 7);
  CHECK(2 * Extent(3) - 1 == 5);
  CHECK(Extent(7) / 2 == 3);
  for (const Extent unknown : {any + 4, 4 + any, any - 1, 8 - any, 2 * any, any / 2, 8 / any, (any + 2) * 3 / 4}) {
    CHECK_FALSE(unknown.known());
    CHECK(unknown == any);
    CHECK(to_string(unknown) == "None");
  }
  CHECK(Extent(0) != any);
  CHECK(error_of([] { static_cast<void>(any.value()); }) ==
        "Extent: expected a known extent, got None; give Input this extent");
  CHECK(error_of([] { static_cast<void>(Extent(3) - 4); }) == "Extent: expected 0 or more, got -1");
  CHECK(error_of([] { static_cast<void>(Extent(3) / 0); }) == "Extent: expected a divisor above 0, got 0");
  CHECK(error_of([] { static_cast<void>(Extent(std::int64_t{1} << 62) * 4); }) ==
        "Extent: expected extents below 2^63, got 4611686018427387904 and 4");
  CHECK(error_of([] { static_cast<void>(Extent(-1)); }) == "Extent: expected 0 or more, got -1");
}

TEST_CASE("a partial shape prints None, and has a size and converts to a shape if all extents are known") {
  const PartialShape images{any, any, 3}, known{4, 5, 3};
  CHECK(to_string(images) == "(None, None, 3)");
  CHECK(batch_shape_text(images) == "(None, None, None, 3)");
  CHECK(batch_shape_text(PartialShape()) == "(None)");
  CHECK(to_string(PartialShape{any}) == "(None,)");
  CHECK(images.size() == any);
  CHECK(PartialShape{any, 0}.size() == 0);
  CHECK(known.size() == 60);
  CHECK(known == Shape{4, 5, 3});
  CHECK(Shape(known) == Shape{4, 5, 3});
  CHECK_FALSE(images == Shape{4, 5, 3});
  CHECK(images.matches(known));
  CHECK_FALSE(known.matches(images));
  CHECK_FALSE(images.matches(Shape{4, 5, 1}));
  CHECK_FALSE(images.matches(Shape{4, 3}));
  CHECK(images.replaced(0, 7).without(1) == Shape{7, 3});
  CHECK(images[-1] == 3);
  CHECK(error_of([&] { static_cast<void>(Shape(images)); }) ==
        "PartialShape: expected a shape of which all extents are known, got (None, None, 3)");
  CHECK(error_of([&] { static_cast<void>(images[3]); }) ==
        "PartialShape: expected an axis in [-3, 3), got 3 for shape (None, None, 3)");
  CHECK(to_string(TensorSpec{{any}, DType::int64}) == "int64 (None, None)");
}

TEST_CASE("Input accepts unknown extents and types, and rejects invalid samples") {
  CHECK(to_string(Input({any, any, 3}).spec()) == "(None, None, None, 3)");
  const SymbolicTensor tokens = Input({.shape = {any}, .dtype = DType::int64, .name = "tokens"});
  CHECK(tokens.dtype() == DType::int64);
  CHECK(tokens.call().layer->name() == "tokens");
  const std::int64_t width = 5;
  CHECK(Input({.shape = {any, width, 3}}).spec().shape == PartialShape{any, 5, 3});
  CHECK(Input({.shape = {width}}).spec().shape == PartialShape{5});
  CHECK(Input({.shape = Shape{4, 5}}).spec().shape == PartialShape{4, 5});
  CHECK(Input({width}).spec().shape == PartialShape{5});
  CHECK(Input(Shape{4, 5}, {.name = "x"}).call().layer->name() == "x");
  CHECK(error_of([] { Input({any, 0}); }) == "Input: expected a sample shape without zeros, got (None, 0)");
  CHECK(error_of([] { Input({.shape = {3}, .dtype = DType::float64}); }) ==
        "Input: expected float32, int64 or uint8, got float64; float32 stands for the type that the model computes in, "
        "see Model::convert()");
  CHECK(error_of([&] { Dense({.units = 2, .name = "d"})(tokens); }) ==
        "Dense d: expected floating inputs, got int64 (None, None)");
  CHECK(error_of([&] {
          Add()({Input({3}), tokens});
        }) == "Add: expected floating inputs, got (None, 3) and int64 (None, None)");
  CHECK(Flatten()(tokens).spec() == TensorSpec{{any}, DType::int64});
}

namespace {

struct SpecRow {
  std::function<std::shared_ptr<Layer>()> make;
  std::vector<PartialShape> samples;
};

template <class Handle>
std::function<std::shared_ptr<Layer>()> made(typename Handle::Options options) {
  return [options] { return std::shared_ptr<Layer>(Handle(options)); };
}

std::vector<TensorSpec> specs_of(const std::vector<PartialShape>& samples) {
  std::vector<TensorSpec> specs;
  for (const PartialShape& sample : samples) specs.push_back({sample});
  return specs;
}

}  // namespace

TEST_CASE("specs inferred from unknown extents match those inferred from known extents") {
  const std::vector<SpecRow> rows{
      {made<Conv2D>({.filters = 2, .kernel_size = {3, 2}, .strides = {2, 1}, .dilation_rate = {1, 2}}), {{9, 8, 3}}},
      {made<Conv2D>({.filters = 2, .kernel_size = 3, .strides = 2, .padding = Padding::same}), {{9, 8, 3}}},
      {made<MaxPooling2D>({.pool_size = 2}), {{9, 8, 3}}},
      {made<AveragePooling2D>({.pool_size = 3, .strides = 2, .padding = Padding::same}), {{9, 8, 3}}},
      {made<GlobalAveragePooling2D>({}), {{9, 8, 3}}},
      {made<GlobalMaxPooling2D>({}), {{9, 8, 3}}},
      {made<ZeroPadding2D>({.padding = {1, 2, 3, 4}}), {{9, 8, 3}}},
      {made<Dense>({.units = 5}), {{4, 6}}},
      {made<BatchNormalization>({}), {{4, 6}}},
      {made<Normalization>({}), {{4, 6}}},
      {made<Dropout>({.rate = 0.5}), {{4, 6}}},
      {made<Softmax>({.axis = 1}), {{4, 6}}},
      {made<Flatten>({}), {{4, 6}}},
      {made<Reshape>({.target_shape = {-1, 8}}), {{4, 6}}},
      {made<Reshape>({.target_shape = {3, 8}}), {{4, 6}}},
      {made<LayerHandle<ActivationLayer>>({.function = ActivationFunction(relu)}), {{4, 6}}},
      {made<Add>({}), {{4, 6}, {4, 6}}},
      {made<Subtract>({}), {{4, 6}, {4, 6}}},
      {made<Multiply>({}), {{4, 6}, {4, 6}, {4, 6}}},
      {made<Concatenate>({.axis = 1}), {{4, 6}, {3, 6}}},
      {made<Concatenate>({}), {{4, 6}, {4, 2}}},
  };
  std::size_t inferred = 0;
  for (const SpecRow& row : rows) {
    const auto layer = row.make();
    INFO(layer->type());
    const PartialShape whole = layer->output_specs(specs_of(row.samples)).front().shape;
    CHECK(whole.known());
    const int axes = row.samples.front().rank();
    for (unsigned hidden = 1; hidden < 1U << axes; ++hidden) {
      for (std::size_t which = 0; which < row.samples.size(); ++which) {  // of one input, or of all
        std::vector<PartialShape> samples = row.samples;
        for (int axis = 0; axis < axes; ++axis) {
          for (std::size_t i = 0; i < samples.size(); ++i) {
            if ((hidden >> axis & 1U) != 0 && (i == which || which == 0)) samples[i] = samples[i].replaced(axis, any);
          }
        }
        const PartialShape partial = layer->output_specs(specs_of(samples)).front().shape;
        INFO(to_string(specs_of(samples)) << " -> " << to_string(partial) << ", whole " << to_string(whole));
        CHECK(partial.matches(whole));
        ++inferred;
      }
    }
  }
  CHECK(inferred > 80);
  const auto image = Input({any, 8, 3});
  CHECK(to_string(Conv2D({.filters = 4, .kernel_size = 3})(image).shape()) == "(None, 6, 4)");
  CHECK(to_string(MaxPooling2D()(image).shape()) == "(None, 4, 3)");
  CHECK(Flatten()(image).shape() == PartialShape{any});
  CHECK(Add()({image, Input({5, any, 3})}).shape() ==
        Shape{5, 8, 3});  // each has an extent that is unknown in the other
}

TEST_CASE("a parameter never depends on an unknown extent") {
  CHECK(error_of([] {
          Dense({.units = 2, .name = "d"})(Input({4, any}));
        }) == "Dense d: expected inputs that give axis 0 of its kernel (None, 2) an extent, got (None, 4, None)");
  CHECK(error_of([] {
          Conv2D({.filters = 8, .kernel_size = 3, .name = "c"})(Input({5, 5, any}));
        }) ==
        "Conv2D c: expected inputs that give axis 2 of its kernel (3, 3, None, 8) an extent, got (None, 5, 5, None)");
  CHECK(error_of([] { BatchNormalization()(Input({any})); }) ==
        "BatchNormalization: expected inputs that give axis 0 of its gamma (None,) an extent, got (None, None)");
  CHECK(error_of([] {
          Dense({.units = 2})(Flatten()(Input({any, 3})));
        }) == "Dense: expected inputs that give axis 0 of its kernel (None, 2) an extent, got (None, None)");
}

TEST_CASE("invalid inputs are rejected, with None for unknown extents in the message") {
  CHECK(error_of([] {
          Add({.name = "sum"})({Input({any, 3}), Input({any, 4})});
        }) == "Add sum: expected inputs of equal extents, or 1, got (None, None, 3) and (None, None, 4)");
  CHECK(error_of([] {
          Conv2D({.filters = 1, .kernel_size = 5})(Input({any, 4, 1}));
        }) ==
        "Conv2D: expected images at least as large as the window, 5 x 5 taps dilated by 1 x 1, got (None, None, 4, 1); "
        "use Padding::same or larger images");
  CHECK(error_of([] {
          Subtract()({Input({3}), Input({3}), Input({3})});
        }) == "Subtract: expected two inputs, got (None, 3) and (None, 3) and (None, 3)");
}

TEST_CASE("activations are recognized by their type in code and by their name in a file") {
  CHECK(ActivationFunction(relu) == relu);
  CHECK(ActivationFunction(tanh) == ActivationFunction(tanh));
  CHECK_FALSE(ActivationFunction(relu) == sigmoid);
  const ActivationFunction wrapped([](const Variable&x) { return relu(x); }), renamed("relu", relu);
  CHECK(wrapped.name() == "custom");
  CHECK(ActivationFunction(exp).name() == "custom");  // an overloaded function
  CHECK(ActivationFunction(exp)(Tensor::zeros({2})).value().to_vector() == std::vector<double>{1, 1});
  CHECK_FALSE(wrapped == relu);
  CHECK_FALSE(wrapped == wrapped);  // a custom function equals no function
  CHECK_FALSE(renamed == relu);
  CHECK(error_of([&] { to_config(renamed); }) ==
        "expected an activation function of xtape's, got relu; make it a layer, which a file can name");
  for (const ActivationFunction& function : {ActivationFunction(linear),       ActivationFunction(relu),
                                             ActivationFunction(sigmoid),      ActivationFunction(tanh),
                                             ActivationFunction(softplus),     ActivationFunction(gelu),
                                             ActivationFunction(elu),          ActivationFunction(leaky_relu),
                                             ActivationFunction(softmax),      ActivationFunction(log_softmax),
                                             ActivationFunction(swish),        ActivationFunction(mish),
                                             ActivationFunction(gelu_tanh),    ActivationFunction(celu),
                                             ActivationFunction(selu),         ActivationFunction(softsign),
                                             ActivationFunction(squareplus),   ActivationFunction(exponential),
                                             ActivationFunction(log_sigmoid),  ActivationFunction(tanh_shrink),
                                             ActivationFunction(sparse_plus),  ActivationFunction(relu6),
                                             ActivationFunction(hard_sigmoid), ActivationFunction(hard_swish),
                                             ActivationFunction(hard_tanh),    ActivationFunction(hard_shrink),
                                             ActivationFunction(soft_shrink),  ActivationFunction(sparse_sigmoid),
                                             ActivationFunction(sparsemax)}) {
    ActivationFunction read;
    from_config(to_config(function), read);
    CHECK(read == function);
    const Variable x = Tensor::of({1, 3}, {-1, 0.5, 2});
    CHECK(identical(read(x).value(), function(x).value()));
  }
}
