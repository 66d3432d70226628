// Autoencoder: pictures of clothes are reduced to 16 numbers, from which they are restored.
#include "examples/program.hpp"
using namespace xtape;

/// The models that encode pictures (n, 28, 28, 1) to codes (n, 16), and decode codes to pictures.
struct Autoencoder {
  Model encoder, decoder, both;
};

Autoencoder make_autoencoder() {
  const auto picture = Input({28, 28, 1}), code = Input({16});
  auto x =
      Conv2D({.filters = 16, .kernel_size = 3, .strides = 2, .padding = Padding::same, .activation = relu})(picture);
  x = Conv2D({.filters = 32, .kernel_size = 3, .strides = 2, .padding = Padding::same, .activation = relu})(x);
  const Model encoder(picture, Dense({.units = 16})(Flatten()(x)), {.name = "encoder", .seed = 1});
  x = Reshape({.target_shape = {7, 7, 32}})(Dense({.units = 7 * 7 * 32, .activation = relu})(code));
  x = Conv2D({.filters = 32, .kernel_size = 3, .padding = Padding::same, .activation = relu})(UpSampling2D()(x));
  x = Conv2D({.filters = 16, .kernel_size = 3, .padding = Padding::same, .activation = relu})(UpSampling2D()(x));
  x = Conv2D({.filters = 1, .kernel_size = 3, .padding = Padding::same, .activation = sigmoid})(x);
  const Model decoder(code, x, {.name = "decoder", .seed = 2});
  return {encoder, decoder, Model(picture, decoder(encoder(picture)), {.name = "autoencoder"})};
}

int main(int argc, char** argv) {
  const std::string about = "Trains an autoencoder and writes autoencoder.png (Debian's package dataset-fashion-mnist)";
  return run_example(argc, argv, about, [](bool quick) {
    auto [clothes, unseen] = load_fashion_mnist();
    if (quick) clothes = clothes.rows(0, 4800), unseen = unseen.rows(0, 1000);
    const auto restored = [](const Dataset& data) {  // a data set whose targets are its inputs
      const Tensor pictures = Tensor(data.input().to(DType::float32) / 255.0);
      return Dataset({pictures}, {{.values = pictures}});
    };
    const Dataset train = restored(clothes), test = restored(unseen);
    auto [encoder, decoder, model] = make_autoencoder();
    fmt::print("{}\n", model.summary());

    // the upper row of the picture has the originals, each row below them what an epoch restores
    const Tensor shown = test.input().rows(0, 12);
    std::vector<Tensor> rows{shown};
    const int epochs = quick ? 3 : 8;
    Adam adam(model.parameters(), {.learning_rate = schedule::cosine(3e-3, epochs * train.size() / 64)});
    for (int epoch = 1; epoch <= epochs; ++epoch) {
      fit(model, adam, train,
          {.epochs = epoch, .batch_size = 64, .loss = loss::mean_squared_error(), .initial_epoch = epoch - 1});
      rows.push_back(predict(model, shown));
    }
    write_gallery("autoencoder.png", rows);

    const double error = evaluate(model, test, {.loss = loss::mean_squared_error()})["loss"];
    const double variance = mean(square(test.input() - mean(test.input(), {0}))).value().item();
    fmt::print("mean squared error {:.4f}, {:.0f} % of the variance of the pictures; see autoencoder.png\n", error,
               100 * error / variance);
    return error < (quick ? 0.5 : 0.2) * variance;
  });
}
