// Inference stores packed kernels with the parameters, and updates them after every kind of write.
#include <functional>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/files/weights.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"
#include "training/checkpoint/checkpoint.hpp"
#include "training/fit.hpp"

namespace xtape {
namespace {

Model network() {
  const auto input = Input({6, 6, 16});
  const auto x = Conv2D({.filters = 20, .activation = relu, .name = "conv"})(input);
  return {input, Dense({.units = 3})(Flatten()(x)), {.seed = 3}};
}

Tensor infer(const Model& model, const Tensor& images, bool keep) {
  ForwardPass pass(Mode::inference, {.keep_derived = keep});
  return model(images.to(model.dtype()), pass).value();
}

/// Whether a packed kernel exists: it refers to the values.
bool is_packed(const Model& model) { return !model.parameters()[0].value().sole_owner(); }

}  // namespace

TEST_CASE("inference packs a kernel once; training and recalibration do not pack it") {
  Model model = network();
  const Tensor images = RandomStream(1).normal({1, 6, 6, 16});
  infer(model, images, false);
  CHECK_FALSE(is_packed(model));
  for (const Mode mode : {Mode::training, Mode::recalibration}) {
    {
      ForwardPass pass(mode);
      model(images, pass);
    }
    CHECK_FALSE(is_packed(model));
  }
  const Tensor first = infer(model, images, true);
  CHECK(is_packed(model));
  const auto packed = model.parameters()[0].derived<PackedKernel>();
  CHECK(identical(infer(model, images, true), first));
  CHECK(model.parameters()[0].derived<PackedKernel>() == packed);
  CHECK(identical(infer(model, images, false), first));
  predict(model, images);
  CHECK(model.parameters()[0].derived<PackedKernel>() == packed);
  evaluate(model, Dataset(images, Tensor::labels({0}), 3));
  CHECK(model.parameters()[0].derived<PackedKernel>() == packed);
}

TEST_CASE("packed kernels are updated after every kind of write to the weights") {
  const test::TemporaryFolder folder;
  const Tensor images = RandomStream(1).normal({8, 6, 6, 16});
  const Dataset data(images, Tensor::labels({0, 1, 2, 0, 1, 2, 0, 1}), 3);
  Model model = network();
  save_weights(network(), folder / "initial.safetensors");
  SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const Checkpoint checkpoint({.folder = folder / "run"});
  const auto loss = [&](ForwardPass& pass) { return softmax_cross_entropy(model(images, pass), data.target()); };
  const Parameter kernel = model.parameters()[0];
  const std::vector<std::pair<std::string, std::function<void()>>> ways{
      {"set_value", [&] { kernel.set_value((Variable(kernel.value()) * 1.5).value()); }},
      {"modify", [&] { kernel.modify([](Tensor& value) { value.mutable_data<float>()[5] += 1; }); }},
      {"step",
       [&] {
         ForwardPass pass(Mode::training);
         sgd.step(pass.backward(loss(pass)));
       }},
      {"minimize",
       [&] {
         ForwardPass pass(Mode::training);
         sgd.minimize(loss(pass), pass);
       }},
      {"a pass's update",
       [&] {
         ForwardPass pass(Mode::training);
         pass.update(kernel, [](const Tensor& old) { return (Variable(old) * 0.5).value(); });
         pass.commit();
       }},
      {"fit", [&] { fit(model, sgd, data, {.callbacks = {checkpoint}, .show_progress = false}); }},
      {"load_weights", [&] { load_weights(model, folder / "initial.safetensors"); }},
      {"a checkpoint",
       [&] {
         Model again = network();
         SGD fresh(again.parameters(), {.learning_rate = 0.1});
         infer(again, images, true);
         fit(again, fresh, data, {.callbacks = {checkpoint}, .resume = folder / "run", .show_progress = false});
         CHECK(identical(infer(again, images, true), infer(again, images, false)));
         CHECK_FALSE(identical(infer(again, images, true), infer(network(), images, false)));
         kernel.set_value(again.parameters()[0].value());
       }},
      {"convert", [&] { model.convert(DType::float64); }}};
  for (const auto& [name, change] : ways) {
    INFO(name);
    const Tensor before = infer(model, images, true);
    CHECK(is_packed(model));
    change();
    CHECK(identical(infer(model, images, true), infer(model, images, false)));
    CHECK_FALSE(identical(infer(model, images, true), before));
  }
}

}  // namespace xtape
