// A generative adversarial network (Goodfellow et al., NeurIPS 2014) draws new pictures of clothes. Two networks are
// trained by two optimizers: the discriminator distinguishes real pictures from generated ones, the generator learns to
// make that fail.
#include "examples/program.hpp"
using namespace xtape;

constexpr std::int64_t batch_size = 64, code_size = 64;

/// Pictures (n, 28, 28, 1) in [-1, 1] from random numbers (n, 64), as in DCGAN (Radford, Metz, Chintala, ICLR 2016).
Model make_generator() {
  const auto code = Input({code_size});
  auto x = Dense({.units = 7 * 7 * 64, .use_bias = false})(code);
  x = Activation(relu)(BatchNormalization({.momentum = 0.9})(Reshape({.target_shape = {7, 7, 64}})(x)));
  x = Conv2D({.filters = 32, .kernel_size = 5, .padding = Padding::same, .use_bias = false})(UpSampling2D()(x));
  x = Activation(relu)(BatchNormalization({.momentum = 0.9})(x));
  x = Conv2D({.filters = 1, .kernel_size = 5, .padding = Padding::same, .activation = tanh})(UpSampling2D()(x));
  return Model(code, x, {.name = "generator", .seed = 1});
}

/// Logits (n, 1): whether pictures are real.
Model make_discriminator() {
  const auto picture = Input({28, 28, 1});
  auto x = Conv2D({.filters = 32, .kernel_size = 5, .strides = 2, .padding = Padding::same})(picture);
  x = Dropout({.rate = 0.3})(LeakyReLU({.negative_slope = 0.2})(x));
  x = Conv2D({.filters = 64, .kernel_size = 5, .strides = 2, .padding = Padding::same})(x);
  x = Dropout({.rate = 0.3})(LeakyReLU({.negative_slope = 0.2})(x));
  return Model(picture, Dense({.units = 1})(Flatten()(x)), {.name = "discriminator", .seed = 2});
}

int main(int argc, char** argv) {
  const std::string about =
      "Trains two networks against each other and writes gan.png (Debian's dataset-fashion-mnist)";
  return run_example(argc, argv, about, [](bool quick) {
    Dataset clothes = load_fashion_mnist().train;
    if (quick) clothes = clothes.rows(0, 1600);
    const Tensor pictures = Tensor(clothes.input().to(DType::float32) / 127.5 - 1.0);
    const Model generator = make_generator(), discriminator = make_discriminator();
    Adam generator_adam(generator.parameters(), {.learning_rate = 1e-3, .beta1 = 0.5});
    Adam discriminator_adam(discriminator.parameters(), {.learning_rate = 5e-4, .beta1 = 0.5});

    const Tensor shown = RandomStream(3).normal({12, code_size});
    std::vector<Tensor> rows;
    RandomStream codes(4);
    std::uint64_t step = 0;
    const auto variance = [](const Tensor& of) { return mean(square(of - mean(of, {0}))).value().item(); };
    const double real_variance = variance(pictures);
    double spread = 0;
    for (int epoch = 1; epoch <= (quick ? 3 : 10); ++epoch) {
      const Tensor order =
          Tensor::labels(RandomStream(5, static_cast<std::uint64_t>(epoch)).permutation(clothes.size()));
      double fooled = 0, found = 0;
      const std::int64_t batches = clothes.size() / batch_size;
      for (std::int64_t batch = 0; batch < batches; ++batch) {
        const Tensor real = take(pictures, order.rows(batch * batch_size, (batch + 1) * batch_size), 0).value();
        const Tensor ones = Tensor::ones({batch_size, 1}), zeros = Tensor::zeros({batch_size, 1});
        {  // the discriminator: real pictures are 1, generated ones 0
          ForwardPass pass(Mode::training, {.step = ++step});
          const Variable drawn = generator(codes.normal({batch_size, code_size}), pass).detached();
          const Variable loss = (sigmoid_cross_entropy(discriminator(real, pass), ones) +
                                 sigmoid_cross_entropy(discriminator(drawn, pass), zeros)) /
                                2.0;
          discriminator_adam.minimize(loss, pass);
          found += loss.value().item();
        }
        // the generator: the discriminator is to call its pictures real
        ForwardPass pass(Mode::training, {.step = ++step});
        const Variable drawn = generator(codes.normal({batch_size, code_size}), pass);
        const Variable loss = sigmoid_cross_entropy(discriminator(drawn, pass), ones);
        generator_adam.minimize(loss, pass);
        fooled += loss.value().item();
      }
      const Tensor now = predict(generator, shown);
      rows.push_back(Tensor(now * 0.5 + 0.5));
      spread = variance(now) / real_variance;
      const auto per_batch = static_cast<double>(batches);
      fmt::print(
          "epoch {}: loss of the discriminator {:.3f}, of the generator {:.3f}; variance {:.2f} of the real one\n",
          epoch, found / per_batch, fooled / per_batch, spread);
      write_gallery("gan.png", rows);
    }
    // Neither network has won, and the pictures differ from each other as real ones do.
    return spread > (quick ? 0.02 : 0.4) && spread < 2;
  });
}
