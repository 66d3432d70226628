// Fine-tuning: a network that was trained on five kinds of clothes learns to classify five other kinds from few images.
// First a new output layer is trained on top of frozen layers, then all layers are trained with a low learning rate.
#include "examples/program.hpp"
using namespace xtape;

/// The images of classes [first, first + 5), at most `most` of them, labelled from 0.
Dataset classes_from(const Dataset& data, std::int64_t first, std::size_t most) {
  const std::int64_t* labels = data.target().data<std::int64_t>();
  std::vector<std::int64_t> rows, classes;
  for (std::int64_t i = 0; i < data.size() && rows.size() < most; ++i) {
    if (labels[i] < first || labels[i] >= first + 5) continue;
    rows.push_back(i);
    classes.push_back(labels[i] - first);
  }
  return {data.subset(rows).input(), Tensor::labels(classes), 5};
}

/// Trains a small network on the first five classes and saves it to a file.
void pretrain(const Dataset& data, const std::filesystem::path& path) {
  const auto input = Input({28, 28, 1});
  auto x = Conv2D({.filters = 16, .kernel_size = 3, .activation = relu, .name = "conv1"})(input);
  x = MaxPooling2D()(x);
  x = Conv2D({.filters = 32, .kernel_size = 3, .activation = relu, .name = "conv2"})(x);
  x = Dense({.units = 64, .activation = relu, .name = "features"})(Flatten()(MaxPooling2D()(x)));
  Model model(input, Dense({.units = 5, .name = "logits"})(x), {.name = "clothes", .seed = 1});
  Adam adam(model.parameters(), {.learning_rate = 1e-3});
  fit(model, adam, data, {.epochs = 2, .batch_size = 64});
  save_model(model, path);
}

int main(int argc, char** argv) {
  const std::string about = "Trains, saves, cuts and fine-tunes a network (Debian's package dataset-fashion-mnist)";
  return run_example(argc, argv, about, [](bool quick) {
    const auto [train, test] = load_fashion_mnist();
    pretrain(classes_from(train, 0, quick ? 3000 : 20000), "clothes.safetensors");

    // the file contains the whole network; the layers up to "features" are reused
    const Model base = load_model("clothes.safetensors");
    base.set_trainable(false);
    const auto logits =
        Dense({.units = 5, .kernel_regularizer = l2(1e-4), .name = "new_logits"})(base.layer_output("features"));
    Model model(base.inputs(), logits, {.name = "other_clothes", .seed = 2});
    fmt::print("\n{}\n", model.summary());

    const Dataset few = classes_from(train, 5, 1000), judge = classes_from(test, 5, quick ? 1000 : 5000);
    Adam head(model.parameters(), {.learning_rate = 3e-3});  // changes the trainable parameters: the new output layer
    fit(model, head, few, {.epochs = quick ? 4 : 8, .batch_size = 32});
    const double frozen = evaluate(model, judge)["accuracy"];

    model.set_trainable(true);
    Adam all(model.parameters(), {.learning_rate = 3e-4});
    fit(model, all, few, {.epochs = quick ? 3 : 6, .batch_size = 32});
    const double tuned = evaluate(model, judge)["accuracy"];
    fmt::print("accuracy on the new classes: {:.3f} with the old layers frozen, {:.3f} after fine-tuning\n", frozen,
               tuned);
    return quick ? tuned > frozen && tuned > 0.8 : frozen > 0.75 && tuned > 0.9;
  });
}
