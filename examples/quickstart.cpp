// Quickstart: a small network that learns Fashion-MNIST. The README shows the part from Input to evaluate().
#include <CLI/CLI.hpp>
#include <iostream>
#include <xtape/xtape.hpp>
using namespace xtape;

int main(int argc, char** argv) try {
  bool quick = false;
  CLI::App app("Trains a small network on Fashion-MNIST (Debian's package dataset-fashion-mnist)");
  app.add_flag("--quick", quick, "A few steps only, as a test");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  auto [train, test] = load_fashion_mnist();
  if (quick) train = train.rows(0, 3200), test = test.rows(0, 500);

  const auto input = Input({28, 28, 1});
  auto x = Conv2D({.filters = 16, .kernel_size = 3, .padding = Padding::same, .activation = relu})(input);
  x = MaxPooling2D()(x);
  x = Conv2D({.filters = 32, .kernel_size = 3, .padding = Padding::same, .activation = relu})(x);
  x = Flatten()(MaxPooling2D()(x));
  const auto logits = Dense({.units = 10})(x);

  Model model(input, logits, {.name = "quickstart", .seed = 1});
  fmt::print("{}\n", model.summary());

  Adam adam(model.parameters(), {.learning_rate = 1e-3});
  fit(model, adam, train, {.epochs = 2, .batch_size = 64, .validation = test});

  const Figures figures = evaluate(model, test);
  fmt::print("test: loss {:.4f}, accuracy {:.4f}\n", figures["loss"], figures["accuracy"]);
  return figures["accuracy"] > (quick ? 0.6 : 0.85) ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
